//! What Juicyway's document leaves open, and what it refuses.

mod wallets;

use purser::api::{self, KycStatus};
use serde_json::{Value, json};

use super::{Desk, Town, juicy, shown};
use crate::harness::on_each_database;

on_each_database!(Town:
    a_status_says_how_far_the_checks_have_come,
    what_is_missing_and_what_is_wrong_are_told_apart,
    a_list_goes_both_ways,
);

async fn customer(desk: &Desk, email: &str) -> String {
    let made = desk.ok("POST", "/customers", juicy(email)).await;
    made["data"]["id"].as_str().unwrap().to_owned()
}

fn customer_id(uuid: &str) -> String {
    purser::domain::CustomerId::of_either_form(uuid).unwrap().to_string()
}

async fn a_status_says_how_far_the_checks_have_come(town: Town) {
    let (tenant, mut client, _) = town.purse.with("checked", json!({"kyc_required": true})).await;
    let desk = town.desk_of("juicyway", &tenant);
    let made = desk.ok("POST", "/customers", juicy("a@mail.example")).await;
    assert_eq!(made["data"]["status"], "pending_kyc");
    let uuid = made["data"]["id"].as_str().unwrap().to_owned();
    let id = customer_id(&uuid);
    for (to, status) in [
        (KycStatus::InReview, "pending_kyc"),
        (KycStatus::NeedsInfo, "pending_kyc"),
        (KycStatus::Approved, "active"),
        (KycStatus::Expired, "expired"),
        (KycStatus::InReview, "pending_kyc"),
        (KycStatus::Rejected, "rejected"),
    ] {
        client.set_kyc(&id, to).await.unwrap();
        let got = desk.ok("GET", &format!("/customers/{uuid}"), Value::Null).await;
        assert_eq!(got["data"]["status"], status, "{to:?}");
    }
    // A wallet waits for the checks.
    let (status, body) = desk.post("/wallets", json!({"customer_id": uuid, "currency": "NGN"})).await;
    assert_eq!((status, &body["error"]["type"]), (422, &json!("invalid_request_error")));
    let disabled = api::Customer { status: api::CustomerStatus::Disabled.into(), ..Default::default() };
    client.update(&id, &["status"], disabled).await.unwrap();
    assert_eq!(
        desk.ok("GET", &format!("/customers/{uuid}"), Value::Null).await["data"]["status"],
        "disabled"
    );
}

async fn what_is_missing_and_what_is_wrong_are_told_apart(town: Town) {
    let desk = town.desk("juicyway");
    let fields = |body: &Value| {
        let errors = body["error"]["errors"].as_array().unwrap().iter();
        errors.map(|it| it["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (status, body) = desk.post("/customers", json!({})).await;
    let missing = [
        "first_name",
        "last_name",
        "email",
        "phone",
        "type",
        "billing_address.line1",
        "billing_address.city",
        "billing_address.state",
        "billing_address.zip_code",
        "billing_address.country",
    ];
    assert_eq!((status, fields(&body)), (400, missing.map(str::to_owned).to_vec()));
    let mut wrong = juicy("no");
    wrong["phone"] = json!("0801");
    wrong["type"] = json!("robot");
    wrong["billing_address"]["country"] = json!("Nigeria");
    let (status, body) = desk.post("/customers", wrong).await;
    assert_eq!(
        (status, fields(&body)),
        (422, ["type", "email", "phone", "billing_address.country"].map(str::to_owned).to_vec())
    );
    assert!(body["error"]["errors"][0]["message"].as_str().unwrap().contains("individual"));
    let id = customer(&desk, "a@mail.example").await;
    let (status, body) = desk.post("/customers", juicy("A@mail.example")).await;
    assert_eq!((status, &body["error"]["code"]), (409, &json!("conflict")));
    let path = format!("/customers/{id}");
    for (wrong, status) in [
        (json!({"first_name": ""}), 400),
        (json!({"email": "no"}), 422),
        (json!({"billing_address": {"zip_code": null}}), 400),
        (json!({"billing_address": "x"}), 422),
        (json!({"status": "active"}), 400),
    ] {
        assert_eq!(desk.send("PATCH", &path, &wrong).await.0, status, "{wrong}");
    }
    let patched =
        desk.ok("PATCH", &path, json!({"type": "business", "billing_address": {"zip_code": "1"}})).await;
    assert_eq!(
        (&patched["data"]["type"], &patched["data"]["billing_address"]["zip_code"]),
        (&json!("business"), &json!("1"))
    );
    let gone = desk.raw("DELETE", &path, "").await;
    assert_eq!((gone.status.as_u16(), gone.body.len()), (204, 0));
    for method in ["GET", "PATCH", "DELETE"] {
        assert_eq!(shown(&desk.raw(method, &path, "{}").await).0, 404, "{method}");
    }
    // The key alone is enough.
    let bare = crate::rest::client::Http::new(town.http).with("authorization", town.tenant().key.clone());
    assert_eq!(bare.get("/juicyway/customers").await.status, 200);
}

async fn a_list_goes_both_ways(town: Town) {
    let desk = town.desk("juicyway");
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.insert(0, customer(&desk, &format!("c{n}@mail.example")).await);
    }
    let page = |query: String| {
        let desk = desk.clone();
        async move {
            let it = desk.ok("GET", &format!("/customers?{query}"), Value::Null).await;
            let ids: Vec<_> = it["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["id"].as_str().unwrap().to_owned())
                .collect();
            let cursor = |name: &str| it["pagination"][name].as_str().map(str::to_owned);
            (ids, cursor("before"), cursor("after"))
        }
    };
    let (first, none, after) = page("limit=2".to_owned()).await;
    assert_eq!((&first[..], none), (&ids[..2], None));
    let (second, before, after) = page(format!("limit=2&after={}", after.unwrap())).await;
    assert_eq!(second, ids[2..4]);
    let (third, last_before, none) = page(format!("limit=2&after={}", after.unwrap())).await;
    assert_eq!((&third[..], none), (&ids[4..], None));
    assert_eq!(page(format!("limit=2&before={}", last_before.unwrap())).await.0, ids[2..4]);
    let (back, none, after) = page(format!("limit=2&before={}", before.unwrap())).await;
    assert_eq!((&back[..], none), (&ids[..2], None));
    assert_eq!(page(format!("limit=2&after={}", after.clone().unwrap())).await.0, ids[2..4]);
    assert_eq!(page("email=C3@mail.example".to_owned()).await.0, ids[1..2]);
    assert_eq!(page("limit=100".to_owned()).await.0, ids);
    let token = after.unwrap();
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "after=x",
        "before=x",
        "email=no",
        &format!("after={token}&before={token}"),
        &format!("after={token}&email=c3@mail.example"),
    ] {
        let (status, body) = desk.get(&format!("/customers?{query}")).await;
        assert_eq!((status, &body["error"]["type"]), (400, &json!("invalid_request_error")), "{query}");
        assert_eq!(body["error"]["errors"].as_array().unwrap().len(), 1, "{query}");
    }
}
