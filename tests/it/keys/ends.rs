//! How keys end: by time, by revocation, by rotation; everywhere within a second.

use std::time::{Duration, Instant};

use purser::api;
use purser::app::App;
use purser::clock;
use purser::domain::{Domain, Scopes};
use tonic::{Code, Status};

use super::id_of;
use crate::harness::{
    Admin, Customers, TestServer, connect, customers, ending_soon, on_each_database, reason, timestamp,
};

on_each_database!(TestServer:
    a_key_works_until_it_expires,
    a_revoked_key_stops_everywhere_within_a_second,
    a_rotated_key_stops_everywhere_within_a_second_and_its_new_secret_works_at_once,
    a_key_that_has_ended_is_not_rotated,
    a_revoked_key_stays_revoked,
    an_expired_key_can_be_revoked,
    a_key_can_end_itself,
);

/// What is promised.
const SECOND: Duration = Duration::from_secs(1);

/// Two instances on one database, and a customer client for each with that key.
async fn two(server: &TestServer, key: &str) -> [Customers; 2] {
    let other = App::start(server.database.store().await, crate::harness::chains());
    other.open();
    let address = TestServer::listen(&other).await;
    [server.customers(key).await, customers(connect(address).await, key)]
}

/// `OK`, or the reason.
async fn told(customers: &mut Customers) -> String {
    match customers.list_customers(api::ListCustomersRequest::default()).await {
        Ok(_) => "OK".to_owned(),
        Err(status) => {
            assert_eq!(status.code(), Code::Unauthenticated);
            reason(&status)
        }
    }
}

/// Calls without a pause from just before a key ends, so that each instance has the key fresh in mind, and says when
/// the last call was taken.
fn last_taken(instances: [Customers; 2], until: Instant) -> Vec<tokio::task::JoinHandle<(Instant, String)>> {
    async fn watch(mut customers: Customers, until: Instant) -> (Instant, String) {
        let mut last = Instant::now();
        loop {
            let asked = Instant::now();
            match told(&mut customers).await.as_str() {
                "OK" => last = asked,
                refused if asked > until => return (last, refused.to_owned()),
                _ => {}
            }
        }
    }
    instances.into_iter().map(|it| tokio::spawn(watch(it, until))).collect()
}

async fn a_key_works_until_it_expires(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&tenant.key).await;
    // It expires between these two.
    let works_until = Instant::now() + 4 * SECOND;
    let expire_us = clock::now_us() + 4_000_000;
    let expired_from = Instant::now() + 4 * SECOND + Duration::from_millis(5);
    let key = create(&mut admin, &tenant.domain, expire_us).await.unwrap();
    let [mut one, mut other] = two(&server, &key).await;
    loop {
        let asked = Instant::now();
        let answers = [told(&mut one).await, told(&mut other).await];
        if asked > expired_from {
            return assert_eq!(answers, ["API_KEY_EXPIRED"; 2]);
        }
        assert!(answers == ["OK"; 2] || Instant::now() > works_until, "{answers:?}");
        // Known at most this second, and not asked for again: it ends by the clock.
        tokio::time::sleep_until((works_until - SECOND / 2).into()).await;
    }
}

/// Sabotage: let `Fresh::AGE` be two seconds.
async fn a_revoked_key_stops_everywhere_within_a_second(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let doomed = server.domain_key(&tenant.domain, Scopes::all()).await;
    let mut admin = server.admin(&tenant.key).await;
    let watches = last_taken(two(&server, &doomed).await, Instant::now() + SECOND);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let id = id_of(&doomed);
    let revoked = admin.revoke_api_key(api::RevokeApiKeyRequest { id, ..Default::default() }).await.unwrap();
    let answered = Instant::now();
    assert!(revoked.into_inner().api_key.unwrap().revoke_time.is_some());
    for watch in watches {
        let (last, refused) = watch.await.unwrap();
        assert!(last < answered + SECOND, "taken {:?} after it was revoked", last - answered);
        assert_eq!(refused, "API_KEY_REVOKED");
    }
}

async fn a_rotated_key_stops_everywhere_within_a_second_and_its_new_secret_works_at_once(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let old = server.domain_key(&tenant.domain, Scopes::all()).await;
    let mut admin = server.admin(&tenant.key).await;
    let instances = two(&server, &old).await;
    let other = App::start(server.database.store().await, crate::harness::chains());
    other.open();
    let addresses = [server.address, TestServer::listen(&other).await];
    for address in addresses {
        assert_eq!(told(&mut customers(connect(address).await, &old)).await, "OK");
    }
    let watches = last_taken(instances, Instant::now() + SECOND);
    tokio::time::sleep(Duration::from_millis(700)).await;
    for address in addresses {
        assert_eq!(told(&mut customers(connect(address).await, &old)).await, "OK");
    }
    let id = id_of(&old);
    let rotated = admin
        .rotate_api_key(api::RotateApiKeyRequest { id: id.clone(), ..Default::default() })
        .await
        .unwrap();
    let answered = Instant::now();
    let rotated = rotated.into_inner();
    assert_eq!(rotated.api_key.unwrap().id, id);
    assert_ne!(rotated.secret, old);
    // On an instance too that has seen the old one within this second.
    for address in addresses {
        assert_eq!(told(&mut customers(connect(address).await, &rotated.secret)).await, "OK");
    }
    for watch in watches {
        let (last, refused) = watch.await.unwrap();
        assert!(last < answered + SECOND, "taken {:?} after it was rotated", last - answered);
        assert_eq!(refused, "API_KEY_INVALID");
    }
    for address in addresses {
        assert_eq!(told(&mut customers(connect(address).await, &rotated.secret)).await, "OK");
    }
}

async fn a_key_that_has_ended_is_not_rotated(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&tenant.key).await;
    let revoked = server.domain_key(&tenant.domain, Scopes::all()).await;
    let revoke = api::RevokeApiKeyRequest { id: id_of(&revoked), ..Default::default() };
    admin.revoke_api_key(revoke).await.unwrap();
    let expired = expired(&mut admin, &tenant.domain).await;
    for ended in [&revoked, &expired] {
        let rotate = api::RotateApiKeyRequest { id: id_of(ended), ..Default::default() };
        let refused = admin.rotate_api_key(rotate).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "API_KEY_ENDED"));
    }
}

async fn a_revoked_key_stays_revoked(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&tenant.key).await;
    let key = server.domain_key(&tenant.domain, Scopes::all()).await;
    let revoke = api::RevokeApiKeyRequest { id: id_of(&key), ..Default::default() };
    let first = admin.revoke_api_key(revoke.clone()).await.unwrap().into_inner();
    assert_eq!(admin.revoke_api_key(revoke).await.unwrap().into_inner(), first);
    assert_eq!(told(&mut server.customers(&key).await).await, "API_KEY_REVOKED");
}

async fn an_expired_key_can_be_revoked(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&tenant.key).await;
    let key = expired(&mut admin, &tenant.domain).await;
    assert_eq!(told(&mut server.customers(&key).await).await, "API_KEY_EXPIRED");
    admin.revoke_api_key(api::RevokeApiKeyRequest { id: id_of(&key), ..Default::default() }).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(told(&mut server.customers(&key).await).await, "API_KEY_REVOKED");
}

async fn a_key_can_end_itself(server: TestServer) {
    let tenant = server.tenant("acme").await;
    let mut admin = server.admin(&tenant.key).await;
    admin
        .revoke_api_key(api::RevokeApiKeyRequest { id: id_of(&tenant.key), ..Default::default() })
        .await
        .unwrap();
    // On the instance that did it, at once.
    let refused = admin.list_api_keys(api::ListApiKeysRequest::default()).await.unwrap_err();
    assert_eq!(reason(&refused), "API_KEY_REVOKED");
}

/// A new key of a domain, with every scope.
async fn create(admin: &mut Admin, domain: &Domain, expire_us: i64) -> Result<String, Status> {
    let (domain_id, scopes) = (domain.id.to_string(), vec!["all".to_owned()]);
    let expire_time = Some(timestamp(expire_us));
    let key = api::ApiKey { domain_id, scopes, expire_time, ..Default::default() };
    let request = api::CreateApiKeyRequest { api_key: Some(key), ..Default::default() };
    Ok(admin.create_api_key(request).await?.into_inner().secret)
}

/// One whose time has passed.
async fn expired(admin: &mut Admin, domain: &Domain) -> String {
    let key = ending_soon(async |expire_us| create(admin, domain, expire_us).await).await;
    tokio::time::sleep(Duration::from_millis(1_550)).await;
    key
}
