//! The end of each log that somebody follows: one reader for all who do.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;

use super::App;
use super::events::Happening;
use crate::domain::{DomainId, Error, LogId, Result};

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
    /// How long a database that cannot be read is waited for before those who follow are told.
    const PATIENCE: Duration = Duration::from_secs(5);
    /// How many pages wait for somebody who follows before they have to read for themselves.
    const PAGES: usize = 16;
    /// How many events are read at once.
    const PAGE: u32 = 128;

    /// Tells those who follow a log that this instance has committed to it.
    pub(super) fn committed(&self, log: LogId) {
        if let Some(tail) = self.lock().get(&log) {
            tail.committed.notify_one();
        }
    }

    /// Whether anybody follows; if nobody does, the tail is taken away before anybody can.
    fn are_followed(&self, log: LogId, tail: &Arc<Tail>) -> bool {
        let mut tails = self.lock();
        let followed = tail.end.receiver_count() > 0 || tail.pages.receiver_count() > 0;
        if !followed {
            take_away(&mut tails, log, tail);
        }
        followed
    }

    fn remove(&self, log: LogId, tail: &Arc<Tail>) {
        take_away(&mut self.lock(), log, tail);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<LogId, Arc<Tail>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a tail away, unless another stands in its place.
fn take_away(tails: &mut HashMap<LogId, Arc<Tail>>, log: LogId, tail: &Arc<Tail>) {
    if tails.get(&log).is_some_and(|it| Arc::ptr_eq(it, tail)) {
        tails.remove(&log);
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

/// Takes a tail away with the task that reads for it, also where that panics: whoever comes next gets a new one.
struct Reading {
    app: App,
    log: LogId,
    tail: Arc<Tail>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.app.0.tails.remove(self.log, &self.tail);
    }
}

/// Reads a log for as long as anybody follows it.
async fn read(app: App, domain: DomainId, tail: Arc<Tail>) {
    let reading = Reading { app, log: domain.into(), tail };
    let Reading { app, tail, .. } = &reading;
    let (mut known, mut good) = (None, Instant::now());
    while app.0.tails.are_followed(domain.into(), tail) {
        match advance(app, domain, tail, &mut known).await {
            Ok(()) => good = Instant::now(),
            Err(Error::DatabaseUnavailable(_) | Error::Overloaded) if good.elapsed() < Tails::PATIENCE => {}
            Err(error) => {
                // Whoever follows learns why, and comes again to a new tail.
                app.0.tails.remove(domain.into(), tail);
                let _ = tail.pages.send(Err(error));
                return;
            }
        }
        tokio::select! {
            () = tail.committed.notified() => {}
            () = tokio::time::sleep(to_next_tick()) => {}
        }
    }
}

/// All who read wake up together, so that what they ask travels together.
fn to_next_tick() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let every = Tails::EVERY.as_nanos();
    let since = START.elapsed().as_nanos() % every;
    Duration::from_nanos(u64::try_from(every - since).unwrap_or_default())
}

/// Reads what is new, if anybody wants to have it, and tells where the log ends.
async fn advance(app: &App, domain: DomainId, tail: &Tail, known: &mut Option<i64>) -> Result<()> {
    let last = app.ends(domain).await?.last;
    let mut at = known.unwrap_or(last);
    if at > last {
        // What was told is there no more: a database that came back without its last writes.
        return Err(Error::SequenceAhead { last });
    }
    while at < last && tail.pages.receiver_count() > 0 {
        let page = app.just_happened(domain, (at, last), Tails::PAGE).await?;
        let Some(end) = page.last().map(|it| it.event.header.sequence) else { break };
        at = end;
        *known = Some(at);
        let _ = tail.pages.send(Ok(Arc::new(page.into_iter().map(Arc::new).collect())));
    }
    *known = Some(last);
    tail.end.send_if_modified(|it| std::mem::replace(it, last) != last);
    Ok(())
}
