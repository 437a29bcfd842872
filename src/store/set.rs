//! Rows that travel to the database together, as one set in one statement.
//!
//! A statement that takes a set is written once, for both databases, around a first `WITH q(…) AS ({set})`. To Postgres
//! the set goes as one array a column, through UNNEST; to SQLite as VALUES, filled up with rows of NULL to a power of
//! two so that there are few statements to prepare. Every statement skips or never matches rows of NULL.

use std::borrow::Cow;
use std::fmt::Write as _;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, FromRow, Type as SqlType, query_as_with, query_with};
use uuid::Uuid;

use super::backend::{Backend, Conn};
use crate::domain::{Error, Result};

/// How many values a statement of SQLite takes at most, less some.
const SQLITE_VALUES: usize = 32_000;

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
    numbered: bool,
}

impl<'a> Set<'a> {
    pub(super) const fn new(types: &'a [Type]) -> Self {
        Self { types, values: Vec::new(), numbered: false }
    }

    /// The set of many rows.
    pub(super) fn of<const N: usize>(
        types: &'a [Type; N],
        rows: impl IntoIterator<Item = [Value; N]>,
    ) -> Self {
        let mut set = Self::new(types);
        set.extend(rows);
        set
    }

    /// The same with a last column that counts the rows from 1. It is part of the statement's text and is not sent.
    pub(super) fn numbered(self) -> Self {
        Self { numbered: true, ..self }
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

    /// How many values it is, filled up.
    const fn filled(&self) -> usize {
        self.len().next_power_of_two() * self.types.len()
    }

    /// The same rows in sets that each fit a statement of SQLite. One whose rows are numbered stays whole.
    fn cut(self) -> Vec<Self> {
        if self.numbered || self.filled() <= SQLITE_VALUES {
            return vec![self];
        }
        // A power of two, so that nothing is filled up but the last.
        let rows = (SQLITE_VALUES / self.types.len() + 1).next_power_of_two() / 2;
        let types = self.types;
        let cut = self.values.chunks(rows * types.len());
        cut.map(|it| Self { types, values: it.to_vec(), numbered: false }).collect()
    }

    /// The rows as Postgres takes them, in parameters from `$first` on.
    fn for_postgres(self, first: usize, arguments: &mut PgArguments) -> Result<String> {
        let mut source = String::from("SELECT * FROM UNNEST(");
        for (at, kind) in self.types.iter().enumerate() {
            let array = match kind {
                Type::Uuid => "uuid",
                Type::Int => "int8",
                Type::Text => "text",
                Type::Bytes => "bytea",
            };
            let _ = write!(source, "{}${}::{array}[]", if at == 0 { "" } else { ", " }, first + at);
        }
        source.push_str(if self.numbered { ") WITH ORDINALITY" } else { ")" });
        let width = self.types.len();
        let mut columns: Vec<Vec<Value>> =
            self.types.iter().map(|_| Vec::with_capacity(self.len())).collect();
        for (at, value) in self.values.into_iter().enumerate() {
            columns[at % width].push(value);
        }
        for (kind, column) in self.types.iter().zip(columns) {
            add_array(arguments, *kind, column)?;
        }
        Ok(source)
    }

    /// The rows as SQLite takes them, in parameters that follow those before.
    fn for_sqlite(self, arguments: &mut SqliteArguments) -> Result<String> {
        let rows = self.len().next_power_of_two();
        let missing = rows * self.types.len() - self.values.len();
        arguments.reserve(rows * self.types.len(), 0);
        for value in self.values.into_iter().chain(std::iter::repeat_n(Value::Null, missing)) {
            add(arguments, value)?;
        }
        let row = "?,".repeat(self.types.len());
        let mut source = String::with_capacity("VALUES ".len() + rows * (row.len() + "(),123".len()));
        source.push_str("VALUES ");
        for n in 1..=rows {
            let separator = if n == 1 { "" } else { "," };
            let _ = if self.numbered {
                write!(source, "{separator}({row}{n})")
            } else {
                write!(source, "{separator}({})", row.trim_end_matches(','))
            };
        }
        Ok(source)
    }
}

/// A statement that goes to the database together with others: a question costs more than its answer.
///
/// `{q}` in its text is where the rows of its set are, under the names of `columns`.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) columns: &'a str,
    pub(super) set: Set<'a>,
    pub(super) sql: Cow<'a, str>,
}

impl<'a> Part<'a> {
    pub(super) fn new(columns: &'a str, set: Set<'a>, sql: impl Into<Cow<'a, str>>) -> Self {
        Self { columns, set, sql: sql.into() }
    }

    /// The same in parts that each fit a statement of SQLite.
    fn cut(self) -> impl Iterator<Item = Self> {
        let Self { columns, set, sql } = self;
        set.cut().into_iter().map(move |set| Self { columns, set, sql: sql.clone() })
    }

    /// Parts in groups that each fit a statement of SQLite.
    fn grouped(parts: Vec<Self>) -> Vec<Vec<Self>> {
        let (mut groups, mut left) = (Vec::<Vec<Self>>::new(), 0);
        for part in parts.into_iter().flat_map(Self::cut) {
            let values = part.set.filled();
            if let Some(group) = groups.last_mut().filter(|_| values <= left) {
                group.push(part);
            } else {
                groups.push(vec![part]);
                left = SQLITE_VALUES.max(values);
            }
            left -= values;
        }
        groups
    }

    /// `q(columns) AS (source)`, and the text that reads from it.
    fn named(columns: &str, sql: &str, source: &str, at: usize) -> (String, String) {
        let q = format!("q{at}");
        (format!("{q}({columns}) AS ({source})"), sql.replace("{q}", &q))
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
                let mut arguments = PgArguments::default();
                let sql = sql.replacen("{set}", &set.for_postgres(1, &mut arguments)?, 1);
                query_as_with(AssertSqlSafe(sql), arguments).fetch_all(connection).await?
            }
            Backend::Sqlite(connection) => {
                let mut arguments = SqliteArguments::default();
                let sql = sql.replacen("{set}", &set.for_sqlite(&mut arguments)?, 1);
                query_as_with(AssertSqlSafe(sql), arguments).fetch_all(connection).await?
            }
        })
    }

    /// Reads what several questions find, of the same columns, as one statement.
    pub(super) async fn fetch_all_of<T: Fetched>(self, parts: Vec<Part<'_>>) -> Result<Vec<T>> {
        let parts: Vec<_> = parts.into_iter().filter(|it| !it.set.is_empty()).collect();
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        Ok(match self {
            Backend::Postgres(connection) => {
                let mut arguments = PgArguments::default();
                let (mut sources, mut questions) = (Vec::new(), Vec::new());
                for Part { columns, set, sql } in parts {
                    let source = set.for_postgres(arguments.len() + 1, &mut arguments)?;
                    let (source, question) = Part::named(columns, &sql, &source, sources.len());
                    sources.push(source);
                    questions.push(question);
                }
                let sql = format!("WITH {} {}", sources.join(", "), questions.join(" UNION ALL "));
                query_as_with(AssertSqlSafe(sql), arguments).fetch_all(connection).await?
            }
            Backend::Sqlite(connection) => {
                let mut found = Vec::new();
                for group in Part::grouped(parts) {
                    let mut arguments = SqliteArguments::default();
                    let (mut sources, mut questions) = (Vec::new(), Vec::new());
                    for Part { columns, set, sql } in group {
                        let source = set.for_sqlite(&mut arguments)?;
                        let (source, question) = Part::named(columns, &sql, &source, sources.len());
                        sources.push(source);
                        questions.push(question);
                    }
                    let sql = format!("WITH {} {}", sources.join(", "), questions.join(" UNION ALL "));
                    let rows = query_as_with(AssertSqlSafe(sql), arguments).fetch_all(&mut *connection);
                    found.extend(rows.await?);
                }
                found
            }
        })
    }

    /// Runs several writes, none of which reads what another writes, in one go: to Postgres as one statement, to SQLite
    /// as one text of several, with `last` at its end.
    pub(super) async fn run_all(self, parts: Vec<Part<'_>>, last: &str) -> Result<()> {
        let mut texts = Vec::with_capacity(parts.len() + 1);
        let parts = parts.into_iter().filter(|it| !it.set.is_empty());
        match self {
            Backend::Postgres(connection) => {
                let mut arguments = PgArguments::default();
                for Part { columns, set, sql } in parts {
                    let source = set.for_postgres(arguments.len() + 1, &mut arguments)?;
                    let (source, write) = Part::named(columns, &sql, &source, texts.len());
                    texts.push(format!("{source}, w{} AS ({write})", texts.len()));
                }
                if !texts.is_empty() {
                    let sql = format!("WITH {} SELECT 1", texts.join(", "));
                    query_with(AssertSqlSafe(sql), arguments).execute(connection).await?;
                }
            }
            Backend::Sqlite(connection) => {
                let mut arguments = SqliteArguments::default();
                for Part { columns, set, sql } in parts.flat_map(Part::cut) {
                    let (source, write) = Part::named(columns, &sql, &set.for_sqlite(&mut arguments)?, 0);
                    texts.push(format!("WITH {source} {write}"));
                }
                texts.push(last.to_owned());
                query_with(AssertSqlSafe(texts.join(";\n")), arguments).execute(connection).await?;
            }
        }
        Ok(())
    }

    /// Runs a statement with a set. An empty set is nothing to do.
    pub(super) async fn run(self, sql: &str, set: Set<'_>) -> Result<()> {
        if set.is_empty() {
            return Ok(());
        }
        match self {
            it @ Backend::Postgres(_) => it.fetch::<(i64,)>(sql, set).await.map(drop),
            Backend::Sqlite(connection) => {
                for set in set.cut() {
                    Backend::Sqlite(&mut *connection).fetch::<(i64,)>(sql, set).await?;
                }
                Ok(())
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: i64) -> Set<'static> {
        Set::of(&[Type::Int, Type::Int, Type::Int], (0..count).map(|it| [it.into(), it.into(), it.into()]))
    }

    #[test]
    fn what_is_too_much_for_a_statement_goes_in_several() {
        for (count, sizes) in
            [(0, vec![0]), (8_192, vec![8_192]), (8_193, vec![8_192, 1]), (20_000, vec![8_192, 8_192, 3_616])]
        {
            let cut = rows(count).cut();
            assert_eq!(cut.iter().map(Set::len).collect::<Vec<_>>(), sizes);
            assert!(cut.iter().all(|it| it.filled() <= SQLITE_VALUES));
        }
        assert_eq!(rows(20_000).numbered().cut().len(), 1);
    }

    #[test]
    fn questions_share_a_statement_as_far_as_it_goes() {
        let part = |count| Part::new("a, b, c", rows(count), "");
        for (counts, groups) in
            [(vec![1, 2, 3], vec![3]), (vec![8_192, 1, 8_192], vec![2, 1]), (vec![20_000], vec![1, 1, 1])]
        {
            let grouped = Part::grouped(counts.into_iter().map(part).collect());
            assert_eq!(grouped.iter().map(Vec::len).collect::<Vec<_>>(), groups);
            for group in grouped {
                assert!(group.iter().map(|it| it.set.filled()).sum::<usize>() <= SQLITE_VALUES);
            }
        }
    }
}
