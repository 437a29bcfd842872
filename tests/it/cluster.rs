//! Postgres servers of a test's own: to be killed, followed and filled.

use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::process::{Child, Command};

use crate::process::free_port;

/// A server. Killed when dropped.
pub struct Server {
    programs: PathBuf,
    folder: tempfile::TempDir,
    child: Option<Child>,
    pub port: u16,
}

impl Server {
    /// A new server with nothing on it; none where the machine has no programs of Postgres.
    pub async fn new() -> Option<Self> {
        let mut server = Self { programs: programs()?, folder: folder(), child: None, port: free_port() };
        server
            .run("initdb", &["-D", "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"])
            .await;
        let settings = "
            listen_addresses = '127.0.0.1'
            unix_socket_directories = ''
            max_connections = 60
            shared_buffers = 64MB
            wal_keep_size = 512MB";
        let path = server.folder.path().join("data/postgresql.conf");
        let text = std::fs::read_to_string(&path).unwrap() + settings;
        std::fs::write(path, text).unwrap();
        server.start().await;
        Some(server)
    }

    /// A new standby of it, whose copy every commit waits for.
    pub async fn standby(&self) -> Self {
        let mut standby =
            Self { programs: self.programs.clone(), folder: folder(), child: None, port: free_port() };
        let port = self.port.to_string();
        let from =
            ["-D", "data", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-R", "-c", "fast", "--no-sync"];
        standby.run("pg_basebackup", &from).await;
        standby.start().await;
        self.set("synchronous_standby_names", "*").await;
        let begin = Instant::now();
        while self.number("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'").await == 0 {
            assert!(begin.elapsed() < Duration::from_secs(20), "the standby does not follow");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        standby
    }

    /// Makes a standby the server that is written to.
    pub async fn promote(&self) {
        assert_eq!(self.number("SELECT pg_promote()::int::bigint").await, 1);
    }

    /// Ends it at once, as a machine that is lost does.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill(&child);
            child.wait().await.unwrap();
        }
    }

    /// Ends it as `pg_ctl stop` does: it closes its connections, and is gone.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        kill_process(id(&child).unwrap(), Signal::INT).unwrap();
        assert!(child.wait().await.unwrap().success());
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Gives a setting to every connection that is made from now on.
    pub async fn set(&self, name: &str, value: &str) {
        self.sql(&format!("ALTER SYSTEM SET {name} = '{value}'")).await;
        self.sql("SELECT pg_reload_conf()").await;
        let is_so = format!("SELECT count(*) FROM pg_settings WHERE name = '{name}' AND setting = '{value}'");
        let begin = Instant::now();
        // It reads its settings again a moment after it is told to.
        while self.number(&is_so).await == 0 {
            assert!(begin.elapsed() < Duration::from_secs(20), "`{name}` does not become {value}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn sql(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap()
    }

    /// Starts it, where it was stopped.
    pub async fn start(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = self.command("postgres", &["-D", "data", "-p", &self.port.to_string()]);
        command.process_group(0).stderr(log.try_clone().unwrap()).stdout(log);
        self.child = Some(command.spawn().unwrap());
        let begin = Instant::now();
        while PgConnection::connect(&self.url("postgres")).await.is_err() {
            assert!(begin.elapsed() < Duration::from_secs(30), "Postgres does not start: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn run(&self, program: &str, arguments: &[&str]) {
        let done = self.command(program, arguments).output().await.unwrap();
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((user, group)) = owner() {
            command.uid(user).gid(group);
        }
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.iter().for_each(kill);
    }
}

/// Each process of a server is a group of its own. It may have ended by itself.
fn kill(child: &Child) {
    let Some(pid) = id(child) else { return };
    // So that it makes no new ones, and does not tell the others.
    let _ = kill_process(pid, Signal::STOP);
    for other in children(pid) {
        let _ = kill_process(other, Signal::KILL);
    }
    let _ = kill_process(pid, Signal::KILL);
}

fn id(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()?).unwrap())
}

/// The processes that another has begun.
fn children(parent: Pid) -> Vec<Pid> {
    let numbers =
        std::fs::read_dir("/proc").unwrap().filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    let begun = |pid: &i32| {
        let told = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // What is after the name, which may hold anything: the state, and then the parent.
        told.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<i32>().ok()
    };
    let of_it = numbers.filter(|it| begun(it) == Some(parent.as_raw_nonzero().get()));
    of_it.filter_map(Pid::from_raw).collect()
}

/// A folder that belongs to whom the server runs as.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    give(folder.path());
    folder
}

/// Gives a folder to whom the server runs as.
pub fn give(folder: &Path) {
    if let Some((user, group)) = owner() {
        chown(folder, Some(user), Some(group)).unwrap();
    }
}

/// Postgres refuses to run as root: then it is somebody else.
fn owner() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let line = users.lines().find(|it| it.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|it| it.parse().unwrap());
        Some((numbers.next()?, numbers.next()?))
    };
    of("postgres").or_else(|| of("nobody"))
}

/// Where Postgres' programs are: those on the `PATH`, else the newest that Debian installed.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter_map(|it| it.join("initdb").canonicalize().ok());
    let on_path = on_path.filter_map(|it| it.parent().map(Path::to_owned));
    let mut debian: Vec<_> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    debian.sort_by_key(|it| std::cmp::Reverse(it.file_name().to_str().and_then(|it| it.parse::<u32>().ok())));
    let mut all = on_path.chain(debian.into_iter().map(|it| it.path().join("bin")));
    all.find(|it| ["initdb", "postgres", "pg_basebackup"].iter().all(|name| it.join(name).exists()))
}
