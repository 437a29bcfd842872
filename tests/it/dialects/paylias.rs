//! What the document of Paylias leaves open, and what it refuses.

use serde_json::{Value, json};

use super::{Town, shown};
use crate::harness::on_each_database;
use crate::rest::client::Http;

const PATH: &str = "/csp/api/v1/csp/customer";

on_each_database!(Town:
    a_call_is_from_whom_it_says_or_from_nobody,
    an_address_is_read_raw_or_encoded_and_a_body_whatever_its_type,
    an_update_changes_what_is_sent_and_never_the_address,
    somebody_is_found_by_any_of_several_values,
    a_page_has_a_number_and_a_size,
    whoever_is_deleted_is_found_as_deleted_alone,
    an_alias_of_another_domain_resolves,
    both_prefixes_lead_to_the_same,
    a_name_resolves_as_far_as_its_domain_discloses_it,
);

fn ada() -> Value {
    json!({"first_name": "Ada", "middle_name": "King", "last_name": "Lovelace", "nick_name": "ada",
           "payment_address": "Ada@acme", "status": "ENABLED"})
}

async fn a_call_is_from_whom_it_says_or_from_nobody(town: Town) {
    let (other, ..) = town.purse.with("other", json!({})).await;
    let tenant = town.tenant();
    let bare = town.desk_with("paylias", &tenant.key);
    let (org, part) = (tenant.organization.id.to_string(), tenant.domain.id.to_string());
    for (organization, domain) in [
        ("", ""),
        (org.as_str(), ""),
        ("", part.as_str()),
        (&other.organization.id.to_string(), &part),
        (&org, &other.domain.id.to_string()),
        (&org, &org),
        ("x", "y"),
    ] {
        let mut desk = bare.clone();
        for (name, value) in [("x-org-id", organization), ("x-partner-id", domain)] {
            if !value.is_empty() {
                desk = desk.with(name, value);
            }
        }
        let (status, body) = desk.get(&format!("{PATH}/ada@acme")).await;
        assert_eq!(
            (status, &body["error_code"]),
            (401, &json!("error.unauthorized_access")),
            "{organization} {domain}"
        );
    }
    // As UUIDs they are the same.
    let desk = bare
        .with("x-org-id", &tenant.organization.id.as_uuid().to_string())
        .with("x-partner-id", &tenant.domain.id.as_uuid().to_string());
    assert_eq!(desk.get(&format!("{PATH}/ada@acme")).await.0, 404);
}

async fn an_address_is_read_raw_or_encoded_and_a_body_whatever_its_type(town: Town) {
    let tenant = town.tenant();
    let http = Http::new(town.http)
        .with("x-sfpy-api-key", tenant.key.clone())
        .with("x-org-id", tenant.organization.id.to_string())
        .with("x-partner-id", tenant.domain.id.to_string());
    let form = http.with("content-type", "application/x-www-form-urlencoded");
    let made = form.send("POST", &format!("/paylias{PATH}"), ada().to_string()).await;
    assert_eq!(made.status, 200);
    for prefix in [PATH, "/api/v1/csp/customer"] {
        for address in ["ada@acme", "ada%40acme", "ADA@ACME"] {
            let got = http.get(&format!("/paylias{prefix}/{address}")).await;
            assert_eq!((got.status, &got.body), (made.status, &made.body), "{prefix} {address}");
        }
    }
    for (address, status) in [("nobody@acme", 404), ("ada@elsewhere", 404), ("ada", 400), ("@", 400)] {
        assert_eq!(http.get(&format!("/paylias{PATH}/{address}")).await.status, status, "{address}");
    }
}

async fn an_update_changes_what_is_sent_and_never_the_address(town: Town) {
    let desk = town.desk("paylias");
    desk.ok("POST", PATH, ada()).await;
    let path = format!("{PATH}/ada@acme");
    let updated = desk.ok("PATCH", &path, json!({"middle_name": "", "status": 1})).await;
    let data = &updated["data"];
    assert_eq!(
        (data.get("middle_name"), &data["nick_name"], &data["status"]),
        (None, &json!("ada"), &json!(1))
    );
    assert_eq!(desk.ok("PATCH", &path, json!({})).await, updated);
    // Some write what they leave unsaid as `null`: only an empty text clears a name.
    let unsaid = json!({"last_name": null, "nick_name": null, "status": null});
    assert_eq!(desk.ok("PATCH", &path, unsaid).await, updated);
    assert_eq!(desk.ok("PATCH", &path, json!({"payment_address": "ada@acme"})).await, updated);
    for wrong in [
        json!({"first_name": ""}),
        json!({"last_name": ""}),
        json!({"status": "DELETED"}),
        json!({"status": "NONE"}),
        json!({"status": true}),
        json!({"payment_address": "eve@acme"}),
        json!({"nick_name": 1}),
        json!({"email": "ada@mail.example"}),
    ] {
        let (status, body) = desk.send("PATCH", &path, &wrong).await;
        assert_eq!((status, &body["error_code"]), (400, &json!("error.bad_request")), "{wrong}");
    }
    for missing in ["first_name", "last_name", "payment_address", "status"] {
        let mut body = ada();
        body.as_object_mut().unwrap().remove(missing);
        let (status, answer) = desk.post(PATH, body).await;
        assert_eq!(status, 400);
        assert!(answer["error_message"].as_str().unwrap().contains(missing), "{answer}");
    }
    let (status, body) = desk.post(PATH, ada()).await;
    assert_eq!((status, &body["error_code"]), (409, &json!("error.resource_conflict")));
    let mut foreign = ada();
    foreign["payment_address"] = json!("ada@elsewhere");
    assert_eq!(desk.post(PATH, foreign).await.0, 400);
}

async fn somebody_is_found_by_any_of_several_values(mut town: Town) {
    let desk = town.desk("paylias");
    let mut tokens = Vec::new();
    for (first, nick) in [("Ada", "a"), ("Bob", "b"), ("Cy", "b")] {
        let body = json!({"first_name": first, "last_name": "L", "nick_name": nick, "status": "ENABLED",
                          "payment_address": format!("{first}@acme")});
        tokens.push(desk.ok("POST", PATH, body).await["data"]["token"].as_str().unwrap().to_owned());
    }
    desk.ok("PATCH", &format!("{PATH}/cy@acme"), json!({"status": "DISABLED"})).await;
    let _ = &mut town;
    let part = town.tenant().domain.id.to_string();
    for (query, found) in [
        (String::new(), vec!["Cy", "Bob", "Ada"]),
        ("first_names=Ada,Bob".to_owned(), vec!["Bob", "Ada"]),
        ("first_names=Ada&first_names=Bob&nick_names=b".to_owned(), vec!["Bob"]),
        ("payment_addresses=ADA%40acme,cy@acme".to_owned(), vec!["Cy", "Ada"]),
        (format!("tokens={},{}", tokens[0], tokens[2]), vec!["Cy", "Ada"]),
        ("status=ENABLED".to_owned(), vec!["Bob", "Ada"]),
        ("status=1".to_owned(), vec!["Cy"]),
        ("status=1,2".to_owned(), vec!["Cy", "Bob", "Ada"]),
        ("status=NONE".to_owned(), vec![]),
        ("last_names=L&middle_names=".to_owned(), vec!["Cy", "Bob", "Ada"]),
        (format!("partner_ids={part}"), vec!["Cy", "Bob", "Ada"]),
        ("partner_ids=550e8400-e29b-41d4-a716-446655440000".to_owned(), vec![]),
        (
            format!("partner_ids={part}&partner_ids=550e8400-e29b-41d4-a716-446655440000"),
            vec!["Cy", "Bob", "Ada"],
        ),
    ] {
        let answer = desk.ok("GET", &format!("{PATH}?limit=10&page=1&{query}"), Value::Null).await;
        let names: Vec<_> = answer["data"]["customers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["first_name"].clone())
            .collect();
        assert_eq!(names, found, "{query}");
        assert_eq!(answer["data"]["count"], found.len(), "{query}");
    }
    let many = vec!["x"; 101].join(",");
    for query in
        ["status=LIVE", "tokens=x", "partner_ids=x", &format!("nick_names={many}"), "first_names=%00"]
    {
        assert_eq!(desk.get(&format!("{PATH}?limit=10&page=1&{query}")).await.0, 400, "{query}");
    }
}

async fn a_page_has_a_number_and_a_size(town: Town) {
    let desk = town.desk("paylias");
    for n in 0..3 {
        let body = json!({"first_name": "A", "last_name": "L", "status": 2, "payment_address": format!("a{n}@acme")});
        desk.ok("POST", PATH, body).await;
    }
    let found = |answer: &Value| {
        let all = answer["data"]["customers"].as_array().unwrap().iter();
        (answer["data"]["count"].clone(), all.map(|it| it["payment_address"].clone()).collect::<Vec<_>>())
    };
    let second = desk.ok("GET", &format!("{PATH}?limit=2&page=2"), Value::Null).await;
    assert_eq!(found(&second), (json!(3), vec![json!("a0@acme")]));
    let beyond = desk.ok("GET", &format!("{PATH}?limit=100&page=101"), Value::Null).await;
    assert_eq!(found(&beyond), (json!(3), Vec::new()));
    for query in [
        "",
        "limit=10",
        "page=1",
        "limit=0&page=1",
        "limit=101&page=1",
        "limit=10&page=0",
        "limit=x&page=1",
        "limit=100&page=102",
        "limit=1.5&page=1",
    ] {
        let (status, body) = desk.get(&format!("{PATH}?{query}")).await;
        assert_eq!((status, &body["error_code"]), (400, &json!("error.bad_request")), "{query}");
    }
}

async fn whoever_is_deleted_is_found_as_deleted_alone(town: Town) {
    let desk = town.desk("paylias");
    desk.ok("POST", PATH, ada()).await;
    let path = format!("{PATH}/ada@acme");
    assert_eq!(desk.ok("DELETE", &path, json!({})).await, json!({"ok": true}));
    for (method, path) in
        [("GET", path.clone()), ("GET", format!("{path}/resolve")), ("PATCH", path.clone()), ("DELETE", path)]
    {
        let (status, body) = shown(&desk.raw(method, &path, "{}").await);
        assert_eq!(
            (status, &body["error_code"]),
            (404, &json!("error.resource_not_found")),
            "{method} {path}"
        );
    }
    let find = |query: &'static str| {
        let desk = desk.clone();
        async move { desk.ok("GET", &format!("{PATH}?limit=10&page=1{query}"), Value::Null).await["data"].clone() }
    };
    assert_eq!(find("").await["count"], 0);
    assert_eq!(find("&status=ENABLED,DISABLED").await["count"], 0);
    let deleted = find("&status=DELETED").await;
    assert_eq!((&deleted["count"], &deleted["customers"][0]["status"]), (&json!(1), &json!(3)));
    assert!(deleted["customers"][0]["deleted_at"]["seconds"].is_i64());
    // The address is on hold.
    assert_eq!(desk.post(PATH, ada()).await.0, 409);
}

async fn an_alias_of_another_domain_resolves(town: Town) {
    let (other, ..) = town.purse.with("other", json!({})).await;
    let (live, ..) = town.purse.tenant("live", purser::domain::Environment::Live, Default::default()).await;
    let desk = town.desk("paylias");
    desk.ok("POST", PATH, ada()).await;
    desk.ok("PATCH", &format!("{PATH}/ada@acme"), json!({"status": "DISABLED"})).await;
    let path = format!("{PATH}/ada%40acme/resolve");
    let theirs = town.desk_of("paylias", &other).ok("GET", &path, Value::Null).await;
    assert_eq!((&theirs["data"]["status"], &theirs["data"]["first_name"]), (&json!(1), &json!("Ada")));
    assert_eq!(theirs["data"]["partner_id"], town.tenant().domain.id.to_string());
    assert_eq!(town.desk_of("paylias", &live).get(&path).await.0, 404);
    assert_eq!(town.desk_of("paylias", &other).get(&format!("{PATH}/ada@acme")).await.0, 404);
}

async fn a_name_resolves_as_far_as_its_domain_discloses_it(town: Town) {
    let (other, ..) = town.purse.with("other", json!({})).await;
    let made = town.desk("paylias").ok("POST", PATH, ada()).await;
    let path = format!("{PATH}/ada@acme/resolve");
    let names = ["first_name", "middle_name", "last_name", "nick_name"];
    for (disclosure, shown) in [
        ("FULL_NAME", [Some("Ada"), Some("King"), Some("Lovelace"), Some("ada")]),
        ("INITIALS", [Some("A"), Some("K"), Some("L"), Some("a")]),
        ("STATUS_ONLY", [None; 4]),
    ] {
        town.purse.acme.set(&town.tenant().domain, json!({"disclosure": disclosure})).await;
        // A domain may be a second old.
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        let theirs = town.desk_of("paylias", &other).ok("GET", &path, Value::Null).await["data"].clone();
        assert_eq!(names.map(|it| theirs.get(it).map(|it| it.as_str().unwrap())), shown, "{disclosure}");
        for same in ["token", "partner_id", "payment_address", "status"] {
            assert_eq!(theirs[same], made["data"][same], "{disclosure}");
        }
        // Whoever issued it sees all of it.
        assert_eq!(town.desk("paylias").ok("GET", &path, Value::Null).await, made, "{disclosure}");
    }
}

async fn both_prefixes_lead_to_the_same(town: Town) {
    const OTHER: &str = "/api/v1/csp/customer";
    let desk = town.desk("paylias");
    let made = desk.ok("POST", OTHER, ada()).await;
    assert_eq!(desk.ok("GET", &format!("{PATH}/ada@acme"), Value::Null).await, made);
    let updated = desk.ok("PATCH", &format!("{OTHER}/ada@acme"), json!({"nick_name": "x"})).await;
    for path in ["/ada@acme", "/ada@acme/resolve"] {
        assert_eq!(desk.ok("GET", &format!("{PATH}{path}"), Value::Null).await, updated);
        assert_eq!(desk.ok("GET", &format!("{OTHER}{path}"), Value::Null).await, updated);
    }
    let found = desk.ok("GET", &format!("{OTHER}?limit=10&page=1"), Value::Null).await;
    assert_eq!(found["data"], json!({"count": 1, "customers": [updated["data"]]}));
    assert_eq!(desk.ok("GET", &format!("{PATH}?limit=10&page=1"), Value::Null).await, found);
    assert_eq!(desk.ok("DELETE", &format!("{OTHER}/ada@acme"), Value::Null).await, json!({"ok": true}));
    assert_eq!(desk.get(&format!("{PATH}/ada@acme")).await.0, 404);
}
