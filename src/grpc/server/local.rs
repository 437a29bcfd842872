//! Calls from within the process: what surrounds a call over a socket surrounds them too.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tokio::sync::watch;
use tokio::time::sleep;
use tower::Service;

use super::body::AnswerBody;
use super::connection::{Connection, jittered, told};
use super::{GrpcService, Limits, Methods, Peer, Server, call};

/// The services, called without a socket. A clone shares them.
pub struct Local<S>(Arc<Connection<S>>);

impl<S> Local<S> {
    /// Streaming calls end once `ending` is true.
    pub fn new(services: S, methods: Methods, limits: Limits, ending: watch::Receiver<bool>) -> Self {
        let server = Arc::new(Server::new(services, methods, limits));
        Self(Arc::new(Connection {
            server,
            ending,
            peer: Peer::of(std::net::Ipv4Addr::LOCALHOST.into(), &[]),
            untaken: Arc::default(),
        }))
    }
}

impl<S> Clone for Local<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Local<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Local")
    }
}

/// True once `ending` is, or at that age: a stream is no older than the connection that it would have over a socket.
fn aged(mut ending: watch::Receiver<bool>, age: Duration) -> watch::Receiver<bool> {
    let (end, told_of) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            () = told(&mut ending) => {}
            () = sleep(age) => {}
            // The stream has ended.
            () = end.closed() => {}
        }
        end.send_replace(true);
    });
    told_of
}

impl<S: GrpcService<B>, B: Send + 'static> Service<Request<B>> for Local<S> {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut connection = Arc::clone(&self.0);
        if connection.server.methods.find(request.uri().path()).streaming {
            let server = Arc::clone(&connection.server);
            let ending = aged(connection.ending.clone(), jittered(server.limits.max_connection_age));
            let untaken = Arc::clone(&connection.untaken);
            connection = Arc::new(Connection { server, ending, peer: connection.peer, untaken });
        }
        Box::pin(call::answer(connection, request))
    }
}
