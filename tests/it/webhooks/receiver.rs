//! A receiver of webhooks: a real HTTP server that keeps what it was sent, and answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

/// What came.
#[derive(Clone, Debug)]
pub struct Got {
    pub headers: HeaderMap,
    pub body: String,
    pub at: Instant,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Of the STANDARD format: the event's sequence.
    pub fn sequence(&self) -> i64 {
        self.json()["data"]["sequence"].as_str().unwrap().parse().unwrap()
    }

    pub fn customer(&self) -> String {
        self.json()["data"]["customerId"].as_str().unwrap_or_default().to_owned()
    }
}

/// What is answered, and after how long, or once it is let go.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
    pub after: Duration,
    pub held: Option<Arc<Notify>>,
}

impl Default for Reply {
    fn default() -> Self {
        let body = Body::from("thanks");
        Self { status: 200, headers: Vec::new(), body, after: Duration::ZERO, held: None }
    }
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

type Answering = Arc<dyn Fn(&Got, usize) -> Reply + Send + Sync>;

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    count: watch::Sender<usize>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn new() -> Self {
        Self::answering(|_, _| Reply::default()).await
    }

    /// One that answers by what came, and by how much came before.
    pub async fn answering(answer: impl Fn(&Got, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Self { address, got: Arc::default(), count: watch::Sender::new(0) };
        let answer: Answering = Arc::new(answer);
        let router = Router::new().fallback(take).with_state((receiver.clone(), answer));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?token=canary-token", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until that much has come.
    pub async fn until(&self, count: usize) -> Vec<Got> {
        let mut counted = self.count.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(40), counted.wait_for(|it| *it >= count)).await;
        assert!(waited.is_ok(), "{} came instead of {count}", self.got().len());
        self.got()
    }
}

async fn take(
    State((receiver, answer)): State<(Receiver, Answering)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let got = Got { headers, body, at: Instant::now() };
    let before = {
        let mut all = receiver.got.lock().unwrap();
        all.push(got.clone());
        all.len() - 1
    };
    receiver.count.send_replace(before + 1);
    let reply = answer(&got, before);
    tokio::time::sleep(reply.after).await;
    if let Some(held) = reply.held {
        held.notified().await;
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(reply.body).unwrap()
}
