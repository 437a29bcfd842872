//! A steady load: calls come at their time, whether or not those before them are answered.
//!
//! A caller that waits for its answer before it calls again asks a slow server less often, just when it
//! is slow. So each call here has a time at which it is due, and its latency counts from then.

use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::caller::Caller;
use super::load::{Slice, Target, Window};
use super::operation::Operation;
use super::tally::Tally;

/// One call, when it is answered.
struct Answered {
    due: Instant,
    at: Instant,
    answer: anyhow::Result<()>,
}

/// Makes `rate` calls per second for this time.
pub(super) async fn steady(
    target: &mut Target,
    operation: Operation,
    rate: f64,
    time: Duration,
) -> anyhow::Result<Slice> {
    let (answered, answers) = unbounded_channel();
    let callers: Vec<_> = target.callers.iter_mut().map(Caller::another).collect();
    let begin = Instant::now();
    let window = Window::after_warm_up(time);
    let pace = Pace { begin, end: window.end, every: Duration::from_secs_f64(1.0 / rate.max(1.0)) };
    let runtime = Handle::current();
    // On a thread of its own: the runtime's timer is too coarse, it rounds up to a millisecond.
    spawn_blocking(move || pace.keep(&runtime, callers, operation, &answered));
    window.measure(target.pid, collect(answers, window)).await
}

/// When calls are due.
struct Pace {
    begin: Instant,
    end: Instant,
    every: Duration,
}

impl Pace {
    /// Starts each call when it is due. One that is late does not delay the next.
    fn keep(
        &self,
        runtime: &Handle,
        mut callers: Vec<Caller>,
        operation: Operation,
        answered: &UnboundedSender<Answered>,
    ) {
        let connections = callers.len();
        for (n, due) in self.due().enumerate() {
            if answered.is_closed() {
                return; // Nobody measures any more.
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let mut caller = callers[n % connections].another();
            let answered = answered.clone();
            runtime.spawn(async move {
                let answer = caller.call(operation).await;
                // Fails only if nobody measures any more.
                let _ = answered.send(Answered { due, at: Instant::now(), answer });
            });
        }
    }

    fn due(&self) -> impl Iterator<Item = Instant> {
        (0_u32..).map(|n| self.begin + self.every * n).take_while(|&due| due < self.end)
    }
}

/// Counts the calls that were due in the window, until the last one is answered.
async fn collect(mut answers: UnboundedReceiver<Answered>, window: Window) -> anyhow::Result<Tally> {
    let mut tally = Tally::new()?;
    while let Some(Answered { due, at, answer }) = answers.recv().await {
        match answer {
            Ok(()) if due >= window.begin => tally.right(at - due),
            Ok(()) => {}
            Err(error) => tally.wrong(&error),
        }
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_due_at_even_distances() {
        let begin = Instant::now();
        let pace = Pace { begin, end: begin + Duration::from_secs(1), every: Duration::from_millis(250) };
        let due: Vec<_> = pace.due().map(|due| (due - begin).as_millis()).collect();
        assert_eq!(due, [0, 250, 500, 750]);
    }
}
