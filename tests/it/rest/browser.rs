//! The documentation page in a real browser.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{On, TestServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_with_a_browser_reads_what_there_is_and_tries_it() {
    let (Ok(chromium), Ok(playwright)) =
        (std::env::var("PURSER_TEST_CHROMIUM"), std::env::var("PURSER_TEST_PLAYWRIGHT"))
    else {
        // Past the test runner, which keeps to itself what tests print that pass.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: PURSER_TEST_CHROMIUM or PURSER_TEST_PLAYWRIGHT names none, so the documentation was NOT opened in a browser"
        );
        return;
    };
    let server = TestServer::new(On::Sqlite).await;
    let tenant = server.tenant("dev").await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shots = root.join("target/docs-page");
    std::fs::create_dir_all(&shots).unwrap();
    let output = Command::new("node")
        .arg(root.join("tests/peers/docs_page.cjs"))
        .args([&format!("http://{}/docs", server.http().await), &tenant.key])
        .arg(shots.join("docs"))
        .env("PURSER_TEST_CHROMIUM", &chromium)
        .env("NODE_PATH", Path::new(&playwright).join("node_modules"))
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(90), output).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(seen["complaints"], json!([]), "{seen}");
}
