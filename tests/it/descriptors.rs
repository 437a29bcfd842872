//! Any method of the API, called with any bytes, by its descriptor.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost_reflect::{DynamicMessage, FileDescriptor, MethodDescriptor, SerializeOptions};
use purser::grpc::API;
use serde_json::Value;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

use crate::harness::reason;

/// Every method of the API, in the order of the proto files.
pub fn methods() -> Vec<MethodDescriptor> {
    let services = API.services().filter(|it| it.package_name() == "purser.v1");
    services.flat_map(|it| it.methods().collect::<Vec<_>>()).collect()
}

pub fn method(name: &str) -> MethodDescriptor {
    methods().into_iter().find(|it| it.name() == name).unwrap_or_else(|| panic!("{name} is a method"))
}

/// What the proto says above a thing, by the thing's path in its file.
pub fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref().unwrap();
    let found = info.location.iter().find(|it| it.path == path);
    found.map(|it| it.leading_comments().to_owned()).unwrap_or_default()
}

/// A request of that method from its JSON.
pub fn encode(method: &MethodDescriptor, json: &str) -> Vec<u8> {
    let mut json = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(method.input(), &mut json);
    message.unwrap_or_else(|it| panic!("{}: {it}", method.full_name())).encode_to_vec()
}

/// An answer of that method as JSON, with the names of the proto.
pub fn decode(method: &MethodDescriptor, body: &[u8]) -> Value {
    let message = DynamicMessage::decode(method.output(), body).unwrap();
    let options = SerializeOptions::new().use_proto_field_name(true);
    message.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
}

/// All that a caller can see of an answer, but when it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub code: Code,
    pub reason: String,
    pub message: String,
    pub details: Vec<u8>,
    pub metadata: BTreeMap<String, Vec<u8>>,
    pub body: Vec<u8>,
}

impl Told {
    /// The metadata of the `google.rpc.ErrorInfo`.
    pub fn metadata_of_reason(&self) -> HashMap<String, String> {
        let status = Status::with_details(self.code, self.message.clone(), self.details.clone().into());
        status.get_details_error_info().map(|it| it.metadata).unwrap_or_default()
    }

    /// `OK`, or the code and the reason.
    pub fn outcome(&self) -> String {
        [code_name(self.code), self.reason.clone()].join(" ").trim().to_owned()
    }
}

impl From<Result<Response<Vec<u8>>, Status>> for Told {
    fn from(answer: Result<Response<Vec<u8>>, Status>) -> Self {
        let (metadata, status, body) = match answer {
            Ok(answer) => (answer.metadata().clone(), Status::new(Code::Ok, ""), answer.into_inner()),
            Err(status) => (status.metadata().clone(), status, Vec::new()),
        };
        let headers = metadata.into_headers();
        let seen = headers.iter().filter(|it| it.0 != "date");
        Self {
            code: status.code(),
            reason: reason(&status),
            message: status.message().to_owned(),
            details: status.details().to_vec(),
            metadata: seen.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect(),
            body,
        }
    }
}

/// Calls a method with bytes as the message. There is an answer within ten seconds, whatever they are.
pub async fn call(channel: &Channel, method: &MethodDescriptor, key: Option<&str>, message: Vec<u8>) -> Told {
    let mut client = tonic::client::Grpc::new(channel.clone()).max_encoding_message_size(usize::MAX);
    let mut request = Request::new(message);
    if let Some(key) = key {
        request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    }
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let answer = async {
        client.ready().await.map_err(|it| Status::unknown(it.to_string()))?;
        let path = PathAndQuery::try_from(path).unwrap();
        if method.is_server_streaming() {
            let answer = client.server_streaming(request, path, Plain).await?;
            let (metadata, mut messages, extensions) = answer.into_parts();
            // A stream that has nothing to say yet is an answer too.
            let first = tokio::time::timeout(Duration::from_millis(500), messages.message()).await;
            let first = first.unwrap_or(Ok(None))?.unwrap_or_default();
            return Ok(Response::from_parts(metadata, first, extensions));
        }
        client.unary(request, path, Plain).await
    };
    let answer = tokio::time::timeout(Duration::from_secs(10), answer).await;
    answer.unwrap_or_else(|_| panic!("{} does not answer", method.full_name())).into()
}

/// `NOT_FOUND` and the like.
pub fn code_name(code: Code) -> String {
    let camel = format!("{code:?}");
    let words = camel.char_indices().flat_map(|(at, it)| {
        let gap = (at > 0 && it.is_ascii_uppercase()).then_some('_');
        gap.into_iter().chain([it.to_ascii_uppercase()])
    });
    words.collect()
}

/// Bytes as they are, both ways.
struct Plain;

impl Codec for Plain {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(item.len());
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; from.remaining()];
        from.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}
