//! Whatever is sent, it is never our fault: no INTERNAL, no UNKNOWN, and an answer to everything.

use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor};
use purser::domain::Scopes;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{TestServer, on_each_database};
use crate::wire::{Told, call, encode, method, methods};

on_each_database!(TestServer:
    random_bytes_are_refused_or_answered,
    a_truncated_message_is_refused_or_answered,
    a_field_of_the_wrong_wire_type_is_refused,
    what_is_nested_too_deep_is_refused,
    a_huge_text_is_refused_wherever_it_stands,
    a_hundred_faults_fit_into_an_answer,
    a_message_of_more_than_a_mebibyte_is_refused_as_such,
    strange_text_is_refused_or_answered,
);

/// A key that gets past every check of who calls, and whether the answer may be ours.
struct Prober {
    channel: Channel,
    key: String,
    /// The id of a domain that is there.
    domain: String,
}

impl Prober {
    async fn new(server: &TestServer) -> Self {
        let domain = server.tenant("acme").await.domain.id.to_string();
        Self { channel: server.channel().await, key: server.operator_key(Scopes::all()).await, domain }
    }

    async fn told(&self, method: &MethodDescriptor, message: &[u8], what: &str) -> Told {
        let told = call(&self.channel, method, Some(&self.key), message.to_vec()).await;
        let ours = [Code::Internal, Code::Unknown, Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled];
        assert!(!ours.contains(&told.code), "{} {what}: {told:?}\nsent {message:02x?}", method.name());
        assert!(told.code == Code::Ok || !told.reason.is_empty(), "{} {what}: {told:?}", method.name());
        told
    }

    async fn refused(&self, method: &MethodDescriptor, message: &[u8], what: &str) {
        let told = self.told(method, message, what).await;
        assert_eq!((told.code, told.reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"), "{} {what}", method.name());
    }
}

/// A generator whose seed is printed; `PURSER_TEST_SEED` repeats a run.
fn seeded() -> StdRng {
    let seed = std::env::var("PURSER_TEST_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or_else(rand::random);
    println!("PURSER_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

async fn random_bytes_are_refused_or_answered(server: TestServer) {
    let prober = Prober::new(&server).await;
    let mut rng = seeded();
    for method in methods() {
        for _ in 0..60 {
            let mut message = vec![0; rng.random_range(0..200)];
            rng.fill_bytes(&mut message);
            // Half of them begin with a field of the method, so that more of them are read to the end.
            if rng.random() {
                let field = rng.random_range(1..=5);
                message.splice(..0, [field << 3 | 2, rng.random_range(0..100)]);
            }
            prober.told(&method, &message, "random").await;
        }
    }
}

/// A request with something in every field, as far as that goes.
fn full(message: &MessageDescriptor, depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in message.fields() {
        if let Kind::Message(inner) = field.kind() {
            if depth == 0 {
                continue;
            }
            let inner = full(&inner, depth - 1);
            encode_key(field.number(), WireType::LengthDelimited, &mut bytes);
            encode_varint(inner.len() as u64, &mut bytes);
            bytes.extend(inner);
        } else if matches!(field.kind(), Kind::String | Kind::Bytes) {
            put(&mut bytes, field.number(), b"text");
        } else if field.kind().wire_type() == WireType::Varint {
            encode_key(field.number(), WireType::Varint, &mut bytes);
            encode_varint(1, &mut bytes);
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, field: u32, text: &[u8]) {
    encode_key(field, WireType::LengthDelimited, bytes);
    encode_varint(text.len() as u64, bytes);
    bytes.extend(text);
}

async fn a_truncated_message_is_refused_or_answered(server: TestServer) {
    let prober = Prober::new(&server).await;
    for method in methods() {
        let whole = full(&method.input(), 2);
        for length in 0..=whole.len() {
            prober.told(&method, &whole[..length], "truncated").await;
        }
    }
}

async fn a_field_of_the_wrong_wire_type_is_refused(server: TestServer) {
    let prober = Prober::new(&server).await;
    for method in methods() {
        for field in method.input().fields() {
            let right = field.kind().wire_type() as u8;
            // 0 varint, 1 eight bytes, 2 with a length, 3 a group begins, 4 a group ends, 5 four bytes, 6 and 7 nothing.
            for wrong in (0..8).filter(|it| *it != right && !(field.is_list() && *it == 2)) {
                let mut message = Vec::new();
                encode_varint(u64::from(field.number()) << 3 | u64::from(wrong), &mut message);
                message.extend([0; 8]);
                prober.refused(&method, &message, &format!("{} as wire type {wrong}", field.name())).await;
            }
        }
    }
}

/// `{"k": {"k": …}}` as a Struct, so many levels of it.
fn nested(levels: usize) -> Vec<u8> {
    let mut inner = Vec::new();
    for _ in 0..levels {
        let (mut value, mut entry, mut outer) = (Vec::new(), Vec::new(), Vec::new());
        put(&mut value, 5, &inner);
        put(&mut entry, 1, b"k");
        put(&mut entry, 2, &value);
        put(&mut outer, 1, &entry);
        inner = outer;
    }
    inner
}

async fn what_is_nested_too_deep_is_refused(server: TestServer) {
    let prober = Prober::new(&server).await;
    for (name, number) in [("CreateCustomer", 1), ("UpdateCustomer", 6)] {
        let method = method(name);
        for levels in [9, 20, 32, 33, 34, 50, 200, 5_000] {
            let (mut customer, mut message) = (Vec::new(), Vec::new());
            put(&mut customer, 15, &nested(levels));
            put(&mut message, number, &customer);
            if name == "UpdateCustomer" {
                put(&mut message, 1, b"cust_00000000000000000000000000");
                put(&mut message, 7, b"\x0a\x08metadata");
            }
            prober.refused(&method, &message, &format!("{levels} levels")).await;
        }
    }
    // Groups in groups, and messages in messages, in fields that are not there.
    for method in methods() {
        let groups = vec![0x83, 0x7d].repeat(400_000);
        prober.refused(&method, &groups, "groups").await;
        let mut message = Vec::new();
        for _ in 0..300 {
            let mut outer = Vec::new();
            put(&mut outer, 1, &message);
            message = outer;
        }
        prober.told(&method, &message, "messages").await;
    }
}

/// Every place of a message where there is text, one level down too: each as a message with that text alone.
fn with_text(message: &MessageDescriptor, text: &[u8], depth: usize) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for field in message.fields() {
        match field.kind() {
            Kind::String => {
                let mut bytes = Vec::new();
                put(&mut bytes, field.number(), text);
                all.push((field.name().to_owned(), bytes));
            }
            Kind::Message(inner) if depth > 0 => {
                all.extend(with_text(&inner, text, depth - 1).into_iter().map(|(path, inner)| {
                    let mut bytes = Vec::new();
                    put(&mut bytes, field.number(), &inner);
                    (format!("{}.{path}", field.name()), bytes)
                }));
            }
            _ => {}
        }
    }
    all
}

/// An answer that repeats what was sent would not fit into its headers, and the call would end as a broken stream.
async fn a_huge_text_is_refused_wherever_it_stands(server: TestServer) {
    let prober = Prober::new(&server).await;
    for method in methods() {
        for text in ["x".repeat(900_000), "é".repeat(20_000)] {
            for (path, message) in with_text(&method.input(), text.as_bytes(), 2) {
                let told = prober.told(&method, &message, &path).await;
                assert!(told.message.len() + told.details.len() < 4_000, "{} {path}: {}", method.name(), told.message.len());
            }
        }
    }
    // Where the rest of the request is right, so that the text is really looked at.
    let long = "x".repeat(900_000);
    for (name, json) in [
        ("UpdateCustomer", r#"{"id": "cust_00000000000000000000000000", "customer": {}, "update_mask": "LONG"}"#),
        ("UpdateDomainSettings", r#"{"id": "dom_00000000000000000000000000", "settings": {}, "update_mask": "LONG"}"#),
        ("ListOrganizations", r#"{"page_token": "LONG"}"#),
        ("CreateApiKey", r#"{"api_key": {"scopes": ["LONG"]}}"#),
        ("CreateOrganization", r#"{"organization": {"display_name": "A"}, "request_id": "LONG"}"#),
        ("VerifyPayee", r#"{"payment_address": "a@acme", "name": "LONG"}"#),
    ] {
        let method = method(name);
        let told = prober.told(&method, &encode(&method, &json.replace("LONG", &long)), "long").await;
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
        ("UpdateCustomer", format!(r#"{{"id": "{customer}", "customer": {{}}, "update_mask": "{}"}}"#, paths.join(","))),
        (
            "UpdateDomainSettings",
            format!(r#"{{"id": "{}", "settings": {{}}, "update_mask": "{}"}}"#, prober.domain, paths.join(",")),
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
    // Every field of a customer at once.
    let method = method("CreateCustomer");
    let mut message = full(&method.input(), 2);
    let mut customer = Vec::new();
    let descriptor = purser::grpc::API.get_message_by_name("purser.v1.Customer").unwrap();
    for (_, field) in with_text(&descriptor, b"a\x01", 1) {
        customer.extend(field);
    }
    put(&mut message, 1, &customer);
    prober.refused(&method, &message, "every field").await;
}

async fn customer_of(prober: &Prober) -> String {
    let method = method("CreateCustomer");
    let request = encode(&method, &format!(r#"{{"domain_id": "{}", "customer": {{}}}}"#, prober.domain));
    let told = prober.told(&method, &request, "right").await;
    crate::wire::decode(&method, &told.body)["customer"]["id"].as_str().unwrap().to_owned()
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
                if let Some(field) = method.input().get_field_by_name("domain_id").filter(|_| path != "domain_id") {
                    put(&mut placed, field.number(), prober.domain.as_bytes());
                    placed.extend(message);
                    prober.told(&method, &placed, &path).await;
                }
            }
        }
    }
}
