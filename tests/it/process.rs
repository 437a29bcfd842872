//! The real program, as a process of its own.

use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use purser::chain::keys::MasterKeys;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// `purser serve --dev`, and where it listens. Killed when dropped.
pub struct Process {
    pub child: Child,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
}

/// The program with arguments, in a folder, without anything of this environment's settings, and with a master key.
pub fn purser(folder: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_purser"));
    for (name, _) in std::env::vars().filter(|it| it.0.starts_with("PURSER_")) {
        command.env_remove(name);
    }
    if arguments.first() == Some(&"serve") && !arguments.contains(&"--dev") {
        // Whoever operates a server has made this first.
        let master_key = folder.join("purser-master.key");
        if !master_key.exists() {
            MasterKeys::create(&master_key).unwrap();
        }
        command.env("PURSER_MASTER_KEY_FILE", master_key);
    }
    command.args(arguments).current_dir(folder).kill_on_drop(true);
    command
}

/// `purser serve` over a database, on ports of its own.
pub fn serving(folder: &std::path::Path, database_url: &str) -> Command {
    let listen =
        ["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--database-url", database_url];
    let mut command = purser(folder, &["serve"]);
    command.args(listen);
    command
}

impl Process {
    /// Starts `purser serve` on ports of its own, and waits until it says where it listens.
    pub async fn serve(folder: &std::path::Path, database_url: &str, more: &[&str]) -> Self {
        let mut command = serving(folder, database_url);
        command.args(more);
        Self::start(command).await
    }

    /// Starts a command that serves, and waits until it says where it listens.
    pub async fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = async {
            let mut told = Vec::new();
            while told.len() < 2 {
                let line = lines.next_line().await.unwrap().expect("`purser serve` ended before it listened");
                told.extend(line.split_once(": ").and_then(|it| it.1.parse::<SocketAddr>().ok()));
            }
            told
        };
        let told: Vec<SocketAddr> = tokio::time::timeout(Duration::from_secs(60), told).await.unwrap();
        // Whatever it prints later must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, grpc: told[0], http: told[1] }
    }

    /// The code it exits with, within a time.
    pub async fn exit_code(&mut self, within: Duration) -> Option<i32> {
        tokio::time::timeout(within, self.child.wait()).await.expect("it ends in time").unwrap().code()
    }

    /// Ends it at once, as a crash would.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(pid).unwrap(),
            rustix::process::Signal::TERM,
        )
        .unwrap();
    }
}

/// A port that nobody has, outside the range that the system gives out by itself: free until it is taken by name.
pub fn free_port() -> u16 {
    /// Nobody is on them yet, perhaps. Each test is a process: what one was given, the others see by the UDP
    /// port of the same number, which is held until it ends.
    static GIVEN: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    loop {
        let port = rand::random_range(20_000..30_000);
        let Ok(held) = UdpSocket::bind(("127.0.0.1", port)) else { continue };
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            GIVEN.lock().unwrap().push(held);
            return port;
        }
    }
}

/// The answer to `GET path`: head and body together.
pub async fn http_get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
