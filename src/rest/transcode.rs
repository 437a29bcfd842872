//! The API's own words over HTTP: every method, by its rule of `http.yaml`, in the JSON of the protos.
//!
//! A call is turned into the request that gRPC would have brought, is answered by the very same handler, and its answer is
//! turned into JSON: so nothing is decided here. [`rules`] are what `http.yaml` says and [`routes`] finds one;
//! [`bind`] makes a request, [`value`] and [`mask`] its fields; [`rpc`] asks, [`mod@write`] writes; [`status`] and [`stream`] tell.

pub(super) mod bind;
mod mask;
mod routes;
mod rpc;
pub(super) mod rules;
pub(super) mod status;
mod stream;
mod value;
mod write;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::ALLOW;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use prost::Message;
use tokio::time::Instant;
use tower::{Service, service_fn};

use super::call;
use super::face::Face;
use super::refusal::Refusal;
use crate::api::{self, KEYLESS, Rpcs};
use crate::app::App;
use crate::domain::Error;
use routes::{Found, Routes};
use rules::{RULES, Rule};

#[derive(Debug)]
struct Transcoder {
    app: App,
    deadline: Duration,
    rpcs: Arc<dyn Rpcs>,
    routes: Routes,
}

/// What begins the path of every method.
pub(super) const PREFIX: &str = "/v1/";

/// Every method.
pub(super) fn service(
    app: &App,
    deadline: Duration,
    rpcs: Arc<dyn Rpcs>,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
    let transcoder = Transcoder { app: app.clone(), deadline, rpcs, routes: Routes::new(&RULES) };
    let transcoder = Arc::new(transcoder);
    service_fn(move |request| {
        let transcoder = Arc::clone(&transcoder);
        async move { Ok(transcoder.respond(request).await) }
    })
}

/// The answer where nothing is.
pub(super) async fn nothing(request: Request) -> Response {
    let refused = async |_| Err(Refusal::NoSuchPath);
    call::observed(Face::Canonical, "unknown", status::refuse, request, refused).await
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

impl Transcoder {
    async fn respond(&self, request: Request) -> Response {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let found = self.routes.find(&method, uri.path());
        let route = match &found {
            Found::Rule(rule, _) => rule.template.as_str(),
            Found::Only(_, template) => *template,
            Found::Nothing => "unknown",
        };
        call::observed(Face::Canonical, route, status::refuse, request, async |request| match &found {
            Found::Rule(rule, captured) => self.call(rule, captured, request).await,
            Found::Only(methods, _) if method == Method::OPTIONS => Ok(allowed(methods)),
            Found::Only(methods, _) => Ok(status::only(methods)),
            Found::Nothing => Err(Refusal::NoSuchPath),
        })
        .await
    }

    async fn call(
        &self,
        rule: &'static Rule,
        captured: &[&str],
        request: Request,
    ) -> Result<Response, Refusal> {
        let (mut head, body) = request.into_parts();
        match self.answer(rule, captured, &mut head, body).await {
            // What the directory says is told as gRPC tells it.
            Err(Refusal::Known(error)) => Ok(rpc::refused(self.rpcs.refused(error), &head.headers)),
            answered => answered,
        }
    }

    /// A deadline that the caller gives is one for all of it: for who calls, for the body, and for what the service does.
    /// Without one each has its own, and a stream has none.
    async fn answer(
        &self,
        rule: &'static Rule,
        captured: &[&str],
        head: &mut Parts,
        body: Body,
    ) -> Result<Response, Refusal> {
        let given = api::timeout_in(&head.headers);
        let given = given.map_err(|problem| Error::invalid(api::TIMEOUT, problem))?;
        let deadline = given.map(|it| Instant::now() + it);
        let left = || deadline.map(|it| it.saturating_duration_since(Instant::now()));
        let rpc = &rule.rpc;
        let mut place = None;
        if rpc.path != KEYLESS {
            let caller = self.app.authenticate(api::key_in(&head.headers));
            let caller = call::within(left().unwrap_or(self.deadline), caller).await??;
            place = Some(Arc::new(self.app.enter(&caller)?));
            head.extensions.insert(caller);
        }
        let body = call::read(body, api::most_bytes(&rpc.path), place.as_deref(), left()).await?;
        let message = bind::request(rule, captured, head.uri.query(), &head.headers, &body)?.encode_to_vec();
        drop(body);
        // Numbers of metadata are larger than their text.
        if message.len() > api::most_bytes(&rpc.path) {
            return Err(Refusal::TooLarge);
        }
        let request = rpc::request(message, std::mem::take(&mut head.extensions), &head.headers);
        let called = self.rpcs.call(&rpc.path, request, left());
        let answered = if rpc.is_stream {
            called.await
        } else {
            call::within(left().unwrap_or(self.deadline), called).await?
        };
        let response = match answered {
            Ok(answered) => rpc::answer(rpc, answered, &head.headers)?,
            Err(refused) => rpc::refused(refused, &head.headers),
        };
        match place {
            // Streams have bounds of their own.
            Some(place) if !rpc.is_stream => call::held(response, place, rule.verb != Method::GET),
            _ => Ok(response),
        }
    }
}
