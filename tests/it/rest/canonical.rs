//! The API's own words over HTTP: what a call means, what it answers, and how it says no.

use std::time::Duration;

use purser::domain::{Scope, Scopes};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yaml_rust2::YamlLoader;

use super::client::{Answer, Http};
use crate::harness::on_each_database;
use crate::wire::Acme;

on_each_database!(Acme:
    a_customer_lives_and_dies_over_rest,
    a_repeated_request_is_answered_as_the_first_time,
    a_version_is_asked_for_in_the_words_of_http,
    a_mask_reaches_keys_of_metadata,
    keys_scopes_and_tenants_hold_over_rest,
    what_is_wrong_with_a_call_is_said_in_googles_shape,
    every_rule_is_reachable,
    look_ups_in_bodies_are_answered_as_those_in_paths,
    settings_go_out_and_in_alike,
    a_body_over_the_limit_is_not_asked_for,
    a_watch_is_a_stream_of_lines_or_of_events,
    what_happens_over_rest_is_what_happens_over_grpc,
);

impl Acme {
    /// A client over HTTP with the tenant's key.
    async fn http(&self) -> Http {
        Http::new(self.server.http().await).with("authorization", format!("Bearer {}", self.tenant.key))
    }
}

fn reason(answer: &Answer) -> String {
    answer.value()["error"]["details"][0]["reason"].as_str().unwrap_or_default().to_owned()
}

async fn create(http: &Http, customer: &Value) -> Value {
    let answer = http.json("POST", "/v1/customers", customer).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.value()["customer"].clone()
}

async fn a_customer_lives_and_dies_over_rest(acme: Acme) {
    let http = acme.http().await;
    let ada =
        create(&http, &json!({"paymentAddress": "Ada@acme", "first_name": "Ada", "metadata": {"n": 1}}))
            .await;
    let path = format!("/v1/customers/{}", ada["id"].as_str().unwrap());
    assert_eq!(ada["status"], "CUSTOMER_STATUS_ENABLED");
    assert!(ada["sequence"].is_string() && ada["createTime"].as_str().unwrap().ends_with('Z'));

    let got = http.get(&path).await;
    assert_eq!(got.value(), json!({"customer": ada}));
    assert_eq!(got.header("content-type"), Some("application/json"));
    let by_alias = http.get("/v1/customers:lookup?payment_address=ADA%40acme").await;
    assert_eq!(by_alias.value(), got.value());
    let resolved = http.get("/v1/customers:resolve?paymentAddress=ada@acme").await.value();
    assert_eq!(resolved["resolution"]["canReceive"], true);

    let renamed =
        http.json("PATCH", &format!("{path}?updateMask=lastName"), &json!({"lastName": "King"})).await;
    assert_eq!((renamed.status.as_u16(), &renamed.value()["customer"]["lastName"]), (200, &json!("King")));
    let listed = http.get("/v1/customers?lastNames=King&pageSize=1").await.value();
    assert_eq!(listed["customers"][0]["id"], ada["id"]);

    let deleted = http.send("DELETE", &path, "").await;
    assert_eq!(deleted.value()["customer"]["status"], "CUSTOMER_STATUS_DELETED");
    let gone = http.get("/v1/customers:resolve?paymentAddress=ada@acme").await;
    assert_eq!((gone.status.as_u16(), reason(&gone)), (404, "ALIAS_NOT_FOUND".to_owned()));
    let restored = http.send("POST", &format!("{path}:restore"), "").await;
    assert_eq!(restored.value()["customer"]["status"], "CUSTOMER_STATUS_ENABLED");
}

async fn a_repeated_request_is_answered_as_the_first_time(acme: Acme) {
    let http = acme.http().await.with("idempotency-key", "once");
    let body = json!({"firstName": "Ada"});
    let first = http.json("POST", "/v1/customers", &body).await;
    let again = http.json("POST", "/v1/customers", &body).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(
        (first.header("idempotent-replayed"), again.header("idempotent-replayed")),
        (None, Some("true"))
    );
    let other = http.json("POST", "/v1/customers", &json!({"firstName": "Eve"})).await;
    assert_eq!((other.status.as_u16(), reason(&other)), (400, "REQUEST_ID_REUSED".to_owned()));
}

async fn a_version_is_asked_for_in_the_words_of_http(acme: Acme) {
    let http = acme.http().await;
    let ada = create(&http, &json!({"firstName": "Ada"})).await;
    let path = format!("/v1/customers/{}", ada["id"].as_str().unwrap());
    let etag = http.get(&path).await.header("etag").unwrap().to_owned();
    assert_eq!(etag, format!("\"{}\"", ada["etag"].as_str().unwrap()));

    let rename = format!("{path}?updateMask=firstName");
    let now = http.with("if-match", &*etag).json("PATCH", &rename, &json!({"firstName": "Eve"})).await;
    assert_eq!(now.status, 200);
    assert_ne!(now.header("etag"), Some(&*etag));
    let stale = http.with("if-match", &*etag).json("PATCH", &rename, &json!({"firstName": "Bob"})).await;
    assert_eq!((stale.status.as_u16(), reason(&stale)), (412, "ETAG_MISMATCH".to_owned()));
    let in_query = format!("{path}?etag={}", ada["etag"].as_str().unwrap());
    let stale = http.send("DELETE", &in_query, "").await;
    assert_eq!((stale.status.as_u16(), reason(&stale)), (409, "ETAG_MISMATCH".to_owned()));
    let other = http.with("if-match", "\"other\"").send("DELETE", &in_query, "").await;
    assert_eq!((other.status.as_u16(), reason(&other)), (400, "INVALID_FIELD".to_owned()));
    assert_eq!(http.with("if-match", "*").send("DELETE", &path, "").await.status, 200);
}

async fn a_mask_reaches_keys_of_metadata(acme: Acme) {
    let http = acme.http().await;
    let ada = create(&http, &json!({"metadata": {"order_id": 1, "orderId": 1, "kept": 1}})).await;
    let path = format!("/v1/customers/{}", ada["id"].as_str().unwrap());
    let new = json!({"firstName": "Ada", "metadata": {"order_id": 2}});
    let both =
        http.json("PATCH", &format!("{path}?updateMask=metadata.order_id,firstName"), &new).await.value();
    assert_eq!(both["customer"]["metadata"], json!({"order_id": 2, "orderId": 1, "kept": 1}));
    assert_eq!(both["customer"]["firstName"], "Ada");
    // A key with capitals is not taken for another one: it is refused by its own name.
    let refused = http.json("PATCH", &format!("{path}?update_mask=metadata.orderId"), &new).await;
    assert_eq!(refused.status, 400);
    assert!(refused.value()["error"]["message"].as_str().unwrap().contains("metadata"), "{refused:?}");
    assert_eq!(http.get(&path).await.value()["customer"]["metadata"]["orderId"], 1.0);
}

async fn keys_scopes_and_tenants_hold_over_rest(acme: Acme) {
    let http = acme.http().await;
    let nobody = Http::new(acme.server.http().await);
    let id = create(&http, &json!({})).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/customers/{id}");
    for (header, value, expected) in [
        ("x-other", "", "API_KEY_MISSING"),
        ("authorization", "Bearer nonsense", "API_KEY_INVALID"),
        ("x-api-key", "nonsense", "API_KEY_INVALID"),
    ] {
        // Whoever shows no key learns nothing of what they sent.
        for (method, path, body) in [("GET", &*path, ""), ("POST", "/v1/customers", "{broken")] {
            let answer = nobody.with(header, value).send(method, path, body).await;
            assert_eq!((answer.status.as_u16(), &*reason(&answer)), (401, expected), "{method} {path}");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    let scopes = [Scope::CustomersRead].into_iter().collect::<Scopes>();
    let reader = nobody.with("x-api-key", acme.server.domain_key(&acme.tenant.domain, scopes).await);
    assert_eq!(reader.get(&path).await.status, 200);
    let refused = reader.json("POST", "/v1/customers", &json!({})).await;
    assert_eq!((refused.status.as_u16(), reason(&refused)), (403, "SCOPE_MISSING".to_owned()));

    let (other, _) = acme.other("other").await;
    let other = nobody.with("x-api-key", &*other.key);
    let missing = "cust_01k9h2m8x7e4tr5w6y3n0p1q2s";
    for (method, tail) in
        [("GET", ""), ("DELETE", ""), ("POST", ":restore"), ("GET", "/wallets"), ("GET", "/overview")]
    {
        let theirs = other.send(method, &format!("{path}{tail}"), "").await;
        let none = other.send(method, &format!("/v1/customers/{missing}{tail}"), "").await;
        assert_eq!((theirs.status, theirs.body), (none.status, none.body), "{method} {tail}");
    }
}

async fn what_is_wrong_with_a_call_is_said_in_googles_shape(acme: Acme) {
    let http = acme.http().await;
    let deep = format!("{{\"metadata\":{}1{}}}", "{\"a\":".repeat(1_000), "}".repeat(1_000));
    let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let json = ("content-type", "application/json");
    let text = ("content-type", "text/plain");
    for (method, path, header, body, status, expected) in [
        ("POST", "/v1/customers", json, "{", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        (
            "POST",
            "/v1/customers",
            json,
            "{\"name\":\"a\",\"name\":\"b\"}",
            400,
            "INVALID_ARGUMENT INVALID_FIELD",
        ),
        ("POST", "/v1/customers", json, "{\"nonsense\":1}", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        ("POST", "/v1/customers", json, "{\"name\":1}", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        ("POST", "/v1/customers", json, "{\"name\":\"\\u0000\"}", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        ("POST", "/v1/customers", json, &deep, 400, "INVALID_ARGUMENT INVALID_FIELD"),
        ("POST", "/v1/customers", json, "\u{feff}{}", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        ("POST", "/v1/customers", json, &huge, 413, "RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE"),
        ("POST", "/v1/customers", text, "{}", 415, "INVALID_ARGUMENT INVALID_FIELD"),
        ("GET", "/v1/customers/%zz", json, "", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        ("GET", "/v1/customers/%ff", json, "", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        ("GET", "/v1/customers/%0d%0aset-cookie:x", json, "", 404, "NOT_FOUND UNIMPLEMENTED"),
        ("GET", "/v1/customers/%0d%0aset-cookie%3Ax", json, "", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        ("GET", "/v1/customers/..", json, "", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        (
            "GET",
            "/v1/customers/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            json,
            "",
            400,
            "INVALID_ARGUMENT INVALID_FIELD",
        ),
        ("GET", "/v1/customers/../../etc/passwd", json, "", 404, "NOT_FOUND UNIMPLEMENTED"),
        ("GET", "/v1/customers?page_size=-1", json, "", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        ("GET", "/v1/customers?nonsense=1", json, "", 400, "INVALID_ARGUMENT INVALID_FIELD"),
        ("GET", "/v1/customers?page_token=x", json, "", 400, "INVALID_ARGUMENT BAD_PAGE_TOKEN"),
        ("GET", "/v1/nonsense", json, "", 404, "NOT_FOUND UNIMPLEMENTED"),
        ("GET", "/", json, "", 404, "NOT_FOUND UNIMPLEMENTED"),
        ("PUT", "/v1/customers", json, "{}", 405, "UNIMPLEMENTED UNIMPLEMENTED"),
        ("BREW", "/v1/customers", json, "{}", 405, "UNIMPLEMENTED UNIMPLEMENTED"),
    ] {
        let answer = http.with(header.0, header.1).send(method, path, body.to_owned()).await;
        let shown = &body[..body.len().min(40)];
        assert_eq!(answer.status, status, "{method} {path} {shown}: {answer:?}");
        let error = &answer.value()["error"];
        assert_eq!(error["code"], status);
        assert_eq!(
            format!("{} {}", error["status"].as_str().unwrap(), reason(&answer)),
            expected,
            "{method} {path} {shown}"
        );
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    let wrong = http.json("POST", "/v1/customers", &json!({"name": 1, "no": 1, "email": "x"})).await.value();
    let fields: Vec<_> = wrong["error"]["details"][1]["fieldViolations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["field"])
        .collect();
    assert_eq!(fields, ["customer.name", "customer.no"]);
    assert_eq!(http.send("PUT", "/v1/customers", "").await.header("allow"), Some("POST, GET, HEAD"));
    let options = http.send("OPTIONS", "/v1/customers/x", "").await;
    assert_eq!((options.status.as_u16(), options.header("allow")), (204, Some("GET, HEAD, PATCH, DELETE")));
    let head = http.send("HEAD", "/v1/customers", "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    let named = http.with("x-request-id", "mine 1").get("/v1/customers").await;
    assert_eq!(named.header("x-request-id"), Some("mine 1"));
    assert_eq!(http.get("/v1/nothing").await.header("x-request-id").unwrap().len(), 36);
}

/// Each binding of `http.yaml`: its method and its path.
fn bindings() -> Vec<(String, String)> {
    let text = include_str!("../../../proto/purser/v1/http.yaml");
    let yaml = YamlLoader::load_from_str(text).unwrap();
    let mut found = Vec::new();
    for rule in yaml[0]["http"]["rules"].as_vec().unwrap() {
        let more = rule["additional_bindings"].as_vec().into_iter().flatten();
        for binding in std::iter::once(rule).chain(more) {
            for verb in ["get", "post", "patch", "delete", "put"] {
                found.extend(binding[verb].as_str().map(|it| (verb.to_uppercase(), it.to_owned())));
            }
        }
    }
    assert!(found.len() > 70);
    found
}

async fn every_rule_is_reachable(acme: Acme) {
    let operator = acme.server.operator_key(Scopes::all()).await;
    for key in [&acme.tenant.key, &operator] {
        let http = Http::new(acme.server.http().await).with("x-api-key", key);
        for (method, template) in bindings() {
            let mut path = template.clone();
            while let (Some(start), Some(end)) = (path.find('{'), path.find('}')) {
                path.replace_range(start..=end, "x");
            }
            if template == "/v1/events:watch" {
                path += "?after_sequence=-1";
            }
            let body = if matches!(&*method, "POST" | "PATCH") { json!({}) } else { Value::Null };
            let answer = match body {
                Value::Null => http.send(&method, &path, "").await,
                body => http.json(&method, &path, &body).await,
            };
            let allowed = [200, 400, 403].contains(&answer.status.as_u16());
            assert!(allowed, "{method} {path}: {answer:?}");
        }
    }
}

/// What may be asked in a body, so that no log of a proxy's has it, is answered as when it is asked in the path.
async fn look_ups_in_bodies_are_answered_as_those_in_paths(acme: Acme) {
    let http = acme.http().await;
    let new = json!({"paymentAddress": "ada@acme", "email": "ada@example.com", "externalId": "42"});
    let ada = create(&http, &new).await;
    let wallet = json!({"network": "sepolia", "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"});
    let path = format!("/v1/customers/{}/wallets:link", ada["id"].as_str().unwrap());
    assert_eq!(http.json("POST", &path, &wallet).await.status, 200);
    let network = "sepolia";
    let address = wallet["address"].as_str().unwrap();
    let domain = acme.tenant.domain.id.to_string();
    let now = ada["updateTime"].as_str().unwrap();
    for (path, query, body) in [
        ("customers:lookup", "paymentAddress=ada%40acme".to_owned(), json!({"paymentAddress": "ada@acme"})),
        (
            "customers:lookup",
            "externalId=42&domainId=".to_owned() + &domain,
            json!({"externalId": "42", "domainId": domain}),
        ),
        (
            "customers:asOf",
            format!("paymentAddress=ada%40acme&time={now}"),
            json!({"paymentAddress": "ada@acme", "time": now}),
        ),
        (
            "addresses:lookup",
            format!("network={network}&address={address}"),
            json!({"network": network, "address": address}),
        ),
        (
            "addresses:validate",
            format!("network={network}&address={address}"),
            json!({"network": network, "address": address}),
        ),
        (
            "wallets:lookup",
            format!("address.network={network}&address.address={address}"),
            json!({"address": {"network": network, "address": address}}),
        ),
    ] {
        let by_path = http.get(&format!("/v1/{path}?{query}")).await;
        let by_body = http.json("POST", &format!("/v1/{path}"), &body).await;
        assert_eq!(
            (by_path.status.as_u16(), by_body.status.as_u16()),
            (200, 200),
            "{path} {by_path:?} {by_body:?}"
        );
        assert_eq!(by_path.value(), by_body.value(), "{path}");
    }
    let listed =
        http.json("POST", "/v1/customers:list", &json!({"emails": ["ada@example.com"]})).await.value();
    assert_eq!(listed, http.get("/v1/customers?emails=ada%40example.com").await.value());
    assert_eq!(listed["customers"][0]["id"], ada["id"]);
}

/// What a domain's settings are answered as can be sent back.
async fn settings_go_out_and_in_alike(acme: Acme) {
    let http = acme.http().await;
    let path = format!("/v1/domains/{}", acme.tenant.domain.id);
    let settings = http.get(&path).await.value()["domain"]["settings"].clone();
    assert_eq!(settings["uniqueEmail"], true);
    let same = http.json("PATCH", &format!("{path}/settings?updateMask=uniqueEmail"), &settings).await;
    assert_eq!((same.status.as_u16(), &same.value()["domain"]["settings"]), (200, &settings));
    let changed = json!({"uniqueEmail": false});
    let changed = http.json("PATCH", &format!("{path}/settings?updateMask=uniqueEmail"), &changed).await;
    assert_eq!(
        (changed.status.as_u16(), &changed.value()["domain"]["settings"]["uniqueEmail"]),
        (200, &json!(false))
    );
}

/// A body over the limit is refused before it is asked for, and the connection with it.
async fn a_body_over_the_limit_is_not_asked_for(acme: Acme) {
    let address = acme.server.http().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/customers HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ncontent-length: 52428800\r\n\r\n",
        acme.tenant.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 413") && told.contains("connection: close\r\n"), "{told}");
}

async fn a_watch_is_a_stream_of_lines_or_of_events(acme: Acme) {
    let address = acme.server.http().await;
    let http = Http::new(address).with("x-api-key", &*acme.tenant.key);
    let ada = create(&http, &json!({"firstName": "Ada"})).await;
    for (accept, start) in [("*/*", "{\""), ("text/html, text/event-stream;q=0.9", "data: {\"")] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /v1/events:watch?start=WATCH_START_EARLIEST&types=customer.created HTTP/1.1\r\nhost: x\r\n\
             x-api-key: {}\r\naccept: {accept}\r\n\r\n",
            acme.tenant.key
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut told = String::new();
        let mut buffer = [0; 4_096];
        while !told.contains(ada["id"].as_str().unwrap()) {
            let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut buffer)).await;
            let read = read.unwrap().unwrap();
            assert!(read > 0, "{told}");
            told += std::str::from_utf8(&buffer[..read]).unwrap();
        }
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        assert!(told.contains(start) && told.contains("customer.created"), "{told}");
    }
    // What ends before it begins is an answer like any other.
    let ahead = http.get("/v1/events:watch?after_sequence=1000000").await;
    assert_eq!((ahead.status.as_u16(), reason(&ahead)), (400, "SEQUENCE_AHEAD".to_owned()));
}

async fn what_happens_over_rest_is_what_happens_over_grpc(mut acme: Acme) {
    let http = acme.http().await;
    let over_rest = create(&http, &json!({"firstName": "Ada", "billingAddress": {"country": "GB"}})).await;
    let over_grpc = acme.client.get(over_rest["id"].as_str().unwrap()).await.unwrap();
    assert_eq!(
        (over_grpc.first_name.as_str(), over_grpc.etag.as_str()),
        ("Ada", over_rest["etag"].as_str().unwrap())
    );
    assert_eq!(over_grpc.billing_address.unwrap().country, "GB");
    let batch = http.get(&format!("/v1/customers:batchGet?ids={}&ids=x", over_grpc.id)).await.value();
    assert_eq!(batch["results"][0]["customer"], over_rest);
    assert_eq!(batch["results"][1]["error"]["details"][0]["reason"], "INVALID_FIELD");
}
