//! The end of each log that somebody follows: one reader for all who do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};

use super::App;
use super::events::Happening;
use crate::domain::{DomainId, LogId, Result};

/// Events in the order of the log, without gaps, as everybody who follows it gets them.
pub(super) type Page = Arc<Vec<Arc<Happening>>>;

/// The logs that are followed.
#[derive(Debug, Default)]
pub(super) struct Tails(Mutex<HashMap<LogId, Arc<Tail>>>);

#[derive(Debug)]
struct Tail {
    /// Rung by the commits of this instance.
    committed: Notify,
    /// The last event that is known of.
    end: watch::Sender<i64>,
    /// What was read; an error ends it.
    pages: broadcast::Sender<Result<Page>>,
}

/// Somebody who follows a log.
#[derive(Debug)]
pub struct Follower {
    end: watch::Receiver<i64>,
}

impl Follower {
    /// Waits until the log has an event after a place: a commit of this instance tells at once, one of another within
    /// [`Tails::EVERY`].
    pub async fn moved(&mut self, past: i64) {
        if self.end.wait_for(|it| *it > past).await.is_err() {
            // Whoever reads the log has ended with an error: look for yourself, in a while.
            tokio::time::sleep(Tails::EVERY).await;
        }
    }
}

impl Tails {
    /// How often the database is asked what other instances have committed.
    const EVERY: Duration = Duration::from_millis(250);
    /// How many pages wait for somebody who follows before they have to read for themselves.
    const PAGES: usize = 64;
    /// How many events are read at once.
    const PAGE: u32 = 256;

    /// Tells those who follow a log that this instance has committed to it.
    pub(super) fn committed(&self, log: LogId) {
        if let Some(tail) = self.lock().get(&log) {
            tail.committed.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<LogId, Arc<Tail>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Follows the log of a domain.
    #[must_use]
    pub fn follow(&self, domain: DomainId) -> Follower {
        Follower { end: self.tail(domain, |tail| tail.end.subscribe()) }
    }

    /// Gets every page of a domain's log that is read from now on, and its end.
    pub(super) fn pages(
        &self,
        domain: DomainId,
    ) -> (broadcast::Receiver<Result<Page>>, watch::Receiver<i64>) {
        self.tail(domain, |tail| (tail.pages.subscribe(), tail.end.subscribe()))
    }

    /// The tail of a log, which begins with the first who wants it.
    fn tail<T>(&self, domain: DomainId, subscribe: impl FnOnce(&Tail) -> T) -> T {
        let mut tails = self.0.tails.lock();
        let tail = tails.entry(domain.into()).or_insert_with(|| {
            let tail = Arc::new(Tail {
                committed: Notify::new(),
                end: watch::Sender::new(-1),
                pages: broadcast::Sender::new(Tails::PAGES),
            });
            tokio::spawn(read(self.clone(), domain, Arc::clone(&tail)));
            tail
        });
        // Under the lock: it cannot end between being found and being followed.
        subscribe(tail)
    }
}

/// Reads a log for as long as anybody follows it.
async fn read(app: App, domain: DomainId, tail: Arc<Tail>) {
    let mut known = None;
    loop {
        {
            let mut tails = app.0.tails.lock();
            if tail.end.receiver_count() == 0 && tail.pages.receiver_count() == 0 {
                tails.remove(&domain.into());
                return;
            }
        }
        if let Err(error) = advance(&app, domain, &tail, &mut known).await {
            // Whoever follows learns why, and comes again to a new tail.
            app.0.tails.lock().remove(&domain.into());
            let _ = tail.pages.send(Err(error));
            return;
        }
        tokio::select! {
            () = tail.committed.notified() => {}
            () = tokio::time::sleep(Tails::EVERY) => {}
        }
    }
}

/// Reads what is new, if anybody wants to have it, and tells where the log ends.
async fn advance(app: &App, domain: DomainId, tail: &Tail, known: &mut Option<i64>) -> Result<()> {
    let last = app.ends(domain).await?.last;
    let from = known.replace(last).unwrap_or(last);
    let mut at = from;
    while at < last && tail.pages.receiver_count() > 0 {
        let page = app.just_happened(domain, (at, last), Tails::PAGE).await?;
        let Some(end) = page.last().map(|it| it.event.header.sequence) else { break };
        at = end;
        let _ = tail.pages.send(Ok(Arc::new(page.into_iter().map(Arc::new).collect())));
    }
    tail.end.send_if_modified(|it| std::mem::replace(it, last) != last);
    Ok(())
}
