//! PRO-2: every method through clients of other makes: gRPC's C core, grpc-js, and connect-go.

use std::process::Stdio;
use std::time::Duration;

use prost_reflect::MethodDescriptor;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use tonic::Code;

use crate::access::objects::Whose;
use crate::access::scopes_of;
use crate::access::table::{Kind, ROWS, Row};
use crate::access::world::{Identity, World};
use crate::descriptors::{call, code_name, encode, method, methods};
use crate::harness::On;

/// How long one call may take, with the start of the program that makes it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sabotage: see PRO-1; and in `grpc::services`, leave one version of reflection out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_answers_grpcio_grpc_js_and_buf_curl_as_it_answers_us() {
    let world = World::new(On::Sqlite).await;
    let address = world.server.address.to_string();
    let mut peers = Vec::new();
    if let Ok(python) = std::env::var("PURSER_TEST_GRPCIO") {
        peers.push(Peer::start("grpcio", Command::new(python).args([&script("smoke.py"), &address])));
    }
    if let Ok(folder) = std::env::var("PURSER_TEST_GRPC_JS") {
        let protos = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
        let mut node = Command::new("node");
        node.env("NODE_PATH", format!("{folder}/node_modules"));
        peers.push(Peer::start("grpc-js", node.args([&script("smoke.cjs"), &address, protos])));
    }
    if let Ok(buf) = std::env::var("PURSER_TEST_BUF") {
        peers.push(Peer::Buf(buf));
    }
    if peers.len() < 3 {
        eprintln!(
            "SKIPPED: PURSER_TEST_GRPCIO, _GRPC_JS and _BUF do not name all clients: methods were NOT all called"
        );
    }
    for peer in &mut peers {
        let mut good = 0;
        for (number, wanted) in methods().iter().enumerate() {
            let row = ROWS.iter().find(|it| it.method == wanted.name()).unwrap();
            let (ours, key) = expected(&world, wanted, row).await;
            let request = world.fill(row.json, row.kind, Whose::Own).await;
            let theirs = peer.call(&address, number, wanted, &key, &request).await;
            assert_eq!(theirs, ours, "{} by {}: {request}", wanted.full_name(), peer.name());
            good += usize::from(ours == "OK");
            world.restore().await;
        }
        let all = methods().len();
        eprintln!("PRO-2: {}: {all} methods called, {good} answered OK, the rest as documented", peer.name());
        assert!(good * 10 >= all * 9, "{good} of {all}");
    }
}

/// What a request of its kind is answered, and by which key.
async fn expected(world: &World, wanted: &MethodDescriptor, row: &Row) -> (String, String) {
    let scopes = if row.kind == Kind::ClaimToken { Vec::new() } else { scopes_of(wanted) };
    let identities = if scopes.is_empty() {
        &[Identity::Operator][..]
    } else {
        &[Identity::OnlyScope, Identity::Operator]
    };
    let mut last = None;
    for identity in identities {
        let key = world.key(*identity, &scopes).unwrap();
        let request = encode(&method(row.method), &world.fill(row.json, row.kind, Whose::Own).await);
        let told = call(&world.channel, wanted, Some(key), request).await;
        world.restore().await;
        let is_good = told.code == Code::Ok;
        last = Some((code_name(told.code), key.to_owned()));
        if is_good {
            break;
        }
    }
    last.unwrap()
}

fn script(name: &str) -> String {
    format!("{}/tests/peers/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A client of another make.
#[expect(clippy::large_enum_variant, reason = "there are three of them")]
enum Peer {
    /// A program that reads calls and writes codes, a line each.
    Lines { name: &'static str, _child: Child, calls: ChildStdin, codes: Lines<BufReader<ChildStdout>> },
    /// `buf curl`, once for each call.
    Buf(String),
}

impl Peer {
    fn start(name: &'static str, command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let calls = child.stdin.take().unwrap();
        let codes = BufReader::new(child.stdout.take().unwrap()).lines();
        Self::Lines { name, _child: child, calls, codes }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Lines { name, .. } => name,
            Self::Buf(_) => "buf curl",
        }
    }

    /// Makes a call, and answers its code.
    async fn call(
        &mut self,
        address: &str,
        number: usize,
        method: &MethodDescriptor,
        key: &str,
        request: &str,
    ) -> String {
        let answered = async {
            match self {
                Self::Lines { calls, codes, .. } => {
                    let request: Value = serde_json::from_str(request).unwrap();
                    let (service, name) = (method.parent_service().full_name().to_owned(), method.name());
                    let line = json!({"service": service, "method": name, "key": key, "request": request});
                    calls.write_all(format!("{line}\n").as_bytes()).await.unwrap();
                    codes.next_line().await.unwrap().expect("an answer")
                }
                Self::Buf(program) => curl(program, address, number, method, key, request).await,
            }
        };
        timeout(PATIENCE, answered).await.expect("an answer in time")
    }
}

/// Calls by `buf curl`, which asks for the descriptors by one version of reflection and the other in turn.
async fn curl(
    program: &str,
    address: &str,
    number: usize,
    method: &MethodDescriptor,
    key: &str,
    request: &str,
) -> String {
    let url = format!("http://{address}/{}/{}", method.parent_service().full_name(), method.name());
    let key = format!("authorization: Bearer {key}");
    let version = ["grpc-v1", "grpc-v1alpha"][number % 2];
    let mut command = Command::new(program);
    command.args(["curl", "--http2-prior-knowledge", "--protocol", "grpc", "--reflect-protocol", version]);
    command.args(["-H", &key, "-d", request, &url]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    if method.is_server_streaming() {
        // It would go on for as long as the stream does.
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        return if lines.next_line().await.unwrap().is_some() {
            "OK".to_owned()
        } else {
            "no message".to_owned()
        };
    }
    let output = command.output().await.unwrap();
    if output.status.success() {
        return "OK".to_owned();
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let error: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    error["code"].as_str().unwrap().to_uppercase()
}
