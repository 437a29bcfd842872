//! One view of the whole database.

use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};
use uuid::Uuid;

use crate::domain::{Error, Result, Table};
use crate::store::backend::{Backend, Conn, Pool, on};
use crate::store::select::Select;
use crate::store::set::Fetched;

/// A transaction that reads, in which everything stays as it was when it began.
pub(super) struct Snapshot(Backend<Transaction<'static, Postgres>, Transaction<'static, Sqlite>>);

impl Snapshot {
    pub(super) async fn begin(pool: &Pool) -> Result<Self> {
        Ok(Self(match pool {
            Backend::Postgres(pool) => {
                // Without the limits that calls want; a page may be thought about for a while.
                let settings = "SET LOCAL statement_timeout = 0;
                                SET LOCAL idle_in_transaction_session_timeout = '5min'";
                let mut tx = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
                sqlx::raw_sql(settings).execute(&mut *tx).await?;
                Backend::Postgres(tx)
            }
            Backend::Sqlite(pool) => Backend::Sqlite(pool.begin_with("BEGIN").await?),
        }))
    }

    pub(super) fn conn(&mut self) -> Conn<'_> {
        match &mut self.0 {
            Backend::Postgres(tx) => Backend::Postgres(&mut **tx),
            Backend::Sqlite(tx) => Backend::Sqlite(&mut **tx),
        }
    }

    /// Lets the planner choose what it does not choose for look-ups and pages: whole tables are read from now on.
    pub(super) async fn read_whole_tables(&mut self) -> Result<()> {
        let settings = "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;
                        SET LOCAL enable_mergejoin = on";
        if let Backend::Postgres(tx) = &mut self.0 {
            sqlx::raw_sql(settings).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// The number that a query answers. What cannot be read, such as a body that is no JSON, is a fault as well.
    ///
    /// SQLite reads JSON from a text as it is: `::json` is for Postgres alone.
    pub(super) async fn count(&mut self, what: &str, sql: &str) -> Result<i64> {
        let sql = match self.0 {
            Backend::Postgres(_) => sql.to_owned(),
            Backend::Sqlite(_) => sql.replace("::json", ""),
        };
        let counted: sqlx::Result<i64> = on!(&mut self.0, |tx| {
            sqlx::raw_sql("SAVEPOINT asked").execute(&mut **tx).await?;
            let counted = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut **tx).await;
            if matches!(counted, Err(sqlx::Error::Database(_))) {
                sqlx::raw_sql("ROLLBACK TO SAVEPOINT asked").execute(&mut **tx).await?;
            }
            sqlx::raw_sql("RELEASE SAVEPOINT asked").execute(&mut **tx).await?;
            counted
        });
        match counted.map_err(Error::from) {
            Err(Error::Internal(cause)) => {
                tracing::error!(check = what, %cause, "what is stored cannot be read");
                Ok(1)
            }
            counted => counted,
        }
    }

    /// What a list finds.
    pub(super) async fn list<T: Fetched>(&mut self, select: Select) -> Result<Vec<T>> {
        self.conn().list(select).await
    }

    /// The rows of a table that come after one, in the order of their ids: id, sequence and body.
    pub(super) async fn page(
        &mut self,
        table: Table,
        after: Uuid,
        size: i64,
    ) -> Result<Vec<(Uuid, i64, String)>> {
        let mut select = Select::new("t.id, t.sequence, t.body", table.as_str());
        let (after, size) = (select.bind(after), select.bind(size));
        select.and(&format!("t.id > {after}"));
        select.ordered("t.id");
        select.limited(&size);
        self.list(select).await
    }

    /// How much of the embedded database's file is broken, by its own account.
    pub(super) async fn file(&mut self) -> Result<Option<i64>> {
        let Backend::Sqlite(tx) = &mut self.0 else { return Ok(None) };
        let told: Vec<(String,)> = sqlx::query_as("PRAGMA integrity_check").fetch_all(&mut **tx).await?;
        let broken = told.iter().filter(|it| it.0 != "ok").count();
        i64::try_from(broken).map(Some).map_err(Error::internal)
    }
}
