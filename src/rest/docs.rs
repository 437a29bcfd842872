//! A page that shows the description of the API and lets its reader try calls. It asks nothing of any other place.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::openapi;

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
pub(super) async fn page() -> Response {
    let mut response = Html(PAGE.as_str()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// `GET /openapi.json`.
pub(super) async fn description() -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    (headers, openapi::DOCUMENT.clone()).into_response()
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
