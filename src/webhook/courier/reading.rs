//! What a courier learns: what has happened, and what is due again.

use std::sync::Arc;

use super::{AGAIN_AT_ONCE, AT_ONCE, Courier, Item, PAUSE};
use crate::app::pending;
use crate::clock;
use crate::domain::{Due, Error, EventType, Result, WebhookEndpoint};

/// How many events are read at once.
pub(super) const PAGE: u32 = 256;
/// How far the cursor may stay behind where nothing was to be delivered.
const LAG: i64 = 1_000;

/// What was read of the log.
pub(super) struct Read {
    items: Vec<Item>,
    /// How far the log was read, and whether that was noted.
    through: i64,
    noted: bool,
    has_lease: bool,
}

impl Courier {
    /// Loads what is due again.
    pub(super) async fn load_due(&mut self) {
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

    /// Reads on in the log, and notes what is to be delivered.
    pub(super) fn read(&self) -> impl Future<Output = Result<Read>> + Send + 'static {
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
            let items =
                found.events.into_iter().filter(|it| target.endpoint.wants(it.event.header.kind.as_str()));
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
    pub(super) async fn take_in(&mut self, done: Option<Result<Read>>) -> bool {
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

/// The types to ask the log for; none says all.
fn wanted(endpoint: &WebhookEndpoint) -> Vec<EventType> {
    let types: Vec<_> = EventType::ALL.iter().copied().filter(|it| endpoint.wants(it.as_str())).collect();
    if types.len() == EventType::ALL.len() { Vec::new() } else { types }
}
