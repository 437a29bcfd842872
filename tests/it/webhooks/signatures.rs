//! Real deliveries, verified by the libraries that receivers use (WH-1).

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::receiver::{Got, Receiver};
use super::{Post, create};
use crate::harness::on_each_database;
use crate::journal::size;

on_each_database!(Post: deliveries_verify_in_the_published_libraries_and_not_with_any_bit_flipped);

/// What a library is asked.
#[derive(Clone)]
struct Asked {
    secret: String,
    id: Vec<u8>,
    timestamp: Vec<u8>,
    signature: Vec<u8>,
    body: Vec<u8>,
}

impl Asked {
    fn of(secret: &str, got: &Got) -> Self {
        let signature = got.header("webhook-signature").strip_prefix("v1,").unwrap();
        Self {
            secret: secret.to_owned(),
            id: got.header("webhook-id").into(),
            timestamp: got.header("webhook-timestamp").into(),
            signature: STANDARD.decode(signature).unwrap(),
            body: got.body.clone().into(),
        }
    }

    fn parts(&mut self) -> [&mut Vec<u8>; 4] {
        [&mut self.id, &mut self.timestamp, &mut self.signature, &mut self.body]
    }

    /// As a line; none where it is no text any more, and no HTTP could carry it.
    fn line(&self) -> Option<String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let headers = json!({
            "webhook-id": text(&self.id)?,
            "webhook-timestamp": text(&self.timestamp)?,
            "webhook-signature": format!("v1,{}", STANDARD.encode(&self.signature)),
        });
        Some(json!({"secret": self.secret, "headers": headers, "body": text(&self.body)?}).to_string())
    }

    /// The same with one bit of one part flipped.
    fn flipped(&self, part: usize, bit: usize) -> Self {
        let mut flipped = self.clone();
        flipped.parts()[part][bit / 8] ^= 1 << (bit % 8);
        flipped
    }

    fn bits(&self, part: usize) -> usize {
        self.clone().parts()[part].len() * 8
    }
}

/// WH-1. 200 deliveries, or `PURSER_PROOF_WH_1`: every one is taken, by Python's library and by Node's. With any bit
/// of the id, the time, the signature or the body flipped it is refused: every bit of the first, one at random of each
/// part of the others.
///
/// Sabotage: sign the id and the body, without the time between them.
async fn deliveries_verify_in_the_published_libraries_and_not_with_any_bit_flipped(mut post: Post) {
    let count = size("PURSER_PROOF_WH_1", 200);
    let receiver = Receiver::new().await;
    let (_, secret) = post.endpoint(&receiver.url()).await;
    for n in 0..count {
        create(&mut post.customers, &format!("Zoë № {n} \u{1f980} \"quoted\" \\ </script>")).await;
    }
    let got = receiver.until(count).await;
    let asked: Vec<_> = got.iter().map(|it| Asked::of(&secret, it)).collect();
    let whole: Vec<_> = asked.iter().filter_map(Asked::line).collect();
    let mut flipped: Vec<String> = Vec::new();
    for (n, it) in asked.iter().enumerate() {
        for part in 0..4 {
            if n == 0 {
                flipped.extend((0..it.bits(part)).filter_map(|bit| it.flipped(part, bit).line()));
            } else {
                flipped.extend(it.flipped(part, rand::random_range(0..it.bits(part))).line());
            }
        }
    }
    for (name, variable, command) in LIBRARIES {
        let Ok(place) = std::env::var(variable) else {
            eprintln!(
                "SKIPPED: {variable} names no library of {name}, so deliveries were NOT verified with it"
            );
            continue;
        };
        let told = ask(command(&place), &whole);
        assert!(told.len() == count && told.iter().all(|it| it == "taken"), "{name} refuses ours");
        let told = ask(command(&place), &flipped);
        let taken = told.iter().zip(&flipped).find(|it| it.0 != "refused");
        assert!(told.len() == flipped.len() && taken.is_none(), "{name} takes {taken:?}");
        eprintln!("WH-1: {name} takes {count} deliveries and refuses {} with a bit flipped", flipped.len());
    }
}

type Library = (&'static str, &'static str, fn(&str) -> Command);

/// A Python that has the library, and the folder with the `node_modules` that has it.
const LIBRARIES: [Library; 2] = [
    ("Python", "PURSER_TEST_STANDARD_WEBHOOKS_PYTHON", |place| {
        let mut python = Command::new(place);
        python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/verify.py"));
        python
    }),
    ("Node", "PURSER_TEST_STANDARD_WEBHOOKS_NODE", |place| {
        let mut node = Command::new("node");
        node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/verify.cjs")).arg(place);
        node
    }),
];

fn ask(mut command: Command, lines: &[String]) -> Vec<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = lines.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}
