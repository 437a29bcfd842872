//! How often those may call who show no key: so many times a minute, each by itself.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use crate::domain::{Error, Result};

/// A bucket for each who calls. There are so many at most: whoever has not called for long has a full one again.
#[derive(Debug)]
pub(super) struct Throttle<K> {
    buckets: Cache<K, Arc<Mutex<Bucket>>>,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    const CAPACITY: usize = 10_000;

    pub(super) fn new() -> Self {
        Self { buckets: Cache::new(Self::CAPACITY) }
    }

    /// Counts a call.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`].
    pub(super) fn admit(&self, key: &K, per_minute: u32, now: Instant) -> Result<()> {
        let full = || Ok::<_, Error>(Arc::new(Mutex::new(Bucket::full(per_minute, now))));
        let bucket = self.buckets.get_or_insert_with(key, full)?;
        // Two numbers that are written together: no panic can have left them half done.
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(per_minute, now).map_err(|after| Error::RateLimited { after })
    }
}

/// Calls that may still be made; it fills evenly.
#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    const MINUTE: Duration = Duration::from_mins(1);

    fn full(per_minute: u32, now: Instant) -> Self {
        Self { left: f64::from(per_minute), at: now }
    }

    /// Takes a call out, or says how long until there is one.
    fn take(&mut self, per_minute: u32, now: Instant) -> Result<(), Duration> {
        let most = f64::from(per_minute);
        let minutes = now.saturating_duration_since(self.at).as_secs_f64() / Self::MINUTE.as_secs_f64();
        self.left = (self.left + minutes * most).min(most);
        self.at = self.at.max(now);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        let missing = (1.0 - self.left) / most.max(1.0);
        Err(Self::MINUTE.mul_f64(missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_it_holds_and_fills_evenly() {
        let start = Instant::now();
        let mut bucket = Bucket::full(10, start);
        assert!((0..10).all(|_| bucket.take(10, start).is_ok()));
        let wait = bucket.take(10, start).unwrap_err();
        assert!(wait > Duration::from_millis(5_900) && wait < Duration::from_millis(6_100), "{wait:?}");
        assert!(bucket.take(10, start + Duration::from_secs(5)).is_err());
        assert!(bucket.take(10, start + Duration::from_millis(6_100)).is_ok());
        assert!(bucket.take(10, start + Duration::from_millis(6_100)).is_err());
        // An hour later there is a minute's worth, and no more.
        let later = start + Duration::from_hours(1);
        assert_eq!((0..20).filter(|_| bucket.take(10, later).is_ok()).count(), 10);
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
        assert!(throttle.buckets.len() <= Throttle::<i32>::CAPACITY + 1);
    }
}
