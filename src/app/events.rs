//! What is asked of the log.

use std::sync::Arc;

use super::App;
use crate::clock;
use crate::domain::{
    Alias, Caller, Customer, CustomerId, CustomerStatus, Domain, DomainId, Ends, Error, Event, EventFilter,
    EventType, Member, Noun, Resource, Result,
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
    pub(super) async fn happenings(
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
            let domain = match (then.take(), &event.payload) {
                (Some(it), _) if it.sequence <= sequence => it,
                (_, Some(Resource::Domain(it))) => Arc::new(it.clone()),
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
        let domain = match key {
            PastKey::Id(id) => {
                let customer = self.0.customers_by_id.get(id.as_uuid()).await?.ok_or(MISSING)?;
                self.covered(caller, customer).await?.domain
            }
            PastKey::PaymentAddress(alias) => {
                let domain = self.domain_named(alias.domain()).await?;
                domain.filter(|it| caller.reach.covers(it)).ok_or(MISSING)?
            }
        };
        let sequence = self.place(domain.id, moment).await?;
        let id = match key {
            PastKey::Id(id) => *id,
            PastKey::PaymentAddress(alias) => {
                let (domain, identifier) = (domain.id, alias.identifier().to_owned());
                let owner = self.task(move |store| async move {
                    store.alias_owner_at(domain, &identifier, sequence).await
                });
                owner.await?.ok_or(MISSING)?
            }
        };
        let then = self.member_at(id, domain.id, sequence).await?;
        let had_it = |alias| then.customer.profile.payment_address.as_ref() == Some(alias);
        let is_who_was_asked_for = match key {
            PastKey::Id(_) => true,
            PastKey::PaymentAddress(alias) => {
                then.customer.status != CustomerStatus::Deleted && had_it(alias)
            }
        };
        if is_who_was_asked_for { Ok((then, sequence)) } else { Err(MISSING) }
    }

    /// Where the log of a domain was at a moment.
    async fn place(&self, domain: DomainId, moment: Moment) -> Result<i64> {
        let ends = self.ends(domain).await?;
        let sequence = match moment {
            Moment::Sequence(sequence) => sequence,
            // Another instance's clock may be ahead of ours.
            Moment::TimeUs(time_us) if time_us > clock::now_us().max(ends.last_us) => {
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

    /// What a customer was at a place in the log.
    async fn member_at(&self, id: CustomerId, domain: DomainId, sequence: i64) -> Result<Member> {
        // Read after the place was: where it has not changed since, it is what it was.
        let now = self.0.customers_by_id.get(id.as_uuid()).await?.ok_or(Error::NotFound(Noun::Customer))?;
        let then = if now.sequence <= sequence { now } else { self.past(now, sequence).await? };
        let domain = self.domain_at(domain, sequence).await?;
        Ok(Member { customer: then, domain })
    }

    /// What a customer who has changed since was at a place in the log.
    async fn past(&self, now: Customer, sequence: i64) -> Result<Customer> {
        let (id, log) = (now.id, now.domain_id.into());
        let event =
            self.task(move |store| async move { store.customer_event_at(id, log, sequence).await }).await?;
        match event {
            Some(Event { payload: Some(then), .. }) => return then.try_into(),
            // Erased since, perhaps since they were read: what is left of them is all there is.
            Some(Event { payload: None, .. }) => {
                let left = self.0.customers_by_id.get(id.as_uuid()).await?;
                return left.ok_or(Error::NotFound(Noun::Customer));
            }
            None => {}
        }
        let next = self.task(move |store| async move { store.customer_event_after(id, log, sequence).await });
        if next.await?.is_some_and(|it| it.header.kind == EventType::CustomerCreated) {
            return Err(Error::NotFound(Noun::Customer));
        }
        // They were there, and what says how was removed.
        Err(Error::EventsExpired { earliest: self.ends(now.domain_id).await?.first })
    }
}
