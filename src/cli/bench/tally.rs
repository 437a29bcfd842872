//! What a number of calls came to.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest latency that is told apart from longer ones.
const LONGEST_US: u64 = 60_000_000;

/// Calls, their latencies, and what went wrong.
pub(super) struct Tally {
    latencies_us: Histogram<u64>,
    /// How many calls were not answered, or answered wrong.
    pub errors: u64,
    /// The first thing that went wrong.
    pub first_error: Option<String>,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new() -> anyhow::Result<Self> {
        // Three digits: a latency is off by at most 0.1 %.
        Ok(Self { latencies_us: Histogram::new_with_max(LONGEST_US, 3)?, errors: 0, first_error: None })
    }

    /// Counts a call that was answered right.
    pub(super) fn right(&mut self, latency: Duration) {
        self.latencies_us.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US));
    }

    /// Counts a call that was not.
    pub(super) fn wrong(&mut self, error: &anyhow::Error) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| format!("{error:#}"));
    }

    /// Takes in what another one counted.
    pub(super) fn merge(&mut self, other: Self) -> anyhow::Result<()> {
        self.latencies_us.add(other.latencies_us)?;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        Ok(())
    }

    /// How many calls were answered right.
    pub(super) fn calls(&self) -> u64 {
        self.latencies_us.len()
    }

    /// The latency that this share of the calls stayed within.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.latencies_us.value_at_quantile(share))
    }
}

/// A count as a number to divide with.
#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: impl IntoIterator<Item = u64>) -> Tally {
        let mut tally = Tally::new().unwrap();
        milliseconds.into_iter().for_each(|it| tally.right(Duration::from_millis(it)));
        tally
    }

    #[test]
    fn merged_quantiles_are_those_of_all_calls() {
        let mut all = of(1..=50);
        all.merge(of(51..=100)).unwrap();
        assert_eq!(all.calls(), 100);
        for (share, milliseconds) in [(0.5, 50.0), (0.99, 99.0)] {
            let found = all.quantile(share).as_secs_f64() * 1e3;
            assert!((found / milliseconds - 1.0).abs() < 0.002, "{share}: {found}");
        }
    }

    #[test]
    fn the_first_error_stays_the_first() {
        let mut all = of([]);
        all.wrong(&anyhow::anyhow!("one"));
        let mut other = of([]);
        other.wrong(&anyhow::anyhow!("other"));
        all.merge(other).unwrap();
        assert_eq!((all.errors, all.first_error.as_deref()), (2, Some("one")));
    }

    #[test]
    fn a_latency_beyond_measure_is_kept_as_the_longest() {
        assert!(of([10_000_000]).quantile(1.0) >= Duration::from_secs(59));
    }
}
