use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::domain::fixtures::{
    BEFORE_US, NOW_US, address, answer, context, customer, customer_id, domain, domain_id, line, member,
    wallet,
};
use crate::domain::{
    Customer, CustomerStatus, Expect, Metadata, Noun, PaymentClaimLinkStatus, WalletKind, WalletStatus,
};

const HASH: &str = "0xabababababababababababababababababababababababababababababababab";

fn link() -> PaymentClaimLink {
    PaymentClaimLink {
        id: PaymentClaimLinkId::from_uuid(Uuid::from_u128(7)),
        sequence: 8,
        domain_id: domain_id(1),
        customer_id: customer_id(1),
        status: PaymentClaimLinkStatus::Active,
        use_count: 0,
        max_uses: 1,
        expire_us: NOW_US + 1,
        create_us: BEFORE_US,
        update_us: BEFORE_US,
        metadata: Metadata::default(),
    }
}

/// What is claimed, or the fields at fault.
fn read(
    network: Option<Network>,
    token: &str,
    amount: &str,
    hash: &str,
    note: &str,
) -> Result<NewClaim, Vec<String>> {
    let mut faults = Faults::default();
    let read = NewClaim::parse(network, token, amount.to_owned(), hash, note.to_owned(), &mut faults);
    match faults.done() {
        Ok(()) => Ok(read.unwrap()),
        Err(Error::Invalid(faults)) => Err(faults.into_iter().map(|it| it.field.into_owned()).collect()),
        Err(other) => panic!("{other}"),
    }
}

fn new() -> NewClaim {
    read(Some(Network::Ethereum), "USDC", "1.50", HASH, " for tea ").unwrap()
}

fn submitted() -> Change {
    submit(&new(), &link(), &member(), ClaimId::from_uuid(Uuid::from_u128(9)), context()).unwrap()
}

fn claim() -> Claim {
    Claim { sequence: 9, ..answer(&submitted()) }
}

fn owned() -> (Wallet, String) {
    let wallet = Wallet { addresses: vec![address(Network::Ethereum, 1)], ..wallet(WalletKind::Managed) };
    let shown = wallet.addresses[0].address.clone();
    (wallet, shown)
}

fn transaction_id() -> TransactionId {
    TransactionId::from_uuid(Uuid::from_u128(11))
}

fn approved(claim: &Claim, wallet: Option<&(Wallet, String)>) -> Result<Change> {
    let evidence = Evidence { deposits: Vec::new(), wallet: wallet.cloned() };
    approve(claim, &evidence, &member(), transaction_id(), context())
}

/// The claim's deposit as an indexer recorded it, as event 7.
fn deposited() -> Transaction {
    let change = approved(&claim(), Some(&owned())).unwrap();
    let deposit: Transaction = change.writes[1].resource.clone().try_into().unwrap();
    let id = TransactionId::from_uuid(Uuid::from_u128(12));
    Transaction { id, sequence: 7, log_index: 37, ..deposit }
}

fn gone(erased: bool) -> Member {
    let customer = Customer {
        status: CustomerStatus::Deleted,
        erase_us: erased.then_some(BEFORE_US),
        ..customer(json!({}))
    };
    Member { customer, ..member() }
}

fn events(change: &Change) -> Vec<(EventType, Vec<&'static str>)> {
    change.writes.iter().filter_map(|it| it.event.clone()).collect()
}

#[test]
fn every_field_that_is_wrong_is_named_and_amounts_are_by_the_token() {
    let evm = Some(Network::Ethereum);
    assert_eq!(new().amount.to_string(), "1500000");
    assert_eq!(new().note.as_str(), "for tea");
    for (claimed, fields) in [
        (read(evm, "", "", "", "a\nb"), &["token", "amount", "tx_hash", "note"][..]),
        (read(None, "", "", "", ""), &["token", "amount", "tx_hash"]),
        (read(evm, "BTC", "1", HASH, ""), &["token"]),
        (read(evm, "USDC", "0.0000001", HASH, ""), &["amount"]),
        (read(evm, "USDC", "0", HASH, ""), &["amount"]),
        (read(evm, "USDC", "-1", HASH, ""), &["amount"]),
        (read(evm, "USDC", "1", &HASH[2..], ""), &["tx_hash"]),
        (read(Some(Network::Solana), "SOL", "1", HASH, ""), &["tx_hash"]),
        (read(evm, "USDC", "1", HASH, &"x".repeat(501)), &["note"]),
    ] {
        assert_eq!(claimed.unwrap_err(), fields);
    }
    assert!(read(evm, "USDC", "0.000001", HASH, &"x".repeat(500)).is_ok());
}

#[test]
fn a_claim_uses_its_link_and_takes_its_transaction() {
    let change = submitted();
    let claim: Claim = answer(&change);
    assert_eq!(
        (claim.status, claim.amount.in_token(claim.decimals)),
        (ClaimStatus::Pending, "1.5".to_owned())
    );
    let used = (EventType::ClaimLinkUsed, vec!["use_count", "status"]);
    assert_eq!(events(&change), [(EventType::ClaimSubmitted, vec![]), used]);
    let text = format!("ethereum/{HASH}");
    let key = UniqueKey::of_customer(KeyKind::ClaimedTransaction, domain_id(1), &text);
    assert_eq!(change.keys, [KeyChange::TakeFor(key, claim.id.as_uuid())]);
    // The link is part of what it was decided on, so that no two use the last use.
    assert!(change.decided_on().any(|it| it.id == link().id.as_uuid() && it.sequence == 8));
    let twice = PaymentClaimLink { max_uses: 2, ..link() };
    let change = submit(&new(), &twice, &member(), claim.id, context()).unwrap();
    assert_eq!(events(&change)[1].1, ["use_count"]);
}

#[test]
fn nothing_is_claimed_by_a_link_that_has_ended_of_somebody_gone_or_where_it_is_not_allowed() {
    let by = |link: &PaymentClaimLink, member: &Member| {
        submit(&new(), link, member, ClaimId::from_uuid(Uuid::from_u128(9)), context()).map(|_| ())
    };
    let revoked = PaymentClaimLink { status: PaymentClaimLinkStatus::Revoked, ..link() };
    assert!(matches!(by(&revoked, &gone(false)), Err(Error::NotFound(Noun::ClaimLink))));
    let expired = PaymentClaimLink { expire_us: NOW_US, ..link() };
    assert!(matches!(by(&expired, &member()), Err(Error::ClaimLinkExpired { .. })));
    assert!(matches!(by(&link().used(NOW_US), &member()), Err(Error::ClaimLinkUsed)));
    assert!(matches!(by(&link(), &gone(false)), Err(Error::PayeeDeleted)));
    let mut sandbox = domain(json!({}));
    sandbox.environment = crate::domain::Environment::Sandbox;
    let sandbox = Member { domain: std::sync::Arc::new(sandbox), ..member() };
    assert!(matches!(by(&link(), &sandbox), Err(Error::NetworkNotAllowed(..))));
}

#[test]
fn approval_records_the_deposit_with_the_claim() {
    let change = approved(&claim(), Some(&owned())).unwrap();
    let next: Claim = answer(&change);
    assert_eq!((next.status, next.transaction_id), (ClaimStatus::Approved, Some(transaction_id())));
    let kinds: Vec<_> = events(&change).into_iter().map(|it| it.0).collect();
    assert_eq!(kinds, [EventType::ClaimApproved, EventType::TransactionCreated]);
    assert_eq!(change.adds.len(), 1);
    // The wallet must still be as it was, and so must the claim.
    for row in [Expect::from(&owned().0), Expect::from(&claim())] {
        assert!(change.decided_on().any(|it| it == row), "{row:?}");
    }
    let frozen = (Wallet { status: WalletStatus::Frozen, ..owned().0 }, owned().1);
    assert!(approved(&claim(), Some(&frozen)).is_ok());
}

#[test]
fn a_deposit_that_approval_records_is_there_once_for_the_customer() {
    let change = approved(&claim(), Some(&owned())).unwrap();
    assert_eq!(change.unrecorded, Some(claim().on_record()));
    let text = format!("ethereum/{HASH}/{}", customer_id(1));
    let key = UniqueKey::of_customer(KeyKind::ClaimedDeposit, domain_id(1), &text);
    assert!(change.keys.contains(&KeyChange::TakeFor(key, transaction_id().as_uuid())), "{:?}", change.keys);
}

#[test]
fn a_deposit_that_is_on_record_is_what_is_approved_if_it_is_what_is_claimed() {
    let with = |deposits: &[Transaction]| {
        let evidence = Evidence { deposits: deposits.to_vec(), wallet: None };
        approve(&claim(), &evidence, &member(), transaction_id(), context())
    };
    let (met, theirs) = (deposited(), Transaction { customer_id: customer_id(2), ..deposited() });
    let change = with(&[theirs.clone(), met.clone()]).unwrap();
    assert_eq!(answer::<Claim>(&change).transaction_id, Some(met.id));
    let approval = (EventType::ClaimApproved, vec!["status", "transaction_id"]);
    assert_eq!((events(&change), change.adds.len()), (vec![approval], 0));
    assert!(change.expects.contains(&Expect::from(&met)), "it must still be so");
    for other in [
        theirs,
        Transaction { status: TransactionStatus::Pending, ..met.clone() },
        Transaction { token: "USDT".to_owned(), ..met.clone() },
        Transaction { amount: Amount::default(), ..met },
    ] {
        let Err(Error::Taken { kind: KeyKind::Transaction, owner }) = with(std::slice::from_ref(&other))
        else {
            panic!("{other:?}")
        };
        assert_eq!(owner, Some(other.id.to_string()));
    }
}

#[test]
fn a_claim_is_closed_once() {
    let no = Error::NoWalletOnNetwork(customer_id(1), Network::Ethereum).to_string();
    assert_eq!(approved(&claim(), None).unwrap_err().to_string(), no);
    for status in [ClaimStatus::Approved, ClaimStatus::Rejected] {
        let closed = Claim { status, ..claim() };
        assert!(matches!(approved(&closed, None), Err(Error::ClaimClosed(_, it)) if it == status));
        let rejected = reject(&closed, &member(), line("no"), context());
        assert!(matches!(rejected, Err(Error::ClaimClosed(_, it)) if it == status));
    }
    let evidence = Evidence { deposits: Vec::new(), wallet: Some(owned()) };
    let refused = approve(&claim(), &evidence, &gone(false), transaction_id(), context());
    assert!(matches!(refused, Err(Error::CustomerDeleted(_))));
}

#[test]
fn rejection_keeps_why_and_frees_the_transaction() {
    let change = reject(&claim(), &gone(false), line("no such payment"), context()).unwrap();
    let next: Claim = answer(&change);
    assert_eq!((next.status, next.reason.as_str()), (ClaimStatus::Rejected, "no such payment"));
    assert_eq!((change.reason.as_str(), next.note.as_str()), ("no such payment", "for tea"));
    assert_eq!(change.keys, [KeyChange::Release(claim().key())]);
}

#[test]
fn nothing_is_said_of_somebody_who_is_erased() {
    let change = reject(&claim(), &gone(true), line("no such payment"), context()).unwrap();
    let next: Claim = answer(&change);
    assert!(next.reason.is_empty() && next.note.is_empty() && change.reason.is_empty());
}
