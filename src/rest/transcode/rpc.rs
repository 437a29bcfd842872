//! A call of a method, from its request to its answer in JSON.

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH};
use axum::http::{Extensions, HeaderMap, Request};
use axum::response::{IntoResponse, Response};

use super::rules::Rpc;
use super::status::Told;
use super::stream::{self, Form};
use super::write;
use crate::api::{Answer, Answered, Refused};
use crate::rest::refusal::Refusal;
use crate::telemetry::{call_id, call_route};

/// What an answer's metadata may say over HTTP.
const SAID: [HeaderName; 2] =
    [HeaderName::from_static("idempotent-replayed"), HeaderName::from_static("secret-omitted")];

/// The header that says which request a call repeats.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The request of a method. What is known of whoever calls goes along.
pub(super) fn request(message: Vec<u8>, known: Extensions, headers: &HeaderMap) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(message));
    if let Some(key) = headers.get(IDEMPOTENCY_KEY) {
        request.headers_mut().insert(IDEMPOTENCY_KEY, key.clone());
    }
    *request.extensions_mut() = known;
    request
}

/// What a method refuses, over HTTP.
pub(super) fn refused(refused: Refused, asked: &HeaderMap) -> Response {
    let told = Told::from(refused);
    if asked.contains_key(IF_MATCH) { told.by_if_match() } else { told }.into_response()
}

/// The answer of a method over HTTP.
pub(super) fn answer(
    rpc: &'static Rpc,
    Answered { headers, answer }: Answered,
    asked: &HeaderMap,
) -> Result<Response, Refusal> {
    let message = match answer {
        Answer::Whole(it) => it,
        Answer::Stream(messages) => return Ok(stream::response(rpc, messages, Form::wanted(asked))),
    };
    let mut response = Response::new(json(rpc, &message).ok_or(Refusal::Broken)?.into());
    let said = response.headers_mut();
    said.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for name in SAID {
        if let Some(value) = headers.get(&name) {
            said.insert(name, value.clone());
        }
    }
    if let Some(etag) = etag(rpc, &message) {
        said.insert(ETAG, etag);
    }
    Ok(response)
}

/// A message of a method's answer as JSON. One that cannot be written is a fault of ours: no answer says why, so the log does.
pub(super) fn json(rpc: &Rpc, message: &[u8]) -> Option<Vec<u8>> {
    let mut json = Vec::with_capacity(128 + 3 * message.len());
    match rpc.written.write(message, &mut json) {
        Ok(()) => Some(json),
        Err(cause) => {
            tracing::error!(request_id = call_id(), route = call_route(), %cause, "an answer could not be put into JSON");
            None
        }
    }
}

/// The version of the resource that is answered, as HTTP writes it.
fn etag(rpc: &Rpc, message: &[u8]) -> Option<HeaderValue> {
    let (resource, etag) = rpc.answered_etag?;
    let etag = write::field(write::field(message, resource)?, etag)?;
    HeaderValue::from_bytes(&[b"\"", etag, b"\""].concat()).ok()
}
