//! What is decided on claims: once, with the deposit or not at all.

use purser::api::{self, ClaimStatus};
use tonic::Code;

use super::desk::{Desk, claim, token_of};
use crate::harness::{bad_fields, on_each_database};
use crate::raw::Raw;
use crate::rows::dump_all;
use crate::wallets_wire::failed;
use crate::wire::{is, refusal, told};

on_each_database!(Desk:
    a_claim_is_closed_once,
    a_deposit_goes_to_the_wallet_in_use_of_ours_and_oldest_or_to_the_one_that_is_named,
    a_rejection_keeps_why_and_is_replayed,
    what_was_written_leaves_with_the_customer,
    the_doctor_sees_what_does_not_fit,
);

async fn a_claim_is_closed_once(mut it: Desk) {
    let (customer, wallet) = it.payee().await;
    let token = token_of(&it.link_for(&customer, 9).await);
    let first = it.submit(claim(&token, 1)).await.unwrap();
    let second = it.submit(claim(&token, 2)).await.unwrap();
    let (id, request_id) = (first.id.clone(), "yes".to_owned());
    let request = api::ApproveClaimRequest { id, request_id, ..Default::default() };
    let approved = it.claims.approve_claim(request.clone()).await.unwrap().into_inner();
    let again = it.claims.approve_claim(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner(), approved);
    it.reject(&second.id, "").await.unwrap();
    for (id, status) in [(&first.id, "APPROVED"), (&second.id, "REJECTED")] {
        for refused in [it.approve(id).await.unwrap_err(), it.reject(id, "x").await.unwrap_err()] {
            assert_eq!(
                (told(&refused, "status"), told(&refused, "claim_id")),
                (status.to_owned(), id.clone())
            );
            assert_eq!(refusal::<()>(Err(refused)), failed("CLAIM_CLOSED"));
        }
    }
    assert_eq!(it.purse.keeper.transactions(&wallet).await.len(), 1);
    let absent = "claim_01h455vb4pex5vsknk084sn02q";
    assert_eq!(refusal(it.approve(absent).await), is(Code::NotFound, "CLAIM_NOT_FOUND"));
    assert_eq!(bad_fields(&it.approve("x").await.unwrap_err()), ["id"]);
    it.assert_sound().await;
}

async fn a_deposit_goes_to_the_wallet_in_use_of_ours_and_oldest_or_to_the_one_that_is_named(mut it: Desk) {
    let customer = it.purse.customer().await;
    let token = token_of(&it.link_for(&customer, 9).await);
    let claimed = it.submit(claim(&token, 1)).await.unwrap();
    let elsewhere = it.purse.keeper.create(&customer, &["solana"]).await.unwrap().id;
    let before = it.purse.picture().await;
    let refused = it.approve(&claimed.id).await.unwrap_err();
    assert_eq!(told(&refused, "network"), "ethereum");
    assert_eq!(refusal::<()>(Err(refused)), failed("NO_WALLET_ON_NETWORK"));
    assert_eq!(it.purse.picture().await, before);
    let linked = "0x000000000000000000000000000000000000dEaD";
    let mut wallets = vec![it.purse.keeper.link(&customer, "ethereum", linked).await.unwrap().id];
    for _ in 0..4 {
        wallets.push(it.purse.keeper.create(&customer, &["ethereum"]).await.unwrap().id);
    }
    it.purse.keeper.remove(&wallets[1]).await.unwrap();
    it.purse.keeper.freeze(&wallets[2]).await.unwrap();
    let (_, theirs) = it.payee().await;
    let absent = "wal_01h455vb4pex5vsknk084sn02q".to_owned();
    let on = |wallet: &str, id: &str| api::ApproveClaimRequest {
        id: id.to_owned(),
        wallet_id: wallet.to_owned(),
        ..Default::default()
    };
    for none in [&theirs, &elsewhere, &wallets[1], &absent] {
        let refused = it.claims.approve_claim(on(none, &claimed.id)).await.map(drop);
        assert_eq!(refusal(refused), failed("NO_WALLET_ON_NETWORK"));
    }
    let malformed = it.claims.approve_claim(on(&customer, "x")).await.unwrap_err();
    assert_eq!(bad_fields(&malformed), ["id", "wallet_id"]);
    let mut counts = [0; 5];
    // First those that are named, frozen or linked; then what is chosen: in use, ours, oldest; linked before frozen.
    for (byte, named, to) in
        [(1, Some(2), 2), (2, Some(0), 0), (3, None, 3), (4, None, 4), (5, None, 0), (6, None, 2)]
    {
        let claimed = if byte == 1 { claimed.clone() } else { it.submit(claim(&token, byte)).await.unwrap() };
        let wallet = named.map_or("", |it: usize| wallets[it].as_str());
        let approved = it.claims.approve_claim(on(wallet, &claimed.id)).await.unwrap().into_inner();
        counts[to] += 1;
        for (wallet, count) in wallets.iter().zip(counts) {
            assert_eq!(it.purse.keeper.transactions(wallet).await.len(), count, "{byte}");
        }
        assert_eq!(approved.claim.unwrap().status(), ClaimStatus::Approved);
        // What is left is the next best.
        match byte {
            3 => drop(it.purse.keeper.remove(&wallets[3]).await.unwrap()),
            4 => drop(it.purse.keeper.remove(&wallets[4]).await.unwrap()),
            5 => drop(it.purse.keeper.remove(&wallets[0]).await.unwrap()),
            _ => {}
        }
    }
    it.assert_sound().await;
}

async fn a_rejection_keeps_why_and_is_replayed(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let link = it.link(&customer).await;
    let claimed = it.submit(claim(&token_of(&link), 1)).await.unwrap();
    let request = api::RejectClaimRequest {
        id: claimed.id.clone(),
        reason: " no such payment ".to_owned(),
        request_id: "no".to_owned(),
    };
    let too_long = api::RejectClaimRequest { reason: "x".repeat(256), ..request.clone() };
    assert_eq!(bad_fields(&it.claims.reject_claim(too_long).await.unwrap_err()), ["reason"]);
    let rejected = it.claims.reject_claim(request.clone()).await.unwrap().into_inner().claim.unwrap();
    assert_eq!((rejected.status(), rejected.reason.as_str()), (ClaimStatus::Rejected, "no such payment"));
    let again = it.claims.reject_claim(request).await.unwrap().into_inner().claim.unwrap();
    assert_eq!(again, rejected);
    // A use is a use: the link is used up all the same.
    let refused = it.submit(claim(&token_of(&link), 2)).await;
    assert_eq!(refusal(refused), failed("CLAIM_LINK_USED"));
    let listed = it.list(api::ListClaimsRequest { link_id: link.id, ..Default::default() }).await;
    assert_eq!(listed, [rejected]);
    it.assert_sound().await;
}

/// Sabotage: in `src/store/erasure.rs`, leave a row of `PERSONAL` out.
async fn what_was_written_leaves_with_the_customer(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let kind = Some(prost_types::value::Kind::StringValue("zqulometa \"},\"x\":{".to_owned()));
    let nested =
        prost_types::Struct { fields: [("metadata".to_owned(), prost_types::Value { kind })].into() };
    let kind = Some(prost_types::value::Kind::StructValue(nested));
    let fields = [("metadata".to_owned(), prost_types::Value { kind })].into();
    let link = api::CreatePaymentClaimLinkRequest {
        customer_id: customer.clone(),
        max_uses: 9,
        metadata: Some(prost_types::Struct { fields }),
        request_id: "zquloasked".to_owned(),
        ..Default::default()
    };
    let link = it.link_as(link).await.unwrap();
    let token = token_of(&link);
    let mut claims = Vec::new();
    for byte in 1..=3 {
        let note = format!("zqulonote \\\",\"reason\":\"{byte}");
        claims.push(it.submit(api::SubmitClaimRequest { note, ..claim(&token, byte) }).await.unwrap().id);
    }
    it.reject(&claims[0], "zquloreason \\\" , }").await.unwrap();
    it.approve(&claims[1]).await.unwrap();
    assert!(dump_all(it.purse.database()).await.contains("zqulo"));
    it.erase(&customer).await;
    let left = dump_all(it.purse.database()).await;
    assert!(!left.contains("zqulo"), "{left}");
    for id in &claims {
        let claim = it.get(id).await.unwrap();
        assert!(claim.note.is_empty() && claim.reason.is_empty() && claim.amount == "1.5");
    }
    it.assert_sound().await;
    // Nor does it come back by what is done afterwards.
    it.reject(&claims[2], "zqulolate").await.unwrap();
    it.revoke(&link.id).await.unwrap();
    assert!(!dump_all(it.purse.database()).await.contains("zqulo"));
    it.assert_sound().await;
}

async fn the_doctor_sees_what_does_not_fit(mut it: Desk) {
    let (customer, _) = it.payee().await;
    let link = it.link_for(&customer, 2).await;
    let claimed = it.submit(claim(&token_of(&link), 1)).await.unwrap();
    it.approve(&claimed.id).await.unwrap();
    it.assert_sound().await;
    let mut raw = Raw::open(it.purse.database()).await;
    let store = it.app().store().clone();
    for (spoil, mend, found) in [
        (
            "UPDATE claim_links SET body = replace(body, '\"use_count\":1', '\"use_count\":0')",
            "UPDATE claim_links SET body = replace(body, '\"use_count\":0', '\"use_count\":1')",
            "each payment claim link was used as often",
        ),
        (
            "UPDATE claims SET transaction_id = customer_id",
            "UPDATE claims SET transaction_id = (SELECT id FROM transactions)",
            "each claim that is approved has its deposit",
        ),
        (
            "UPDATE claims SET status = 'PENDING'",
            "UPDATE claims SET status = 'APPROVED'",
            "each claim that is approved has its deposit",
        ),
        (
            "UPDATE customers SET body = replace(body, '\"create_us\":', '\"erase_us\":1,\"create_us\":')",
            "UPDATE customers SET body = replace(body, '\"erase_us\":1,', '')",
            "whoever is erased has left no words",
        ),
        (
            "UPDATE claim_tokens SET link_id = (SELECT customer_id FROM claims)",
            "UPDATE claim_tokens SET link_id = (SELECT link_id FROM claims)",
            "each payment claim link has its token",
        ),
        (
            "UPDATE claims SET customer_id = link_id",
            "UPDATE claims SET customer_id = (SELECT customer_id FROM claim_links)",
            "each payment claim link is for a customer",
        ),
        (
            "UPDATE unique_keys SET key = 'x' || key WHERE kind = 'claimed_transaction'",
            "UPDATE unique_keys SET key = substr(key, 2) WHERE kind = 'claimed_transaction'",
            "each transaction that is claimed",
        ),
        (
            "UPDATE unique_keys SET key = 'x' || key WHERE kind = 'claimed_deposit'",
            "UPDATE unique_keys SET key = substr(key, 2) WHERE kind = 'claimed_deposit'",
            "each deposit that a claim's approval recorded",
        ),
        (
            "UPDATE transactions SET tx_hash = 'x' || tx_hash",
            "UPDATE transactions SET tx_hash = substr(tx_hash, 2)",
            "each row is found by what it says",
        ),
    ] {
        assert_eq!(raw.run(spoil).await, 1, "{spoil}");
        let broken = store.check().await.unwrap();
        assert!(broken.iter().any(|it| it.1 > 0 && it.0.starts_with(found)), "{spoil}: {broken:?}");
        assert_eq!(raw.run(mend).await, 1, "{mend}");
        it.assert_sound().await;
    }
}
