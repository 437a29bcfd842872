use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::domain::fixtures::{
    answer, context, customer, customer_id, domain, event, line, member, on_chain, the_member,
};
use crate::domain::{Customer, CustomerStatus, Resource, Table};

fn code(text: &str) -> Code {
    text.to_owned().try_into().unwrap()
}

fn account() -> PaymentDetails {
    PaymentDetails::BankAccount(BankAccount {
        account_name: line("Ada \"A\" Lovelace, }\","),
        account_number: code("DE02120300000000202051"),
        account_type: line("savings"),
        bank_name: line("Byron's"),
        bank_code: Some(code("BYLADEM1001")),
    })
}

fn wallet_on(network: Network) -> PaymentDetails {
    PaymentDetails::external_wallet(network, &on_chain(network, 7))
}

fn added(details: PaymentDetails) -> Result<Change> {
    let new = NewPaymentMethod { customer_id: customer_id(1), details };
    add(&new, &member(), PaymentMethodId::from_uuid(Uuid::from_u128(1)), context())
}

fn deleted() -> Member {
    let customer = Customer { status: CustomerStatus::Deleted, ..customer(json!({})) };
    Member { customer, domain: Arc::new(domain(json!({}))) }
}

#[test]
fn a_method_is_added_as_it_was_told() {
    for (details, kind) in [
        (account(), PaymentMethodType::BankAccount),
        (wallet_on(Network::Ethereum), PaymentMethodType::ExternalWallet),
    ] {
        let change = added(details.clone()).unwrap();
        assert_eq!(event(&change), Some((EventType::PaymentMethodAdded, &[][..])));
        assert_eq!(change.expects, the_member());
        let made: PaymentMethod = answer(&change);
        assert_eq!((made.kind, made.status), (kind, PaymentMethodStatus::Active));
        assert_eq!(made.details, Some(details));
    }
}

#[test]
fn a_wallet_is_on_a_network_that_the_domain_may_use() {
    assert!(matches!(added(wallet_on(Network::Sepolia)), Err(Error::NetworkNotAllowed(..))));
}

#[test]
fn a_deleted_customer_gets_no_new_methods_and_those_there_are_can_go() {
    let new = NewPaymentMethod { customer_id: customer_id(1), details: account() };
    let refused = add(&new, &deleted(), PaymentMethodId::from_uuid(Uuid::from_u128(1)), context());
    assert!(matches!(refused, Err(Error::CustomerDeleted(_))));
    let method: PaymentMethod = answer(&added(account()).unwrap());
    assert_eq!(
        event(&remove(&method, &deleted(), context()).unwrap()),
        Some((EventType::PaymentMethodRemoved, &["status", "details"][..]))
    );
    // Of one who is erased they are without details already.
    let emptied = PaymentMethod { details: None, ..method };
    assert_eq!(event(&remove(&emptied, &deleted(), context()).unwrap()).unwrap().1, ["status"]);
}

#[test]
fn a_method_is_removed_once_and_stays_on_record_without_its_details() {
    let method = PaymentMethod { sequence: 4, ..answer(&added(account()).unwrap()) };
    let change = remove(&method, &member(), context()).unwrap();
    assert_eq!(event(&change), Some((EventType::PaymentMethodRemoved, &["status", "details"][..])));
    let removed: PaymentMethod = answer(&change);
    assert_eq!((removed.status, &removed.details), (PaymentMethodStatus::Removed, &None));
    assert!(
        matches!(remove(&removed, &member(), context()), Err(Error::PaymentMethodRemoved(it)) if it == method.id)
    );
}

#[test]
fn details_are_of_the_type_that_was_said() {
    let bank = Some(PaymentMethodType::BankAccount);
    assert!(account().of(None).is_ok() && account().of(bank).is_ok());
    assert!(wallet_on(Network::Ethereum).of(bank).is_err());
    // In a row too, where they may be gone.
    let method: PaymentMethod = answer(&added(account()).unwrap());
    let read = |it: &PaymentMethod| {
        let body = Resource::from(it.clone()).to_json().unwrap();
        Resource::from_json(Table::PaymentMethods, &body, 1).is_ok()
    };
    assert!(read(&method) && read(&PaymentMethod { details: None, ..method.clone() }));
    assert!(!read(&PaymentMethod { details: Some(wallet_on(Network::Ethereum)), ..method }));
}

#[test]
fn who_may_not_see_account_numbers_sees_the_end_of_one() {
    let method: PaymentMethod = answer(&added(account()).unwrap());
    let Some(PaymentDetails::BankAccount(masked)) = method.masked().details else { unreachable!() };
    assert_eq!(masked.account_number.as_str(), "******************2051");
    assert_eq!(masked.account_name, line("Ada \"A\" Lovelace, }\","));
    let wallet: PaymentMethod = answer(&added(wallet_on(Network::Ethereum)).unwrap());
    assert_eq!(wallet.clone().masked(), wallet);
}

#[test]
fn the_details_are_the_end_of_a_body() {
    let method: PaymentMethod = answer(&added(account()).unwrap());
    let body = Resource::from(method.clone()).to_json().unwrap();
    let (rest, _) = body.split_once(",\"details\":").unwrap();
    let without = Resource::from(PaymentMethod { details: None, ..method }).to_json().unwrap();
    assert_eq!(format!("{rest}}}"), without);
}
