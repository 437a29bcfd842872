//! Rows that travel to the database together, as one set in one statement.
//!
//! A statement that takes a set is written once, for both databases, around a first `WITH q(…) AS ({set})`. To Postgres
//! the set goes as one array a column, through UNNEST; to SQLite as VALUES, filled up with rows of NULL to a power of
//! two so that there are few statements to prepare. Every statement skips or never matches rows of NULL.

use std::fmt::Write as _;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, FromRow, Type as SqlType, query_as_with, query_with};
use uuid::Uuid;

use super::backend::{Backend, Conn};
use crate::domain::{Error, Result};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Uuid,
    Int,
    Text,
    Bytes,
}

/// A value of a column.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Uuid(Uuid),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

macro_rules! values {
    ($($from:ty => $variant:ident),+) => {
        $(impl From<$from> for Value {
            fn from(it: $from) -> Self {
                Self::$variant(it.into())
            }
        })+
    };
}
values!(Uuid => Uuid, i64 => Int, String => Text, &str => Text, Vec<u8> => Bytes, [u8; 32] => Bytes);

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(it: Option<T>) -> Self {
        it.map_or(Self::Null, Into::into)
    }
}

/// What a row of either database can be read as: a tuple, by position.
pub(super) trait Fetched:
    for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin
{
}
impl<T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin> Fetched for T {}

/// Rows of the same columns.
#[derive(Clone, Debug)]
pub(super) struct Set<'a> {
    types: &'a [Type],
    values: Vec<Value>,
}

impl<'a> Set<'a> {
    pub(super) const fn new(types: &'a [Type]) -> Self {
        Self { types, values: Vec::new() }
    }

    /// The set of many rows.
    pub(super) fn of<const N: usize>(types: &'a [Type; N], rows: impl IntoIterator<Item = [Value; N]>) -> Self {
        let mut set = Self::new(types);
        set.extend(rows);
        set
    }

    pub(super) fn extend<R: IntoIterator<Item = Value>>(&mut self, rows: impl IntoIterator<Item = R>) {
        self.values.extend(rows.into_iter().flatten());
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    const fn len(&self) -> usize {
        self.values.len() / self.types.len()
    }

    fn for_postgres(self, sql: &str) -> Result<(String, PgArguments)> {
        let mut source = String::from("SELECT * FROM UNNEST(");
        for (at, kind) in self.types.iter().enumerate() {
            let array = match kind {
                Type::Uuid => "uuid",
                Type::Int => "int8",
                Type::Text => "text",
                Type::Bytes => "bytea",
            };
            let _ = write!(source, "{}${}::{array}[]", if at == 0 { "" } else { ", " }, at + 1);
        }
        source.push(')');
        let mut columns: Vec<Vec<Value>> = self.types.iter().map(|_| Vec::with_capacity(self.len())).collect();
        let width = self.types.len();
        for (at, value) in self.values.into_iter().enumerate() {
            columns[at % width].push(value);
        }
        let mut arguments = PgArguments::default();
        for (kind, column) in self.types.iter().zip(columns) {
            add_array(&mut arguments, *kind, column)?;
        }
        Ok((sql.replacen("{set}", &source, 1), arguments))
    }

    fn for_sqlite(mut self, sql: &str) -> Result<(String, SqliteArguments)> {
        let rows = self.len().next_power_of_two();
        self.values.resize(rows * self.types.len(), Value::Null);
        let row = format!("({})", vec!["?"; self.types.len()].join(","));
        let source = format!("VALUES {}", vec![row; rows].join(","));
        let mut arguments = SqliteArguments::default();
        arguments.reserve(self.values.len(), 0);
        for value in self.values {
            add(&mut arguments, value)?;
        }
        Ok((sql.replacen("{set}", &source, 1), arguments))
    }
}

/// One value, to a statement that takes its values one by one.
fn add<A: Arguments>(arguments: &mut A, value: Value) -> Result<()>
where
    Uuid: Encode<'static, A::Database> + SqlType<A::Database>,
    i64: Encode<'static, A::Database> + SqlType<A::Database>,
    String: Encode<'static, A::Database> + SqlType<A::Database>,
    Vec<u8>: Encode<'static, A::Database> + SqlType<A::Database>,
    Option<i64>: Encode<'static, A::Database> + SqlType<A::Database>,
{
    match value {
        Value::Null => arguments.add(None::<i64>),
        Value::Uuid(it) => arguments.add(it),
        Value::Int(it) => arguments.add(it),
        Value::Text(it) => arguments.add(it),
        Value::Bytes(it) => arguments.add(it),
    }
    .map_err(Error::internal)
}

/// A column of values as one array.
fn add_array(arguments: &mut PgArguments, kind: Type, column: Vec<Value>) -> Result<()> {
    macro_rules! array {
        ($variant:ident) => {
            arguments.add(
                column
                    .into_iter()
                    .map(|it| if let Value::$variant(it) = it { Some(it) } else { None })
                    .collect::<Vec<_>>(),
            )
        };
    }
    match kind {
        Type::Uuid => array!(Uuid),
        Type::Int => array!(Int),
        Type::Text => array!(Text),
        Type::Bytes => array!(Bytes),
    }
    .map_err(Error::internal)
}

impl Conn<'_> {
    /// Runs a statement with a set, and reads what it returns.
    pub(super) async fn fetch<T: Fetched>(self, sql: &str, set: Set<'_>) -> Result<Vec<T>> {
        Ok(match self {
            Backend::Postgres(connection) => {
                let (sql, arguments) = set.for_postgres(sql)?;
                query_as_with(AssertSqlSafe(sql), arguments).fetch_all(connection).await?
            }
            Backend::Sqlite(connection) => {
                let (sql, arguments) = set.for_sqlite(sql)?;
                query_as_with(AssertSqlSafe(sql), arguments).fetch_all(connection).await?
            }
        })
    }

    /// Runs a statement with a set. An empty set is nothing to do.
    pub(super) async fn run(self, sql: &str, set: Set<'_>) -> Result<()> {
        if set.is_empty() {
            return Ok(());
        }
        match self {
            Backend::Postgres(connection) => {
                let (sql, arguments) = set.for_postgres(sql)?;
                query_with(AssertSqlSafe(sql), arguments).execute(connection).await?;
            }
            Backend::Sqlite(connection) => {
                let (sql, arguments) = set.for_sqlite(sql)?;
                query_with(AssertSqlSafe(sql), arguments).execute(connection).await?;
            }
        }
        Ok(())
    }

    /// Runs a statement with single values, and reads what it returns. Not kept prepared: its text varies.
    pub(super) async fn select<T: Fetched>(self, sql: String, values: Vec<Value>) -> Result<Vec<T>> {
        Ok(match self {
            Backend::Postgres(connection) => {
                let mut arguments = PgArguments::default();
                values.into_iter().try_for_each(|it| add(&mut arguments, it))?;
                query_as_with(AssertSqlSafe(sql), arguments).persistent(false).fetch_all(connection).await?
            }
            Backend::Sqlite(connection) => {
                let mut arguments = SqliteArguments::default();
                values.into_iter().try_for_each(|it| add(&mut arguments, it))?;
                query_as_with(AssertSqlSafe(sql), arguments).persistent(false).fetch_all(connection).await?
            }
        })
    }
}
