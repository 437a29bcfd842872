//! A page that shows the description of the API and lets its reader try calls. It asks nothing of any other place.

use std::sync::LazyLock;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::call;
use super::face::Face;
use super::openapi;
use super::transcode::status;

const STYLE: &str = include_str!("docs/page.css");
const SCRIPT: &str = include_str!("docs/page.js");

static PAGE: LazyLock<String> = LazyLock::new(|| {
    include_str!("docs/page.html").replace("{{style}}", STYLE).replace("{{script}}", SCRIPT)
});

/// What the page may do: run its own script in its own style, and ask where it is from.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; form-action 'none'; \
         frame-ancestors 'none'; base-uri 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

/// `GET /docs`.
pub(super) async fn page(request: Request) -> Response {
    observed("/docs", request, shown).await
}

/// `GET /openapi.json`.
pub(super) async fn description(request: Request) -> Response {
    observed("/openapi.json", request, || {
        ([(CONTENT_TYPE, "application/json")], openapi::DOCUMENT.clone()).into_response()
    })
    .await
}

async fn observed(route: &'static str, request: Request, shown: fn() -> Response) -> Response {
    call::observed(Face::Canonical, route, status::refuse, request, async |_| Ok(shown())).await
}

fn shown() -> Response {
    let mut response = Html(PAGE.as_str()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_nothing_of_any_other_place() {
        assert!(PAGE.contains(STYLE) && PAGE.contains(SCRIPT));
        for sign in [
            "http:",
            "https:",
            "//cdn",
            "@import",
            "url(",
            "<link",
            "src=",
            "innerHTML",
            "localStorage",
            "onclick=",
        ] {
            assert!(!PAGE.contains(sign), "{sign}");
        }
        assert!(POLICY.to_str().unwrap().contains("script-src 'sha256-"));
    }
}
