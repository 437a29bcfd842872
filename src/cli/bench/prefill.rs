//! Fills a database with the customers that are asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::client::Client;
use super::population::prefilled;
use super::progress::Progress;

/// How far behind the last customer an interrupted run may have left one out. It has so many only if one
/// call took as long as a thousand others.
const HOLES: u64 = 1_000;

/// Creates those of the first `size` customers that are missing.
pub(super) async fn fill(label: &str, clients: &[Client], in_flight: usize, size: u64) -> anyhow::Result<()> {
    let first = first_missing(&mut clients[0].clone(), size).await?.saturating_sub(HOLES);
    let next = Arc::new(AtomicU64::new(first));
    let mut writers = JoinSet::new();
    for client in clients.iter().flat_map(|client| std::iter::repeat_n(client, in_flight)) {
        writers.spawn(write(client.clone(), Arc::clone(&next), size));
    }

    let progress = Progress::begin(format!("{label}: customers"), first, size);
    let mut ticks = interval(progress.period());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            writer = writers.join_next() => match writer {
                Some(written) => written??,
                None => break,
            },
            _ = ticks.tick() => progress.show(next.load(Ordering::Relaxed).min(size)),
        }
    }
    progress.end();
    Ok(())
}

/// Where an earlier run stopped.
///
/// The count alone does not tell: it includes what other runs have created while they measured. But there
/// cannot be more customers of the prefill than customers, and they were created in order.
async fn first_missing(client: &mut Client, size: u64) -> anyhow::Result<u64> {
    let (mut low, mut high) = (0, client.total().await?.min(size));
    while low < high {
        let middle = low.midpoint(high);
        if client.has(middle).await? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

async fn write(mut client: Client, next: Arc<AtomicU64>, size: u64) -> anyhow::Result<()> {
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= size {
            return Ok(());
        }
        client.ensure(prefilled(n)).await?;
    }
}
