use serde_json::json;

use super::*;
use crate::domain::customer::{Belongings, delete_for_good};
use crate::domain::fixtures::{
    BEFORE_US, NOW_US, answer, context, customer, customer_id, domain_id, event, faulty, member, the_member,
};
use crate::domain::{Customer, Expect, Table};

fn id() -> PaymentClaimLinkId {
    PaymentClaimLinkId::from_uuid(Uuid::from_u128(7))
}

fn link(status: PaymentClaimLinkStatus) -> PaymentClaimLink {
    PaymentClaimLink {
        id: id(),
        sequence: 8,
        domain_id: domain_id(1),
        customer_id: customer_id(1),
        status,
        use_count: 0,
        max_uses: 2,
        expire_us: NOW_US + 1,
        create_us: BEFORE_US,
        update_us: BEFORE_US,
        metadata: serde_json::from_value(json!({"order": 1})).unwrap(),
    }
}

fn asked(expire_us: Option<i64>) -> NewPaymentClaimLink {
    NewPaymentClaimLink { customer_id: customer_id(1), expire_us, max_uses: 1, metadata: Metadata::default() }
}

fn made(new: &NewPaymentClaimLink, member: &Member) -> Result<Change> {
    let sealed = SealedToken { key_version: 1, sealed: vec![1] };
    create(new, member, id(), (&ClaimToken::new([7; 24]), sealed), context())
}

#[test]
fn a_link_is_made_for_a_day_and_one_use_and_its_token_leads_to_it() {
    let change = made(&asked(None), &member()).unwrap();
    let link: PaymentClaimLink = answer(&change);
    assert_eq!((link.expire_us, link.max_uses, link.use_count), (NOW_US + DAY_US, 1, 0));
    assert_eq!(change.keys, [KeyChange::TakeFor(ClaimToken::new([7; 24]).key(), id().as_uuid())]);
    assert_eq!(change.decided_on().collect::<Vec<_>>(), the_member());
    assert_eq!(event(&change), Some((EventType::ClaimLinkCreated, &[][..])));
    assert!(change.token.is_some());
}

#[test]
fn a_link_ends_in_the_future_and_is_for_somebody_who_is_there() {
    assert!(made(&asked(Some(NOW_US + 1)), &member()).is_ok());
    for past in [NOW_US, NOW_US - 1, i64::MIN] {
        assert_eq!(faulty(made(&asked(Some(past)), &member())), ["expire_time"]);
    }
    let gone = Customer { status: CustomerStatus::Deleted, ..customer(json!({})) };
    let gone = Member { customer: gone, ..member() };
    assert!(matches!(made(&asked(None), &gone), Err(Error::CustomerDeleted(_))));
}

#[test]
fn uses_are_one_to_a_thousand_and_one_where_nothing_is_said() {
    for (asked, uses) in [(0, Some(1)), (1, Some(1)), (1_000, Some(1_000)), (1_001, None), (-1, None)] {
        assert_eq!(NewPaymentClaimLink::uses(asked).ok(), uses, "{asked}");
    }
}

#[test]
fn a_link_expires_by_the_clock_unless_it_has_ended_otherwise() {
    use PaymentClaimLinkStatus::{Active, Expired, Revoked, Used};
    for (status, before, after) in
        [(Active, Active, Expired), (Used, Used, Used), (Revoked, Revoked, Revoked)]
    {
        assert_eq!(link(status).status_at(NOW_US), before);
        assert_eq!(link(status).status_at(NOW_US + 1), after);
    }
    assert!(link(Active).admit(NOW_US).is_ok());
    assert!(matches!(link(Active).admit(NOW_US + 1), Err(Error::ClaimLinkExpired { .. })));
    assert!(matches!(link(Used).admit(NOW_US + 1), Err(Error::ClaimLinkUsed)));
    assert!(matches!(link(Revoked).admit(NOW_US), Err(Error::NotFound(Noun::ClaimLink))));
}

#[test]
fn the_last_use_is_the_end_of_a_link() {
    let once = link(PaymentClaimLinkStatus::Active).used(NOW_US);
    assert_eq!((once.use_count, once.status), (1, PaymentClaimLinkStatus::Active));
    let twice = once.used(NOW_US);
    assert_eq!((twice.use_count, twice.status), (2, PaymentClaimLinkStatus::Used));
}

#[test]
fn a_link_is_revoked_once_and_stays_so() {
    let change = revoke(&link(PaymentClaimLinkStatus::Used), &member(), context());
    let revoked: PaymentClaimLink = answer(&change);
    assert_eq!(revoked.status, PaymentClaimLinkStatus::Revoked);
    assert_eq!(event(&change), Some((EventType::ClaimLinkRevoked, &["status"][..])));
    let row = Expect { table: Table::ClaimLinks, id: id().as_uuid(), sequence: 8 };
    assert!(change.decided_on().any(|it| it == row));
    assert_eq!(event(&revoke(&revoked, &member(), context())), None);
}

#[test]
fn what_was_kept_beside_a_link_does_not_come_back_once_its_customer_is_erased() {
    let erased =
        Customer { status: CustomerStatus::Deleted, erase_us: Some(BEFORE_US), ..customer(json!({})) };
    let erased = Member { customer: erased, ..member() };
    let change = revoke(&link(PaymentClaimLinkStatus::Active), &erased, context());
    assert!(answer::<PaymentClaimLink>(&change).metadata.is_empty());
}

#[test]
fn a_token_is_32_characters_that_a_url_takes_and_does_not_show() {
    let token = ClaimToken::new([0xfb; 24]);
    assert_eq!(token.expose(), "-_v7".repeat(8));
    let read = ClaimToken::read(token.expose()).unwrap();
    assert_eq!(read.key(), token.key());
    let sealed = SealedToken { key_version: 1, sealed: vec![7] };
    assert_eq!(format!("{token:?} {sealed:?}"), "ClaimToken(…) SealedToken { key_version: 1, .. }");
    for text in ["", &token.expose()[1..], &format!("{}x", token.expose()), &"é".repeat(16), &"/".repeat(32)]
    {
        assert!(ClaimToken::read(text).is_none(), "{text}");
    }
}

#[test]
fn what_is_kept_beside_a_link_is_the_end_of_its_row() {
    let body = serde_json::to_string(&link(PaymentClaimLinkStatus::Active)).unwrap();
    assert!(body.ends_with(r#","metadata":{"order":1}}"#), "{body}");
}

#[test]
fn a_link_ends_with_whoever_is_deleted_for_good() {
    let active = link(PaymentClaimLinkStatus::Active);
    let theirs = Belongings { links: vec![active], ..Belongings::default() };
    let change = delete_for_good(&member(), &theirs, context()).unwrap();
    let ended = change.writes.last().unwrap();
    assert_eq!(ended.event.as_ref().unwrap().0, EventType::ClaimLinkRevoked);
    let ended = PaymentClaimLink::try_from(ended.resource.clone()).unwrap();
    assert_eq!((ended.status, ended.update_us), (PaymentClaimLinkStatus::Revoked, NOW_US));
}
