//! The schema: one shape on both databases, and what the store says of one that is older or newer than itself.

use std::collections::{BTreeMap, BTreeSet};

use purser::store::{Schema, Store};

use crate::harness::{Database, On, TestStore, on_each_database};
use crate::raw::Raw;

on_each_database!(Empty:
    a_schema_is_older_until_it_is_migrated_and_then_current,
    migrating_twice_is_as_good_as_once,
    a_migration_of_the_future_makes_it_newer,
    two_who_migrate_at_once_both_succeed,
);

/// A database that nobody has migrated.
struct Empty(Database);

impl Empty {
    async fn new(on: On) -> Self {
        Self(Database::new(on).await)
    }

    fn store(&self) -> Store {
        Store::open(&self.0.url).unwrap()
    }
}

/// A column: its name, what kind of value it holds, and whether it may hold none.
type Column = (String, &'static str, bool);

/// What is different by design: an index of trigrams is a table to SQLite, with tables of its own, and knows its texts
/// by number.
fn is_common(table: &str, column: &str) -> bool {
    !table.starts_with("customer_search_index") && (table, column) != ("customer_search", "docid")
}

fn kind(name: &str) -> &'static str {
    match name {
        "uuid" | "bytea" | "BLOB" => "bytes",
        "bigint" | "INTEGER" => "integer",
        "text" | "TEXT" => "text",
        other => panic!("a column of type {other}"),
    }
}

/// The columns of every table of ours, in their order.
async fn columns(raw: &mut Raw) -> BTreeMap<String, Vec<Column>> {
    let sql = match raw.on() {
        On::Postgres => {
            "SELECT table_name::text, column_name::text, data_type::text, (is_nullable = 'YES')::int::bigint
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'
             ORDER BY table_name, ordinal_position"
        }
        On::Sqlite => {
            "SELECT t.name, c.name, c.type, 1 - max(c.\"notnull\", c.pk > 0) FROM sqlite_schema AS t
             JOIN pragma_table_info(t.name) AS c
             WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND t.name NOT LIKE 'customer_search_index%'
             ORDER BY t.name, c.cid"
        }
    };
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for (table, column, of, may_be_null) in raw.rows::<(String, String, String, i64)>(sql).await {
        if is_common(&table, &column) {
            tables.entry(table).or_default().push((column, kind(&of), may_be_null != 0));
        }
    }
    tables
}

/// The columns of every primary key, by table.
async fn primary_keys(raw: &mut Raw) -> BTreeSet<(String, String, i64)> {
    let sql = match raw.on() {
        On::Postgres => {
            "SELECT k.table_name::text, k.column_name::text, k.ordinal_position::bigint
             FROM information_schema.key_column_usage AS k JOIN information_schema.table_constraints AS c
               ON c.constraint_name = k.constraint_name AND c.table_name = k.table_name
             WHERE c.constraint_type = 'PRIMARY KEY' AND k.table_schema = 'public' AND k.table_name NOT LIKE '\\_sqlx%'"
        }
        On::Sqlite => {
            "SELECT t.name, c.name, c.pk FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
             WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND c.pk > 0
               AND t.name NOT LIKE 'customer_search%'"
        }
    };
    raw.rows(sql)
        .await
        .into_iter()
        .filter(|it: &(String, String, i64)| !it.0.starts_with("customer_search"))
        .collect()
}

async fn named_indexes(raw: &mut Raw) -> BTreeSet<String> {
    let sql = match raw.on() {
        On::Postgres => {
            "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%\\_pkey'"
        }
        On::Sqlite => {
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
    };
    raw.rows::<(String,)>(sql).await.into_iter().map(|it| it.0).filter(|it| is_common(it, "")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_databases_have_the_same_tables_and_columns_in_the_same_order() {
    let (sqlite, postgres) = (TestStore::new(On::Sqlite).await, TestStore::new(On::Postgres).await);
    let (mut sqlite, mut postgres) = (Raw::open(&sqlite.database).await, Raw::open(&postgres.database).await);
    let found = columns(&mut sqlite).await;
    assert!(found.len() >= 9 && found["customers"].len() >= 16, "{found:?}");
    assert_eq!(found, columns(&mut postgres).await);
    let keys = primary_keys(&mut sqlite).await;
    assert!(keys.contains(&("unique_keys".to_owned(), "kind".to_owned(), 2)), "{keys:?}");
    assert_eq!(keys, primary_keys(&mut postgres).await);
    let indexes = named_indexes(&mut sqlite).await;
    assert!(indexes.contains("customers_by_domain"), "{indexes:?}");
    assert_eq!(indexes, named_indexes(&mut postgres).await);
}

async fn a_schema_is_older_until_it_is_migrated_and_then_current(it: Empty) {
    let store = it.store();
    assert_eq!(store.schema().await.unwrap(), Schema::Older);
    // Asking is not migrating.
    assert_eq!(store.schema().await.unwrap(), Schema::Older);
    store.migrate().await.unwrap();
    assert_eq!(store.schema().await.unwrap(), Schema::Current);
    assert_eq!(it.store().schema().await.unwrap(), Schema::Current);
}

async fn migrating_twice_is_as_good_as_once(it: Empty) {
    let store = it.store();
    store.migrate().await.unwrap();
    let mut raw = Raw::open(&it.0).await;
    let before = (columns(&mut raw).await, raw.picture().await);
    store.migrate().await.unwrap();
    it.store().migrate().await.unwrap();
    assert_eq!((columns(&mut raw).await, raw.picture().await), before);
}

async fn a_migration_of_the_future_makes_it_newer(it: Empty) {
    it.store().migrate().await.unwrap();
    let mut raw = Raw::open(&it.0).await;
    raw.run(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         SELECT 99999999999999, 'of the future', success, checksum, 0 FROM _sqlx_migrations LIMIT 1",
    )
    .await;
    assert_eq!(it.store().schema().await.unwrap(), Schema::Newer);
    assert!(it.store().migrate().await.is_err());
}

async fn two_who_migrate_at_once_both_succeed(it: Empty) {
    let (one, other) = (it.store(), it.store());
    if one.is_embedded() {
        // One process has the file, and it migrates before it serves.
        return;
    }
    let (first, second) = tokio::join!(one.migrate(), other.migrate());
    first.unwrap();
    second.unwrap();
    assert_eq!(one.schema().await.unwrap(), Schema::Current);
}
