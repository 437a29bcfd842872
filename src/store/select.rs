//! Lists: one SELECT, put together from the filters that are there.

use std::fmt::Write as _;
use std::time::Instant;

use super::Store;
use super::backend::{Backend, Conn, STATEMENT_TIMEOUT};
use super::set::{Fetched, Value};
use crate::domain::{Error, PageRequest, Result};

/// A SELECT that grows condition by condition. Text comes from this crate only; every value is bound.
#[derive(Clone, Debug, Default)]
pub(super) struct Select {
    text: String,
    values: Vec<Value>,
}

impl Select {
    /// `SELECT columns FROM table AS t WHERE true`.
    pub(super) fn new(columns: &str, table: &str) -> Self {
        Self { text: format!("SELECT {columns} FROM {table} AS t WHERE true"), values: Vec::new() }
    }

    /// What it says, where that is put together otherwise, of the places that it has given.
    pub(super) fn say(&mut self, text: String) {
        self.text = text;
    }

    /// A place for a value.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Another condition.
    pub(super) fn and(&mut self, condition: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
    }

    /// A column has a value.
    pub(super) fn equals(&mut self, column: &str, value: impl Into<Value>) {
        let value = self.bind(value);
        self.and(&format!("t.{column} = {value}"));
    }

    /// A column has one of several values; none says nothing. One alone leads on in an index that is in the order of the list.
    pub(super) fn among<V: Into<Value>>(&mut self, column: &str, values: impl IntoIterator<Item = V>) {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        match values.len() {
            0 => {}
            1 => values.into_iter().for_each(|it| self.equals(column, it)),
            _ => {
                let values = self.list(values);
                self.and(&format!("t.{column} IN {values}"));
            }
        }
    }

    /// Everything that is found, in an order.
    pub(super) fn ordered(&mut self, columns: &str) {
        let _ = write!(self.text, " ORDER BY {columns}");
    }

    /// At most so many.
    pub(super) fn limited(&mut self, limit: &str) {
        let _ = write!(self.text, " LIMIT {limit}");
    }

    /// The places of several values, in parentheses.
    pub(super) fn list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> String {
        let places: Vec<_> = values.into_iter().map(|it| self.bind(it)).collect();
        format!("({})", places.join(", "))
    }

    /// The page after a position, in the order of creation, and one row more to learn whether another follows.
    pub(super) fn page(&mut self, page: &PageRequest, newest_first: bool) {
        let (sign, order) = if newest_first == page.backwards { (">", "ASC") } else { ("<", "DESC") };
        if let Some(after) = page.after {
            let (create_us, id) = (self.bind(after.create_us), self.bind(after.id));
            self.and(&format!("(t.create_us, t.id) {sign} ({create_us}, {id})"));
        }
        let limit = self.bind(i64::from(page.size) + 1);
        let _ = write!(self.text, " ORDER BY t.create_us {order}, t.id {order} LIMIT {limit}");
        if page.skip > 0 {
            let skip = self.bind(i64::from(page.skip));
            let _ = write!(self.text, " OFFSET {skip}");
        }
    }

    /// Counts what would be selected, up to a bound.
    pub(super) fn counted(mut self, bound: i64) -> Self {
        let bound = self.bind(bound);
        self.text = format!("SELECT count(*) FROM ({} LIMIT {bound}) AS counted", self.text);
        self
    }
}

impl Conn<'_> {
    /// Runs a list where it belongs to a transaction.
    pub(super) async fn list<T: Fetched>(self, select: Select) -> Result<Vec<T>> {
        self.select(select.text, select.values).await
    }
}

impl Store {
    /// Runs a list, on connections of its own, for at most [`STATEMENT_TIMEOUT`].
    pub(super) async fn scan<T: Fetched>(&self, select: Select) -> Result<Vec<T>> {
        self.again(|| self.scan_once(select.clone())).await
    }

    async fn scan_once<T: Fetched>(&self, select: Select) -> Result<Vec<T>> {
        match &self.db.scan {
            Backend::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                let rows = Backend::Postgres::<_, &mut sqlx::SqliteConnection>(&mut *connection)
                    .select(select.text, select.values);
                let rows = self.in_time(STATEMENT_TIMEOUT, rows).await;
                if matches!(rows, Err(Error::DatabaseUnavailable(_))) {
                    // The pool would wait for it to answer.
                    connection.close_on_drop();
                }
                rows
            }
            Backend::Sqlite(pool) => {
                let mut connection = pool.acquire().await?;
                let start = Instant::now();
                let mut handle = connection.lock_handle().await?;
                handle.set_progress_handler(100_000, move || start.elapsed() < STATEMENT_TIMEOUT);
                drop(handle);
                let rows = Backend::Sqlite::<&mut sqlx::PgConnection, _>(&mut *connection)
                    .select(select.text, select.values)
                    .await;
                connection.lock_handle().await?.remove_progress_handler();
                rows
            }
        }
    }
}
