//! Indexes of derivation and places of pools: each handed out once, ever.
//!
//! Indexes come from blocks that are reserved durably before any number of them is used, places one by one. A number that
//! was not used goes back. What a crash leaves behind is a gap of what was reserved and not used, and nothing worse.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

use crate::domain::{DomainId, Error, KeySourceId, Result, Scheme};
use crate::store::Store;

/// Hands out numbers.
#[derive(Debug)]
pub(super) struct Indexes {
    queue: mpsc::UnboundedSender<Ask>,
}

/// What numbers are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Series {
    /// In which domain.
    pub(super) domain: DomainId,
    /// By which scheme.
    pub(super) scheme: Scheme,
    /// The pool in which they are places; none where they are indexes.
    pub(super) pool: Option<KeySourceId>,
}

#[derive(Debug)]
enum Ask {
    Take(Series, oneshot::Sender<Result<u32>>),
    GiveBack(Series, u32),
    Close(oneshot::Sender<()>),
}

/// How many numbers a block has. A standard wallet looks over a gap of 20, so it finds what comes after a lost block.
const BLOCK: u32 = 16;

/// A number in hand. Dropped, it goes back to be handed out to somebody else, unless it is kept.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) index: u32,
    series: Series,
    queue: mpsc::UnboundedSender<Ask>,
    kept: bool,
}

impl Lease {
    /// Keeps it from going back: it is used, or may be.
    pub(super) const fn keep(&mut self) {
        self.kept = true;
    }

    /// Lets it go back after all.
    pub(super) fn give_back(mut self) {
        self.kept = false;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.kept {
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
    pub(super) async fn take(&self, series: Series) -> Result<Lease> {
        let (answer, answered) = oneshot::channel();
        let gone = || Error::internal("the source of indexes has ended");
        self.queue.send(Ask::Take(series, answer)).map_err(|_| gone())?;
        let index = answered.await.map_err(|_| gone())??;
        Ok(Lease { index, series, queue: self.queue.clone(), kept: false })
    }

    /// Gives back what was reserved and not used, as far as it can be: the ends of the last blocks.
    pub(super) async fn close(&self) {
        let (answer, closed) = oneshot::channel();
        if self.queue.send(Ask::Close(answer)).is_ok() {
            let _ = closed.await;
        }
    }
}

async fn run(store: Store, mut waiting: mpsc::UnboundedReceiver<Ask>) {
    // Of each series the smallest last: that is the next to be handed out.
    let mut spare: HashMap<Series, Vec<u32>> = HashMap::new();
    while let Some(ask) = waiting.recv().await {
        match ask {
            Ask::Take(series, answer) => {
                let spare = spare.entry(series).or_default();
                let taken = take(&store, series, spare).await;
                if let Err(Ok(index)) = answer.send(taken) {
                    spare.push(index);
                }
            }
            Ask::GiveBack(series, index) => {
                let spare = spare.entry(series).or_default();
                spare.insert(spare.partition_point(|it| *it > index), index);
            }
            Ask::Close(answer) => {
                for (series, spare) in spare.drain().filter(|it| it.0.pool.is_none()) {
                    return_end(&store, series, &spare).await;
                }
                let _ = answer.send(());
            }
        }
    }
}

async fn take(store: &Store, series: Series, spare: &mut Vec<u32>) -> Result<u32> {
    let Series { domain, scheme, pool } = series;
    if let Some(index) = spare.pop() {
        return Ok(index);
    }
    if let Some(pool) = pool {
        return store.take_pooled(domain, scheme, pool).await?.ok_or(Error::AddressPoolEmpty(scheme));
    }
    spare.extend(store.reserve_indexes(domain, scheme, BLOCK).await?.rev());
    spare.pop().ok_or_else(|| Error::internal("an empty block"))
}

/// Gives back the numbers at the end, without a gap; the database refuses unless nothing was reserved after them.
async fn return_end(store: &Store, Series { domain, scheme, .. }: Series, spare: &[u32]) {
    let Some(last) = spare.first() else { return };
    let unbroken = spare.iter().zip((0..=*last).rev()).take_while(|(it, expected)| **it == *expected).count();
    let first = last + 1 - u32::try_from(unbroken).unwrap_or_default();
    if let Err(error) = store.return_indexes(domain, scheme, first..last + 1).await {
        tracing::info!(%error, %domain, %scheme, "indexes were not given back");
    }
}
