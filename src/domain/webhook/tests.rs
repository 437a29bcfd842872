use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::domain::fixtures::{BEFORE_US, NOW_US, answer, context, domain, domain_id, event};
use crate::domain::{Expect, Resource, Table};

fn endpoint() -> WebhookEndpoint {
    WebhookEndpoint {
        id: WebhookEndpointId::from_uuid(Uuid::from_u128(7)),
        sequence: 9,
        domain_id: domain_id(1),
        url: "https://example.com/hook".to_owned().try_into().unwrap(),
        event_types: Vec::new(),
        format: WebhookFormat::Standard,
        description: Text::default(),
        enabled: true,
        secret_number: 1,
        slot: 0,
        create_us: BEFORE_US,
        update_us: BEFORE_US,
        delete_us: None,
    }
}

fn new() -> NewWebhookEndpoint {
    NewWebhookEndpoint {
        url: endpoint().url,
        event_types: vec![EventType::CustomerCreated],
        format: WebhookFormat::Standard,
        description: Text::default(),
        enabled: true,
    }
}

fn sealed() -> SealedSecret {
    SealedSecret { key_version: 1, sealed: vec![1, 2, 3] }
}

fn id(number: u128) -> WebhookEndpointId {
    WebhookEndpointId::from_uuid(Uuid::from_u128(number))
}

#[test]
fn an_endpoint_takes_the_first_place_that_is_free_and_there_are_a_hundred() {
    let domain = domain(json!({}));
    let mut others = Vec::new();
    for slot in 0..WebhookEndpoint::MOST {
        let change = create(&new(), &domain, &others, id(slot.into()), sealed(), context()).unwrap();
        let made: WebhookEndpoint = answer(&change);
        assert_eq!(made.slot, slot);
        let key = UniqueKey::of_customer(KeyKind::WebhookSlot, domain.id, &slot.to_string());
        assert_eq!(change.keys, [KeyChange::Take(key)]);
        assert_eq!(change.secrets, Some(SecretChange::Begins(sealed())));
        others.push(made);
    }
    let full = create(&new(), &domain, &others, id(500), sealed(), context());
    assert!(matches!(full, Err(Error::TooManyWebhookEndpoints(100))));
    others.remove(42);
    let change = create(&new(), &domain, &others, id(500), sealed(), context()).unwrap();
    assert_eq!(answer::<WebhookEndpoint>(&change).slot, 42);
}

#[test]
fn a_new_endpoint_is_as_asked_and_depends_on_its_domain() {
    let domain = domain(json!({}));
    let change = create(&new(), &domain, &[], id(7), sealed(), context()).unwrap();
    let made: WebhookEndpoint = answer(&change);
    let expected = WebhookEndpoint {
        sequence: 0,
        event_types: vec![EventType::CustomerCreated],
        create_us: NOW_US,
        update_us: NOW_US,
        ..endpoint()
    };
    assert_eq!(made, expected);
    assert_eq!(change.expects, [Expect::from(&domain)]);
    assert_eq!(event(&change), Some((EventType::WebhookEndpointCreated, &[][..])));
}

#[test]
fn an_update_changes_what_it_says_and_tells_what_changed() {
    let patch = WebhookPatch {
        url: Some("https://example.com/other".to_owned().try_into().unwrap()),
        enabled: Some(false),
        format: Some(WebhookFormat::Standard),
        ..WebhookPatch::default()
    };
    let change = update(&endpoint(), &patch, &domain(json!({})), context()).unwrap();
    let next: WebhookEndpoint = answer(&change);
    assert_eq!((next.url.as_str(), next.enabled), ("https://example.com/other", false));
    assert_eq!((next.create_us, next.update_us, next.secret_number), (BEFORE_US, NOW_US, 1));
    assert_eq!(event(&change), Some((EventType::WebhookEndpointUpdated, &["url", "enabled"][..])));
    assert_eq!(change.secrets, None);
}

#[test]
fn an_update_that_changes_nothing_makes_no_event() {
    let patch = WebhookPatch { url: Some(endpoint().url), enabled: Some(true), ..WebhookPatch::default() };
    let change = update(&endpoint(), &patch, &domain(json!({})), context()).unwrap();
    assert_eq!((event(&change), answer::<WebhookEndpoint>(&change)), (None, endpoint()));
}

#[test]
fn types_that_the_format_cannot_say_are_refused() {
    let domain = domain(json!({}));
    for (format, kind, fits) in [
        (WebhookFormat::Standard, EventType::WalletCreated, true),
        (WebhookFormat::Fossapay, EventType::CustomerCreated, true),
        (WebhookFormat::Fossapay, EventType::CustomerDeleted, false),
        (WebhookFormat::Trxn, EventType::CustomerDeleted, true),
        (WebhookFormat::Trxn, EventType::CustomerRestored, false),
        (WebhookFormat::Trxn, EventType::WalletCreated, false),
    ] {
        let new = NewWebhookEndpoint { format, event_types: vec![kind], ..new() };
        let made = create(&new, &domain, &[], id(7), sealed(), context());
        assert_eq!(made.is_ok(), fits, "{format} {kind}");
        let patch =
            WebhookPatch { format: Some(format), event_types: Some(vec![kind]), ..Default::default() };
        assert_eq!(update(&endpoint(), &patch, &domain, context()).is_ok(), fits, "{format} {kind}");
    }
}

#[test]
fn an_endpoint_wants_what_it_asks_for_as_far_as_its_format_has_it() {
    use WebhookFormat::{Fossapay, Standard, Trxn};
    let wants = |format, event_types: &[EventType], kind| {
        WebhookEndpoint { format, event_types: event_types.to_vec(), ..endpoint() }.wants(kind)
    };
    assert!(wants(Standard, &[], "wallet.created") && wants(Standard, &[], "a.newer_one"));
    assert!(wants(Standard, &[EventType::WalletCreated], "wallet.created"));
    assert!(!wants(Standard, &[EventType::WalletCreated], "customer.created"));
    assert!(wants(Fossapay, &[], "customer.updated") && !wants(Fossapay, &[], "customer.deleted"));
    assert!(wants(Trxn, &[], "customer.deleted") && !wants(Trxn, &[], "customer.kyc_updated"));
    assert!(!wants(Trxn, &[EventType::CustomerCreated], "customer.deleted"));
}

#[test]
fn a_new_secret_has_the_next_number_and_the_one_before_signs_for_a_day() {
    let change = rotate(&endpoint(), sealed(), &domain(json!({})), context());
    assert_eq!(answer::<WebhookEndpoint>(&change).secret_number, 2);
    let overlap_end_us = NOW_US + 86_400_000_000;
    let expected = SecretChange::Rotates { secret: sealed(), number: 2, overlap_end_us };
    assert_eq!(change.secrets, Some(expected));
    assert_eq!(event(&change), Some((EventType::WebhookEndpointUpdated, &["secret"][..])));
}

#[test]
fn a_deleted_endpoint_gives_up_its_place_and_its_secrets() {
    let change = delete(&endpoint(), &domain(json!({})), context());
    let gone: WebhookEndpoint = answer(&change);
    assert_eq!((gone.delete_us, gone.standing()), (Some(NOW_US), "DELETED"));
    assert!(matches!(change.keys.as_slice(), [KeyChange::Release(key)] if key.text == "0"));
    assert_eq!(change.secrets, Some(SecretChange::Ends));
    assert_eq!(event(&change), Some((EventType::WebhookEndpointDeleted, &["delete_time"][..])));
}

#[test]
fn a_receiver_that_is_gone_disables_its_endpoint_once() {
    let sequence = endpoint().sequence;
    let change = gone(&endpoint(), sequence, context());
    let disabled: WebhookEndpoint = answer(&change);
    assert_eq!((disabled.enabled, disabled.standing()), (false, "DISABLED"));
    assert_eq!(event(&change), Some((EventType::WebhookEndpointUpdated, &["enabled"][..])));
    assert_eq!(change.reason.as_str(), "the receiver answered 410 Gone");
    assert_eq!(event(&gone(&disabled, sequence, context())), None);
    assert_eq!(
        event(&gone(&WebhookEndpoint { delete_us: Some(1), ..endpoint() }, sequence, context())),
        None
    );
    // It has changed since it was attempted.
    assert_eq!(event(&gone(&endpoint(), sequence - 1, context())), None);
}

#[test]
fn types_are_words_that_we_know_each_once() {
    let words = |words: &[&str]| event_types(&words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
    assert_eq!(words(&[]), Ok(Vec::new()));
    let twice = words(&["customer.created", "wallet.created", "customer.created"]);
    assert_eq!(twice, Ok(vec![EventType::CustomerCreated, EventType::WalletCreated]));
    for bad in
        [&["customer.born"][..], &[""], &["customer.*"], &["Customer.created"], &["customer.created"; 101]]
    {
        assert!(words(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_row_of_an_endpoint_reads_back_and_holds_no_secret() {
    let resource = Resource::from(endpoint());
    let body = resource.to_json().unwrap();
    assert_eq!(Resource::from_json(Table::WebhookEndpoints, &body, 9).unwrap(), resource);
    assert!(!body.contains("whsec") && !body.contains("sealed"), "{body}");
}
