//! What a courier learns: what has happened, and what is due again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{AGAIN_AT_ONCE, AT_ONCE, Courier, PAUSE};
use crate::app::{Happening, pending};
use crate::clock;
use crate::domain::{Delivery, Due, Error, EventType, Result, WebhookEndpoint};

/// How many events are read at once.
pub(super) const PAGE: u32 = 256;
/// How far the cursor may stay behind where nothing was to be delivered.
const LAG: i64 = 1_000;

/// How long an event that was read is good for, and how many are kept for that time: what is sent is what is kept.
pub(super) const FRESH: Duration = Duration::from_secs(1);
const MOST_FRESH: usize = 64;

/// Events that have just been read.
#[derive(Debug)]
pub(super) struct FreshEvents {
    pub(super) since: Instant,
    pub(super) events: HashMap<i64, Happening>,
}

impl FreshEvents {
    pub(super) fn new(events: HashMap<i64, Happening>) -> Self {
        Self { since: Instant::now(), events }
    }

    pub(super) fn take(&mut self, sequence: i64) -> Option<(Instant, Happening)> {
        Some((self.since, self.events.remove(&sequence)?))
    }
}

/// What came of reading the log.
pub(super) enum Read {
    /// The endpoint is not as it was by then: what was read is read again as it is now.
    Changed,
    /// The lease is lost, or somebody else has moved on.
    Lost,
    /// What was read.
    Found(Found),
}

/// What was read of the log.
pub(super) struct Found {
    deliveries: Vec<Delivery>,
    /// The first of the events that are delivered.
    fresh: FreshEvents,
    /// How far the log was read, and whether that was noted.
    through: i64,
    noted: bool,
}

impl Courier {
    /// Loads what is due again.
    pub(super) async fn load_due(&mut self) {
        if self.again.len() >= AGAIN_AT_ONCE {
            return;
        }
        let limit = self.taken_up.len() + AT_ONCE;
        let store = self.webhooks.0.app.store();
        let Ok(_place) = self.webhooks.0.reads.acquire().await else { return };
        match store.deliveries_due(self.id, clock::now_us(), u32::try_from(limit).unwrap_or(u32::MAX)).await {
            Ok(due) => {
                self.more_is_due = due.len() >= limit;
                for delivery in due {
                    if self.taken_up.insert(delivery.sequence) {
                        self.again.push_back(delivery);
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "what is due again was not read"),
        }
    }

    /// Reads on in the log, and notes what is to be delivered; nothing while the endpoint is not known.
    pub(super) fn read(&self) -> Option<impl Future<Output = Result<Read>> + Send + use<>> {
        let (webhooks, target) = (self.webhooks.clone(), self.target.borrow().clone()?);
        let (id, domain, holder, after, noted) = (self.id, self.domain, self.holder, self.after, self.noted);
        let lag = if self.must_note { 0 } else { LAG };
        Some(async move {
            let (app, endpoint) = (&webhooks.0.app, &target.endpoint);
            let place = webhooks.0.reads.acquire().await.map_err(Error::internal)?;
            let found = match app.happened_after(domain, after, wanted(endpoint), PAGE).await {
                Err(Error::EventsExpired { earliest }) => {
                    tracing::warn!(endpoint = %id, earliest, "events were removed before they were delivered");
                    app.happened_after(domain, earliest - 1, wanted(endpoint), PAGE).await?
                }
                found => found?,
            };
            drop(place);
            // Looked up after the log was read: whatever it was changed by until then is seen.
            if app.webhook(id).await?.is_none_or(|it| it.sequence != endpoint.sequence) {
                return Ok(Read::Changed);
            }
            let through = found.through;
            let mut happened = found.events;
            happened.retain(|it| endpoint.wants(it.event.header.kind.as_str()));
            let deliveries: Vec<_> = happened.iter().map(|it| pending(endpoint, it, Due::InTurn)).collect();
            happened.truncate(MOST_FRESH);
            let events: HashMap<_, _> =
                happened.into_iter().map(|it| (it.event.header.sequence, it)).collect();
            let found = Found { deliveries, fresh: FreshEvents::new(events), through, noted: false };
            if found.deliveries.is_empty() && through - noted < lag {
                return Ok(Read::Found(found));
            }
            let cursor = (noted, through);
            let is_ours = app.store().take_deliveries(holder, id, cursor, &found.deliveries).await?;
            Ok(if is_ours { Read::Found(Found { noted: true, ..found }) } else { Read::Lost })
        })
    }

    /// Takes in what was read; false where the courier is to end.
    pub(super) async fn take_in(&mut self, done: Option<Result<Read>>) -> bool {
        match done {
            Some(Ok(Read::Found(found))) => {
                if found.through <= self.after {
                    // Whoever tells where the log ends has ended with an error.
                    self.follower = self.webhooks.0.app.follow(self.domain);
                }
                self.after = found.through;
                if found.noted {
                    self.noted = found.through;
                    self.must_note = false;
                }
                if !found.deliveries.is_empty() {
                    self.waiting.extend(found.deliveries);
                    self.fresh = found.fresh;
                }
                true
            }
            Some(Ok(Read::Changed)) => self.reload().await,
            Some(Ok(Read::Lost)) => {
                tracing::warn!(endpoint = %self.id, "the lease is somebody else's by now");
                false
            }
            Some(Err(Error::SequenceAhead { last })) => {
                // A database that came back without its last writes: what is known of it here is not true any more.
                tracing::warn!(endpoint = %self.id, last, "the log ends before what was read of it");
                tokio::time::sleep(PAUSE).await;
                false
            }
            Some(Err(error @ Error::Internal(_))) => {
                tracing::warn!(endpoint = %self.id, %error, "the log cannot be read, and its endpoint waits");
                tokio::time::sleep(PAUSE * 10).await;
                true
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

/// The types to ask the log for; none says all.
fn wanted(endpoint: &WebhookEndpoint) -> Vec<EventType> {
    let types: Vec<_> = EventType::ALL.iter().copied().filter(|it| endpoint.wants(it.as_str())).collect();
    if types.len() == EventType::ALL.len() { Vec::new() } else { types }
}
