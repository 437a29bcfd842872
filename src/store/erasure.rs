//! Erasure: what leaves beside a customer's own row, and on SQLite the traces of it in the files.

use std::time::Duration;

use sqlx::{AssertSqlSafe, SqliteConnection};
use uuid::Uuid;

use super::Store;
use super::backend::{Backend, STATEMENT_TIMEOUT};
use super::set::{Set, Type, Value};
use super::transaction::Tx;
use crate::domain::{CustomerId, LogId, RequestMark, Result, Table};

/// How long it may take to erase somebody.
pub(super) const ERASURE_TIMEOUT: Duration = Duration::from_mins(1);

/// Takes everything personal of a customer out of what happened. The locks of their domain's log are held.
///
/// Their row, with its search text, is put by the Change itself, and so is the event that says that they were erased: what
/// is done here is done before, and touches neither.
pub(super) async fn erase(tx: &mut Tx, customer: CustomerId) -> Result<()> {
    // The digest and the chain stay: the log can still be checked.
    const EMPTY_EVENTS: &str = "
        WITH q(customer_id) AS ({set})
        UPDATE events SET payload = NULL, salt = NULL, request_id = '', reason = ''
        WHERE customer_id IN (SELECT customer_id FROM q)";
    const FORGET_ALIASES: &str = "
        WITH q(customer_id) AS ({set})
        DELETE FROM past_aliases WHERE owner IN (SELECT customer_id FROM q)";
    let embedded = match tx.conn() {
        Backend::Sqlite(_) => true,
        Backend::Postgres(it) => {
            let limit = format!("SET LOCAL statement_timeout = {}", ERASURE_TIMEOUT.as_millis());
            sqlx::raw_sql(AssertSqlSafe(limit)).execute(it).await?;
            false
        }
    };
    let one = || just(customer);
    forget_requests(tx, customer).await?;
    for sql in [EMPTY_EVENTS, FORGET_ALIASES] {
        tx.conn().run(sql, one()).await?;
    }
    for it in PERSONAL {
        tx.conn().run(&it.clear(embedded), one()).await?;
    }
    if embedded { tx.conn().run(MARK, marks(1)).await } else { Ok(()) }
}

fn just(customer: CustomerId) -> Set<'static> {
    Set::of(&[Type::Uuid], [[Value::from(customer.as_uuid())]])
}

/// Forgets what was asked about a customer, but for the hashes of the ids: none of it takes effect again when it is
/// repeated late.
async fn forget_requests(tx: &mut Tx, customer: CustomerId) -> Result<()> {
    // By the event and not by the id alone: an id that is a day old may be another request's by now.
    const FORGET: &str = "
        WITH q(customer_id) AS ({set})
        DELETE FROM requests WHERE (scope, id, sequence) IN (
            SELECT e.log_id, e.request_id, e.sequence FROM q CROSS JOIN events AS e
            WHERE e.customer_id = q.customer_id AND e.request_id <> '')
        RETURNING scope, id, create_us";
    const FORGET_ANSWERED: &str = "
        WITH q(customer_id) AS ({set})
        DELETE FROM requests WHERE (scope, id) IN (
            SELECT a.scope, a.id FROM q CROSS JOIN answers AS a WHERE a.customer_id = q.customer_id)
        RETURNING scope, id, create_us";
    const KEEP: &str = "
        WITH q(scope, id_sha256, create_us) AS ({set})
        INSERT INTO erased_requests (scope, id_sha256, create_us)
        SELECT scope, id_sha256, create_us FROM q WHERE scope IS NOT NULL
        ON CONFLICT (scope, id_sha256) DO UPDATE SET create_us = excluded.create_us";
    for sql in [FORGET, FORGET_ANSWERED] {
        let gone: Vec<(Uuid, String, i64)> = tx.conn().fetch(sql, just(customer)).await?;
        for some in gone.chunks(1_024) {
            let kept = some.iter().map(|(scope, id, create_us)| {
                let erased = RequestMark::erased_id(LogId::from_uuid(*scope), id);
                [Value::from(*scope), erased.into(), (*create_us).into()]
            });
            tx.conn().run(KEEP, Set::of(&[Type::Uuid, Type::Bytes, Type::Int], kept)).await?;
        }
    }
    Ok(())
}

/// A field of the bodies of a table that goes when its customer is erased. It is not the first of its object.
pub(super) struct Personal {
    pub(super) table: Table,
    /// What it is called, after what it is in.
    path: &'static str,
    /// What follows its name as Postgres finds it in the text, and what is left in the place of both.
    pattern: (&'static str, &'static str),
}

impl Personal {
    const fn text(table: Table, path: &'static str) -> Self {
        Self { table, path, pattern: (r#":"([^"\\]|\\.)*""#, "") }
    }

    /// The last field of its body, and an object.
    const fn object(table: Table, path: &'static str) -> Self {
        Self { table, path, pattern: (":.*$", "}") }
    }

    fn name(&self) -> &str {
        self.path.rsplit_once('.').map_or(self.path, |it| it.1)
    }

    /// The condition that a body has it. Within a text a quotation mark has a backslash before it, so nothing but the field
    /// itself looks like it.
    pub(super) fn is_there(&self) -> String {
        format!("body LIKE '%,\"{}\":%'", self.name())
    }

    /// The statement that clears it. The bodies keep the order of their fields, as they would be written without.
    fn clear(&self, embedded: bool) -> String {
        let Self { table, path, pattern: (pattern, rest) } = self;
        let cleared = if embedded {
            format!("json_remove(body, '$.{path}')")
        } else {
            format!("regexp_replace(body, ',\"{}\"{pattern}', '{rest}')", self.name())
        };
        format!(
            "WITH q(customer_id) AS ({{set}})
             UPDATE {table} SET body = {cleared}
             WHERE customer_id IN (SELECT customer_id FROM q) AND {}",
            self.is_there()
        )
    }
}

/// The books stay as they are but for what callers wrote into them in their own words; of how a customer pays, nothing
/// stays but that they had a way to. The doctor looks for what is named here.
pub(super) const PERSONAL: &[Personal] = &[
    Personal::text(Table::Transactions, "description"),
    Personal::text(Table::PaymentIntents, "description"),
    Personal::text(Table::Invoices, "description"),
    Personal::text(Table::Subscriptions, "description"),
    Personal::text(Table::Subscriptions, "own.plan"),
    Personal::object(Table::PaymentMethods, "details"),
    Personal::text(Table::Claims, "note"),
    Personal::text(Table::Claims, "reason"),
    Personal::object(Table::ClaimLinks, "metadata"),
];

/// Counts erasures whose traces may still be in the files. In the same transaction, so that none is forgotten.
const MARK: &str = "
    WITH q(scope, name, value) AS ({set})
    INSERT INTO counters (scope, name, value) SELECT scope, name, value FROM q WHERE scope IS NOT NULL
    ON CONFLICT (scope, name) DO UPDATE SET value = counters.value + excluded.value";

fn marks(count: i64) -> Set<'static> {
    let row = [Uuid::nil().into(), "unscrubbed".into(), Value::from(count)];
    Set::of(&[Type::Uuid, Type::Text, Type::Int], [row])
}

/// That the file was written anew. Its log is still to be cut.
#[derive(Debug)]
pub struct Rewritten {
    /// Of how many erasures it has the traces no more.
    seen: i64,
}

impl Store {
    /// How many erasures may have left traces in the files of the embedded database. Postgres looks after its own.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn unscrubbed(&self) -> Result<i64> {
        const READ: &str = "
            WITH q(scope, name, value) AS ({set})
            SELECT c.value FROM q CROSS JOIN counters AS c WHERE c.scope = q.scope AND c.name = q.name";
        let rows: Vec<(i64,)> = self.read(READ, marks(0)).await?;
        Ok(rows.first().map_or(0, |it| it.0))
    }

    /// Writes the embedded database's file anew, if erasures may have left traces in it.
    ///
    /// What is deleted is overwritten where it was, but a page that was split once has copies of rows beyond its end. The
    /// traces are gone once the write-ahead log, which has pages as they were, is cut as well: see [`Store::cut_log`].
    ///
    /// # Errors
    ///
    /// Those of the database; the traces are then still to be taken out.
    pub async fn rewrite(&self) -> Result<Option<Rewritten>> {
        let seen = self.unscrubbed().await?;
        if seen == 0 {
            return Ok(None);
        }
        let mut connection = self.db.write.borrow().await?;
        if let Backend::Sqlite(it) = connection.conn()
            && let Err(error) = sqlx::raw_sql("VACUUM").execute(&mut *it).await
        {
            // What it had written of the file when it failed is in the log, which may have filled the disk.
            drop(cut(it).await);
            return Err(error.into());
        }
        connection.give_back();
        Ok(Some(Rewritten { seen }))
    }

    /// Cuts the write-ahead log to nothing after the file was written anew; answers whether that is done. Where somebody
    /// still reads what was before, it is not, and writers do not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the database. The file need not be written anew for that.
    pub async fn cut_log(&self, of: &Rewritten) -> Result<bool> {
        let mut connection = self.db.write.borrow().await?;
        let is_cut = match connection.conn() {
            Backend::Postgres(_) => true,
            Backend::Sqlite(it) => cut(it).await?,
        };
        connection.give_back();
        if is_cut {
            // What was erased since is still to be done.
            self.write::<(i64,)>(MARK, marks(-of.seen)).await?;
        }
        Ok(is_cut)
    }

    /// Forgets names whose hold is over and that are for nobody, and so of whom they were.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn forget_names(&self, now_us: i64) -> Result<()> {
        const ANY: &str = "
            WITH q(now_us) AS ({set})
            SELECT 1 FROM q CROSS JOIN unique_keys AS k WHERE k.owner IS NULL AND k.held_until_us <= q.now_us LIMIT 1";
        const FORGET: &str = "
            WITH q(now_us) AS ({set})
            DELETE FROM unique_keys WHERE owner IS NULL AND held_until_us <= (SELECT max(now_us) FROM q)
              AND (scope, kind, key) IN (
                SELECT scope, kind, key FROM unique_keys
                WHERE owner IS NULL AND held_until_us <= (SELECT max(now_us) FROM q) LIMIT 1000)";
        let now = || Set::of(&[Type::Int], [[now_us.into()]]);
        while !self.read::<(i32,)>(ANY, now()).await?.is_empty() {
            self.in_time(STATEMENT_TIMEOUT, async {
                let mut tx = self.db.begin_alone().await?;
                tx.conn().run(FORGET, now()).await?;
                // Together, so that the file is not written anew between the two.
                if self.is_embedded() {
                    tx.conn().run(MARK, marks(1)).await?;
                }
                tx.commit(Vec::new()).await
            })
            .await?;
        }
        Ok(())
    }
}

/// Brings everything of the write-ahead log into the file and cuts it to nothing, unless somebody reads what was before.
async fn cut(connection: &mut SqliteConnection) -> Result<bool> {
    // Writers wait behind this one: no longer than they would notice.
    sqlx::raw_sql("PRAGMA busy_timeout = 200").execute(&mut *connection).await?;
    let (busy, ..): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await?;
    sqlx::raw_sql("PRAGMA busy_timeout = 5000").execute(&mut *connection).await?;
    Ok(busy == 0)
}
