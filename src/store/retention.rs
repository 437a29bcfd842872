//! Retention: what is old enough leaves, from the beginning of each log.

use uuid::Uuid;

use super::Store;
use super::backend::STATEMENT_TIMEOUT;
use super::select::Select;
use super::set::{Part, Set, Type, Value};
use crate::domain::{Error, LogId, Result};

/// How many events leave in one transaction: no writer of the log waits long behind it.
const BATCH: usize = 1_000;

impl Store {
    /// Removes the events that happened before a time, and answers by how many the logs are shorter.
    ///
    /// They leave in order, so that what is left of a log has no gap; where it begins, and the chain before that, are in
    /// the log's row from the same transaction on. A domain's own events stay: they say what it was at any time. Several
    /// instances may do this at once.
    ///
    /// # Errors
    ///
    /// Those of the database: the first, once the other logs are done. What was removed stays so.
    pub async fn expire_events(&self, before_us: i64) -> Result<u64> {
        let mut gone = 0;
        let mut after = None;
        let mut fault = None;
        loop {
            let logs = self.logs_to_shorten(before_us, after).await?;
            let Some(last) = logs.last() else { return fault.map_or(Ok(gone), Err) };
            after = Some(last.as_uuid());
            for log in logs {
                loop {
                    match self.in_time(STATEMENT_TIMEOUT, self.shorten(log, before_us)).await {
                        Ok(removed) => {
                            gone += removed as u64;
                            if removed < BATCH {
                                break;
                            }
                        }
                        Err(error) => {
                            tracing::warn!(log = %log.as_uuid(), %error, "a log was not shortened");
                            fault.get_or_insert(error);
                            break;
                        }
                    }
                }
            }
        }
    }

    /// Logs whose first event is from before a time, in the order of their ids.
    async fn logs_to_shorten(&self, before_us: i64, after: Option<Uuid>) -> Result<Vec<LogId>> {
        let mut select = Select::new("t.id", "logs");
        if let Some(after) = after {
            let after = select.bind(after);
            select.and(&format!("t.id > {after}"));
        }
        let before_us = select.bind(before_us);
        select.and(&format!(
            "EXISTS (SELECT 1 FROM events AS e WHERE e.log_id = t.id AND e.sequence = t.first_sequence
                     AND e.create_us < {before_us})"
        ));
        select.ordered("t.id");
        select.limited("100");
        let rows: Vec<(Uuid,)> = self.scan(select).await?;
        Ok(rows.into_iter().map(|it| LogId::from_uuid(it.0)).collect())
    }

    /// Removes the first events of a log, no more than a batch; answers how many.
    async fn shorten(&self, log: LogId, before_us: i64) -> Result<usize> {
        const FIRST: &str = "
            WITH q(log_id, first, past) AS ({set})
            SELECT e.sequence, e.create_us, e.chain FROM events AS e
            WHERE e.log_id = (SELECT log_id FROM q) AND e.sequence >= (SELECT first FROM q)
              AND e.sequence < (SELECT past FROM q) ORDER BY e.sequence";
        const REMOVE: &str = "
            DELETE FROM events WHERE log_id IN (SELECT log_id FROM {q})
              AND sequence >= (SELECT max(first) FROM {q}) AND sequence < (SELECT max(past) FROM {q})
              AND resource_id <> log_id";
        const BEGIN_AT: &str = "
            UPDATE logs SET first_sequence = (SELECT max(q.first) FROM {q} AS q WHERE q.log_id = logs.id),
                            base_chain = (SELECT q.chain FROM {q} AS q WHERE q.log_id = logs.id)
            WHERE id IN (SELECT log_id FROM {q})";
        // Nobody can ask any more who had an alias then.
        const FORGET_ALIASES: &str = "
            DELETE FROM past_aliases WHERE scope IN (SELECT log_id FROM {q})
              AND until_sequence < (SELECT max(past) FROM {q})";
        let id = log.as_uuid();
        let (mut tx, rows): (_, Vec<(i64,)>) = self.db.begin("l.first_sequence", &[id]).await?;
        let first = rows.first().map_or(1, |it| it.0);
        let limit = i64::try_from(BATCH).map_err(Error::internal)?;
        let range = |past: i64| {
            Set::of(&[Type::Uuid, Type::Int, Type::Int], [[id.into(), first.into(), Value::from(past)]])
        };
        let found: Vec<(i64, i64, Vec<u8>)> = tx.conn().fetch(FIRST, range(first + limit)).await?;
        // Only what has no gap, and no younger one, before it.
        let old = (first..).zip(&found).take_while(|(n, it)| it.0 == *n && it.1 < before_us);
        let Some((last, (.., chain))) = old.last() else {
            tx.rollback().await?;
            return Ok(0);
        };
        let next = last + 1;
        let begin_at = [id.into(), next.into(), Value::from(chain.clone())];
        let begin_at = Set::of(&[Type::Uuid, Type::Int, Type::Bytes], [begin_at]);
        tx.commit(vec![
            Part::new("log_id, first, past", range(next), REMOVE),
            Part::new("log_id, first, past", range(next), FORGET_ALIASES),
            Part::new("log_id, first, chain", begin_at, BEGIN_AT),
        ])
        .await?;
        usize::try_from(next - first).map_err(Error::internal)
    }
}
