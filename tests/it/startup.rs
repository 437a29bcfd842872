//! How the program starts, and when it refuses to.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use purser::api;
use tokio::process::Command;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::cluster::Server;
use crate::harness::{Database, On, connect, customers, on_each_database, reason, with_alias};
use crate::process::{Process, free_port, http_get, purser, serving};
use crate::raw::Raw;

on_each_database!(
    Database: dev_in_an_empty_folder_makes_a_key_that_works_and_keeps_it,
    a_schema_from_the_future_is_refused
);

/// What a command that is refused says: one line, beside what it logs. It ends by itself, with a code that is not 0.
async fn refusal(mut command: Command) -> String {
    let ended =
        tokio::time::timeout(Duration::from_secs(30), command.output()).await.expect("it ends").unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code().is_some_and(|it| it != 0), "{}: {said}", ended.status);
    let mut told: Vec<_> = said.lines().filter(|it| !it.starts_with('{')).collect();
    let line = told.pop().unwrap_or_default().to_owned();
    assert!(told.is_empty() && line.starts_with("purser: "), "one line: {said}");
    line
}

async fn dev_in_an_empty_folder_makes_a_key_that_works_and_keeps_it(database: Database) {
    let path = database.folder().join("purser-dev.key");
    let mut keys = Vec::new();
    for round in 0..3 {
        if round == 2 {
            std::fs::remove_file(&path).unwrap();
        }
        let mut process = Process::serve(database.folder(), &database.url, &["--dev"]).await;
        let key = std::fs::read_to_string(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(
            key.starts_with("purser_test_") && !key.contains(char::is_whitespace),
            "the key and nothing else"
        );
        let mut client = customers(connect(process.grpc).await, &key);
        client.create_customer(with_alias(&format!("round-{round}@dev"))).await.unwrap();
        keys.push(key);
        process.kill().await;
    }
    assert_eq!(keys[0], keys[1], "the key is kept");
    assert_ne!(keys[1], keys[2], "a key whose file is gone is made anew");
}

async fn a_schema_from_the_future_is_refused(database: Database) {
    drop(database.store().await);
    let mut raw = Raw::open(&database).await;
    raw.run(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             SELECT 9999, 'the future', success, checksum, 1 FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    for arguments in [&["--dev"][..], &["--auto-migrate"], &[]] {
        let mut command = serving(database.folder(), &database.url);
        command.args(arguments);
        let line = refusal(command).await;
        assert!(line.contains("newer"), "{line}");
    }
}

#[tokio::test]
async fn a_postgres_schema_that_is_outdated_is_refused_with_the_command_that_mends_it() {
    let database = Database::new(On::Postgres).await;
    let line = refusal(serving(database.folder(), &database.url)).await;
    assert!(line.contains("`purser migrate`"), "{line}");
    let migrated =
        purser(database.folder(), &["migrate", "--database-url", &database.url]).output().await.unwrap();
    assert!(migrated.status.success());
    Process::serve(database.folder(), &database.url, &[]).await.kill().await;
}

/// The settings of Postgres without which it may lose what was acknowledged.
const SAFETY: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

/// DUR-5 for Postgres: settings that would lose what was acknowledged, each off by itself on a whole server. (The
/// table for SQLite is beside `sqlite_faults`: the program sets those itself, so no operator can spoil them.)
///
/// Sabotage: let `Store::unsafe_storage` find nothing; or let it not ask for one of them.
#[tokio::test]
async fn a_postgres_that_does_not_wait_for_its_disk_is_refused() {
    let Some(server) = Server::new().await else {
        eprintln!("SKIPPED: there are no programs of Postgres here, so unsafe settings were NOT tried on it");
        return;
    };
    server.sql("CREATE DATABASE purser").await;
    let database = Database::at(server.url("purser"));
    for setting in SAFETY {
        server.set(setting, "off").await;
        assert_refused_for(setting, &database, &database.url).await;
        server.set(setting, "on").await;
    }
    // It was these settings, and nothing else about the server.
    Process::serve(database.folder(), &database.url, &[]).await.kill().await;
}

/// What an operator writes into the URL counts as what the server has.
#[tokio::test]
async fn a_url_by_which_postgres_does_not_wait_for_its_disk_is_refused() {
    let database = Database::new(On::Postgres).await;
    let url = format!("{}?options=-c%20synchronous_commit%3Doff", database.url);
    assert_refused_for("synchronous_commit", &database, &url).await;
}

/// The program does not serve a database by that URL, and says that it is for this setting, and for no other.
async fn assert_refused_for(setting: &str, database: &Database, url: &str) {
    for more in ["--auto-migrate", "--dev"] {
        let mut command = serving(database.folder(), url);
        command.arg(more);
        let line = refusal(command).await;
        let named: Vec<_> = SAFETY.into_iter().filter(|it| line.contains(&format!("`{it}`"))).collect();
        assert_eq!(named, [setting], "{line}");
    }
}

#[tokio::test]
async fn a_url_that_names_no_database_is_refused_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for url in ["mysql://me:hunter2@host/db", "hunter2.db", "sqlite::memory:", "postgres://me:hunter2@[", ""]
    {
        let mut in_environment = purser(folder.path(), &["serve"]);
        in_environment.env("PURSER_DATABASE_URL", url);
        let mut commands =
            vec![serving(folder.path(), url), purser(folder.path(), &["doctor", "--database-url", url])];
        if !url.is_empty() {
            commands.push(in_environment);
        }
        for command in commands {
            let line = refusal(command).await;
            assert!(line.contains("--database-url") && !line.contains("hunter2"), "{url}: {line}");
        }
    }
}

#[tokio::test]
async fn a_postgres_that_lets_nobody_in_or_has_no_such_database_is_named_at_once() {
    let database = Database::new(On::Postgres).await;
    let (server, _) = database.url.rsplit_once('/').unwrap();
    let mut nobody = url::Url::parse(&database.url).unwrap();
    nobody.set_username("purser_nobody").unwrap();
    let none = format!("{server}/purser_nothing");
    for (url, named) in [(nobody.as_str(), "purser_nobody"), (none.as_str(), "purser_nothing")] {
        let mut command = serving(database.folder(), url);
        command.args(["--dev", "--connect-timeout", "20s"]);
        let started = Instant::now();
        let line = refusal(command).await;
        assert!(line.contains(named), "{line}");
        assert!(started.elapsed() < Duration::from_secs(10), "it waited for {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_second_serve_on_one_sqlite_file_is_refused() {
    let database = Database::new(On::Sqlite).await;
    let mut first = Process::serve(database.folder(), &database.url, &["--dev"]).await;
    let line = refusal(serving(database.folder(), &database.url)).await;
    assert!(line.contains("another `purser serve`"), "{line}");
    first.kill().await;
    Process::serve(database.folder(), &database.url, &["--dev"]).await.kill().await;
}

#[tokio::test]
async fn a_sqlite_file_that_cannot_be_written_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    for file in [locked.join("purser.db"), folder.path().join("missing/purser.db")] {
        let mut command = serving(folder.path(), &format!("sqlite:{}", file.display()));
        if rustix::process::geteuid().is_root() {
            // Root may write anywhere.
            command.uid(65_534);
        }
        let line = refusal(command).await;
        assert!(line.contains(&*file.display().to_string()), "{line}");
    }
}

/// LIFE-3 at start. A database that cannot be reached is tried until `--connect-timeout`; meanwhile the ports are open
/// and say that it is not ready. Then the program ends and names what is missing.
///
/// Sabotage: say `Readiness::Ready` before `open_database`.
#[tokio::test]
async fn a_database_that_cannot_be_reached_is_tried_for_a_while_and_then_named() {
    let folder = tempfile::tempdir().unwrap();
    let (grpc, http) = (free_port(), free_port());
    let mut command = purser(folder.path(), &["serve", "--connect-timeout", "10s", "--database-url"]);
    command.arg(format!("postgres://postgres:hunter2@127.0.0.1:{}/purser", free_port()));
    command.args([
        "--grpc-listen",
        &format!("127.0.0.1:{grpc}"),
        "--http-listen",
        &format!("127.0.0.1:{http}"),
    ]);
    let started = Instant::now();
    let ended = tokio::spawn(refusal(command));
    let grpc = format!("127.0.0.1:{grpc}").parse().unwrap();
    while tokio::net::TcpStream::connect(grpc).await.is_err() {
        assert!(!ended.is_finished(), "the port is open while it tries");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let channel = connect(grpc).await;
    let health = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(health.into_inner().status(), ServingStatus::NotServing);
    let ready = http_get(format!("127.0.0.1:{http}").parse().unwrap(), "/readyz").await.unwrap();
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    let mut client = customers(channel, "purser_test_any");
    let refused = client.get_customer(api::GetCustomerRequest::default()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "DATABASE_UNAVAILABLE"));

    let line = ended.await.unwrap();
    assert!(
        line.contains("database") && line.contains("--database-url") && !line.contains("hunter2"),
        "{line}"
    );
    assert!((10..30).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert!(!Path::new(&folder.path().join("purser-dev.key")).exists());
}
