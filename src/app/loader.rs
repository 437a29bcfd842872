//! Look-ups of concurrent calls, travelling together: one query for all that wait.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::domain::{Error, Result};
use crate::store::Found;

/// Looks values up by key, as few queries as possible.
///
/// Nothing waits for a time: whatever queued while the last queries ran goes into the next one, with what the calls that are
/// ready by then ask for. A query begins after its keys were asked for, so that none is answered with something older. The
/// queries run in tasks of their own: a caller that goes away drops only its waiting end.
#[derive(Debug)]
pub(super) struct Loader<K, V> {
    queue: mpsc::Sender<Ask<K, V>>,
}

#[derive(Debug)]
struct Ask<K, V> {
    keys: Vec<K>,
    answer: oneshot::Sender<Result<Found<V>>>,
}

/// How many calls may wait; more are refused at once.
const QUEUE: usize = 16_384;
/// How many queries of one kind are under way at a time.
const IN_FLIGHT: usize = 2;
/// How many keys go into one query, but for a call that brings more.
const BATCH: usize = 512;

impl<K: Send + 'static, V: Send + 'static> Loader<K, V> {
    /// Starts one. `load` answers keys in their order.
    pub(super) fn start<F>(kind: &'static str, load: impl Fn(Vec<K>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Found<V>>> + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(run(
            waiting,
            Arc::new(load),
            metrics::histogram!("purser_loader_batch_size", "kind" => kind),
        ));
        Self { queue }
    }

    /// Looks one up.
    pub(super) async fn get(&self, key: K) -> Result<Option<V>> {
        self.get_many(vec![key]).await?.pop().unwrap_or(Ok(None))
    }

    /// Looks many up, together.
    pub(super) async fn get_many(&self, keys: Vec<K>) -> Result<Found<V>> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Ask { keys, answer }).map_err(|_| Error::Overloaded)?;
        answered.await.map_err(|_| Error::internal("a look-up ended without an answer"))?
    }
}

async fn run<K, V, F>(
    mut waiting: mpsc::Receiver<Ask<K, V>>,
    load: Arc<impl Fn(Vec<K>) -> F + Send + Sync + 'static>,
    sizes: metrics::Histogram,
) where
    K: Send + 'static,
    V: Send + 'static,
    F: Future<Output = Result<Found<V>>> + Send + 'static,
{
    let free = Arc::new(Semaphore::new(IN_FLIGHT));
    while let Some(first) = waiting.recv().await {
        // Calls that have come already, and are about to ask, go along (see docs/BENCHMARK.md).
        tokio::task::yield_now().await;
        let Ok(place) = Arc::clone(&free).acquire_owned().await else { return };
        let mut asks = vec![first];
        let mut size = asks[0].keys.len();
        while size < BATCH
            && let Ok(ask) = waiting.try_recv()
        {
            size += ask.keys.len();
            asks.push(ask);
        }
        asks.retain(|it| !it.answer.is_closed());
        if asks.is_empty() {
            continue;
        }
        let size: usize = asks.iter().map(|it| it.keys.len()).sum();
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        sizes.record(size as f64);
        let load = Arc::clone(&load);
        tokio::spawn(async move {
            answer(asks, &*load).await;
            drop(place);
        });
    }
}

async fn answer<K, V, F>(mut asks: Vec<Ask<K, V>>, load: &impl Fn(Vec<K>) -> F)
where
    F: Future<Output = Result<Found<V>>>,
{
    let sizes: Vec<usize> = asks.iter().map(|it| it.keys.len()).collect();
    let keys = asks.iter_mut().flat_map(|it| it.keys.drain(..)).collect();
    // Nobody listens any more where sending fails.
    match load(keys).await {
        Ok(values) => {
            let mut values = values.into_iter();
            for (ask, size) in asks.into_iter().zip(sizes) {
                let _ = ask.answer.send(Ok(values.by_ref().take(size).collect()));
            }
        }
        Err(error) => {
            for ask in asks {
                let _ = ask.answer.send(Err(error.clone()));
            }
        }
    }
}
