//! What holds of every dialect.

use purser::api;
use purser::domain::{Scope, Scopes};
use serde_json::{Value, json};

use super::{Desk, Town, makers, shown};
use crate::harness::on_each_database;
use crate::rest::client::{Answer, Http};

on_each_database!(Town:
    whatever_is_refused_is_refused_in_the_words_of_the_dialect,
    what_another_tenant_has_looks_like_what_nobody_has,
    a_call_that_is_repeated_has_its_first_answer,
    a_key_of_many_domains_is_told_so,
    the_same_customer_is_seen_in_every_way,
);

/// Whether a refusal has the shape of its dialect, and its own status in it where the dialect has one.
fn is_in_shape(face: &str, answer: &Answer) -> bool {
    let (status, body) = shown(answer);
    let members =
        |it: &Value| it.as_object().map(|it| it.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let texts = |it: &Value, names: &[&str]| {
        names.iter().all(|name| it[*name].as_str().is_some_and(|it| !it.is_empty()))
    };
    answer.header("content-type") == Some("application/json")
        && match face {
            "fossapay" => {
                members(&body) == ["code", "message", "status", "statusCode"]
                    && body["status"] == "error"
                    && body["statusCode"] == status
                    && texts(&body, &["code", "message"])
            }
            "paylias" => {
                members(&body) == ["error_code", "error_message", "ok"]
                    && body["ok"] == false
                    && body["error_code"].as_str().is_some_and(|it| it.starts_with("error."))
                    && texts(&body, &["error_message"])
            }
            "noderails" => {
                members(&body) == ["error", "success"]
                    && body["success"] == false
                    && members(&body["error"]) == ["code", "message"]
                    && texts(&body["error"], &["code", "message"])
            }
            "trxn" if body.get("errors").is_some() => status == 422 && members(&body) == ["errors"],
            "trxn" => {
                members(&body) == ["error"]
                    && body["error"]["type"] == "invalid_request_error"
                    && texts(&body["error"], &["code", "message"])
            }
            _ => {
                members(&body["error"]) == ["code", "errors", "message", "type"]
                    && body["error"]["type"] == "invalid_request_error"
                    && body["error"]["errors"].is_array()
            }
        }
}

/// The same with what says whom the call comes from, and another key.
fn keyed(town: &Town, face: &'static str, key: &str) -> Desk {
    let desk = town.desk_with(face, key);
    let tenant = town.tenant();
    match face {
        "paylias" => desk
            .with("x-org-id", &tenant.organization.id.to_string())
            .with("x-partner-id", &tenant.domain.id.to_string()),
        _ => desk,
    }
}

async fn whatever_is_refused_is_refused_in_the_words_of_the_dialect(town: Town) {
    let server = &town.purse.acme.server;
    let events_only: Scopes = [Scope::EventsRead].into_iter().collect();
    let narrow = server.domain_key(&town.tenant().domain, events_only).await;
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let large = format!("\"{}\"", "x".repeat(1024 * 1024));
    for (face, path, body) in makers() {
        let (desk, body) = (town.desk(face), body.to_string());
        let twice = format!("{{\"a\":1,{}", &body.replacen('{', "\"a\":1,", 1));
        let (none, bad) = (keyed(&town, face, ""), keyed(&town, face, "purser_live_x"));
        let narrow = keyed(&town, face, &narrow);
        let nowhere = format!("{path}/../../nothing");
        for (desk, method, path, body, status) in [
            (&desk, "GET", "/nothing", "", 404),
            (&desk, "GET", "", "", 404),
            (&desk, "GET", &nowhere, "", 404),
            (&desk, "TRACE", path, "", 405),
            (&none, "POST", path, &body, 401),
            (&bad, "POST", path, &body, 401),
            (&narrow, "POST", path, &body, 403),
            (&desk, "POST", path, "{", 400),
            (&desk, "POST", path, "", 400),
            (&desk, "POST", path, "[]", 400),
            (&desk, "POST", path, "\"x\"", 400),
            (&desk, "POST", path, "null", 400),
            (&desk, "POST", path, &twice, 400),
            (&desk, "POST", path, &deep, 400),
            (&desk, "POST", path, &large, 413),
            (&desk, "GET", &format!("{path}/%zz"), "", 400),
            (&desk, "GET", &format!("{path}?page=%ff"), "", 400),
        ] {
            let answer = desk.raw(method, path, body).await;
            let start: String = body.chars().take(40).collect();
            assert_eq!(answer.status, status, "{face} {method} {path} {start}: {answer:?}");
            assert!(is_in_shape(face, &answer), "{face} {method} {path} {start}: {answer:?}");
        }
        // Whatever else is in a body is refused, too, and no value of it is repeated.
        let mut unknown: Value = serde_json::from_str(&body).unwrap();
        unknown["no_such"] = json!("secret-value");
        let answer = desk.raw("POST", path, &unknown.to_string()).await;
        let status = answer.status.as_u16();
        assert!(matches!(status, 400 | 422) && is_in_shape(face, &answer), "{face}: {answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret-value"));
    }
}

/// What makes a customer in a dialect, and what it is asked for by afterwards.
async fn made(desk: &Desk, face: &str, path: &str, body: Value) -> String {
    let made = desk.ok("POST", path, body).await;
    let id = match face {
        "fossapay" | "trxn" => &made["id"],
        "paylias" => &made["data"]["payment_address"],
        _ => &made["data"]["id"],
    };
    id.as_str().unwrap().to_owned()
}

async fn what_another_tenant_has_looks_like_what_nobody_has(town: Town) {
    let (other, ..) = town.purse.with("other", json!({})).await;
    for (face, path, body) in makers() {
        let id = made(&town.desk(face), face, path, body).await;
        let stranger = town.desk_of(face, &other);
        let unknown = match face {
            "paylias" => "nobody@acme".to_owned(),
            "fossapay" | "trxn" => format!("{}0000", &id[..id.len() - 4]),
            _ => format!("{}0000", &id[..id.len() - 4]),
        };
        let methods: &[&str] = match face {
            "fossapay" => &["GET"],
            "noderails" => &["GET", "PUT"],
            _ => &["GET", "PATCH", "DELETE"],
        };
        for method in methods {
            let theirs = stranger.raw(method, &format!("{path}/{id}"), "{}").await;
            let nobodys = stranger.raw(method, &format!("{path}/{unknown}"), "{}").await;
            assert_eq!(theirs.status, 404, "{face} {method}: {theirs:?}");
            assert_eq!((theirs.status, &theirs.body), (nobodys.status, &nobodys.body), "{face} {method}");
            assert!(is_in_shape(face, &theirs), "{theirs:?}");
        }
    }
}

async fn a_call_that_is_repeated_has_its_first_answer(town: Town) {
    for (face, path, body) in makers() {
        let header = if face == "fossapay" { "x-idempotency-key" } else { "idempotency-key" };
        let desk = town.desk(face).with(header, &format!("once-{face}"));
        let first = desk.raw("POST", path, &body.to_string()).await;
        assert!(first.status.is_success(), "{face}: {first:?}");
        let again = desk.raw("POST", path, &body.to_string()).await;
        assert_eq!((first.status, &first.body), (again.status, &again.body), "{face}");
        let mut other = body.clone();
        let field = if matches!(face, "noderails" | "fossapay") { "name" } else { "first_name" };
        other[field] = json!("Other");
        let refused = desk.raw("POST", path, &other.to_string()).await;
        assert!(refused.status.is_client_error() && is_in_shape(face, &refused), "{face}: {refused:?}");
        let long = town.desk(face).with(header, &"x".repeat(256)).raw("POST", path, &body.to_string()).await;
        assert!(long.status == 400 && is_in_shape(face, &long), "{face}: {long:?}");
        let without = town.desk(face).raw("POST", path, &body.to_string()).await;
        let taken = if face == "trxn" { 422 } else { 409 };
        assert_eq!(without.status, taken, "{face}: {without:?}");
        assert!(is_in_shape(face, &without));
    }
}

async fn a_key_of_many_domains_is_told_so(town: Town) {
    let tenant = town.tenant();
    let server = &town.purse.acme.server;
    let key = server.organization_key(&tenant.organization, tenant.domain.environment, Scopes::all()).await;
    for (face, path, body) in makers() {
        let answer = keyed(&town, face, &key).raw("POST", path, &body.to_string()).await;
        let status = match face {
            // These say which domain is meant.
            "paylias" => 200,
            "noderails" => 400,
            _ => 403,
        };
        assert_eq!(answer.status, status, "{face}: {answer:?}");
    }
    let rails = keyed(&town, "noderails", &key);
    let app = tenant.domain.id.to_string();
    let (status, made) = rails.post("/customers", json!({"appId": app, "email": "x@mail.example"})).await;
    assert_eq!((status, &made["data"]["appId"]), (201, &json!(tenant.domain.id.as_uuid().to_string())));
}

async fn the_same_customer_is_seen_in_every_way(mut town: Town) {
    let asked = api::Customer {
        name: "Ada King Lovelace".to_owned(),
        first_name: "Ada".to_owned(),
        middle_name: "King".to_owned(),
        last_name: "Lovelace".to_owned(),
        email: "Ada@Mail.example".to_owned(),
        phone: "+442071234567".to_owned(),
        payment_address: "ada@acme".to_owned(),
        external_id: "ext-1".to_owned(),
        billing_address: Some(api::BillingAddress {
            line1: "1 St James's Square".to_owned(),
            city: "London".to_owned(),
            postal_code: "SW1Y 4LB".to_owned(),
            country: "GB".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let made = town.purse.acme.client.create(asked).await.unwrap();
    assert_eq!(town.purse.acme.client.get(&made.id).await.unwrap(), made);
    let id = &made.id;
    let uuid = id.parse::<purser::domain::CustomerId>().unwrap().as_uuid().to_string();
    let seconds = made.create_time.unwrap().seconds;

    let canonical = Http::new(town.http).with("authorization", format!("Bearer {}", town.tenant().key));
    let canonical = canonical.get(&format!("/v1/customers/{id}")).await.value();
    assert_eq!(
        (&canonical["customer"]["id"], &canonical["customer"]["email"]),
        (&json!(id), &json!("ada@mail.example"))
    );

    // By its id as it is written here and as a UUID.
    for id in [id, &uuid] {
        let fossapay = town.desk("fossapay").ok("GET", &format!("/api/v1/customers/{id}"), Value::Null).await;
        assert_eq!(
            (&fossapay["id"], &fossapay["name"], &fossapay["phone"]),
            (&json!(made.id), &json!("Ada King Lovelace"), &json!("+442071234567"))
        );
        let noderails =
            &town.desk("noderails").ok("GET", &format!("/customers/{id}"), Value::Null).await["data"];
        assert_eq!((&noderails["id"], &noderails["externalId"]), (&json!(uuid), &json!("ext-1")));
        assert_eq!(
            (&noderails["address"], &noderails["postalCode"]),
            (&json!("1 St James's Square"), &json!("SW1Y 4LB"))
        );
        assert_eq!(noderails["app"]["name"], "acme");
        let trxn = town.desk("trxn").ok("GET", &format!("/v1/customers/{id}"), Value::Null).await;
        assert_eq!((&trxn["id"], &trxn["first_name"]), (&json!(made.id), &json!("Ada")));
        let juicyway =
            &town.desk("juicyway").ok("GET", &format!("/customers/{id}"), Value::Null).await["data"];
        assert_eq!((&juicyway["id"], &juicyway["status"]), (&json!(uuid), &json!("active")));
        assert_eq!(juicyway["billing_address"]["zip_code"], "SW1Y 4LB");
        assert_eq!(trxn["created_at"], juicyway["created_at"]);
    }
    let paylias = &town.desk("paylias").ok("GET", "/api/v1/csp/customer/ada@acme", Value::Null).await["data"];
    assert_eq!((&paylias["token"], &paylias["middle_name"]), (&json!(made.id), &json!("King")));
    assert_eq!((&paylias["status"], &paylias["created_at"]["seconds"]), (&json!(2), &json!(seconds)));

    // Who is deleted is there no more.
    town.purse.acme.client.delete(id).await.unwrap();
    for (face, path) in [
        ("fossapay", format!("/api/v1/customers/{id}")),
        ("paylias", "/api/v1/csp/customer/ada@acme".to_owned()),
        ("noderails", format!("/customers/{id}")),
        ("trxn", format!("/v1/customers/{id}")),
        ("juicyway", format!("/customers/{id}")),
    ] {
        let answer = town.desk(face).raw("GET", &path, "").await;
        assert_eq!(answer.status, 404, "{face}: {answer:?}");
        assert!(is_in_shape(face, &answer));
    }
}
