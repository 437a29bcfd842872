//! A database that is lost for good, and whose standby takes its place.

use std::time::{Duration, Instant};

use purser::api;
use purser::store::Store;
use tonic::Code;

use crate::cluster::Server;
use crate::harness::{Customers, Database, connect, customers, reason, with_alias};
use crate::journal::size;
use crate::lifecycle::migrated;
use crate::outage::{Writing, attempt};
use crate::process::Process;
use crate::proxy::{Link, Proxy};

/// How soon after promotion calls succeed again.
const SOON: Duration = Duration::from_secs(10);

/// DUR-4. A failover to a synchronous standby loses nothing and heals: the primary is killed, connections lead to the
/// standby, which is promoted; from at most 10 s later on 99 % of calls succeed. Before that, connections lead to the
/// standby by mistake, which lags behind: nobody is answered from it, meanwhile or later. Twice, or `PURSER_PROOF_DUR_4`.
///
/// Sabotage: use a connection to a server that only reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_loses_nothing_and_heals() {
    let Some(mut primary) = Server::new().await else {
        eprintln!("SKIPPED: there are no programs of Postgres here, so failover was NOT tried");
        return;
    };
    let rounds = size("PURSER_PROOF_DUR_4", 2);
    primary.sql("CREATE DATABASE purser").await;
    let database = Database::at(primary.url("purser"));
    let key = migrated(&database).await;
    let mut standby = primary.standby().await;
    let proxy = Proxy::start(&database.url).await;
    let process = Process::serve(database.folder(), &proxy.url, &[]).await;
    let writing = Writing::start(&process, &key).await;
    let mut client = customers(connect(process.grpc).await, &key);
    let known = client.create_customer(with_alias("known@dev")).await.unwrap().into_inner().customer.unwrap();
    let (mut healed, mut tried, mut failed) = (Duration::ZERO, 0, 0);
    for round in 0..rounds {
        mislead(&proxy, &primary, &standby, &mut client, &known.id).await;
        tokio::time::sleep(Duration::from_millis(500)).await;

        primary.kill().await;
        proxy.lead_to(standby.address());
        tokio::time::sleep(Duration::from_millis(500)).await;
        standby.promote().await;
        let promoted = Instant::now();
        while !all_succeed(&mut client, &known.id).await {
            assert!(promoted.elapsed() < SOON, "round {round}: not healed");
        }
        healed = healed.max(promoted.elapsed());
        // For a while, and so often that one call is far less than a hundredth of them.
        let (well, enough) = (Instant::now(), tried + 400);
        while well.elapsed() < Duration::from_secs(2)
            || (tried < enough && well.elapsed() < Duration::from_secs(30))
        {
            failed += usize::from(attempt(&mut client, &known.id, tried % 4).await.is_err());
            tried += 1;
        }

        primary = standby;
        standby = primary.standby().await;
    }
    let is_expected = |seen: &str| {
        ["Unavailable DATABASE_UNAVAILABLE", "DeadlineExceeded DEADLINE_EXCEEDED"].contains(&seen)
    };
    let (calls, unknown) = writing.settled(&mut client, is_expected).await;
    let store = Store::open(&primary.url("purser")).unwrap();
    assert!(store.check().await.unwrap().iter().all(|it| it.1 == 0));
    eprintln!(
        "DUR-4: {rounds} failovers, healed within {healed:?}, then {failed} of {tried} calls failed; {calls} calls of \
         authors, {unknown} not answered; 0 lost"
    );
    assert!(failed * 100 <= tried, "{failed} of {tried} calls failed");
}

async fn all_succeed(client: &mut Customers, id: &str) -> bool {
    for call in 0..4 {
        if attempt(client, id, call).await.is_err() {
            return false;
        }
    }
    true
}

/// Lets connections lead to the standby for a while, which does not follow meanwhile. Nothing is answered from it.
async fn mislead(proxy: &Proxy, primary: &Server, standby: &Server, client: &mut Customers, known: &str) {
    standby.sql("SELECT pg_wal_replay_pause()").await;
    proxy.lead_to(standby.address());
    proxy.set(Link::Refused);
    proxy.set(Link::Open);
    for call in [0, 3, 1, 2] {
        let refused = attempt(client, known, call).await.expect_err("a standby is not the database");
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Unavailable, "DATABASE_UNAVAILABLE"),
            "{call}"
        );
    }
    // Those that lead to it stay open.
    proxy.lead_to(primary.address());
    let back = Instant::now();
    while !all_succeed(client, known).await {
        assert!(back.elapsed() < SOON, "not healed");
    }
    for _ in 0..8 {
        let alias = format!("m{}@dev", rand::random::<u32>());
        let made = client.create_customer(with_alias(&alias)).await.unwrap().into_inner().customer.unwrap();
        let ids = vec![made.id];
        let request = api::ListCustomersRequest { ids: ids.clone(), ..Default::default() };
        let listed = client.list_customers(request).await.unwrap().into_inner().customers;
        assert_eq!(listed.len(), 1, "a list is not that of a standby");
        let found = client.batch_get_customers(api::BatchGetCustomersRequest { ids }).await.unwrap();
        use api::batch_get_customers_result::Result::Customer;
        let found = &found.into_inner().results[0].result;
        assert!(matches!(found, Some(Customer(_))), "a look-up is not answered by a standby: {found:?}");
    }
    standby.sql("SELECT pg_wal_replay_resume()").await;
}
