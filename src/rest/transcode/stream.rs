//! The messages of a streaming method, each as a line of JSON or as an event of a page.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use http_body::Frame;

use super::rpc::{Frames, json};
use super::rules::Rpc;
use super::status::{Told, told};
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
pub(super) fn response<B>(rpc: &Rpc, body: B, form: Form) -> Response
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    let lines = Lines { body, frames: Frames::default(), output: rpc.output.clone(), form, has_ended: false };
    let mut response = Response::new(Body::new(lines));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    response
}

struct Lines<B> {
    body: B,
    frames: Frames,
    output: prost_reflect::MessageDescriptor,
    form: Form,
    has_ended: bool,
}

impl<B: http_body::Body<Data = Bytes> + Unpin> Lines<B> {
    /// The last that is said, if it ended in an error: without trailers, in one of ours.
    fn end(&mut self, trailers: Option<&HeaderMap>) -> Option<Bytes> {
        self.has_ended = true;
        let told = trailers.map_or_else(|| Some(told(&Refusal::Broken)), Told::of);
        told.map(|it| self.form.error(&it))
    }
}

impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for Lines<B> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if self.has_ended {
                return Poll::Ready(None);
            }
            if let Some(message) = self.frames.next() {
                let said = match json(&self.output, &message) {
                    Some(json) => Some(self.form.message(&json)),
                    None => self.end(None),
                };
                return Poll::Ready(said.map(|it| Ok(Frame::data(it))));
            }
            let said = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.frames.add(&data);
                        continue;
                    }
                    Err(frame) => self.end(frame.trailers_ref()),
                },
                Some(Err(_)) | None => self.end(None),
            };
            return Poll::Ready(said.map(|it| Ok(Frame::data(it))));
        }
    }
}
