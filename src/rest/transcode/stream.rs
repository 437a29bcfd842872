//! The messages of a streaming method, each as a line of JSON or as an event of a page.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use http_body::Frame;

use super::rpc;
use super::rules::Rpc;
use super::status::{Told, told};
use crate::api::Messages;
use crate::rest::refusal::Refusal;

/// How messages follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One a line (NDJSON).
    Lines,
    /// Server-sent events, as a page in a browser reads them.
    Events,
}

impl Form {
    /// What a caller would rather have.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(ACCEPT).iter().filter_map(|it| it.to_str().ok());
        let mut types =
            accepts.flat_map(|it| it.split(',')).map(|it| it.split(';').next().unwrap_or_default());
        let wants_events = types.any(|it| it.trim().eq_ignore_ascii_case("text/event-stream"));
        if wants_events { Self::Events } else { Self::Lines }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Events => "text/event-stream",
        }
    }

    fn message(self, json: &[u8]) -> Bytes {
        match self {
            Self::Lines => [json, b"\n"].concat().into(),
            Self::Events => [b"data: ", json, b"\n\n"].concat().into(),
        }
    }

    fn error(self, told: &Told) -> Bytes {
        let json = told.json();
        match self {
            Self::Lines => format!("{json}\n").into(),
            Self::Events => format!("event: status\ndata: {json}\n\n").into(),
        }
    }
}

/// An answer that goes on for as long as the method does.
pub(super) fn response(rpc: &'static Rpc, messages: Messages, form: Form) -> Response {
    let mut response = Response::new(Body::new(Lines { messages, rpc, form, has_ended: false }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    response
}

struct Lines {
    messages: Messages,
    rpc: &'static Rpc,
    form: Form,
    has_ended: bool,
}

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let told = match ready!(self.messages.as_mut().poll_next(cx)) {
            None => return Poll::Ready(None),
            Some(Ok(message)) => match rpc::json(self.rpc, &message) {
                Some(json) => return Poll::Ready(Some(Ok(Frame::data(self.form.message(&json))))),
                None => told(&Refusal::Broken),
            },
            Some(Err(refused)) => Told::from(refused),
        };
        // The last that is said.
        self.has_ended = true;
        Poll::Ready(Some(Ok(Frame::data(self.form.error(&told)))))
    }
}
