//! Short words for what a client says about billing.

use serde_json::{Value, json};

use crate::descriptors::{decode, method};
use crate::raw::Raw;
use crate::wallets_wire::{Keeper, Purse, told};

/// A kind of billing record, as the wire calls it.
pub struct Kind {
    pub upsert: &'static str,
    pub list: &'static str,
    /// The field that holds one, and the noun of its events.
    pub noun: &'static str,
    /// The field that holds many, and the name of its table and count.
    pub nouns: &'static str,
    pub prefix: &'static str,
    pub amount: &'static str,
    pub count: &'static str,
}

pub const KINDS: [Kind; 3] = [
    Kind {
        upsert: "UpsertPaymentIntent",
        list: "ListPaymentIntents",
        noun: "payment_intent",
        nouns: "payment_intents",
        prefix: "pi_",
        amount: "amount",
        count: "payment_intent_count",
    },
    Kind {
        upsert: "UpsertInvoice",
        list: "ListInvoices",
        noun: "invoice",
        nouns: "invoices",
        prefix: "inv_",
        amount: "total",
        count: "invoice_count",
    },
    Kind {
        upsert: "UpsertSubscription",
        list: "ListSubscriptions",
        noun: "subscription",
        nouns: "subscriptions",
        prefix: "sub_",
        amount: "amount",
        count: "subscription_count",
    },
];

impl Kind {
    /// One of the kind with what it must have.
    pub fn of(&self, customer: &str, external_id: &str) -> Value {
        json!({"customer_id": customer, "external_id": external_id, "status": "OPEN", self.amount: "9.5",
               "currency": "EUR"})
    }

    /// What is said in words in one of the kind, all of it the same.
    pub fn words(&self, text: &str) -> Value {
        let words = json!({"description": text});
        if self.noun == "subscription" { but(words, &json!({"plan": text})) } else { words }
    }
}

/// The same with other values in some fields.
pub fn but(mut value: Value, changes: &Value) -> Value {
    for (field, change) in changes.as_object().unwrap() {
        value[field] = change.clone();
    }
    value
}

impl Keeper {
    /// What a method answers that does not refuse, as JSON.
    pub async fn say(&self, name: &str, request: &Value) -> Value {
        let told = told(self, name, request).await;
        assert_eq!(told.outcome(), "OK", "{name} {request}: {}", told.message);
        decode(&method(name), &told.body)
    }

    /// How a call ends: `OK`, or code and reason.
    pub async fn outcome(&self, name: &str, request: &Value) -> String {
        told(self, name, request).await.outcome()
    }

    /// Tells of a billing record.
    pub async fn upsert(&self, kind: &Kind, record: &Value) -> Value {
        self.say(kind.upsert, &json!({kind.noun: record})).await[kind.noun].clone()
    }

    /// Everything on the pages of a list.
    pub async fn pages(&self, kind: &Kind, filter: &Value, page_size: i32) -> Vec<Value> {
        let (mut all, mut token) = (Vec::new(), json!(""));
        loop {
            let asked = but(filter.clone(), &json!({"page_size": page_size, "page_token": token}));
            let mut page = self.say(kind.list, &asked).await;
            if let Some(Value::Array(items)) = page.get_mut(kind.nouns).map(Value::take) {
                all.extend(items);
            }
            match page.get("next_page_token") {
                Some(next) => token = next.clone(),
                None => return all,
            }
        }
    }
}

impl Purse {
    /// How many events there are of a type.
    pub async fn events_of(&self, kind: &str) -> i64 {
        let mut raw = Raw::open(self.database()).await;
        raw.number(&format!("SELECT count(*) FROM events WHERE type = '{kind}'")).await
    }

    /// How many rows a table has.
    pub async fn rows_of(&self, table: &str) -> i64 {
        Raw::open(self.database()).await.number(&format!("SELECT count(*) FROM {table}")).await
    }
}
