//! How often those may call who show no key: so many times a minute, each by itself.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use quick_cache::sync::Cache;

use crate::domain::{Allowance, Bucket, Error, Result};

/// A bucket for each who calls. There are so many at most: whoever has not called for long has a full one again.
#[derive(Debug)]
pub(super) struct Throttle<K> {
    buckets: Cache<K, Arc<Mutex<Bucket>>>,
    started: Instant,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    const CAPACITY: usize = 10_000;

    pub(super) fn new() -> Self {
        Self { buckets: Cache::new(Self::CAPACITY), started: Instant::now() }
    }

    /// Counts a call.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`].
    pub(super) fn admit(&self, key: &K, per_minute: u32, now: Instant) -> Result<()> {
        let bucket = self.buckets.get_or_insert_with(key, || Ok::<_, Error>(Arc::default()))?;
        let now_ns = now.saturating_duration_since(self.started).as_nanos();
        let now_ns = i64::try_from(now_ns).unwrap_or(i64::MAX);
        // One number: no panic can have left it half done.
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = bucket.take(Allowance::per_minute(per_minute), now_ns, 1, 1);
        taken.map(drop).map_err(|after| Error::RateLimited { after })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_gives_what_it_holds_and_fills_evenly() {
        let throttle = Throttle::new();
        let start = throttle.started;
        let admit = |now: Instant| throttle.admit(&(), 10, now);
        assert!((0..10).all(|_| admit(start).is_ok()));
        let Err(Error::RateLimited { after }) = admit(start) else { panic!("an eleventh") };
        assert_eq!(after, Duration::from_secs(6));
        assert!(admit(start + Duration::from_secs(5)).is_err());
        assert!(admit(start + Duration::from_secs(6)).is_ok());
        assert!(admit(start + Duration::from_secs(6)).is_err());
        // An hour later there is a minute's worth, and no more.
        let later = start + Duration::from_hours(1);
        assert_eq!((0..20).filter(|_| admit(later).is_ok()).count(), 10);
    }

    #[test]
    fn nobody_pays_for_another_and_memory_has_a_bound() {
        let (throttle, now) = (Throttle::new(), Instant::now());
        assert!(throttle.admit(&1, 1, now).is_ok());
        assert!(matches!(throttle.admit(&1, 1, now), Err(Error::RateLimited { .. })));
        assert!(throttle.admit(&2, 1, now).is_ok());
        for other in 0..50_000 {
            let _ = throttle.admit(&other, 1, now);
        }
        // It is rounded up to as many parts as the machine has a use for.
        assert!(throttle.buckets.len() <= Throttle::<i32>::CAPACITY * 5 / 4);
    }
}
