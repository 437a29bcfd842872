//! The form of each field, at its edges, over the wire; and that everything wrong with a request is said at once.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use purser::api::{BillingAddress, Business, Customer};
use serde_json::json;
use tonic::Code;

use crate::harness::{bad_fields, on_each_database, reason};
use crate::wire::Acme;

on_each_database!(Acme:
    free_text_is_trimmed_and_has_its_length_and_no_control_characters,
    ids_addresses_and_codes_have_their_forms_and_are_not_trimmed,
    metadata_comes_back_as_it_went,
    metadata_has_its_size_and_depth,
);

type Place = fn(&mut Customer) -> &mut String;

fn business(it: &mut Customer) -> &mut Business {
    it.business.get_or_insert_default()
}

fn address(it: &mut Customer) -> &mut BillingAddress {
    it.billing_address.get_or_insert_default()
}

const TEXTS: [(&str, usize, Place); 14] = [
    ("name", 255, |it| &mut it.name),
    ("first_name", 255, |it| &mut it.first_name),
    ("middle_name", 255, |it| &mut it.middle_name),
    ("last_name", 255, |it| &mut it.last_name),
    ("nick_name", 255, |it| &mut it.nick_name),
    ("business.legal_name", 255, |it| &mut business(it).legal_name),
    ("business.trade_name", 255, |it| &mut business(it).trade_name),
    ("business.website", 255, |it| &mut business(it).website),
    ("business.description", 500, |it| &mut business(it).description),
    ("billing_address.line1", 500, |it| &mut address(it).line1),
    ("billing_address.line2", 500, |it| &mut address(it).line2),
    ("billing_address.city", 255, |it| &mut address(it).city),
    ("billing_address.state", 255, |it| &mut address(it).state),
    ("billing_address.postal_code", 255, |it| &mut address(it).postal_code),
];

fn with(place: Place, text: &str) -> Customer {
    let mut customer = Customer::default();
    text.clone_into(place(&mut customer));
    customer
}

async fn free_text_is_trimmed_and_has_its_length_and_no_control_characters(mut it: Acme) {
    for (path, most, place) in TEXTS {
        let longest = "ä".repeat(most);
        for (text, stored) in [
            (" x  y ", "x  y"),
            (longest.as_str(), longest.as_str()),
            (&format!("  {longest}\u{a0}"), &longest),
            (
                "O'Neil; DROP TABLE \"x\" -- % _ \\ 你好 🙂 <b>",
                "O'Neil; DROP TABLE \"x\" -- % _ \\ 你好 🙂 <b>",
            ),
        ] {
            let mut made = it.client.create(with(place, text)).await.unwrap();
            assert_eq!(place(&mut made), stored, "{path}");
            assert_eq!(place(&mut it.client.get(&made.id).await.unwrap()), stored, "{path}");
        }
        let blank = it.client.create(with(place, "   ")).await.unwrap();
        assert!(
            blank.business.is_none() && blank.billing_address.is_none() && blank.name.is_empty(),
            "{path}"
        );
        for text in [&format!("{longest}x"), "a\u{0}b", "a\nb", "a\t", "\u{7f}", "\u{85}x"] {
            let refused = it.client.create(with(place, text)).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert_eq!(bad_fields(&refused), [format!("customer.{path}")], "{text:?}");
        }
    }
}

async fn ids_addresses_and_codes_have_their_forms_and_are_not_trimmed(mut it: Acme) {
    let long_email =
        format!("{}@{}.example", "a".repeat(64), ["b".repeat(60), "c".repeat(60), "d".repeat(58)].join("."));
    let (longest, too_long) = (format!("{}@acme", "a".repeat(64)), format!("{}@acme", "a".repeat(65)));
    let external = "é".repeat(255);
    let table: [(&str, Place, Vec<(&str, &str)>, Vec<&str>); 6] = [
        (
            "email",
            |it| &mut it.email,
            vec![("Ada.B+c@Mail.EXAMPLE", "ada.b+c@mail.example"), (&long_email, &long_email)],
            vec![
                "ada",
                "@x.example",
                "a@",
                "a b@x.example",
                " a@x.example",
                "a@x.example ",
                "A <a@x.example>",
                "a@x@y.example",
            ],
        ),
        (
            "phone",
            |it| &mut it.phone,
            vec![("+1234567", "+1234567"), ("+123456789012345", "+123456789012345")],
            vec![
                "+123456",
                "+1234567890123456",
                "+0234567",
                "1234567",
                "+12 34567",
                " +1234567",
                "+1234567\u{a0}",
                "+١٢٣٤٥٦٧",
            ],
        ),
        (
            "payment_address",
            |it| &mut it.payment_address,
            vec![("Ada.L_x+y-z@ACME", "ada.l_x+y-z@acme"), ("1@acme", "1@acme"), (&longest, &longest)],
            vec![
                "ada",
                "@acme",
                "ada@",
                ".ada@acme",
                "ada.@acme",
                "-a@acme",
                "a b@acme",
                " ada@acme",
                "ada@acme ",
                "ad\u{e4}@acme",
                "a@b@acme",
                "a/b@acme",
                &too_long,
                "\u{212a}@acme",
            ],
        ),
        (
            "external_id",
            |it| &mut it.external_id,
            vec![("Order/1:#%_'\"", "Order/1:#%_'\""), (&external, &external)],
            vec![" 1", "1 ", "a b", "a\u{7}", "\u{a0}", "a\u{2003}b"],
        ),
        (
            "business.industry",
            |it| &mut business(it).industry,
            vec![("6012", "6012"), ("0000", "0000")],
            vec!["601", "60122", "60a2", " 601", "6012 ", "٦٠١٢"],
        ),
        (
            "billing_address.country",
            |it| &mut address(it).country,
            vec![("GB", "GB"), ("DE", "DE")],
            vec!["gb", "UK", "ZZ", "GBR", "G", "GB ", " GB", "826"],
        ),
    ];
    for (path, place, good, bad) in table {
        for (text, stored) in good {
            let mut made = it.client.create(with(place, text)).await.unwrap();
            assert_eq!(place(&mut made), stored, "{path}");
        }
        for text in bad {
            let refused = it.client.create(with(place, text)).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert_eq!(bad_fields(&refused), [format!("customer.{path}")], "{text:?}");
        }
    }
    // One more of an external id, and a type that is none.
    let refused = it.client.create(with(|it| &mut it.external_id, &"é".repeat(256))).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["customer.external_id"]);
    for kind in [3, -1] {
        let refused = it.client.create(Customer { r#type: kind, ..Default::default() }).await.unwrap_err();
        assert_eq!(bad_fields(&refused), ["customer.type"]);
    }
}

fn value(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(it) => Kind::BoolValue(*it),
        Json::Number(it) => Kind::NumberValue(it.as_f64().unwrap()),
        Json::String(it) => Kind::StringValue(it.clone()),
        Json::Array(it) => Kind::ListValue(ListValue { values: it.iter().map(value).collect() }),
        Json::Object(it) => {
            Kind::StructValue(Struct { fields: it.iter().map(|(k, it)| (k.clone(), value(it))).collect() })
        }
    };
    Value { kind: Some(kind) }
}

pub fn metadata(json: &serde_json::Value) -> Customer {
    let fields: BTreeMap<_, _> =
        json.as_object().unwrap().iter().map(|(key, it)| (key.clone(), value(it))).collect();
    Customer { metadata: Some(Struct { fields }), ..Default::default() }
}

async fn metadata_comes_back_as_it_went(mut it: Acme) {
    let asked = metadata(&json!({
        "z": null, "a": true, "Key with blanks": "ÀÉ \u{1}\n\t \"q\" \\ 🙂", "": "empty key",
        "numbers": [0, -1, 1.5, 1e300, 0.1, 9_007_199_254_740_991_i64, -0.25],
        "nested": {"list": [[], {}, [1, [2]]], "b": {"c": {}}},
    }));
    let made = it.client.create(asked.clone()).await.unwrap();
    assert_eq!(made.metadata, asked.metadata);
    assert_eq!(it.client.get(&made.id).await.unwrap().metadata, asked.metadata);
    let none = it.client.create(metadata(&json!({}))).await.unwrap();
    assert_eq!(none.metadata, None);
}

async fn metadata_has_its_size_and_depth(mut it: Acme) {
    let text = |length: usize| metadata(&json!({"k": "x".repeat(length - r#"{"k":""}"#.len())}));
    let deep = |levels: usize| metadata(&(1..levels).fold(json!({"k": 1}), |inner, _| json!({"k": inner})));
    for good in [text(16 * 1024), deep(8), metadata(&json!({"k": [[[[[[[1]]]]]]]}))] {
        it.client.create(good).await.unwrap();
    }
    let mut not_a_number = Customer::default();
    let fields = BTreeMap::from([("k".to_owned(), Value { kind: Some(Kind::NumberValue(f64::INFINITY)) })]);
    not_a_number.metadata = Some(Struct { fields });
    for bad in [
        text(16 * 1024 + 1),
        deep(9),
        metadata(&json!({"k": [[[[[[[[1]]]]]]]]})),
        metadata(&json!({"k": "\u{0}"})),
        metadata(&json!({"\u{0}": 1})),
        not_a_number,
    ] {
        let refused = it.client.create(bad).await.unwrap_err();
        assert_eq!(
            (refused.code(), bad_fields(&refused)),
            (Code::InvalidArgument, vec!["customer.metadata".to_owned()])
        );
    }
    // What is kept and what is brought must be small together, too.
    let half = metadata(&json!({"first": "x".repeat(9_000)}));
    let made = it.client.create(half).await.unwrap();
    let other = metadata(&json!({"second": "x".repeat(9_000)}));
    let refused = it.client.update(&made.id, &["metadata.second"], other).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
}
