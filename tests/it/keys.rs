//! API keys over the wire: which are taken, until when, and who may hand out which.

mod ends;
mod widths;

use std::convert::Infallible;
use std::time::Duration;

use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Bytes;
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use purser::api;
use purser::domain::Scopes;
use tonic::{Code, Request};

use crate::harness::{Admin, Tenant, TestServer, on_each_database, reason};
use crate::raw::Raw;
use crate::rows::{dump, dump_all};

on_each_database!(TestServer:
    a_key_says_its_environment_and_its_id,
    a_key_is_taken_from_either_header,
    a_call_without_a_key_is_told_so,
    a_caller_without_a_key_is_refused_before_its_message_has_come,
    a_key_that_is_not_one_is_refused_before_any_look_at_the_database,
    a_key_that_is_made_up_well_is_refused_too,
    what_a_new_key_is_comes_back_as_asked,
    every_bad_field_of_a_new_key_is_named,
    a_key_says_when_it_was_last_used_to_the_minute,
    a_use_that_another_instance_has_noted_is_not_noted_again,
    no_secret_is_kept_anywhere,
);

async fn a_key_says_its_environment_and_its_id(server: TestServer) {
    let test = server.tenant("acme").await;
    let live = purser::domain::Environment::Live;
    let live = server.tenant_with("globex", live, purser::domain::DomainSettings::default()).await;
    let operator = server.operator_key(Scopes::all()).await;
    for (key, environment) in [(&test.key, "test"), (&live.key, "live"), (&operator, "live")] {
        let parts: Vec<_> = key.split('_').collect();
        assert_eq!(parts[..2], ["purser", environment]);
        // 192 random bits and a checksum, in hexadecimal.
        assert_eq!((parts.len(), parts[2].len(), parts[3].len()), (4, 26, 48 + 8), "{key}");
        let list = server.admin(key).await.list_api_keys(api::ListApiKeysRequest::default()).await.unwrap();
        assert!(list.into_inner().api_keys.iter().any(|it| it.id == format!("key_{}", parts[2])));
    }
}

/// Sabotage: authenticate in the handlers, which have the message.
async fn a_caller_without_a_key_is_refused_before_its_message_has_come(server: TestServer) {
    let io = TokioIo::new(tokio::net::TcpStream::connect(server.address).await.unwrap());
    let (mut sender, connection) = handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    for (method, key, expected) in [
        ("CustomerService/CreateCustomer", "", Code::Unauthenticated),
        ("AdminService/CreateDomain", "purser_live_0_0", Code::Unauthenticated),
        ("CustomerService/NoSuchMethod", "", Code::Unimplemented),
    ] {
        let never = StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let request = http::Request::post(format!("http://localhost/purser.v1.{method}"))
            .header("content-type", "application/grpc")
            .header("x-api-key", key)
            .body(never)
            .unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(30), sender.send_request(request)).await;
        let answer = answer.expect("an answer at once").unwrap();
        let status = tonic::Status::from_header_map(answer.headers()).expect("a status");
        assert_eq!(status.code(), expected, "{method}");
    }
}

/// One call, with these headers: OK, or the code and the reason.
async fn told(server: &TestServer, headers: &[(&'static str, &str)]) -> String {
    let mut client = api::customer_service_client::CustomerServiceClient::new(server.channel().await);
    let mut request = Request::new(api::ListCustomersRequest::default());
    for (name, value) in headers {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    match client.list_customers(request).await {
        Ok(_) => "OK".to_owned(),
        Err(status) => format!("{} {}", crate::descriptors::code_name(status.code()), reason(&status)),
    }
}

async fn a_key_is_taken_from_either_header(server: TestServer) {
    let Tenant { key, .. } = server.tenant("acme").await;
    for header in [
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("bearer {key}")),
        ("authorization", format!("BEARER   {key}")),
        ("x-api-key", key.clone()),
    ] {
        assert_eq!(told(&server, &[(header.0, &header.1)]).await, "OK", "{header:?}");
    }
    let other = server.tenant("globex").await.key;
    let both = [("authorization", format!("Bearer {key}")), ("x-api-key", other)];
    assert_eq!(told(&server, &both.each_ref().map(|it| (it.0, it.1.as_str()))).await, "OK");
    // What is no bearer token at all, such as a proxy's own, does not stand in the way of a key.
    assert_eq!(told(&server, &[("authorization", "Basic eDp5"), ("x-api-key", &key)]).await, "OK");
}

async fn a_call_without_a_key_is_told_so(server: TestServer) {
    for headers in [&[][..], &[("authorization", "Basic eDp5")], &[("authorization", "Bearer")]] {
        assert_eq!(told(&server, headers).await, "UNAUTHENTICATED API_KEY_MISSING", "{headers:?}");
    }
}

/// Neither while the key that it resembles is known, nor before or after.
///
/// Sabotage: in `App::authenticate`, look up what is not whole.
async fn a_key_that_is_not_one_is_refused_before_any_look_at_the_database(server: TestServer) {
    let Tenant { key, .. } = server.tenant("acme").await;
    assert_eq!(told(&server, &[("x-api-key", &key)]).await, "OK");
    server.app.store().close().await;
    let bad = "UNAUTHENTICATED API_KEY_INVALID";
    for at in (0..key.len()).rev() {
        let mut bytes = key.clone().into_bytes();
        bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
        let mistyped = String::from_utf8(bytes).unwrap();
        assert_eq!(told(&server, &[("x-api-key", &mistyped)]).await, bad, "{at}");
    }
    let swapped = key.replacen("_test_", "_live_", 1);
    for wrong in ["", "x", "purser_test_", &key[1..], &key[..key.len() - 1], &swapped, &key.to_uppercase()] {
        assert_eq!(told(&server, &[("x-api-key", wrong)]).await, bad, "{wrong}");
    }
    // The right one would have been looked up, once it is not known any more.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(told(&server, &[("x-api-key", &key)]).await, "UNAVAILABLE DATABASE_UNAVAILABLE");
}

/// The checksum is no secret: whoever can compute it still has no key.
async fn a_key_that_is_made_up_well_is_refused_too(server: TestServer) {
    let Tenant { key, .. } = server.tenant("acme").await;
    let id: purser::domain::ApiKeyId = format!("key_{}", key.split('_').nth(2).unwrap()).parse().unwrap();
    let environment = Some(purser::domain::Environment::Sandbox);
    let nobody = purser::domain::ApiKeyId::from_uuid(purser::clock::new_uuid(0));
    for (id, random) in [(id, [7; 24]), (nobody, [7; 24])] {
        let forged = purser::domain::Secret::new(id, environment, random);
        assert_eq!(told(&server, &[("x-api-key", forged.expose())]).await, "UNAUTHENTICATED API_KEY_INVALID");
    }
    assert_eq!(told(&server, &[("x-api-key", &key)]).await, "OK");
}

async fn what_a_new_key_is_comes_back_as_asked(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&tenant.key).await;
    let expire_time = Some(prost_types::Timestamp { seconds: 4_102_444_800, nanos: 1_000 });
    let asked = api::ApiKey {
        domain_id: tenant.domain.id.to_string(),
        display_name: " Till 1 ".to_owned(),
        scopes: ["customers.read", "kyc.write", "customers.read"].map(str::to_owned).to_vec(),
        expire_time,
        // None of these is the caller's to say.
        id: "key_1".to_owned(),
        create_time: Some(prost_types::Timestamp::default()),
        revoke_time: Some(prost_types::Timestamp::default()),
        last_use_time: Some(prost_types::Timestamp::default()),
        ..Default::default()
    };
    let request = api::CreateApiKeyRequest { api_key: Some(asked), ..Default::default() };
    let made = admin.create_api_key(request).await.unwrap().into_inner();
    let key = made.api_key.unwrap();
    assert_eq!(made.secret.split('_').nth(2), key.id.strip_prefix("key_"));
    assert_eq!(key.organization_id, tenant.organization.id.to_string());
    assert_eq!(key.domain_id, tenant.domain.id.to_string());
    assert_eq!((key.environment(), key.display_name.as_str()), (api::Environment::Sandbox, "Till 1"));
    assert_eq!(key.scopes, ["customers.read", "kyc.write"]);
    assert_eq!((key.expire_time, key.revoke_time, key.last_use_time), (expire_time, None, None));
    assert!(key.create_time.is_some_and(|it| it.seconds > 1_700_000_000));
    assert_eq!(listed(&mut admin, &key.id).await, key);
}

async fn every_bad_field_of_a_new_key_is_named(server: TestServer) {
    let mut admin = server.admin(&server.operator_key(Scopes::all()).await).await;
    let tenant = server.tenant("acme").await;
    let (organization_id, domain_id) = (tenant.organization.id.to_string(), tenant.domain.id.to_string());
    let all = vec!["all".to_owned()];
    let other = server.tenant("globex").await.organization.id.to_string();
    let past = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let cases = [
        (
            api::ApiKey {
                organization_id: "acme".to_owned(),
                domain_id: organization_id.clone(),
                environment: 9,
                display_name: "a\nb".to_owned(),
                scopes: vec!["customers.read".to_owned(), "customers.burn".to_owned()],
                expire_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
                ..Default::default()
            },
            &["display_name", "domain_id", "environment", "expire_time", "organization_id", "scopes"][..],
        ),
        (api::ApiKey::default(), &["scopes"]),
        (api::ApiKey { scopes: all.clone(), expire_time: past, ..Default::default() }, &["expire_time"]),
        (
            api::ApiKey {
                scopes: all.clone(),
                organization_id: organization_id.clone(),
                ..Default::default()
            },
            &["environment"],
        ),
        (api::ApiKey { scopes: all.clone(), environment: 1, ..Default::default() }, &["environment"]),
        (
            api::ApiKey {
                scopes: all.clone(),
                organization_id: other,
                domain_id: domain_id.clone(),
                ..Default::default()
            },
            &["organization_id"],
        ),
        (api::ApiKey { scopes: all, domain_id, environment: 1, ..Default::default() }, &["environment"]),
    ];
    for (key, fields) in cases {
        let request = api::CreateApiKeyRequest { api_key: Some(key.clone()), ..Default::default() };
        let refused = admin.create_api_key(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{key:?}");
        let mut found = crate::harness::bad_fields(&refused);
        found.sort_unstable();
        assert_eq!(found, fields.iter().map(|it| format!("api_key.{it}")).collect::<Vec<_>>(), "{key:?}");
    }
}

/// Sabotage: in `KeyUse::note`, note every use.
async fn a_key_says_when_it_was_last_used_to_the_minute(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&server.operator_key(Scopes::all()).await).await;
    let id = id_of(&tenant.key);
    assert_eq!(listed(&mut admin, &id).await.last_use_time, None);
    let began = purser::clock::now_us() / 1_000_000;
    assert_eq!(told(&server, &[("x-api-key", &tenant.key)]).await, "OK");
    until_used(&server, &id).await;
    let first = listed(&mut admin, &id).await.last_use_time.unwrap();
    assert!((began..=began + 5).contains(&first.seconds));
    // It goes on being used, and is read anew each second.
    for _ in 0..12 {
        assert_eq!(told(&server, &[("x-api-key", &tenant.key)]).await, "OK");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(listed(&mut admin, &id).await.last_use_time, Some(first));
    // A minute later, as the row has it.
    Raw::open(&server.database).await.run("UPDATE api_keys SET last_use_us = last_use_us - 61000000").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(told(&server, &[("x-api-key", &tenant.key)]).await, "OK");
    for _ in 0..50 {
        if listed(&mut admin, &id).await.last_use_time.unwrap().seconds >= first.seconds {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(listed(&mut admin, &id).await.last_use_time.unwrap().seconds > first.seconds);
    assert!(!dump(&server.database, "events").await.contains("last_use"));
}

/// Each of several instances finds that a key has not been used for a minute.
async fn a_use_that_another_instance_has_noted_is_not_noted_again(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&server.operator_key(Scopes::all()).await).await;
    let (id, store) = (id_of(&tenant.key), server.app.store());
    let first = 1_700_000_000_000_000;
    for (used_us, noted_us) in [
        (first, first),
        (first + 1, first),
        (first - 1, first),
        (first + 59_999_999, first),
        (first + 60_000_000, first + 60_000_000),
    ] {
        store.note_key_use(&[(id.parse().unwrap(), used_us)]).await.unwrap();
        let noted = listed(&mut admin, &id).await.last_use_time.unwrap();
        assert_eq!(
            noted.seconds * 1_000_000 + i64::from(noted.nanos) / 1_000,
            noted_us,
            "{}",
            used_us - first
        );
    }
}

/// Sabotage: keep the text in `ApiKey`, or log it in the event of a rotation.
async fn no_secret_is_kept_anywhere(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&tenant.key).await;
    let key = api::ApiKey {
        domain_id: tenant.domain.id.to_string(),
        display_name: "Canary of the dump".to_owned(),
        scopes: vec!["all".to_owned()],
        ..Default::default()
    };
    let request = api::CreateApiKeyRequest { api_key: Some(key), request_id: "made".to_owned() };
    let made = admin.create_api_key(request).await.unwrap().into_inner();
    let request = api::RotateApiKeyRequest { id: made.api_key.unwrap().id, request_id: "rotated".to_owned() };
    let rotated = admin.rotate_api_key(request).await.unwrap().into_inner();
    assert_eq!(told(&server, &[("x-api-key", &rotated.secret)]).await, "OK");

    let rows = dump_all(&server.database).await.to_lowercase();
    assert!(rows.contains("canary of the dump"), "the dump sees what is there");
    for secret in [&tenant.key, &made.secret, &rotated.secret] {
        let random = secret.split('_').nth(3).unwrap();
        for part in [&random[..24], &random[24..48], &random[48..]] {
            let hexed = part.bytes().map(|it| format!("{it:02x}")).collect::<Vec<_>>().concat();
            assert!(!rows.contains(&hexed) && (part.len() < 24 || !rows.contains(part)), "{part}");
        }
    }
}

/// The id that the text of a key begins with.
pub fn id_of(text: &str) -> String {
    format!("key_{}", text.split('_').nth(2).unwrap())
}

/// Waits until it is on record that a key was used.
pub async fn until_used(server: &TestServer, id: &str) {
    let mut admin = server.admin(&server.operator_key(Scopes::all()).await).await;
    for _ in 0..100 {
        if listed(&mut admin, id).await.last_use_time.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} was used, and that is not on record");
}

async fn listed(admin: &mut Admin, id: &str) -> api::ApiKey {
    let request = api::ListApiKeysRequest { page_size: 100, ..Default::default() };
    let keys = admin.list_api_keys(request).await.unwrap().into_inner().api_keys;
    keys.into_iter().find(|it| it.id == id).unwrap()
}
