//! The life of one call, from its headers to the head of its answer.
//!
//! This is plain functions in one future and not a stack of tower layers: hyper gives that future a task of
//! its own, so a call costs no allocation here, and the order of what happens is the order of the lines.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use tonic::body::Body;
use tonic::{Code, Status};

use super::body::AnswerBody;
use super::connection::Connection;
use super::deadline::{self, Until};
use super::methods::Meter;
use super::{GrpcService, corrections, methods};
use crate::api::{ErrorReason, most_bytes};
use crate::grpc::status::refusal;
use crate::panics::caught;

/// Answers `request`.
pub(super) async fn answer<B>(
    connection: Arc<Connection<impl GrpcService<B>>>,
    mut request: Request<B>,
) -> Result<Response<AnswerBody>, Infallible> {
    let trusted = &connection.server.limits.trusted_proxies;
    let peer = connection.peer.behind(request.headers(), trusted);
    request.extensions_mut().insert(peer);
    if let Some(refused) = refuse_other_than_grpc(&request) {
        return Ok(refused);
    }
    let method = Arc::clone(connection.server.methods.find(request.uri().path()));
    let mut meter = Meter::start(Arc::clone(&method));
    let (answer, until) = match deadline::of(request.headers()) {
        Err(status) => (Err(status), None),
        Ok(Some(Duration::ZERO)) => (Err(deadline::passed()), None),
        Ok(given) if method.streaming => streaming(&connection, request, given).await,
        Ok(given) => (unary(&connection, request, given, &method).await, None),
    };
    let answer = answer.unwrap_or_else(Status::into_http);
    let (mut head, body) = answer.into_parts();
    if let Some(code) = corrections::settle(&mut head.headers, most_bytes(&method.path)) {
        meter.answered(code);
    }
    // A stream is taken as it comes, and whoever sends it sees to that.
    let untaken = (!method.streaming).then(|| connection.untaken.begin());
    Ok(Response::from_parts(head, AnswerBody::new(body, meter, until, untaken)))
}

/// A unary call is over with the head of its answer, but for what is to be sent: the deadline ends here.
async fn unary<B>(
    connection: &Connection<impl GrpcService<B>>,
    request: Request<B>,
    given: Option<Duration>,
    method: &methods::Method,
) -> Result<Response<Body>, Status> {
    let limit = given.unwrap_or(connection.server.limits.default_deadline);
    let call = handle(connection, request);
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        tracing::debug!(method = method.path, ?limit, "deadline passed");
        Err(deadline::passed())
    })
}

/// A streaming call goes on in the body of its answer, which takes over what may end it.
async fn streaming<B>(
    connection: &Connection<impl GrpcService<B>>,
    request: Request<B>,
    given: Option<Duration>,
) -> (Result<Response<Body>, Status>, Option<Until>) {
    let mut until = deadline::until(given, connection.ending.clone());
    tokio::select! {
        biased;
        status = &mut until => (Err(status), None),
        answer = handle(connection, request) => (answer, Some(until)),
    }
}

/// Runs the handler. A panic in it is the end of this call and of nothing else.
async fn handle<B>(
    connection: &Connection<impl GrpcService<B>>,
    request: Request<B>,
) -> Result<Response<Body>, Status> {
    let call = connection.server.services.clone().call(request);
    match caught(call).await {
        Some(Ok(answer)) => Ok(answer),
        None => Err(refusal(Code::Internal, ErrorReason::Internal, "internal error")),
    }
}

/// What the gRPC specification has answered in plain HTTP, since the caller does not speak gRPC.
fn refuse_other_than_grpc<B>(request: &Request<B>) -> Option<Response<AnswerBody>> {
    if request.method() != Method::POST {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(response);
    }
    (!is_grpc(request.headers())).then(|| plain(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// Whether the content type is `application/grpc`, alone or with a suffix (`+proto`) or a parameter.
fn is_grpc(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let Some((start, rest)) =
        headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().split_at_checked(GRPC.len()))
    else {
        return false;
    };
    start.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';'))
}

fn plain(status: StatusCode) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::default());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grpc_and_its_suffixes_are_grpc() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/grp", false),
            ("application/json", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            assert_eq!(is_grpc(&headers), expected, "{value}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
