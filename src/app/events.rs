//! What is asked of the log.

use std::sync::Arc;

use super::App;
use crate::clock;
use crate::domain::{
    Alias, Caller, Customer, CustomerId, CustomerStatus, Domain, DomainId, Ends, Error, Event, EventFilter,
    EventType, Member, Noun, Result,
};

/// An event, and its domain as it was then: by that a customer can receive or not.
#[derive(Clone, Debug)]
pub struct Happening {
    /// The event.
    pub event: Event,
    /// The domain whose log it is in.
    pub domain: Arc<Domain>,
}

/// A page of a log.
#[derive(Debug)]
pub struct Events {
    /// The events, oldest first.
    pub events: Vec<Happening>,
    /// Everything that was asked for up to here is among them.
    pub through: i64,
    /// Where the log ends.
    pub last: i64,
}

/// Which customer, as of then.
#[derive(Clone, Debug)]
pub enum PastKey {
    /// By id.
    Id(CustomerId),
    /// Whoever had it then.
    PaymentAddress(Alias),
}

/// When.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// At a time, in microseconds since 1970.
    TimeUs(i64),
    /// At a place in the log.
    Sequence(i64),
}

/// How much of a log one call looks at.
const WINDOW: i64 = 10_000;

impl App {
    /// Reads events after a place in the log of a domain that the key covers.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`Ends::admit`].
    pub async fn list_events(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        after: i64,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Events> {
        let domain = self.domain_for(caller, domain).await?.id;
        self.events_after(domain, after, filter, limit).await
    }

    /// The ends of a domain's log.
    pub(super) async fn ends(&self, domain: DomainId) -> Result<Ends> {
        let ends = self.0.log_ends.get(domain.into()).await?;
        ends.ok_or_else(|| Error::internal("no answer for a log"))
    }

    /// Reads on from a place, no further than a call may.
    pub(super) async fn events_after(
        &self,
        domain: DomainId,
        after: i64,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Events> {
        let ends = self.ends(domain).await?;
        ends.admit(after)?;
        // By customer there is an index: it goes by no window.
        let window = if filter.customer.is_some() { ends.last } else { after.saturating_add(WINDOW) };
        let through = window.min(ends.last);
        let events = if after < through {
            self.happenings(domain, (after, through), filter, limit).await?
        } else {
            Vec::new()
        };
        // Where a page is full, there may be more behind it.
        let is_full = events.len() >= limit as usize;
        let through = events.last().filter(|_| is_full).map_or(through, |it| it.event.header.sequence);
        Ok(Events { events, through, last: ends.last })
    }

    /// Events between two places.
    async fn happenings(
        &self,
        domain: DomainId,
        (after, through): (i64, i64),
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<Happening>> {
        let asked = filter.clone();
        let events =
            self.task(move |store| async move {
                store.events(domain.into(), (after, through), &asked, limit).await
            })
            .await?;
        self.happened(domain, after, events).await
    }

    /// What has just happened between two places.
    pub(super) async fn just_happened(
        &self,
        domain: DomainId,
        (after, through): (i64, i64),
        limit: u32,
    ) -> Result<Vec<Happening>> {
        let events = self
            .task(move |store| async move { store.new_events(domain.into(), (after, through), limit).await })
            .await?;
        self.happened(domain, after, events).await
    }

    /// Events that were read after a place, each with the domain as it was. Nothing was removed before they were read.
    async fn happened(&self, domain: DomainId, after: i64, events: Vec<Event>) -> Result<Vec<Happening>> {
        self.ends(domain).await?.admit(after)?;
        // Backwards, from version to version of the domain: mostly there is one.
        let mut happenings = Vec::with_capacity(events.len());
        let mut then: Option<Arc<Domain>> = None;
        for event in events.into_iter().rev() {
            let sequence = event.header.sequence;
            let domain = match then.take() {
                Some(it) if it.sequence <= sequence => it,
                _ => self.domain_at(domain, sequence).await?,
            };
            happenings.push(Happening { event, domain: Arc::clone(then.insert(domain)) });
        }
        happenings.reverse();
        Ok(happenings)
    }

    /// A domain as it was at a place in its log.
    pub(super) async fn domain_at(&self, id: DomainId, sequence: i64) -> Result<Arc<Domain>> {
        // Not from what may be a second old: it may have changed since.
        let now = self.0.domains_by_id.get(id.as_uuid()).await?;
        if let Some(now) = now.filter(|it| it.sequence <= sequence) {
            return Ok(Arc::new(now));
        }
        self.task(move |store| async move { store.domain_as_of(id, sequence).await }).await.map(Arc::new)
    }

    /// What a customer was, and the place in the log that was looked at.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the key does not cover them or there was none then; as [`Ends::admit`].
    pub async fn get_customer_as_of(
        &self,
        caller: &Caller,
        key: &PastKey,
        moment: Moment,
    ) -> Result<(Member, i64)> {
        const MISSING: Error = Error::NotFound(Noun::Customer);
        match key {
            PastKey::Id(id) => {
                let now = self.0.customers_by_id.get(id.as_uuid()).await?.ok_or(MISSING)?;
                let now = self.covered(caller, now).await?;
                let sequence = self.place(now.domain.id, moment).await?;
                Ok((self.member_at(now.customer, sequence).await?, sequence))
            }
            PastKey::PaymentAddress(alias) => {
                let domain = self.domain_named(alias.domain()).await?.ok_or(MISSING)?;
                if !caller.reach.covers(&domain) {
                    return Err(MISSING);
                }
                let sequence = self.place(domain.id, moment).await?;
                let (id, identifier) = (domain.id, alias.identifier().to_owned());
                let owners = self
                    .task(move |store| async move { store.owners_of_alias(id, &identifier).await })
                    .await?;
                let owners = owners.iter().map(|it| it.as_uuid()).collect();
                for now in self.0.customers_by_id.get_many(owners).await? {
                    let Some(now) = now? else { continue };
                    match self.member_at(now, sequence).await {
                        Ok(then) if then.customer.status != CustomerStatus::Deleted => {
                            return Ok((then, sequence));
                        }
                        Ok(_) | Err(Error::NotFound(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(MISSING)
            }
        }
    }

    /// Where the log of a domain was at a moment.
    async fn place(&self, domain: DomainId, moment: Moment) -> Result<i64> {
        let ends = self.ends(domain).await?;
        let sequence = match moment {
            Moment::Sequence(sequence) => sequence,
            Moment::TimeUs(time_us) if time_us > clock::now_us() => {
                return Err(Error::invalid("time", "must not be after now"));
            }
            Moment::TimeUs(time_us) => {
                let range = (ends.first - 1, ends.last);
                self.task(move |store| async move { store.sequence_at(domain.into(), range, time_us).await })
                    .await?
            }
        };
        // What was at the place before the earliest event is told by no event that is kept.
        if sequence > 0 && sequence < ends.first && ends.first > 1 {
            return Err(Error::EventsExpired { earliest: ends.first });
        }
        ends.admit(sequence)?;
        Ok(sequence)
    }

    /// What a customer, who is now as said, was at a place in the log.
    async fn member_at(&self, now: Customer, sequence: i64) -> Result<Member> {
        let (id, domain_id) = (now.id, now.domain_id);
        let then = if now.sequence <= sequence {
            now
        } else {
            let (event, next) = self
                .task(move |store| async move {
                    store.customer_events_around(id, domain_id.into(), sequence).await
                })
                .await?;
            match event {
                // Erased since: what is left of them now is all there is.
                Some(Event { payload: None, .. }) => now,
                Some(Event { payload: Some(then), .. }) => then.try_into()?,
                None if next.is_some_and(|it| it.header.kind == EventType::CustomerCreated) => {
                    return Err(Error::NotFound(Noun::Customer));
                }
                // They were there, and what they were was removed.
                None => {
                    let earliest = self.ends(domain_id).await?.first;
                    return Err(Error::EventsExpired { earliest });
                }
            }
        };
        let domain = self.domain_at(domain_id, sequence).await?;
        Ok(Member { customer: then, domain })
    }
}
