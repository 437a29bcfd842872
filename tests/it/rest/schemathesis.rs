//! Calls that Schemathesis makes out of the description: 2,000 of them, well-formed and not.

use std::process::Stdio;

use tokio::process::Command;

use crate::harness::{Database, On};
use crate::process::Process;

/// How many calls of each operation. The same ones each time: what it finds can be found again.
const EXAMPLES: &str = "26";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_called_by_the_description_is_answered_as_it_says() {
    let Ok(program) = std::env::var("PURSER_TEST_SCHEMATHESIS") else {
        eprintln!(
            "SKIPPED: PURSER_TEST_SCHEMATHESIS names no program, so no calls were made out of openapi.json"
        );
        return;
    };
    let database = Database::new(On::Sqlite).await;
    let process = Process::serve(database.folder(), &database.url, &["--dev"]).await;
    let key = std::fs::read_to_string(database.folder().join("purser-dev.key")).unwrap();
    let output = Command::new(program)
        .args(["run", &format!("http://{}/openapi.json", process.http)])
        .args(["--header", &format!("x-api-key: {}", key.trim())])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance"])
        .args(["--phases", "fuzzing", "--mode", "all", "--max-examples", EXAMPLES])
        // A stream has no end to wait for.
        .args(["--exclude-path", "/v1/events:watch"])
        // One at a time: in Python 3.11 two threads that compile at once may trip over each other ("AST constructor
        // recursion depth mismatch").
        .args(["--workers", "1", "--generation-deterministic", "--no-shrink", "--no-color"])
        .args(["--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "10"])
        .current_dir(database.folder())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    let made = told
        .split("Test cases:")
        .nth(1)
        .and_then(|it| it.split_whitespace().find_map(|it| it.replace(',', "").parse().ok()));
    assert!(made.is_some_and(|it: u32| it >= 2_000), "{told}");
}
