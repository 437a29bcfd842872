//! Opening a database, bringing its schema up to date, and refusing one that is not safe.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::migrate::{MigrateError, Migrator};
use tokio::sync::Semaphore;

use super::Store;
use super::backend::{Backend, Db, POSTGRES, SQLITE, on};
use super::set::{Set, Type};
use crate::domain::{Error, Result};

/// How the database's schema stands to this program's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schema {
    /// The same.
    Current,
    /// Migrations are missing.
    Older,
    /// A newer program has been here, or one that is not this.
    Newer,
}

/// How much of a pool is in use.
#[derive(Clone, Copy, Debug)]
pub struct PoolUse {
    /// Which pool.
    pub pool: &'static str,
    /// Connections that are open.
    pub open: u32,
    /// Open connections that nobody uses.
    pub idle: usize,
}

impl Store {
    /// A store over the database at `sqlite:<file>` or `postgres://…`. It is connected to when first needed.
    ///
    /// # Errors
    ///
    /// Where the URL is of neither.
    pub fn open(url: &str) -> Result<Self> {
        Ok(Self { db: Db::open(url)?, courier_writes: Arc::new(Semaphore::new(1)) })
    }

    /// Whether it is the embedded database.
    #[must_use]
    pub const fn is_embedded(&self) -> bool {
        matches!(self.db.scan, Backend::Sqlite(_))
    }

    /// The file of the embedded database, if it is that.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match &self.db.write.pool {
            Backend::Sqlite(pool) => Some(pool.connect_options().get_filename().to_owned()),
            Backend::Postgres(_) => None,
        }
    }

    /// Whether the database answers and can be written to.
    ///
    /// # Errors
    ///
    /// [`Error::DatabaseUnavailable`] and why.
    pub async fn ping(&self) -> Result<()> {
        const CAN_WRITE: &str = "WITH q(n) AS ({set}) SELECT current_setting('transaction_read_only') FROM q";
        const ANSWERS: &str = "WITH q(n) AS ({set}) SELECT 'off' FROM q CROSS JOIN logs LIMIT 1";
        let sql = if self.is_embedded() { ANSWERS } else { CAN_WRITE };
        let rows: Vec<(String,)> = self.read(sql, Set::of(&[Type::Int], [[1_i64.into()]])).await?;
        let read_only = rows.first().is_some_and(|it| it.0 == "on");
        if read_only {
            return Err(Error::unavailable("the database is read-only: a standby?"));
        }
        Ok(())
    }

    /// Whether the database has a table of that name.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn has_table(&self, name: &str) -> Result<bool> {
        Ok(match &self.db.write.pool {
            Backend::Postgres(pool) => {
                sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(name).fetch_one(pool).await?
            }
            // To look is not to make the file.
            Backend::Sqlite(pool) if !pool.connect_options().get_filename().exists() => false,
            Backend::Sqlite(pool) => {
                let look = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = $1)";
                sqlx::query_scalar(look).bind(name).fetch_one(pool).await?
            }
        })
    }

    /// How the schema stands. Changes nothing.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn schema(&self) -> Result<Schema> {
        const APPLIED: &str = "SELECT version FROM _sqlx_migrations";
        let is_there = self.has_table("_sqlx_migrations").await?;
        let (applied, known): (Vec<i64>, &Migrator) = match &self.db.write.pool {
            Backend::Postgres(pool) => (
                if is_there { sqlx::query_scalar(APPLIED).fetch_all(pool).await? } else { Vec::new() },
                &POSTGRES,
            ),
            Backend::Sqlite(pool) => (
                if is_there { sqlx::query_scalar(APPLIED).fetch_all(pool).await? } else { Vec::new() },
                &SQLITE,
            ),
        };
        let known: Vec<i64> = known.iter().map(|it| it.version).collect();
        Ok(if applied.iter().any(|it| !known.contains(it)) {
            Schema::Newer
        } else if applied.len() < known.len() {
            Schema::Older
        } else {
            Schema::Current
        })
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn migrate(&self) -> Result<()> {
        match &self.db.write.pool {
            Backend::Postgres(pool) => {
                // However long it takes: building an index over a big table is no query that hangs.
                let mut connection = pool.acquire().await?;
                connection.close_on_drop();
                let limits = "SET statement_timeout = 0; SET lock_timeout = 0";
                sqlx::raw_sql(limits).execute(&mut *connection).await?;
                POSTGRES.run(&mut *connection).await
            }
            Backend::Sqlite(pool) => SQLITE.run(pool).await,
        }
        .map_err(of_migration)
    }

    /// What makes the database unsafe to keep money's records in, if anything does.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn unsafe_storage(&self) -> Result<Vec<String>> {
        match &self.db.write.pool {
            Backend::Postgres(pool) => {
                let sql = "SELECT name, setting FROM pg_settings WHERE setting = 'off'
                           AND name IN ('fsync', 'full_page_writes', 'synchronous_commit')";
                let off: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(pool).await?;
                Ok(off
                    .into_iter()
                    .map(|(name, setting)| format!("Postgres has `{name}` {setting}"))
                    .collect())
            }
            Backend::Sqlite(pool) => {
                let mut connection = pool.acquire().await?;
                let (version,): (String,) =
                    sqlx::query_as("SELECT sqlite_version()").fetch_one(&mut *connection).await?;
                let (journal,): (String,) =
                    sqlx::query_as("PRAGMA journal_mode").fetch_one(&mut *connection).await?;
                let (synchronous,): (i64,) =
                    sqlx::query_as("PRAGMA synchronous").fetch_one(&mut *connection).await?;
                Ok(sqlite_faults(&version, &journal, synchronous))
            }
        }
    }

    /// How much of each pool is in use.
    #[must_use]
    pub fn pool_use(&self) -> [PoolUse; 3] {
        let [read, write] = [&self.db.read, &self.db.write];
        let open = |pool: &super::backend::Pool| on!(pool, |pool| pool.size());
        [
            PoolUse { pool: "read", open: open(&read.pool), idle: read.idle() },
            PoolUse {
                pool: "scan",
                open: open(&self.db.scan),
                idle: on!(&self.db.scan, |pool| pool.num_idle()),
            },
            PoolUse { pool: "write", open: open(&write.pool), idle: write.idle() },
        ]
    }

    /// Ends every connection, once it is free.
    pub async fn close(&self) {
        self.db.read.close().await;
        self.db.write.close().await;
        on!(&self.db.scan, |pool| pool.close().await);
    }
}

fn sqlite_faults(version: &str, journal: &str, synchronous: i64) -> Vec<String> {
    let number = |text: &str| text.split('.').map(|it| it.parse().unwrap_or(0)).collect::<Vec<u32>>();
    let mut faults = Vec::new();
    if number(version) < vec![3, 51, 3] {
        faults.push(format!("SQLite is {version}, older than 3.51.3"));
    }
    if journal != "wal" {
        faults.push(format!("SQLite keeps its journal as `{journal}`, not `wal`"));
    }
    if synchronous < 2 {
        faults.push("SQLite does not wait for the disk: `synchronous` is less than FULL".to_owned());
    }
    faults
}

fn of_migration(error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(error) => error.into(),
        other => Error::internal(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_settings_of_sqlite_are_named() {
        assert!(sqlite_faults("3.51.3", "wal", 2).is_empty());
        assert!(sqlite_faults("3.100.0", "wal", 3).is_empty());
        assert_eq!(sqlite_faults("3.40.1", "delete", 1).len(), 3);
        assert_eq!(sqlite_faults("3.51.2", "wal", 2).len(), 1);
    }
}
