//! Everything that is wrong with a request is said at once.

use purser::api::{self, BillingAddress, Business, Customer};
use tonic::Code;

use crate::harness::{bad_fields, on_each_database, reason};
use crate::wire::{Acme, aliased, updating};

on_each_database!(Acme:
    everything_wrong_with_a_creation_is_said_at_once,
    everything_wrong_with_an_update_is_said_at_once,
);

const BAD: [&str; 11] = [
    "customer.billing_address.country",
    "customer.billing_address.line1",
    "customer.business.description",
    "customer.business.industry",
    "customer.email",
    "customer.external_id",
    "customer.name",
    "customer.payment_address",
    "customer.phone",
    "customer.status",
    "customer.type",
];

fn bad_in_ten_places() -> Customer {
    Customer {
        r#type: 9,
        name: "\u{7}".to_owned(),
        email: "no email".to_owned(),
        phone: "no phone".to_owned(),
        status: 3,
        external_id: "a b".to_owned(),
        business: Some(Business {
            industry: "x".to_owned(),
            description: "x".repeat(501),
            ..Default::default()
        }),
        billing_address: Some(BillingAddress {
            line1: "x".repeat(501),
            country: "x".to_owned(),
            ..Default::default()
        }),
        ..aliased("no alias")
    }
}

async fn everything_wrong_with_a_creation_is_said_at_once(mut it: Acme) {
    let request = api::CreateCustomerRequest {
        customer: Some(bad_in_ten_places()),
        domain_id: "not a domain".to_owned(),
        request_id: "\u{7}".to_owned(),
    };
    let refused = it.client.0.create_customer(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
    let mut bad = bad_fields(&refused);
    bad.sort();
    assert_eq!(bad, [&BAD[..], &["domain_id", "request_id"]].concat());
}

async fn everything_wrong_with_an_update_is_said_at_once(mut it: Acme) {
    let paths = [
        "type",
        "name",
        "email",
        "phone",
        "status",
        "external_id",
        "payment_address",
        "business.industry",
        "business.description",
        "billing_address",
        "nothing.of.ours",
    ];
    let mut request = updating("not an id", &paths, bad_in_ten_places());
    request.request_id = "é".to_owned();
    request.domain_id = "not a domain".to_owned();
    let refused = it.client.update_as(request).await.unwrap_err();
    let mut bad = bad_fields(&refused);
    bad.sort();
    assert_eq!(bad, [&BAD[..], &["domain_id", "id", "request_id", "update_mask"]].concat());
}
