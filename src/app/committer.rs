//! Changes of concurrent calls, becoming durable together: one transaction for all that wait.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::tails::Tails;
use crate::domain::{Change, Error, LogId, Result, Verdict};
use crate::store::{Outcome, Store};

/// Commits Changes in groups.
///
/// Each writer takes whatever waits, commits it as one group, and answers each caller; a log always has the same writer.
/// What sweeps through many rows goes alone, before the rest.
/// The commit runs in the writer's own task: a caller that goes away drops only its waiting end, and work whose caller
/// has gone before its group begins is not done at all.
#[derive(Debug)]
pub(super) struct Committer {
    writers: Vec<mpsc::Sender<Ask>>,
}

#[derive(Debug)]
struct Ask {
    change: Change,
    answer: oneshot::Sender<Result<Outcome>>,
}

/// How many Changes may wait for one writer; more are refused at once.
const QUEUE: usize = 4_096;
/// How many Changes go into one transaction.
const GROUP: usize = 256;

impl Committer {
    /// Starts one: on SQLite a single writer, as there is a single lock.
    pub(super) fn start(store: &Store, tails: &Arc<Tails>) -> Self {
        let writers = if store.is_embedded() { 1 } else { 2 };
        let start = |_| {
            let (queue, waiting) = mpsc::channel(QUEUE);
            tokio::spawn(run(store.clone(), Arc::clone(tails), waiting));
            queue
        };
        Self { writers: (0..writers).map(start).collect() }
    }

    /// Commits one Change, together with others.
    pub(super) async fn commit(&self, change: Change) -> Result<Outcome> {
        let writer = &self.writers[self.writer_of(change.logs().next())];
        let (answer, answered) = oneshot::channel();
        writer.try_send(Ask { change, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Error::internal("the writer has ended"),
        })?;
        answered.await.map_err(|_| Error::internal("a commit ended without an answer"))?
    }

    fn writer_of(&self, log: Option<LogId>) -> usize {
        let mut hasher = DefaultHasher::new();
        log.hash(&mut hasher);
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let hash = hasher.finish() as usize;
        hash % self.writers.len()
    }
}

async fn run(store: Store, tails: Arc<Tails>, mut waiting: mpsc::Receiver<Ask>) {
    let sizes = metrics::histogram!("purser_committer_group_size");
    let mut sweeps: VecDeque<Ask> = VecDeque::new();
    let mut asks: Vec<Ask> = Vec::new();
    loop {
        let mut first = None;
        if sweeps.is_empty() && asks.is_empty() {
            let Some(ask) = waiting.recv().await else { return };
            first = Some(ask);
        }
        while let Some(ask) = first.take().or_else(|| waiting.try_recv().ok()) {
            if ask.change.sweep.is_some() {
                sweeps.push_back(ask);
            } else {
                asks.push(ask);
            }
            if asks.len() >= GROUP {
                break;
            }
        }
        // It may take long: with others it would hold the locks of their logs meanwhile, and fail them with it. One
        // before each group, so that neither waits for the other without end.
        sweeps.retain(|it| !it.answer.is_closed());
        if let Some(ask) = sweeps.pop_front() {
            sizes.record(1.0);
            sweeps.extend(commit(&store, &tails, vec![ask]).await);
        }
        asks.retain(|it| !it.answer.is_closed());
        if asks.is_empty() {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "a group is small")]
        sizes.record(asks.len() as f64);
        // Those of one log side by side: a group that fails is split where one log ends.
        asks.sort_by_key(|it| it.change.logs().next());
        asks = commit(&store, &tails, asks).await;
    }
}

/// Commits a group and answers it; gives back those that met another of their group and go again.
async fn commit(store: &Store, tails: &Tails, asks: Vec<Ask>) -> Vec<Ask> {
    let (changes, answers): (Vec<_>, Vec<_>) = asks.into_iter().map(|it| (it.change, it.answer)).unzip();
    let changes = Arc::new(changes);
    let group = Arc::clone(&changes);
    let store = store.clone();
    // In a task of its own, so that a bug that panics is an error to this group and not the end of all writing.
    let Ok(outcomes) = tokio::spawn(async move { store.commit(&group).await }).await else {
        for answer in answers {
            let _ = answer.send(Err(Error::internal("a commit panicked")));
        }
        return Vec::new();
    };
    let done = changes.iter().zip(&outcomes).filter(|(_, it)| matches!(it, Ok(Outcome::Done(_))));
    for log in done.flat_map(|(change, _)| change.logs()).collect::<BTreeSet<_>>() {
        tails.committed(log);
    }
    let changes = Arc::unwrap_or_clone(changes);
    let mut again = Vec::new();
    for ((change, answer), outcome) in changes.into_iter().zip(answers).zip(outcomes) {
        match outcome {
            Ok(Outcome::Lost(Verdict::Again)) => again.push(Ask { change, answer }),
            // Nobody listens any more where sending fails.
            outcome => drop(answer.send(outcome)),
        }
    }
    again
}
