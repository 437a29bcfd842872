//! GET of a customer over HTTP/1.1: the API's own words, and beside them a bare axum route that answers JSON.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::bare;
use super::load::{Slice, Window};
use super::population::Population;
use super::tally::Tally;

/// The bare server's one route.
pub(super) fn bare_router() -> Router {
    Router::new().route("/v1/customers/{id}", get(bare_customer))
}

/// What Purser answers for a customer of the prefill.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Customer<'a> {
    id: &'a str,
    domain_id: &'a str,
    r#type: &'a str,
    name: &'a str,
    email: &'a str,
    payment_address: &'a str,
    status: &'a str,
    kyc_status: &'a str,
    can_receive: bool,
    etag: &'a str,
    sequence: &'a str,
    create_time: &'a str,
    update_time: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    customer: Customer<'a>,
}

async fn bare_customer(Path(id): Path<String>) -> Response {
    let customer = Customer {
        id: &id,
        domain_id: bare::CUSTOMER_ID,
        r#type: "CUSTOMER_TYPE_INDIVIDUAL",
        name: "Bench Customer 12345",
        email: bare::EMAIL,
        payment_address: bare::ALIAS,
        status: "CUSTOMER_STATUS_ENABLED",
        kyc_status: "KYC_STATUS_NOT_REQUIRED",
        can_receive: true,
        etag: "12345",
        sequence: "12345",
        create_time: "2025-11-21T07:26:40.123456Z",
        update_time: "2025-11-21T07:26:40.123456Z",
    };
    match serde_json::to_vec(&Answer { customer }) {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A server to measure over HTTP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// Its process id.
    pub pid: u32,
    /// Where it serves, as `host:port`.
    pub address: &'a str,
}

/// Keeps a call under way on each connection for this time.
pub(super) async fn peak(
    target: Target<'_>,
    key: &str,
    population: &Arc<Population>,
    connections: usize,
    time: Duration,
) -> anyhow::Result<Slice> {
    let mut callers = Vec::new();
    for _ in 0..connections {
        callers.push(Caller::connect(target.address, key, Arc::clone(population)).await?);
    }
    let window = Window::after_warm_up(time);
    let mut workers: JoinSet<_> = callers.into_iter().map(|it| it.work(window)).collect();
    let all = async {
        let mut all = Tally::new()?;
        while let Some(tally) = workers.join_next().await {
            all.merge(tally??)?;
        }
        Ok(all)
    };
    window.measure(target.pid, all).await
}

/// Somebody who calls, on a connection of their own: HTTP/1.1 has one call on it at a time.
struct Caller {
    sender: SendRequest<Empty<Bytes>>,
    key: String,
    population: Arc<Population>,
    rng: SmallRng,
}

impl Caller {
    async fn connect(address: &str, key: &str, population: Arc<Population>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connect over HTTP")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, key: key.to_owned(), population, rng: SmallRng::from_os_rng() })
    }

    async fn work(mut self, window: Window) -> anyhow::Result<Tally> {
        let mut tally = Tally::new()?;
        let mut begun = Instant::now();
        while begun < window.end {
            let answer = self.get().await;
            let ended = Instant::now();
            match answer {
                Ok(()) if (window.begin..window.end).contains(&ended) => tally.right(ended - begun),
                Ok(()) => {}
                Err(error) => tally.wrong(&error),
            }
            begun = ended;
        }
        Ok(tally)
    }

    async fn get(&mut self) -> anyhow::Result<()> {
        let id = &self.population.known(&mut self.rng).id;
        let request = Request::get(format!("/v1/customers/{id}"))
            .header("host", "bench")
            .header("x-api-key", &self.key)
            .body(Empty::new())?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status == StatusCode::OK, "answered {status}");
        let has_id = body.windows(id.len()).any(|it| it == id.as_bytes());
        ensure!(has_id, "answered somebody else");
        Ok(())
    }
}
