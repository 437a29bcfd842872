//! The audit: every event of every log, in order, and what it was the last of. What is in memory is a page of a log.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::snapshot::Snapshot;
use super::states;
use crate::domain::{
    Chain, Customer, CustomerId, DomainId, Error, EventHeader, EventId, Finding, Flaw, Hash, Link, LogId,
    Order, OrganizationId, Resource, Result, Table,
};
use crate::store::Store;
use crate::store::select::Select;
use crate::store::set::Fetched;

/// How many findings are told: whoever has so many does not need to know of more.
const ENOUGH: usize = 100;
const PAGE: usize = 512;

/// A log as its row has it.
struct Log {
    id: LogId,
    name: String,
    first: i64,
    last: i64,
    base: Vec<u8>,
    chain: Vec<u8>,
}

/// An event as it is stored.
type Row = (
    i64,
    Uuid,
    String,
    Uuid,
    Option<Uuid>,
    String,
    String,
    i64,
    String,
    String,
    Option<String>,
    Option<Vec<u8>>,
    Vec<u8>,
    Vec<u8>,
);
const COLUMNS: &str =
    "t.sequence, t.id, t.type, t.resource_id, t.customer_id, t.actor, t.request_id, t.create_us,
                       t.changed_fields, t.reason, t.payload, t.salt, t.digest, t.chain";

/// An event's place, its time, and where it says nothing the customer it was about, as they are now: sequence and body.
type Place = (i64, i64, bool, Option<i64>, Option<String>);
const PLACE: &str = "t.sequence, t.create_us, t.payload IS NULL,
                     (SELECT c.sequence FROM customers AS c WHERE c.id = t.customer_id AND t.payload IS NULL),
                     (SELECT c.body FROM customers AS c WHERE c.id = t.customer_id AND t.payload IS NULL)";

/// Whether it says nothing any more and no erasure has done that. Nothing has happened to an erased customer since: where
/// their row is of is their erasure, and what came with that and after it is whole.
fn was_emptied((sequence, _, is_empty, erasure, customer): &Place) -> bool {
    let erasure = erasure.zip(customer.as_ref()).filter(|(erasure, body)| {
        let customer = Resource::from_json(Table::Customers, body, *erasure).and_then(Customer::try_from);
        customer.is_ok_and(|it| it.erase_us.is_some())
    });
    *is_empty && erasure.is_none_or(|(erasure, _)| *sequence >= erasure)
}

impl Store {
    /// Checks the chain of every log from its first event on: that each event, and each of its own from before, has the digest of what it says, unless
    /// it was emptied, and follows from the one before. Answers where that is not so, at most a hundred times.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn audit_chain(&self) -> Result<Vec<Finding>> {
        self.audit_logs(async |snapshot, log| {
            let mut order = Order::from(log.first);
            let mut chain = Chain::from(hash(&log.base)?);
            let mut flaws = Vec::new();
            // What is kept from before its first event has no place in the chain any more, and still its digest.
            pages(snapshot, log, 1..=log.first - 1, COLUMNS, |row: Row| {
                let sequence = row.0;
                if !link(log.id, row)?.is_as_said() {
                    flaws.push((sequence, Flaw::Digest));
                }
                Ok((sequence, flaws.len() < ENOUGH))
            })
            .await?;
            pages(snapshot, log, log.first..=log.last, COLUMNS, |row: Row| {
                let sequence = row.0;
                let missing = order.see(sequence, row.7);
                if missing.iter().any(|it| matches!(it.1, Flaw::Missing { .. })) {
                    chain.skip();
                }
                // The order of time is not the chain's.
                flaws.extend(missing.into_iter().filter(|it| it.1 != Flaw::Early));
                flaws.extend(chain.see(&link(log.id, row)?).into_iter().map(|it| (sequence, it)));
                Ok((sequence, flaws.len() < ENOUGH))
            })
            .await?;
            if let Some(missing) = order.end(log.last) {
                chain.skip();
                flaws.push(missing);
            }
            if !chain.ends(&hash(&log.chain)?) {
                flaws.push((log.last, Flaw::End));
            }
            Ok(flaws)
        })
        .await
    }

    /// Checks that no log has a gap, that time does not go back in any, that no event was emptied but by erasure, and
    /// that every row is what its last event says. Answers where that is not so, at most a hundred times.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn audit_log(&self) -> Result<Vec<Finding>> {
        let mut found = self
            .audit_logs(async |snapshot, log| {
                let mut order = Order::from(log.first);
                let mut flaws = Vec::new();
                pages(snapshot, log, 1..=log.first - 1, PLACE, |place: Place| {
                    flaws.extend(was_emptied(&place).then_some((place.0, Flaw::Emptied)));
                    Ok((place.0, flaws.len() < ENOUGH))
                })
                .await?;
                pages(snapshot, log, log.first..=log.last, PLACE, |place: Place| {
                    flaws.extend(order.see(place.0, place.1));
                    flaws.extend(was_emptied(&place).then_some((place.0, Flaw::Emptied)));
                    Ok((place.0, flaws.len() < ENOUGH))
                })
                .await?;
                flaws.extend(order.end(log.last));
                Ok(flaws)
            })
            .await?;
        let mut snapshot = Snapshot::begin(&self.db.scan).await?;
        snapshot.read_whole_tables().await?;
        for table in Table::ALL.iter().copied() {
            let flaw = |id| Flaw::Row(table, id);
            let sql = format!("SELECT l.id, t.sequence, t.id {}", states::differing(table));
            found.extend(told(&mut snapshot, &sql, flaw).await?);
        }
        found.truncate(ENOUGH);
        Ok(found)
    }

    /// Goes through the logs, each in a snapshot of its own, until there is enough to tell.
    async fn audit_logs(
        &self,
        audit: impl AsyncFn(&mut Snapshot, &Log) -> Result<Vec<(i64, Flaw)>>,
    ) -> Result<Vec<Finding>> {
        let mut found = Vec::new();
        let mut after = None;
        while found.len() < ENOUGH {
            let mut snapshot = Snapshot::begin(&self.db.scan).await?;
            let Some(log) = next_log(&mut snapshot, after).await? else { break };
            after = Some(log.id);
            for (sequence, flaw) in audit(&mut snapshot, &log).await? {
                found.push(Finding { log: log.id, log_name: log.name.clone(), sequence, flaw });
            }
        }
        found.truncate(ENOUGH);
        Ok(found)
    }
}

/// The first log that comes after another.
async fn next_log(snapshot: &mut Snapshot, after: Option<LogId>) -> Result<Option<Log>> {
    let mut select = select_logs();
    if let Some(after) = after {
        let after = select.bind(after.as_uuid());
        select.and(&format!("t.id > {after}"));
    }
    select.ordered("t.id");
    select.limited("1");
    let rows: Vec<LogRow> = snapshot.list(select).await?;
    Ok(rows.into_iter().next().map(Log::from))
}

/// What a log is called.
async fn name_of(snapshot: &mut Snapshot, id: LogId) -> Result<String> {
    let mut select = select_logs();
    select.equals("id", id.as_uuid());
    let rows: Vec<LogRow> = snapshot.list(select).await?;
    Ok(rows.into_iter().next().map_or_else(|| id.as_uuid().to_string(), |it| Log::from(it).name))
}

type LogRow = (Uuid, i64, i64, Vec<u8>, Vec<u8>, Option<Uuid>, Option<Uuid>);

fn select_logs() -> Select {
    Select::new(
        "t.id, t.first_sequence, t.last_sequence, t.base_chain, t.chain,
         (SELECT d.id FROM domains AS d WHERE d.id = t.id), (SELECT o.id FROM organizations AS o WHERE o.id = t.id)",
        "logs",
    )
}

impl From<LogRow> for Log {
    fn from((id, first, last, base, chain, domain, organization): LogRow) -> Self {
        let name = domain.map(|it| DomainId::from_uuid(it).to_string());
        let name = name.or_else(|| organization.map(|it| OrganizationId::from_uuid(it).to_string()));
        let name = name.unwrap_or_else(|| if id.is_nil() { "operators".to_owned() } else { id.to_string() });
        Self { id: LogId::from_uuid(id), name, first, last, base, chain }
    }
}

/// Sees each event of a part of a log in order, as far as that is wanted: `see` answers its sequence, and whether to go on.
async fn pages<T: Fetched>(
    snapshot: &mut Snapshot,
    log: &Log,
    range: RangeInclusive<i64>,
    columns: &str,
    mut see: impl FnMut(T) -> Result<(i64, bool)>,
) -> Result<()> {
    let (mut from, to) = range.into_inner();
    loop {
        let mut select = Select::new(columns, "events");
        select.equals("log_id", log.id.as_uuid());
        let (first, last) = (select.bind(from), select.bind(to));
        select.and(&format!("t.sequence >= {first} AND t.sequence <= {last}"));
        select.ordered("t.sequence");
        let limit = select.bind(i64::try_from(PAGE).map_err(Error::internal)?);
        select.limited(&limit);
        let rows: Vec<T> = snapshot.list(select).await?;
        let is_last = rows.len() < PAGE;
        for row in rows {
            let (sequence, goes_on) = see(row)?;
            if !goes_on {
                return Ok(());
            }
            from = sequence + 1;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// What a query finds wrong: the log, the sequence, and an id.
async fn told(snapshot: &mut Snapshot, sql: &str, flaw: impl Fn(Uuid) -> Flaw) -> Result<Vec<Finding>> {
    let sql = format!("{sql} ORDER BY 1, 2 LIMIT {ENOUGH}");
    let rows: Vec<(Option<Uuid>, i64, Uuid)> = snapshot.conn().select(sql, Vec::new()).await?;
    let mut found = Vec::new();
    for (log, sequence, id) in rows {
        let log = log.map_or(LogId::OPERATOR, LogId::from_uuid);
        let log_name = name_of(snapshot, log).await?;
        found.push(Finding { log, log_name, sequence, flaw: flaw(id) });
    }
    Ok(found)
}

/// An event as the audit sees it.
fn link(log: LogId, row: Row) -> Result<Link> {
    let (sequence, id, kind, resource_id, customer, actor, request_id, create_us, changed, reason, ..) = &row;
    let header = kind.parse().ok().map(|kind| EventHeader {
        id: EventId::from_uuid(*id),
        log,
        sequence: *sequence,
        kind,
        resource_id: *resource_id,
        customer_id: customer.map(CustomerId::from_uuid),
        actor: actor.clone(),
        request_id: request_id.clone(),
        create_us: *create_us,
        changed_fields: changed.clone(),
        reason: reason.clone(),
    });
    let (.., payload, salt, digest, chain) = row;
    let is_torn = header.is_none() || payload.is_some() != salt.is_some();
    let salt = salt.map(|it| hash(&it)).transpose()?;
    let said = header.zip(salt).zip(payload).map(|((header, salt), payload)| (header, salt, payload));
    Ok(Link { said, is_torn, digest: hash(&digest)?, chain: hash(&chain)? })
}

fn hash(bytes: &[u8]) -> Result<Hash> {
    bytes.try_into().map_err(|_| Error::internal("a hash of a log is not 32 bytes"))
}
