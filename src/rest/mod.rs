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

use std::time::Duration;

use axum::Router;
use axum::http::Method;
use axum::http::header::{ETAG, HeaderName, HeaderValue, LINK, WWW_AUTHENTICATE};
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

pub use face::{Face, Faces};
pub use transcode::Rpcs;

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

/// Everything that is spoken. `rpcs` answers the methods of the API.
pub fn router(app: &App, offer: &Offer, rpcs: impl Rpcs) -> Router {
    if offer.faces.is_empty() {
        return Router::new();
    }
    let mut router = dialects::router(app, &offer.faces, offer.deadline);
    if offer.faces.has(Face::Canonical) {
        let own = transcode::router(app, offer.deadline, rpcs);
        router =
            router.merge(own.route("/openapi.json", get(docs::description)).route("/docs", get(docs::page)));
    }
    // A stream is not held back until there is enough of it to compress.
    // Nor is what one packet holds anyway.
    let compressed = DefaultPredicate::new()
        .and(SizeAbove::new(1_024))
        .and(NotForContentType::const_new("application/x-ndjson"));
    let router = router.layer(CompressionLayer::new().compress_when(compressed));
    if offer.origins.is_empty() { router } else { router.layer(cors(&offer.origins)) }
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
