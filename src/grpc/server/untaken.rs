//! Answers that a peer has not taken yet. What holds its window shut holds the answers in memory, and hyper asks no body how
//! it is meanwhile: so it is the connection that ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// How many answers of one connection are untaken, of this turn and of the one before it.
#[derive(Debug, Default)]
pub(super) struct Untaken {
    turn: AtomicUsize,
    of: [AtomicUsize; 2],
}

/// One answer, until it is dropped.
#[derive(Debug)]
pub(super) struct Answer {
    untaken: Arc<Untaken>,
    turn: usize,
}

impl Untaken {
    pub(super) fn begin(self: &Arc<Self>) -> Answer {
        let turn = self.turn.load(Ordering::Relaxed) % self.of.len();
        self.of[turn].fetch_add(1, Ordering::Relaxed);
        Answer { untaken: Arc::clone(self), turn }
    }

    /// Begins the next turn. Whether the answers of the turn before the one that ends are taken, all of them.
    fn turn(&self) -> bool {
        let next = self.turn.load(Ordering::Relaxed) + 1;
        self.turn.store(next, Ordering::Relaxed);
        self.of[next % self.of.len()].load(Ordering::Relaxed) == 0
    }

    /// Resolves once an answer was left untaken for `limit`, twice over at most.
    pub(super) async fn too_long(&self, limit: Duration) {
        let mut turns = interval(limit);
        // What stood still with us had no time to take anything.
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        turns.tick().await;
        loop {
            turns.tick().await;
            if !self.turn() {
                return;
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.untaken.of[self.turn].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_one_whole_turn_and_no_more_than_two() {
        let untaken = Arc::new(Untaken::default());
        let mut answers = Vec::new();
        for _ in 0..9 {
            answers.push(untaken.begin());
            answers.drain(..answers.len() - 1);
            assert!(untaken.turn());
        }
        let _left = untaken.begin();
        drop(answers);
        assert!(untaken.turn());
        assert!(!untaken.turn());
    }
}
