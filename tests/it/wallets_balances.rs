//! What wallets hold by their books: the sum of what is confirmed, to the smallest unit, and never below zero in a ledger.

use purser::api::{Transaction, TransactionStatus, TransactionType};

use crate::concurrency::assert_sound;
use crate::harness::{bad_fields, on_each_database};
use crate::wallets_wire::{Purse, booked, deposit, failed, moved};
use crate::wire::{refusal, told};

on_each_database!(Purse:
    each_network_and_token_has_a_balance_of_what_is_confirmed,
    a_reorganisation_takes_the_balance_back,
    a_wallet_that_sent_more_than_was_recorded_is_below_zero,
    a_ledger_wallet_is_never_below_zero,
    ten_ether_and_two_to_the_two_hundred_add_up_exactly,
);

async fn each_network_and_token_has_a_balance_of_what_is_confirmed(mut it: Purse) {
    use TransactionType::{Credit, Debit, Deposit, Withdrawal};
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum", "base", "solana"]).await.unwrap().id;
    assert!(it.keeper.balances(&wallet).await.is_empty());
    for (kind, network, token, amount) in [
        (Deposit, "ethereum", "ETH", "1.5"),
        (Withdrawal, "ethereum", "ETH", "0.25"),
        (Deposit, "base", "ETH", "7"),
        (Credit, "ethereum", "USDC", "100"),
        (Debit, "ethereum", "USDC", "0.000001"),
        (Deposit, "solana", "SOL", "0.000000001"),
        (Deposit, "ethereum", "USDT", "3"),
        (Withdrawal, "ethereum", "USDT", "3"),
    ] {
        it.keeper.record(moved(kind, &wallet, network, token, amount)).await.unwrap();
    }
    let waiting = |it| Transaction { status: it, ..deposit(&wallet, "ethereum", "ETH", "9") };
    it.keeper.record(waiting(TransactionStatus::Pending.into())).await.unwrap();
    let refused = it.keeper.record(waiting(TransactionStatus::Failed.into())).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["transaction.status"], "what failed is not recorded");
    let mut balances = it.keeper.balances(&wallet).await;
    balances.sort();
    let expected = [
        ["base", "ETH", "7", "7000000000000000000"],
        ["ethereum", "ETH", "1.25", "1250000000000000000"],
        ["ethereum", "USDC", "99.999999", "99999999"],
        ["ethereum", "USDT", "0", "0"],
        ["solana", "SOL", "0.000000001", "1"],
    ];
    assert_eq!(balances, expected.map(|it| it.map(str::to_owned)));
    let told = it.told("GetBalances", &serde_json::json!({"wallet_id": wallet})).await;
    let answer: purser::api::GetBalancesResponse = prost::Message::decode(told.body.as_slice()).unwrap();
    for balance in answer.balances {
        assert_eq!((balance.source(), balance.block_height), (purser::api::BalanceSource::Ledger, 0));
        assert!(balance.observe_time.unwrap().seconds > 1_700_000_000);
    }
    assert_sound(it.acme.server.app.store()).await;
}

async fn a_reorganisation_takes_the_balance_back(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let first = it.keeper.record(deposit(&wallet, "ethereum", "ETH", "2")).await.unwrap();
    let second = Transaction { status: 0, ..deposit(&wallet, "ethereum", "ETH", "3") };
    let second = it.keeper.record(second).await.unwrap();
    let of = |amount: &str| {
        [["ethereum", "ETH", amount, &format!("{amount}000000000000000000")].map(str::to_owned)]
    };
    assert_eq!(it.keeper.balances(&wallet).await, of("2"));
    it.keeper.move_on(&second.id, TransactionStatus::Confirmed).await.unwrap();
    assert_eq!(it.keeper.balances(&wallet).await, of("5"));
    it.keeper.move_on(&first.id, TransactionStatus::Failed).await.unwrap();
    assert_eq!(it.keeper.balances(&wallet).await, of("3"));
    it.keeper.move_on(&second.id, TransactionStatus::Failed).await.unwrap();
    assert_eq!(it.keeper.balances(&wallet).await, [["ethereum", "ETH", "0", "0"]]);
    assert_sound(it.acme.server.app.store()).await;
}

async fn a_wallet_that_sent_more_than_was_recorded_is_below_zero(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let sent = moved(TransactionType::Withdrawal, &wallet, "ethereum", "ETH", "0.5");
    it.keeper.record(sent).await.unwrap();
    assert_eq!(it.keeper.balances(&wallet).await, [["ethereum", "ETH", "-0.5", "-500000000000000000"]]);
    it.keeper.record(deposit(&wallet, "ethereum", "ETH", "0.75")).await.unwrap();
    assert_eq!(it.keeper.balances(&wallet).await, [["ethereum", "ETH", "0.25", "250000000000000000"]]);
}

async fn a_ledger_wallet_is_never_below_zero(mut it: Purse) {
    use TransactionType::{Credit, Debit, Deposit, Withdrawal};
    let customer = it.customer().await;
    let wallet = it.keeper.ledger(&customer, "EUR").await.unwrap().id;
    let credit = it.keeper.record(booked(Credit, &wallet, "10")).await.unwrap();
    it.keeper.record(booked(Deposit, &wallet, "0.5")).await.unwrap();
    it.keeper.record(booked(Withdrawal, &wallet, "10.49")).await.unwrap();
    let pending = Transaction { status: 0, ..booked(Debit, &wallet, "1") };
    let pending = it.keeper.record(pending).await.unwrap();
    let before = it.picture().await;
    for refused in [
        it.keeper.record(booked(Debit, &wallet, "0.02")).await,
        it.keeper.record(booked(Withdrawal, &wallet, "1000000")).await,
        it.keeper.move_on(&pending.id, TransactionStatus::Confirmed).await,
        // What was spent meanwhile cannot be taken back.
        it.keeper.move_on(&credit.id, TransactionStatus::Failed).await,
    ] {
        let status = refused.unwrap_err();
        assert_eq!(told(&status, "wallet_id"), wallet);
        assert_eq!(refusal::<()>(Err(status)), failed("INSUFFICIENT_BALANCE"));
    }
    assert_eq!(it.picture().await, before);
    it.keeper.record(booked(Debit, &wallet, "0.01")).await.unwrap();
    assert_eq!(it.keeper.balances(&wallet).await, [["", "EUR", "0", "0"]]);
    assert_sound(it.acme.server.app.store()).await;
}

async fn ten_ether_and_two_to_the_two_hundred_add_up_exactly(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let two_to_200 = "1606938044258990275541962092341162602522202.993782792835301376";
    for amount in ["10", two_to_200] {
        it.keeper.record(deposit(&wallet, "ethereum", "ETH", amount)).await.unwrap();
    }
    let sum = "1606938044258990275541962092341162602522212993782792835301376";
    let balance = ["ethereum", "ETH", "1606938044258990275541962092341162602522212.993782792835301376", sum];
    assert_eq!(it.keeper.balances(&wallet).await, [balance]);
    it.keeper
        .record(moved(TransactionType::Withdrawal, &wallet, "ethereum", "ETH", two_to_200))
        .await
        .unwrap();
    assert_eq!(it.keeper.balances(&wallet).await, [["ethereum", "ETH", "10", "10000000000000000000"]]);
    assert_sound(it.acme.server.app.store()).await;
}
