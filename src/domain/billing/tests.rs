use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::domain::fixtures::{
    BEFORE_US, NOW_US, answer, context, customer, customer_id, domain, domain_id, event, faulty, line,
    member, the_member,
};
use crate::domain::{Customer, CustomerStatus, Expect};

const RECORD: Uuid = Uuid::from_u128(0xb111);

fn new() -> NewBillingRecord<Payment> {
    NewBillingRecord {
        customer_id: customer_id(1),
        external_id: "order-1".to_owned().try_into().unwrap(),
        status: "OPEN".to_owned().try_into().unwrap(),
        amount: "1.50".to_owned().try_into().unwrap(),
        currency: "EUR".to_owned().try_into().unwrap(),
        description: "Tea".to_owned().try_into().unwrap(),
        own: Payment::default(),
        create_us: None,
        etag: None,
    }
}

fn with(status: CustomerStatus, erase_us: Option<i64>) -> Member {
    Member {
        customer: Customer { status, erase_us, ..customer(json!({})) },
        domain: Arc::new(domain(json!({}))),
    }
}

/// What the first upsert has left on record, as of event 7.
fn known() -> PaymentIntent {
    let made: PaymentIntent = answer(&upsert(&new(), None, &member(), RECORD, context()).unwrap());
    BillingRecord { sequence: 7, create_us: BEFORE_US, update_us: BEFORE_US, ..made }
}

fn again(new: &NewBillingRecord<Payment>, member: &Member) -> Result<Change> {
    upsert(new, Some(&known()), member, Uuid::from_u128(9), context())
}

#[test]
fn what_is_not_known_is_made_counted_and_named() {
    let change = upsert(&new(), None, &member(), RECORD, context()).unwrap();
    assert_eq!(event(&change), Some((EventType::PaymentIntentCreated, &[][..])));
    assert_eq!(change.counts, [(customer_id(1).as_uuid(), Counted::PaymentIntents, 1)]);
    let name = UniqueKey {
        scope: domain_id(1).as_uuid(),
        kind: KeyKind::BillingRecord,
        text: "payment_intent/order-1".to_owned(),
    };
    assert_eq!(change.keys, [KeyChange::Take(name)]);
    assert_eq!(change.expects, the_member());
    let made: PaymentIntent = answer(&change);
    assert_eq!(
        (made.id.as_uuid(), made.sequence, made.create_us, made.update_us),
        (RECORD, 0, NOW_US, NOW_US)
    );
    let told = NewBillingRecord { create_us: Some(-5), ..new() };
    let made: PaymentIntent = answer(&upsert(&told, None, &member(), RECORD, context()).unwrap());
    assert_eq!((made.create_us, made.update_us), (-5, NOW_US));
}

#[test]
fn what_is_known_changes_in_what_is_told_and_in_nothing_else() {
    let told = NewBillingRecord {
        status: "PAID".to_owned().try_into().unwrap(),
        amount: "0".to_owned().try_into().unwrap(),
        currency: "JPY".to_owned().try_into().unwrap(),
        description: Text::default(),
        own: Payment {
            crypto_amount: Some("2".to_owned().try_into().unwrap()),
            crypto_token_key: Some("usdc".to_owned().try_into().unwrap()),
            authorization_chain_id: 1,
            capture_us: Some(NOW_US),
        },
        create_us: Some(BEFORE_US),
        ..new()
    };
    let change = again(&told, &member()).unwrap();
    let changed = [
        "status",
        "amount",
        "currency",
        "description",
        "crypto_amount",
        "crypto_token_key",
        "authorization_chain_id",
        "capture_time",
    ];
    assert_eq!(event(&change), Some((EventType::PaymentIntentUpdated, &changed[..])));
    assert!(change.keys.is_empty() && change.counts.is_empty());
    let next: PaymentIntent = answer(&change);
    assert_eq!((next.id, next.sequence, next.create_us), (known().id, 7, BEFORE_US));
    assert_eq!((next.update_us, next.own), (NOW_US, told.own));
}

#[test]
fn the_same_again_changes_nothing() {
    let at = |create_us| NewBillingRecord { create_us: Some(create_us), ..new() };
    for told in [new(), at(BEFORE_US), at(NOW_US), at(i64::MAX)] {
        let change = again(&told, &member()).unwrap();
        assert_eq!(event(&change), None);
        assert_eq!(answer::<PaymentIntent>(&change), known());
    }
    // Another spelling of the same amount.
    let told = NewBillingRecord { amount: "1.5".to_owned().try_into().unwrap(), ..new() };
    assert_eq!(event(&again(&told, &member()).unwrap()), None);
}

#[test]
fn it_stays_its_customer_s() {
    let other = Member {
        customer: Customer { id: customer_id(2), ..customer(json!({})) },
        domain: Arc::new(domain(json!({}))),
    };
    let refused = again(&new(), &other).unwrap_err();
    assert!(matches!(refused, Error::BillingRecordCustomerFixed(it) if it == customer_id(1)));
}

#[test]
fn the_time_told_first_stays_and_is_at_most_a_day_ahead() {
    let made = |create_us| {
        let told = NewBillingRecord { create_us: Some(create_us), ..new() };
        upsert(&told, None, &member(), RECORD, context())
    };
    let ahead = NOW_US + 24 * 3_600 * 1_000_000;
    assert_eq!(answer::<PaymentIntent>(&made(ahead).unwrap()).create_us, ahead);
    assert_eq!(faulty(made(ahead + 1)), ["payment_intent.create_time"]);
    let told = NewBillingRecord {
        status: "PAID".to_owned().try_into().unwrap(),
        create_us: Some(ahead + 1),
        ..new()
    };
    let change = again(&told, &member()).unwrap();
    assert_eq!(event(&change).unwrap().1, ["status"]);
    assert_eq!(answer::<PaymentIntent>(&change).create_us, BEFORE_US);
}

#[test]
fn with_an_etag_it_changes_only_as_that_has_seen_it() {
    let with = |etag: &str| NewBillingRecord { etag: Some(etag.to_owned()), ..new() };
    assert!(again(&with(&known().etag()), &member()).is_ok());
    assert!(matches!(again(&with("v6"), &member()), Err(Error::EtagMismatch)));
    let of_nothing = upsert(&with("v7"), None, &member(), RECORD, context());
    assert!(matches!(of_nothing, Err(Error::EtagMismatch)));
}

#[test]
fn of_a_deleted_customer_what_is_known_goes_on_and_nothing_new_is_made() {
    let deleted = with(CustomerStatus::Deleted, None);
    let refused = upsert(&new(), None, &deleted, RECORD, context()).unwrap_err();
    assert!(matches!(refused, Error::CustomerDeleted(_)));
    let told = NewBillingRecord { status: "REFUNDED".to_owned().try_into().unwrap(), ..new() };
    assert_eq!(event(&again(&told, &deleted).unwrap()).unwrap().1, ["status"]);
}

#[test]
fn of_an_erased_customer_no_words_are_kept() {
    let erased = with(CustomerStatus::Deleted, Some(NOW_US));
    let left = BillingRecord { description: Text::default(), ..known() };
    let change = upsert(&new(), Some(&left), &erased, RECORD, context()).unwrap();
    assert_eq!(event(&change), None);
    let told = NewBillingRecord { status: "REFUNDED".to_owned().try_into().unwrap(), ..new() };
    let change = upsert(&told, Some(&left), &erased, RECORD, context()).unwrap();
    assert!(answer::<PaymentIntent>(&change).description.is_empty());
    let plan = Plan { plan: line("Gold"), cancel_us: Some(3), ..Plan::default() };
    assert_eq!(plan.clone().without_words(), Plan { plan: line(""), ..plan });
}

#[test]
fn words_are_not_the_first_of_a_body() {
    let told = Plan { plan: line("Gold \"plan\":"), ..Plan::default() };
    let plain = serde_json::to_string(&told.clone().without_words()).unwrap();
    let body = serde_json::to_string(&told).unwrap();
    assert_eq!(body.replace(r#","plan":"Gold \"plan\":""#, ""), plain);
}

#[test]
fn each_kind_names_its_own_fields_and_counts_its_own() {
    fn of<K: BillingKind>(told: K) -> (Vec<&'static str>, Counted, EventType, UniqueKey)
    where
        Resource: From<BillingRecord<K>>,
        BillingRecord<K>: TryFrom<Resource, Error = Error>,
    {
        let NewBillingRecord { customer_id, external_id, status, amount, currency, description, .. } = new();
        let empty = serde_json::from_value::<K>(json!({})).unwrap();
        let with = |own, amount| NewBillingRecord {
            customer_id,
            external_id: external_id.clone(),
            status: status.clone(),
            amount,
            currency: currency.clone(),
            description: description.clone(),
            own,
            create_us: None,
            etag: None,
        };
        let made = upsert(&with(empty, amount), None, &member(), RECORD, context()).unwrap();
        let known = BillingRecord { sequence: 7, ..answer::<BillingRecord<K>>(&made) };
        let told = with(told, "2".to_owned().try_into().unwrap());
        let next = upsert(&told, Some(&known), &member(), RECORD, context()).unwrap();
        let (kind, changed) = event(&next).unwrap();
        (changed.to_vec(), made.counts[0].1, kind, made.keys[0].key().clone())
    }
    let bill =
        Bill { invoice_number: Some("7".to_owned().try_into().unwrap()), due_us: Some(1), paid_us: Some(2) };
    let (changed, counted, kind, key) = of(bill);
    assert_eq!(changed, ["total", "invoice_number", "due_time", "paid_time"]);
    assert_eq!((counted, kind), (Counted::Invoices, EventType::InvoiceUpdated));
    assert_eq!(key.text, "invoice/order-1");
    let plan = Plan {
        plan: line("Gold"),
        interval: Some("MONTH".to_owned().try_into().unwrap()),
        period_start_us: Some(1),
        period_end_us: Some(2),
        cancel_us: Some(3),
    };
    let (changed, counted, kind, key) = of(plan);
    assert_eq!(
        changed,
        ["amount", "interval", "plan", "current_period_start_time", "current_period_end_time", "cancel_time"]
    );
    assert_eq!((counted, kind), (Counted::Subscriptions, EventType::SubscriptionUpdated));
    assert_eq!(key.text, "subscription/order-1");
}

#[test]
fn a_change_of_a_known_one_depends_on_what_it_was_decided_on() {
    let told = NewBillingRecord { status: "PAID".to_owned().try_into().unwrap(), ..new() };
    let change = again(&told, &member()).unwrap();
    let itself = Expect { table: Table::PaymentIntents, id: RECORD, sequence: 7 };
    let [customer, domain] = the_member();
    assert_eq!(change.decided_on().collect::<Vec<_>>(), [customer, domain, itself]);
}
