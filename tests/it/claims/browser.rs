//! The page in a real browser: Chromium, with scripts and without.

use std::io::Write;
use std::path::Path;

use purser::api::{self, ClaimStatus};
use serde_json::Value;
use tokio::process::Command;

use super::desk::{Desk, hash, pages, token_of};
use crate::harness::on_each_database;

on_each_database!(Desk: somebody_with_a_browser_says_what_they_paid_and_it_is_approved);

/// The five steps of the integration example: a customer, a link for them, sent to them, filled in, approved.
async fn somebody_with_a_browser_says_what_they_paid_and_it_is_approved(mut it: Desk) {
    let (Ok(chromium), Ok(playwright)) =
        (std::env::var("PURSER_TEST_CHROMIUM"), std::env::var("PURSER_TEST_PLAYWRIGHT"))
    else {
        // Past the test runner, which keeps to itself what tests print that pass.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: PURSER_TEST_CHROMIUM or PURSER_TEST_PLAYWRIGHT names none, so the claim page was NOT opened in a browser"
        );
        return;
    };
    let database = if it.app().store().is_embedded() { "sqlite" } else { "postgres" };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shots = root.join("target/claim-page");
    std::fs::create_dir_all(&shots).unwrap();
    let address = pages(it.app()).await;
    for (scripts, byte) in [("with", 1), ("without", 2)] {
        let (customer, wallet) = it.payee().await;
        let link = it.link(&customer).await;
        let shot = shots.join(format!("{database}-{scripts}-scripts"));
        let output = Command::new("node")
            .arg(root.join("tests/peers/claim_page.cjs"))
            .args([&format!("http://{address}/claim/{}", token_of(&link)), &hash(byte), scripts])
            .args([shot.as_os_str()])
            .env("PURSER_TEST_CHROMIUM", &chromium)
            .env("NODE_PATH", Path::new(&playwright).join("node_modules"))
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(std::time::Duration::from_secs(90), output).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        let seen: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(seen["complaints"], serde_json::json!([]), "{seen}");
        let request = api::ListClaimsRequest { link_id: link.id.clone(), ..Default::default() };
        let claims = it.list(request).await;
        assert_eq!((claims.len(), claims[0].status()), (1, ClaimStatus::Pending));
        assert_eq!((claims[0].amount.as_str(), claims[0].tx_hash.as_str()), ("12.5", hash(byte).as_str()));
        assert_eq!(claims[0].note, "For \"tea\" & <b>biscuits</b>");
        it.approve(&claims[0].id).await.unwrap();
        let balance = ["ethereum", "USDC", "12.5", "12500000"];
        assert_eq!(it.purse.keeper.balances(&wallet).await, [balance]);
        assert!(std::fs::metadata(format!("{}-form.png", shot.display())).is_ok());
    }
    it.assert_sound().await;
}
