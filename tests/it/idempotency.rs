//! A call that is repeated takes effect once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prost::Message;
use purser::api;
use purser::store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Endpoint;
use tonic::{Response, Status};

use crate::author::renaming;
use crate::harness::{Customers, Database, WALLET_NETWORKS, customers, give_wallets, on_each_database};
use crate::journal::{is_unknown, size};
use crate::process::Process;
use crate::raw::Raw;

on_each_database!(Database: a_call_repeated_through_crashes_takes_effect_once_and_is_answered_alike);

/// IDE-1. One create with alias, email and external id, repeated 1,000 times (or `PURSER_PROOF_IDE_1`) over 64
/// connections through kills of the real program, three and more, makes one customer and one event, one wallet with
/// its addresses and its event, and every answer is the same, byte for byte. So do an update and a delete, with an
/// etag that is stale from the first time on and keys that name nobody any more.
///
/// Sabotage: write the idempotency row in a second transaction (in `Store::commit_once`, after that of the group).
async fn a_call_repeated_through_crashes_takes_effect_once_and_is_answered_alike(database: Database) {
    let mut service = Service::start(&database).await;

    let create = api::CreateCustomerRequest {
        customer: Some(api::Customer {
            payment_address: "once@dev".to_owned(),
            email: "once@mail.example".to_owned(),
            external_id: "once-1".to_owned(),
            ..Default::default()
        }),
        request_id: "create".to_owned(),
        ..Default::default()
    };
    let answer = service
        .repeat(&database, "create", move |mut client| {
            let request = create.clone();
            async move { client.create_customer(request).await.map(told) }
        })
        .await;
    let made = api::CreateCustomerResponse::decode(&*answer).unwrap().customer.unwrap();

    // The key is one that the call itself takes away.
    let update = api::UpdateCustomerRequest {
        key: Some(api::update_customer_request::Key::ExternalId("once-1".to_owned())),
        customer: Some(api::Customer { external_id: "once-2".to_owned(), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["external_id".to_owned()] }),
        ..renaming("", "", &made.etag, "update")
    };
    let answer = service
        .repeat(&database, "update", move |mut client| {
            let request = update.clone();
            async move { client.update_customer(request).await.map(told) }
        })
        .await;
    let updated = api::UpdateCustomerResponse::decode(&*answer).unwrap().customer.unwrap();
    assert_eq!((updated.external_id.as_str(), &updated.id), ("once-2", &made.id));

    let delete = api::SoftDeleteCustomerRequest {
        key: Some(api::soft_delete_customer_request::Key::PaymentAddress("once@dev".to_owned())),
        etag: updated.etag,
        request_id: "delete".to_owned(),
        ..Default::default()
    };
    service
        .repeat(&database, "delete", move |mut client| {
            let request = delete.clone();
            async move { client.soft_delete_customer(request).await.map(told) }
        })
        .await;

    let mut raw = Raw::open(&database).await;
    let events: Vec<(String, String)> =
        raw.rows("SELECT type, request_id FROM events WHERE customer_id IS NOT NULL ORDER BY sequence").await;
    let expected = [
        ("customer.created", "create"),
        ("wallet.created", "create"),
        ("customer.updated", "update"),
        ("customer.deleted", "delete"),
    ];
    assert_eq!(events, expected.map(|(kind, request)| (kind.to_owned(), request.to_owned())));
    let addresses = i64::try_from(WALLET_NETWORKS.len()).unwrap();
    for (table, rows) in [("customers", 1), ("wallets", 1), ("addresses", addresses)] {
        assert_eq!(raw.number(&format!("SELECT count(*) FROM {table}")).await, rows, "{table}");
    }
    let store = Store::open(&database.url).unwrap();
    assert!(store.check().await.unwrap().iter().all(|it| it.1 == 0));
}

/// What an answer holds, and whether it says that it is a replay.
fn told<T: Message>(response: Response<T>) -> (Vec<u8>, bool) {
    let replayed = response.metadata().get("idempotent-replayed").is_some();
    (response.into_inner().encode_to_vec(), replayed)
}

/// The program, and where it listens now.
struct Service {
    process: Process,
    address: watch::Sender<SocketAddr>,
    key: String,
}

impl Service {
    /// Starts it, with a domain whose customers are each made with a wallet.
    async fn start(database: &Database) -> Self {
        let process = Process::serve(database.folder(), &database.url, &["--dev"]).await;
        let (address, _) = watch::channel(process.grpc);
        let key = std::fs::read_to_string(database.folder().join("purser-dev.key")).unwrap();
        give_wallets(process.grpc, &key, "dev").await;
        Self { process, address, key }
    }

    /// Makes a call until it has been answered often enough, while the program is killed: the moment that the database
    /// shows its event, and again and again as the answers come. Answers what all the answers hold.
    async fn repeat<F>(
        &mut self,
        database: &Database,
        request_id: &str,
        call: impl Fn(Customers) -> F + Clone + Send + 'static,
    ) -> Vec<u8>
    where
        F: Future<Output = Result<(Vec<u8>, bool), Status>> + Send + 'static,
    {
        const CONNECTIONS: usize = 64;
        let answers = size("PURSER_PROOF_IDE_1", 1_000);
        let kills = (answers / 500).clamp(3, 20);
        let answered = Arc::new(AtomicUsize::new(0));
        let mut repeating = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (address, key) = (self.address.subscribe(), self.key.clone());
            repeating.spawn(repeat(address, key, call.clone(), Arc::clone(&answered), answers));
        }
        let event = format!("SELECT count(*) FROM events WHERE request_id = '{request_id}'");
        let mut raw = Raw::open(database).await;
        let shows = async { while raw.number(&event).await == 0 {} };
        tokio::time::timeout(Duration::from_secs(30), shows).await.expect("it takes effect");
        for enough in (1..=kills).map(|it| answers * it / kills) {
            self.process.kill().await;
            self.process = Process::serve(database.folder(), &database.url, &["--dev"]).await;
            self.address.send_replace(self.process.grpc);
            let enough_answered = async {
                while answered.load(Ordering::Relaxed) < enough {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            let in_time = tokio::time::timeout(Duration::from_secs(60), enough_answered).await;
            in_time.expect("it goes on answering");
        }
        let mut bodies: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut first_times = 0;
        for (body, replayed) in repeating.join_all().await.into_iter().flatten() {
            *bodies.entry(body).or_default() += 1;
            first_times += usize::from(!replayed);
        }
        eprintln!(
            "IDE-1: {request_id} answered {answers} times through {kills} kills: {} bodies",
            bodies.len()
        );
        assert_eq!(bodies.len(), 1, "the answers differ: {bodies:?}");
        assert!(first_times <= 1, "it took effect {first_times} times");
        bodies.into_keys().next().unwrap()
    }
}

/// One client: calls again and again, and connects again wherever the program listens now.
async fn repeat<F>(
    address: watch::Receiver<SocketAddr>,
    key: String,
    call: impl Fn(Customers) -> F,
    answered: Arc<AtomicUsize>,
    enough: usize,
) -> Vec<(Vec<u8>, bool)>
where
    F: Future<Output = Result<(Vec<u8>, bool), Status>>,
{
    let mut answers = Vec::new();
    while answered.load(Ordering::Relaxed) < enough {
        let now = *address.borrow();
        let Ok(channel) = Endpoint::from_shared(format!("http://{now}")).unwrap().connect().await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let client = customers(channel, &key);
        while answered.load(Ordering::Relaxed) < enough {
            match call(client.clone()).await {
                Ok(answer) => {
                    answers.push(answer);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(status) if is_unknown(&status) => break,
                Err(status) => {
                    // Nobody need go on.
                    answered.fetch_add(enough, Ordering::Relaxed);
                    panic!("{status:?}");
                }
            }
        }
    }
    answers
}
