//! The overview of a customer: everything beside them, exact, and as of one moment.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::billing_wire::{KINDS, but};
use crate::harness::{Database, TestServer, connect, on_each_database};
use crate::process::{Process, serving};
use crate::raw::Raw;
use crate::wallets_wire::{Keeper, Purse, new_customer};
use crate::wire::Client;

on_each_database!(Purse:
    who_has_nothing_is_shown_with_nothing,
    the_last_fifty_are_shown_and_all_are_counted,
    wallets_are_shown_with_their_networks_and_at_most_a_hundred,
    all_three_scopes_are_needed,
    counts_and_what_is_shown_agree_while_upserts_run,
    other_counters_of_a_customer_are_not_shown,
);

mod queries {
    use super::*;

    on_each_database!(Database: an_overview_takes_as_many_queries_whatever_there_is);
}

async fn overview(keeper: &Keeper, customer: &str) -> Value {
    keeper.say("GetCustomerOverview", &json!({"customer_id": customer})).await
}

async fn who_has_nothing_is_shown_with_nothing(mut it: Purse) {
    let customer = it.customer().await;
    let shown = overview(&it.keeper, &customer).await;
    let keys: BTreeSet<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["customer", "domain"]));
    assert_eq!(shown["customer"], it.keeper.say("GetCustomer", &json!({"id": customer})).await["customer"]);
    assert_eq!(shown["domain"]["name"], "acme");
    it.acme.client.delete(&customer).await.unwrap();
    assert_eq!(overview(&it.keeper, &customer).await["customer"]["status"], "CUSTOMER_STATUS_DELETED");
}

async fn the_last_fifty_are_shown_and_all_are_counted(mut it: Purse) {
    let (customer, other) = (it.customer().await, it.customer().await);
    for (kind, count) in KINDS.iter().zip([53, 51, 2]) {
        for n in 0..count {
            // The newest are told of first.
            let time = format!("2026-01-01T00:{:02}:00Z", 59 - n);
            let record = but(kind.of(&customer, &n.to_string()), &json!({"create_time": time}));
            it.keeper.upsert(kind, &record).await;
        }
        it.keeper.upsert(kind, &kind.of(&other, "other")).await;
    }
    let shown = overview(&it.keeper, &customer).await;
    for kind in &KINDS[..2] {
        let listed = it.keeper.pages(kind, &json!({"customer_id": customer}), 100).await;
        assert_eq!(shown[kind.nouns].as_array().unwrap(), &listed[..50]);
    }
    assert!(shown.get("subscriptions").is_none());
    let counts = KINDS.iter().map(|it| shown[it.count].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(counts, ["53", "51", "2"]);
    // What is told again counts once.
    it.keeper.upsert(&KINDS[0], &but(KINDS[0].of(&customer, "0"), &json!({"status": "PAID"}))).await;
    let shown = overview(&it.keeper, &customer).await;
    assert_eq!(
        (&shown["payment_intent_count"], &shown["payment_intents"][0]["status"]),
        (&json!("53"), &json!("PAID"))
    );
    let both = [customer.parse().unwrap(), other.parse().unwrap()];
    let counted = it.acme.server.app.store().billing_counts(&both).await.unwrap();
    let of = |id: &str| {
        let it = counted[&id.parse().unwrap()];
        (it.payment_intents, it.invoices, it.subscriptions)
    };
    assert_eq!((of(&customer), of(&other)), ((53, 51, 2), (1, 1, 1)));
}

async fn wallets_are_shown_with_their_networks_and_at_most_a_hundred(mut it: Purse) {
    let customer = it.customer().await;
    let managed = it.keeper.create(&customer, &["ethereum", "bitcoin"]).await.unwrap();
    let gone =
        it.keeper.link(&customer, "solana", "Vote111111111111111111111111111111111111111").await.unwrap();
    it.keeper.remove(&gone.id).await.unwrap();
    it.keeper.ledger(&customer, "EUR").await.unwrap();
    let shown = overview(&it.keeper, &customer).await;
    assert_eq!(
        shown["wallets"],
        it.keeper.say("ListWallets", &json!({"customer_id": customer})).await["wallets"]
    );
    let keys: Vec<_> = shown["networks"].as_array().unwrap().iter().map(|it| it["key"].clone()).collect();
    assert_eq!(keys, ["ethereum", "bitcoin"]);
    let networks = it.keeper.say("ListNetworks", &json!({})).await;
    assert!(networks["networks"].as_array().unwrap().contains(&shown["networks"][0]));
    assert_eq!(shown["wallets"][1]["id"], managed.id.as_str());
    assert!(shown.get("has_more_wallets").is_none());
    for n in 0..98 {
        it.keeper.link(&customer, "base", &format!("0x{n:040}")).await.unwrap();
    }
    let shown = overview(&it.keeper, &customer).await;
    assert_eq!(shown["wallets"].as_array().unwrap().len(), 100);
    assert!(shown.get("has_more_wallets").is_none());
    it.keeper.link(&customer, "tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t").await.unwrap();
    let shown = overview(&it.keeper, &customer).await;
    let listed = it.keeper.say("ListWallets", &json!({"customer_id": customer, "page_size": 100})).await;
    assert_eq!((&shown["wallets"], &shown["has_more_wallets"]), (&listed["wallets"], &json!(true)));
}

/// Sabotage: read all of a customer's counters.
async fn other_counters_of_a_customer_are_not_shown(mut it: Purse) {
    let customer = it.customer().await;
    it.keeper.upsert(&KINDS[1], &KINDS[1].of(&customer, "one")).await;
    let before = overview(&it.keeper, &customer).await;
    let mut raw = Raw::open(it.database()).await;
    raw.run(
        "INSERT INTO counters SELECT scope, 'of a newer version', 7 FROM counters WHERE name = 'invoices'",
    )
    .await;
    assert_eq!(overview(&it.keeper, &customer).await, before);
    let id = customer.parse().unwrap();
    let counts = it.acme.server.app.store().billing_counts(&[id]).await.unwrap()[&id];
    assert_eq!((counts.payment_intents, counts.invoices, counts.subscriptions), (0, 1, 0));
}

async fn all_three_scopes_are_needed(mut it: Purse) {
    use purser::domain::Scope::{BillingRead, CustomersRead, WalletsRead};
    let customer = it.customer().await;
    let all = [CustomersRead, WalletsRead, BillingRead];
    for missing in all {
        let scopes = all.into_iter().filter(|it| *it != missing).collect();
        let key = it.acme.server.domain_key(&it.acme.tenant.domain, scopes).await;
        let keeper = it.keeper_of(&key).await;
        let told =
            crate::wallets_wire::told(&keeper, "GetCustomerOverview", &json!({"customer_id": customer}))
                .await;
        assert_eq!(told.outcome(), "PERMISSION_DENIED SCOPE_MISSING");
        assert_eq!(told.metadata_of_reason()["scope"], missing.as_str());
    }
    let key = it.acme.server.domain_key(&it.acme.tenant.domain, all.into_iter().collect()).await;
    let keeper = it.keeper_of(&key).await;
    assert_eq!(overview(&keeper, &customer).await["customer"]["id"], customer.as_str());
}

/// How many queries a server's log tells of.
fn queries(log: &std::path::Path) -> usize {
    let log = std::fs::read_to_string(log).unwrap();
    log.lines().filter(|it| it.contains("sqlx::query")).count()
}

/// How many queries an overview takes, by the server's own account: the fewest of many times, as the server has other
/// things to do as well, and the first time it has to learn of the key.
async fn queries_of(keeper: &Keeper, customer: &str, log: &std::path::Path) -> usize {
    let mut fewest = usize::MAX;
    for _ in 0..24 {
        let before = queries(log);
        overview(keeper, customer).await;
        // Logged before it is answered, or at once after.
        tokio::time::sleep(Duration::from_millis(30)).await;
        fewest = fewest.min(queries(log) - before);
    }
    fewest
}

/// The customer, and all that they have: two queries, be it one of each or 120.
///
/// Sabotage: let `App::customer_overview` look each wallet up.
async fn an_overview_takes_as_many_queries_whatever_there_is(database: Database) {
    let server = TestServer::over(database).await;
    let key = server.tenant("acme").await.key;
    let TestServer { app, database, .. } = server;
    app.close().await;
    let path = database.folder().join("log");
    let log = std::fs::File::create(&path).unwrap();
    let mut command = serving(database.folder(), &database.url);
    command.args(["--drain-delay", "0s"]).env("PURSER_LOG", "info,sqlx=trace").stderr(Stdio::from(log));
    let mut process = Process::start(command).await;
    let channel = connect(process.grpc).await;
    let keeper = Keeper::of(channel.clone(), &key);
    let mut client = Client(crate::harness::customers(channel, &key));
    let (one, much) = (new_customer(&mut client).await, new_customer(&mut client).await);
    for (customer, count) in [(&one, 1), (&much, 120)] {
        for n in 0..count {
            for kind in &KINDS {
                keeper.upsert(kind, &kind.of(customer, &format!("{count}-{n}"))).await;
            }
            let address = format!("0x{:040x}", rand::random::<u64>());
            let linked = json!({"customer_id": customer, "network": "sepolia", "address": address});
            keeper.say("LinkWallet", &linked).await;
        }
    }
    let (of_one, of_much) = (queries_of(&keeper, &one, &path).await, queries_of(&keeper, &much, &path).await);
    assert_eq!((of_one, of_much), (2, 2));
    assert_eq!(overview(&keeper, &much).await["payment_intent_count"], "120");
    process.terminate();
    assert_eq!(process.exit_code(Duration::from_secs(15)).await, Some(0));
}

/// What is shown is all of one moment: up to fifty, as many as are counted.
///
/// Sabotage: read the counters in a query of their own.
async fn counts_and_what_is_shown_agree_while_upserts_run(mut it: Purse) {
    const EACH: usize = 60;
    let customer = it.customer().await;
    let (tell, told) = tokio::sync::watch::channel(0);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..2 {
        for kind in &KINDS {
            let (keeper, customer, mut told) = (it.keeper.clone(), customer.clone(), told.clone());
            writers.spawn(async move {
                for n in 0..EACH / 2 {
                    // Four times it goes on only once another count was seen.
                    told.wait_for(|seen| *seen >= n / 6).await.unwrap();
                    keeper.upsert(kind, &kind.of(&customer, &format!("{writer}-{n}"))).await;
                }
            });
        }
    }
    let (mut last, mut seen) = ([0; 3], BTreeSet::new());
    loop {
        let done = writers.is_empty();
        let shown = overview(&it.keeper, &customer).await;
        let counts: [usize; 3] = std::array::from_fn(|n| {
            shown.get(KINDS[n].count).map_or(0, |it| it.as_str().unwrap().parse().unwrap())
        });
        for (kind, count) in KINDS.iter().zip(counts).take(2) {
            let listed = shown.get(kind.nouns).map_or(0, |it| it.as_array().unwrap().len());
            assert_eq!(listed, count.min(50), "{}", kind.nouns);
        }
        assert!(counts.iter().zip(last).all(|(now, before)| *now >= before));
        last = counts;
        seen.insert(counts[0]);
        tell.send_replace(seen.len());
        if done {
            break;
        }
        while let Some(written) = writers.try_join_next() {
            written.unwrap();
        }
    }
    assert_eq!(last, [EACH; 3]);
    assert!(seen.len() > 3, "they ran meanwhile: {seen:?}");
}
