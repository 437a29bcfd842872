//! How much money moved, to the smallest unit, and what may still happen to it.

use purser::api::{self, Transaction, TransactionStatus, TransactionType};
use serde_json::json;
use tonic::Code;

use crate::harness::{bad_fields, on_each_database};
use crate::raw::Raw;
use crate::wallets_wire::{Purse, booked, deposit, failed, moved};
use crate::wire::{is, refusal, told};

on_each_database!(Purse:
    amounts_are_exact_in_the_smallest_unit,
    what_is_no_amount_is_refused_and_nothing_is_recorded,
    a_frozen_wallet_takes_and_gives_nothing,
    a_removed_wallet_takes_nothing_new_and_lets_what_it_had_go_on,
    a_transaction_goes_along_its_edges_only,
);

async fn wallet(it: &mut Purse) -> api::Wallet {
    let customer = it.customer().await;
    it.keeper.create(&customer, &["ethereum", "solana", "bitcoin", "tron"]).await.unwrap()
}

async fn amounts_are_exact_in_the_smallest_unit(mut it: Purse) {
    let wallet = wallet(&mut it).await.id;
    let two_to_200 = "1606938044258990275541962092341162602522202993782792835301376";
    let almost_all = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    for (network, token, amount, shown, raw) in [
        ("ethereum", "ETH", "10", "10", "10000000000000000000"),
        (
            "ethereum",
            "ETH",
            "1606938044258990275541962092341162602522202.993782792835301376",
            "1606938044258990275541962092341162602522202.993782792835301376",
            two_to_200,
        ),
        ("ethereum", "ETH", "0.000000000000000001", "0.000000000000000001", "1"),
        ("ethereum", "ETH", "1.000000000000000000000000000000", "1", "1000000000000000000"),
        ("ethereum", "USDC", "0.1", "0.1", "100000"),
        ("solana", "SOL", "0.123456789", "0.123456789", "123456789"),
        ("bitcoin", "BTC", "20999999.9769", "20999999.9769", "2099999997690000"),
        ("tron", "USDT", "1000000000.000001", "1000000000.000001", "1000000000000001"),
    ] {
        let made = it.keeper.record(deposit(&wallet, network, token, amount)).await.unwrap();
        assert_eq!((made.amount.as_str(), made.raw_amount.as_str()), (shown, raw));
        let found = it.keeper.transactions(&wallet).await;
        assert_eq!(found[0], made);
    }
    // The largest that fits 256 bits, in a wallet of its own: it is the whole balance.
    let customer = it.customer().await;
    let full = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let (whole, fraction) = almost_all.split_at(almost_all.len() - 18);
    let largest = format!("{whole}.{fraction}");
    let made = it.keeper.record(deposit(&full, "ethereum", "ETH", &largest)).await.unwrap();
    assert_eq!(made.raw_amount, almost_all);
    assert_eq!(it.keeper.balances(&full).await, [["ethereum", "ETH", largest.as_str(), almost_all]]);
    let before = it.picture().await;
    let more = it.keeper.record(deposit(&full, "ethereum", "ETH", "0.000000000000000001")).await;
    assert_eq!(refusal(more), failed("BALANCE_OVERFLOW"));
    assert_eq!(it.picture().await, before);
}

async fn what_is_no_amount_is_refused_and_nothing_is_recorded(mut it: Purse) {
    let wallet = wallet(&mut it).await;
    let ledger = it.keeper.ledger(&wallet.customer_id, "EUR").await.unwrap().id;
    let before = it.picture().await;
    let too_large = format!("{}.5", "9".repeat(60));
    let (long, precise) = ("9".repeat(61), format!("0.{}1", "0".repeat(30)));
    for amount in [
        "", "0", "0.0", "-1", "+1", "1e3", "1E3", "01", "00.1", ".5", "1.", "1,5", " 1", "1 ", "0x1", "NaN",
        "inf", "1_0", "٣", "1.5.5", &long, &precise,
    ] {
        for transaction in
            [deposit(&wallet.id, "ethereum", "ETH", amount), booked(TransactionType::Credit, &ledger, amount)]
        {
            let refused = it.keeper.record(transaction).await.unwrap_err();
            assert_eq!(bad_fields(&refused), ["transaction.amount"], "{amount}");
            assert_eq!(refusal::<()>(Err(refused)), is(Code::InvalidArgument, "INVALID_FIELD"));
        }
    }
    for (network, token, amount) in [
        ("ethereum", "ETH", "0.0000000000000000001"),
        ("ethereum", "USDC", "0.0000001"),
        ("bitcoin", "BTC", "0.000000001"),
        ("solana", "SOL", "0.0000000001"),
    ] {
        let refused = it.keeper.record(deposit(&wallet.id, network, token, amount)).await.unwrap_err();
        assert_eq!(bad_fields(&refused), ["transaction.amount"], "{token}");
        assert!(refused.message().contains("decimals"), "{}", refused.message());
    }
    let refused = it.keeper.record(deposit(&wallet.id, "ethereum", "ETH", &too_large)).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["transaction.amount"]);
    assert!(refused.message().contains("256 bits"), "{}", refused.message());
    let refused = it.keeper.record(booked(TransactionType::Credit, &ledger, "0.001")).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["transaction.amount"]);
    assert_eq!(it.picture().await, before);
    assert!(it.keeper.balances(&wallet.id).await.is_empty());
}

async fn a_frozen_wallet_takes_and_gives_nothing(mut it: Purse) {
    use TransactionType::{Credit, Debit, Deposit, Withdrawal};
    let wallet = wallet(&mut it).await.id;
    let pending = Transaction { status: 0, ..moved(Withdrawal, &wallet, "ethereum", "ETH", "1") };
    let pending = it.keeper.record(pending).await.unwrap();
    it.keeper.freeze(&wallet).await.unwrap();
    for kind in [Deposit, Credit] {
        it.keeper.record(moved(kind, &wallet, "ethereum", "ETH", "2")).await.unwrap();
    }
    let before = it.picture().await;
    for kind in [Withdrawal, Debit] {
        let refused = it.keeper.record(moved(kind, &wallet, "ethereum", "ETH", "1")).await.unwrap_err();
        assert_eq!(told(&refused, "wallet_id"), wallet);
        assert_eq!(refusal::<()>(Err(refused)), failed("WALLET_FROZEN"));
    }
    assert_eq!(it.picture().await, before);
    it.keeper.move_on(&pending.id, TransactionStatus::Confirmed).await.unwrap();
    assert_eq!(it.keeper.balances(&wallet).await, [["ethereum", "ETH", "3", "3000000000000000000"]]);
}

async fn a_removed_wallet_takes_nothing_new_and_lets_what_it_had_go_on(mut it: Purse) {
    let wallet = wallet(&mut it).await.id;
    let pending = Transaction { status: 0, ..deposit(&wallet, "ethereum", "ETH", "1") };
    let pending = it.keeper.record(pending).await.unwrap();
    it.keeper.remove(&wallet).await.unwrap();
    let before = it.picture().await;
    let refused = it.keeper.record(deposit(&wallet, "ethereum", "ETH", "1")).await;
    assert_eq!(refusal(refused), failed("WALLET_REMOVED"));
    assert_eq!(it.picture().await, before);
    it.keeper.move_on(&pending.id, TransactionStatus::Confirmed).await.unwrap();
    assert_eq!(it.keeper.balances(&wallet).await, [["ethereum", "ETH", "1", "1000000000000000000"]]);
}

async fn a_transaction_goes_along_its_edges_only(mut it: Purse) {
    use TransactionStatus::{Confirmed, Failed, Pending};
    let wallet = wallet(&mut it).await.id;
    for (path, ends) in [
        (&[][..], &[Pending][..]),
        (&[Confirmed], &[Pending, Confirmed]),
        (&[Failed], &[Pending, Confirmed, Failed]),
        (&[Confirmed, Failed], &[Pending, Confirmed, Failed]),
    ] {
        let asked = Transaction { status: 0, ..deposit(&wallet, "ethereum", "ETH", "1") };
        let mut now = it.keeper.record(asked).await.unwrap();
        for to in path {
            let request = api::UpdateTransactionStatusRequest {
                id: now.id.clone(),
                status: (*to).into(),
                block_height: 7,
                ..Default::default()
            };
            let answer = it.keeper.wallets.update_transaction_status(request).await.unwrap().into_inner();
            let next = answer.transaction.unwrap();
            let (block_height, update_time) = (7, next.update_time);
            assert_ne!(update_time, now.update_time);
            assert_eq!(next, Transaction { status: (*to).into(), block_height, update_time, ..now });
            now = next;
        }
        let before = it.picture().await;
        for to in ends {
            let refused = it.keeper.move_on(&now.id, *to).await.unwrap_err();
            let word = |it: TransactionStatus| it.as_str_name().replace("TRANSACTION_STATUS_", "");
            assert_eq!((told(&refused, "from"), told(&refused, "to")), (word(now.status()), word(*to)));
            assert_eq!(refusal::<()>(Err(refused)), failed("TRANSACTION_TRANSITION_NOT_ALLOWED"));
        }
        assert_eq!(it.picture().await, before);
    }
    let ledger = it.customer().await;
    let ledger = it.keeper.ledger(&ledger, "EUR").await.unwrap().id;
    let booked = Transaction { status: 0, ..booked(TransactionType::Credit, &ledger, "1") };
    let id = it.keeper.record(booked).await.unwrap().id;
    // A ledger has no blocks.
    let told = it.told("UpdateTransactionStatus", &json!({"id": id, "status": 2, "block_height": "7"})).await;
    assert_eq!(crate::wallets_wire::faults(&told), ["block_height"]);
    let mut raw = Raw::open(it.database()).await;
    let updated = raw.number("SELECT count(*) FROM events WHERE type = 'transaction.updated'").await;
    assert_eq!(updated, 4);
}
