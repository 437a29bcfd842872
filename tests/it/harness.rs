//! A directory of one's own, for each test: a real database, a real server on a real socket, real clients.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use purser::api;
use purser::api::Rpcs;
use purser::api::admin_service_client::AdminServiceClient;
use purser::api::customer_service_client::CustomerServiceClient;
use purser::app::{App, Chains, Claiming, NewApiKey};
use purser::chain::keys::{KeyRing, MasterKeys};
use purser::clock;
use purser::domain::{Caller, Domain, DomainSettings, Environment, Line, NewDomain, Organization, Scopes};
use purser::grpc::{self, Within};
use purser::health::{self, Readiness};
use purser::port::Limits;
use purser::rest::{self, Faces, Offer};
use purser::store::Store;
use purser::webhook::{Guard, Webhooks};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;

/// How long a call has that says nothing of it: a machine may stand still for a while.
const DEADLINE: Duration = Duration::from_secs(60);

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
}

/// A new, empty database. On SQLite it goes when this is dropped. On Postgres it stays, as `purser_test_…`, for a
/// failure to be looked into.
pub struct Database {
    pub url: String,
    dir: tempfile::TempDir,
}

impl Database {
    pub async fn new(on: On) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match on {
            On::Sqlite => format!("sqlite:{}", dir.path().join("purser.db").display()),
            On::Postgres => {
                static COUNT: AtomicU32 = AtomicU32::new(0);
                let base = std::env::var("PURSER_TEST_POSTGRES_URL").expect(
                    "PURSER_TEST_POSTGRES_URL names a server to make databases on; ./scripts/test starts one",
                );
                let count = COUNT.fetch_add(1, Ordering::Relaxed);
                let name =
                    format!("purser_test_{}_{count}_{:08x}", std::process::id(), rand::random::<u32>());
                let mut admin = PgConnection::connect(&format!("{base}/postgres")).await.unwrap();
                sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
                    .execute(&mut admin)
                    .await
                    .unwrap();
                format!("{base}/{name}")
            }
        };
        Self { url, dir }
    }

    /// One on a server of the test's own.
    pub fn at(url: String) -> Self {
        Self { url, dir: tempfile::tempdir().unwrap() }
    }

    /// A folder of the test's own.
    pub fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// A migrated store over it.
    pub async fn store(&self) -> Store {
        let store = Store::open(&self.url).unwrap();
        store.migrate().await.unwrap();
        store
    }
}

/// A migrated store over a new database.
pub struct TestStore {
    pub store: Store,
    pub database: Database,
}

impl TestStore {
    pub async fn new(on: On) -> Self {
        let database = Database::new(on).await;
        Self { store: database.store().await, database }
    }
}

/// A running server over a new database. Both are real; only the port is any port.
pub struct TestServer {
    pub app: App,
    pub address: SocketAddr,
    pub database: Database,
}

/// An organization, one of its domains, and a key of that domain with every scope.
pub struct Tenant {
    pub organization: Organization,
    pub domain: Domain,
    pub key: String,
}

/// A master key, the same for all servers of this process; no nodes.
pub fn chains() -> Chains {
    static RING: LazyLock<(tempfile::TempDir, Arc<KeyRing>)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("purser-master.key");
        MasterKeys::create(&file).unwrap();
        (folder, Arc::new(KeyRing::read(file).unwrap()))
    });
    Chains { ring: Some(Arc::clone(&RING.1)), ..Chains::default() }
}

/// So that only those tests meet the limits that are about them.
pub fn unlimited() -> Claiming {
    Claiming { per_link: 1_000_000, per_peer: 1_000_000, ..Claiming::default() }
}

/// Never told to stop: whoever could has forgotten it.
fn never() -> watch::Receiver<bool> {
    static NEVER: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::channel(false).0);
    NEVER.subscribe()
}

impl TestServer {
    pub async fn new(on: On) -> Self {
        Self::over(Database::new(on).await).await
    }

    pub async fn over(database: Database) -> Self {
        let app = App::start(database.store().await, chains());
        app.open();
        app.offer_claims(unlimited());
        let address = Self::listen(&app).await;
        Self { app, address, database }
    }

    /// Another server over the same app, on a port of its own. It delivers no webhooks.
    pub async fn listen(app: &App) -> SocketAddr {
        Self::listen_with(&Webhooks::new(app.clone(), Guard::default(), grpc::event_json), app).await
    }

    /// The same with a deliverer of the test's own.
    pub async fn listen_with(webhooks: &Webhooks, app: &App) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let health = health::service(watch::channel(Readiness::Ready).1, Vec::new()).await;
        let routes = grpc::services(app.clone(), webhooks.clone(), health).unwrap();
        tokio::spawn(grpc::server::serve(
            listener,
            routes,
            grpc::methods(),
            Limits { max_connections_per_peer: 1_000, default_deadline: DEADLINE, ..Limits::default() },
            std::future::pending(),
        ));
        address
    }

    /// An HTTP port of the server, with all of REST.
    pub async fn http(&self) -> SocketAddr {
        self.http_with(Vec::new(), never()).await
    }

    /// The same behind proxies, whose streams end once `ending` is true.
    pub async fn http_with(&self, trusted_proxies: Vec<IpAddr>, ending: watch::Receiver<bool>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let whole = rest::service(&self.app, &self.offer(), self.within_until(ending), axum::Router::new());
        let limits = Limits { max_connections_per_peer: 1_000, trusted_proxies, ..Limits::default() };
        tokio::spawn(purser::http::serve(
            listener,
            axum::Router::new(),
            whole,
            limits,
            std::future::pending(),
        ));
        address
    }

    /// All of REST.
    pub fn offer(&self) -> Offer {
        Offer { faces: Faces::all(), deadline: DEADLINE, origins: Vec::new() }
    }

    /// The methods, called from within the process.
    pub fn within(&self) -> Arc<dyn Rpcs> {
        self.within_until(never())
    }

    fn within_until(&self, ending: watch::Receiver<bool>) -> Arc<dyn Rpcs> {
        let webhooks = Webhooks::new(self.app.clone(), Guard::default(), grpc::event_json);
        Arc::new(Within::new(self.app.clone(), webhooks, Limits::default().max_connection_age, ending))
    }

    /// A sandbox domain of that name, of an organization of its own, with default settings.
    pub async fn tenant(&self, name: &str) -> Tenant {
        self.tenant_with(name, Environment::Sandbox, DomainSettings::default()).await
    }

    pub async fn tenant_with(
        &self,
        name: &str,
        environment: Environment,
        settings: DomainSettings,
    ) -> Tenant {
        let organization = self.app.create_organization(&operator(), line(name), None).await.unwrap().value;
        let new = NewDomain {
            organization_id: organization.id,
            name: name.to_owned().try_into().unwrap(),
            environment,
            settings,
        };
        let domain = Domain::clone(&*self.app.create_domain(&operator(), new, None).await.unwrap().value);
        let key = self.domain_key(&domain, Scopes::all()).await;
        Tenant { organization, domain, key }
    }

    /// The text of a new key of one domain.
    pub async fn domain_key(&self, domain: &Domain, scopes: Scopes) -> String {
        self.key(NewApiKey { domain_id: Some(domain.id), scopes, ..nothing() }).await
    }

    /// The text of a new key of an organization in one environment.
    pub async fn organization_key(
        &self,
        organization: &Organization,
        environment: Environment,
        scopes: Scopes,
    ) -> String {
        let organization_id = Some(organization.id);
        self.key(NewApiKey { organization_id, environment: Some(environment), scopes, ..nothing() }).await
    }

    /// The text of a new operator key.
    pub async fn operator_key(&self, scopes: Scopes) -> String {
        self.key(NewApiKey { scopes, ..nothing() }).await
    }

    async fn key(&self, new: NewApiKey) -> String {
        let (_, secret) = self.app.create_api_key(&operator(), new, None).await.unwrap().value;
        secret.unwrap().expose().to_owned()
    }

    /// A connection of its own.
    pub async fn channel(&self) -> Channel {
        connect(self.address).await
    }

    pub async fn customers(&self, key: &str) -> Customers {
        customers(self.channel().await, key)
    }

    pub async fn admin(&self, key: &str) -> Admin {
        AdminServiceClient::with_interceptor(self.channel().await, Bearer::new(key))
    }
}

pub async fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// Where `give_wallets` gives addresses: test networks of two families of chains.
pub const WALLET_NETWORKS: [&str; 2] = ["sepolia", "solana-devnet"];

/// Has a domain give a wallet to every customer who is made from now on.
pub async fn give_wallets(address: SocketAddr, key: &str, domain: &str) {
    let mut admin = AdminServiceClient::with_interceptor(connect(address).await, Bearer::new(key));
    let key = Some(api::get_domain_request::Key::Name(domain.to_owned()));
    let found = admin.get_domain(api::GetDomainRequest { key }).await.unwrap().into_inner().domain.unwrap();
    let auto_wallet_networks = WALLET_NETWORKS.map(str::to_owned).to_vec();
    let request = api::UpdateDomainSettingsRequest {
        id: found.id,
        settings: Some(api::DomainSettings { auto_wallet_networks, ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["auto_wallet_networks".to_owned()] }),
        ..Default::default()
    };
    admin.update_domain_settings(request).await.unwrap();
}

pub fn customers(channel: Channel, key: &str) -> Customers {
    CustomerServiceClient::with_interceptor(channel, Bearer::new(key))
}

pub type Customers = CustomerServiceClient<InterceptedService<Channel, Bearer>>;
pub type Admin = AdminServiceClient<InterceptedService<Channel, Bearer>>;

/// Puts a key on every call.
#[derive(Clone)]
pub struct Bearer(MetadataValue<tonic::metadata::Ascii>);

impl Bearer {
    pub fn new(key: &str) -> Self {
        Self(format!("Bearer {key}").parse().unwrap())
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Whoever is at the machine.
pub fn operator() -> Caller {
    Caller::cli("test".to_owned())
}

pub fn line(text: &str) -> Line {
    text.to_owned().try_into().unwrap()
}

fn nothing() -> NewApiKey {
    NewApiKey {
        organization_id: None,
        domain_id: None,
        environment: None,
        display_name: Line::default(),
        scopes: Scopes::default(),
        expire_us: None,
    }
}

/// Makes something that ends in a moment, told when. Where the machine stood still until that had passed, so
/// that it was refused, it is made again.
pub async fn ending_soon<T, E: std::fmt::Debug>(mut make: impl AsyncFnMut(i64) -> Result<T, E>) -> T {
    let mut tried = 1;
    loop {
        let expire_us = clock::now_us() + 1_500_000;
        let made = make(expire_us).await;
        if made.is_ok() || clock::now_us() < expire_us || tried == 3 {
            return made.unwrap();
        }
        tried += 1;
    }
}

pub fn timestamp(us: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(us % 1_000_000).unwrap() * 1_000;
    prost_types::Timestamp { seconds: us / 1_000_000, nanos }
}

/// A request that asks for a customer with that alias, and nothing else.
pub fn with_alias(alias: &str) -> api::CreateCustomerRequest {
    api::CreateCustomerRequest {
        customer: Some(api::Customer { payment_address: alias.to_owned(), ..Default::default() }),
        ..Default::default()
    }
}

/// Lets midnight UTC pass where it is near: some of what is held is free with the next day.
pub async fn away_from_midnight() {
    const DAY_SECONDS: i64 = 24 * 60 * 60;
    let left = DAY_SECONDS - clock::now_us() / 1_000_000 % DAY_SECONDS;
    if left <= 60 {
        tokio::time::sleep(Duration::from_secs(u64::try_from(left).unwrap() + 1)).await;
    }
}

/// The reason in a refusal's `google.rpc.ErrorInfo`.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|it| it.reason).unwrap_or_default()
}

/// The fields in a refusal's `google.rpc.BadRequest`.
pub fn bad_fields(status: &Status) -> Vec<String> {
    let details = status.get_details_bad_request();
    details.into_iter().flat_map(|it| it.field_violations).map(|it| it.field).collect()
}

/// Runs each named test on each database.
macro_rules! on_each_database {
    ($fixture:ident: $($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::$fixture::new($crate::harness::On::Sqlite).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::$fixture::new($crate::harness::On::Postgres).await).await;
            })+
        }
    };
}
pub(crate) use on_each_database;
