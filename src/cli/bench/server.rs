//! The servers that are measured: child processes, all of this same executable.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, timeout};

use super::database::Database;

/// How long a server may take to say where it listens. Migrating a big database takes a while.
const START: Duration = Duration::from_mins(2);
/// How long it may take to end once asked to.
const STOP: Duration = Duration::from_secs(30);

/// A running server. Dropping it kills it.
pub(super) struct Server {
    /// Where it serves gRPC, as `host:port`.
    pub address: String,
    /// Where it serves HTTP, as `host:port`.
    pub http: String,
    /// Its process id.
    pub pid: u32,
    /// When it was started.
    pub started: Instant,
    child: Child,
}

impl Server {
    /// Starts the bare server.
    pub(super) async fn bare(scratch: &Path) -> anyhow::Result<Self> {
        let mut command = ourselves()?;
        command.args(["bench", "bare-server"]).current_dir(scratch);
        Self::start(command, "listening on", &scratch.join("bare-server.log")).await
    }

    /// Starts Purser on `database`.
    pub(super) async fn purser(database: &Database) -> anyhow::Result<Self> {
        let mut command = ourselves()?;
        command.args(["serve", "--dev", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]);
        command.args(["--webhook-allow-host", "127.0.0.1"]);
        // Over HTTP/1.1 each call under way has a connection, and all of them are of one peer.
        command.args(["--max-connections-per-peer", "1000"]);
        command.args(["--database-url", &database.url]).current_dir(&database.directory);
        Self::start(command, "gRPC", &database.directory.join("purser.log")).await
    }

    /// Starts `command` and waits for the line with `mark` and an address.
    async fn start(mut command: Command, mark: &str, log: &Path) -> anyhow::Result<Self> {
        let errors = File::create(log).with_context(|| format!("create {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).kill_on_drop(true);
        let started = Instant::now();
        let mut child = command.spawn().context("start a server")?;
        let pid = child.id().context("the server has ended")?;
        let mut lines = BufReader::new(child.stdout.take().context("the server has no output")?).lines();
        let both = async {
            let grpc = address_in(&mut lines, mark).await?;
            Ok::<_, std::io::Error>(grpc.zip(address_in(&mut lines, "HTTP").await?))
        };
        let both = timeout(START, both).await.context("the server does not start")??;
        let (address, http) = both.ok_or_else(|| anyhow!("the server did not start:\n{}", tail(log)))?;
        // Read on, or the server would wait for ever once the pipe is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { address, http, pid, started, child })
    }

    /// Asks the server to end, and waits until it has.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        // Not `self.pid`: once the child has been waited for, its number may be another process's.
        if let Some(pid) = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            kill_process(pid, Signal::TERM)?;
        }
        timeout(STOP, self.child.wait()).await.context("the server does not end")??;
        Ok(())
    }
}

fn ourselves() -> anyhow::Result<Command> {
    let mut command = Command::new(executable()?);
    // What is measured must not depend on what this shell happens to be set up for.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PURSER_")) {
        command.env_remove(name);
    }
    Ok(command)
}

fn executable() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("find our own executable")
}

async fn address_in(
    lines: &mut Lines<BufReader<ChildStdout>>,
    mark: &str,
) -> std::io::Result<Option<String>> {
    while let Some(line) = lines.next_line().await? {
        // Behind the mark: a time of day before it would look like an address, too.
        if let Some(address) = line.split_once(mark).and_then(|(_, rest)| parse_address(rest)) {
            return Ok(Some(address));
        }
    }
    Ok(None)
}

/// The first `host:port` in a text.
fn parse_address(text: &str) -> Option<String> {
    let is_address = |word: &&str| {
        let (host, port) = word.rsplit_once(':').unwrap_or_default();
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
    };
    text.split(|c: char| c.is_whitespace() || "/,;()\"".contains(c)).find(is_address).map(str::to_owned)
}

/// The last lines that a server has written to its log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_a_person_would_read() {
        for line in ["gRPC: 127.0.0.1:50051", "gRPC on http://127.0.0.1:50051/ (plaintext)"] {
            assert_eq!(parse_address(line).as_deref(), Some("127.0.0.1:50051"), "{line}");
        }
        assert_eq!(parse_address("gRPC: [::1]:9").as_deref(), Some("[::1]:9"));
        assert_eq!(parse_address("gRPC: ready"), None);
    }
}
