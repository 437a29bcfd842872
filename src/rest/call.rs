//! What surrounds every call over REST, in every dialect: its id, its deadline, its count, its end.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONNECTION, HeaderName, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use axum::response::Response;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics::{Counter, Histogram, counter, histogram};

use super::face::Face;
use super::refusal::Refusal;
use crate::api;
use crate::app::Place;
use crate::clock;
use crate::domain::Error;
use crate::panics::caught;
use crate::telemetry::CALL;

/// The largest body that is read, in bytes: as much as a message.
pub(super) const BODY_BYTES: usize = api::MESSAGE_BYTES;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// The header that names a call, in a request and in its answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How a dialect says no.
pub(super) type Refuse = fn(&Refusal) -> Response;

/// Answers one call: `answer` does the work, whatever it refuses is put into the dialect's words.
///
/// `route` is the template of the path: of the path itself nothing is told to logs or metrics.
pub(super) async fn observed(
    face: Face,
    route: &str,
    refuse: Refuse,
    request: Request<Body>,
    answer: impl AsyncFnOnce(Request<Body>) -> Result<Response, Refusal>,
) -> Response {
    let id = id_of(request.headers());
    let mut meter =
        Meter { face, route, method: word(request.method()), status: None, started: Instant::now() };
    // So that what is logged of it can be found by the id that its caller was told. The call is large, and what is made of it
    // here and around is moved several times.
    let answered = CALL
        .scope((id.clone(), route.to_owned()), caught(Box::pin(answer(request))))
        .await
        .unwrap_or(Err(Refusal::Broken));
    let mut response = answered.unwrap_or_else(|refusal| {
        note(&refusal, &id, route);
        let mut response = refuse(&refusal);
        let headers = response.headers_mut();
        if let Refusal::Known(error) = &refusal
            && let Some(after) = error.retry_after()
        {
            // Rounded up: the header knows no parts of a second.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if matches!(refusal, Refusal::TooLarge | Refusal::BodyTimeout) {
            // The rest of the body would be taken for another request.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    });
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    // What somebody may see by their key must not be kept for others: no cache knows of `x-api-key`.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    meter.status = Some(response.status().as_u16());
    tracing::debug!(
        target: "purser::access",
        request_id = id,
        face = face.as_str(),
        method = meter.method,
        route,
        status = response.status().as_u16(),
        microseconds = u64::try_from(meter.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    response
}

/// The body, if it is not too large and comes in time: in what is `left` to its call, if that is less than bodies have. It is
/// counted with what its call holds, if that has a place.
pub(super) async fn read(
    body: Body,
    most: usize,
    place: Option<&Place>,
    left: Option<Duration>,
) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    // Nobody is asked to send what will not be read.
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(Refusal::TooLarge);
    }
    let patience = left.map_or(PATIENCE, |it| it.min(PATIENCE));
    let read = async {
        let (mut body, mut read) = (Limited::new(body, most), Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                if error.is::<LengthLimitError>() { Refusal::TooLarge } else { Refusal::body("was cut off") }
            })?;
            if let Ok(data) = frame.into_data() {
                if let Some(place) = place {
                    place.carry(data.len())?;
                }
                read.push(data);
            }
        }
        // Most come whole, and are not copied.
        Ok(if let [whole] = &*read { whole.clone() } else { read.concat().into() })
    };
    tokio::time::timeout(patience, read).await.unwrap_or(Err(Refusal::BodyTimeout))
}

/// Keeps a call at work until its answer is taken, and counts that. Where there are too many large ones it is refused, but not
/// if the call may have changed something.
pub(super) fn held(response: Response, place: Arc<Place>, changes: bool) -> Result<Response, Refusal> {
    let bytes = response.body().size_hint().lower();
    match place.carry(usize::try_from(bytes).unwrap_or(usize::MAX)) {
        Err(error) if !changes => Err(error.into()),
        _ => Ok(response.map(|body| Body::new(Held { body, _place: place }))),
    }
}

/// An answer whose call is at work until it is taken.
struct Held {
    body: Body,
    _place: Arc<Place>,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What something comes to within a time. Where there is none left, it is not begun.
pub(super) async fn within<T>(deadline: Duration, work: impl Future<Output = T>) -> Result<T, Refusal> {
    if deadline.is_zero() {
        return Err(Refusal::Late);
    }
    tokio::time::timeout(deadline, work).await.map_err(|_| Refusal::Late)
}

/// The id that a call brings, if it is 1 to 128 printable characters of ASCII, or a new one.
fn id_of(headers: &HeaderMap) -> String {
    let brought = headers.get(REQUEST_ID).and_then(|it| it.to_str().ok());
    let is_fit =
        |it: &&str| (1..=128).contains(&it.len()) && it.bytes().all(|it| (b' '..=b'~').contains(&it));
    brought.filter(is_fit).map_or_else(|| clock::new_uuid(clock::now_us()).to_string(), str::to_owned)
}

/// The method, as a label: what a caller makes up must not become one.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Logs what lies behind a refusal: no answer says it. What handlers refuse is logged where it becomes a status.
fn note(refusal: &Refusal, id: &str, route: &str) {
    match refusal {
        Refusal::Known(Error::Internal(cause)) => {
            tracing::error!(request_id = id, route, %cause, "internal error");
        }
        Refusal::Known(Error::DatabaseUnavailable(cause)) => {
            tracing::debug!(request_id = id, route, %cause, "database unavailable");
        }
        Refusal::Known(Error::ChainUnavailable(network, cause)) => {
            tracing::warn!(request_id = id, route, %network, %cause, "a node gave no usable answer");
        }
        _ => {}
    }
}

/// What is counted of the calls that end alike. Looked up in the metrics' own registry once in the life of the process, after
/// the recorder is installed: metrics before that go nowhere.
type Counted = (Counter, Histogram);

/// By how calls are made and end (0 is `cancelled`), and by their route.
static COUNTED: LazyLock<RwLock<HashMap<(Face, &'static str, u16), HashMap<String, Counted>>>> =
    LazyLock::new(RwLock::default);

/// Counts one call and its time when dropped: `cancelled`, if it was dropped before there was an answer.
struct Meter<'a> {
    face: Face,
    route: &'a str,
    method: &'static str,
    status: Option<u16>,
    started: Instant,
}

impl Meter<'_> {
    fn counted(&self) -> Counted {
        let (face, route, method) = (self.face.as_str(), self.route.to_owned(), self.method);
        let status = self.status.map_or_else(|| "cancelled".to_owned(), |it| it.to_string());
        let requests = counter!("purser_http_requests_total", "face" => face, "method" => method, "route" => route.clone(), "status" => status);
        (
            requests,
            histogram!("purser_http_request_seconds", "face" => face, "method" => method, "route" => route),
        )
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        let count = |(requests, seconds): &Counted| {
            requests.increment(1);
            seconds.record(self.started.elapsed());
        };
        let key = (self.face, self.method, self.status.unwrap_or_default());
        // Only ever added to, one entry at a time: no panic can have left it half done.
        let known = COUNTED.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counted) = known.get(&key).and_then(|it| it.get(self.route)) {
            return count(counted);
        }
        drop(known);
        let mut known = COUNTED.write().unwrap_or_else(PoisonError::into_inner);
        count(known.entry(key).or_default().entry(self.route.to_owned()).or_insert_with(|| self.counted()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_over_if_it_is_fit_to_be_shown() {
        let id = |text: &str| {
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            id_of(&HeaderMap::from_iter([(REQUEST_ID, value)]))
        };
        let longest = "x".repeat(128);
        assert_eq!((id("a b~"), id(&longest)), ("a b~".to_owned(), longest.clone()));
        for unfit in ["", "é", "a\tb", &format!("{longest}x")] {
            assert_eq!(id(unfit).len(), 36, "{unfit}");
        }
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        assert_eq!(read(Body::from("1234"), 4, None, None).await.unwrap(), "1234");
        assert!(matches!(read(Body::from("12345"), 4, None, None).await, Err(Refusal::TooLarge)));
        // One that does not say how long it is, too.
        let parts = ["1234", "5"].map(|it| Ok::<_, std::io::Error>(Bytes::from(it)));
        let parts = Body::from_stream(tokio_stream::iter(parts));
        assert!(matches!(read(parts, 4, None, None).await, Err(Refusal::TooLarge)));
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let never = Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>());
        let left = Some(Duration::from_millis(10));
        assert!(matches!(read(never, 4, None, left).await, Err(Refusal::BodyTimeout)));
    }
}
