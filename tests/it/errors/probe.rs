//! Somebody who sends anything, and looks at what comes back.

use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor};
use purser::domain::Scopes;
use tonic::Code;
use tonic::transport::Channel;

use crate::descriptors::{Told, call, encode, method};
use crate::harness::TestServer;

/// A key that gets past every check of who calls, and whether the answer may be ours.
pub struct Prober {
    channel: Channel,
    key: String,
    /// The id of a domain that is there.
    pub domain: String,
}

impl Prober {
    pub async fn new(server: &TestServer) -> Self {
        let domain = server.tenant("acme").await.domain.id.to_string();
        Self { channel: server.channel().await, key: server.operator_key(Scopes::all()).await, domain }
    }

    pub async fn told(&self, method: &MethodDescriptor, message: &[u8], what: &str) -> Told {
        let told = call(&self.channel, method, Some(&self.key), message.to_vec()).await;
        let ours =
            [Code::Internal, Code::Unknown, Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled];
        let sent = &message[..message.len().min(300)];
        assert!(!ours.contains(&told.code), "{} {what}: {told:?}\nsent {sent:02x?}", method.name());
        assert!(told.code == Code::Ok || !told.reason.is_empty(), "{} {what}: {told:?}", method.name());
        told
    }

    pub async fn refused(&self, method: &MethodDescriptor, message: &[u8], what: &str) {
        let told = self.told(method, message, what).await;
        assert_eq!(
            (told.code, told.reason.as_str()),
            (Code::InvalidArgument, "INVALID_FIELD"),
            "{} {what}",
            method.name()
        );
    }
}

pub async fn customer_of(prober: &Prober) -> String {
    let method = method("CreateCustomer");
    let request = encode(&method, &format!(r#"{{"domain_id": "{}", "customer": {{}}}}"#, prober.domain));
    let told = prober.told(&method, &request, "right").await;
    crate::descriptors::decode(&method, &told.body)["customer"]["id"].as_str().unwrap().to_owned()
}

/// A request with something in every field, as far as that goes.
pub fn full(message: &MessageDescriptor, depth: usize) -> Vec<u8> {
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

pub fn put(bytes: &mut Vec<u8>, field: u32, text: &[u8]) {
    encode_key(field, WireType::LengthDelimited, bytes);
    encode_varint(text.len() as u64, bytes);
    bytes.extend(text);
}

/// Every place of a message where there is text, one level down too: each as a message with that text alone.
pub fn with_text(message: &MessageDescriptor, text: &[u8], depth: usize) -> Vec<(String, Vec<u8>)> {
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
