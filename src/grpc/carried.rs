//! Messages on their way in and out, each with the place of its call: what they hold of memory is counted while they do.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Response;
use http_body::{Body as _, Frame};
use hyper::body::Bytes;
use tokio::time::{Sleep, sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::BoxError;

use super::RequestBody;
use super::status::refusal;
use crate::api::{ErrorReason, MESSAGE_BYTES};
use crate::app::Place;
use crate::domain::Error;

/// What stands before a message: whether it is compressed, and how long it is.
const PREFIX: usize = 5;

/// How long the rest of a message, or the next one of a stream, may be on its way.
const PATIENCE: Duration = Duration::from_secs(10);

fn too_late() -> Status {
    refusal(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, "the message did not arrive in time")
}

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
    /// When it is waited for no longer. Most messages are there whole, and need none.
    late: Option<Pin<Box<Sleep>>>,
}

impl<B> Carried<B> {
    pub(super) const fn new(body: B, place: Arc<Place>, stream: bool) -> Self {
        Self { body, place, stream, prefix: [0; PREFIX], prefixed: 0, received: 0, counted: 0, late: None }
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
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            let late = self.late.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
            ready!(late.as_mut().poll(cx));
            // A stream on which nothing more is asked is as good as ended.
            return Poll::Ready((!self.stream).then(|| Err(too_late().into())));
        };
        self.late = None;
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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::app::{App, Chains};
    use crate::store::Store;

    #[tokio::test]
    async fn a_message_that_does_not_come_is_not_waited_for_and_a_silent_stream_has_ended() {
        let store = Store::open("sqlite:unused.db").unwrap();
        let app = App::start(store, Chains::default());
        let place = Arc::new(app.enter_guest(std::net::Ipv4Addr::LOCALHOST.into()).unwrap());
        let never = || {
            let parts = tokio_stream::pending::<Result<Frame<Bytes>, std::io::Error>>();
            http_body_util::StreamBody::new(parts)
        };
        let mut unary = Carried::new(never(), Arc::clone(&place), false);
        let mut stream = Carried::new(never(), place, true);
        let (refused, ended) = tokio::join!(unary.frame(), stream.frame());
        let refused = refused.unwrap().unwrap_err().downcast::<Status>().unwrap();
        assert_eq!(refused.code(), Code::DeadlineExceeded);
        assert!(ended.is_none());
    }
}
