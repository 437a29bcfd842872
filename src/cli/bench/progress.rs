//! How far a benchmark is, on standard error: the report alone is on standard output.

#![expect(clippy::print_stderr, reason = "how far it is, for whoever waits")]

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::tally::float;

/// Says what is done next.
pub(super) fn say(text: &str) {
    eprintln!("{text}");
}

/// Something whose end is known: a line that changes on a terminal, else a line now and then.
pub(super) struct Progress {
    what: String,
    first: u64,
    last: u64,
    begun: Instant,
    terminal: bool,
}

impl Progress {
    /// Begins to do numbers `first..last`.
    pub(super) fn begin(what: String, first: u64, last: u64) -> Self {
        Self { what, first, last, begun: Instant::now(), terminal: std::io::stderr().is_terminal() }
    }

    /// How often [`Self::show`] is worth calling.
    pub(super) fn period(&self) -> Duration {
        if self.terminal { Duration::from_millis(200) } else { Duration::from_secs(5) }
    }

    /// Shows that all numbers below `next` are done.
    pub(super) fn show(&self, next: u64) {
        let line = self.line(next, self.begun.elapsed());
        let mut stderr = std::io::stderr();
        // A progress that cannot be shown is no reason to stop.
        let _ = if self.terminal { write!(stderr, "\r\x1b[K{line}") } else { writeln!(stderr, "{line}") };
    }

    /// Shows that everything is done.
    pub(super) fn end(self) {
        self.show(self.last);
        if self.terminal {
            eprintln!();
        }
    }

    fn line(&self, next: u64, elapsed: Duration) -> String {
        let Self { what, last, .. } = self;
        let rate = float(next.saturating_sub(self.first)) / elapsed.as_secs_f64().max(1e-3);
        let left = float(last.saturating_sub(next)) / rate.max(1.0);
        format!("{what}: {next} of {last}, {rate:.0}/s, {left:.0} s left")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_this_run_alone() {
        let progress = Progress::begin("fill".to_owned(), 1_000, 4_000);
        let line = progress.line(2_000, Duration::from_secs(2));
        assert_eq!(line, "fill: 2000 of 4000, 500/s, 4 s left");
    }
}
