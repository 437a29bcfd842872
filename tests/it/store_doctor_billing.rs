//! The doctor on billing: nothing is wrong with what the program makes, and exactly that is which somebody has spoilt.

use std::collections::BTreeSet;

use purser::api::{Transaction, TransactionType};
use serde_json::json;

use crate::billing_wire::{KINDS, but};
use crate::harness::on_each_database;
use crate::raw::Raw;
use crate::wallets_wire::{Purse, booked};

on_each_database!(Purse:
    what_is_spoilt_in_the_books_is_found_and_nothing_else,
    what_erasure_would_have_left_is_found_in_each_table,
);

const TABLES: [&str; 6] =
    ["payment_intents", "invoices", "subscriptions", "payment_methods", "counters", "unique_keys"];

async fn what_is_spoilt_in_the_books_is_found_and_nothing_else(mut it: Purse) {
    const COUNT: &str = "each customer counts their billing records";
    const MADE: &str = "each billing record and payment method that was made has a row";
    const OWNED: &str = "each billing record and payment method is a customer's of its domain";
    const NAMED: &str = "each external id leads to its billing record, and no other leads anywhere";
    const ROW: &str = "each row is found by what it says";
    let customer = it.customer().await;
    for kind in &KINDS {
        it.keeper.upsert(kind, &kind.of(&customer, "one")).await;
        it.keeper.upsert(kind, &kind.of(&customer, "two")).await;
    }
    let account = json!({"account_name": "Ada", "account_number": "12345678"});
    let method = json!({"payment_method": {"customer_id": customer, "bank_account": account}});
    it.keeper.say("AddPaymentMethod", &method).await;
    let store = it.acme.server.app.store().clone();
    let faults = async || -> BTreeSet<&'static str> {
        store.check().await.unwrap().into_iter().filter(|it| it.1 != 0).map(|it| it.0).collect()
    };
    assert_eq!(faults().await, BTreeSet::new());
    let mut raw = Raw::open(it.database()).await;
    for table in TABLES {
        raw.run(&format!("CREATE TABLE saved_{table} AS SELECT * FROM {table}")).await;
    }
    let one = "body LIKE '%\"external_id\":\"one\"%'";
    let mut table = vec![
        ("UPDATE counters SET value = value + 1 WHERE name = 'invoices'".to_owned(), vec![COUNT]),
        ("DELETE FROM counters WHERE name = 'subscriptions'".to_owned(), vec![COUNT]),
        (
            "INSERT INTO counters SELECT domain_id, 'payment_intents', 1 FROM payment_methods".to_owned(),
            vec![COUNT],
        ),
        ("DELETE FROM payment_methods".to_owned(), vec![MADE]),
        (
            "UPDATE payment_methods SET body = replace(body, 'BankAccount', 'x')".to_owned(),
            vec![ROW, "each payment method is what its last event says"],
        ),
        ("UPDATE payment_methods SET status = 'REMOVED'".to_owned(), vec![ROW]),
        ("UPDATE payment_methods SET customer_id = domain_id".to_owned(), vec![ROW, OWNED]),
        ("DELETE FROM unique_keys WHERE key = 'invoice/one'".to_owned(), vec![NAMED]),
        ("UPDATE unique_keys SET key = 'invoice/three' WHERE key = 'invoice/one'".to_owned(), vec![NAMED]),
    ];
    let says = ["each payment intent", "each invoice", "each subscription"];
    for (kind, says) in KINDS.iter().zip(says) {
        let rows = kind.nouns;
        let says: &'static str = match says {
            "each payment intent" => "each payment intent is what its last event says",
            "each invoice" => "each invoice is what its last event says",
            _ => "each subscription is what its last event says",
        };
        table.extend([
            (format!("DELETE FROM {rows} WHERE {one}"), vec![MADE, NAMED, COUNT]),
            (format!("UPDATE {rows} SET body = replace(body, 'OPEN', 'PAID') WHERE {one}"), vec![ROW, says]),
            (format!("UPDATE {rows} SET status = 'PAID' WHERE {one}"), vec![ROW]),
            (format!("UPDATE {rows} SET body = replace(body, '9.5', '9.6') WHERE {one}"), vec![says]),
            (format!("UPDATE {rows} SET customer_id = domain_id WHERE {one}"), vec![ROW, OWNED, COUNT]),
        ]);
    }
    for (harm, expected) in table {
        assert!(raw.run(&harm).await > 0, "{harm}");
        assert_eq!(faults().await, expected.into_iter().collect(), "{harm}");
        for table in TABLES {
            raw.run(&format!("DELETE FROM {table}")).await;
            raw.run(&format!("INSERT INTO {table} SELECT * FROM saved_{table}")).await;
        }
    }
    assert_eq!(faults().await, BTreeSet::new());
}

/// One body at a time is put back to what it was before its customer was erased.
///
/// Sabotage: leave a row out of `PERSONAL`; then `erasure` leaves what it names, and the doctor does not look for it.
async fn what_erasure_would_have_left_is_found_in_each_table(mut it: Purse) {
    const WORDLESS: &str = "whoever is erased has left no words in the books, and nothing of how they pay";
    let customer = it.customer().await;
    for kind in &KINDS {
        it.keeper.upsert(kind, &but(kind.of(&customer, "one"), &json!({"description": "Tea"}))).await;
    }
    it.keeper.upsert(&KINDS[2], &but(KINDS[2].of(&customer, "two"), &json!({"plan": "Gold"}))).await;
    let account = json!({"account_name": "Ada", "account_number": "12345678"});
    let method = json!({"payment_method": {"customer_id": customer, "bank_account": account}});
    it.keeper.say("AddPaymentMethod", &method).await;
    let wallet = it.keeper.ledger(&customer, "EUR").await.unwrap();
    let paid = booked(TransactionType::Credit, &wallet.id, "1");
    it.keeper.record(Transaction { description: "Rent".to_owned(), ..paid }).await.unwrap();
    let mut raw = Raw::open(it.database()).await;
    let tables = ["transactions", "payment_intents", "invoices", "subscriptions", "payment_methods"];
    for table in tables {
        raw.run(&format!("CREATE TABLE before_{table} AS SELECT id, body FROM {table}")).await;
    }
    it.acme.client.delete(&customer).await.unwrap();
    it.keeper.say("EraseCustomer", &json!({"id": customer})).await;
    let store = it.acme.server.app.store().clone();
    let faults = async || -> Vec<(&'static str, i64)> {
        store.check().await.unwrap().into_iter().filter(|it| it.1 != 0).collect()
    };
    assert_eq!(faults().await, []);
    let mut spoilt = 0;
    for table in tables {
        raw.run(&format!("CREATE TABLE after_{table} AS SELECT id, body FROM {table}")).await;
        for text in ["Tea", "Gold", "Ada", "Rent"] {
            let back = |from: &str, only: &str| {
                format!(
                    "UPDATE {table} SET body = (SELECT o.body FROM {from}_{table} AS o WHERE o.id = {table}.id) {only}"
                )
            };
            let only = format!("WHERE id IN (SELECT id FROM before_{table} WHERE body LIKE '%\"{text}\"%')");
            if raw.run(&back("before", &only)).await > 0 {
                assert_eq!(faults().await, [(WORDLESS, 1)], "{table} {text}");
                spoilt += 1;
            }
            raw.run(&back("after", "")).await;
        }
    }
    assert_eq!((spoilt, faults().await), (6, vec![]));
}
