//! Transactions over the wire: recorded as they were told, once, and listed.

use purser::api::{self, Transaction, TransactionStatus, TransactionType};
use tonic::Code;

use crate::harness::{bad_fields, on_each_database};
use crate::raw::Raw;
use crate::wallets_wire::{Purse, booked, deposit, moved};
use crate::wire::{is, refusal, told};

on_each_database!(Purse:
    what_was_recorded_is_found_as_it_was_answered,
    the_same_movement_is_recorded_once,
    a_reference_is_one_transaction_s_in_its_domain,
    what_does_not_fit_the_wallet_is_refused,
    a_hash_has_the_form_of_its_network,
    lists_hold_what_the_filters_say,
    transactions_of_one_type_are_listed_by_an_index_in_their_order,
);

const ADA: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

fn hash(byte: u8) -> String {
    format!("0x{}", format!("{byte:02x}").repeat(32))
}

async fn wallet(it: &mut Purse) -> api::Wallet {
    let customer = it.customer().await;
    it.keeper.create(&customer, &["ethereum", "solana", "bitcoin", "tron"]).await.unwrap()
}

async fn what_was_recorded_is_found_as_it_was_answered(mut it: Purse) {
    let wallet = wallet(&mut it).await;
    let own = wallet.addresses[0].address.clone();
    let asked = Transaction {
        id: "not read".to_owned(),
        reference: "order-7/Ä".to_owned(),
        customer_id: "not read".to_owned(),
        address: own.to_lowercase(),
        raw_amount: "7".to_owned(),
        tx_hash: hash(0xAB).to_uppercase().replace("0X", "0x"),
        log_index: u32::MAX,
        block_height: i64::MAX.cast_unsigned(),
        from_address: ADA.to_lowercase(),
        to_address: own.to_lowercase(),
        description: "  Tea & \u{1f375}  ".to_owned(),
        create_time: Some(prost_types::Timestamp::default()),
        ..deposit(&wallet.id, "ethereum", "USDC", "12.3400")
    };
    let made = it.keeper.record(asked.clone()).await.unwrap();
    let expected = Transaction {
        id: made.id.clone(),
        customer_id: wallet.customer_id.clone(),
        address: own.clone(),
        amount: "12.34".to_owned(),
        raw_amount: "12340000".to_owned(),
        tx_hash: hash(0xAB),
        from_address: ADA.to_owned(),
        to_address: own.clone(),
        description: "Tea & \u{1f375}".to_owned(),
        create_time: made.create_time,
        update_time: made.create_time,
        ..asked
    };
    assert_eq!(made, expected);
    assert!(made.id.starts_with("txn_") && made.create_time.unwrap().seconds > 1_700_000_000);
    use api::get_transaction_request::Key;
    for key in [Key::Id(made.id.clone()), Key::Reference(made.reference.clone())] {
        let request = api::GetTransactionRequest { key: Some(key), ..Default::default() };
        let found = it.keeper.wallets.get_transaction(request).await.unwrap().into_inner();
        assert_eq!(found.transaction, Some(made.clone()));
    }
    assert_eq!(it.keeper.transactions(&wallet.id).await, [made]);
    // What is left out is made: a reference, PENDING, the wallet's address on the network.
    let asked = Transaction { status: 0, ..deposit(&wallet.id, "ethereum", "ETH", "1") };
    let made = it.keeper.record(asked).await.unwrap();
    assert_eq!((made.status(), made.address.as_str()), (TransactionStatus::Pending, own.as_str()));
    let request = api::GetTransactionRequest {
        key: Some(Key::Reference(made.reference.clone())),
        ..Default::default()
    };
    let found = it.keeper.wallets.get_transaction(request).await.unwrap().into_inner();
    assert_eq!(found.transaction, Some(made));
}

async fn the_same_movement_is_recorded_once(mut it: Purse) {
    let wallet = wallet(&mut it).await;
    let first = Transaction { tx_hash: hash(1), ..deposit(&wallet.id, "ethereum", "ETH", "1") };
    let made = it.keeper.record(first.clone()).await.unwrap();
    let before = it.picture().await;
    let same = |change: fn(&mut Transaction)| {
        let mut other = first.clone();
        change(&mut other);
        other
    };
    for again in [
        first.clone(),
        same(|it| it.amount = "2".to_owned()),
        same(|it| it.token = "USDC".to_owned()),
        same(|it| it.status = TransactionStatus::Pending.into()),
        same(|it| it.tx_hash = it.tx_hash.to_uppercase().replace("0X", "0x")),
    ] {
        let refused = it.keeper.record(again).await.unwrap_err();
        assert_eq!(told(&refused, "transaction_id"), made.id);
        assert_eq!(refusal::<()>(Err(refused)), is(Code::AlreadyExists, "TRANSACTION_EXISTS"));
    }
    assert_eq!(it.picture().await, before);
    for other in [
        same(|it| it.log_index = 1),
        same(|it| it.r#type = TransactionType::Credit.into()),
        same(|it| it.tx_hash = hash(2)),
        same(|it| it.tx_hash = String::new()),
        same(|it| it.tx_hash = String::new()),
    ] {
        it.keeper.record(other).await.unwrap();
    }
    assert_eq!(it.keeper.balances(&wallet.id).await, [["ethereum", "ETH", "6", "6000000000000000000"]]);
    assert_eq!(it.keeper.transactions(&wallet.id).await.len(), 6);
}

async fn a_reference_is_one_transaction_s_in_its_domain(mut it: Purse) {
    let (first, second) = (wallet(&mut it).await.id, wallet(&mut it).await.id);
    let named = |wallet: &str, reference: &str| Transaction {
        reference: reference.to_owned(),
        ..deposit(wallet, "ethereum", "ETH", "1")
    };
    let longest = "x".repeat(255);
    let made = it.keeper.record(named(&first, &longest)).await.unwrap();
    let refused = it.keeper.record(named(&second, &longest)).await.unwrap_err();
    assert_eq!(told(&refused, "transaction_id"), made.id);
    assert_eq!(refusal::<()>(Err(refused)), is(Code::AlreadyExists, "TRANSACTION_EXISTS"));
    it.keeper.record(named(&second, &longest.to_uppercase())).await.unwrap();
    for wrong in [" x", "x ", "a\nb", &format!("{longest}x")] {
        let refused = it.keeper.record(named(&first, wrong)).await.unwrap_err();
        assert_eq!(bad_fields(&refused), ["transaction.reference"]);
    }
    // Another tenant's may be the same.
    let (_, mut client, mut keeper) = it.with("globex", serde_json::json!({})).await;
    let customer = crate::wallets_wire::new_customer(&mut client).await;
    let theirs = keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    keeper.record(named(&theirs, &longest)).await.unwrap();
}

async fn what_does_not_fit_the_wallet_is_refused(mut it: Purse) {
    let wallet = wallet(&mut it).await;
    let ledger = it.keeper.ledger(&wallet.customer_id, "EUR").await.unwrap().id;
    let bob = it.customer().await;
    let theirs = it.keeper.link(&bob, "ethereum", ADA).await.unwrap();
    let before = it.picture().await;
    let credit = || booked(TransactionType::Credit, &ledger, "1");
    let eth = || deposit(&wallet.id, "ethereum", "ETH", "1");
    for (transaction, fields) in [
        (
            Transaction { network: "ethereum".to_owned(), token: "ETH".to_owned(), ..credit() },
            &["transaction.network"][..],
        ),
        (Transaction { token: "USD".to_owned(), ..credit() }, &["transaction.token"]),
        (Transaction { tx_hash: hash(1), ..credit() }, &["transaction.tx_hash"]),
        (Transaction { network: String::new(), ..eth() }, &["transaction.network"]),
        (Transaction { token: "EUR".to_owned(), ..eth() }, &["transaction.token"]),
        (Transaction { token: "eth".to_owned(), ..eth() }, &["transaction.token"]),
        (Transaction { token: String::new(), ..eth() }, &["transaction.token"]),
        (Transaction { log_index: 1, ..eth() }, &["transaction.log_index"]),
        (Transaction { description: "a\nb".to_owned(), ..eth() }, &["transaction.description"]),
    ] {
        let refused = it.keeper.record(transaction.clone()).await.unwrap_err();
        let bad = bad_fields(&refused);
        assert!(fields.iter().all(|it| bad.iter().any(|bad| bad == it)), "{bad:?} {transaction:?}");
    }
    for transaction in [
        Transaction { address: ADA.to_owned(), ..credit() },
        Transaction { from_address: ADA.to_owned(), ..credit() },
    ] {
        assert_eq!(it.keeper.record(transaction).await.unwrap_err().code(), Code::InvalidArgument);
    }
    for transaction in [
        Transaction { network: "polygon".to_owned(), token: "POL".to_owned(), ..eth() },
        Transaction { address: theirs.addresses[0].address.clone(), ..eth() },
        Transaction { address: "0x8617E340B3D01FA5F11F306F4090FD50E238070D".to_owned(), ..eth() },
    ] {
        let refused = it.keeper.record(transaction).await;
        assert_eq!(refusal(refused), is(Code::NotFound, "ADDRESS_NOT_FOUND"));
    }
    assert_eq!(it.picture().await, before);
}

async fn a_hash_has_the_form_of_its_network(mut it: Purse) {
    let wallet = wallet(&mut it).await.id;
    let bare = hash(0xCD)[2..].to_owned();
    let signature =
        "5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjCJjBRnbJLgp8uirBgmQpjKhoR4tjF3ZpRzrFmBV6UjKdiSZkQUW";
    for (network, token, good, kept, bad) in [
        (
            "ethereum",
            "ETH",
            hash(0xCD),
            hash(0xCD),
            vec![bare.clone(), hash(1) + "0", "0x".to_owned() + &"g".repeat(64)],
        ),
        ("bitcoin", "BTC", bare.to_uppercase(), bare.clone(), vec![hash(1), bare[1..].to_owned()]),
        ("tron", "TRX", bare.clone(), bare.clone(), vec![hash(1)]),
        (
            "solana",
            "SOL",
            signature.to_owned(),
            signature.to_owned(),
            vec![hash(1), bare, signature[2..].to_owned()],
        ),
    ] {
        let with = |tx_hash: String| Transaction { tx_hash, ..deposit(&wallet, network, token, "1") };
        assert_eq!(it.keeper.record(with(good)).await.unwrap().tx_hash, kept);
        for bad in bad {
            let refused = it.keeper.record(with(bad.clone())).await.unwrap_err();
            assert_eq!(bad_fields(&refused), ["transaction.tx_hash"], "{network} {bad}");
        }
    }
}

async fn lists_hold_what_the_filters_say(mut it: Purse) {
    use TransactionType::{Credit, Deposit, Withdrawal};
    let first = wallet(&mut it).await;
    let second = it.keeper.ledger(&first.customer_id, "EUR").await.unwrap().id;
    let mut made = Vec::new();
    for (kind, network, token) in [
        (Deposit, "ethereum", "ETH"),
        (Withdrawal, "ethereum", "USDC"),
        (Deposit, "solana", "SOL"),
        (Credit, "solana", "USDC"),
    ] {
        made.push(it.keeper.record(moved(kind, &first.id, network, token, "1")).await.unwrap());
    }
    let pending = Transaction { status: 0, ..booked(Credit, &second, "1") };
    made.push(it.keeper.record(pending).await.unwrap());
    let ask = |owner: &str, filter: serde_json::Value| {
        let mut request = filter;
        let field = if owner.starts_with("wal_") { "wallet_id" } else { "customer_id" };
        request[field] = owner.into();
        request
    };
    use serde_json::json;
    let customer = &first.customer_id;
    for (request, expected) in [
        (ask(&first.id, json!({})), &[3, 2, 1, 0][..]),
        (ask(customer, json!({})), &[4, 3, 2, 1, 0]),
        (ask(customer, json!({"types": [1]})), &[2, 0]),
        (ask(customer, json!({"types": [2, 3]})), &[4, 3, 1]),
        (ask(customer, json!({"statuses": [1]})), &[4]),
        (ask(customer, json!({"tokens": ["USDC", "EUR"]})), &[4, 3, 1]),
        (ask(customer, json!({"networks": ["solana"]})), &[3, 2]),
        (ask(customer, json!({"networks": ["solana"], "tokens": ["USDC"]})), &[3]),
        (ask(&second, json!({"types": [1]})), &[]),
    ] {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let mut request = request.clone();
            request["page_size"] = 2.into();
            request["page_token"] = token.into();
            let told = it.told("ListTransactions", &request).await;
            let page: api::ListTransactionsResponse = prost::Message::decode(told.body.as_slice()).unwrap();
            seen.extend(page.transactions);
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        let at: Vec<_> = seen.iter().map(|seen| made.iter().position(|it| it == seen).unwrap()).collect();
        assert_eq!(at, expected, "{request}");
    }
}

async fn transactions_of_one_type_are_listed_by_an_index_in_their_order(it: Purse) {
    let mut raw = Raw::open(it.database()).await;
    let plan = raw
        .plan(
            "SELECT t.body, t.sequence FROM transactions AS t WHERE true AND t.domain_id = {id}
             AND t.type = 'CREDIT' ORDER BY t.create_us DESC, t.id DESC LIMIT 26",
        )
        .await;
    assert!(plan.contains("transactions_by_type") && !plan.to_lowercase().contains("sort"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
