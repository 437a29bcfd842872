//! The table of every documented operation, in the README of the documents, holds what is documented, served and tested, and
//! no more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::scripts::{read, steps};

/// What each document shows, and what its vendor says beside it: methods with their paths, and events.
const DOCUMENTED: [(&str, &[(&str, &str)]); 5] = [
    (
        "fossapay",
        &[
            ("POST", "/api/v1/customers"),
            ("GET", "/api/v1/customers"),
            ("GET", "/api/v1/customers/{id}"),
            ("POST", "/v1/wallets/crypto/create"),
            ("GET", "/v1/wallets/crypto/{id}"),
            ("GET", "/v1/wallets/crypto/address/{address}"),
            ("GET", "/v1/wallets/crypto/{id}/transactions"),
            ("GET", "/v1/wallets/crypto/transactions/{id}"),
            ("POST", "/api/v1/wallets/crypto/create"),
            ("GET", "/api/v1/wallets/crypto/{id}"),
            ("GET", "/api/v1/wallets/crypto/address/{address}"),
            ("GET", "/api/v1/wallets/crypto/{id}/transactions"),
            ("GET", "/api/v1/wallets/crypto/transactions/{id}"),
            ("EVENT", "customer.created"),
            ("EVENT", "customer.updated"),
        ],
    ),
    (
        "paylias",
        &[
            ("POST", "/csp/api/v1/csp/customer"),
            ("PATCH", "/csp/api/v1/csp/customer/{address}"),
            ("GET", "/csp/api/v1/csp/customer/{address}"),
            ("GET", "/csp/api/v1/csp/customer"),
            ("DELETE", "/csp/api/v1/csp/customer/{address}"),
            ("GET", "/csp/api/v1/csp/customer/{address}/resolve"),
            ("POST", "/api/v1/csp/customer"),
            ("PATCH", "/api/v1/csp/customer/{address}"),
            ("GET", "/api/v1/csp/customer/{address}"),
            ("GET", "/api/v1/csp/customer"),
            ("DELETE", "/api/v1/csp/customer/{address}"),
            ("GET", "/api/v1/csp/customer/{address}/resolve"),
        ],
    ),
    (
        "noderails",
        &[
            ("POST", "/customers"),
            ("GET", "/customers"),
            ("GET", "/customers/{id}"),
            ("PUT", "/customers/{id}"),
            ("POST", "/customers/{id}/wallets"),
            ("DELETE", "/customers/{id}/wallets/{wallet}"),
        ],
    ),
    (
        "trxn",
        &[
            ("GET", "/v1/customers"),
            ("GET", "/v1/customers/{id}"),
            ("POST", "/v1/customers"),
            ("PATCH", "/v1/customers/{id}"),
            ("DELETE", "/v1/customers/{id}"),
            ("GET", "/v1/wallets"),
            ("GET", "/v1/wallets/{id}"),
            ("GET", "/v1/crypto_addresses"),
            ("POST", "/v1/crypto_addresses"),
            ("GET", "/v1/crypto_addresses/{id}"),
            ("POST", "/v1/payment_claim_links"),
            ("GET", "/v1/payment_claim_links"),
            ("GET", "/v1/payment_claim_links/{id}"),
            ("GET", "/v1/crypto_payment_claims"),
            ("GET", "/v1/crypto_payment_claims/{id}"),
            ("POST", "/v1/crypto_payment_claims/{id}/approve"),
            ("POST", "/v1/crypto_payment_claims/{id}/reject"),
            ("EVENT", "customer.created"),
            ("EVENT", "customer.updated"),
            ("EVENT", "customer.deleted"),
        ],
    ),
    (
        "juicyway",
        &[
            ("POST", "/customers"),
            ("GET", "/customers/{id}"),
            ("GET", "/customers"),
            ("PATCH", "/customers/{id}"),
            ("DELETE", "/customers/{id}"),
            ("POST", "/wallets"),
            ("GET", "/wallets/{id}"),
            ("PATCH", "/wallets/{id}/status"),
            ("POST", "/wallets/{id}/payment-method"),
            ("GET", "/wallets/transactions"),
            ("GET", "/wallets/transactions/{id}"),
        ],
    ),
];

/// A row: the document, what is called, and the tests that call it.
struct Row {
    document: String,
    operation: (String, String),
    tests: Vec<String>,
}

fn table() -> Vec<Row> {
    let text = read("README.md");
    let rows = text.lines().filter(|it| it.starts_with("| ") && it.contains("` `"));
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (method, path) = cells[1].trim_matches('`').split_once("` `").unwrap();
        let tests = cells[3].split(", ").map(|it| it.trim_matches('`').to_owned()).collect();
        Row { document: cells[0].to_owned(), operation: (method.to_owned(), path.to_owned()), tests }
    };
    rows.map(row).collect()
}

/// The text of every file in a folder.
fn sources(folder: &str) -> String {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        let paths = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
        let (inner, files): (Vec<PathBuf>, Vec<PathBuf>) = paths.partition(|it| it.is_dir());
        folders.extend(inner);
        text.extend(files.into_iter().map(|it| std::fs::read_to_string(it).unwrap()));
    }
    text
}

/// What is between a parenthesis that was opened before and the one that closes it.
fn enclosed(text: &str) -> &str {
    let mut depth = 1;
    let end = text.find(|it: char| {
        depth += i32::from(it == '(') - i32::from(it == ')');
        depth == 0
    });
    &text[..end.unwrap()]
}

/// What a dialect routes: method and path of each, under every prefix.
fn routed(document: &str) -> BTreeSet<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/rest/dialects/{document}.rs"));
    let code = std::fs::read_to_string(path).unwrap();
    let mut found = BTreeSet::new();
    for route in code.split(".route(").skip(1).map(enclosed) {
        // Paylias says the beginning of its paths once.
        let (path, handlers) = match route.strip_prefix("path,") {
            Some(handlers) => ("", handlers),
            None => route.split_once("\"), ").or_else(|| route.split_once("\",")).unwrap(),
        };
        let path = path.trim().trim_start_matches("&format!(").trim_start_matches('"');
        let path = path.trim_start_matches("{path}").replace("{{", "{").replace("}}", "}");
        let prefixes: &[&str] = match document {
            "paylias" => &["/csp/api/v1/csp/customer", "/api/v1/csp/customer"],
            "fossapay" if !path.starts_with("/api") => &["/v1/wallets/crypto", "/api/v1/wallets/crypto"],
            _ => &[""],
        };
        for method in ["get", "post", "put", "patch", "delete"] {
            let called = format!("{method}(");
            if handlers.trim_start().starts_with(&called) || handlers.contains(&format!(".{called}")) {
                let paths = prefixes.iter().map(|it| format!("{it}{path}"));
                found.extend(paths.map(|it| (method.to_uppercase(), it)));
            }
        }
    }
    found
}

#[test]
fn every_operation_is_in_the_table_and_every_test_of_it_there_is() {
    let rows = table();
    let tests = [sources("tests/it/dialects"), sources("tests/it/webhooks")].concat();
    for (document, operations) in DOCUMENTED {
        let own: Vec<_> = rows.iter().filter(|it| it.document == document).collect();
        let listed: BTreeSet<_> = own.iter().map(|it| it.operation.clone()).collect();
        assert_eq!(listed.len(), own.len(), "{document}: a row is there twice");
        let text = |it: &(&str, &str)| (it.0.to_owned(), it.1.to_owned());
        assert_eq!(listed, operations.iter().map(text).collect(), "{document}");
        let called = listed.into_iter().filter(|it| it.0 != "EVENT");
        assert_eq!(called.collect::<BTreeSet<_>>(), routed(document), "{document}");
        let steps = steps(document);
        for test in own.iter().flat_map(|it| &it.tests) {
            let is_step = steps.iter().any(|it| it.name == *test);
            assert!(is_step || tests.contains(&format!("async fn {test}(")), "{document}: {test}");
        }
        // Each step of a script is a test of something.
        for step in steps {
            assert!(own.iter().any(|it| it.tests.contains(&step.name)), "{document}: {}", step.name);
        }
    }
    assert_eq!(rows.len(), DOCUMENTED.iter().map(|it| it.1.len()).sum::<usize>());
}
