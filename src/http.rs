//! The plain HTTP port: what orchestrators and Prometheus ask, and the pages of payment claim links.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::claim_page::Guest;
use crate::grpc::server::{Admission, Limits, Place, accept};
use crate::health::Readiness;

/// A request's head must be there within this, so a peer cannot keep a connection by dripping bytes, or by
/// saying nothing between two requests.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

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

/// Serves `router` until `stop` resolves, then lets the requests that run finish within the grace, drops the rest, and
/// returns. Each request carries the [`Guest`] it is from; trusted proxies speak for others. Connections are limited as
/// those of gRPC are, and counted by themselves.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let (drain, draining) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::select! {
        () = stop => {}
        () = accept_all(&listener, router, &limits, &draining, &mut connections) => {}
    }
    drop(listener);
    drain.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    // What outstays the grace is aborted when the set is dropped.
    let _ = tokio::time::timeout(limits.shutdown_grace, all_ended).await;
}

/// Takes connections, each into a task of its own. Never returns.
async fn accept_all(
    listener: &TcpListener,
    router: Router,
    limits: &Limits,
    draining: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_READ_TIMEOUT).max_buf_size(MAX_HEAD_BYTES);
    let (http, trusted) = (Arc::new(http), Arc::<[IpAddr]>::from(&*limits.trusted_proxies));
    let admission = Arc::new(Admission::new("http", limits));
    // Prepared once, and not for each connection.
    let router = router.with_state(());
    loop {
        let (stream, peer) = accept::next(listener).await;
        while connections.try_join_next().is_some() {}
        if let Some(place) = admission.admit(peer.ip()) {
            let (http, trusted) = (Arc::clone(&http), Arc::clone(&trusted));
            connections.spawn(connection(http, stream, place, trusted, router.clone(), draining.clone()));
        }
    }
}

async fn connection(
    http: Arc<http1::Builder>,
    stream: TcpStream,
    place: Place,
    trusted: Arc<[IpAddr]>,
    router: Router,
    mut draining: watch::Receiver<bool>,
) {
    let peer = place.peer();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let peer = peer.behind(request.headers(), &trusted);
        request.extensions_mut().insert(Guest(peer.address));
        // For calls that go on as gRPC.
        request.extensions_mut().insert(peer);
        let router = router.clone();
        async move {
            let Ok(answer) = router.oneshot(request).await;
            Ok::<_, Infallible>(answer)
        }
    });
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let drained = async { draining.wait_for(|told| *told).await.is_ok() };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        _ = drained => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
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
        let limits = Limits {
            shutdown_grace: Duration::from_millis(300),
            max_connections_per_peer: 3,
            ..Limits::default()
        };
        let server = tokio::spawn(serve(listener, router, limits, stopped));

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
        let refused = TcpStream::connect(address).await.unwrap().read(&mut [0; 1]).await;
        assert!(!refused.is_ok_and(|read| read > 0), "one more than a peer may have");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let asked = Instant::now();
        drop(stop);
        server.await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(2));
    }
}
