//! One attempt: what is sent, how long it may take, and what the answer means.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use super::format::Message;
use super::guard::{Guard, Refused};
use super::sign;
use crate::app::Signing;
use crate::clock;
use crate::domain::{AttemptEnd, DeliveryFault, Error, Result, WebhookEndpoint};

/// How long an attempt may take, from the name to the head of the answer, and what is read of its body.
const LIMIT: Duration = Duration::from_secs(15);
/// How much of an answer is read.
const MOST_BYTES: usize = 64 * 1024;
/// How much of it is read at once; its head may not be larger.
const PIECE_BYTES: usize = 16 * 1024;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What speaks to one endpoint, over connections of its own. It follows nothing and takes no proxy.
pub(super) type Client = legacy::Client<HttpsConnector<Guard>, Full<Bytes>>;

/// Makes a client.
///
/// # Errors
///
/// If TLS cannot be set up.
pub(super) fn client(guard: &Guard, connections: usize) -> Result<Client> {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(guard.tls()?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(guard.clone());
    let client = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(10))
        .pool_max_idle_per_host(connections)
        .http1_max_buf_size(PIECE_BYTES)
        .build(connector);
    Ok(client)
}

/// Sends a message, signed as of now, and answers how that ended.
pub(super) async fn attempt(
    client: &Client,
    endpoint: &WebhookEndpoint,
    secrets: &[Signing],
    message: Message,
) -> AttemptEnd {
    let request = match request(endpoint, secrets, message) {
        Ok(request) => request,
        Err(cause) => {
            tracing::error!(endpoint = %endpoint.id, ?cause, "a webhook could not be put together");
            return AttemptEnd::failed(DeliveryFault::BrokenOff);
        }
    };
    send(client, request, Instant::now() + LIMIT).await
}

fn request(
    endpoint: &WebhookEndpoint,
    secrets: &[Signing],
    message: Message,
) -> Result<Request<Full<Bytes>>> {
    let Message { id, body } = message;
    let now_us = clock::now_us();
    let signing = secrets.iter().filter(|it| it.expire_us.is_none_or(|at| at > now_us));
    let signing: Vec<_> = signing.map(|it| &it.secret).collect();
    if signing.is_empty() {
        return Err(Error::internal(format!("endpoint {} has no secret", endpoint.id)));
    }
    let headers = sign::headers(endpoint.format, &signing, &id, now_us / 1_000_000, &body)?;
    let uri: Uri = endpoint.url.as_str().parse().map_err(Error::internal)?;
    let mut request = Request::post(uri).body(Full::from(body)).map_err(Error::internal)?;
    let own = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static(concat!("purser/", env!("CARGO_PKG_VERSION")))),
    ];
    request.headers_mut().extend(own.into_iter().chain(headers));
    Ok(request)
}

async fn send(client: &Client, request: Request<Full<Bytes>>, until: Instant) -> AttemptEnd {
    let response = match timeout_at(until, client.request(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return AttemptEnd::failed(why(&error)),
        Err(_) => return AttemptEnd::failed(DeliveryFault::TimedOut),
    };
    let (head, body) = response.into_parts();
    let end = AttemptEnd::answered(head.status.as_u16(), retry_after_us(&head.headers));
    // Its head has said all that matters. Read to its end, the connection serves the next; whatever is beyond the limits
    // closes it.
    let _ = timeout_at(until, skim(body)).await;
    end
}

/// Reads a body, as much of it as is read. What it says does not matter, nor that it breaks off.
async fn skim(mut body: Incoming) {
    let mut read = 0;
    while read + PIECE_BYTES <= MOST_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// How long the receiver asks to be left alone: seconds, or a date.
fn retry_after_us(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
        // However many they are, it is left alone for a day at most.
        let seconds = text.parse::<i64>().map_or(DAY_SECONDS, |it| it.min(DAY_SECONDS));
        return Some(seconds * 1_000_000);
    }
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(i64::try_from(since.as_micros()).ok()?.saturating_sub(clock::now_us()))
}

/// Why there is no answer, from what lies behind the error.
fn why(error: &legacy::Error) -> DeliveryFault {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(it) = cause {
        if let Some(Refused(fault)) = it.downcast_ref() {
            return *fault;
        }
        if it.is::<rustls::Error>() {
            return DeliveryFault::TlsFailed;
        }
        // An I/O error that wraps another error is passed over by `source`.
        cause = match it.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => it.source(),
        };
    }
    if error.is_connect() { DeliveryFault::TlsFailed } else { DeliveryFault::BrokenOff }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<i64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        retry_after_us(&headers)
    }

    #[test]
    fn a_receiver_may_ask_for_seconds_or_a_date_and_for_a_day_at_most() {
        assert_eq!(asked("7"), Some(7_000_000));
        assert_eq!(asked(" 0 "), Some(0));
        for many in ["86400", "4294967296", "99999999999999999999999999"] {
            assert_eq!(asked(many), Some(DAY_SECONDS * 1_000_000), "{many}");
        }
        assert!(asked("Fri, 31 Dec 1999 23:59:59 GMT").unwrap() < 0);
        for none in ["", "-1", "+5", "1.5", "soon"] {
            assert_eq!(asked(none), None, "{none}");
        }
    }
}
