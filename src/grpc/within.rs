//! Calls from within the process: the handlers, with no wire before them.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Bytes;
use prost::Message;
use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};

use super::server::{Until, ending, until};
use super::status::refusal;
use super::{Purser, Reply};
use crate::api::admin_service_server::AdminService;
use crate::api::billing_service_server::BillingService;
use crate::api::claim_service_server::ClaimService;
use crate::api::customer_service_server::CustomerService;
use crate::api::event_service_server::EventService;
use crate::api::wallet_service_server::WalletService;
use crate::api::webhook_service_server::WebhookService;
use crate::api::{Answer, Answered, Called, ErrorReason, KEYLESS, Messages, Refused, Rpcs};
use crate::app::App;
use crate::domain::Error;
use crate::port::{Peer, jittered};
use crate::webhook::Webhooks;

/// The methods, called within the process.
pub struct Within {
    purser: Purser,
    /// How old a stream becomes: as old as the connection that it would have over a socket.
    age: Duration,
    /// True once streams are to end.
    ending: watch::Receiver<bool>,
}

impl Within {
    /// Streams end at that age, or once `ending` is true.
    #[must_use]
    pub const fn new(app: App, webhooks: Webhooks, age: Duration, ending: watch::Receiver<bool>) -> Self {
        Self { purser: Purser { app, webhooks }, age, ending }
    }

    /// What ends a stream from our side.
    fn until(&self, left: Option<Duration>) -> Until {
        let (until, age) = (until(left, self.ending.clone()), jittered(self.age));
        Box::pin(async move { tokio::time::timeout(age, until).await.unwrap_or_else(|_| ending()) })
    }
}

impl Rpcs for Within {
    fn call(&self, path: &str, request: http::Request<Bytes>, left: Option<Duration>) -> Called {
        let Some(method) = METHODS.get(path) else {
            let status = refusal(Code::Unimplemented, ErrorReason::Unimplemented, "there is no such method");
            return Box::pin(std::future::ready(Err(status.into())));
        };
        let (mut head, message) = request.into_parts();
        // Who does not say where they are is on the machine itself.
        let peer = *head.extensions.get_or_insert_with(|| Peer::of(Ipv4Addr::LOCALHOST.into(), &[]));
        let place = (path == KEYLESS).then(|| self.purser.app.enter_guest(peer.address));
        let request = Request::from_parts(MetadataMap::from_headers(head.headers), head.extensions, message);
        let called = (method.handler)(self.purser.clone(), request);
        let until = method.is_stream.then(|| self.until(left));
        Box::pin(async move {
            let _place = place.transpose().map_err(Status::from)?;
            let Some(mut until) = until else { return Ok(called.await?) };
            let Answered { headers, answer } = tokio::select! {
                biased;
                status = &mut until => return Err(status.into()),
                answered = called => answered?,
            };
            let answer = match answer {
                Answer::Stream(messages) => Answer::Stream(Box::pin(Ending { messages, until: Some(until) })),
                whole @ Answer::Whole(_) => whole,
            };
            Ok(Answered { headers, answer })
        })
    }

    fn refused(&self, error: Error) -> Refused {
        Status::from(error).into()
    }
}

/// A method, from the bytes of its request to those of its answer.
struct Method {
    is_stream: bool,
    handler: fn(Purser, Request<Bytes>) -> Pending,
}
type Pending = Pin<Box<dyn Future<Output = Result<Answered, Status>> + Send>>;

/// Says which handler is at each path. The list of them is made with the API's types.
macro_rules! methods {
    ($($path:literal => $kind:ident $service:ident::$handler:ident),+ $(,)?) => {
        static METHODS: LazyLock<HashMap<&str, Method>> = LazyLock::new(|| {
            let method = |path, kind, handler| (path, Method { is_stream: kind == "stream", handler });
            HashMap::from([$(method($path, stringify!($kind), |purser, request| {
                Box::pin($kind(request, async move |it| $service::$handler(&purser, it).await))
            })),+])
        });
    };
}
include!(concat!(env!("OUT_DIR"), "/methods.rs"));

async fn unary<T: Message + Default, U: Message>(
    request: Request<Bytes>,
    handler: impl AsyncFnOnce(Request<T>) -> Reply<U>,
) -> Result<Answered, Status> {
    let (metadata, message, _) = handler(decoded(request)?).await?.into_parts();
    Ok(Answered { headers: metadata.into_headers(), answer: Answer::Whole(message.encode_to_vec()) })
}

async fn stream<T: Message + Default, U: Message, S>(
    request: Request<Bytes>,
    handler: impl AsyncFnOnce(Request<T>) -> Reply<S>,
) -> Result<Answered, Status>
where
    S: Stream<Item = Result<U, Status>> + Send + 'static,
{
    let (metadata, messages, _) = handler(decoded(request)?).await?.into_parts();
    let messages = messages.map(|it| it.map(|it| it.encode_to_vec()).map_err(Refused::from));
    Ok(Answered { headers: metadata.into_headers(), answer: Answer::Stream(Box::pin(messages)) })
}

fn decoded<T: Message + Default>(request: Request<Bytes>) -> Result<Request<T>, Status> {
    let (metadata, extensions, message) = request.into_parts();
    let message = T::decode(message).map_err(|error| {
        refusal(
            Code::InvalidArgument,
            ErrorReason::InvalidField,
            format!("the request cannot be decoded: {error}"),
        )
    })?;
    Ok(Request::from_parts(metadata, extensions, message))
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self {
            code: status.code().into(),
            message: status.message().to_owned(),
            details: Bytes::copy_from_slice(status.details()),
        }
    }
}

/// Messages that end early where `until` says so.
struct Ending {
    messages: Messages,
    until: Option<Until>,
}

impl Stream for Ending {
    type Item = Result<Vec<u8>, Refused>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(until) = &mut self.until
            && let Poll::Ready(status) = until.as_mut().poll(cx)
        {
            self.until = None;
            self.messages = Box::pin(tokio_stream::empty());
            return Poll::Ready(Some(Err(status.into())));
        }
        self.messages.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Within")
    }
}
