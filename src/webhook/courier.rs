//! One endpoint, and everything that it is to be told.
//!
//! The courier reads on in the domain's log, notes what is to be delivered and how far it has come in one transaction,
//! attempts it, and notes what became of it. What happens in between is attempted again: at least once.

mod attempts;
mod reading;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use super::Webhooks;
use super::send::{self, Client};
use crate::app::{Follower, Signing};
use crate::domain::{CustomerId, Delivery, DomainId, Error, Result, WebhookEndpoint, WebhookEndpointId};
use crate::store::Enabled;
use attempts::Attempted;
use reading::{FRESH, FreshEvents, PAGE, Read};

/// How many attempts are under way at once.
const AT_ONCE: usize = 64;
/// How many of them may be of deliveries that failed before, so that those do not take the places of all others.
const AGAIN_AT_ONCE: usize = 32;
/// How many deliveries wait in memory for their first turn.
const WAITING: usize = 512;
/// How long to wait for a database that is lost.
const PAUSE: Duration = Duration::from_millis(500);

/// What the courier is told by whoever shares out the endpoints.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    /// Until when nobody else works for the endpoint.
    pub(super) lease_until: Instant,
    /// The sequence of the last event about the endpoint: another one means that it has changed.
    pub(super) sequence: i64,
    /// Counts how often deliveries were due again.
    pub(super) due: u64,
    /// Attempt nothing more, and end.
    pub(super) stop: bool,
}

/// Works for an endpoint until it is told to stop, or the lease is lost.
pub(super) async fn work(
    webhooks: Webhooks,
    endpoint: Enabled,
    holder: Uuid,
    after: i64,
    orders: watch::Receiver<Orders>,
) {
    let courier = match Courier::begin(webhooks, endpoint, holder, after, orders).await {
        Ok(Some(courier)) => courier,
        // Deleted meanwhile.
        Ok(None) => return,
        Err(error) => {
            tracing::warn!(endpoint = %endpoint.id, ?error, "webhooks of an endpoint cannot be delivered");
            // It is taken up again once the lease has been given back; not at once.
            return tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    courier.run().await;
}

/// An endpoint as it is now, and what speaks to it.
#[derive(Debug)]
struct Target {
    endpoint: WebhookEndpoint,
    secrets: Vec<Signing>,
}

struct Courier {
    webhooks: Webhooks,
    id: WebhookEndpointId,
    domain: DomainId,
    holder: Uuid,
    orders: watch::Receiver<Orders>,
    /// None while the endpoint has changed and could not be read.
    target: watch::Sender<Option<Arc<Target>>>,
    /// The sequence of the endpoint as it was last read.
    sequence: i64,
    client: Client,
    follower: Follower,
    /// How far the log has been read, and how far of that is noted.
    after: i64,
    noted: i64,
    /// The endpoint has changed: how far it has come as it was before is not to be read again as it is now.
    must_note: bool,
    /// First attempts that wait for their turn.
    waiting: VecDeque<Delivery>,
    fresh: FreshEvents,
    /// What failed before and is due again.
    again: VecDeque<Delivery>,
    again_under_way: usize,
    /// There is more that is due than was loaded.
    more_is_due: bool,
    /// Customers of whom a first attempt is under way.
    busy: HashSet<CustomerId>,
    attempts: JoinSet<Attempted>,
    /// Deliveries that are taken up, until what became of them is noted.
    taken_up: HashSet<i64>,
    /// Deliveries as they were taken up, and as they are now.
    ended: Vec<(Delivery, Delivery)>,
    recording: Option<JoinHandle<Vec<i64>>>,
    reading: Option<JoinHandle<Result<Read>>>,
    /// The receiver has said that it is gone.
    is_gone: bool,
    due_seen: u64,
}

impl Courier {
    async fn begin(
        webhooks: Webhooks,
        of: Enabled,
        holder: Uuid,
        after: i64,
        orders: watch::Receiver<Orders>,
    ) -> Result<Option<Self>> {
        let app = &webhooks.0.app;
        let place = webhooks.0.reads.acquire().await.map_err(Error::internal)?;
        let Some((endpoint, secrets)) = app.webhook_to_serve(of.id).await? else { return Ok(None) };
        let mut waiting = VecDeque::new();
        // What was noted and not attempted before a crash, or another instance's end.
        loop {
            let last = waiting.back().map_or(0, |it: &Delivery| it.sequence);
            let page = app.store().deliveries_in_turn(of.id, last, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            waiting.extend(page);
            if is_last {
                break;
            }
        }
        drop(place);
        let client = send::client(&webhooks.0.guard, AT_ONCE)?;
        let follower = app.follow(of.domain);
        Ok(Some(Self {
            id: of.id,
            domain: of.domain,
            holder,
            orders,
            sequence: endpoint.sequence,
            target: watch::Sender::new(Some(Arc::new(Target { endpoint, secrets }))),
            client,
            follower,
            after,
            noted: after,
            must_note: false,
            waiting,
            fresh: FreshEvents::new(HashMap::new()),
            again: VecDeque::new(),
            again_under_way: 0,
            more_is_due: false,
            busy: HashSet::new(),
            attempts: JoinSet::new(),
            taken_up: HashSet::new(),
            ended: Vec::new(),
            recording: None,
            reading: None,
            is_gone: false,
            due_seen: 0,
            webhooks,
        }))
    }

    async fn run(mut self) {
        // What was due before it began.
        self.load_due().await;
        loop {
            let stopping = self.orders.borrow().stop || self.orders.has_changed().is_err();
            if stopping && self.attempts.is_empty() && self.ended.is_empty() && self.recording.is_none() {
                break;
            }
            if !stopping {
                self.start();
            }
            self.record();
            let is_stale = self.target.borrow().is_none();
            // What happens while it is disabled is read once it is enabled.
            let is_enabled = self.target.borrow().as_ref().is_some_and(|it| it.endpoint.enabled);
            let may_read =
                !stopping && is_enabled && self.reading.is_none() && self.waiting.len() < WAITING / 2;
            let fresh_until = self.fresh.since + FRESH;
            tokio::select! {
                Some(done) = self.attempts.join_next() => {
                    let mut is_sound = self.finished(done);
                    while let Some(done) = self.attempts.try_join_next() {
                        is_sound &= self.finished(done);
                    }
                    if !is_sound {
                        return;
                    }
                }
                done = ended(&mut self.recording) => {
                    self.recording = None;
                    let Some(noted) = done else {
                        // Nobody knows what was noted: whoever takes the endpoint up next looks.
                        tracing::error!(endpoint = %self.id, "noting what became of deliveries has panicked");
                        return;
                    };
                    for sequence in noted {
                        self.taken_up.remove(&sequence);
                    }
                    if self.more_is_due && !stopping {
                        self.load_due().await;
                    }
                }
                done = ended(&mut self.reading) => {
                    self.reading = None;
                    if !self.take_in(done).await {
                        return;
                    }
                }
                () = self.follower.moved(self.after), if may_read => {
                    self.reading = self.read().map(tokio::spawn);
                }
                changed = self.orders.changed(), if !stopping => {
                    if changed.is_ok() && !self.obey().await {
                        return;
                    }
                }
                () = tokio::time::sleep(PAUSE), if is_stale && !stopping => {
                    if !self.reload().await {
                        return;
                    }
                }
                () = tokio::time::sleep_until(fresh_until.into()), if !self.fresh.events.is_empty() => {
                    self.fresh.events = HashMap::new();
                }
            }
        }
        if self.noted < self.after {
            let _ = self
                .webhooks
                .0
                .app
                .store()
                .move_webhook(self.holder, self.id, (self.noted, self.after))
                .await;
        }
    }

    /// Does what the orders say that is new; false where the endpoint is gone.
    async fn obey(&mut self) -> bool {
        let (sequence, due) = {
            let orders = self.orders.borrow_and_update();
            (orders.sequence, orders.due)
        };
        if due != self.due_seen {
            self.due_seen = due;
            self.load_due().await;
        }
        sequence == self.sequence || self.reload().await
    }

    /// Reads the endpoint as it is now; false where it is gone.
    async fn reload(&mut self) -> bool {
        match self.webhooks.0.app.webhook_to_serve(self.id).await {
            Ok(Some((endpoint, secrets))) => {
                self.is_gone = self.is_gone && !endpoint.enabled;
                self.sequence = endpoint.sequence;
                self.must_note = true;
                self.target.send_replace(Some(Arc::new(Target { endpoint, secrets })));
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(endpoint = %self.id, %error, "an endpoint was not read");
                self.target.send_replace(None);
                true
            }
        }
    }
}

/// What a task that may not be there has come to; never where it is not there.
async fn ended<T>(task: &mut Option<JoinHandle<T>>) -> Option<T> {
    match task {
        Some(task) => task.await.ok(),
        None => std::future::pending().await,
    }
}
