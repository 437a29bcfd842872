//! A server with a service that is easily told what to do, and the peers that call it.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use metrics_exporter_prometheus::PrometheusHandle;
use purser::grpc::server::{Methods, serve};
use purser::port::Limits;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codec::Streaming;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;
use tower::{Service, service_fn};

/// However long a machine stands still. What has to be sooner says so where it is asked.
pub(super) const SOON: Duration = Duration::from_secs(30);
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The metrics of this process, from all its servers together.
pub(super) static METRICS: LazyLock<PrometheusHandle> =
    LazyLock::new(|| purser::telemetry::install().unwrap());
/// A gRPC frame that holds an empty message.
pub(super) const EMPTY: &[u8] = &[0; 5];

/// Unary methods that do one thing each.
#[derive(Clone)]
struct Probe {
    stuck: Arc<Notify>,
}

impl NamedService for Probe {
    const NAME: &'static str = "probe.Probe";
}

impl Service<Request<Body>> for Probe {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let stuck = Arc::clone(&self.stuck);
        let method = service_fn(move |message: tonic::Request<String>| {
            let (path, stuck) = (path.clone(), Arc::clone(&stuck));
            async move {
                match path.as_str() {
                    "/probe.Probe/Echo" | "/probe.Probe/Counted" => {
                        Ok(tonic::Response::new(message.into_inner()))
                    }
                    "/probe.Probe/Stuck" => {
                        stuck.notify_one();
                        pending().await
                    }
                    "/probe.Probe/Panic" => panic!("on purpose"),
                    _ => Err(Status::unimplemented("")),
                }
            }
        });
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default())
                .max_decoding_message_size(1024);
            Ok(grpc.unary(method, request).await)
        })
    }
}

/// A server on a free port; dropped, it stops.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    stuck: Arc<Notify>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

pub(super) async fn start(limits: Limits) -> Running {
    LazyLock::force(&METRICS);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let (_, health) = tonic_health::server::health_reporter();
    let stuck = Arc::new(Notify::new());
    let routes = Routes::new(Probe { stuck: Arc::clone(&stuck) }).add_service(health);
    let unary = ["Echo", "Counted", "Stuck", "Panic"].map(|method| format!("/probe.Probe/{method}"));
    let methods = Methods::new(unary, []);
    let stopped = async {
        let _ = stopped.await;
    };
    let server = tokio::spawn(serve(listener, routes, methods, limits, stopped));
    Running { address, stuck, stop, server }
}

impl Running {
    pub(super) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// A connection that sends what it is given. (tonic's own keeps deadlines by itself.)
    pub(super) async fn raw(&self) -> SendRequest<Body> {
        let io = TokioIo::new(self.tcp().await);
        let (sender, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    pub(super) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Waits until a call is stuck.
    pub(super) async fn stuck(&self) {
        timeout(SOON, self.stuck.notified()).await.expect("the call has come");
    }

    /// Stops it, and says how long that took.
    pub(super) async fn stop(self) -> Duration {
        let asked = Instant::now();
        self.stop.send(()).unwrap();
        timeout(Duration::from_secs(30), self.server).await.expect("it ends").unwrap();
        asked.elapsed()
    }
}

/// A POST that is right in all respects; tests spoil it.
pub(super) fn request(path: &str, body: &'static [u8]) -> Request<Body> {
    Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Full::from(body)))
        .unwrap()
}

/// Sends `request`, and gives its answer's HTTP status and its headers and trailers together.
pub(super) async fn send(raw: &SendRequest<Body>, request: Request<Body>) -> (StatusCode, HeaderMap) {
    let response = raw.clone().send_request(request);
    let (head, body) = timeout(SOON, response).await.expect("an answer").unwrap().into_parts();
    let mut headers = head.headers;
    if let Some(trailers) = body.collect().await.unwrap().trailers() {
        headers.extend(trailers.clone());
    }
    (head.status, headers)
}

/// The code of the answer and the reason of its `ErrorInfo`.
pub(super) async fn refused(raw: &SendRequest<Body>, request: Request<Body>) -> (Code, String) {
    let (http, headers) = send(raw, request).await;
    assert_eq!(http, StatusCode::OK);
    let status = Status::from_header_map(&headers).expect("a status");
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    (status.code(), reason)
}

/// Whether the server has closed `stream`: by end of file, or by reset.
pub(super) async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 1024];
    let closed = async {
        loop {
            if matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {
                return;
            }
        }
    };
    timeout(SOON, closed).await.is_ok()
}

pub(super) async fn watch(channel: &Channel) -> Streaming<HealthCheckResponse> {
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = HealthClient::new(channel.clone()).watch(request).await.unwrap().into_inner();
    watch.message().await.unwrap().expect("the state at the start");
    watch
}
