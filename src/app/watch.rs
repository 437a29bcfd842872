//! Watching a log: what has happened, then what happens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::App;
use super::events::Happening;
use super::tails::Page;
use crate::domain::{
    Caller, Domain, DomainId, Error, EventFilter, EventType, Member, Resource, Result, Table, Wallet,
};

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchStart {
    /// After this event.
    After(i64),
    /// With the earliest event that is kept.
    Earliest,
    /// With the next event.
    Latest,
    /// With the rows as they are, then the next event.
    Snapshot,
}

/// What a watcher is told. Small: many wait for few.
#[derive(Clone, Debug)]
pub enum Notice {
    /// An event that was asked for.
    Happened(Arc<Happening>),
    /// Everything that was asked for has been told up to here.
    Heartbeat(i64),
    /// A customer of the snapshot.
    Customer(Box<Member>),
    /// A wallet of the snapshot.
    Wallet(Box<Wallet>),
    /// The snapshot was of this place in the log.
    SnapshotEnd(i64),
}

/// A watch that has begun.
#[derive(Debug)]
pub struct Watching {
    /// What is told, until the watch ends.
    pub notices: mpsc::Receiver<Notice>,
    /// Why it ended.
    pub end: oneshot::Receiver<Error>,
}

/// How long a page may take a watcher.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a watcher hears that all is well, if nothing else.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often the key is looked at, and at most how long it is of use after its end.
const KEY_CHECK: Duration = Duration::from_secs(1);
/// How long a database that cannot say whether a key still works is waited for.
const TRUST: Duration = Duration::from_secs(10);
/// How many notices wait for a watcher, beside what its connection holds.
const ROOM: usize = 16;
/// How many events or rows are read at once for one watcher.
const PAGE: u32 = 100;
/// How many may watch at an instance.
pub(super) const WATCHERS: usize = 10_000;
/// How many of them may read for themselves at a time: lists use the same connections.
pub(super) const READERS: usize = 1;

impl App {
    /// Watches the log of a domain that the key covers. It goes on in a task of its own until its receiver is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`Ends::admit`](crate::domain::Ends::admit); [`Error::Overloaded`] where too many watch.
    pub async fn watch(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        start: WatchStart,
        types: Vec<EventType>,
    ) -> Result<Watching> {
        let domain = self.domain_for(caller, domain).await?.id;
        let place = Arc::clone(&self.0.watchers).try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let ends = self.ends(domain).await?;
        let cursor = match start {
            WatchStart::After(after) => after,
            WatchStart::Earliest => ends.first - 1,
            WatchStart::Latest | WatchStart::Snapshot => ends.last,
        };
        ends.admit(cursor)?;
        let (tell, notices) = mpsc::channel(ROOM);
        let (ended, end) = oneshot::channel();
        let filter = EventFilter { types, customer: None };
        let gone = tell.clone();
        let (app, caller, now) = (self.clone(), caller.clone(), Instant::now());
        let mut watcher =
            Watcher { app, caller, domain, filter, cursor, tell, heard: now, admitted: now, until: now };
        tokio::spawn(async move {
            let watchers = metrics::gauge!("purser_watchers");
            watchers.increment(1);
            tokio::select! {
                Err(error) = watcher.run(start == WatchStart::Snapshot) => drop(ended.send(error)),
                () = gone.closed() => {}
            }
            watchers.decrement(1);
            drop(place);
        });
        Ok(Watching { notices, end })
    }
}

struct Watcher {
    app: App,
    caller: Caller,
    domain: DomainId,
    filter: EventFilter,
    /// The last event that was told or passed over.
    cursor: i64,
    tell: mpsc::Sender<Notice>,
    /// When it was last told anything.
    heard: Instant,
    /// When its key was last seen to work.
    admitted: Instant,
    /// Until when it has to take the page that it is told.
    until: Instant,
}

impl Watcher {
    /// Goes on until it fails, or is dropped as nobody listens any more.
    async fn run(&mut self, snapshot: bool) -> Result<Infallible> {
        if snapshot {
            self.snapshot().await?;
        }
        loop {
            // Followed before it is read: nothing lies between the two.
            let (pages, end) = self.app.pages(self.domain);
            self.catch_up().await?;
            self.follow(pages, end).await?;
        }
    }

    /// Tells the rows as they are. Those that change meanwhile are left to their events, all of which are told then.
    async fn snapshot(&mut self) -> Result<()> {
        let domain = self.app.domain_at(self.domain, self.cursor).await?;
        let asked = std::mem::take(&mut self.filter.types);
        let of = |tables: &[Table]| asked.is_empty() || asked.iter().any(|it| tables.contains(&it.table()));
        let mut types = asked.clone();
        for (table, tables) in [
            (Table::Customers, &[Table::Customers][..]),
            (Table::Wallets, &[Table::Wallets, Table::Addresses]),
        ] {
            if of(tables) {
                self.rows(table, &domain).await?;
                types.extend(EventType::ALL.iter().filter(|it| tables.contains(&it.table())));
            }
        }
        self.filter.types = if asked.is_empty() { asked } else { types };
        self.begin_page().await?;
        self.tell(Notice::SnapshotEnd(self.cursor)).await
    }

    async fn rows(&mut self, table: Table, domain: &Arc<Domain>) -> Result<()> {
        let (id, cursor, mut after) = (self.domain, self.cursor, None);
        loop {
            let turn = self.turn().await?;
            let rows = self.app.task(move |store| async move { store.rows_of(table, id, after, PAGE).await });
            let rows = rows.await?;
            drop(turn);
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some((last.create_us(), last.id()));
            self.begin_page().await?;
            for row in rows.into_iter().filter(|it| it.sequence() <= cursor) {
                let notice = match row {
                    Resource::Customer(customer) => {
                        Notice::Customer(Box::new(Member { customer, domain: Arc::clone(domain) }))
                    }
                    Resource::Wallet(wallet) => Notice::Wallet(Box::new(wallet)),
                    _ => continue,
                };
                self.tell(notice).await?;
            }
        }
    }

    /// Tells what has happened, read for this watcher alone.
    async fn catch_up(&mut self) -> Result<()> {
        loop {
            let turn = self.turn().await?;
            let page = self.app.events_after(self.domain, self.cursor, &self.filter, PAGE).await?;
            drop(turn);
            self.begin_page().await?;
            for event in page.events {
                self.tell(Notice::Happened(Arc::new(event))).await?;
            }
            self.cursor = page.through;
            self.may_beat().await?;
            if self.cursor >= page.last {
                return Ok(());
            }
        }
    }

    /// Waits to read.
    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.app.0.readers).acquire_owned().await.map_err(Error::internal)
    }

    /// Tells what happens, as it is read for everybody. Comes back where that has passed this watcher by.
    async fn follow(
        &mut self,
        mut pages: broadcast::Receiver<Result<Page>>,
        mut end: watch::Receiver<i64>,
    ) -> Result<()> {
        let mut tick = interval(KEY_CHECK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let cursor = self.cursor;
            tokio::select! {
                biased;
                page = pages.recv() => match page {
                    Ok(page) => {
                        self.begin_page().await?;
                        if !self.page(&page?).await? {
                            return Ok(());
                        }
                    }
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return Ok(()),
                },
                // Pages are sent before it moves: what lies before it and waits in none was read before this watcher came.
                () = moved(&mut end, cursor) => return Ok(()),
                _ = tick.tick() => {
                    self.begin_page().await?;
                    self.may_beat().await?;
                }
            }
        }
    }

    /// Tells a page that everybody gets; false if it does not follow on what was told.
    async fn page(&mut self, page: &Page) -> Result<bool> {
        for it in page.iter() {
            let header = &it.event.header;
            if header.sequence <= self.cursor {
                continue;
            }
            if header.sequence > self.cursor + 1 {
                return Ok(false);
            }
            if self.filter.wants(header) {
                self.tell(Notice::Happened(Arc::clone(it))).await?;
            }
            self.cursor = header.sequence;
        }
        Ok(true)
    }

    /// Looks at the key, and begins to measure how long what follows is in being taken.
    async fn begin_page(&mut self) -> Result<()> {
        match self.app.still_admits(&self.caller).await {
            Ok(()) => self.admitted = Instant::now(),
            Err(Error::DatabaseUnavailable(_) | Error::Overloaded) if self.admitted.elapsed() < TRUST => {}
            Err(error) => return Err(error),
        }
        self.until = Instant::now() + PATIENCE;
        Ok(())
    }

    async fn tell(&mut self, notice: Notice) -> Result<()> {
        let told = timeout_at(self.until, self.tell.send(notice)).await;
        self.heard = Instant::now();
        // Whoever has gone is noticed elsewhere.
        told.map(drop).map_err(|_| Error::SlowWatcher)
    }

    /// Says how far it has come, where nothing else was said for a while.
    async fn may_beat(&mut self) -> Result<()> {
        if self.heard.elapsed() < HEARTBEAT {
            Ok(())
        } else {
            self.tell(Notice::Heartbeat(self.cursor)).await
        }
    }
}

/// Waits until a log is known to go beyond a place, or is read no more.
async fn moved(end: &mut watch::Receiver<i64>, past: i64) {
    let _ = end.wait_for(|it| *it > past).await;
}
