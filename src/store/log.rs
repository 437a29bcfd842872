//! The log: one ordered, chained sequence of events for each domain, each organization, and the operators.

use std::collections::{BTreeMap, BTreeSet};

use super::backend::Db;
use super::set::{Part, Set, Type, Value};
use super::transaction::Tx;
use crate::clock;
use crate::domain::{Change, Error, EventHeader, EventId, EventType, Hash, LogId, Resource, Result, chain};

/// The end of a log that is locked.
struct Tip {
    last_sequence: i64,
    last_us: i64,
    chain: Hash,
}

/// Numbers and chains events at the ends of logs whose locks the transaction holds.
pub(super) struct Appender {
    tips: BTreeMap<LogId, Tip>,
    events: Set<'static>,
}

impl Appender {
    /// Begins a transaction with the locks of logs, taken in the order of their ids. A log that is not there yet begins
    /// here.
    pub(super) async fn lock(db: &Db, logs: &BTreeSet<LogId>) -> Result<(Tx, Self)> {
        use Type::{Bytes, Int, Text, Uuid};
        const TIP: &str = "l.id, l.last_sequence, l.last_us, l.chain";
        let ids: Vec<_> = logs.iter().map(|it| it.as_uuid()).collect();
        let (tx, rows): (_, Vec<(uuid::Uuid, i64, i64, Vec<u8>)>) = db.begin(TIP, &ids).await?;
        let mut tips: BTreeMap<_, _> =
            logs.iter().map(|it| (*it, Tip { last_sequence: 0, last_us: 0, chain: [0; 32] })).collect();
        for (id, last_sequence, last_us, chain) in rows {
            let chain =
                chain.try_into().map_err(|_| Error::internal(format!("log {id}: chain is not 32 bytes")))?;
            tips.insert(LogId::from_uuid(id), Tip { last_sequence, last_us, chain });
        }
        let types: &[Type] =
            &[Uuid, Int, Uuid, Text, Uuid, Uuid, Text, Text, Int, Text, Text, Text, Bytes, Bytes, Bytes];
        Ok((tx, Self { tips, events: Set::new(types) }))
    }

    /// Appends what happened to a resource, to its home and to the other logs the Change names.
    ///
    /// Answers the place in each, the home first.
    pub(super) fn append(
        &mut self,
        change: &Change,
        resource: &Resource,
        event: EventType,
        changed: &[&str],
        payload: &str,
    ) -> Vec<(LogId, i64)> {
        let home = resource.home();
        let others = change.also_logged.iter().copied().filter(|it| *it != home).collect::<BTreeSet<_>>();
        let logs = std::iter::once(home).chain(others);
        logs.map(|log| (log, self.append_to(log, change, resource, event, changed, payload))).collect()
    }

    fn append_to(
        &mut self,
        log: LogId,
        change: &Change,
        resource: &Resource,
        event: EventType,
        changed: &[&str],
        payload: &str,
    ) -> i64 {
        let tip = self.tips.entry(log).or_insert(Tip { last_sequence: 0, last_us: 0, chain: [0; 32] });
        tip.last_sequence += 1;
        tip.last_us = tip.last_us.max(change.ctx.now_us);
        let header = EventHeader {
            id: EventId::from_uuid(clock::new_uuid(tip.last_us)),
            log,
            sequence: tip.last_sequence,
            kind: event,
            resource_id: resource.id(),
            customer_id: resource.customer_id(),
            actor: change.ctx.actor.to_string(),
            request_id: change.ctx.request.as_ref().map_or_else(String::new, |it| it.id.as_str().to_owned()),
            create_us: tip.last_us,
            changed_fields: changed.join(","),
            reason: change.reason.as_str().to_owned(),
        };
        let salt = clock::random();
        let digest = header.digest(&salt, payload);
        tip.chain = chain(&tip.chain, &digest);
        let sequence = tip.last_sequence;
        let chain = tip.chain;
        self.events.extend([[
            log.as_uuid().into(),
            sequence.into(),
            header.id.as_uuid().into(),
            header.kind.as_str().into(),
            header.resource_id.into(),
            header.customer_id.map(crate::domain::CustomerId::as_uuid).into(),
            header.actor.into(),
            header.request_id.into(),
            header.create_us.into(),
            header.changed_fields.into(),
            header.reason.into(),
            payload.into(),
            salt.into(),
            digest.into(),
            Value::from(chain),
        ]]);
        sequence
    }

    /// The events, and the logs' new ends.
    pub(super) fn parts(self) -> [Part<'static>; 2] {
        const EVENT: &str =
            "log_id, sequence, id, type, resource_id, customer_id, actor, request_id, create_us,
                             changed_fields, reason, payload, salt, digest, chain";
        const PUT_EVENTS: &str = "
            INSERT INTO events (log_id, sequence, id, type, resource_id, customer_id, actor, request_id, create_us,
                                changed_fields, reason, payload, salt, digest, chain)
            SELECT log_id, sequence, id, type, resource_id, customer_id, actor, request_id, create_us,
                   changed_fields, reason, payload, salt, digest, chain FROM {q} WHERE log_id IS NOT NULL";
        const PUT_LOGS: &str = "
            INSERT INTO logs (id, last_sequence, last_us, chain)
            SELECT id, last_sequence, last_us, chain FROM {q} WHERE id IS NOT NULL
            ON CONFLICT (id) DO UPDATE SET last_sequence = excluded.last_sequence, last_us = excluded.last_us,
                                           chain = excluded.chain";
        let tips = self.tips.into_iter().filter(|(_, tip)| tip.last_sequence > 0).map(|(log, tip)| {
            [log.as_uuid().into(), tip.last_sequence.into(), tip.last_us.into(), tip.chain.into()]
        });
        let tips = Set::of(&[Type::Uuid, Type::Int, Type::Int, Type::Bytes], tips);
        [
            Part::new(EVENT, self.events, PUT_EVENTS),
            Part::new("id, last_sequence, last_us, chain", tips, PUT_LOGS),
        ]
    }
}
