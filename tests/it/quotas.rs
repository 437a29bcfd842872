//! LIM-3: how often whoever holds a key may call and look at aliases, exact by a clock of the test's own.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use purser::api::{self, GetQuotaRequest, Quota, QuotaBucket};
use purser::app::{App, Limits};
use purser::domain::Scopes;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Customers, TestServer, connect, customers, on_each_database, reason, with_alias};

on_each_database!(Limited:
    a_key_calls_as_often_as_it_may_and_no_more,
    a_full_bucket_gives_no_more_whatever_was_taken_out_before,
    a_look_costs_a_token_and_a_miss_twenty,
    each_alias_of_a_batch_counts,
    whose_an_alias_is_may_be_asked_five_times_a_day,
    who_is_at_the_limit_hinders_nobody_else,
    eight_instances_share_a_quota_to_within_a_twentieth,
    without_a_limit_nothing_is_counted,
);

/// The time, for all of a test's instances: each test has a process of its own.
static NOW_US: AtomicI64 = AtomicI64::new(1_700_000_000_000_000);

fn now_us() -> i64 {
    NOW_US.load(Ordering::Relaxed)
}

fn pass(time: Duration) {
    NOW_US.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
}

struct Limited {
    server: TestServer,
    key: String,
    other: String,
    client: Customers,
}

fn limits(calls: Option<&str>, lookups: Option<&str>) -> Limits {
    let parse = |it: &str| it.parse().unwrap();
    Limits { calls: calls.map(parse), lookups: lookups.map(parse), clock: now_us }
}

impl Limited {
    async fn new(on: crate::harness::On) -> Self {
        let server = TestServer::new(on).await;
        let tenant = server.tenant("acme").await;
        let other = server.domain_key(&tenant.domain, Scopes::all()).await;
        let client = server.customers(&tenant.key).await;
        Self { key: tenant.key, other, client, server }
    }

    /// Makes ada, before anything is limited, which is from now on.
    async fn limited(mut self, calls: Option<&str>, lookups: Option<&str>) -> Self {
        // By another instance: what this one is asked first says what it limits.
        let app = another(&self).await;
        let mut client = customers(connect(TestServer::listen(&app).await).await, &self.key);
        client.create_customer(with_alias("ada@acme")).await.unwrap();
        self.server.app.limit_keys(limits(calls, lookups));
        self.client = self.server.customers(&self.key).await;
        self
    }

    async fn quota(&self, of: &str) -> Quota {
        let mut admin = self.server.admin(&self.server.operator_key(Scopes::all()).await).await;
        let all = admin
            .list_api_keys(api::ListApiKeysRequest { page_size: 100, ..Default::default() })
            .await
            .unwrap();
        let part = of.split('_').nth(2).unwrap();
        let id = all.into_inner().api_keys.into_iter().map(|it| it.id).find(|it| it.ends_with(part)).unwrap();
        admin.get_quota(GetQuotaRequest { id }).await.unwrap().into_inner().quota.unwrap()
    }

    async fn looks_left(&self) -> i64 {
        self.quota(&self.key).await.lookups.unwrap().remaining
    }
}

async fn another(it: &Limited) -> App {
    let app = App::start(it.server.app.store().clone(), crate::harness::chains());
    app.open();
    app
}

async fn resolve(client: &mut Customers, alias: &str) -> Result<(), Status> {
    let request = api::ResolveCustomerRequest { payment_address: alias.to_owned() };
    client.resolve_customer(request).await.map(drop)
}

async fn verify(client: &mut Customers, alias: &str, name: &str) -> Result<(), Status> {
    let request = api::VerifyPayeeRequest { payment_address: alias.to_owned(), name: name.to_owned() };
    client.verify_payee(request).await.map(drop)
}

/// How many of so many calls are answered, in order: the first that is not must say when to come again.
async fn answered(client: &mut Customers, alias: &str, calls: usize) -> usize {
    let mut answered = 0;
    for _ in 0..calls {
        match resolve(client, alias).await {
            Err(refused) if refused.code() == Code::ResourceExhausted => {
                assert_eq!(reason(&refused), "RATE_LIMITED");
                assert!(refused.get_details_retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
            }
            _ => answered += 1,
        }
    }
    answered
}

/// Sabotage: give `Bucket::left` one more than there is.
async fn a_key_calls_as_often_as_it_may_and_no_more(it: Limited) {
    let mut it = it.limited(Some("100/10s"), None).await;
    assert_eq!(answered(&mut it.client, "ada@acme", 120).await, 100);
    pass(Duration::from_secs(1));
    assert_eq!(answered(&mut it.client, "ada@acme", 20).await, 10);
    let refused = resolve(&mut it.client, "ada@acme").await.unwrap_err();
    let wait = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert_eq!(wait, Duration::from_millis(100));
    let calls = it.quota(&it.key).await.calls.unwrap();
    assert_eq!((calls.limit, calls.remaining), (100, 0));
    assert_eq!(calls.refill_duration.unwrap().seconds, 10);
    assert_eq!(calls.full_time.unwrap().seconds, (now_us() / 1_000_000) + 10);
    pass(Duration::from_secs(3_600));
    assert_eq!(it.quota(&it.key).await.calls.unwrap().remaining, 100);
    assert_eq!(answered(&mut it.client, "ada@acme", 120).await, 100);
}

/// Of a large bucket an instance takes several tokens at a time, and has some left when it is full again.
///
/// Sabotage: let `Share::left` be all that was taken.
async fn a_full_bucket_gives_no_more_whatever_was_taken_out_before(it: Limited) {
    let mut it = it.limited(Some("400/400s"), None).await;
    assert_eq!(answered(&mut it.client, "ada@acme", 1).await, 1);
    assert_eq!(it.quota(&it.key).await.calls.unwrap().remaining, 399);
    pass(Duration::from_secs(400));
    assert_eq!(it.quota(&it.key).await.calls.unwrap().remaining, 400);
    assert_eq!(answered(&mut it.client, "ada@acme", 420).await, 400);
}

async fn a_look_costs_a_token_and_a_miss_twenty(it: Limited) {
    let mut it = it.limited(None, Some("400/400s")).await;
    assert_eq!(answered(&mut it.client, "ada@acme", 40).await, 40);
    assert_eq!(it.looks_left().await, 360);
    // Neither a domain that is not there nor one of nobody's costs less.
    for alias in ["nobody@acme", "nobody@nowhere"] {
        assert_eq!(resolve(&mut it.client, alias).await.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(it.looks_left().await, 320);
    verify(&mut it.client, "ada@acme", "Bob").await.unwrap();
    assert_eq!(it.looks_left().await, 300);
    assert_eq!(answered(&mut it.client, "nobody@acme", 30).await, 15);
    // What is not a look across domains goes on.
    let ada = api::get_customer_request::Key::PaymentAddress("ada@acme".to_owned());
    it.client.get_customer(api::GetCustomerRequest { key: Some(ada), ..Default::default() }).await.unwrap();
    pass(Duration::from_secs(20));
    assert_eq!(answered(&mut it.client, "nobody@acme", 5).await, 1);
}

async fn each_alias_of_a_batch_counts(it: Limited) {
    let mut it = it.limited(None, Some("400/400s")).await;
    let mut payment_addresses = vec!["ada@acme".to_owned(); 90];
    payment_addresses.extend((0..10).map(|n| format!("nobody{n}@acme")));
    let batch = api::BatchResolveCustomersRequest { payment_addresses };
    it.client.batch_resolve_customers(batch.clone()).await.unwrap();
    assert_eq!(it.looks_left().await, 400 - 90 - 10 * 20);
    it.client.batch_resolve_customers(batch.clone()).await.unwrap();
    // More was found missing than was left: it is owed.
    assert_eq!(it.looks_left().await, 400 - 2 * (90 + 10 * 20));
    let refused = it.client.batch_resolve_customers(batch).await.unwrap_err();
    assert_eq!(reason(&refused), "RATE_LIMITED");
    pass(Duration::from_secs(180));
    assert_eq!(answered(&mut it.client, "ada@acme", 1).await, 0);
    pass(Duration::from_secs(1));
    assert_eq!(answered(&mut it.client, "ada@acme", 2).await, 1);
}

async fn whose_an_alias_is_may_be_asked_five_times_a_day(it: Limited) {
    let mut it = it.limited(None, Some("100000/h")).await;
    for _ in 0..5 {
        verify(&mut it.client, "ada@acme", "Bob").await.unwrap();
    }
    let refused = verify(&mut it.client, "ada@acme", "Bob").await.unwrap_err();
    assert_eq!(reason(&refused), "RATE_LIMITED");
    let day_us = 86_400_000_000;
    let wait = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert_eq!(i64::try_from(wait.as_micros()).unwrap(), day_us - now_us() % day_us);
    // Of another alias, by another key, and on another day.
    assert_eq!(verify(&mut it.client, "bob@acme", "Bob").await.unwrap_err().code(), Code::NotFound);
    let mut other = it.server.customers(&it.other).await;
    verify(&mut other, "ada@acme", "Bob").await.unwrap();
    pass(wait);
    verify(&mut it.client, "ada@acme", "Bob").await.unwrap();
}

async fn who_is_at_the_limit_hinders_nobody_else(it: Limited) {
    let mut it = it.limited(Some("10/h"), None).await;
    assert_eq!(answered(&mut it.client, "ada@acme", 20).await, 10);
    let mut other = it.server.customers(&it.other).await;
    assert_eq!(answered(&mut other, "ada@acme", 20).await, 10);
}

async fn eight_instances_share_a_quota_to_within_a_twentieth(it: Limited) {
    let it = it.limited(Some("1000/h"), None).await;
    let mut addresses = vec![it.server.address];
    for _ in 1..8 {
        let another = another(&it).await;
        another.limit_keys(limits(Some("1000/h"), None));
        addresses.push(TestServer::listen(&another).await);
    }
    let mut callers = JoinSet::new();
    for address in addresses.repeat(2) {
        let mut client = customers(connect(address).await, &it.key);
        callers.spawn(async move { answered(&mut client, "ada@acme", 100).await });
    }
    let total: usize = callers.join_all().await.into_iter().sum();
    assert!((950..=1_000).contains(&total), "{total}");
}

async fn without_a_limit_nothing_is_counted(it: Limited) {
    let mut it = it.limited(None, None).await;
    assert_eq!(answered(&mut it.client, "nobody@acme", 50).await, 50);
    let quota = it.quota(&it.key).await;
    assert_eq!((quota.calls, quota.lookups), (None::<QuotaBucket>, None));
}
