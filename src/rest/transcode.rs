//! The API's own words over HTTP: every method, by its rule of `http.yaml`, in the JSON of the protos.
//!
//! A call is turned into the request that gRPC would have brought, is answered by the very same service, and its answer is
//! turned into JSON: so nothing is decided here. [`rules`] are what `http.yaml` says and [`routes`] finds one;
//! [`bind`] makes a request, [`value`] and [`mask`] its fields; [`rpc`] asks; [`status`] and [`stream`] tell.

pub(super) mod bind;
mod mask;
mod routes;
mod rpc;
pub(super) mod rules;
pub(super) mod status;
mod stream;
mod value;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use axum::routing::any;
use http_body_util::Full;
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use super::call;
use super::face::Face;
use super::refusal::Refusal;
use crate::api::{self, KEYLESS};
use crate::app::App;
use crate::domain::Error;
use routes::{Found, Routes};
use rules::{RULES, Rule};

/// What answers the methods: gRPC's services, called within the process.
pub trait Rpcs:
    Service<
        http::Request<Full<Bytes>>,
        Response = http::Response<<Self as Rpcs>::Body>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// The body of an answer: messages, and trailers that say how it ended.
    type Body: http_body::Body<Data = Bytes> + Send + Unpin + 'static;
}

impl<S, B> Rpcs for S
where
    S: Service<http::Request<Full<Bytes>>, Response = http::Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    type Body = B;
}

struct Transcoder<S> {
    app: App,
    deadline: Duration,
    rpcs: S,
    routes: Routes,
}

/// Every method, under `/v1`. What is at no path is answered here too.
pub(super) fn router(app: &App, deadline: Duration, rpcs: impl Rpcs) -> Router {
    let transcoder = Transcoder { app: app.clone(), deadline, rpcs, routes: Routes::new(&RULES) };
    let transcoder = Arc::new(transcoder);
    Router::new().route("/v1/{*path}", any(answer)).fallback(nothing).with_state(transcoder)
}

async fn nothing(request: Request) -> Response {
    let refused = async |_| Err(Refusal::NoSuchPath);
    call::observed(Face::Canonical, "unknown", status::refuse, request, refused).await
}

async fn answer<S: Rpcs>(State(transcoder): State<Arc<Transcoder<S>>>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let found = transcoder.routes.find(&method, &path);
    let route = match &found {
        Found::Rule(rule, _) => &rule.template,
        Found::Only(_, template) => *template,
        Found::Nothing => "unknown",
    };
    call::observed(Face::Canonical, route, status::refuse, request, async |request| match &found {
        Found::Rule(rule, captured) => transcoder.call(rule, captured, request).await,
        Found::Only(methods, _) if method == Method::OPTIONS => Ok(allowed(methods)),
        Found::Only(methods, _) => Ok(status::only(methods)),
        Found::Nothing => Err(Refusal::NoSuchPath),
    })
    .await
}

/// What can be done at a path.
fn allowed(methods: &[&str]) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

impl<S: Rpcs> Transcoder<S> {
    /// A deadline that the caller gives is one for all of it: for who calls, for the body, and for what the service does.
    /// Without one each has its own.
    async fn call(&self, rule: &Rule, captured: &[&str], request: Request) -> Result<Response, Refusal> {
        let given = api::timeout_in(request.headers());
        let given = given.map_err(|problem| Error::invalid(api::TIMEOUT, problem))?;
        let deadline = given.map(|it| Instant::now() + it);
        let left = || deadline.map(|it| it.saturating_duration_since(Instant::now()));
        let (mut head, body) = request.into_parts();
        let rpc = &rule.rpc;
        let mut message = Vec::new();
        let mut is_admitted = true;
        let mut place = None;
        if rpc.path != KEYLESS {
            let admitted = async { Ok(self.app.authenticate(api::key_in(&head.headers)).await) };
            let admitted = call::within(given.unwrap_or(self.deadline), admitted).await?;
            is_admitted = admitted.is_ok();
            if let Ok(caller) = &admitted {
                let entered = Arc::new(self.app.enter(caller)?);
                head.extensions.insert(Arc::clone(&entered));
                place = Some(entered);
            }
            head.extensions.insert(admitted);
        }
        // Where they are not let in, the service says why, and looks at no message.
        if is_admitted {
            let body = call::read(body, api::most_bytes(&rpc.path), place.as_deref(), left()).await?;
            let bound = bind::request(rule, captured, head.uri.query(), &head.headers, &body)?;
            message = rpc::encoded(&bound);
        }
        let request = rpc::request(rpc, &message, head.extensions, &head.headers, left());
        let Ok(response) = self.rpcs.clone().oneshot(request).await;
        let response = rpc::answer(rpc, response, &head.headers).await?;
        match place {
            // Streams have bounds of their own.
            Some(place) if !rpc.is_stream => call::held(response, place, rule.verb != Method::GET),
            _ => Ok(response),
        }
    }
}
