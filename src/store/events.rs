//! The log, read: from any place on, or what something was at one.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::select::Select;
use super::set::{Set, Type, Value};
use super::{Found, Store};
use crate::domain::{
    CustomerId, Domain, DomainId, Ends, Error, Event, EventFilter, EventHeader, EventId, EventType, LogId,
    Resource, Result, Table,
};

const COLUMNS: &str =
    "t.log_id, t.sequence, t.id, t.type, t.resource_id, t.customer_id, t.actor, t.request_id,
                       t.create_us, t.changed_fields, t.reason, t.payload";

type Row = (Uuid, i64, Uuid, String, Uuid, Option<Uuid>, String, String, i64, String, String, Option<String>);

fn parse(row: Row) -> Result<Event> {
    let (
        log,
        sequence,
        id,
        kind,
        resource_id,
        customer_id,
        actor,
        request_id,
        create_us,
        changed,
        reason,
        payload,
    ) = row;
    // During an upgrade another instance may know more.
    let kind: EventType = kind.parse().map_err(|_| Error::unavailable("an event is of a newer version"))?;
    let payload = payload.map(|it| Resource::from_json(kind.table(), &it, sequence)).transpose()?;
    let header = EventHeader {
        id: EventId::from_uuid(id),
        log: LogId::from_uuid(log),
        sequence,
        kind,
        resource_id,
        customer_id: customer_id.map(CustomerId::from_uuid),
        actor,
        request_id,
        create_us,
        changed_fields: changed,
        reason,
    };
    Ok(Event { header, payload })
}

impl Store {
    /// Events of a log after a place and up to another, oldest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn events(
        &self,
        log: LogId,
        (after, through): (i64, i64),
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<Event>> {
        let mut select = Select::new(COLUMNS, "events");
        select.equals("log_id", log.as_uuid());
        if let Some(customer) = filter.customer {
            select.equals("customer_id", customer.as_uuid());
        }
        let (after, through) = (select.bind(after), select.bind(through));
        select.and(&format!("t.sequence > {after} AND t.sequence <= {through}"));
        select.among("type", filter.types.iter().map(|it| it.as_str()));
        select.ordered("t.sequence");
        let limit = select.bind(i64::from(limit));
        select.limited(&limit);
        let rows: Vec<Row> = self.scan(select).await?;
        rows.into_iter().map(parse).collect()
    }

    /// The events at places of logs, each in its place among the answers.
    ///
    /// # Errors
    ///
    /// Those of the database; in its place, [`Error::Internal`] where an event does not parse.
    pub async fn events_at(&self, places: &[(LogId, i64)]) -> Result<Found<Event>> {
        let read = format!(
            "WITH q(log_id, sequence) AS ({{set}})
             SELECT {COLUMNS} FROM q CROSS JOIN events AS t
             WHERE t.log_id = q.log_id AND t.sequence = q.sequence"
        );
        // Several may ask for the same.
        let wanted: BTreeSet<_> = places.iter().map(|it| (it.0.as_uuid(), it.1)).collect();
        let rows = wanted.into_iter().map(|it| [it.0.into(), Value::from(it.1)]);
        let rows: Vec<Row> = self.read(&read, Set::of(&[Type::Uuid, Type::Int], rows)).await?;
        let found: HashMap<_, _> = rows.into_iter().map(|row| ((row.0, row.1), parse(row))).collect();
        Ok(places.iter().map(|it| found.get(&(it.0.as_uuid(), it.1)).cloned().transpose()).collect())
    }

    /// The same of all events, among the look-ups: for what happens now, which waits for no list.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn new_events(
        &self,
        log: LogId,
        (after, through): (i64, i64),
        limit: u32,
    ) -> Result<Vec<Event>> {
        let read = format!(
            "WITH q(log_id, after, through, most) AS ({{set}})
             SELECT {COLUMNS} FROM events AS t
             WHERE t.log_id = (SELECT log_id FROM q) AND t.sequence > (SELECT after FROM q)
               AND t.sequence <= (SELECT through FROM q)
             ORDER BY t.sequence LIMIT (SELECT most FROM q)"
        );
        let row = [Value::from(log.as_uuid()), after.into(), through.into(), i64::from(limit).into()];
        let set = Set::of(&[Type::Uuid, Type::Int, Type::Int, Type::Int], [row]);
        let rows: Vec<Row> = self.read(&read, set).await?;
        rows.into_iter().map(parse).collect()
    }

    /// The last event at or before a place that is about a customer itself.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn customer_event_at(
        &self,
        id: CustomerId,
        log: LogId,
        sequence: i64,
    ) -> Result<Option<Event>> {
        self.customer_event(id, log, sequence, ("<=", "DESC")).await
    }

    /// The first event after a place that is about a customer itself.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn customer_event_after(
        &self,
        id: CustomerId,
        log: LogId,
        sequence: i64,
    ) -> Result<Option<Event>> {
        self.customer_event(id, log, sequence, (">", "ASC")).await
    }

    async fn customer_event(
        &self,
        id: CustomerId,
        log: LogId,
        sequence: i64,
        (compare, order): (&str, &str),
    ) -> Result<Option<Event>> {
        let mut select = Select::new(COLUMNS, "events");
        select.equals("customer_id", id.as_uuid());
        select.equals("log_id", log.as_uuid());
        // As it is in the condition of the index.
        select.and("(t.resource_id = t.customer_id) IS TRUE");
        let sequence = select.bind(sequence);
        select.and(&format!("t.sequence {compare} {sequence}"));
        select.ordered(&format!("t.sequence {order}"));
        select.limited("1");
        let rows: Vec<Row> = self.scan(select).await?;
        rows.into_iter().next().map(parse).transpose()
    }

    /// Who alone can have had a payment address's identifier in a domain at a place in its log.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn alias_owner_at(
        &self,
        domain: DomainId,
        identifier: &str,
        sequence: i64,
    ) -> Result<Option<CustomerId>> {
        const READ: &str = "
            WITH q(scope, key, sequence) AS ({set})
            SELECT COALESCE(
                (SELECT p.owner FROM past_aliases AS p
                 WHERE p.scope = q.scope AND p.key = q.key AND p.until_sequence > q.sequence
                 ORDER BY p.until_sequence LIMIT 1),
                (SELECT k.owner FROM unique_keys AS k
                 WHERE k.scope = q.scope AND k.kind = 'alias' AND k.key = q.key))
            FROM q WHERE q.scope IS NOT NULL";
        let row = [domain.as_uuid().into(), Value::from(identifier), sequence.into()];
        let rows: Vec<(Option<Uuid>,)> =
            self.read(READ, Set::of(&[Type::Uuid, Type::Text, Type::Int], [row])).await?;
        Ok(rows.into_iter().find_map(|it| it.0).map(CustomerId::from_uuid))
    }

    /// The ends of logs, in the order asked. A log in which nothing has happened begins with 1.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn ends(&self, logs: &[LogId]) -> Result<Vec<Ends>> {
        const READ: &str = "
            WITH q(id, n) AS ({set})
            SELECT q.n, l.first_sequence, l.last_sequence, l.last_us FROM q CROSS JOIN logs AS l WHERE l.id = q.id";
        let set = Set::of(&[Type::Uuid], logs.iter().map(|it| [it.as_uuid().into()])).numbered();
        let mut ends = vec![Ends { first: 1, last: 0, last_us: 0 }; logs.len()];
        for (n, first, last, last_us) in self.read::<(i64, i64, i64, i64)>(READ, set).await? {
            if let Some(place) = usize::try_from(n - 1).ok().and_then(|n| ends.get_mut(n)) {
                *place = Ends { first, last, last_us };
            }
        }
        Ok(ends)
    }

    /// The last event of a log that had happened at a time, between two places; the first of them where none had.
    ///
    /// Times never go back within a log, so it is found by halving: in steps that ask for many places at once.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn sequence_at(&self, log: LogId, (mut from, mut to): (i64, i64), time_us: i64) -> Result<i64> {
        const PLACES: i64 = 64;
        const READ: &str = "
            WITH q(log_id, sequence) AS ({set})
            SELECT e.sequence, e.create_us FROM q CROSS JOIN events AS e
            WHERE e.log_id = q.log_id AND e.sequence = q.sequence";
        while from < to {
            // `from` has happened or is the start; what lies after `to` has not.
            let step = ((to - from) / PLACES).max(1);
            let places = (1..=PLACES).map(|n| from + n * step).take_while(|it| *it < to).chain([to]);
            let places = places.map(|it| [Value::from(log.as_uuid()), it.into()]);
            let mut rows: Vec<(i64, i64)> =
                self.read(READ, Set::of(&[Type::Uuid, Type::Int], places)).await?;
            rows.sort_unstable();
            let happened = rows.iter().rev().find(|it| it.1 <= time_us).map(|it| it.0);
            let not_yet = rows.iter().find(|it| it.1 > time_us).map(|it| it.0 - 1);
            let (next_from, next_to) = (happened.unwrap_or(from), not_yet.unwrap_or(to));
            if (next_from, next_to) == (from, to) {
                break;
            }
            (from, to) = (next_from, next_to);
        }
        Ok(from)
    }

    /// What the event at a place of a log holds: the resource as it was then.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where there is no such event; [`Error::CustomerDeleted`] where erasure has emptied it.
    pub async fn outcome(&self, log: LogId, sequence: i64) -> Result<Resource> {
        const READ: &str = "
            WITH q(log_id, sequence) AS ({set})
            SELECT e.type, e.payload, e.customer_id FROM q CROSS JOIN events AS e
            WHERE e.log_id = q.log_id AND e.sequence = q.sequence";
        let place = [Value::from(log.as_uuid()), sequence.into()];
        let rows: Vec<(String, Option<String>, Option<Uuid>)> =
            self.read(READ, Set::of(&[Type::Uuid, Type::Int], [place])).await?;
        let missing = || Error::internal(format!("event {sequence} of log {} holds nothing", log.as_uuid()));
        let (kind, payload, customer) = rows.into_iter().next().ok_or_else(missing)?;
        let emptied =
            || customer.map_or_else(missing, |it| Error::CustomerDeleted(CustomerId::from_uuid(it)));
        let kind: EventType = kind.parse().map_err(Error::internal)?;
        Resource::from_json(kind.table(), &payload.ok_or_else(emptied)?, sequence)
    }

    /// A domain as it was once its log had come to a sequence.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where the log has no such domain.
    pub async fn domain_as_of(&self, id: DomainId, sequence: i64) -> Result<Domain> {
        const READ: &str = "
            WITH q(log_id, sequence) AS ({set})
            SELECT e.sequence, e.payload FROM events AS e
            WHERE e.log_id = (SELECT log_id FROM q) AND e.sequence <= (SELECT sequence FROM q)
              AND (e.resource_id = e.log_id) IS TRUE
            ORDER BY e.sequence DESC LIMIT 1";
        let place = [Value::from(id.as_uuid()), sequence.into()];
        let rows: Vec<(i64, Option<String>)> =
            self.read(READ, Set::of(&[Type::Uuid, Type::Int], [place])).await?;
        let (sequence, payload) = rows
            .into_iter()
            .find_map(|(sequence, payload)| Some((sequence, payload?)))
            .ok_or_else(|| Error::internal(format!("domain {id} was not there at {sequence}")))?;
        Resource::from_json(Table::Domains, &payload, sequence)?.try_into()
    }

    /// Resources of a domain in the order of their creation, deleted and removed ones too, after a place.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn rows_of(
        &self,
        table: Table,
        domain: DomainId,
        after: Option<(i64, Uuid)>,
        limit: u32,
    ) -> Result<Vec<Resource>> {
        let mut select = Select::new("t.body, t.sequence", table.as_str());
        select.equals("domain_id", domain.as_uuid());
        if let Some((create_us, id)) = after {
            let (create_us, id) = (select.bind(create_us), select.bind(id));
            select.and(&format!("(t.create_us, t.id) > ({create_us}, {id})"));
        }
        select.ordered("t.create_us, t.id");
        let limit = select.bind(i64::from(limit));
        select.limited(&limit);
        let rows: Vec<(String, i64)> = self.scan(select).await?;
        rows.into_iter().map(|(body, sequence)| Resource::from_json(table, &body, sequence)).collect()
    }
}
