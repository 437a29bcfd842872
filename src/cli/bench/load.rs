//! As many calls as a server can take: each caller makes its next call when the one before is answered.

use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::caller::Caller;
use super::operation::Operation;
use super::process;
use super::tally::{Tally, float};

/// Calls at first that are not counted: connections open, caches fill.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long after its end the last answer of a measurement may come.
const GRACE: Duration = Duration::from_secs(30);

/// A server to measure.
pub(super) struct Target {
    /// Its process id.
    pub pid: u32,
    /// One caller for each connection.
    pub callers: Vec<Caller>,
}

/// The time in which calls count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// From here on.
    pub begin: Instant,
    /// Up to here.
    pub end: Instant,
}

/// What was measured in some time.
pub(super) struct Slice {
    /// The calls.
    pub tally: Tally,
    /// The time.
    pub time: Duration,
    /// The processor time of the server, where the system tells it.
    pub cpu: Option<Duration>,
}

impl Window {
    /// The window that opens after the warm-up.
    pub(super) fn after_warm_up(time: Duration) -> Self {
        let begin = Instant::now() + WARM_UP;
        Self { begin, end: begin + time }
    }

    /// Waits for the end and for `calls`, and adds what the server has used meanwhile.
    pub(super) async fn measure(
        self,
        pid: u32,
        calls: impl Future<Output = anyhow::Result<Tally>>,
    ) -> anyhow::Result<Slice> {
        let cpu = async {
            sleep_until(self.begin).await;
            let before = process::cpu(pid);
            sleep_until(self.end).await;
            Some(process::cpu(pid)?.saturating_sub(before?))
        };
        let calls = timeout_at(self.end + GRACE, calls);
        let (cpu, tally) = tokio::join!(cpu, calls);
        Ok(Slice { tally: tally.context("calls are not answered")??, time: self.end - self.begin, cpu })
    }
}

impl Slice {
    /// Right answers per second.
    pub(super) fn rate(&self) -> f64 {
        float(self.tally.calls()) / self.time.as_secs_f64()
    }

    /// The server's processor time for each call, in microseconds.
    pub(super) fn cpu_us(&self) -> Option<f64> {
        let calls = self.tally.calls();
        self.cpu.filter(|_| calls > 0).map(|cpu| cpu.as_secs_f64() * 1e6 / float(calls))
    }

    /// Takes in what another slice measured.
    pub(super) fn merge(&mut self, other: Self) -> anyhow::Result<()> {
        self.tally.merge(other.tally)?;
        self.time += other.time;
        self.cpu = self.cpu.zip(other.cpu).map(|(one, other)| one + other);
        Ok(())
    }
}

/// Keeps `in_flight` calls under way on every connection for this time.
pub(super) async fn peak(
    target: &mut Target,
    operation: Operation,
    in_flight: usize,
    time: Duration,
) -> anyhow::Result<Slice> {
    let window = Window::after_warm_up(time);
    let mut workers = JoinSet::new();
    for caller in &mut target.callers {
        for _ in 0..in_flight {
            workers.spawn(work(caller.another(), operation, window));
        }
    }
    let all = async {
        let mut all = Tally::new()?;
        while let Some(tally) = workers.join_next().await {
            all.merge(tally??)?;
        }
        Ok(all)
    };
    window.measure(target.pid, all).await
}

async fn work(mut caller: Caller, operation: Operation, window: Window) -> anyhow::Result<Tally> {
    let mut tally = Tally::new()?;
    let mut begun = Instant::now();
    while begun < window.end {
        let answer = caller.call(operation).await;
        let ended = Instant::now();
        match answer {
            Ok(()) if (window.begin..window.end).contains(&ended) => tally.right(ended - begun),
            Ok(()) => {}
            // At any time: a wrong answer is wrong during the warm-up, too.
            Err(error) => tally.wrong(&error),
        }
        begun = ended;
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(calls: u32, cpu: Option<Duration>) -> Slice {
        let mut tally = Tally::new().unwrap();
        (0..calls).for_each(|_| tally.right(Duration::from_millis(1)));
        Slice { tally, time: Duration::from_secs(2), cpu }
    }

    #[test]
    fn two_slices_make_the_mean_of_both() {
        let mut all = slice(100, Some(Duration::from_millis(4)));
        all.merge(slice(300, Some(Duration::from_millis(8)))).unwrap();
        assert!((all.rate() - 100.0).abs() < 1e-9);
        assert!((all.cpu_us().unwrap() - 30.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_known_of_one_slice_is_not_known_of_both() {
        let mut all = slice(1, Some(Duration::from_millis(1)));
        all.merge(slice(1, None)).unwrap();
        assert_eq!(all.cpu_us(), None);
        assert_eq!(slice(0, Some(Duration::from_millis(1))).cpu_us(), None);
    }
}
