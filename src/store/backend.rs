//! The two databases, and everything that is different about them.

use std::str::FromStr;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::migrate::Migrator;
use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgPoolOptions, PgSeverity};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool};

use super::kept::Kept;
use crate::domain::{Error, Result};

pub(super) static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
pub(super) static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// A thing of either database: a pool, a connection.
#[derive(Clone, Debug)]
pub(super) enum Backend<P, S> {
    Postgres(P),
    Sqlite(S),
}

pub(super) type Pool = Backend<PgPool, SqlitePool>;
pub(super) type Conn<'a> = Backend<&'a mut PgConnection, &'a mut SqliteConnection>;
pub(super) type OwnConn = Backend<PoolConnection<Postgres>, PoolConnection<Sqlite>>;

/// Evaluates an expression with `$x` bound to whichever database it is.
///
/// The expression is written once and compiled twice, once for each database, so each half is checked and fast on its
/// own.
macro_rules! on {
    ($backend:expr, |$x:ident| $body:expr) => {
        match $backend {
            $crate::store::backend::Backend::Postgres($x) => $body,
            $crate::store::backend::Backend::Sqlite($x) => $body,
        }
    };
}
pub(super) use on;

/// A database, connected to when it is first needed.
///
/// SQLite takes one writer at a time, so its writes queue here for the one writing connection and never meet
/// `SQLITE_BUSY` from this process. Point look-ups and scans have connections of their own, so that a slow list never
/// delays a look-up.
#[derive(Clone, Debug)]
pub(super) struct Db {
    pub(super) read: Kept,
    pub(super) scan: Pool,
    pub(super) write: Kept,
}

/// How long a statement may run. On SQLite only scans need watching.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);

impl Db {
    /// Opens `sqlite:<file>` or `postgres://…`. Nothing is read or written yet.
    pub(super) fn open(url: &str) -> Result<Self> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Ok(Self::open_postgres(PgConnectOptions::from_str(url).map_err(Error::internal)?));
        }
        if !url.starts_with("sqlite:") || url.contains(":memory:") || url.contains("mode=memory") {
            return Err(Error::internal("the database URL must be `sqlite:<file>` or `postgres://…`"));
        }
        Ok(Self::open_sqlite(SqliteConnectOptions::from_str(url).map_err(Error::internal)?))
    }

    fn open_postgres(options: PgConnectOptions) -> Self {
        // Every query here is meant to go by an index. Told so, the planner does not choose otherwise while its
        // statistics are those of an empty table.
        let options = options.application_name("purser").statement_cache_capacity(512).options([
            ("statement_timeout", "4s"),
            ("idle_in_transaction_session_timeout", "5s"),
            ("lock_timeout", "2s"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("jit", "off"),
        ]);
        let pool = |connections| {
            Backend::Postgres(
                PgPoolOptions::new()
                    .max_connections(connections)
                    .acquire_timeout(Duration::from_secs(1))
                    .test_before_acquire(false)
                    .after_connect(|connection, _| Box::pin(require_writes(connection)))
                    .before_acquire(|connection, idle| {
                        Box::pin(async move { Ok(answers(connection, idle).await) })
                    })
                    .connect_lazy_with(options.clone()),
            )
        };
        Self { read: Kept::new(pool(4), 4), scan: pool(4), write: Kept::new(pool(2), 2) }
    }

    fn open_sqlite(options: SqliteConnectOptions) -> Self {
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(512)
            .row_buffer_size(512)
            .pragma("secure_delete", "ON")
            .pragma("wal_autocheckpoint", "8000")
            .pragma("cache_size", "-8000");
        // The readers of look-ups keep what is asked for most.
        let looking = options.clone().read_only(true).pragma("cache_size", "-16000");
        let pool = |connections, options: SqliteConnectOptions| {
            Backend::Sqlite(
                SqlitePoolOptions::new()
                    .max_connections(connections)
                    .idle_timeout(None)
                    .max_lifetime(None)
                    .test_before_acquire(false)
                    .acquire_timeout(Duration::from_secs(5))
                    .connect_lazy_with(options),
            )
        };
        let scanning = options.clone().read_only(true);
        // The writer's statements are long, and few.
        let writing = options.pragma("cache_size", "-16000").statement_cache_capacity(64);
        let writing = match folder_of(&writing) {
            // Else the copy that is made when the file is written anew would be in `/var/tmp`: on another disk, which may be
            // too small, or not be meant for what is in it.
            Some(folder) => writing.pragma("temp_store_directory", folder),
            None => writing,
        };
        Self {
            read: Kept::new(pool(2, looking), 2),
            scan: pool(2, scanning),
            write: Kept::new(pool(1, writing), 1),
        }
    }
}

/// The folder of the file, as SQL.
fn folder_of(options: &SqliteConnectOptions) -> Option<String> {
    let file = std::path::absolute(options.get_filename()).ok()?;
    Some(format!("'{}'", file.parent()?.to_str()?.replace('\'', "''")))
}

/// Refuses a server that only reads. A standby lags behind: what it answers may be older than what was acknowledged, and a
/// connection that has found its way there during a failover would stay. What is promoted later takes writes by then.
async fn require_writes(connection: &mut PgConnection) -> sqlx::Result<()> {
    let read_only: String = sqlx::query_scalar("SHOW transaction_read_only").fetch_one(connection).await?;
    if read_only == "on" {
        return Err(sqlx::Error::Protocol("the server only reads: a standby?".to_owned()));
    }
    Ok(())
}

/// Whether a connection that lay idle for a while is still there.
async fn answers(connection: &mut PgConnection, idle: PoolConnectionMetadata) -> bool {
    const WHILE: Duration = Duration::from_secs(1);
    const LIMIT: Duration = Duration::from_millis(500);
    idle.idle_for < WHILE || matches!(tokio::time::timeout(LIMIT, connection.ping()).await, Ok(Ok(())))
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(db) => match kind(&**db) {
                Kind::Contention => Self::Contended,
                Kind::Slow => Self::Overloaded,
                Kind::Unavailable => Self::unavailable(error),
                Kind::Fault => Self::internal(error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}

enum Kind {
    /// It would have worked without the other writers.
    Contention,
    /// It took too long.
    Slow,
    /// The database cannot do it now, and will again.
    Unavailable,
    /// It should not have happened.
    Fault,
}

fn kind(error: &dyn DatabaseError) -> Kind {
    let Some(code) = error.code() else { return Kind::Fault };
    if error.is_unique_violation() {
        return Kind::Contention;
    }
    if let Ok(code) = code.parse::<u32>().map(|it| it & 0xff)
        && error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some()
    {
        // BUSY and LOCKED; INTERRUPT; READONLY, IOERR, FULL, CANTOPEN. The low byte is the primary code.
        return match code {
            5 | 6 => Kind::Contention,
            9 => Kind::Slow,
            8 | 10 | 13 | 14 => Kind::Unavailable,
            _ => Kind::Fault,
        };
    }
    // The server has ended the connection, or let none begin, whatever it calls that: on a full disk, for one, `XX000`. But who
    // may not connect, or names no database, is not helped by waiting.
    let ended = |it: &PgDatabaseError| matches!(it.severity(), PgSeverity::Fatal | PgSeverity::Panic);
    let is_refused = code.starts_with("28") || code.starts_with("3D");
    if !is_refused && error.try_downcast_ref::<PgDatabaseError>().is_some_and(ended) {
        return Kind::Unavailable;
    }
    match &*code {
        // Serialization failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => Kind::Contention,
        "57014" => Kind::Slow,
        // Read-only (a standby), out of disk, memory or connections, shutting down or starting, no reading or writing of files,
        // connection lost.
        "25006" | "53100" | "53200" | "53300" | "57P01" | "57P02" | "57P03" | "58030" => Kind::Unavailable,
        code if code.starts_with("08") => Kind::Unavailable,
        _ => Kind::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_databases_have_the_same_migrations() {
        let names = |m: &Migrator| m.iter().map(|m| (m.version, m.description.clone())).collect::<Vec<_>>();
        assert_eq!(names(&POSTGRES), names(&SQLITE));
    }

    #[test]
    fn a_url_of_neither_database_is_refused() {
        for url in ["", "mysql://x", "purser.db", "sqlite::memory:", "sqlite:x?mode=memory"] {
            assert!(Db::open(url).is_err(), "{url}");
        }
    }
}
