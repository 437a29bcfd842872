//! The same administration asked for twice under one request id.

use prost::Message;
use purser::api;
use purser::domain::Scopes;
use tonic::{Code, Response, Status};

use super::{operator, organization};
use crate::harness::{Admin, TestServer, ending_soon, on_each_database, reason, timestamp};
use crate::keys::{id_of, until_used};

on_each_database!(TestServer:
    a_write_that_is_asked_for_again_is_answered_as_the_first_time,
    a_secret_is_shown_the_first_time_only,
    a_request_id_that_is_used_for_something_else_is_refused,
    a_replay_outranks_the_state_that_things_are_in_by_now,
    the_header_does_for_the_field,
);

/// One of each write, with that request id: the answer's bytes without the secret, the secret, and what is marked.
struct Asked {
    body: Vec<u8>,
    secret: String,
    replayed: bool,
    omitted: bool,
}

fn asked<T: Message>(answer: Response<T>, secret: impl FnOnce(&mut T) -> String) -> Asked {
    let marked = |name: &str| answer.metadata().get(name).is_some_and(|it| it == "true");
    let (replayed, omitted) = (marked("idempotent-replayed"), marked("secret-omitted"));
    let mut message = answer.into_inner();
    let secret = secret(&mut message);
    Asked { body: message.encode_to_vec(), secret, replayed, omitted }
}

const WRITES: [&str; 8] = [
    "CreateOrganization",
    "CreateDomain",
    "UpdateDomainSettings",
    "SuspendDomain",
    "ReinstateDomain",
    "CreateApiKey",
    "RotateApiKey",
    "RevokeApiKey",
];

/// What the writes are about.
struct Scene {
    organization: String,
    domain: String,
    key: String,
}

async fn scene(server: &TestServer) -> Scene {
    let tenant = server.tenant("acme").await;
    // It has been used: the time of that is not part of what is remembered.
    let id = id_of(&tenant.key);
    server.admin(&tenant.key).await.list_domains(api::ListDomainsRequest::default()).await.unwrap();
    until_used(server, &id).await;
    let (organization, domain) = (tenant.organization.id.to_string(), tenant.domain.id.to_string());
    Scene { organization, domain, key: id }
}

async fn write(
    admin: &mut Admin,
    method: &str,
    scene: &Scene,
    request_id: &str,
    text: &str,
) -> Result<Asked, Status> {
    let request_id = request_id.to_owned();
    Ok(match method {
        "CreateOrganization" => {
            let organization =
                Some(api::Organization { display_name: text.to_owned(), ..Default::default() });
            let request = api::CreateOrganizationRequest { organization, request_id };
            asked(admin.create_organization(request).await?, |_| String::new())
        }
        "CreateDomain" => {
            let domain = api::Domain {
                organization_id: scene.organization.clone(),
                name: text.to_owned(),
                environment: api::Environment::Live.into(),
                ..Default::default()
            };
            let request = api::CreateDomainRequest { domain: Some(domain), request_id };
            asked(admin.create_domain(request).await?, |_| String::new())
        }
        "UpdateDomainSettings" => {
            let required_fields = vec![if text == "one" { "email" } else { "phone" }.to_owned()];
            let request = api::UpdateDomainSettingsRequest {
                id: scene.domain.clone(),
                settings: Some(api::DomainSettings { required_fields, ..Default::default() }),
                update_mask: Some(prost_types::FieldMask { paths: vec!["required_fields".to_owned()] }),
                request_id,
            };
            asked(admin.update_domain_settings(request).await?, |_| String::new())
        }
        "SuspendDomain" => {
            let request =
                api::SuspendDomainRequest { id: scene.domain.clone(), reason: text.to_owned(), request_id };
            asked(admin.suspend_domain(request).await?, |_| String::new())
        }
        "ReinstateDomain" => {
            let request =
                api::ReinstateDomainRequest { id: scene.domain.clone(), reason: text.to_owned(), request_id };
            asked(admin.reinstate_domain(request).await?, |_| String::new())
        }
        "CreateApiKey" => {
            let key = api::ApiKey {
                domain_id: scene.domain.clone(),
                display_name: text.to_owned(),
                scopes: vec!["all".to_owned()],
                ..Default::default()
            };
            let request = api::CreateApiKeyRequest { api_key: Some(key), request_id };
            asked(admin.create_api_key(request).await?, |it| std::mem::take(&mut it.secret))
        }
        "RotateApiKey" => {
            let request = api::RotateApiKeyRequest { id: scene.key.clone(), request_id };
            asked(admin.rotate_api_key(request).await?, |it| std::mem::take(&mut it.secret))
        }
        _ => {
            let request = api::RevokeApiKeyRequest { id: scene.key.clone(), request_id };
            asked(admin.revoke_api_key(request).await?, |_| String::new())
        }
    })
}

async fn a_write_that_is_asked_for_again_is_answered_as_the_first_time(server: TestServer) {
    let mut admin = operator(&server).await;
    let scene = scene(&server).await;
    let mut firsts = Vec::new();
    for method in WRITES {
        let first = write(&mut admin, method, &scene, method, "one").await.unwrap();
        assert!(!first.replayed && !first.omitted, "{method}");
        firsts.push(first.body);
    }
    // All of it has gone on since: each answer is still that of its own time.
    for (method, first) in WRITES.into_iter().zip(firsts) {
        for _ in 0..2 {
            let again = write(&mut admin, method, &scene, method, "one").await.unwrap();
            assert!(again.replayed, "{method}");
            assert_eq!(again.body, first, "{method}");
            assert_eq!(again.omitted, ["CreateApiKey", "RotateApiKey"].contains(&method), "{method}");
        }
    }
}

async fn a_secret_is_shown_the_first_time_only(server: TestServer) {
    let mut admin = operator(&server).await;
    let scene = scene(&server).await;
    for method in ["CreateApiKey", "RotateApiKey"] {
        let first = write(&mut admin, method, &scene, method, "one").await.unwrap();
        assert!(first.secret.starts_with("purser_test_"), "{method}");
        let again = write(&mut admin, method, &scene, method, "one").await.unwrap();
        assert_eq!((again.secret.as_str(), again.omitted), ("", true), "{method}");
        // What was asked for again made no other secret: the first still works.
        let mut holder = server.admin(&first.secret).await;
        holder.list_domains(api::ListDomainsRequest::default()).await.unwrap();
    }
}

async fn a_request_id_that_is_used_for_something_else_is_refused(server: TestServer) {
    let mut admin = operator(&server).await;
    let scene = scene(&server).await;
    for method in WRITES {
        write(&mut admin, method, &scene, method, "one").await.unwrap();
        let others: &[_] = match method {
            "RotateApiKey" | "RevokeApiKey" => &[],
            _ => &["two"],
        };
        for text in others {
            let refused = write(&mut admin, method, &scene, method, text).await.map(|_| ()).unwrap_err();
            let told = (refused.code(), reason(&refused));
            assert_eq!(told, (Code::InvalidArgument, "REQUEST_ID_REUSED".to_owned()), "{method}");
        }
    }
    // Another method of the same scope, all else equal.
    for (method, used) in [("ReinstateDomain", "SuspendDomain"), ("RevokeApiKey", "RotateApiKey")] {
        let refused = write(&mut admin, method, &scene, used, "one").await.map(|_| ()).unwrap_err();
        assert_eq!(reason(&refused), "REQUEST_ID_REUSED", "{method}");
    }
}

/// Sabotage: in `src/app/api_keys.rs`, look at the domain's state or at the clock before the request is looked up.
async fn a_replay_outranks_the_state_that_things_are_in_by_now(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let (mut own, mut admin) = (server.admin(&tenant.key).await, operator(&server).await);
    let spare = server.domain_key(&tenant.domain, Scopes::all()).await;
    let scene =
        Scene { organization: String::new(), domain: tenant.domain.id.to_string(), key: id_of(&spare) };
    let mut firsts = Vec::new();
    for method in ["UpdateDomainSettings", "CreateApiKey", "RotateApiKey", "RevokeApiKey", "SuspendDomain"] {
        firsts.push((method, write(&mut own, method, &scene, method, "one").await.unwrap().body));
    }
    // The domain is suspended now, so its own key may change nothing any more; and the key is revoked.
    for (method, first) in &firsts {
        let again = write(&mut own, method, &scene, method, "one").await;
        let again = again.unwrap_or_else(|it| panic!("{method}: {it}"));
        assert_eq!((again.replayed, &again.body), (true, first), "{method}");
    }

    // A key that was to expire soon has expired by the time it is asked for again.
    let (domain_id, scopes) = (scene.domain, vec!["all".to_owned()]);
    let key = api::ApiKey { domain_id, scopes, ..Default::default() };
    let mut request = api::CreateApiKeyRequest { api_key: Some(key), request_id: "soon".to_owned() };
    let first = ending_soon(async |expire_us| {
        request.api_key.as_mut().unwrap().expire_time = Some(timestamp(expire_us));
        admin.create_api_key(request.clone()).await
    });
    let first = first.await.into_inner().api_key;
    tokio::time::sleep(std::time::Duration::from_millis(1_600)).await;
    let again = admin.create_api_key(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner().api_key, first);
}

async fn the_header_does_for_the_field(server: TestServer) {
    let mut admin = operator(&server).await;
    let asked = |name: &str| {
        let organization = Some(api::Organization { display_name: name.to_owned(), ..Default::default() });
        let mut request =
            tonic::Request::new(api::CreateOrganizationRequest { organization, ..Default::default() });
        request.metadata_mut().insert("idempotency-key", "once".parse().unwrap());
        request
    };
    let first = admin.create_organization(asked("Acme")).await.unwrap().into_inner();
    let again = admin.create_organization(asked("Acme")).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(reason(&admin.create_organization(asked("Globex")).await.unwrap_err()), "REQUEST_ID_REUSED");
    organization(&mut admin, "Acme").await;
}
