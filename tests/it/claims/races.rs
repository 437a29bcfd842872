//! Many at once: one use is one claim, and one claim is one deposit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use purser::api::{self, ClaimStatus};
use purser::domain::Scopes;
use tokio::task::JoinSet;

use super::desk::{Desk, approve, claim, claims_over, fresh_hash, raced, submit, token_of};
use crate::concurrency::channels;
use crate::harness::{on_each_database, reason};
use crate::journal::size;
use crate::raw::Raw;
use crate::wire::Answer;

on_each_database!(Desk:
    of_64_submissions_at_once_by_a_link_for_one_use_one_is_a_claim,
    of_64_claims_of_one_transaction_at_once_one_stands,
    of_32_approvals_at_once_one_records_a_deposit,
    an_approval_that_meets_what_forbids_it_records_all_or_nothing,
    a_submission_that_meets_what_ends_its_link_is_before_that_or_not_at_all,
    a_link_is_made_before_its_customer_is_deleted_or_not_at_all,
);

/// How often calls at once were told what.
async fn outcomes<T: Send + 'static>(
    calls: impl Iterator<Item = impl Future<Output = Answer<T>> + Send + 'static>,
) -> BTreeMap<String, usize> {
    let mut racing = JoinSet::new();
    calls.for_each(|call| drop(racing.spawn(call)));
    let mut told = BTreeMap::new();
    for answer in racing.join_all().await {
        *told.entry(answer.map_or_else(|it| reason(&it), |_| "OK".to_owned())).or_default() += 1;
    }
    told
}

fn counts(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

/// The rounds of a race of two: 16, or one for every 32 of `PURSER_PROOF_CON_6`. Each is named by which of the two
/// has how much of a lead (`raced`).
fn rounds() -> impl Iterator<Item = u8> {
    (0..7).cycle().take(size("PURSER_PROOF_CON_6", 500).div_ceil(32))
}

/// Sabotage: in `claim::submit`, write no link.
async fn of_64_submissions_at_once_by_a_link_for_one_use_one_is_a_claim(mut it: Desk) {
    let (customer, _) = it.payee().await;
    for (uses, told) in
        [(1, [("OK", 1), ("CLAIM_LINK_USED", 63)]), (10, [("OK", 10), ("CLAIM_LINK_USED", 54)])]
    {
        let link = it.link_for(&customer, uses).await;
        let channels = channels(&it.purse.acme.server, 64).await;
        let token = token_of(&link);
        let first = u8::try_from(uses).unwrap() * 10;
        let calls =
            channels.into_iter().zip(first..).map(|(channel, byte)| submit(channel, claim(&token, byte)));
        assert_eq!(outcomes(calls).await, counts(&told));
        assert_eq!(it.get_link(&link.id).await.unwrap().use_count, uses);
    }
    it.assert_sound().await;
}

async fn of_64_claims_of_one_transaction_at_once_one_stands(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let link = it.link_for(&customer, 1_000).await;
    let token = token_of(&link);
    let channels = channels(&it.purse.acme.server, 64).await;
    let calls = channels.into_iter().map(|channel| submit(channel, claim(&token, 7)));
    assert_eq!(outcomes(calls).await, counts(&[("OK", 1), ("CLAIM_EXISTS", 63)]));
    assert_eq!(it.get_link(&link.id).await.unwrap().use_count, 1);
    it.assert_sound().await;
}

async fn of_32_approvals_at_once_one_records_a_deposit(mut it: Desk) {
    let (customer, wallet) = it.payee().await;
    let token = token_of(&it.link(&customer).await);
    let claimed = it.submit(claim(&token, 1)).await.unwrap();
    let key = it.purse.acme.tenant.key.clone();
    let calls = channels(&it.purse.acme.server, 32).await.into_iter().map(|channel| {
        let (mut claims, id) = (claims_over(channel, &key), claimed.id.clone());
        async move { approve(&mut claims, &id).await }
    });
    assert_eq!(outcomes(calls).await, counts(&[("OK", 1), ("CLAIM_CLOSED", 31)]));
    assert_eq!(it.purse.keeper.transactions(&wallet).await.len(), 1);
    assert_eq!(it.purse.keeper.balances(&wallet).await, [["ethereum", "USDC", "1.5", "1500000"]]);
    it.assert_sound().await;
}

/// CON-6 for approvals: the wallet is removed, the customer is deleted, the claim is rejected, or the domain is suspended
/// meanwhile; as many `rounds` of each.
///
/// Sabotage: in `claim::approve`, expect nothing.
async fn an_approval_that_meets_what_forbids_it_records_all_or_nothing(mut it: Desk) {
    const FORBIDS: [&str; 4] =
        ["NO_WALLET_ON_NETWORK", "CUSTOMER_DELETED", "CLAIM_CLOSED", "DOMAIN_SUSPENDED"];
    let operator = it.purse.acme.server.operator_key(Scopes::all()).await;
    let mut admin = it.purse.acme.server.admin(&operator).await;
    let mut raw = Raw::open(it.purse.database()).await;
    let domain = String::from(it.purse.acme.tenant.domain.id);
    let mut seen = BTreeSet::new();
    let mut two = channels(&it.purse.acme.server, 2).await.into_iter();
    let (_, elsewhere) = (two.next(), two.next().unwrap());
    for (why, round) in rounds().flat_map(|round| FORBIDS.map(|why| (why, round))) {
        let (customer, wallet) = it.payee().await;
        let token = token_of(&it.link(&customer).await);
        let request = api::SubmitClaimRequest { tx_hash: fresh_hash(), ..claim(&token, 0) };
        let id = it.submit(request).await.unwrap().id;
        let mut claims = claims_over(elsewhere.clone(), &it.purse.acme.tenant.key);
        let approving = approve(&mut claims, &id);
        // The sequence of the event by which it is forbidden.
        let (forbidden, approved) = match why {
            "NO_WALLET_ON_NETWORK" => {
                let mut keeper = it.purse.keeper.clone();
                raced(round, async { keeper.remove(&wallet).await.map(|it| it.sequence) }, approving).await
            }
            "CUSTOMER_DELETED" => {
                let client = &mut it.purse.acme.client;
                raced(round, async { client.delete(&customer).await.map(|it| it.sequence) }, approving).await
            }
            "CLAIM_CLOSED" => {
                raced(round, async { it.reject(&id, "").await.map(|it| it.sequence) }, approving).await
            }
            _ => {
                let request = api::SuspendDomainRequest { id: domain.clone(), ..Default::default() };
                let suspending = async {
                    admin.suspend_domain(request).await?;
                    let last = "SELECT max(sequence) FROM events WHERE type = 'domain.updated'";
                    Ok(raw.number(last).await)
                };
                let raced = raced(round, suspending, approving).await;
                let request = api::ReinstateDomainRequest { id: domain.clone(), ..Default::default() };
                admin.reinstate_domain(request).await.unwrap();
                if !it.purse.acme.server.app.store().is_embedded() {
                    // Until the other instance has seen it.
                    tokio::time::sleep(Duration::from_millis(1_200)).await;
                }
                raced
            }
        };
        seen.insert((why, approved.is_ok()));
        let recorded = it.purse.keeper.transactions(&wallet).await.len();
        let status = it.get(&id).await.unwrap().status();
        match (approved, forbidden) {
            (Ok(approved), forbidden) => {
                assert_eq!((recorded, status), (1, ClaimStatus::Approved));
                // It was first; after it, nothing is left to be rejected.
                match forbidden {
                    Ok(sequence) => assert!(why != "CLAIM_CLOSED" && approved.sequence < sequence, "{why}"),
                    Err(refused) => {
                        assert_eq!((reason(&refused).as_str(), why), ("CLAIM_CLOSED", "CLAIM_CLOSED"))
                    }
                }
            }
            (Err(refused), forbidden) => {
                assert_eq!((reason(&refused).as_str(), recorded), (why, 0));
                assert!(forbidden.is_ok() && status != ClaimStatus::Approved);
            }
        }
    }
    assert_eq!(seen.len(), 2 * FORBIDS.len(), "each was first at times: {seen:?}");
    eprintln!("CON-6: {} approvals of each of {FORBIDS:?}; 0 by half", rounds().count());
    it.assert_sound().await;
}

/// CON-6 for submissions: the link is revoked, or the customer is deleted meanwhile; as many `rounds` of each.
///
/// Sabotage: in `claim::submit`, expect no customer; or let `PaymentClaimLink::admit` pass what is revoked.
async fn a_submission_that_meets_what_ends_its_link_is_before_that_or_not_at_all(mut it: Desk) {
    const ENDS: [&str; 2] = ["CLAIM_LINK_NOT_FOUND", "CUSTOMER_DELETED"];
    let mut seen = BTreeSet::new();
    let mut two = channels(&it.purse.acme.server, 2).await.into_iter();
    let (_, elsewhere) = (two.next(), two.next().unwrap());
    for (why, round) in rounds().flat_map(|round| ENDS.map(|why| (why, round))) {
        let (customer, _) = it.payee().await;
        let link = it.link(&customer).await;
        let request = api::SubmitClaimRequest { tx_hash: fresh_hash(), ..claim(&token_of(&link), 0) };
        let submitting = submit(elsewhere.clone(), request);
        let (ended, submitted) = match why {
            "CUSTOMER_DELETED" => {
                let client = &mut it.purse.acme.client;
                raced(round, async { client.delete(&customer).await.map(|it| it.sequence) }, submitting).await
            }
            _ => raced(round, async { it.revoke(&link.id).await.map(|it| it.sequence) }, submitting).await,
        };
        seen.insert((why, submitted.is_ok()));
        let used = it.get_link(&link.id).await.unwrap().use_count;
        match submitted {
            Ok(claimed) => {
                let before = it.get(&claimed.id).await.unwrap().sequence;
                assert!(used == 1 && before < ended.unwrap(), "{why}");
            }
            Err(refused) => assert_eq!((reason(&refused).as_str(), used, ended.is_ok()), (why, 0, true)),
        }
    }
    assert_eq!(seen.len(), 4, "each was first at times: {seen:?}");
    it.assert_sound().await;
}

/// CON-6 for links, as many `rounds`.
///
/// Sabotage: in `claim_link::create`, expect no customer.
async fn a_link_is_made_before_its_customer_is_deleted_or_not_at_all(mut it: Desk) {
    let mut seen = BTreeSet::new();
    let mut two = channels(&it.purse.acme.server, 2).await.into_iter();
    let (_, elsewhere) = (two.next(), two.next().unwrap());
    for round in rounds() {
        let (customer, _) = it.payee().await;
        let mut claims = claims_over(elsewhere.clone(), &it.purse.acme.tenant.key);
        let request =
            api::CreatePaymentClaimLinkRequest { customer_id: customer.clone(), ..Default::default() };
        let client = &mut it.purse.acme.client;
        let making = claims.create_payment_claim_link(request);
        let (deleted, made) = raced(round, client.delete(&customer), making).await;
        seen.insert(made.is_ok());
        match made {
            Ok(made) => {
                let made = made.into_inner().payment_claim_link.unwrap();
                assert!(made.sequence < deleted.unwrap().sequence);
            }
            Err(refused) => {
                assert_eq!((reason(&refused).as_str(), deleted.is_ok()), ("CUSTOMER_DELETED", true))
            }
        }
    }
    assert_eq!(seen.len(), 2, "each was first at times");
    it.assert_sound().await;
}
