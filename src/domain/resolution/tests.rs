use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::domain::fixtures::{customer, domain};

/// A customer of whom everything is known.
fn known() -> Customer {
    Customer {
        status_before: Some(crate::domain::CustomerStatus::Enabled),
        delete_us: Some(9),
        erase_us: None,
        ..customer(json!({
            "type": "BUSINESS", "name": "Ada King Lovelace", "first_name": "Ada Augusta", "middle_name": "king",
            "last_name": "Lovelace", "nick_name": "Émile",
            "business": {
                "legal_name": "Engines Ltd", "trade_name": "The Engine  Shop", "website": "https://x.example",
                "industry": "6012", "description": "Engines",
            },
            "email": "ada@x.example", "phone": "+1234567",
            "billing_address": {
                "line1": "1 Street", "line2": "Flat", "city": "London", "state": "L", "postal_code": "W1",
                "country": "GB",
            },
            "payment_address": "ada@acme", "external_id": "Ext-1", "metadata": {"secret": "yes"},
        }))
    }
}

fn told(disclosure: &str, own: bool) -> Value {
    let domain = Arc::new(domain(json!({ "disclosure": disclosure })));
    let resolution = disclose(known(), Arc::clone(&domain), own);
    assert_eq!(resolution.domain, domain);
    // All but the profile is as it was.
    assert_eq!(Customer { profile: known().profile, ..resolution.customer.clone() }, known());
    serde_json::to_value(resolution.customer.profile).unwrap()
}

fn whole() -> Value {
    json!({
        "type": "BUSINESS", "name": "Ada King Lovelace", "first_name": "Ada Augusta", "middle_name": "king",
        "last_name": "Lovelace", "nick_name": "Émile", "business": {"trade_name": "The Engine  Shop"},
        "payment_address": "ada@acme",
    })
}

// Each of these compares the whole profile: what is not in the expected value is not told.

#[test]
fn its_own_domain_is_told_every_name_whatever_is_disclosed_to_others() {
    for disclosure in Disclosure::ALL {
        assert_eq!(told(disclosure.as_str(), true), whole(), "{disclosure}");
    }
}

#[test]
fn another_domain_is_told_every_name_where_full_names_are_disclosed() {
    assert_eq!(told("FULL_NAME", false), whole());
}

#[test]
fn another_domain_is_told_the_first_letter_of_each_name_where_initials_are_disclosed() {
    assert_eq!(
        told("INITIALS", false),
        json!({
            "type": "BUSINESS", "name": "A K L", "first_name": "A A", "middle_name": "k", "last_name": "L",
            "nick_name": "É", "business": {"trade_name": "T E S"}, "payment_address": "ada@acme",
        })
    );
}

#[test]
fn another_domain_is_told_no_name_where_only_the_status_is_disclosed() {
    assert_eq!(told("STATUS_ONLY", false), json!({"type": "BUSINESS", "payment_address": "ada@acme"}));
}

#[test]
fn a_name_that_is_not_set_has_no_initials() {
    let domain = Arc::new(domain(json!({"disclosure": "INITIALS"})));
    let resolution = disclose(customer(json!({"first_name": "Ada"})), domain, false);
    assert_eq!(
        serde_json::to_value(resolution.customer.profile).unwrap(),
        json!({"type": "INDIVIDUAL", "first_name": "A"})
    );
}

#[test]
fn an_initial_is_never_a_mark() {
    let domain = Arc::new(domain(json!({"disclosure": "INITIALS"})));
    let resolution = disclose(customer(json!({"last_name": "'t Hooft (3rd) & —"})), domain, false);
    assert_eq!(resolution.customer.profile.last_name.as_str(), "t H 3");
}
