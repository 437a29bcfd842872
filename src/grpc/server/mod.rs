//! The gRPC server: its own accept loop over hyper's HTTP/2, around tonic's routes.
//!
//! tonic's own server has no limit on connections, waits for ever for a peer that says nothing, and does not
//! stop while one stays. Here every wait has an end:
//!
//! - [`port`](crate::port) takes connections, and says how many;
//! - `connection` is the life of one of them: preface, calls, age, end;
//! - `call` is the life of one call: `deadline`, `corrections` of what tonic says by itself, and
//!   `body`, what is sent, for as long as it is taken (`untaken`);
//! - `methods` knows the methods there are, and counts their calls.

mod body;
mod call;
mod connection;
mod corrections;
mod deadline;
mod methods;
mod untaken;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::body::Body;
use tower::Service;

pub(super) use self::deadline::{Until, ending, until};
pub use self::methods::Methods;
use crate::port::{Admission, Limits, accept};

/// What every connection shares.
struct Server<S> {
    limits: Limits,
    services: S,
    methods: Methods,
    http: http2::Builder<TokioExecutor>,
}

/// What answers the calls.
pub trait GrpcService<B>:
    Service<Request<B>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}
impl<S, B> GrpcService<B> for S where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Serves `services` until `stop` resolves, then ends what runs, and returns.
///
/// Once asked to stop it takes no more connections, and closes the listener. Every peer is told (GOAWAY),
/// streaming calls end with UNAVAILABLE, unary calls may finish. What is still there after
/// [`Limits::shutdown_grace`] is dropped, so it returns whatever peers do.
pub async fn serve(
    listener: TcpListener,
    services: impl GrpcService<Incoming>,
    methods: Methods,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let grace = limits.shutdown_grace;
    let (drain, draining) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::select! {
        () = stop => {}
        () = accept_all(&listener, Server::new(services, methods, limits), &draining, &mut connections) => {}
    }
    drop(listener);
    drain.send_replace(true);
    end(connections, grace).await;
}

/// Takes connections, each into a task of its own. Never returns.
async fn accept_all(
    listener: &TcpListener,
    server: Server<impl GrpcService<Incoming>>,
    draining: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let server = Arc::new(server);
    let admission = Arc::new(Admission::new("grpc", &server.limits));
    loop {
        let (stream, peer) = accept::next(listener, &server.limits).await;
        // A task that ended keeps its memory until it is joined.
        while connections.try_join_next().is_some() {}
        if let Some(place) = admission.admit(peer.ip()) {
            let server = Arc::clone(&server);
            connections.spawn(connection::run(server, stream, draining.clone(), place));
        }
    }
}

/// Waits for the connections, and drops those that outstay `grace`.
async fn end(mut connections: JoinSet<()>, grace: Duration) {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, all_ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "dropped connections that outstayed the grace");
        connections.shutdown().await;
    }
}

impl<S> Server<S> {
    fn new(services: S, methods: Methods, limits: Limits) -> Self {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(limits.max_concurrent_streams)
            .initial_stream_window_size(limits.stream_window_bytes)
            .initial_connection_window_size(limits.connection_window_bytes)
            .max_header_list_size(limits.max_header_list_bytes)
            .max_pending_accept_reset_streams(limits.max_pending_accept_reset_streams)
            .max_local_error_reset_streams(limits.max_local_error_reset_streams)
            .keep_alive_interval(limits.keepalive_interval)
            .keep_alive_timeout(limits.keepalive_timeout)
            // No gRPC client reads it.
            .auto_date_header(false);
        Self { limits, services, methods, http }
    }
}
