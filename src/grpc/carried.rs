//! Messages on their way in and out, each with the place of its call: what they hold of memory is counted while they do.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::{Body as _, Frame};
use hyper::body::Bytes;
use tonic::Status;
use tonic::body::Body;
use tower::BoxError;

use super::RequestBody;
use crate::api::MESSAGE_BYTES;
use crate::app::Place;
use crate::domain::Error;

/// What stands before a message: whether it is compressed, and how long it is.
const PREFIX: usize = 5;

/// A message, which is refused where there are too many large ones.
pub(super) struct Carried<B> {
    body: B,
    place: Arc<Place>,
    /// Whether more than one message may come.
    stream: bool,
    /// The first message's prefix, as far as it has come.
    prefix: [u8; PREFIX],
    prefixed: usize,
    received: usize,
    counted: usize,
}

impl<B> Carried<B> {
    pub(super) const fn new(body: B, place: Arc<Place>, stream: bool) -> Self {
        Self { body, place, stream, prefix: [0; PREFIX], prefixed: 0, received: 0, counted: 0 }
    }

    /// Counts what has come. A message that says how long it will be is counted whole, as room is made for all of it then.
    fn count(&mut self, data: &Bytes) -> Result<(), Error> {
        self.received += data.len();
        let (_, missing) = self.prefix.split_at_mut(self.prefixed);
        let coming = missing.len().min(data.len());
        missing[..coming].copy_from_slice(&data[..coming]);
        self.prefixed += coming;
        if self.prefixed < PREFIX {
            return Ok(());
        }
        let [_, length @ ..] = self.prefix;
        let announced = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if !self.stream && self.received - PREFIX > announced {
            // tonic would answer the first.
            return Err(Error::invalid("message", "must be one: this method takes no stream"));
        }
        // What is longer is refused by its length.
        let held = self.received.max(announced.min(MESSAGE_BYTES));
        let more = held.saturating_sub(self.counted);
        self.place.carry(more)?;
        self.counted += more;
        Ok(())
    }
}

impl<B: RequestBody> http_body::Body for Carried<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let counted = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(Ok(()), |it| self.count(it)),
            _ => Ok(()),
        };
        Poll::Ready(match counted {
            Ok(()) => frame.map(|it| it.map_err(Into::into)),
            Err(error) => Some(Err(Status::from(error).into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// An answer whose call is at work until it is taken.
struct Kept {
    /// What was looked at already.
    first: Option<Result<Frame<Bytes>, Status>>,
    rest: Body,
    _place: Arc<Place>,
}

/// Keeps the call at work until its answer is taken.
pub(super) fn kept(answer: Response<Body>, place: Arc<Place>) -> Response<Body> {
    if answer.body().is_end_stream() {
        return answer;
    }
    answer.map(|rest| Body::new(Kept { first: None, rest, _place: place }))
}

/// Keeps a unary call at work until its answer is taken, and counts that. Where there are too many large ones it is refused,
/// but not if the call has changed something.
pub(super) fn weighed(answer: Response<Body>, place: Arc<Place>, changes: bool) -> Response<Body> {
    let (head, mut rest) = answer.into_parts();
    if rest.is_end_stream() {
        return Response::from_parts(head, rest);
    }
    // It is there whole: what is looked at is what will be sent.
    let mut nobody = Context::from_waker(std::task::Waker::noop());
    let first = match Pin::new(&mut rest).poll_frame(&mut nobody) {
        Poll::Ready(frame) => frame,
        Poll::Pending => None,
    };
    let bytes = first.as_ref().and_then(|it| it.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
    match place.carry(bytes) {
        Err(error) if !changes => Status::from(error).into_http(),
        _ => Response::from_parts(head, Body::new(Kept { first, rest, _place: place })),
    }
}

impl http_body::Body for Kept {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }
}
