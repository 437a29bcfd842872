//! Who works for which endpoint: a courier for each that this instance has the lease of.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::Webhooks;
use super::courier::{self, Orders};
use crate::clock;
use crate::domain::{Result, WebhookEndpointId};
use crate::store::Enabled;

/// How long a lease lasts. After a crash another instance takes over within that time.
const SECONDS: u32 = 30;
const LEASE: Duration = Duration::from_secs(30);
/// How often leases are held on to.
const RENEW: Duration = Duration::from_secs(5);
/// How often the database is asked what other instances have changed.
const TICK: Duration = Duration::from_secs(1);
/// How long to wait at least from turn to turn.
const PAUSE: Duration = Duration::from_millis(50);
/// How many endpoints are taken up in a turn, so that not all of a crowd begin at once.
const CLAIM: usize = 100;
/// How often what is pending is counted.
const COUNT: Duration = Duration::from_secs(15);
/// How often old deliveries are forgotten, and how old they get.
const SWEEP: Duration = Duration::from_mins(10);
const KEEP_US: i64 = 30 * 24 * 60 * 60 * 1_000_000;

impl Webhooks {
    /// Delivers until it is told to stop; then it lets attempts end, notes what became of them, and gives its leases back.
    ///
    /// A database that is lost only makes it pause.
    pub async fn deliver(&self, stop: impl Future<Output = ()> + Send) {
        let mut deliverer = Deliverer::new(self.clone());
        tokio::pin!(stop);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = tick.tick() => {}
                () = self.0.changed.notified() => {}
            }
            deliverer.turn().await;
            // However often it is rung, the database is asked twenty times a second.
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        deliverer.end().await;
    }
}

struct Deliverer {
    webhooks: Webhooks,
    /// This instance, as the leases name it.
    holder: Uuid,
    couriers: HashMap<WebhookEndpointId, Courier>,
    renewed: Instant,
    /// Whether the leases of a process that is gone were ended, where that can be known.
    has_inherited: bool,
    counted: Option<Instant>,
    swept: Option<Instant>,
}

/// A task that works for one endpoint.
struct Courier {
    orders: watch::Sender<Orders>,
    task: JoinHandle<()>,
}

impl Deliverer {
    fn new(webhooks: Webhooks) -> Self {
        let holder = clock::new_uuid(clock::now_us());
        Self {
            webhooks,
            holder,
            couriers: HashMap::new(),
            renewed: Instant::now(),
            has_inherited: false,
            counted: None,
            swept: None,
        }
    }

    /// Looks at what there is to do, and sees that it is done.
    async fn turn(&mut self) {
        self.bury().await;
        // What fails fails alone: the others are done all the same.
        let done = [self.renew().await, self.look_around().await, self.remind().await];
        for error in done.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "webhooks wait for the database");
        }
        self.count();
        self.sweep();
    }

    /// Looks at what endpoints there are, and what has become of them.
    async fn look_around(&mut self) -> Result<()> {
        let store = self.webhooks.0.app.store();
        if !self.has_inherited {
            store.release_webhooks_of_the_dead().await?;
            self.has_inherited = true;
        }
        let enabled = store.enabled_webhook_endpoints().await?;
        self.instruct(&enabled);
        self.claim(&enabled).await
    }

    /// Gives back the leases of couriers that have ended.
    async fn bury(&mut self) {
        let ended = self.couriers.iter().filter(|it| it.1.task.is_finished()).map(|it| *it.0);
        let ended: Vec<_> = ended.collect();
        for id in &ended {
            self.couriers.remove(id);
        }
        if !ended.is_empty()
            && self.webhooks.0.app.store().release_webhooks(self.holder, &ended).await.is_err()
        {
            tracing::debug!("leases were not given back, and will run out");
        }
    }

    /// Holds on to the leases, when it is time to. A courier whose lease has run out ends at once, whoever has it by now.
    async fn renew(&mut self) -> Result<()> {
        let asked = Instant::now();
        if self.renewed + RENEW > asked {
            return Ok(());
        }
        let ids: Vec<_> = self.couriers.keys().copied().collect();
        let store = self.webhooks.0.app.store();
        let held: HashSet<_> = store.renew_webhooks(self.holder, &ids, SECONDS).await?.into_iter().collect();
        self.renewed = asked;
        for (id, courier) in &mut self.couriers {
            if held.contains(id) {
                courier.orders.send_modify(|it| it.lease_until = asked + LEASE);
            } else {
                tracing::warn!(endpoint = %id, "the lease has run out");
                courier.task.abort();
            }
        }
        Ok(())
    }

    /// Tells each courier what has become of its endpoint.
    fn instruct(&self, enabled: &[Enabled]) {
        let enabled: HashMap<_, _> = enabled.iter().map(|it| (it.id, it.sequence)).collect();
        for (id, courier) in &self.couriers {
            match enabled.get(id) {
                Some(sequence) => {
                    courier
                        .orders
                        .send_if_modified(|it| std::mem::replace(&mut it.sequence, *sequence) != *sequence);
                }
                None => {
                    courier.orders.send_if_modified(|it| !std::mem::replace(&mut it.stop, true));
                }
            }
        }
    }

    /// Takes up what nobody works for, some of it.
    async fn claim(&mut self, enabled: &[Enabled]) -> Result<()> {
        let asked = Instant::now();
        let free = enabled.iter().filter(|it| it.is_free && !self.couriers.contains_key(&it.id)).take(CLAIM);
        let free: HashMap<_, _> = free.map(|it| (it.id, *it)).collect();
        let ids: Vec<_> = free.keys().copied().collect();
        let store = self.webhooks.0.app.store();
        for (id, after) in store.lease_webhooks(self.holder, &ids, SECONDS).await? {
            let Some(endpoint) = free.get(&id) else { continue };
            let orders =
                Orders { lease_until: asked + LEASE, sequence: endpoint.sequence, due: 0, stop: false };
            let (orders, ordered) = watch::channel(orders);
            let work = courier::work(self.webhooks.clone(), *endpoint, self.holder, after, ordered);
            self.couriers.insert(id, Courier { orders, task: tokio::spawn(work) });
        }
        Ok(())
    }

    /// Tells couriers of deliveries that are due again.
    async fn remind(&self) -> Result<()> {
        let ids: Vec<_> = self.couriers.keys().copied().collect();
        for id in self.webhooks.0.app.store().webhooks_due(&ids, clock::now_us()).await? {
            if let Some(courier) = self.couriers.get(&id) {
                courier.orders.send_modify(|it| it.due += 1);
            }
        }
        Ok(())
    }

    /// Counts what is pending, beside everything else.
    fn count(&mut self) {
        if self.counted.is_some_and(|it| it.elapsed() < COUNT) {
            return;
        }
        self.counted = Some(Instant::now());
        let store = self.webhooks.0.app.store().clone();
        tokio::spawn(async move {
            if let Ok(pending) = store.pending_deliveries().await {
                metrics::gauge!("purser_webhook_deliveries_pending")
                    .set(u32::try_from(pending).unwrap_or(u32::MAX));
            }
        });
    }

    /// Forgets what is old, beside everything else.
    fn sweep(&mut self) {
        if self.swept.is_some_and(|it| it.elapsed() < SWEEP) {
            return;
        }
        self.swept = Some(Instant::now());
        let store = self.webhooks.0.app.store().clone();
        tokio::spawn(async move {
            if let Err(error) = store.forget_deliveries(clock::now_us() - KEEP_US).await {
                tracing::warn!(%error, "old deliveries were not forgotten");
            }
        });
    }

    /// Lets what is under way end, for a while, and gives the leases back.
    async fn end(mut self) {
        const PATIENCE: Duration = Duration::from_secs(2);
        for courier in self.couriers.values() {
            courier.orders.send_modify(|it| it.stop = true);
        }
        let until = Instant::now() + PATIENCE;
        let mut ended = Vec::new();
        for (id, mut courier) in std::mem::take(&mut self.couriers) {
            let left = until.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, &mut courier.task).await.is_ok() {
                ended.push(id);
            } else {
                // Its lease runs out by itself, after whatever it had sent has been answered.
                courier.task.abort();
            }
        }
        if let Err(error) = self.webhooks.0.app.store().release_webhooks(self.holder, &ended).await {
            tracing::debug!(%error, "leases were not given back, and will run out");
        }
    }
}
