//! What logs and metrics tell of calls.

use std::fs::File;

use serde_json::json;

use super::client::Http;
use crate::harness::{Database, On};
use crate::process::{Process, http_get, serving};
use crate::raw::Raw;

/// OUT. The template of a route, and nothing of whom a call is about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_and_metrics_tell_the_template_of_a_route_and_nothing_of_who_it_is_about() {
    let database = Database::new(On::Sqlite).await;
    let log = database.folder().join("log");
    let mut command = serving(database.folder(), &database.url);
    command.arg("--dev").env("PURSER_LOG", "info,purser=debug").stderr(File::create(&log).unwrap());
    let process = Process::start(command).await;
    let key = std::fs::read_to_string(database.folder().join("purser-dev.key")).unwrap();
    let http = Http::new(process.http).with("x-api-key", key.trim()).with("x-request-id", "call-1");

    let made =
        http.json("POST", "/v1/customers", &json!({"paymentAddress": "Isolde@dev", "name": "Isolde"})).await;
    assert_eq!(made.status, 200);
    for (path, status) in [
        ("/v1/customers:lookup?payment_address=isolde@dev", 200),
        ("/v1/customers:resolve?paymentAddress=isolde%40dev", 200),
        ("/v1/customers/isolde", 400),
        ("/v1/customers?isolde=1", 400),
        ("/v1/isolde", 404),
        ("/isolde", 404),
    ] {
        assert_eq!(http.get(path).await.status, status, "{path}");
    }
    // What is our fault can be found by the id that its caller was told.
    let id = made.value()["customer"]["id"].as_str().unwrap().to_owned();
    Raw::open(&database).await.run("UPDATE customers SET body = '{}'").await;
    let again = Http::new(process.http).with("x-api-key", key.trim()).with("x-request-id", "call-2");
    assert_eq!(again.get(&format!("/v1/customers/{id}")).await.status, 500);
    assert_eq!(http.json("POST", "/v1/customers", &json!({"isolde": "isolde"})).await.status, 400);
    assert_eq!(http.send("ISOLDE", "/v1/customers", "").await.status, 405);

    let metrics = http_get(process.http, "/metrics").await.unwrap();
    let logged = std::fs::read_to_string(&log).unwrap();
    for told in [&metrics, &logged] {
        assert!(told.contains("/v1/customers/{id}") && told.contains("/v1/customers:resolve"), "{told}");
        assert!(!told.to_lowercase().contains("isolde"), "{told}");
    }
    assert!(logged.contains("call-1"), "{logged}");
    let fault = logged.lines().find(|it| it.contains("internal error")).expect("it is logged");
    assert!(fault.contains("call-2") && fault.contains("/v1/customers/{id}"), "{fault}");
    assert!(metrics.contains("status=\"404\"") && metrics.contains("route=\"unknown\""), "{metrics}");
}
