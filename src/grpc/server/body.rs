//! What is sent in answer, watched on its way out.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use http_body::{Frame, SizeHint};
use hyper::body::Bytes;
use tonic::Status;
use tonic::body::Body;

use super::corrections::{code_in, write};
use super::deadline::Until;
use super::methods::Meter;
use super::untaken::Answer;

/// tonic's body, from which the meter learns how the call ended, and which ends early where `until` says so.
#[derive(Default)]
pub(super) struct AnswerBody {
    inner: Body,
    meter: Option<Meter>,
    until: Option<Until>,
    /// Says that it was not taken yet.
    _untaken: Option<Answer>,
}

impl AnswerBody {
    pub(super) fn new(inner: Body, meter: Meter, until: Option<Until>, untaken: Option<Answer>) -> Self {
        Self { inner, meter: Some(meter), until, _untaken: untaken }
    }

    /// Drops what tonic would send, and says `status` instead.
    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        self.until = None;
        self.inner = Body::empty();
        if let Some(meter) = &mut self.meter {
            meter.answered(status.code());
        }
        let mut trailers = HeaderMap::new();
        write(status, &mut trailers);
        Frame::trailers(trailers)
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerBody")
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(until) = &mut self.until
            && let Poll::Ready(status) = until.as_mut().poll(cx)
        {
            return Poll::Ready(Some(Ok(self.end(&status))));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(code) = frame.trailers_ref().and_then(code_in)
            && let Some(meter) = &mut self.meter
        {
            meter.answered(code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
