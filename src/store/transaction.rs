//! The one kind of transaction there is: it begins with its locks and ends with its writes.

use super::backend::{Backend, Conn, Db, on};
use super::kept::Borrowed;
use super::set::{Fetched, Part, Set, Type};
use crate::domain::Result;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// A transaction. Dropped before it is committed, it ends with its connection.
#[derive(Debug)]
pub(super) struct Tx(Borrowed);

impl Tx {
    pub(super) fn conn(&mut self) -> Conn<'_> {
        self.0.conn()
    }

    /// Writes and commits.
    pub(super) async fn commit(mut self, writes: Vec<Part<'_>>) -> Result<()> {
        match self.conn() {
            Backend::Postgres(it) => {
                Conn::Postgres(&mut *it).run_all(writes, "").await?;
                // A commit that waits for a standby must not be cancelled: it has taken effect here, and would be
                // answered as if it had not.
                sqlx::raw_sql("SET LOCAL statement_timeout = 0; COMMIT").execute(it).await?;
            }
            conn @ Backend::Sqlite(_) => conn.run_all(writes, "COMMIT").await?,
        }
        self.0.give_back();
        Ok(())
    }

    /// Ends it without a trace, and keeps the connection.
    pub(super) async fn rollback(mut self) -> Result<()> {
        on!(self.conn(), |it| sqlx::raw_sql("ROLLBACK").execute(it).await.map(drop))?;
        self.0.give_back();
        Ok(())
    }
}

impl Db {
    /// Begins a transaction that may write and changes nothing that belongs to a log.
    pub(super) async fn begin_alone(&self) -> Result<Tx> {
        let mut borrowed = self.write.borrow().await?;
        let begin = if matches!(borrowed.conn(), Backend::Sqlite(_)) { "BEGIN IMMEDIATE" } else { "BEGIN" };
        on!(borrowed.conn(), |it| sqlx::raw_sql(begin).execute(it).await.map(drop))?;
        Ok(Tx(borrowed))
    }

    /// Begins a transaction that may write, and reads the rows of `logs`, whose locks it takes in the order of the ids.
    ///
    /// On SQLite the one write lock is taken at once (`BEGIN IMMEDIATE`): a transaction that reads first and writes later
    /// can fail with `SQLITE_BUSY_SNAPSHOT`, which no timeout waits for.
    pub(super) async fn begin<T: Fetched>(&self, columns: &str, logs: &[Uuid]) -> Result<(Tx, Vec<T>)> {
        let mut borrowed = self.write.borrow().await?;
        let rows = match borrowed.conn() {
            Backend::Postgres(it) => {
                // One text without parameters is one question; the ids are their own spelling.
                let ids: Vec<_> = logs.iter().map(|it| format!("'{it}'")).collect();
                let sql = format!(
                    "BEGIN; SELECT {columns} FROM logs AS l WHERE l.id IN ({}) ORDER BY l.id FOR UPDATE",
                    ids.join(", ")
                );
                let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(it).await?;
                rows.iter().map(T::from_row).collect::<sqlx::Result<_>>()?
            }
            conn @ Backend::Sqlite(_) => {
                let sql = format!(
                    "BEGIN IMMEDIATE; WITH q(id) AS ({{set}})
                     SELECT {columns} FROM q CROSS JOIN logs AS l WHERE l.id = q.id"
                );
                conn.fetch(&sql, Set::of(&[Type::Uuid], logs.iter().map(|it| [(*it).into()]))).await?
            }
        };
        Ok((Tx(borrowed), rows))
    }
}
