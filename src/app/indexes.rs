//! Indexes of derivation: each handed out once, ever.
//!
//! They come from blocks that are reserved durably before any number of them is used. A number that was not used goes
//! back. What a crash leaves behind is a gap of what was reserved and not used, and nothing worse.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

use crate::domain::{DomainId, Error, Result, Scheme};
use crate::store::Store;

/// Hands out indexes.
#[derive(Debug)]
pub(super) struct Indexes {
    queue: mpsc::UnboundedSender<Ask>,
}

/// Of which domain, by which scheme.
type Series = (DomainId, Scheme);

#[derive(Debug)]
enum Ask {
    Take(Series, oneshot::Sender<Result<u32>>),
    GiveBack(Series, u32),
}

/// How many numbers a block has.
const BLOCK: u32 = 16;

/// A number in hand. Dropped, it goes back to be handed out to somebody else.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) index: u32,
    series: Series,
    queue: mpsc::UnboundedSender<Ask>,
    used: bool,
}

impl Lease {
    /// Keeps it from going back: it was used, or may have been.
    pub(super) fn used(mut self) {
        self.used = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.used {
            // Where nobody is left to take it the server is ending, and the number is a gap.
            let _ = self.queue.send(Ask::GiveBack(self.series, self.index));
        }
    }
}

impl Indexes {
    pub(super) fn start(store: &Store) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        tokio::spawn(run(store.clone(), waiting));
        Self { queue }
    }

    /// A number that nobody had.
    pub(super) async fn take(&self, domain: DomainId, scheme: Scheme) -> Result<Lease> {
        let (answer, answered) = oneshot::channel();
        let series = (domain, scheme);
        let gone = || Error::internal("the source of indexes has ended");
        self.queue.send(Ask::Take(series, answer)).map_err(|_| gone())?;
        let index = answered.await.map_err(|_| gone())??;
        Ok(Lease { index, series, queue: self.queue.clone(), used: false })
    }
}

async fn run(store: Store, mut waiting: mpsc::UnboundedReceiver<Ask>) {
    let mut spare: HashMap<Series, Vec<u32>> = HashMap::new();
    let mut asks = Vec::new();
    while waiting.recv_many(&mut asks, 1_024).await > 0 {
        let mut takers: HashMap<Series, Vec<oneshot::Sender<Result<u32>>>> = HashMap::new();
        for ask in asks.drain(..) {
            match ask {
                Ask::Take(series, answer) => takers.entry(series).or_default().push(answer),
                Ask::GiveBack(series, index) => spare.entry(series).or_default().push(index),
            }
        }
        for (series, takers) in takers {
            hand_out(&store, series, takers, spare.entry(series).or_default()).await;
        }
    }
}

async fn hand_out(
    store: &Store,
    (domain, scheme): Series,
    takers: Vec<oneshot::Sender<Result<u32>>>,
    spare: &mut Vec<u32>,
) {
    let missing = u32::try_from(takers.len().saturating_sub(spare.len())).unwrap_or(u32::MAX);
    if missing > 0 {
        let count = missing.div_ceil(BLOCK).saturating_mul(BLOCK);
        match store.reserve_indexes(domain, scheme, count).await {
            // The smallest is handed out first.
            Ok(first) => spare.splice(0..0, (first..first + count).rev()).for_each(drop),
            Err(error) => {
                for taker in takers {
                    let _ = taker.send(Err(error.clone()));
                }
                return;
            }
        }
    }
    for taker in takers {
        if let Some(index) = spare.pop()
            && taker.send(Ok(index)).is_err()
        {
            spare.push(index);
        }
    }
}
