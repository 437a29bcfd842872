//! How the API's own words say no: `{"error":{"code","status","message","details"}}`, as Google's APIs do.

use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};

use crate::api::{self, ErrorReason, Refused};
use crate::rest::refusal::Refusal;

/// The codes of gRPC, each at its number, and what HTTP calls them.
pub(in crate::rest) const CODES: [(&str, u16); 17] = [
    ("OK", 200),
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
];

/// An error, as it is told.
#[derive(Debug)]
pub(super) struct Told {
    http: StatusCode,
    status: String,
    message: String,
    details: Vec<Json>,
}

impl From<Refused> for Told {
    fn from(refused: Refused) -> Self {
        let (status, http) =
            usize::try_from(refused.code).ok().and_then(|it| CODES.get(it)).copied().unwrap_or(CODES[2]);
        let said = details(&refused.details).unwrap_or_default();
        let mut told = Self {
            http: StatusCode::from_u16(http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            status: status.to_owned(),
            message: refused.message,
            details: said["details"].as_array().cloned().unwrap_or_default(),
        };
        if told.reason() == "MESSAGE_TOO_LARGE" {
            told.http = StatusCode::PAYLOAD_TOO_LARGE;
        }
        told
    }
}

impl Told {
    /// The reason that the first `google.rpc.ErrorInfo` gives.
    fn reason(&self) -> &str {
        self.details.iter().find_map(|it| it["reason"].as_str()).unwrap_or_default()
    }

    /// The caller asked for a version in the words of HTTP, and is answered in them.
    pub(super) fn by_if_match(mut self) -> Self {
        if self.reason() == "ETAG_MISMATCH" {
            self.http = StatusCode::PRECONDITION_FAILED;
        }
        self
    }

    /// As JSON, on one line.
    pub(super) fn json(&self) -> Json {
        let Self { http, status, message, details } = self;
        json!({"error": {"code": http.as_u16(), "status": status, "message": message, "details": details}})
    }
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let mut response = (self.http, self.json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.http == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"purser\""));
        }
        let after =
            self.details.iter().find_map(|it| it["retryDelay"].as_str()?.strip_suffix('s')?.parse().ok());
        if let Some(seconds) = after.and_then(whole_seconds) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Rounded up: the header knows no parts of a second.
fn whole_seconds(seconds: f64) -> Option<u64> {
    format!("{:.0}", seconds.max(1.0).ceil()).parse().ok()
}

/// A `google.rpc.Status` as JSON.
fn details(status: &[u8]) -> Option<Json> {
    let descriptor = api::POOL.get_message_by_name("google.rpc.Status")?;
    let status = DynamicMessage::decode(descriptor, status).ok()?;
    serde_json::to_value(&status).ok()
}

/// What the transport refuses, before or around a method.
pub(in crate::rest) fn refuse(refusal: &Refusal) -> Response {
    told(refusal).into_response()
}

/// The same where other methods would do.
pub(super) fn only(methods: &[&str]) -> Response {
    let mut response = refuse(&Refusal::WrongMethod);
    if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

pub(super) fn told(refusal: &Refusal) -> Told {
    let (status, reason) = match refusal {
        Refusal::NoSuchPath => ("NOT_FOUND", ErrorReason::Unimplemented),
        Refusal::WrongMethod => ("UNIMPLEMENTED", ErrorReason::Unimplemented),
        Refusal::TooLarge => ("RESOURCE_EXHAUSTED", ErrorReason::MessageTooLarge),
        Refusal::BodyTimeout | Refusal::Late => ("DEADLINE_EXCEEDED", ErrorReason::DeadlineExceeded),
        Refusal::BadTarget | Refusal::BadQuery(_) | Refusal::WrongMediaType | Refusal::BadBody(_) => {
            ("INVALID_ARGUMENT", ErrorReason::InvalidField)
        }
        // The dialects alone say these.
        Refusal::Unauthorized(_) => ("UNAUTHENTICATED", ErrorReason::ApiKeyInvalid),
        Refusal::Forbidden(_) => ("PERMISSION_DENIED", ErrorReason::ScopeMissing),
        // What the directory says, gRPC says (see `Transcoder::call`).
        Refusal::Broken | Refusal::Known(_) => ("INTERNAL", ErrorReason::Internal),
    };
    let name = reason.as_str_name();
    let name = name.strip_prefix("ERROR_REASON_").unwrap_or(name);
    let info =
        json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": name, "domain": "purser.v1"});
    Told {
        http: refusal.status(),
        status: status.to_owned(),
        message: refusal.message(),
        details: vec![info],
    }
}
