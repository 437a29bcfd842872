//! A node that answers what a test tells it to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Response, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::OwnedMutexGuard;

use crate::chain::address;
use crate::domain::{Network, Token};

use super::{Endpoint, NodeError, Nodes};

/// What a node was asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Path and query.
    pub(super) path: String,
    /// The body, where it is JSON.
    pub(super) body: Value,
}

/// What it answers, and when.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    location: String,
    body: String,
    delay: Duration,
}

/// A node of a test's own, on the loopback, until it is dropped.
#[derive(Debug)]
pub(super) struct Fake {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Question>>>,
    voice: Arc<tokio::sync::Mutex<()>>,
    server: tokio::task::JoinHandle<()>,
}

impl Reply {
    pub(super) fn text(body: impl Into<String>) -> Self {
        Self { status: 200, location: String::new(), body: body.into(), delay: Duration::ZERO }
    }

    pub(super) fn status(status: u16) -> Self {
        Self { status, ..Self::text("no") }
    }

    pub(super) fn redirect(location: impl Into<String>) -> Self {
        Self { location: location.into(), ..Self::status(307) }
    }

    pub(super) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

impl Fake {
    pub(super) async fn start(answer: impl Fn(&Question) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let voice = Arc::<tokio::sync::Mutex<()>>::default();
        let (heard, spoken, answer) = (Arc::clone(&asked), Arc::clone(&voice), Arc::new(answer));
        let handler = move |uri: Uri, body: Bytes| {
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let question = Question { path: uri.to_string(), body };
            heard.lock().unwrap().push(question.clone());
            let (reply, spoken) = (answer(&question), Arc::clone(&spoken));
            async move {
                tokio::time::sleep(reply.delay).await;
                drop(spoken.lock().await);
                let response = Response::builder().status(reply.status).header("location", reply.location);
                response.body(Body::from(reply.body)).unwrap()
            }
        };
        let app = Router::new().fallback(handler);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked, voice, server }
    }

    /// A JSON-RPC node: the result of each call, or its error. It answers a batch in the opposite order.
    pub(super) async fn rpc(
        answer: impl Fn(&str, &Value) -> Result<Value, Value> + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |question| {
            let calls = question.body.as_array().unwrap();
            let answers = calls.iter().rev().map(|call| {
                assert_eq!(call["jsonrpc"], "2.0");
                match answer(call["method"].as_str().unwrap(), &call["params"]) {
                    Ok(result) => json!({"jsonrpc": "2.0", "id": call["id"], "result": result}),
                    Err(error) => json!({"jsonrpc": "2.0", "id": call["id"], "error": error}),
                }
            });
            Reply::text(answers.collect::<Value>().to_string())
        })
        .await
    }

    pub(super) fn nodes(&self, network: Network, tokens: &'static [Token]) -> Nodes {
        nodes(network, &self.url, tokens)
    }

    /// As long as this is held it hears what it is asked, and answers nothing.
    pub(super) async fn silence(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.voice).lock_owned().await
    }

    /// Everything that was asked so far.
    pub(super) fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }

    /// The methods of the calls of each request so far.
    pub(super) fn methods(&self) -> Vec<Vec<String>> {
        let methods = |batch: &Value| {
            let calls = batch.as_array().unwrap().iter();
            calls.map(|it| it["method"].as_str().unwrap().to_owned()).collect()
        };
        self.asked().iter().map(|it| methods(&it.body)).collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One node, at `url`, asked for these tokens.
pub(super) fn nodes(network: Network, url: &str, tokens: &'static [Token]) -> Nodes {
    Nodes::with_tokens([Endpoint::new(network, url).unwrap()], tokens)
}

/// Tokens that live as long as the tests.
pub(super) fn tokens(all: &[(&'static str, Option<&'static str>, u8)]) -> &'static [Token] {
    let all =
        all.iter().map(|&(symbol, contract, decimals)| Token { symbol, name: symbol, contract, decimals });
    Box::leak(all.collect())
}

/// The height and the amounts in decimal, or what is said in their place.
pub(super) async fn read(
    nodes: &Nodes,
    network: Network,
    address: &str,
) -> Result<(u64, Vec<String>), String> {
    match nodes.balances(network, &address::parse(network, address).unwrap()).await {
        Ok(it) => Ok((it.block_height, it.amounts.iter().map(|(_, amount)| amount.to_string()).collect())),
        Err(NodeError::Unavailable(its, fault)) if its == network => Err(fault.to_string()),
        Err(other) => panic!("{other}"),
    }
}
