//! What it costs to follow the log, and what it costs others.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::client::{Client, Watched};
use super::load::Window;
use super::population::Population;
use super::process;
use super::tally::Tally;
use crate::api::WatchStart;
use crate::api::watch_request::From;
use crate::api::watch_response::Message;

/// How many watchers are counted when nothing happens, as many as 13 connections may have.
pub(super) const IDLE: usize = 1_000;
/// How many streams a connection may have, less some.
const STREAMS: usize = 80;

/// Reads the log from its beginning, again and again, with one watcher: the rate of events.
pub(super) async fn backlog(mut client: Client, window: Window) -> anyhow::Result<Tally> {
    let mut tally = Tally::new()?;
    while Instant::now() < window.end {
        let last = client.last_sequence().await?;
        let mut stream = client.watch(From::AfterSequence(0), &[]).await?;
        let (mut seen, mut before) = (0, Instant::now());
        while seen < last && before < window.end {
            let event = event(&mut stream).await?;
            ensure!(event == seen + 1, "event {event} came after {seen}");
            seen = event;
            let now = Instant::now();
            if (window.begin..window.end).contains(&now) {
                tally.right(now - before);
            }
            before = now;
        }
    }
    Ok(tally)
}

/// Makes one customer after another, and waits for the event of each: the time from the call to its event.
pub(super) async fn delay(
    mut client: Client,
    population: &Population,
    window: Window,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::new()?;
    let mut stream = client.watch(From::Start(WatchStart::Latest.into()), &["customer.created"]).await?;
    loop {
        let begun = Instant::now();
        if begun >= window.end {
            return Ok(tally);
        }
        let made = client.create(population.new_customer()).await?.sequence;
        while event(&mut stream).await? < made {}
        if begun >= window.begin {
            tally.right(begun.elapsed());
        }
    }
}

/// Watchers who are told nothing, until they are dropped, and the memory of the server that they cost, in KiB.
pub(super) async fn idle(
    address: &str,
    key: &str,
    pid: u32,
) -> anyhow::Result<(JoinSet<anyhow::Result<()>>, Option<u64>)> {
    let before = process::memory(pid);
    let clients = Client::connect(address, key, IDLE.div_ceil(STREAMS))?;
    let (tell, mut told) = mpsc::channel(IDLE);
    let mut watchers = JoinSet::new();
    for n in 0..IDLE {
        let (mut client, tell) = (clients[n % clients.len()].clone(), tell.clone());
        watchers.spawn(async move {
            let latest = From::Start(WatchStart::Latest.into());
            let mut stream = client.watch(latest, &["seed.exported"]).await?;
            tell.send(()).await?;
            while stream.message().await.context("an idle watch")?.is_some() {}
            anyhow::bail!("an idle watch has ended")
        });
    }
    for _ in 0..IDLE {
        timeout(Duration::from_secs(30), told.recv()).await.context("watchers do not come in")?;
    }
    let after = process::memory(pid);
    let cost =
        before.zip(after).map(|(before, after)| after.resident_kib.saturating_sub(before.resident_kib));
    Ok((watchers, cost))
}

/// The place of the next event.
async fn event(stream: &mut Watched) -> anyhow::Result<i64> {
    loop {
        let next = timeout(Duration::from_secs(10), stream.message()).await.context("no event comes")??;
        if let Some(Message::Event(event)) = next.context("a watch has ended")?.message {
            return Ok(event.sequence);
        }
    }
}
