//! REST: what holds of all that is spoken, and of the API's own words.

mod canonical;
pub mod client;

use client::Http;

use crate::harness::{TestServer, on_each_database};

on_each_database!(TestServer: what_nobody_serves_is_not_there);

async fn what_nobody_serves_is_not_there(server: TestServer) {
    let http = Http::new(server.http().await);
    let answer = http.get("/nothing").await;
    assert_eq!(answer.status, 404);
}
