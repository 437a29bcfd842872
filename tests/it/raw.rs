//! The database itself, beside the store: to see what is there, and to harm it.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::harness::{Database, On};

/// A connection of the test's own.
pub enum Raw {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Raw {
    pub async fn open(database: &Database) -> Self {
        if database.url.starts_with("sqlite:") {
            Self::Sqlite(SqliteConnection::connect(&database.url).await.unwrap())
        } else {
            Self::Postgres(PgConnection::connect(&database.url).await.unwrap())
        }
    }

    pub const fn on(&self) -> On {
        match self {
            Self::Postgres(_) => On::Postgres,
            Self::Sqlite(_) => On::Sqlite,
        }
    }

    /// Runs a statement, and answers how many rows it touched.
    pub async fn run(&mut self, sql: &str) -> u64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(it) => sqlx::query(sql).execute(it).await.unwrap().rows_affected(),
            Self::Sqlite(it) => sqlx::query(sql).execute(it).await.unwrap().rows_affected(),
        }
    }

    pub async fn rows<T>(&mut self, sql: &str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(it) => sqlx::query_as(sql).fetch_all(it).await.unwrap(),
            Self::Sqlite(it) => sqlx::query_as(sql).fetch_all(it).await.unwrap(),
        }
    }

    /// How a query goes, as the store's own connections have it: `{id}` in it is the id of somebody.
    pub async fn plan(&mut self, query: &str) -> String {
        match self.on() {
            On::Sqlite => {
                let query = query.replace("{id}", "x'00000000000000000000000000000001'");
                let steps: Vec<(i64, i64, i64, String)> =
                    self.rows(&format!("EXPLAIN QUERY PLAN {query}")).await;
                steps.into_iter().map(|it| it.3).collect::<Vec<_>>().join("\n")
            }
            On::Postgres => {
                self.run("SET enable_seqscan = off").await;
                let query = query.replace("{id}", "'00000000-0000-0000-0000-000000000001'");
                let steps: Vec<(String,)> = self.rows(&format!("EXPLAIN {query}")).await;
                steps.into_iter().map(|it| it.0).collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// The one number that a query answers.
    pub async fn number(&mut self, sql: &str) -> i64 {
        self.rows::<(i64,)>(sql).await[0].0
    }

    /// Everything that a Change can touch, as text: equal before and after what left nothing behind.
    ///
    /// The end of a log's chain stands for every event in it.
    pub async fn picture(&mut self) -> String {
        let logs: Vec<(Uuid, i64, i64, Vec<u8>)> =
            self.rows("SELECT id, last_sequence, last_us, chain FROM logs ORDER BY id").await;
        let keys: Vec<(Uuid, String, String, Option<Uuid>, Option<i64>)> = self
            .rows("SELECT scope, kind, key, owner, held_until_us FROM unique_keys ORDER BY scope, kind, key")
            .await;
        let requests: Vec<(Uuid, String, i64)> =
            self.rows("SELECT scope, id, sequence FROM requests ORDER BY scope, id").await;
        let counters: Vec<(Uuid, String, i64)> =
            self.rows("SELECT scope, name, value FROM counters ORDER BY scope, name").await;
        let mut rows: Vec<(Uuid, i64, String)> = Vec::new();
        for table in ["organizations", "domains", "api_keys", "customers"] {
            rows.extend(self.rows(&format!("SELECT id, sequence, body FROM {table} ORDER BY id")).await);
        }
        let search: Vec<(Uuid, String)> =
            self.rows("SELECT customer_id, text FROM customer_search ORDER BY customer_id").await;
        let events = self.number("SELECT count(*) FROM events").await;
        format!("{logs:?} {keys:?} {requests:?} {counters:?} {rows:?} {search:?} {events}")
    }
}
