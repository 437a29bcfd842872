//! What was acknowledged stays when the power is lost.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use purser::api;
use purser::app::App;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::author::Author;
use crate::concurrency::assert_sound;
use crate::disk::{self, Call, Disk};
use crate::harness::{Database, On, TestServer, chains, connect, customers};
use crate::journal::{seed, size};
use crate::process::{Process, purser};
use crate::raw::Raw;
use crate::wire::{Client, aliased};

/// How many images are made of one run of the program: two sessions, with a graceful end between them.
const PER_RUN: usize = 300;

/// DUR-2. On SQLite an acknowledged write survives power loss. The real program runs under strace while authors write
/// and somebody is erased, which writes the file anew. At each acknowledgement the files are built again with only what
/// was synced by then, and, in three of four, any part of what was not; each is sound, and holds what was acknowledged.
/// 300 images, or `PURSER_PROOF_DUR_2`.
///
/// Sabotage: `synchronous=NORMAL`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_power_loss() {
    let Ok(strace) = std::env::var("PURSER_TEST_STRACE") else {
        eprintln!("SKIPPED: PURSER_TEST_STRACE names no strace, so power loss was NOT tried");
        return;
    };
    let (count, seed) = (size("PURSER_PROOF_DUR_2", PER_RUN), seed());
    let (mut images, mut acknowledged, mut cuts) = (0, 0, 0);
    for run in 0..count.div_ceil(PER_RUN) {
        let recording = Recording::make(&strace, seed.wrapping_add(run as u64)).await;
        acknowledged += recording.acknowledged_us.len();
        cuts += recording.cuts;
        images += recording.lose_power(PER_RUN.min(count - images)).await;
    }
    eprintln!(
        "DUR-2: {images} images at {acknowledged} acknowledgements, {cuts} erasures taken out of the files; \
         0 lost, 0 corrupt"
    );
    assert_eq!(images, count);
}

/// What the program did to its files, and what authors were told meanwhile.
struct Recording {
    calls: Vec<Call>,
    authors: Arc<Vec<Author>>,
    acknowledged_us: Vec<i64>,
    key: String,
    folder: PathBuf,
    cuts: usize,
    rng: StdRng,
}

impl Recording {
    async fn make(strace: &str, seed: u64) -> Self {
        let database = Database::new(On::Sqlite).await;
        let folder = database.folder().canonicalize().unwrap();
        let traces = tempfile::tempdir().unwrap();
        let mut authors: Vec<_> =
            (0..4).map(|n| Author::new(&format!("a{n}"), seed.wrapping_add(n))).collect();
        let mut cuts = 0;
        for session in 0..2 {
            let trace = traces.path().join(format!("session-{session}"));
            let log = traces.path().join(format!("log-{session}"));
            let mut command = traced(strace, &trace, &database);
            command.stderr(std::fs::File::create(&log).unwrap());
            let mut process = Process::start(command).await;
            authors = write(&process, &database, &log, authors).await;
            cuts += 1;
            if session == 0 {
                process.terminate();
                assert_eq!(process.exit_code(Duration::from_secs(30)).await, Some(0));
            } else {
                process.kill().await;
            }
            // The tracer writes its last lines once the process has ended.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let calls = (0..2).flat_map(|it| disk::calls(&folder, &traces.path().join(format!("session-{it}"))));
        let mut acknowledged_us: Vec<_> = authors.iter().flat_map(Author::acknowledged_us).collect();
        acknowledged_us.sort_unstable();
        Self {
            calls: calls.collect(),
            authors: Arc::new(authors),
            acknowledged_us,
            key: std::fs::read_to_string(folder.join("purser-dev.key")).unwrap(),
            folder,
            cuts,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Loses power that many times, at acknowledgements spread over the run; answers how many images were looked at.
    async fn lose_power(mut self, count: usize) -> usize {
        assert!(self.acknowledged_us.len() >= count, "only {} acknowledgements", self.acknowledged_us.len());
        let (mut disk, mut calls) = (Disk::default(), self.calls.into_iter().peekable());
        let (mut looking, places) = (JoinSet::new(), Arc::new(Semaphore::new(4)));
        for n in 0..count {
            let at_us = self.acknowledged_us[n * self.acknowledged_us.len() / count];
            while let Some(call) = calls.next_if(|it| it.end_us <= at_us) {
                disk.run(call);
            }
            let share = if n % 4 == 0 { 0.0 } else { self.rng.random_range(0.0..=1.0) };
            let files = disk.after_power_loss(&mut self.rng, share);
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            let (authors, key, folder) = (Arc::clone(&self.authors), self.key.clone(), self.folder.clone());
            looking.spawn(async move {
                look(&authors, at_us, files, &folder, &key).await;
                drop(place);
            });
        }
        looking.join_all().await.len()
    }
}

/// The program, watched.
fn traced(strace: &str, trace: &std::path::Path, database: &Database) -> tokio::process::Command {
    let mut served = purser(database.folder(), &["serve", "--dev", "--database-url", &database.url]);
    served.args(["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]);
    // Under strace all of it takes its time.
    served.args(["--default-deadline", "60s"]);
    let served = served.as_std();
    let mut command = tokio::process::Command::new(strace);
    command.args(disk::arguments(trace)).arg(served.get_program()).args(served.get_args());
    for (name, value) in served.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(database.folder()).kill_on_drop(true);
    command
}

/// Authors write until half of a run's acknowledgements are there, and somebody who was erased is out of the files.
async fn write(
    process: &Process,
    database: &Database,
    log: &std::path::Path,
    authors: Vec<Author>,
) -> Vec<Author> {
    let key = std::fs::read_to_string(database.folder().join("purser-dev.key")).unwrap();
    let (told, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut writing = JoinSet::new();
    for mut author in authors {
        let mut client = customers(connect(process.grpc).await, &key);
        let (told, gone) = (Arc::clone(&told), Arc::clone(&gone));
        writing.spawn(async move {
            while told.load(Ordering::Relaxed) < PER_RUN / 2 || gone.load(Ordering::Relaxed) == 0 {
                assert!(author.write(&mut client, "dev").await);
                told.fetch_add(1, Ordering::Relaxed);
            }
            author
        });
    }
    let mut client = Client(customers(connect(process.grpc).await, &key));
    let made = client.create(aliased("")).await.unwrap();
    client.delete(&made.id).await.unwrap();
    client.0.erase_customer(api::EraseCustomerRequest { id: made.id, ..Default::default() }).await.unwrap();
    // The program says so: another process with the file open would be a part of what is looked at.
    let scrubbed = async {
        while !std::fs::read_to_string(log).unwrap().contains("the traces of erasures were taken out") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), scrubbed).await.expect("the files are written anew");
    gone.store(1, Ordering::Relaxed);
    writing.join_all().await
}

/// Looks at what is left of the files.
async fn look(
    authors: &[Author],
    at_us: i64,
    files: std::collections::BTreeMap<PathBuf, Vec<u8>>,
    folder: &std::path::Path,
    key: &str,
) {
    let database = Database::new(On::Sqlite).await;
    assert!(
        files.get(&folder.join("purser-master.key")).is_some_and(|it| !it.is_empty()),
        "what seeds are sealed with"
    );
    for (path, bytes) in files {
        let name = path.strip_prefix(folder).unwrap();
        // What is shared between processes is memory, and made anew.
        if name.to_str().is_some_and(|it| it.starts_with("purser.db") && !it.ends_with("-shm")) {
            std::fs::write(database.folder().join(name), bytes).unwrap();
        }
    }
    let found: Vec<(String,)> = Raw::open(&database).await.rows("PRAGMA integrity_check").await;
    assert_eq!(found, [("ok".to_owned(),)]);
    let app = App::start(purser::store::Store::open(&database.url).unwrap(), chains());
    app.open();
    let mut client = customers(connect(TestServer::listen(&app).await).await, key);
    for author in authors {
        assert_eq!(author.until(at_us).look_at_all(&mut client).await, [""; 0]);
    }
    assert_sound(app.store()).await;
    app.store().close().await;
}
