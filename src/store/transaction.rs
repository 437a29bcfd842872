//! The one kind of transaction there is: it begins with its locks and ends with its writes.

use super::backend::{Backend, Conn, Db, on};
use super::kept::Borrowed;
use super::set::{Fetched, Part, Set};
use crate::domain::Result;

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
                sqlx::raw_sql("COMMIT").execute(it).await?;
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
    /// Begins a transaction that may write, and reads the rows whose locks it needs.
    ///
    /// On SQLite the one write lock is taken at once (`BEGIN IMMEDIATE`): a transaction that reads first and writes later
    /// can fail with `SQLITE_BUSY_SNAPSHOT`, which no timeout waits for.
    pub(super) async fn begin<T: Fetched>(&self, locked: &str, set: Set<'_>) -> Result<(Tx, Vec<T>)> {
        let mut borrowed = self.write.borrow().await?;
        let rows = match borrowed.conn() {
            Backend::Postgres(it) => {
                sqlx::raw_sql("BEGIN").execute(&mut *it).await?;
                Conn::Postgres(it).fetch(&format!("{locked} FOR UPDATE OF l"), set).await?
            }
            conn @ Backend::Sqlite(_) => conn.fetch(&format!("BEGIN IMMEDIATE; {locked}"), set).await?,
        };
        Ok((Tx(borrowed), rows))
    }
}
