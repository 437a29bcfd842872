//! The plain HTTP port: what orchestrators and Prometheus ask, and the pages of payment claim links.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::{Service, ServiceExt};

use crate::health::Readiness;
use crate::port::{Admission, Limits, Peer, accept, jittered};

/// How long a connection may be without a whole head of a request: between two requests, as long as balancers keep one that
/// they mean to use again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// The same for a connection that is one too many.
const SPARE_TIMEOUT: Duration = Duration::from_secs(1);

/// How many may be one too many at a time. They are for whoever asks how the instance is: a crowd must not make it look dead.
const SPARE_CONNECTIONS: usize = 16;

/// The most that a request's head may be, and that is held of what a peer sends before it is asked for, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// What is asked of a running instance:
///
/// - `GET /livez`: 200 while the process runs at all.
/// - `GET /readyz`: 200 if calls may be sent, else 503 and what is missing.
/// - `GET /metrics`: the metrics, in Prometheus' text format 0.0.4.
pub fn router(readiness: watch::Receiver<Readiness>, metrics: PrometheusHandle) -> Router {
    let readyz = move || {
        let said = match readiness.borrow().obstacle() {
            None => (StatusCode::OK, "ok".to_owned()),
            Some(obstacle) => (StatusCode::SERVICE_UNAVAILABLE, obstacle.to_owned()),
        };
        async { said }
    };
    let metrics = move || async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()) };
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// What answers requests.
pub trait Answers:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}
impl<S> Answers for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Serves what is `vital` and the `whole`, which has it too, until `stop` resolves, then lets the requests that run finish
/// within the grace, drops the others, and returns. Each request carries the [`Peer`] it is from; trusted proxies speak for
/// others. Connections are limited as those of gRPC are, and counted by themselves; a few more are let ask for what is vital.
pub async fn serve(
    listener: TcpListener,
    vital: Router,
    whole: impl Answers,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let grace = limits.shutdown_grace;
    let (drain, draining) = watch::channel(false);
    let mut connections = JoinSet::new();
    let port = Arc::new(Port::new(vital, whole, limits));
    tokio::select! {
        () = stop => {}
        () = accept_all(&listener, &port, &draining, &mut connections) => {}
    }
    drop(listener);
    drain.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    // What outstays the grace is aborted when the set is dropped.
    let _ = tokio::time::timeout(grace, all_ended).await;
}

/// What every connection shares.
struct Port<S> {
    limits: Limits,
    whole: Offer<S>,
    spare: Offer<Router>,
}

/// What a connection is for, and how it is spoken on.
struct Offer<S> {
    http: http1::Builder,
    service: S,
}

impl<S> Port<S> {
    fn new(vital: Router, whole: S, limits: Limits) -> Self {
        let http = |timeout| {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(timeout).max_buf_size(MAX_HEAD_BYTES);
            http
        };
        let mut spare = http(SPARE_TIMEOUT);
        spare.keep_alive(false);
        Self {
            limits,
            whole: Offer { http: http(IDLE_TIMEOUT), service: whole },
            // Prepared once, and not for each connection.
            spare: Offer { http: spare, service: vital.with_state(()) },
        }
    }
}

/// Takes connections, each into a task of its own. Never returns.
async fn accept_all(
    listener: &TcpListener,
    port: &Arc<Port<impl Answers>>,
    draining: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let admission = Arc::new(Admission::new("http", &port.limits));
    let spare = Arc::new(Semaphore::new(SPARE_CONNECTIONS));
    loop {
        let (stream, address) = accept::next(listener, &port.limits).await;
        while connections.try_join_next().is_some() {}
        let (port, draining) = (Arc::clone(port), draining.clone());
        let peer = Peer::of(address.ip(), &port.limits.trusted_proxies);
        if let Some(place) = admission.admit(address.ip()) {
            connections.spawn(async move {
                connection(&port.limits, &port.whole, stream, peer, draining).await;
                drop(place);
            });
        } else if let Ok(place) = Arc::clone(&spare).try_acquire_owned() {
            connections.spawn(async move {
                connection(&port.limits, &port.spare, stream, peer, draining).await;
                drop(place);
            });
        }
    }
}

async fn connection(
    limits: &Limits,
    offer: &Offer<impl Answers>,
    stream: TcpStream,
    peer: Peer,
    mut draining: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let peer = peer.behind(request.headers(), &limits.trusted_proxies);
        request.extensions_mut().insert(peer);
        offer.service.clone().oneshot(request.map(Body::new))
    });
    let mut serving = std::pin::pin!(offer.http.serve_connection(TokioIo::new(stream), service));
    let drained = async { draining.wait_for(|told| *told).await.is_ok() };
    let grace = tokio::select! {
        ended = serving.as_mut() => return log(ended),
        () = sleep(jittered(limits.max_connection_age)) => limits.max_connection_age_grace,
        // What outstays a drain is dropped by `serve`, all together.
        _ = drained => Duration::MAX,
    };
    serving.as_mut().graceful_shutdown();
    if let Ok(ended) = tokio::time::timeout(grace, serving).await {
        log(ended);
    }
}

fn log(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn it_says_how_it_is_and_ends_whatever_peers_do() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, readiness) = watch::channel(Readiness::Missing("database".to_owned()));
        let router = router(readiness, PrometheusBuilder::new().build_recorder().handle());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let whole = router.clone().route("/rest", axum::routing::get(|| async { "rest" }));
        let limits = Limits {
            shutdown_grace: Duration::from_millis(300),
            max_connections_per_peer: 3,
            ..Limits::default()
        };
        let server = tokio::spawn(serve(listener, router, whole, limits, stopped));

        assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
        let missing = get(address, "/readyz").await;
        assert!(missing.starts_with("HTTP/1.1 503") && missing.ends_with("database"));
        tell.send_replace(Readiness::Ready);
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        assert!(get(address, "/metrics").await.contains("content-type: text/plain; version=0.0.4\r\n"));

        let _silent = TcpStream::connect(address).await.unwrap();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /livez HT").await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        third.write_all(b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        third.read_exact(&mut [0; 12]).await.unwrap();
        // One more than a peer may have is told how the instance is, and nothing else.
        assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
        assert!(get(address, "/rest").await.starts_with("HTTP/1.1 404"));
        drop(third);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(get(address, "/rest").await.starts_with("HTTP/1.1 200"));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let asked = Instant::now();
        drop(stop);
        server.await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(2));
    }
}
