//! The life of one connection.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, join};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::untaken::Untaken;
use super::{GrpcService, Server, call};
use crate::port::{Peer, Place, count_ended, count_refused, jittered};

/// What begins HTTP/2 (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the calls of one connection share.
pub(super) struct Connection<S> {
    pub(super) server: Arc<Server<S>>,
    /// True once the connection is to end: no streaming call may go on.
    pub(super) ending: watch::Receiver<bool>,
    /// Who is at the other end.
    pub(super) peer: Peer,
    /// What was answered and not taken.
    pub(super) untaken: Arc<Untaken>,
}

/// Serves `stream` until it ends, is too old, or outstays the drain.
pub(super) async fn run(
    server: Arc<Server<impl GrpcService<Incoming>>>,
    stream: TcpStream,
    mut draining: watch::Receiver<bool>,
    place: Place,
) {
    let preface = read_preface(stream, server.limits.preface_timeout);
    let io = tokio::select! {
        io = preface => io,
        () = told(&mut draining) => None,
    };
    if let Some(io) = io {
        serve(server, io, draining, place.peer()).await;
    }
}

async fn serve(
    server: Arc<Server<impl GrpcService<Incoming>>>,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    mut draining: watch::Receiver<bool>,
    peer: Peer,
) {
    let (end, ending) = watch::channel(false);
    let untaken = Arc::new(Untaken::default());
    let too_long = Arc::clone(&untaken);
    let connection = Arc::new(Connection { server: Arc::clone(&server), ending, peer, untaken });
    let service = service_fn(move |request| call::answer(Arc::clone(&connection), request));
    let mut http = std::pin::pin!(server.http.serve_connection(TokioIo::new(io), service));
    let grace = tokio::select! {
        ended = http.as_mut() => return log(ended),
        () = too_long.too_long(server.limits.answer_timeout) => return count_ended("grpc", "untaken"),
        () = sleep(jittered(server.limits.max_connection_age)) => server.limits.max_connection_age_grace,
        // What outstays a drain is dropped by `super::end`, all together.
        () = told(&mut draining) => Duration::MAX,
    };
    end.send_replace(true);
    http.as_mut().graceful_shutdown();
    if let Ok(ended) = timeout(grace, http).await {
        log(ended);
    }
}

/// Takes the preface off `stream`, and gives the stream back as if it were still there.
///
/// hyper would wait for it for ever, so thousands of silent peers would cost thousands of descriptors.
async fn read_preface(
    mut stream: TcpStream,
    limit: Duration,
) -> Option<impl AsyncRead + AsyncWrite + Send + Unpin + use<>> {
    let mut start = [0; PREFACE.len()];
    match timeout(limit, stream.read_exact(&mut start)).await {
        Ok(Ok(_)) if start == *PREFACE => {
            let (reader, writer) = stream.into_split();
            Some(join(PREFACE.chain(reader), writer))
        }
        // Port scans and load balancers' probes do this all day.
        Ok(Err(_)) => None,
        Ok(Ok(_)) | Err(_) => {
            count_refused("grpc", "preface");
            None
        }
    }
}

/// Resolves once the flag is set, or nobody is left to set it.
pub(super) async fn told(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|set| *set).await;
}

fn log(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
