//! What is really in a database, past the program, as text.

use crate::harness::{Database, On};
use crate::raw::Raw;

/// Every row of a table, one a line, in no order. Bytes are in hexadecimal.
pub async fn dump(database: &Database, table: &str) -> String {
    let mut raw = Raw::open(database).await;
    let sql = match raw.on() {
        On::Sqlite => {
            let names: Vec<(String,)> =
                raw.rows(&format!("SELECT name FROM pragma_table_info('{table}')")).await;
            assert!(!names.is_empty(), "{table} is a table");
            let columns: Vec<_> = names.iter().map(|it| format!("quote({})", it.0)).collect();
            format!("SELECT {} FROM {table}", columns.join(" || ' ' || "))
        }
        On::Postgres => format!("SELECT t::text FROM {table} AS t"),
    };
    raw.rows::<(String,)>(&sql).await.into_iter().map(|it| it.0).collect::<Vec<_>>().join("\n")
}

/// The names of all tables, but for those that the search index is made of.
pub async fn tables(database: &Database) -> Vec<String> {
    let mut raw = Raw::open(database).await;
    let sql = match raw.on() {
        On::Sqlite => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%search_index%'"
        }
        On::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
    };
    let mut names: Vec<_> = raw.rows::<(String,)>(sql).await.into_iter().map(|it| it.0).collect();
    names.sort();
    names
}

/// Every row of every table.
pub async fn dump_all(database: &Database) -> String {
    let mut all = String::new();
    for table in tables(database).await {
        all += &dump(database, &table).await;
    }
    all
}
