//! Calls that Schemathesis makes out of the description: 4,000 of them, well-formed and not.

use std::process::Stdio;

use tokio::process::Command;

use crate::harness::{Database, On};
use crate::process::Process;

/// How many calls of each operation are made up, beside those of its examples and of each edge of its fields. The same
/// ones each time: what it finds can be found again.
const EXAMPLES: &str = "10";

/// What holds of every answer. (Whether keys are asked for is for other tests: a call may bring its key in either of two
/// headers, and the check for it spoils one only.)
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,unsupported_method";

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
        .args(["--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing", "--mode", "all", "--max-examples", EXAMPLES])
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
    assert!(made.is_some_and(|it: u32| it >= 4_000), "{told}");
}
