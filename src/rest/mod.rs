//! The service as seen over REST: in its own words, and in those of the documents that others have written for.
//!
//! [`call`] is what surrounds a call whatever it speaks; [`dialect`] is what every dialect is made of, and [`dialects`]
//! are the dialects, one file each.

mod call;
mod dialect;
mod dialects;
mod docs;
mod face;
mod json;
mod openapi;
mod refusal;
mod target;
mod transcode;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use axum::http::header::{ETAG, HeaderName, HeaderValue, LINK, WWW_AUTHENTICATE};
use axum::response::Response;
use axum::routing::get;
use tower::layer::Layer;
use tower::util::{MapResponse, option_layer};
use tower::{Service, ServiceExt};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

pub use face::{Face, Faces};

use crate::api::Rpcs;
use crate::app::App;

/// What of REST is offered, and how.
#[derive(Clone, Debug)]
pub struct Offer {
    /// What is spoken.
    pub faces: Faces,
    /// How long a call may take.
    pub deadline: Duration,
    /// The origins whose pages may call; `*` is every one. Without any, a browser lets only our own page.
    pub origins: Vec<HeaderValue>,
}

/// Everything that is spoken, and what is served `beside` it. `rpcs` answers the methods of the API.
pub fn service(
    app: &App,
    offer: &Offer,
    rpcs: Arc<dyn Rpcs>,
    beside: Router,
) -> Rest<
    impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static,
> {
    let has_own = offer.faces.has(Face::Canonical);
    // A stream is not held back until there is enough of it to compress.
    // Nor is what one packet holds anyway.
    let compressed = DefaultPredicate::new()
        .and(SizeAbove::new(1_024))
        .and(NotForContentType::const_new("application/x-ndjson"));
    let compression = CompressionLayer::new().compress_when(compressed);
    let layers = (option_layer((!offer.origins.is_empty()).then(|| cors(&offer.origins))), compression);
    let own = has_own.then(|| {
        let own = layers.layer(transcode::service(app, offer.deadline, rpcs));
        MapResponse::new(own, |it: Response<_>| it.map(Body::new))
    });
    let mut others = dialects::router(app, &offer.faces, offer.deadline);
    if has_own {
        others = others.route("/openapi.json", get(docs::description)).route("/docs", get(docs::page));
        others = others.fallback(transcode::nothing);
    }
    Rest { own, beside: beside.merge(others.layer(layers)).with_state(()) }
}

/// What answers over HTTP. The API's own words do not go by the router: most calls are theirs, and it would cost as much as
/// finding out who calls.
#[derive(Clone, Debug)]
pub struct Rest<S> {
    own: Option<S>,
    beside: Router,
}

impl<S> Service<Request> for Rest<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match &self.own {
            Some(own) if request.uri().path().starts_with(transcode::PREFIX) => {
                Box::pin(own.clone().oneshot(request))
            }
            _ => Box::pin(self.beside.clone().oneshot(request)),
        }
    }
}

/// What a browser lets pages of other places do. Keys travel in a header that they set themselves: there are no cookies.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    const SHOWN: [HeaderName; 7] = [
        ETAG,
        LINK,
        WWW_AUTHENTICATE,
        HeaderName::from_static("secret-omitted"),
        HeaderName::from_static("idempotent-replayed"),
        HeaderName::from_static("retry-after"),
        HeaderName::from_static("x-request-id"),
    ];
    let allowed = if origins.iter().any(|it| it == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.to_vec())
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(SHOWN)
}
