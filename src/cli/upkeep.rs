//! What a server does beside serving, so that the database stays as it should be. None of these ends by itself.

use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::domain::{DAY_US, Remembered};
use crate::store::Store;

/// How often the files of the embedded database may be written anew: not before so many times as long has passed as it
/// took, so that writers wait for a twentieth of the time at most.
const REST: u32 = 20;

fn every(period: Duration) -> tokio::time::Interval {
    let mut tick = tokio::time::interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// Forgets requests that are too old to count, names whose hold for nobody is over, and quotas that nobody has used.
pub(super) async fn forget(store: Store) {
    let mut tick = every(Duration::from_mins(10));
    loop {
        tick.tick().await;
        let now_us = clock::now_us();
        if let Err(error) = store.forget_requests(now_us - Remembered::FOR_US).await {
            tracing::warn!(%error, "old requests were not forgotten");
        }
        if let Err(error) = store.forget_names(now_us).await {
            tracing::warn!(%error, "names held for nobody were not forgotten");
        }
        if let Err(error) = store.forget_quotas(now_us.saturating_mul(1_000), now_us / DAY_US - 1).await {
            tracing::warn!(%error, "quotas that are full were not forgotten");
        }
    }
}

/// Removes events that are older than they are to be kept.
pub(super) async fn expire(store: Store, keep: Duration) {
    let keep_us = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    let mut tick = every(Duration::from_mins(1));
    loop {
        tick.tick().await;
        match store.expire_events(clock::now_us().saturating_sub(keep_us)).await {
            Ok(0) => {}
            Ok(gone) => {
                metrics::counter!("purser_events_expired_total").increment(gone);
                tracing::info!(gone, "old events were removed");
            }
            Err(error) => tracing::warn!(%error, "old events were not removed"),
        }
    }
}

/// Takes the traces of erasures out of the embedded database's files: those of an earlier run first.
///
/// The file is written anew, and then the log is cut: as soon as nobody reads what was before, which is looked for at each
/// tick. A fault in that does not begin with the file again.
pub(super) async fn scrub(store: Store) {
    let mut tick = every(Duration::from_secs(1));
    let mut next = Instant::now();
    let mut written = None;
    let left = metrics::gauge!("purser_erasures_unscrubbed");
    loop {
        tick.tick().await;
        match store.unscrubbed().await {
            Ok(count) => left.set(u32::try_from(count).unwrap_or(u32::MAX)),
            Err(error) => tracing::debug!(%error, "the traces of erasures were not counted"),
        }
        if written.is_none() && Instant::now() >= next {
            let start = Instant::now();
            let rewritten = store.rewrite().await;
            next = Instant::now() + rest(start.elapsed(), rewritten.is_err());
            match rewritten {
                Ok(it) => written = it,
                Err(error) => tracing::warn!(%error, "traces of erasures are still in the database's file"),
            }
        }
        let Some(it) = &written else { continue };
        let start = Instant::now();
        let cut = store.cut_log(it).await;
        next += rest(start.elapsed(), false);
        match cut {
            Ok(true) => {
                written = None;
                tracing::info!("the traces of erasures were taken out of the database's files");
            }
            Ok(false) => tracing::debug!("somebody still reads what was before"),
            Err(error) => tracing::warn!(%error, "the traces of erasures are still in the database's log"),
        }
    }
}

/// How long the file is left as it is after it took so long to write it anew.
fn rest(took: Duration, failed: bool) -> Duration {
    const AFTER_A_FAULT: Duration = Duration::from_secs(30);
    let rest = took.saturating_mul(REST);
    if failed { rest.max(AFTER_A_FAULT) } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_fault_it_rests_as_long_as_after_any_other_time_and_never_shortly() {
        let second = Duration::from_secs(1);
        assert_eq!([rest(second, false), rest(second * 60, false)], [second * 20, second * 1_200]);
        assert_eq!([rest(second, true), rest(second * 60, true)], [second * 30, second * 1_200]);
    }
}
