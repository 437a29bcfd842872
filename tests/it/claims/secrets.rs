//! The token of a link is in its URL and nowhere else: in no log, no event, no metric, and nowhere plain in the database.

use std::process::Stdio;

use purser::api::{self, claim_service_client::ClaimServiceClient};

use super::desk::{claim, http, submit, token_of};
use crate::harness::{Bearer, Database, connect, customers, on_each_database};
use crate::lifecycle::migrated;
use crate::process::{Process, purser, serving};
use crate::rows::dump_all;
use crate::wallets_wire::new_customer;
use crate::wire::Client;

on_each_database!(Database:
    no_token_is_told_or_kept_plain_and_a_rotation_seals_it_anew,
    whoever_does_not_say_where_people_open_links_is_warned,
);

/// What is logged where `--public-url` is missing.
const UNNAMED: &str = "payment claim links begin with where this instance listens";

async fn whoever_does_not_say_where_people_open_links_is_warned(database: Database) {
    migrated(&database).await;
    let path = database.folder().join("log");
    let mut command = serving(database.folder(), &database.url);
    command.args(["--drain-delay", "0s"]).stderr(Stdio::from(std::fs::File::create(&path).unwrap()));
    let mut process = Process::start(command).await;
    process.terminate();
    process.child.wait().await.unwrap();
    let log = std::fs::read_to_string(&path).unwrap();
    let warnings: Vec<_> = log.lines().filter(|it| it.contains(UNNAMED)).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("WARN"), "{log}");
}

/// Sabotage: log the token in `App::open_claim_link`; or put `text` instead of its hash into `ClaimToken::key`; or leave
/// `ClaimTokens` out of what `purser keys rotate` seals.
async fn no_token_is_told_or_kept_plain_and_a_rotation_seals_it_anew(database: Database) {
    let key = migrated(&database).await;
    let (folder, path) = (database.folder(), database.folder().join("log"));
    let log = std::fs::File::create(&path).unwrap();
    let mut command = serving(folder, &database.url);
    command.args(["--drain-delay", "0s", "--public-url", "https://pay.example/p/"]);
    command.env("PURSER_LOG", "trace,sqlx=trace").stderr(Stdio::from(log.try_clone().unwrap()));
    let mut process = Process::start(command).await;
    let channel = connect(process.grpc).await;
    let customer = new_customer(&mut Client(customers(channel.clone(), &key))).await;
    let mut claims = ClaimServiceClient::with_interceptor(channel.clone(), Bearer::new(&key));
    let request = api::CreatePaymentClaimLinkRequest {
        customer_id: customer,
        max_uses: 3,
        request_id: "once".to_owned(),
        ..Default::default()
    };
    let made = claims.create_payment_claim_link(request.clone()).await.unwrap().into_inner();
    let link = made.payment_claim_link.clone().unwrap();
    assert!(link.url.starts_with("https://pay.example/p/claim/"), "{}", link.url);
    let token = token_of(&link);
    submit(channel.clone(), api::SubmitClaimRequest { network: "sepolia".to_owned(), ..claim(&token, 1) })
        .await
        .unwrap();
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    for (method, headers, body) in [("GET", "", ""), ("POST", form, "network=sepolia"), ("PUT", "", "")] {
        http(process.http, &format!("{method} /claim/{token}"), headers, body).await;
    }
    let mut rotate = purser(folder, &["keys", "rotate", "--database-url", &database.url]);
    let rotate =
        rotate.env("PURSER_MASTER_KEY_FILE", folder.join("purser-master.key")).output().await.unwrap();
    assert!(String::from_utf8_lossy(&rotate.stdout).contains("1 claim tokens"), "{rotate:?}");
    // It is still shown, byte for byte.
    assert_eq!(claims.create_payment_claim_link(request).await.unwrap().into_inner(), made);
    let (_, metrics) = http(process.http, "GET /metrics", "", "").await;
    let mut events =
        api::event_service_client::EventServiceClient::with_interceptor(channel, Bearer::new(&key));
    let events = events.list_events(api::ListEventsRequest::default()).await.unwrap().into_inner();
    assert!(events.events.iter().any(|it| it.r#type == "claim_link.used"));
    process.terminate();
    process.child.wait().await.unwrap();
    let log = std::fs::read_to_string(&path).unwrap();
    assert!(log.len() > 10_000, "it was logged at all");
    assert!(!log.contains(UNNAMED), "where people open links is named");
    let kept = dump_all(&database).await;
    for (what, said) in [
        ("the log", log),
        ("the metrics", metrics),
        ("events", format!("{events:?}")),
        ("the database", kept),
    ] {
        assert!(!said.contains(&token) && !said.contains(&token[..16]), "{what} has the token");
        assert!(!said.contains(&hex::encode(&token)), "{what} has the token");
    }
}
