//! A call of a method, as gRPC has it on the wire: from its request to its answer in JSON.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderValue};
use axum::http::{Extensions, HeaderMap, HeaderName, Method, Request};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Full};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use super::rules::Rpc;
use super::status::Told;
use super::stream::{self, Form};
use crate::api::TIMEOUT;
use crate::rest::refusal::Refusal;

/// A flag, which says that a message is not compressed, and its length.
const PREFIX: usize = 5;

/// What an answer's metadata may say over HTTP.
const SAID: [&str; 2] = ["idempotent-replayed", "secret-omitted"];

/// The request of a method. What is known of whoever calls goes along: if they were not let in, the service says so. It
/// may take as long as is `left`, if the caller has said how long.
pub(super) fn request(
    rpc: &Rpc,
    message: &[u8],
    known: Extensions,
    headers: &HeaderMap,
    left: Option<Duration>,
) -> Request<Full<Bytes>> {
    let mut body = Vec::with_capacity(PREFIX + message.len());
    body.push(0);
    body.extend(u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend(message);
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = rpc.uri.clone();
    let metadata = request.headers_mut();
    metadata.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    if let Some(key) = headers.get("idempotency-key") {
        metadata.insert("idempotency-key", key.clone());
    }
    if let Some(left) = left {
        // A day is not too long for eight digits.
        let value = format!("{}m", left.as_millis()).parse();
        metadata.extend(value.map(|it| (HeaderName::from_static(TIMEOUT), it)));
    }
    *request.extensions_mut() = known;
    request
}

/// The answer of a method over HTTP.
pub(super) async fn answer<B>(
    rpc: &Rpc,
    response: http::Response<B>,
    asked: &HeaderMap,
) -> Result<Response, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    let has_if_match = asked.contains_key(axum::http::header::IF_MATCH);
    let told = |told: Told| if has_if_match { told.by_if_match() } else { told }.into_response();
    let (head, body) = response.into_parts();
    // Whatever ends before it begins says so in its head.
    if head.headers.contains_key("grpc-status")
        && let Some(it) = Told::of(&head.headers)
    {
        return Ok(told(it));
    }
    if rpc.is_stream {
        return Ok(stream::response(rpc, body, Form::wanted(asked)));
    }
    let body = body.collect().await.map_err(|_| broken("its body was cut off"))?;
    if let Some(it) = body.trailers().and_then(Told::of) {
        return Ok(told(it));
    }
    // There is one, and nothing after it.
    let body = body.to_bytes();
    let message = body.get(PREFIX..).ok_or_else(|| broken("it has no message"))?;
    let message =
        DynamicMessage::decode(rpc.output.clone(), message).map_err(|error| broken(&error.to_string()))?;
    let json = written(&message).map_err(|error| broken(&error.to_string()))?;
    let mut response = Response::new(json.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for name in SAID {
        if let Some(value) = head.headers.get(name) {
            headers.insert(name, value.clone());
        }
    }
    if let Some(etag) = etag(rpc, &message) {
        headers.insert(ETAG, etag);
    }
    Ok(response)
}

/// A message as JSON.
pub(super) fn json(descriptor: &MessageDescriptor, message: &[u8]) -> Option<Vec<u8>> {
    let message = DynamicMessage::decode(descriptor.clone(), message);
    let message = message.map_err(|error| drop(broken(&error.to_string()))).ok()?;
    written(&message).map_err(|error| drop(broken(&error.to_string()))).ok()
}

/// An answer of ours that is none: no answer says why, so the log does.
fn broken(cause: &str) -> Refusal {
    tracing::error!(cause, "an answer could not be put into JSON");
    Refusal::Broken
}

fn written(message: &DynamicMessage) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(512);
    message.serialize(&mut serde_json::Serializer::with_formatter(&mut json, Whole))?;
    Ok(json)
}

/// Numbers of metadata that are whole are written so, as canonical JSON has them.
struct Whole;

impl Formatter for Whole {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() <= EXACT {
            write!(writer, "{value:.0}")
        } else {
            CompactFormatter.write_f64(writer, value)
        }
    }
}

/// The version of the resource that is answered, as HTTP writes it.
fn etag(rpc: &Rpc, message: &DynamicMessage) -> Option<HeaderValue> {
    let (resource, field) = rpc.answered_etag.as_ref()?;
    let resource = message.get_field(resource);
    let etag = resource.as_message()?.get_field(field);
    let etag = etag.as_str().filter(|it| !it.is_empty())?;
    HeaderValue::from_str(&format!("\"{etag}\"")).ok()
}

/// The request, as bytes.
pub(super) fn encoded(message: &DynamicMessage) -> Vec<u8> {
    message.encode_to_vec()
}

/// Messages, out of bytes that come as they come.
#[derive(Debug, Default)]
pub(super) struct Frames(Vec<u8>);

impl Frames {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    /// The next message, if all of it is there.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let length = self.0.get(1..PREFIX)?.try_into().ok()?;
        let end = PREFIX + usize::try_from(u32::from_be_bytes(length)).ok()?;
        let message = self.0.get(PREFIX..end)?.to_vec();
        self.0.drain(..end);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_their_bytes_come() {
        let wire = [&[0, 0, 0, 0, 2][..], b"ab", &[0, 0, 0, 0, 0], &[0, 0, 0, 0, 1], b"c"].concat();
        for size in 1..=wire.len() {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for part in wire.chunks(size) {
                frames.add(part);
                while let Some(message) = frames.next() {
                    found.push(message);
                }
            }
            assert_eq!(found, [b"ab".to_vec(), Vec::new(), b"c".to_vec()], "{size}");
        }
    }
}
