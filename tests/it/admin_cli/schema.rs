//! `purser migrate` and `purser doctor`, and what the others say where those are needed.

use crate::harness::{Database, On, TestServer, on_each_database, with_alias};
use crate::raw::Raw;

use super::{migrated, run};

on_each_database!(Database:
    migrate_brings_the_schema_up_to_date_and_check_tells,
    a_check_changes_nothing,
    a_schema_of_a_newer_program_is_left_alone,
    a_database_that_is_not_there_is_one_line_and_a_failure,
    a_healthy_database_has_no_faults,
    a_fault_is_found_and_named,
);

async fn migrate_brings_the_schema_up_to_date_and_check_tells(database: Database) {
    let url = ["--database-url", &database.url];
    let check = [&["migrate", "--check"][..], &url].concat();
    let before = run(&database, &check).await;
    assert_eq!((before.code, before.out.as_str()), (1, ""), "{}", before.err);
    assert!(before.err.contains("purser migrate"), "{}", before.err);
    for _ in 0..2 {
        let ran = run(&database, &[&["migrate"][..], &url].concat()).await;
        assert_eq!((ran.code, ran.out.as_str()), (0, "The schema is current.\n"), "{}", ran.err);
    }
    let after = run(&database, &check).await;
    assert_eq!((after.code, after.out.as_str()), (0, "The schema is current.\n"), "{}", after.err);
}

/// Neither a table, nor, on SQLite, the file itself.
async fn a_check_changes_nothing(database: Database) {
    let commands: [&[&str]; 2] = [&["migrate", "--check"], &["doctor"]];
    for command in commands {
        let ran = run(&database, &[command, &["--database-url", &database.url]].concat()).await;
        assert_eq!(ran.code, 1, "{command:?}");
        assert!(ran.err.contains("purser migrate"), "{}", ran.err);
        if database.url.starts_with("sqlite:") {
            assert_eq!(std::fs::read_dir(database.folder()).unwrap().count(), 0, "{command:?}");
        } else {
            let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
            assert_eq!(Raw::open(&database).await.number(sql).await, 0, "{command:?}");
        }
    }
}

async fn a_schema_of_a_newer_program_is_left_alone(database: Database) {
    migrated(&database).await;
    let mut raw = Raw::open(&database).await;
    let sql = match raw.on() {
        On::Sqlite => "INSERT INTO _sqlx_migrations VALUES (9000, 'to come', '2100-01-01', TRUE, x'00', 1)",
        On::Postgres => {
            "INSERT INTO _sqlx_migrations VALUES (9000, 'to come', '2100-01-01', TRUE, '\\x00', 1)"
        }
    };
    raw.run(sql).await;
    let url = ["--database-url", &database.url];
    let serve =
        [&["serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"][..], &url].concat();
    let commands = [
        [&["migrate"][..], &url].concat(),
        [&["migrate", "--check"][..], &url].concat(),
        [&["doctor"][..], &url].concat(),
        [&["admin"][..], &url, &["key", "list"]].concat(),
        serve,
    ];
    for command in commands {
        let ran = run(&database, &command).await;
        assert_eq!(ran.code, 1, "{command:?}: {}", ran.out);
        let last = ran.err.lines().last().unwrap();
        assert!(last.starts_with("purser: ") && last.contains("newer"), "{command:?}: {}", ran.err);
    }
}

async fn a_database_that_is_not_there_is_one_line_and_a_failure(database: Database) {
    let is_file = database.url.starts_with("sqlite:");
    let nowhere =
        if is_file { "sqlite:/nowhere/at/all/purser.db" } else { "postgres://me:hunter2@127.0.0.1:1/x" };
    let commands: [&[&str]; 4] =
        [&["migrate"], &["admin", "key", "list"], &["migrate", "--check"], &["doctor"]];
    for (at, command) in commands.into_iter().enumerate() {
        // A file that is not there can be made, and these two do not make it.
        let said = if is_file && at >= 2 { "run `purser migrate`" } else { "the database cannot be reached" };
        let ran = run(&database, &[command, &["--database-url", nowhere]].concat()).await;
        assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{command:?}: {}", ran.err);
        assert!(ran.err.contains(said) && !ran.err.contains("hunter2"), "{command:?}: {}", ran.err);

        let ran = run(&database, &[command, &["--database-url", "mysql://me:hunter2@x/y"]].concat()).await;
        assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{command:?}: {}", ran.err);
        assert!(ran.err.contains("sqlite:<file> or postgres://"), "{command:?}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

/// A database with a little of everything in it.
async fn lived_in(database: Database) -> Database {
    let app = purser::app::App::start(database.store().await, crate::harness::chains());
    app.open();
    let server = TestServer { address: TestServer::listen(&app).await, app, database };
    let tenant = server.tenant("acme").await;
    let mut customers = server.customers(&tenant.key).await;
    for alias in ["ada@acme", "eva@acme"] {
        customers.create_customer(with_alias(alias)).await.unwrap();
    }
    let key = purser::api::soft_delete_customer_request::Key::PaymentAddress("eva@acme".to_owned());
    let request = purser::api::SoftDeleteCustomerRequest { key: Some(key), ..Default::default() };
    customers.soft_delete_customer(request).await.unwrap();
    server.database
}

async fn a_healthy_database_has_no_faults(database: Database) {
    let database = lived_in(database).await;
    let ran = run(&database, &["doctor", "--database-url", &database.url]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.lines().count() > 10 && ran.out.lines().all(|it| it.starts_with("ok ")), "{}", ran.out);
}

async fn a_fault_is_found_and_named(database: Database) {
    let database = lived_in(database).await;
    Raw::open(&database).await.run("UPDATE counters SET value = value + 1").await;
    let ran = run(&database, &["doctor", "--database-url", &database.url]).await;
    assert_eq!(ran.code, 1);
    let faults: Vec<_> = ran.out.lines().filter(|it| it.starts_with("FAULT")).collect();
    assert_eq!(faults, ["FAULT  each domain counts its live customers: 1"]);
    assert!(ran.err.starts_with("purser: 1 fault"), "{}", ran.err);
}
