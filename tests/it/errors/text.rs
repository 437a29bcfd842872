//! Text that is too long, too much or strange: it is refused, and the refusal gets through.

use prost::encoding::{WireType, encode_key, encode_varint};
use tonic::{Code, Status};

use super::probe::{Prober, customer_of, put, with_text};
use crate::descriptors::{encode, method, methods};
use crate::harness::{TestServer, bad_fields, on_each_database};

on_each_database!(TestServer:
    a_huge_text_is_refused_wherever_it_stands,
    a_hundred_faults_fit_into_an_answer,
    a_message_of_more_than_a_mebibyte_is_refused_as_such,
    strange_text_is_refused_or_answered,
);

/// An answer that repeats what was sent would not fit into its headers, and the call would end as a broken stream.
async fn a_huge_text_is_refused_wherever_it_stands(server: TestServer) {
    let prober = Prober::new(&server).await;
    for method in methods() {
        for text in ["x".repeat(900_000), "é".repeat(20_000)] {
            for (path, message) in with_text(&method.input(), text.as_bytes(), 2) {
                let told = prober.told(&method, &message, &path).await;
                assert!(
                    told.message.len() + told.details.len() < 4_000,
                    "{} {path}: {}",
                    method.name(),
                    told.message.len()
                );
            }
        }
    }
    // Where the rest of the request is right, so that the text is really looked at.
    let (long, customer) = ("x".repeat(900_000), customer_of(&prober).await);
    for (name, json) in [
        ("UpdateCustomer", r#"{"id": "CUSTOMER", "customer": {}, "update_mask": "LONG"}"#),
        ("UpdateDomainSettings", r#"{"id": "DOMAIN", "settings": {}, "update_mask": "LONG"}"#),
        ("ListOrganizations", r#"{"page_token": "LONG"}"#),
        ("CreateApiKey", r#"{"api_key": {"scopes": ["LONG"]}}"#),
        ("CreateOrganization", r#"{"organization": {"display_name": "A"}, "request_id": "LONG"}"#),
        ("VerifyPayee", r#"{"payment_address": "a@acme", "name": "LONG"}"#),
    ] {
        let method = method(name);
        let json =
            json.replace("LONG", &long).replace("CUSTOMER", &customer).replace("DOMAIN", &prober.domain);
        let told = prober.told(&method, &encode(&method, &json), "long").await;
        assert_ne!(told.code, Code::Ok, "{name}");
    }
}

/// Headers hold 16 KiB: an answer that names every fault of a request that is full of them must still get through.
async fn a_hundred_faults_fit_into_an_answer(server: TestServer) {
    let prober = Prober::new(&server).await;
    let customer = customer_of(&prober).await;
    let paths: Vec<_> = (0..100).map(|it| format!("a{it}{}", "b".repeat(60))).collect();
    let many = (0..2_000).map(|it| format!("\"a{it}\"")).collect::<Vec<_>>().join(", ");
    for (name, json) in [
        (
            "UpdateCustomer",
            format!(r#"{{"id": "{customer}", "customer": {{}}, "update_mask": "{}"}}"#, paths.join(",")),
        ),
        (
            "UpdateDomainSettings",
            format!(
                r#"{{"id": "{}", "settings": {{}}, "update_mask": "{}"}}"#,
                prober.domain,
                paths.join(",")
            ),
        ),
        ("CreateApiKey", format!(r#"{{"api_key": {{"scopes": [{many}]}}}}"#)),
        (
            "CreateDomain",
            format!(r#"{{"domain": {{"name": "A", "settings": {{"required_fields": [{many}]}}}}}}"#),
        ),
    ] {
        let method = method(name);
        let told = prober.told(&method, &encode(&method, &json), "many faults").await;
        assert_eq!((told.code, told.reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"), "{name}");
    }
    // Every field of a customer at once: each is named.
    let method = method("CreateCustomer");
    let descriptor = purser::grpc::API.get_message_by_name("purser.v1.Customer").unwrap();
    let (mut fields, mut customer, mut message) = (Vec::new(), Vec::new(), Vec::new());
    for (name, field) in with_text(&descriptor, b"a\x01", 1) {
        if !["id", "domain_id", "etag"].contains(&name.as_str()) {
            fields.push(format!("customer.{name}"));
        }
        customer.extend(field);
    }
    for name in ["type", "status"] {
        fields.push(format!("customer.{name}"));
        encode_key(descriptor.get_field_by_name(name).unwrap().number(), WireType::Varint, &mut customer);
        encode_varint(99, &mut customer);
    }
    put(&mut message, 1, &customer);
    let told = prober.told(&method, &message, "every field").await;
    let mut named = bad_fields(&Status::with_details(told.code, told.message, told.details.into()));
    named.sort_unstable();
    fields.sort_unstable();
    assert_eq!(named, fields);
}

async fn a_message_of_more_than_a_mebibyte_is_refused_as_such(server: TestServer) {
    let prober = Prober::new(&server).await;
    for method in methods() {
        for length in [1024 * 1024, 2 * 1024 * 1024] {
            let mut message = Vec::new();
            put(&mut message, 1, &vec![b'x'; length]);
            let told = prober.told(&method, &message, "large").await;
            let expected = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
            assert_eq!((told.code, told.reason.as_str()), expected, "{}", method.name());
        }
    }
}

/// What databases and parsers stumble over.
async fn strange_text_is_refused_or_answered(server: TestServer) {
    let prober = Prober::new(&server).await;
    let strange: [&[u8]; 12] = [
        b"\0",
        b"a\0b",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"'; DROP TABLE customers; --",
        b"%_\\%",
        b"{}",
        b"\r\n",
        "\u{202e}\u{feff}".as_bytes(),
        "\u{10ffff}".as_bytes(),
        b"7zzzzzzzzzzzzzzzzzzzzzzzzz",
        b"cust_7zzzzzzzzzzzzzzzzzzzzzzzzz",
    ];
    for method in methods() {
        for text in strange {
            for (path, message) in with_text(&method.input(), text, 2) {
                prober.told(&method, &message, &path).await;
                // Beside a domain, so that a list or a creation gets further.
                let mut placed = Vec::new();
                if let Some(field) =
                    method.input().get_field_by_name("domain_id").filter(|_| path != "domain_id")
                {
                    put(&mut placed, field.number(), prober.domain.as_bytes());
                    placed.extend(message);
                    prober.told(&method, &placed, &path).await;
                }
            }
        }
    }
}
