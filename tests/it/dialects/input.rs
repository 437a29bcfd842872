//! What nobody should send, sent in every way of speaking: refused with the right status, in the words of whoever was asked.

use purser::domain::{Scope, Scopes};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::everywhere::{is_in_shape, keyed};
use super::tenancy::{calls, things};
use super::{Desk, Town, makers};
use crate::access::world::{expired, mistyped, revoked};
use crate::harness::on_each_database;
use crate::rest::client::Answer;

on_each_database!(Town:
    a_body_that_is_not_strict_json_is_refused,
    every_operation_refuses_a_body_that_it_does_not_take,
    a_value_of_another_type_is_refused,
    what_is_not_known_is_refused_and_not_repeated,
    a_body_is_taken_up_to_its_limit_and_no_further,
    a_target_that_is_broken_or_leads_elsewhere_is_refused,
    a_key_is_valid_and_may_do_what_is_asked_or_is_told_why_not,
    heads_of_any_bytes_are_refused,
);

/// The largest body, in bytes.
const LIMIT: usize = 1024 * 1024;

/// Every way of speaking, with a path at which a customer can be made, and what makes one there.
fn faces() -> Vec<(&'static str, &'static str, Value)> {
    let own = ("canonical", "/v1/customers", json!({"email": "eve@mail.example", "firstName": "Eve"}));
    makers().into_iter().chain([own]).collect()
}

/// How a value that is not as it has to be is refused.
fn of_a_value(face: &str) -> u16 {
    if matches!(face, "trxn" | "juicyway") { 422 } else { 400 }
}

/// How a member that is not known is refused: no document says that one may be sent.
fn of_a_member(face: &str) -> u16 {
    if face == "trxn" { 422 } else { 400 }
}

/// How what is in the place of an id and is none is refused: in a document with ids, as what is not there.
fn of_no_id(face: &str) -> u16 {
    if matches!(face, "paylias" | "canonical") { 400 } else { 404 }
}

fn check(face: &str, answer: &Answer, status: u16, case: &str) {
    let case: String = case.chars().take(80).collect();
    assert_eq!(answer.status, status, "{face} {case}: {answer:?}");
    assert!(is_in_shape(face, answer), "{face} {case}: {answer:?}");
}

async fn a_body_that_is_not_strict_json_is_refused(town: Town) {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    for (face, path, body) in faces() {
        let (desk, rest) = (town.desk(face), body.to_string().split_off(1));
        for wrong in [
            "{",
            "}",
            "[]",
            "\"x\"",
            "7",
            "{'email': 'x'}",
            "{email: 1}",
            "{} {}",
            "{}x",
            "{\"a\": NaN}",
            "{\"a\": 01}",
            "{\"a\": \"\u{1}\"}",
            "<x/>",
            "a=b",
            &format!("\u{feff}{body}"),
            &format!("{{\"a\": 1, \"a\": 1, {rest}"),
            &format!("{{\"a\": 1, \"\\u0061\": 1, {rest}"),
            &format!("{{\"a\": [{{\"b\": 1, \"b\": 2}}], {rest}"),
            &nested(33),
            &nested(300_000),
            &format!("{{\"a\": {}, {rest}", nested(32)),
            &format!("{{\"a\": [{}], {rest}", vec!["0"; 20_001].join(",")),
        ] {
            check(face, &desk.raw("POST", path, wrong).await, 400, wrong);
        }
        // Nothing at all is an empty message in our own words, and no customer in those of others.
        for nothing in ["", "null"].into_iter().filter(|_| face != "canonical") {
            check(face, &desk.raw("POST", path, nothing).await, 400, nothing);
        }
        let bytes = [body.to_string().as_bytes(), b"\"\xff\""].concat();
        check(face, &desk.bytes("POST", path, bytes).await, 400, "no UTF-8");
        // What is deep and many and within bounds is only not known.
        let within = format!("{{\"a\": {}, \"b\": [{}], {rest}", nested(30), vec!["0"; 19_000].join(","));
        check(face, &desk.raw("POST", path, &within).await, of_a_member(face), "within bounds");
    }
}

/// In the words of others, where each operation reads its own: in ours one function reads all.
async fn every_operation_refuses_a_body_that_it_does_not_take(town: Town) {
    let there = things(&town).await;
    let before = town.purse.picture().await;
    for (face, method, path, body) in calls().into_iter().filter(|it| !it.3.is_null()) {
        let (desk, path, body) = (town.desk(face), there.put(path), there.put(&body.to_string()));
        let rest = &body[1..];
        for (wrong, status) in [
            (body.replacen('}', "", 1), 400),
            ("[]".to_owned(), 400),
            ("7".to_owned(), 400),
            (format!("{body}x"), 400),
            (format!("{{\"a\": 1, \"a\": 1, {rest}"), 400),
            (format!("{{\"no_such\": 1, {rest}"), of_a_member(face)),
            (format!("{body}{}", " ".repeat(LIMIT + 1 - body.len())), 413),
        ] {
            let case = format!("{method} {path} {wrong}");
            check(face, &desk.raw(method, &path, &wrong).await, status, &case);
        }
    }
    assert_eq!(town.purse.picture().await, before, "nothing was done");
}

async fn a_value_of_another_type_is_refused(town: Town) {
    for (face, path, body) in faces() {
        let desk = town.desk(face);
        for name in body.as_object().unwrap().keys() {
            for value in [json!(true), json!([]), json!({}), json!(1.5), json!("\u{0}")] {
                let mut wrong = body.clone();
                wrong[name] = value.clone();
                // Without an address its parts are missing.
                let is_missing = name == "billing_address";
                let status = if is_missing { 400 } else { of_a_value(face) };
                let answer = desk.raw("POST", path, &wrong.to_string()).await;
                check(face, &answer, status, &format!("{name} {value}"));
            }
        }
    }
}

async fn what_is_not_known_is_refused_and_not_repeated(town: Town) {
    for (face, path, body) in faces() {
        let desk = town.desk(face);
        for name in ["no_such", "Email", "email ", "odd\nname", "created_at", "__proto__"] {
            let mut unknown = body.clone();
            unknown[name] = json!("secret-value");
            let answer = desk.raw("POST", path, &unknown.to_string()).await;
            check(face, &answer, of_a_member(face), name);
            let said = String::from_utf8_lossy(&answer.body);
            assert!(!said.contains("secret-value"), "{face}: {said}");
            // What may be anything is not repeated in the words of others.
            assert!(face == "canonical" || !said.contains("odd"), "{face}: {said}");
        }
    }
}

async fn a_body_is_taken_up_to_its_limit_and_no_further(town: Town) {
    for (face, path, body) in faces() {
        let desk = town.desk(face);
        let body = body.to_string();
        let padded = |bytes: usize| format!("{body}{}", " ".repeat(bytes - body.len()));
        check(face, &desk.raw("POST", path, &padded(LIMIT + 1)).await, 413, "too large");
        let answer = desk.raw("POST", path, &padded(LIMIT)).await;
        assert!(answer.status.is_success(), "{face}: {answer:?}");
    }
}

async fn a_target_that_is_broken_or_leads_elsewhere_is_refused(town: Town) {
    for (face, path, _) in faces() {
        let (desk, no_id) = (town.desk(face), of_no_id(face));
        for (target, status) in [
            (format!("{path}/%"), 400),
            (format!("{path}/%4"), 400),
            (format!("{path}/%zz"), 400),
            (format!("{path}/%ff"), 400),
            (format!("{path}/%C3"), 400),
            (format!("{path}?page=%ff"), 400),
            (format!("{path}?%zz=1"), 400),
            ("/nothing".to_owned(), 404),
            ("/%6eothing".to_owned(), 404),
            (format!("/{path}"), 404),
            (format!("{path}//"), 404),
            (format!("{path}/x/y/z/../../.."), 404),
            (format!("{path}/../../nothing"), 404),
            (format!("/..{path}"), 404),
            (format!("/%2e%2e{path}"), 404),
            (format!("{path}/.."), no_id),
            (format!("{path}/%2e%2e"), no_id),
            (format!("{path}/..%2f..%2fetc%2fpasswd"), no_id),
            (format!("{path}/%00"), no_id),
            (format!("{path}/%0d%0aset-cookie%3d%20x"), no_id),
            (format!("{path}/{}", "x".repeat(10_000)), no_id),
        ] {
            let answer = desk.raw("GET", &target, "").await;
            check(face, &answer, status, &target);
            assert_eq!(answer.header("set-cookie"), None);
        }
        for method in ["TRACE", "PROPFIND", "DELETE"] {
            let answer = desk.raw(method, path, "").await;
            check(face, &answer, 405, method);
            assert!(answer.header("allow").is_some_and(|it| it.contains("POST")), "{face}: {answer:?}");
        }
    }
}

async fn a_key_is_valid_and_may_do_what_is_asked_or_is_told_why_not(town: Town) {
    let (server, domain) = (&town.purse.acme.server, &town.tenant().domain);
    let events_only: Scopes = [Scope::EventsRead].into_iter().collect();
    let keys = [
        (String::new(), 401, "MISSING_API_KEY"),
        ("purser_live_x".to_owned(), 401, "INVALID_API_KEY"),
        (mistyped(&town.tenant().key), 401, "INVALID_API_KEY"),
        (expired(server, domain).await, 401, "EXPIRED_API_KEY"),
        (revoked(server, domain).await, 401, "INVALID_API_KEY"),
        (server.domain_key(domain, events_only).await, 403, "FORBIDDEN"),
    ];
    for (face, path, body) in faces() {
        for (key, status, code) in &keys {
            let desk = keyed(&town, face, key);
            for (method, body) in [("POST", body.to_string()), ("GET", String::new())] {
                let query = if (face, method) == ("paylias", "GET") { "?limit=1&page=1" } else { "" };
                let answer = desk.raw(method, &format!("{path}{query}"), &body).await;
                check(face, &answer, *status, code);
                if face == "fossapay" {
                    assert_eq!(answer.value()["code"], *code);
                }
            }
        }
        // Of whoever shows no key nothing is read: what they send may be as wrong as it likes.
        let nobody = keyed(&town, face, "");
        check(face, &nobody.raw("POST", path, "{").await, 401, "no key");
    }
}

/// What comes back for a head, byte by byte as it is given.
async fn asked(town: &Town, head: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(town.http).await.unwrap();
    stream.write_all(head).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn key_header(town: &Town, face: &str) -> String {
    let (key, tenant) = (&town.tenant().key, town.tenant());
    match face {
        "fossapay" | "noderails" => format!("x-api-key: {key}"),
        "paylias" => format!(
            "x-sfpy-api-key: {key}\r\nx-org-id: {}\r\nx-partner-id: {}",
            tenant.organization.id, tenant.domain.id
        ),
        _ => format!("authorization: Bearer {key}"),
    }
}

async fn heads_of_any_bytes_are_refused(town: Town) {
    for (face, path, body) in faces() {
        let (key, once) = (key_header(&town, face), Desk::once(face));
        let target = match face {
            "canonical" => path.to_owned(),
            face => format!("/{face}{path}"),
        };
        let call = |target: &str, header: &[u8]| {
            let line = format!("POST {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{key}\r\n");
            let length = format!(
                "\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.to_string().len()
            );
            [line.as_bytes(), header, length.as_bytes(), body.to_string().as_bytes()].concat()
        };
        // What is no HTTP is refused before anybody is asked: there are no words to refuse it in.
        for broken in
            [&b"x: a\rset-cookie: b"[..], b"x: a\0b", b"x: a\r\n set-cookie: b", b"x\r\n: b", b"x y: z"]
        {
            let (head, said) = asked(&town, &call(&target, broken)).await;
            assert!(head.starts_with("HTTP/1.1 400 ") && said.is_empty(), "{face} {broken:?}: {head}{said}");
            assert!(!head.contains("set-cookie"), "{head}");
        }
        // What is HTTP, and nothing that is understood.
        let long = format!("{once}: {}", "x".repeat(256));
        let foreign = [once.as_bytes(), b": a\xff"].concat();
        let elsewhere = format!("/{face}/../v1/customers");
        let encoded = format!("/{face}/%2e%2e/v1/customers");
        for (target, header, status) in [
            (&target, foreign.as_slice(), 400),
            (&target, long.as_bytes(), 400),
            (&elsewhere, b"x: y", 404),
            (&encoded, b"x: y", 404),
        ] {
            let (head, said) = asked(&town, &call(target, header)).await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{face} {target}: {head}{said}");
            let answer = Answer {
                status: status.try_into().unwrap(),
                headers: [("content-type".parse().unwrap(), "application/json".parse().unwrap())]
                    .into_iter()
                    .collect(),
                body: said.into(),
            };
            assert!(head.contains("content-type: application/json"), "{head}");
            assert!(is_in_shape(face, &answer), "{face}: {answer:?}");
        }
    }
}
