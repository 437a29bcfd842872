//! What every dialect is made of: where its keys are, how it says no, and routes.
//!
//! A dialect is one file of [`dialects`](super::dialects) with a [`Dialect`] and routes: paths as its document has them,
//! without the prefix that it is served under, and handlers that take a [`Call`] and return a [`Reply`]. A handler
//! finds its caller admitted and its body read; it says no with `?`, and holds no rule.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::call::{self, Refuse};
use super::face::Face;
use super::json;
use super::refusal::Refusal;
use super::target::{Query, decode};
pub(super) use crate::api::{api_key, bearer};
use crate::app::{App, Place};
use crate::domain::{Caller, Error, Fault, FieldFault, RequestId};

/// What a handler answers.
pub(super) type Reply = Result<Response, Refusal>;

/// One way of speaking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// Which.
    pub(super) face: Face,
    /// The text of the key that a call brings.
    pub(super) key: fn(&HeaderMap) -> Option<&str>,
    /// The header that names a request, so that it takes effect once however often it is sent.
    pub(super) once: &'static str,
    /// How it says no.
    pub(super) refuse: Refuse,
}

/// What every dialect is served with.
#[derive(Clone, Debug)]
struct Frame {
    app: App,
    dialect: Dialect,
    deadline: Duration,
}

impl Dialect {
    /// Its routes, with everything that surrounds a call.
    pub(super) fn serve(self, routes: Router<App>, app: &App, deadline: Duration) -> Router {
        let frame = Frame { app: app.clone(), dialect: self, deadline };
        routes
            .fallback(async || Refusal::NoSuchPath)
            .method_not_allowed_fallback(async || Refusal::WrongMethod)
            .layer(from_fn_with_state(frame, answer))
            .with_state(app.clone())
    }
}

/// Answers one call.
async fn answer(State(frame): State<Frame>, request: Request, next: Next) -> Response {
    let Dialect { face, refuse, .. } = frame.dialect;
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unknown", MatchedPath::as_str);
    let is_known = matched.is_some();
    call::observed(face, route, refuse, request, async |request| {
        if !is_known {
            return Err(Refusal::NoSuchPath);
        }
        if request.method() == Method::OPTIONS {
            return Ok(options(next.run(request).await));
        }
        let (request, place) = frame.admit(request).await?;
        let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
        let mut response = call::within(frame.deadline, next.run(request)).await?;
        match response.extensions_mut().remove::<Refusal>() {
            Some(refusal) => Err(refusal),
            None => call::held(response, Arc::new(place), changes),
        }
    })
    .await
}

/// What is allowed at a path is said by the router, in the header `allow` of its refusal.
fn options(mut response: Response) -> Response {
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// What is known of a call by the time that its handler is asked.
#[derive(Clone, Debug)]
struct Admitted {
    caller: Caller,
    query: Query,
    body: Bytes,
    once: &'static str,
}

impl Frame {
    /// The request with its caller and its body, each of which has a time of its own, and its place among those at work: whoever shows no key fills no memory.
    async fn admit(&self, request: Request) -> Result<(Request, Place), Refusal> {
        let (mut head, body) = request.into_parts();
        let well_formed = decode(head.uri.path()).is_some();
        let query = Query::parse(head.uri.query().unwrap_or_default());
        let (true, Some(query)) = (well_formed, query) else { return Err(Refusal::BadTarget) };
        let key = (self.dialect.key)(&head.headers);
        let caller = call::within(self.deadline, self.app.authenticate(key)).await??;
        let place = self.app.enter(&caller)?;
        let body = call::read(body, call::BODY_BYTES, Some(&place), None).await?;
        head.extensions.insert(Admitted { caller, query, body, once: self.dialect.once });
        Ok((Request::from_parts(head, Body::empty()), place))
    }
}

/// A call, as a handler gets it.
pub(super) struct Call {
    /// The directory.
    pub(super) app: App,
    /// Who calls.
    pub(super) caller: Caller,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The parameters of the query.
    pub(super) query: Query,
    /// The body, as it came.
    pub(super) body: Bytes,
    once: &'static str,
}

impl FromRequest<App> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let mut head = request.into_parts().0;
        // Whoever was not admitted is nobody.
        let admitted: Option<Admitted> = head.extensions.remove();
        let Admitted { caller, query, body, once } = admitted.ok_or(Error::ApiKeyMissing)?;
        Ok(Self { app: app.clone(), caller, headers: head.headers, query, body, once })
    }
}

impl Call {
    /// The body, read as JSON whatever its media type says.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        json::read(&self.body).map_err(Refusal::BadBody)
    }

    /// A header's text; nothing where it is not there or no text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|it| it.to_str().ok())
    }

    /// The request id that the dialect's header for it brings.
    pub(super) fn request_id(&self) -> Result<Option<RequestId>, Refusal> {
        let text = match self.headers.get(self.once).map(|it| it.to_str()) {
            None => Ok(String::new()),
            Some(text) => text.map(str::to_owned).map_err(|_| Fault::new("must be printable ASCII")),
        };
        let id = text.and_then(RequestId::optional);
        id.map_err(|fault| Refusal::BadQuery(vec![FieldFault { field: self.once.into(), fault }]))
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Path;
    use axum::http::header::{ALLOW, RETRY_AFTER};
    use axum::response::IntoResponse;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;
    use crate::app::{Chains, NewApiKey};
    use crate::domain::{Line, Scopes};
    use crate::store::Store;

    const DIALECT: Dialect = Dialect { face: Face::Trxn, key: bearer, once: "idempotency-key", refuse };

    fn refuse(refusal: &Refusal) -> Response {
        (refusal.status(), format!("no: {}", refusal.message())).into_response()
    }

    async fn echo(Path(id): Path<String>, call: Call) -> Reply {
        if id == "panic" {
            std::panic::resume_unwind(Box::new(()));
        }
        if id == "late" {
            std::future::pending::<()>().await;
        }
        if id == "often" {
            return Err(Error::RateLimited { after: Duration::from_millis(1_500) }.into());
        }
        let name = call.query.get("name").ok_or(Refusal::BadBody(Fault::new("has no name")))?;
        let request = call.request_id()?;
        Ok(format!("{id} {name} {} {}", call.json::<u8>().unwrap_or_default(), request.is_some())
            .into_response())
    }

    /// A server of one route, and a key for it.
    async fn served(folder: &std::path::Path, deadline: Duration) -> (Router, String, App) {
        let store = Store::open(&format!("sqlite:{}", folder.join("x.db").display())).unwrap();
        store.migrate().await.unwrap();
        let app = App::start(store, Chains::default());
        app.open();
        let new = NewApiKey {
            organization_id: None,
            domain_id: None,
            environment: None,
            display_name: Line::default(),
            scopes: Scopes::all(),
            expire_us: None,
        };
        let (_, secret) = app.create_api_key(&Caller::cli("test".to_owned()), new, None).await.unwrap().value;
        let routes = Router::new().route("/things/{id}", get(echo).post(echo));
        let served = DIALECT.serve(routes, &app, deadline);
        (Router::new().nest("/trxn", served), secret.unwrap().expose().to_owned(), app)
    }

    #[tokio::test]
    async fn a_call_is_admitted_read_and_answered_or_refused_in_the_dialects_words() {
        let folder = tempfile::tempdir().unwrap();
        let (router, key, _) = served(folder.path(), Duration::from_secs(3)).await;
        let key = format!("Bearer {key}");
        let large = "1".repeat(call::BODY_BYTES + 1);
        for (method, path, key, body, expected) in [
            ("GET", "/trxn/things/a%20b?name=x%2By", &*key, "7", "200 a b x+y 7 false"),
            (
                "GET",
                "/trxn/things/a?name=x",
                "",
                "",
                "401 no: an API key is needed: `authorization: Bearer <key>` or `x-api-key: <key>`",
            ),
            ("GET", "/trxn/things/a?name=x", "Bearer x", "", "401 no: the API key is not valid"),
            ("GET", "/trxn/things/a", &key, "", "400 no: the body has no name"),
            ("GET", "/trxn/things/a?name=%zz", &key, "", "400 no: the path or the query is not well-formed"),
            ("GET", "/trxn/things/%ff?name=x", &key, "", "400 no: the path or the query is not well-formed"),
            ("GET", "/trxn/nothing", "", "", "404 no: there is nothing at this path"),
            ("DELETE", "/trxn/things/a", &key, "", "405 no: this method is not for this path"),
            ("OPTIONS", "/trxn/things/a", "", "", "204 "),
            ("HEAD", "/trxn/things/a?name=x", &key, "", "200 "),
            ("POST", "/trxn/things/a?name=x", &key, &large, "413 no: the body is too large"),
            ("GET", "/trxn/things/late", &key, "", "504 no: the deadline has passed"),
            ("GET", "/trxn/things/often", &key, "", "429 no: too many calls: try again in 2 s"),
            ("GET", "/trxn/things/panic", &key, "", "500 no: internal error"),
        ] {
            let mut request = Request::new(Body::from(body.to_owned()));
            *request.method_mut() = method.parse().unwrap();
            *request.uri_mut() = path.parse().unwrap();
            if !key.is_empty() {
                request.headers_mut().insert("authorization", key.parse().unwrap());
            }
            let response = router.clone().oneshot(request).await.unwrap();
            let (head, body) = response.into_parts();
            let body = axum::body::to_bytes(body, 10_000).await.unwrap();
            let said = format!("{} {}", head.status.as_u16(), String::from_utf8_lossy(&body));
            assert_eq!(said, expected, "{method} {path}");
            assert!(head.headers.contains_key("x-request-id"));
            let after = head.headers.get(RETRY_AFTER).map(|it| it.to_str().unwrap());
            assert_eq!(after, path.ends_with("often").then_some("2"));
            assert_eq!(head.headers.contains_key(ALLOW), matches!(method, "DELETE" | "OPTIONS"), "{method}");
        }
    }

    #[tokio::test]
    async fn a_call_is_one_of_those_at_work_until_it_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let (router, key, app) = served(folder.path(), Duration::from_secs(3)).await;
        app.limit_calls(std::num::NonZeroUsize::MIN);
        let ask = |path: &str| {
            let request = Request::get(path).header("authorization", format!("Bearer {key}"));
            let answer = router.clone().oneshot(request.body(Body::from("7")).unwrap());
            async { answer.await.unwrap().status() }
        };
        let late = tokio::spawn(ask("/trxn/things/late"));
        let other = Caller::cli("other".to_owned());
        while app.enter(&other).is_ok() {
            assert!(!late.is_finished(), "it was never one of those at work");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(ask("/trxn/things/a?name=x").await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(late.await.unwrap(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(ask("/trxn/things/a?name=x").await, StatusCode::OK);
    }
}
