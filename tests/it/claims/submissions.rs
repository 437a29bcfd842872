//! What is submitted: by whoever has the link, once for each transaction, and not too often.

use std::sync::Arc;

use purser::api::claim_service_client::ClaimServiceClient;
use purser::api::{self, ClaimStatus};
use purser::app::{App, Claiming};
use purser::domain::{DomainSettings, Environment};
use purser::store::Store;
use tonic::Code;
use tonic_types::StatusExt;

use super::desk::{Desk, FORM, claim, hash, http, pages, pages_behind, submit, token_of};
use crate::harness::{TestServer, bad_fields, chains, connect, on_each_database};
use crate::wire::{is, refusal, told};

on_each_database!(Desk:
    five_steps_lead_from_a_customer_to_their_deposit,
    what_is_wrong_with_a_claim_is_named_and_nothing_is_kept,
    a_transaction_is_claimed_once_until_it_is_rejected,
    a_submission_that_is_sent_again_is_the_first_one_though_the_link_is_used_up,
    whoever_shows_no_key_is_limited,
    nothing_is_claimed_of_somebody_gone_or_in_a_suspended_domain,
    a_network_that_the_domain_may_not_use_is_refused_over_the_wire_and_on_the_page,
);

async fn five_steps_lead_from_a_customer_to_their_deposit(mut it: Desk) {
    // 1. A customer, who has a wallet.
    let john = api::Customer {
        email: "john@example.com".to_owned(),
        first_name: "John".to_owned(),
        last_name: "Doe".to_owned(),
        ..Default::default()
    };
    let customer = it.purse.acme.client.create(john).await.unwrap().id;
    let wallet = it.purse.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let before = it.events(0).await.len();
    // 2. A link for them. 3. It is sent to whoever pays. 4. They say what they paid.
    let link = it.link(&customer).await;
    let claimed = it.submit(claim(&token_of(&link), 1)).await.unwrap();
    assert!(claimed.id.starts_with("claim_"));
    let expected = api::Claim {
        id: claimed.id.clone(),
        link_id: link.id.clone(),
        domain_id: it.purse.acme.tenant.domain.id.to_string(),
        customer_id: customer.clone(),
        status: ClaimStatus::Pending.into(),
        network: "ethereum".to_owned(),
        token: "USDC".to_owned(),
        amount: "1.5".to_owned(),
        tx_hash: hash(1),
        note: "for tea".to_owned(),
        ..claimed.clone()
    };
    assert_eq!(claimed, expected);
    // 5. It is looked at, and approved.
    let statuses = vec![ClaimStatus::Pending.into()];
    let listed = it.list(api::ListClaimsRequest { statuses, ..Default::default() }).await;
    // Whoever has a key sees which version it is; whoever has the link only does not.
    assert!(claimed.sequence == 0 && claimed.etag.is_empty());
    let (sequence, etag) = (listed[0].sequence, listed[0].etag.clone());
    assert!(sequence > 0 && !etag.is_empty());
    assert_eq!(listed, [api::Claim { sequence, etag, ..claimed.clone() }]);
    let approved = it.approve(&claimed.id).await.unwrap();
    assert_eq!(approved.status(), ClaimStatus::Approved);
    assert_eq!(it.get(&claimed.id).await.unwrap(), approved);
    let recorded = it.purse.keeper.transactions(&wallet).await;
    assert_eq!(recorded.len(), 1);
    assert_eq!((&recorded[0].id, &recorded[0].tx_hash), (&approved.transaction_id, &hash(1)));
    assert_eq!(it.purse.keeper.balances(&wallet).await, [["ethereum", "USDC", "1.5", "1500000"]]);
    let events = it.events(i64::try_from(before).unwrap()).await;
    let told: Vec<_> = events.iter().map(|it| it.r#type.as_str()).collect();
    let expected =
        ["claim_link.created", "claim.submitted", "claim_link.used", "claim.approved", "transaction.created"];
    assert_eq!(told, expected);
    let by: Vec<_> = events.iter().map(|it| it.actor == format!("link:{}", link.id)).collect();
    assert_eq!(by, [false, true, true, false, false]);
    assert_eq!(it.get_link(&link.id).await.unwrap().use_count, 1);
    it.assert_sound().await;
}

async fn what_is_wrong_with_a_claim_is_named_and_nothing_is_kept(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let token = token_of(&it.link(&customer).await);
    let before = it.purse.picture().await;
    let with = |change: fn(&mut api::SubmitClaimRequest)| {
        let mut request = claim(&token, 1);
        change(&mut request);
        request
    };
    for (request, fields) in [
        (with(|it| it.link_token.clear()), &["link_token"][..]),
        (with(|it| it.network.clear()), &["network"]),
        (with(|it| it.token = "BTC".to_owned()), &["token"]),
        (with(|it| it.token.clear()), &["token"]),
        (with(|it| it.amount = "0.0000001".to_owned()), &["amount"]),
        (with(|it| it.amount = "0".to_owned()), &["amount"]),
        (with(|it| it.amount = "-1".to_owned()), &["amount"]),
        (with(|it| it.amount = "1e3".to_owned()), &["amount"]),
        (with(|it| it.amount = "9".repeat(61)), &["amount"]),
        (with(|it| it.tx_hash = hash(1)[2..].to_owned()), &["tx_hash"]),
        (with(|it| it.tx_hash.clear()), &["tx_hash"]),
        (with(|it| it.note = "x".repeat(501)), &["note"]),
        (with(|it| it.note = "a\0b".to_owned()), &["note"]),
    ] {
        assert_eq!(bad_fields(&it.submit(request.clone()).await.unwrap_err()), fields, "{request:?}");
    }
    let unknown = it.submit(with(|it| it.network = "nowhere".to_owned())).await;
    assert_eq!(refusal(unknown), is(Code::InvalidArgument, "UNKNOWN_NETWORK"));
    let large = it.submit(with(|it| it.note = "x".repeat(9_000))).await;
    let large = large.unwrap_err();
    assert_eq!(told(&large, "limit_bytes"), "8192");
    assert_eq!(refusal::<()>(Err(large)), is(Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
    assert_eq!(it.purse.picture().await, before);
    it.submit(with(|it| it.note = "é".repeat(500))).await.unwrap();
}

/// Sabotage: in `claim::reject`, release no name.
async fn a_transaction_is_claimed_once_until_it_is_rejected(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let token = token_of(&it.link_for(&customer, 9).await);
    let first = it.submit(claim(&token, 1)).await.unwrap();
    let mut again = claim(&token, 1);
    again.tx_hash = again.tx_hash.to_uppercase().replace("0X", "0x");
    let refused = it.submit(again.clone()).await;
    assert_eq!(refusal(refused), is(Code::AlreadyExists, "CLAIM_EXISTS"));
    // On another network it is another transaction.
    it.submit(api::SubmitClaimRequest { network: "polygon".to_owned(), ..claim(&token, 1) }).await.unwrap();
    it.reject(&first.id, "not found").await.unwrap();
    let second = it.submit(again).await.unwrap();
    it.approve(&second.id).await.unwrap();
    let refused = it.submit(claim(&token, 1)).await;
    assert_eq!(refusal(refused), is(Code::AlreadyExists, "CLAIM_EXISTS"));
    it.assert_sound().await;
}

/// Sabotage: in `App::submit_claim`, remember the request by its id as it was given.
async fn a_submission_that_is_sent_again_is_the_first_one_though_the_link_is_used_up(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let (first, second) = (it.link(&customer).await, it.link_for(&customer, 3).await);
    let mut client = ClaimServiceClient::new(it.purse.acme.server.channel().await);
    let request = |link, byte| api::SubmitClaimRequest {
        request_id: "once".to_owned(),
        ..claim(&token_of(link), byte)
    };
    let made = client.submit_claim(request(&first, 1)).await.unwrap();
    assert!(!made.metadata().contains_key("idempotent-replayed"));
    let again = client.submit_claim(request(&first, 1)).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner(), made.into_inner());
    let refused = client.submit_claim(request(&first, 2)).await.map(drop);
    assert_eq!(refusal(refused), is(Code::InvalidArgument, "REQUEST_ID_REUSED"));
    // Another link's holder, and whoever has a key, may have given the same id.
    client.submit_claim(request(&second, 3)).await.unwrap();
    let link = api::CreatePaymentClaimLinkRequest {
        customer_id: customer.clone(),
        request_id: "once".to_owned(),
        ..Default::default()
    };
    it.link_as(link).await.unwrap();
    // By the metadata as well as by the field, and where it took effect only.
    let mut by_metadata = tonic::Request::new(claim(&token_of(&second), 4));
    by_metadata.metadata_mut().insert("idempotency-key", "twice".parse().unwrap());
    let made = client.submit_claim(by_metadata).await.unwrap().into_inner();
    let twice = api::SubmitClaimRequest { request_id: "twice".to_owned(), ..claim(&token_of(&second), 4) };
    assert_eq!(client.submit_claim(twice.clone()).await.unwrap().into_inner(), made);
    assert_eq!(it.get_link(&second.id).await.unwrap().use_count, 2);
    it.revoke(&second.id).await.unwrap();
    assert_eq!(
        refusal(client.submit_claim(twice).await.map(drop)),
        is(Code::NotFound, "CLAIM_LINK_NOT_FOUND")
    );
    let bad = api::SubmitClaimRequest { request_id: "é".to_owned(), ..claim("", 1) };
    assert_eq!(bad_fields(&it.submit(bad).await.unwrap_err()), ["request_id", "link_token"]);
    it.assert_sound().await;
}

async fn whoever_shows_no_key_is_limited(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let (first, second) = (it.link_for(&customer, 99).await, it.link_for(&customer, 99).await);
    let store: Store = it.app().store().clone();
    let limited = |per_link, per_peer| {
        let app = App::start(store.clone(), chains());
        app.open();
        app.offer_claims(Claiming { per_link, per_peer, ..Claiming::default() });
        Arc::new(app)
    };
    let app = limited(3, 100);
    let channel = connect(TestServer::listen(&app).await).await;
    for byte in 1..=3 {
        submit(channel.clone(), claim(&token_of(&first), byte)).await.unwrap();
    }
    let refused = submit(channel.clone(), claim(&token_of(&first), 4)).await.unwrap_err();
    assert!(refused.get_details_retry_info().unwrap().retry_delay.unwrap().as_secs() < 60);
    assert_eq!(refusal::<()>(Err(refused)), is(Code::ResourceExhausted, "RATE_LIMITED"));
    submit(channel, claim(&token_of(&second), 4)).await.unwrap();
    let app = limited(100, 3);
    let channel = connect(TestServer::listen(&app).await).await;
    let unknown = "B".repeat(32);
    for _ in 0..3 {
        let refused = submit(channel.clone(), claim(&unknown, 9)).await;
        assert_eq!(refusal(refused), is(Code::NotFound, "CLAIM_LINK_NOT_FOUND"));
    }
    let refused = submit(channel, claim(&token_of(&second), 9)).await;
    assert_eq!(refusal(refused), is(Code::ResourceExhausted, "RATE_LIMITED"));
    // The page is by the same count.
    let (head, _) = http(pages(&app).await, &format!("GET /claim/{}", token_of(&second)), "", "").await;
    assert!(head.starts_with("HTTP/1.1 429") && head.contains("retry-after: "), "{head}");
    // So is every use of the link's token, whoever makes it.
    let app = limited(2, 100);
    let (address, path) = (pages(&app).await, format!("/claim/{}", token_of(&second)));
    let channel = connect(TestServer::listen(&app).await).await;
    http(address, &format!("GET {path}"), "", "").await;
    assert_eq!(
        bad_fields(
            &submit(channel.clone(), api::SubmitClaimRequest { amount: String::new(), ..claim("", 9) })
                .await
                .unwrap_err()
        ),
        ["link_token", "amount"]
    );
    let (head, _) = http(address, &format!("POST {path}"), FORM, "note=tea").await;
    assert!(head.starts_with("HTTP/1.1 422"), "{head}");
    assert_eq!(
        refusal(submit(channel, claim(&token_of(&second), 9)).await),
        is(Code::ResourceExhausted, "RATE_LIMITED")
    );
    let (head, _) = http(address, &format!("GET {path}"), "", "").await;
    assert!(head.starts_with("HTTP/1.1 429") && head.contains("retry-after: "), "{head}");
    // What was filled in is not lost.
    let (head, body) = http(address, &format!("POST {path}"), FORM, "note=tea").await;
    assert!(head.starts_with("HTTP/1.1 429") && head.contains("retry-after: "), "{head}");
    assert!(body.contains("That was too often.") && body.contains("\ntea</textarea>"), "{body}");
    // Behind a proxy that is trusted, whom it heard from is counted, whoever they say that they are.
    let app = limited(100, 1);
    let (trusted, untrusted) =
        (pages_behind(&app, vec!["127.0.0.1".parse().unwrap()]).await, pages(&app).await);
    let open = format!("GET /claim/{}", token_of(&second));
    for (address, from, status) in [
        (trusted, "1.1.1.1", "200"),
        (trusted, "1.1.1.2", "200"),
        (trusted, "8.8.8.8, 1.1.1.2", "429"),
        (trusted, "1.1.1.3:4711", "200"),
        (trusted, "1.1.1.3", "429"),
        // One that names nobody is counted itself, as whoever connects is.
        (trusted, "unknown", "200"),
        (trusted, "", "429"),
        (untrusted, "1.1.1.4", "429"),
    ] {
        let (head, _) = http(address, &open, &format!("x-forwarded-for: {from}\r\n"), "").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{from}: {head}");
    }
}

async fn nothing_is_claimed_of_somebody_gone_or_in_a_suspended_domain(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let link = it.link_for(&customer, 9).await;
    let pending = it.submit(claim(&token_of(&link), 1)).await.unwrap();
    let domain = it.purse.acme.tenant.domain.clone();
    it.purse.acme.suspend(&domain).await;
    let suspended = is(Code::FailedPrecondition, "DOMAIN_SUSPENDED");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let before = it.purse.picture().await;
    assert_eq!(refusal(it.submit(claim(&token_of(&link), 2)).await), suspended);
    assert_eq!(refusal(it.approve(&pending.id).await), suspended);
    assert_eq!(refusal(it.reject(&pending.id, "").await), suspended);
    assert_eq!(refusal(it.revoke(&link.id).await), suspended);
    assert_eq!(it.purse.picture().await, before);
    it.purse.acme.reinstate(&domain).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    it.purse.acme.client.delete(&customer).await.unwrap();
    let gone = is(Code::FailedPrecondition, "CUSTOMER_DELETED");
    let refused = it.submit(claim(&token_of(&link), 2)).await.unwrap_err();
    assert!(
        !format!("{refused:?}").contains(&customer[5..]),
        "whoever has the link does not learn who it was"
    );
    assert!(refused.get_details_error_info().unwrap().metadata.is_empty());
    assert_eq!(refusal::<()>(Err(refused)), gone);
    assert_eq!(refusal(it.approve(&pending.id).await), gone);
    let asked = api::CreatePaymentClaimLinkRequest { customer_id: customer, ..Default::default() };
    assert_eq!(refusal(it.link_as(asked).await), gone);
    // What ends something can still be done.
    it.reject(&pending.id, "they are gone").await.unwrap();
    it.revoke(&link.id).await.unwrap();
    it.assert_sound().await;
}

async fn a_network_that_the_domain_may_not_use_is_refused_over_the_wire_and_on_the_page(it: Desk) {
    let (tenant, mut client, _) = it.purse.tenant("live", Environment::Live, DomainSettings::default()).await;
    let customer = client.create(api::Customer::default()).await.unwrap().id;
    let mut desk = Desk { claims: Desk::claims_of(&it.purse, &tenant.key).await, purse: it.purse };
    let token = token_of(&desk.link(&customer).await);
    let test = api::SubmitClaimRequest { network: "sepolia".to_owned(), ..claim(&token, 1) };
    let refused = desk.submit(test).await.unwrap_err();
    assert_eq!(told(&refused, "network"), "sepolia");
    assert_eq!(refusal::<()>(Err(refused)), is(Code::FailedPrecondition, "NETWORK_NOT_ALLOWED"));
    let form = format!("network=sepolia&token=USDC&amount=1&tx_hash={}", hash(1));
    let (head, body) = http(pages(desk.app()).await, &format!("POST /claim/{token}"), FORM, &form).await;
    assert!(head.starts_with("HTTP/1.1 422"), "{head}");
    assert!(body.contains("id=\"network-fault\">Network cannot be used with this link"), "{body}");
    assert!(
        !body.contains("sepolia") && body.contains("value=\"ethereum\""),
        "only what may be used is offered"
    );
}
