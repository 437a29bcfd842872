//! What the deliverer can do: to a receiver in this process, that takes everything.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use axum::extract::State;
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::client::Client;
use super::load::Window;
use super::tally::Tally;

/// Takes deliveries, and says when each came. Ends when it is dropped.
pub(super) struct Receiver {
    /// Where to deliver.
    pub url: String,
    /// When the last one came.
    pub last: Instant,
    arrivals: UnboundedReceiver<Instant>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Receiver {
    /// Begins to take deliveries.
    pub(super) async fn begin() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen for deliveries")?;
        let url = format!("http://{}/", listener.local_addr()?);
        let (tell, arrivals) = unbounded_channel();
        let router = Router::new().fallback(take).with_state(tell);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, last: Instant::now(), arrivals, serving })
    }

    /// Lets go what an endpoint was not told while it was disabled: the rate at which it comes, until it has all come.
    pub(super) async fn backlog(
        &mut self,
        mut client: Client,
        endpoint: &str,
        window: Window,
    ) -> anyhow::Result<Tally> {
        let mut tally = Tally::new()?;
        client.enable_webhook(endpoint).await?;
        let mut before = Instant::now();
        while before < window.end {
            let Ok(arrival) = timeout(Duration::from_secs(2), self.arrivals.recv()).await else { break };
            let arrival = arrival.context("the receiver has ended")?;
            if (window.begin..window.end).contains(&arrival) {
                tally.right(arrival.saturating_duration_since(before));
            }
            before = arrival;
        }
        self.last = before;
        ensure!(
            tally.calls() > 0,
            "nothing was left to deliver after the first second: give it more --seconds"
        );
        Ok(tally)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(tell): State<UnboundedSender<Instant>>) -> StatusCode {
    // Nobody counts any more where sending fails.
    let _ = tell.send(Instant::now());
    StatusCode::NO_CONTENT
}
