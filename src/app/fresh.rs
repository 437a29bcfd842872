//! What may be a second old: API keys and domains with their settings. Customers are never cached.

use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::Equivalent;
use quick_cache::sync::Cache;

/// Values that were read less than a second ago. What is not there is not remembered as missing.
#[derive(Debug)]
pub(super) struct Fresh<K, V> {
    values: Cache<K, (Instant, Arc<V>)>,
}

impl<K: Hash + Eq + Clone, V> Fresh<K, V> {
    /// A little less than the second that is promised, for what passes between a look and an answer.
    const AGE: Duration = Duration::from_millis(900);
    const CAPACITY: usize = 10_000;

    pub(super) fn new() -> Self {
        Self { values: Cache::new(Self::CAPACITY) }
    }

    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Arc<V>> {
        self.values.get(key).filter(|(at, _)| at.elapsed() < Self::AGE).map(|(_, value)| value)
    }

    /// Keeps a value whose reading began at `asked`.
    pub(super) fn keep(&self, key: K, value: V, asked: Instant) -> Arc<V> {
        let value = Arc::new(value);
        self.values.insert(key, (asked, Arc::clone(&value)));
        value
    }

    /// Forgets a value that turned out to be old.
    pub(super) fn forget(&self, key: &K) {
        self.values.remove(key);
    }
}
