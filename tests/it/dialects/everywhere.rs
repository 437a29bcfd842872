//! What holds of every dialect.

use prost::Message as _;
use prost_types::Timestamp;
use purser::api;
use purser::domain::{CustomerId, Domain, Scopes};
use serde_json::{Value, json};

use super::{Desk, Town, makers, shown};
use crate::harness::on_each_database;
use crate::rest::client::Answer;

on_each_database!(Town:
    a_key_of_many_domains_is_told_so,
    the_same_customer_is_seen_in_every_way,
);

/// Whether a refusal has the shape of its dialect, and its own status in it where the dialect has one.
pub fn is_in_shape(face: &str, answer: &Answer) -> bool {
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
            "canonical" => {
                members(&body) == ["error"]
                    && body["error"]["code"] == status
                    && texts(&body["error"], &["message", "status"])
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
pub fn keyed(town: &Town, face: &'static str, key: &str) -> Desk {
    let desk = town.desk_with(face, key);
    let tenant = town.tenant();
    match face {
        "paylias" => desk
            .with("x-org-id", &tenant.organization.id.to_string())
            .with("x-partner-id", &tenant.domain.id.to_string()),
        _ => desk,
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

/// How a customer that gRPC shows so looks in each way of speaking: where it is asked for, the part of the answer that is
/// compared, and what that is.
fn looks(it: &api::Customer, domain: &Domain) -> Vec<(&'static str, String, &'static str, Value)> {
    let uuid = it.id.parse::<CustomerId>().unwrap().as_uuid().to_string();
    let (created, updated) = (it.create_time.unwrap(), it.update_time.unwrap());
    let millis = |at: Timestamp| humantime::format_rfc3339_millis(at.try_into().unwrap()).to_string();
    let seconds = |at: Timestamp| humantime::format_rfc3339_seconds(at.try_into().unwrap()).to_string();
    let said = |text: &str| Some(text.to_owned()).filter(|it| !it.is_empty());
    let bill = it.billing_address.clone().unwrap_or_default();
    let metadata = it.metadata.clone().unwrap_or_default();
    let plan = metadata.fields.get("plan").and_then(|it| match &it.kind {
        Some(prost_types::value::Kind::StringValue(text)) => Some(text.clone()),
        _ => None,
    });
    let alias = it.payment_address.replace('@', "%40");
    let fossapay = json!({"id": it.id, "name": it.name, "email": it.email, "phone": it.phone,
        "createdAt": millis(created), "updatedAt": millis(updated)});
    let noderails = json!({"id": uuid, "appId": domain.id.as_uuid().to_string(), "externalId": it.external_id,
        "email": it.email, "name": it.name, "address": said(&bill.line1), "city": said(&bill.city),
        "state": said(&bill.state), "country": said(&bill.country), "postalCode": said(&bill.postal_code),
        "metadata": {"plan": plan}, "createdAt": millis(created), "updatedAt": millis(updated), "wallets": [],
        "app": {"id": domain.id.as_uuid().to_string(), "name": domain.name.as_str(),
                "organizationId": domain.organization_id.as_uuid().to_string(), "environment": "SANDBOX",
                "status": "ACTIVE", "createdAt": shown_millis(domain.create_us)},
        "paymentIntents": [], "invoices": []});
    let trxn = json!({"id": it.id, "email": it.email, "first_name": it.first_name, "last_name": it.last_name,
        "created_at": seconds(created), "updated_at": seconds(updated)});
    let juicyway = json!({"id": uuid, "status": "active", "type": "individual", "first_name": it.first_name,
        "last_name": it.last_name, "email": it.email, "phone": it.phone,
        "billing_address": {"line1": bill.line1, "line2": bill.line2, "city": bill.city, "state": bill.state,
                            "zip_code": bill.postal_code, "country": said(&bill.country)},
        "created_at": seconds(created), "updated_at": seconds(updated)});
    let mut paylias = json!({"token": it.id, "partner_id": domain.id.to_string(), "first_name": it.first_name,
        "middle_name": it.middle_name, "last_name": it.last_name, "nick_name": it.nick_name,
        "payment_address": it.payment_address, "status": it.status,
        "created_at": {"seconds": created.seconds}, "updated_at": {"seconds": updated.seconds}});
    paylias.as_object_mut().unwrap().retain(|_, it| it != "");
    let mut listed = noderails.clone();
    for name in ["app", "paymentIntents", "invoices"] {
        listed.as_object_mut().unwrap().remove(name);
    }
    listed["_count"] = json!({"paymentIntents": 0, "subscriptions": 0, "invoices": 0});
    let mut found = Vec::new();
    // By its id as it is written here and as a UUID.
    for id in [&it.id, &uuid] {
        found.push(("fossapay", format!("/api/v1/customers/{id}"), "", fossapay.clone()));
        found.push(("noderails", format!("/customers/{id}"), "/data", noderails.clone()));
        found.push(("trxn", format!("/v1/customers/{id}"), "", trxn.clone()));
        found.push(("juicyway", format!("/customers/{id}"), "/data", juicyway.clone()));
        let path = format!("/csp/api/v1/csp/customer?limit=1&page=1&tokens={id}");
        found.push(("paylias", path, "/data/customers/0", paylias.clone()));
    }
    for prefix in ["/csp/api/v1/csp/customer", "/api/v1/csp/customer"] {
        found.push(("paylias", format!("{prefix}/{alias}"), "/data", paylias.clone()));
        found.push(("paylias", format!("{prefix}/{alias}/resolve"), "/data", paylias.clone()));
    }
    found.push(("fossapay", "/api/v1/customers".to_owned(), "/0", fossapay));
    found.push(("noderails", "/customers".to_owned(), "/data/0", listed));
    found.push(("trxn", "/v1/customers".to_owned(), "/customers/0", trxn));
    found.push(("juicyway", format!("/customers?email={}", it.email), "/data/0", juicyway));
    let told = encode(&it.encode_to_vec(), "Customer");
    for path in [
        format!("/v1/customers/{}", it.id),
        format!("/v1/customers:lookup?paymentAddress={alias}"),
        format!("/v1/customers:lookup?externalId={}", it.external_id),
        format!("/v1/customers:lookup?email={}", it.email),
    ] {
        found.push(("canonical", path, "/customer", told.clone()));
    }
    found.push(("canonical", "/v1/customers".to_owned(), "/customers/0", told));
    found
}

fn shown_millis(us: i64) -> String {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_micros(us.try_into().unwrap());
    humantime::format_rfc3339_millis(at).to_string()
}

/// A message as canonical JSON, by its descriptor.
fn encode(bytes: &[u8], name: &str) -> Value {
    let message = api::POOL.get_message_by_name(&format!("purser.v1.{name}")).unwrap();
    serde_json::to_value(prost_reflect::DynamicMessage::decode(message, bytes).unwrap()).unwrap()
}

async fn the_same_customer_is_seen_in_every_way(mut town: Town) {
    let asked = api::Customer {
        name: "Ada King Lovelace".to_owned(),
        first_name: "Ada".to_owned(),
        middle_name: "King".to_owned(),
        last_name: "Lovelace".to_owned(),
        email: "Ada@Mail.example".to_owned(),
        phone: "+442071234567".to_owned(),
        payment_address: "Ada@acme".to_owned(),
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
    let id = town.purse.acme.client.create(asked).await.unwrap().id;
    let domain = town.tenant().domain.clone();
    // What is changed in one way is seen in all.
    for (face, method, path, body) in [
        (
            "canonical",
            "PATCH",
            format!("/v1/customers/{id}?updateMask=metadata.plan"),
            json!({"metadata": {"plan": "pro"}}),
        ),
        (
            "paylias",
            "PATCH",
            "/api/v1/csp/customer/ada@acme".to_owned(),
            json!({"nick_name": "ada", "middle_name": ""}),
        ),
        (
            "noderails",
            "PUT",
            format!("/customers/{id}"),
            json!({"state": "Greater London", "externalId": "ext-2"}),
        ),
        (
            "trxn",
            "PATCH",
            format!("/v1/customers/{id}"),
            json!({"email": "Ada@Other.example", "first_name": "Augusta"}),
        ),
        (
            "juicyway",
            "PATCH",
            format!("/customers/{id}"),
            json!({"phone": "+442079460000", "billing_address": {"line2": "Top floor"}}),
        ),
    ] {
        let before = town.purse.acme.client.get(&id).await.unwrap();
        town.desk(face).ok(method, &path, body).await;
        let now = town.purse.acme.client.get(&id).await.unwrap();
        assert_ne!(now.etag, before.etag, "{face}");
        for (face, path, at, expected) in looks(&now, &domain) {
            let answer = town.desk(face).ok("GET", &path, Value::Null).await;
            assert_eq!(answer.pointer(at), Some(&expected), "{face} {path}");
        }
    }
    // Who is deleted is there no more.
    let last = town.purse.acme.client.get(&id).await.unwrap();
    town.purse.acme.client.delete(&id).await.unwrap();
    for (face, path, ..) in looks(&last, &domain) {
        let is_of_one = !path.ends_with("customers") && !path.contains("email=") && !path.contains("limit=");
        if face != "canonical" && is_of_one {
            let answer = town.desk(face).raw("GET", &path, "").await;
            assert_eq!(answer.status, 404, "{face} {path}: {answer:?}");
            assert!(is_in_shape(face, &answer), "{answer:?}");
        }
    }
}
