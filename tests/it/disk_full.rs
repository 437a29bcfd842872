//! A disk that is full, and has room again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tonic::{Code, Status};

use crate::cluster::{self, Server};
use crate::harness::{Customers, Database, On, connect, customers, reason, with_alias};
use crate::journal::size;
use crate::lifecycle::migrated;
use crate::outage::{Writing, attempt};
use crate::process::{Process, purser};

/// DUR-3. On a full disk writes are refused as UNAVAILABLE and reads go on; within 5 s of there being space again all is
/// well by itself, nothing that was acknowledged is lost, and `purser doctor` finds nothing wrong. Five times, or
/// `PURSER_PROOF_DUR_3`.
///
/// Sabotage: in `Tx::commit`, answer although the writes have failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_answers_reads_and_heals_on_sqlite() {
    let database = Database::new(On::Sqlite).await;
    if let Some(disk) = SmallDisk::mount(database.folder()) {
        fill_again_and_again(&database, &disk).await;
    }
}

/// The tables are on the full disk; the log of Postgres, without which it stops, is on another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_answers_reads_and_heals_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else { return };
    let Some(server) = Server::new().await else {
        eprintln!("SKIPPED: there are no programs of Postgres here, so a full disk was NOT tried on it");
        return;
    };
    let tables = folder.path().join("tables");
    std::fs::create_dir(&tables).unwrap();
    cluster::give(folder.path());
    cluster::give(&tables);
    server.sql(&format!("CREATE TABLESPACE small LOCATION '{}'", tables.display())).await;
    server.sql("CREATE DATABASE purser TABLESPACE small").await;
    fill_again_and_again(&Database::at(server.url("purser")), &disk).await;
}

async fn fill_again_and_again(database: &Database, disk: &SmallDisk) {
    const SOON: Duration = Duration::from_secs(5);
    let cycles = cycles();
    let key = migrated(database).await;
    let mut process = Process::serve(database.folder(), &database.url, &["--drain-delay", "0s"]).await;
    let writing = Writing::start(&process, &key).await;
    let mut client = customers(connect(process.grpc).await, &key);
    let known = client.create_customer(with_alias("known@dev")).await.unwrap().into_inner().customer.unwrap();
    let (mut refused, mut healed) = (0, Duration::ZERO);
    for cycle in 0..cycles {
        tokio::time::sleep(Duration::from_millis(100)).await;
        disk.fill();
        let full = Instant::now();
        // What is there already may have room for a little more.
        let mut in_a_row = 0;
        while in_a_row < 20 {
            assert!(full.elapsed() < Duration::from_secs(30), "cycle {cycle}: writes are not refused");
            in_a_row = match attempt(&mut client, &known.id, 2).await {
                Ok(()) => 0,
                Err(status) => {
                    assert_is_unavailable(&status);
                    refused += 1;
                    in_a_row + 1
                }
            };
            disk.fill();
        }
        for call in [0, 3] {
            attempt(&mut client, &known.id, call).await.expect("reads go on");
        }

        disk.empty();
        let space = Instant::now();
        while !all_succeed(&mut client, &known.id).await {
            assert!(space.elapsed() < SOON, "cycle {cycle}: not healed");
        }
        healed = healed.max(space.elapsed());
    }
    let is_expected = |seen: &str| seen == "Unavailable DATABASE_UNAVAILABLE";
    let (calls, unknown) = writing.settled(&mut client, is_expected).await;
    process.terminate();
    assert_eq!(process.exit_code(Duration::from_secs(10)).await, Some(0));
    let doctor = ["doctor", "--log", "--chain", "--database-url", &database.url];
    let found = purser(database.folder(), &doctor).output().await.unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout));
    eprintln!(
        "DUR-3 {}: {cycles} cycles, {refused} writes refused, healed within {healed:?}; {calls} calls of authors, \
         {unknown} refused; 0 lost",
        database.url.split(':').next().unwrap_or_default()
    );
}

fn cycles() -> usize {
    size("PURSER_PROOF_DUR_3", 5)
}

fn assert_is_unavailable(status: &Status) {
    let found = (status.code(), reason(status));
    assert_eq!(found, (Code::Unavailable, "DATABASE_UNAVAILABLE".to_owned()), "{status:?}");
}

/// One of each kind; what is refused meanwhile is refused as it should be.
async fn all_succeed(client: &mut Customers, id: &str) -> bool {
    for call in 0..4 {
        if let Err(status) = attempt(client, id, call).await {
            assert_is_unavailable(&status);
            return false;
        }
    }
    true
}

/// A disk with room for what is written meanwhile, and little more. Unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one; none where that is not allowed.
    fn mount(at: &Path) -> Option<Self> {
        let size = format!("size={}m,mode=700", 64 + 2 * cycles());
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "purser-test"]).arg(at).output();
        if done.is_ok_and(|it| it.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("SKIPPED: nothing can be mounted here, so a full disk was NOT tried");
        None
    }

    /// Takes what space is left.
    fn fill(&self) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.filler()).unwrap();
        let mut part = vec![0; 1 << 20];
        while !part.is_empty() {
            if file.write_all(&part).is_err() {
                part.truncate(part.len() / 2);
            }
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whatever still has a file open there loses it once it ends.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
