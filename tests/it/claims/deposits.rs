//! What is on record already: a payment is credited once, whoever is first.

use std::path::Path;

use purser::api::{self, ClaimStatus, TransactionStatus};
use tonic::Code;

use super::desk::{Desk, approve, claim, claims_over, hash, raced, token_of};
use crate::concurrency::channels;
use crate::harness::{on_each_database, reason};
use crate::raw::Raw;
use crate::wallets_wire::{Keeper, deposit};
use crate::wire::{is, refusal, told};

on_each_database!(Desk:
    a_deposit_on_record_is_what_the_claim_is_approved_with,
    a_deposit_that_approval_recorded_is_not_recorded_again,
    what_is_on_record_otherwise_than_it_is_claimed_is_for_somebody_to_look_at,
    a_deposit_that_is_recorded_while_it_is_approved_is_credited_once,
    a_deposit_from_before_claims_is_found_by_its_hash,
);

/// What an indexer records: 1.5 USDC at a place in the transaction.
fn indexed(wallet: &str, byte: u8, log_index: u32) -> api::Transaction {
    api::Transaction { tx_hash: hash(byte), log_index, ..deposit(wallet, "ethereum", "USDC", "1.5") }
}

const ONCE: [&str; 4] = ["ethereum", "USDC", "1.5", "1500000"];

async fn a_deposit_on_record_is_what_the_claim_is_approved_with(mut it: Desk) {
    let (customer, first) = it.payee().await;
    let second = it.purse.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let token = token_of(&it.link_for(&customer, 9).await);
    for (byte, wallet) in [(1, &first), (2, &second)] {
        let claimed = it.submit(claim(&token, byte)).await.unwrap();
        let known = it.purse.keeper.record(indexed(wallet, byte, 37)).await.unwrap();
        let approved = it.approve(&claimed.id).await.unwrap();
        assert_eq!((approved.status(), &approved.transaction_id), (ClaimStatus::Approved, &known.id));
        assert_eq!(it.purse.keeper.transactions(wallet).await, [known]);
        assert_eq!(it.purse.keeper.balances(wallet).await, [ONCE]);
        // Only approval hinders an indexer, and it recorded nothing: the transaction may have paid them twice.
        it.purse
            .keeper
            .record(api::Transaction { reference: format!("more-{byte}"), ..indexed(wallet, byte, 38) })
            .await
            .unwrap();
    }
    it.assert_sound().await;
}

/// Sabotage: in `transaction::record`, keep no name free.
async fn a_deposit_that_approval_recorded_is_not_recorded_again(mut it: Desk) {
    let (customer, first) = it.payee().await;
    let second = it.purse.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let token = token_of(&it.link_for(&customer, 9).await);
    let claimed = it.submit(claim(&token, 1)).await.unwrap();
    let approved = it.approve(&claimed.id).await.unwrap();
    let before = it.purse.picture().await;
    for (wallet, log_index) in [(&first, 0), (&first, 37), (&second, 0), (&second, 37)] {
        let pending = TransactionStatus::Pending.into();
        for again in [
            indexed(wallet, 1, log_index),
            api::Transaction { status: pending, ..indexed(wallet, 1, log_index) },
        ] {
            let refused = it.purse.keeper.record(again).await.unwrap_err();
            assert_eq!(told(&refused, "transaction_id"), approved.transaction_id);
            assert_eq!(refusal::<()>(Err(refused)), is(Code::AlreadyExists, "TRANSACTION_EXISTS"));
        }
    }
    assert_eq!(it.purse.picture().await, before);
    // To another customer, and on another network, it is another.
    let (_, other) = it.payee().await;
    it.purse.keeper.record(indexed(&other, 1, 38)).await.unwrap();
    assert_eq!(it.purse.keeper.balances(&first).await, [ONCE]);
    it.assert_sound().await;
}

async fn what_is_on_record_otherwise_than_it_is_claimed_is_for_somebody_to_look_at(mut it: Desk) {
    let (customer, wallet) = it.payee().await;
    let (_, theirs) = it.payee().await;
    let token = token_of(&it.link_for(&customer, 9).await);
    let pending = TransactionStatus::Pending.into();
    for (byte, known) in [
        (1, indexed(&theirs, 1, 37)),
        (2, api::Transaction { status: pending, ..indexed(&wallet, 2, 37) }),
        (3, api::Transaction { amount: "1.4".to_owned(), ..indexed(&wallet, 3, 37) }),
        (4, api::Transaction { token: "USDT".to_owned(), ..indexed(&wallet, 4, 37) }),
    ] {
        let known = it.purse.keeper.record(known).await.unwrap();
        let claimed = it.submit(claim(&token, byte)).await.unwrap();
        let before = it.purse.picture().await;
        let refused = it.approve(&claimed.id).await.unwrap_err();
        assert_eq!(told(&refused, "transaction_id"), known.id);
        assert_eq!(refusal::<()>(Err(refused)), is(Code::AlreadyExists, "TRANSACTION_EXISTS"));
        assert_eq!(it.purse.picture().await, before);
        assert_eq!(it.get(&claimed.id).await.unwrap().status(), ClaimStatus::Pending);
        if byte != 2 {
            continue;
        }
        // Once it is confirmed, it is what is claimed.
        it.purse.keeper.move_on(&known.id, TransactionStatus::Confirmed).await.unwrap();
        assert_eq!(it.approve(&claimed.id).await.unwrap().transaction_id, known.id);
    }
    // What failed is as if it were not there.
    let gone = it.purse.keeper.record(indexed(&wallet, 5, 37)).await.unwrap();
    it.purse.keeper.move_on(&gone.id, TransactionStatus::Failed).await.unwrap();
    let claimed = it.submit(claim(&token, 5)).await.unwrap();
    let approved = it.approve(&claimed.id).await.unwrap();
    assert!(approved.transaction_id != gone.id && !approved.transaction_id.is_empty());
    // A withdrawal is no deposit.
    let out = api::Transaction { r#type: api::TransactionType::Withdrawal.into(), ..indexed(&theirs, 6, 0) };
    it.purse.keeper.record(out).await.unwrap();
    let claimed = it.submit(claim(&token, 6)).await.unwrap();
    it.approve(&claimed.id).await.unwrap();
    it.assert_sound().await;
}

/// Sabotage: in `claim::approve`, do not ask that the transaction is unrecorded.
async fn a_deposit_that_is_recorded_while_it_is_approved_is_credited_once(mut it: Desk) {
    let (customer, wallet) = it.payee().await;
    let (_, theirs) = it.payee().await;
    let token = token_of(&it.link_for(&customer, 99).await);
    let key = it.purse.acme.tenant.key.clone();
    let mut two = channels(&it.purse.acme.server, 2).await.into_iter();
    let mut keeper = Keeper::of(two.next().unwrap(), &key);
    let mut claims = claims_over(two.next().unwrap(), &key);
    let (mut credited, mut seen) = (0, std::collections::BTreeSet::new());
    for round in 1..=48_u8 {
        let id = it.submit(claim(&token, round)).await.unwrap().id;
        // Every third time to somebody else: then the claim is refused, or was approved before.
        let to = if round % 3 == 0 { &theirs } else { &wallet };
        let known = indexed(to, round, 37);
        let (recorded, approved) = raced(round, keeper.record(known), approve(&mut claims, &id)).await;
        let found =
            it.purse.keeper.transactions(&wallet).await.iter().filter(|it| it.tx_hash == hash(round)).count();
        let outcome = match (recorded, approved) {
            (Ok(known), Ok(claim)) if to == &wallet => {
                assert_eq!((claim.transaction_id, found), (known.id, 1));
                "recorded, then approved with it"
            }
            (Err(refused), Ok(claim)) if to == &wallet => {
                assert_eq!((reason(&refused).as_str(), found), ("TRANSACTION_EXISTS", 1));
                assert_eq!(told(&refused, "transaction_id"), claim.transaction_id);
                "approved, then not recorded"
            }
            (Ok(_), Ok(_)) => {
                assert_eq!(found, 1);
                "approved, then recorded for somebody else"
            }
            (Ok(known), Err(refused)) => {
                assert_eq!((reason(&refused).as_str(), found), ("TRANSACTION_EXISTS", 0));
                assert_eq!(told(&refused, "transaction_id"), known.id);
                assert_eq!(to, &theirs);
                "recorded for somebody else, then not approved"
            }
            (recorded, approved) => panic!("{recorded:?} {approved:?}"),
        };
        credited += found;
        seen.insert(outcome);
    }
    let amount = format!("{}.{}", credited * 3 / 2, if credited % 2 == 0 { "" } else { "5" });
    let balances = it.purse.keeper.balances(&wallet).await;
    assert_eq!(balances[0][2], amount.trim_end_matches('.'));
    assert_eq!(seen.len(), 4, "each was first at times: {seen:?}");
    it.assert_sound().await;
}

/// The migration fills the column of rows that were there before it.
async fn a_deposit_from_before_claims_is_found_by_its_hash(mut it: Desk) {
    let (customer, wallet) = it.payee().await;
    let known = it.purse.keeper.record(indexed(&wallet, 1, 37)).await.unwrap();
    let mut raw = Raw::open(it.purse.database()).await;
    raw.run("UPDATE transactions SET tx_hash = ''").await;
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let folder = if it.app().store().is_embedded() { "sqlite" } else { "postgres" };
    let migration = std::fs::read_to_string(migrations.join(folder).join("0008_claims.sql")).unwrap();
    let fill = migration.lines().find(|it| it.starts_with("UPDATE transactions SET tx_hash")).unwrap();
    raw.run(fill).await;
    let token = token_of(&it.link(&customer).await);
    let claimed = it.submit(claim(&token, 1)).await.unwrap();
    assert_eq!(it.approve(&claimed.id).await.unwrap().transaction_id, known.id);
    it.assert_sound().await;
}
