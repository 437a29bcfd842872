//! One endpoint, and everything that it is to be told.
//!
//! The courier reads on in the domain's log, notes what is to be delivered and how far it has come in one transaction,
//! attempts it, and notes what became of it. What happens in between is attempted again: at least once.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use super::send::{self, Client};
use super::{Webhooks, format};
use crate::app::{Follower, Happening, Signing, pending};
use crate::clock;
use crate::domain::{
    AttemptEnd, CustomerId, Delivery, DeliveryFault, DomainId, Due, Error, EventType, Result, WebhookEndpoint,
    WebhookEndpointId,
};
use crate::store::Enabled;

/// How many attempts are under way at once.
const AT_ONCE: usize = 64;
/// How many of them may be of deliveries that failed before, so that those do not take the places of all others.
const AGAIN_AT_ONCE: usize = 32;
/// How many deliveries wait in memory for their first turn.
const WAITING: usize = 512;
/// How many events are read at once.
const PAGE: u32 = 256;
/// How far the cursor may stay behind where nothing was to be delivered.
const LAG: i64 = 1_000;
/// How much of a lease must be left for an attempt to begin: as long as it takes, and some more.
const MARGIN: Duration = Duration::from_secs(20);
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

/// A delivery, and the event if it is known already.
#[derive(Debug)]
struct Item {
    delivery: Delivery,
    happening: Option<Happening>,
}

/// How an attempt came out; none where it was not begun.
type Attempted = (Delivery, Option<AttemptEnd>);

/// What was read of the log.
struct Read {
    items: Vec<Item>,
    /// How far the log was read, and whether that was noted.
    through: i64,
    noted: bool,
    has_lease: bool,
}

struct Courier {
    webhooks: Webhooks,
    id: WebhookEndpointId,
    domain: DomainId,
    holder: Uuid,
    orders: watch::Receiver<Orders>,
    target: Arc<Target>,
    client: Client,
    follower: Follower,
    /// How far the log has been read, and how far of that is noted.
    after: i64,
    noted: i64,
    /// First attempts that wait for their turn.
    waiting: VecDeque<Item>,
    /// What failed before and is due again.
    again: VecDeque<Item>,
    again_under_way: usize,
    /// Customers of whom a first attempt is under way.
    busy: HashSet<CustomerId>,
    attempts: JoinSet<Attempted>,
    /// Deliveries that are taken up, until what became of them is noted.
    taken_up: HashSet<i64>,
    ended: Vec<Delivery>,
    recording: Option<JoinHandle<Vec<i64>>>,
    reading: Option<JoinHandle<Result<Read>>>,
    /// The receiver has said that it is gone.
    is_gone: bool,
    /// The endpoint has changed and could not be read.
    is_stale: bool,
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
        let Some((endpoint, secrets)) = app.webhook_to_serve(of.id).await? else { return Ok(None) };
        let mut waiting = VecDeque::new();
        // What was noted and not attempted before a crash, or another instance's end.
        loop {
            let last = waiting.back().map_or(0, |it: &Item| it.delivery.sequence);
            let page = app.store().deliveries_in_turn(of.id, last, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            waiting.extend(page.into_iter().map(|delivery| Item { delivery, happening: None }));
            if is_last {
                break;
            }
        }
        let client = send::client(send::tls()?, webhooks.0.guard.clone(), AT_ONCE);
        let follower = app.follow(of.domain);
        Ok(Some(Self {
            id: of.id,
            domain: of.domain,
            holder,
            orders,
            target: Arc::new(Target { endpoint, secrets }),
            client,
            follower,
            after,
            noted: after,
            waiting,
            again: VecDeque::new(),
            again_under_way: 0,
            busy: HashSet::new(),
            attempts: JoinSet::new(),
            taken_up: HashSet::new(),
            ended: Vec::new(),
            recording: None,
            reading: None,
            is_gone: false,
            is_stale: false,
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
            let may_read = !stopping && self.reading.is_none() && self.waiting.len() < WAITING / 2;
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
                    let noted: HashSet<_> = done.unwrap_or_default().into_iter().collect();
                    self.taken_up.retain(|it| !noted.contains(it));
                }
                done = ended(&mut self.reading) => {
                    self.reading = None;
                    if !self.take_in(done).await {
                        return;
                    }
                }
                () = self.follower.moved(self.after), if may_read => {
                    self.reading = Some(tokio::spawn(self.read()));
                }
                changed = self.orders.changed(), if !stopping => {
                    if changed.is_ok() && !self.obey().await {
                        return;
                    }
                }
                () = tokio::time::sleep(PAUSE), if self.is_stale && !stopping => {
                    if !self.reload().await {
                        return;
                    }
                }
            }
        }
        if self.noted < self.after {
            let _ = self.webhooks.0.app.store().move_webhook(self.holder, self.id, self.after).await;
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
        sequence == self.target.endpoint.sequence || self.reload().await
    }

    /// Reads the endpoint as it is now; false where it is gone.
    async fn reload(&mut self) -> bool {
        match self.webhooks.0.app.webhook_to_serve(self.id).await {
            Ok(Some((endpoint, secrets))) => {
                self.is_gone = self.is_gone && !endpoint.enabled;
                self.target = Arc::new(Target { endpoint, secrets });
                self.is_stale = false;
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(endpoint = %self.id, %error, "an endpoint was not read");
                self.is_stale = true;
                true
            }
        }
    }

    /// Loads what is due again.
    async fn load_due(&mut self) {
        if self.again.len() >= AGAIN_AT_ONCE {
            return;
        }
        let limit = u32::try_from(self.taken_up.len() + AT_ONCE).unwrap_or(u32::MAX);
        let store = self.webhooks.0.app.store();
        match store.deliveries_due(self.id, clock::now_us(), limit).await {
            Ok(due) => {
                for delivery in due {
                    if self.taken_up.insert(delivery.sequence) {
                        self.again.push_back(Item { delivery, happening: None });
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "what is due again was not read"),
        }
    }

    /// Begins as many attempts as there are places for.
    fn start(&mut self) {
        while self.attempts.len() < AT_ONCE && !self.is_gone && self.ended.len() < WAITING {
            if self.again_under_way < AGAIN_AT_ONCE
                && let Some(item) = self.again.pop_front()
            {
                self.again_under_way += 1;
                self.attempt(item);
                continue;
            }
            let is_free = |it: &Item| it.delivery.customer_id.is_none_or(|it| !self.busy.contains(&it));
            let Some(at) = self.waiting.iter().position(is_free) else { return };
            let Some(item) = self.waiting.remove(at) else { return };
            self.busy.extend(item.delivery.customer_id);
            self.taken_up.insert(item.delivery.sequence);
            self.attempt(item);
        }
    }

    fn attempt(&mut self, item: Item) {
        let (webhooks, domain, client) = (self.webhooks.clone(), self.domain, self.client.clone());
        let (target, orders) = (Arc::clone(&self.target), self.orders.clone());
        self.attempts.spawn(async move {
            let Item { delivery, happening } = item;
            let end = attempt(&webhooks, domain, &client, &target, orders, &delivery, happening).await;
            (delivery, end)
        });
    }

    /// Takes in how an attempt came out; false where it has met a bug that panicked.
    fn finished(&mut self, done: Result<Attempted, tokio::task::JoinError>) -> bool {
        let Ok((delivery, end)) = done else {
            // What it was about stays pending, for whoever takes the endpoint up next.
            tracing::error!(endpoint = %self.id, "an attempt has panicked");
            return false;
        };
        if delivery.due == Some(Due::InTurn) {
            if let Some(customer) = delivery.customer_id {
                self.busy.remove(&customer);
            }
        } else {
            self.again_under_way -= 1;
        }
        let Some(end) = end else {
            self.taken_up.remove(&delivery.sequence);
            return true;
        };
        let outcome = end.fault.map_or("DELIVERED", DeliveryFault::as_str);
        metrics::counter!("purser_webhook_attempts_total", "outcome" => outcome).increment(1);
        if end.is_gone() && !self.is_gone {
            self.is_gone = true;
            tokio::spawn(disable(self.webhooks.clone(), self.id));
        }
        let [jitter] = clock::random();
        self.ended.push(delivery.after(end, clock::now_us(), jitter));
        true
    }

    /// Notes what became of attempts: all that ended since it was last noted, together.
    fn record(&mut self) {
        if self.recording.is_some() || self.ended.is_empty() {
            return;
        }
        let (store, holder) = (self.webhooks.0.app.store().clone(), self.holder);
        let ended = std::mem::take(&mut self.ended);
        let orders = self.orders.clone();
        self.recording = Some(tokio::spawn(async move {
            // For as long as it takes, but not once the endpoint may be somebody else's.
            while let Err(error) = store.record_deliveries(holder, &ended).await {
                tracing::debug!(%error, "what became of deliveries was not noted");
                if orders.borrow().lease_until < Instant::now() && orders.borrow().stop {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            ended.into_iter().map(|it| it.sequence).collect()
        }));
    }

    /// Reads on in the log, and notes what is to be delivered.
    fn read(&self) -> impl Future<Output = Result<Read>> + Send + 'static {
        let (webhooks, target) = (self.webhooks.clone(), Arc::clone(&self.target));
        let (id, domain, holder, after, noted) = (self.id, self.domain, self.holder, self.after, self.noted);
        async move {
            let app = &webhooks.0.app;
            let types = wanted(&target.endpoint);
            let found = match app.happened_after(domain, after, types, PAGE).await {
                Err(Error::EventsExpired { earliest }) => {
                    tracing::warn!(endpoint = %id, earliest, "events were removed before they were delivered");
                    app.happened_after(domain, earliest - 1, wanted(&target.endpoint), PAGE).await?
                }
                found => found?,
            };
            let through = found.through;
            let items = found.events.into_iter().filter(|it| target.endpoint.wants(it.event.header.kind.as_str()));
            let items: Vec<_> = items
                .map(|it| Item { delivery: pending(&target.endpoint, &it, Due::InTurn), happening: Some(it) })
                .collect();
            if items.is_empty() && through - noted < LAG {
                return Ok(Read { items, through, noted: false, has_lease: true });
            }
            let deliveries: Vec<_> = items.iter().map(|it| it.delivery.clone()).collect();
            let has_lease = app.store().take_deliveries(holder, id, through, &deliveries).await?;
            Ok(Read { items, through, noted: true, has_lease })
        }
    }

    /// Takes in what was read; false where the lease is lost.
    async fn take_in(&mut self, done: Option<Result<Read>>) -> bool {
        match done {
            Some(Ok(read)) if read.has_lease => {
                if read.through <= self.after {
                    // Whoever tells where the log ends has ended with an error.
                    self.follower = self.webhooks.0.app.follow(self.domain);
                }
                self.after = read.through;
                if read.noted {
                    self.noted = read.through;
                }
                self.waiting.extend(read.items);
                true
            }
            Some(Ok(_)) => {
                tracing::warn!(endpoint = %self.id, "the lease is somebody else's by now");
                false
            }
            failed => {
                // Of what it holds nothing may be logged: only how it failed.
                let error = failed.and_then(Result::err).map_or_else(String::new, |it| it.to_string());
                tracing::debug!(endpoint = %self.id, error, "the log was not read");
                tokio::time::sleep(PAUSE).await;
                self.follower = self.webhooks.0.app.follow(self.domain);
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

/// The types to ask the log for; none says all.
fn wanted(endpoint: &WebhookEndpoint) -> Vec<EventType> {
    let types: Vec<_> = EventType::ALL.iter().copied().filter(|it| endpoint.wants(it.as_str())).collect();
    if types.len() == EventType::ALL.len() { Vec::new() } else { types }
}

/// Attempts one delivery, once there is enough of the lease left and the event has been read.
async fn attempt(
    webhooks: &Webhooks,
    domain: DomainId,
    client: &Client,
    target: &Target,
    mut orders: watch::Receiver<Orders>,
    delivery: &Delivery,
    happening: Option<Happening>,
) -> Option<AttemptEnd> {
    let happening = match happening {
        Some(it) => it,
        None => loop {
            match webhooks.0.app.happening_at(domain, delivery.sequence).await {
                Ok(Some(it)) => break it,
                Ok(None) => return Some(AttemptEnd::failed(DeliveryFault::EventGone)),
                Err(_) if orders.borrow().stop => return None,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        },
    };
    let message = match format::of_event(target.endpoint.format, &happening, webhooks.0.render) {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(endpoint = %target.endpoint.id, sequence = delivery.sequence, ?error, "no form");
            return Some(AttemptEnd::failed(DeliveryFault::EventGone));
        }
    };
    may_begin(&mut orders).await.then_some(())?;
    Some(send::attempt(client, &target.endpoint, &target.secrets, message).await)
}

/// Waits until enough of the lease is left; false once the courier is to stop.
async fn may_begin(orders: &mut watch::Receiver<Orders>) -> bool {
    let enough = |it: &Orders| it.stop || it.lease_until >= Instant::now() + MARGIN;
    orders.wait_for(enough).await.is_ok_and(|it| !it.stop)
}

/// Disables an endpoint whose receiver is gone, as soon as the database lets it.
async fn disable(webhooks: Webhooks, id: WebhookEndpointId) {
    while let Err(error) = webhooks.0.app.webhook_is_gone(id).await {
        if matches!(error, Error::NotFound(_)) {
            return;
        }
        tracing::warn!(endpoint = %id, %error, "a receiver is gone, and its endpoint is not disabled yet");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    webhooks.0.changed.notify_one();
}
