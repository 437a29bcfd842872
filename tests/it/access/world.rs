//! Two organizations and twelve ways to call.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;

use purser::app::NewApiKey;
use purser::domain::{
    ApiKey, Domain, DomainId, DomainSettings, DomainStatus, Environment, NewDomain, OrganizationId, Result,
    Scope, Scopes, Wallet, WebhookEndpointId,
};
use tonic::transport::Channel;

use crate::harness::{On, TestServer, ending_soon, line, operator};

/// Who calls. All of them are seen from `home`, a live domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    NoKey,
    Garbage,
    Mistyped,
    Expired,
    Revoked,
    /// A key of `home` with every scope but the one that the method wants.
    WithoutScope,
    /// A key of `home` with that scope alone.
    OnlyScope,
    Sister,
    Stranger,
    Organization,
    OtherEnvironment,
    Operator,
}

impl Identity {
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::NoKey, "no key"),
        (Self::Garbage, "garbage"),
        (Self::Mistyped, "mistyped"),
        (Self::Expired, "expired"),
        (Self::Revoked, "revoked"),
        (Self::WithoutScope, "domain key, all but the scope"),
        (Self::OnlyScope, "domain key, the scope alone"),
        (Self::Sister, "key of a sister domain"),
        (Self::Stranger, "key of another organization's domain"),
        (Self::Organization, "organization key"),
        (Self::OtherEnvironment, "organization key, other environment"),
        (Self::Operator, "operator key"),
    ];
}

pub struct World {
    pub server: TestServer,
    pub channel: Channel,
    pub home: Domain,
    pub globex: Domain,
    /// An external wallet of `home`, for what else a request names beside it.
    pub home_wallet: String,
    /// What the answers call them, and what the golden file does.
    pub names: HashMap<String, &'static str>,
    keys: HashMap<(Identity, Vec<Scope>), String>,
    /// The domain of each wallet, for what says its wallet and not its domain.
    wallets: Mutex<HashMap<String, String>>,
    /// The webhook endpoint of each domain that calls are about.
    pub webhooks: Mutex<HashMap<DomainId, WebhookEndpointId>>,
    pub count: AtomicU32,
}

impl World {
    pub async fn new(on: On) -> Self {
        let server = TestServer::new(on).await;
        let home = server.tenant_with("home", Environment::Live, DomainSettings::default()).await;
        let globex = server.tenant_with("globex", Environment::Live, DomainSettings::default()).await;
        let acme = home.organization;
        let sister = domain(&server, acme.id, "sister", Environment::Live).await;
        let sandbox = domain(&server, acme.id, "sandbox", Environment::Sandbox).await;
        let mut keys = HashMap::from([
            ((Identity::Garbage, vec![]), "not-a-key".to_owned()),
            ((Identity::Mistyped, vec![]), mistyped(&home.key)),
            ((Identity::Expired, vec![]), expired(&server, &home.domain).await),
            ((Identity::Revoked, vec![]), revoked(&server, &home.domain).await),
            ((Identity::Sister, vec![]), server.domain_key(&sister, Scopes::all()).await),
            ((Identity::Stranger, vec![]), globex.key),
        ]);
        for (identity, environment) in
            [(Identity::Organization, Environment::Live), (Identity::OtherEnvironment, Environment::Sandbox)]
        {
            let key = server.organization_key(&acme, environment, Scopes::all()).await;
            keys.insert((identity, vec![]), key);
        }
        keys.insert((Identity::Operator, vec![]), server.operator_key(Scopes::all()).await);
        // Each alone, and those that a method wants all of; it is the last of these that is missing.
        let several = [vec![Scope::CustomersRead, Scope::WalletsRead, Scope::BillingRead]];
        for scopes in Scope::ALL.iter().map(|it| vec![*it]).chain(several) {
            let others = Scope::ALL.iter().copied().filter(|it| Some(it) != scopes.last()).collect();
            let without = server.domain_key(&home.domain, others).await;
            let only = server.domain_key(&home.domain, scopes.iter().copied().collect()).await;
            keys.insert((Identity::WithoutScope, scopes.clone()), without);
            keys.insert((Identity::OnlyScope, scopes), only);
        }
        let names = HashMap::from([
            (acme.id.to_string(), "acme"),
            (globex.organization.id.to_string(), "globex inc"),
            (home.domain.id.to_string(), "home"),
            (sister.id.to_string(), "sister"),
            (sandbox.id.to_string(), "sandbox"),
            (globex.domain.id.to_string(), "globex"),
        ]);
        let channel = server.channel().await;
        let (home, globex, count) = (home.domain, globex.domain, AtomicU32::new(0));
        let (home_wallet, wallets, webhooks) = (String::new(), Mutex::default(), Mutex::default());
        let mut world =
            Self { server, channel, home, globex, home_wallet, names, keys, wallets, webhooks, count };
        for domain in [&world.home, &world.globex] {
            // On EVM networks they go on by their seeds, though they become watch-only on others.
            world.make_wallet(domain, false).await;
        }
        world.home_wallet = world.link(&world.home, &world.fresh_address()).await.id.to_string();
        world
    }

    pub fn key(&self, identity: Identity, scopes: &[Scope]) -> Option<&str> {
        let key = match identity {
            Identity::NoKey => return None,
            Identity::WithoutScope | Identity::OnlyScope => (identity, scopes.to_vec()),
            _ => (identity, vec![]),
        };
        Some(&self.keys[&key])
    }

    /// The same wallet; what is listed of it can be told from now on.
    pub fn noted(&self, wallet: Wallet) -> Wallet {
        let mut wallets = self.wallets.lock().unwrap();
        wallets.insert(wallet.id.to_string(), wallet.domain_id.to_string());
        wallet
    }

    /// Puts back what a call may have done to the domains that all calls share.
    pub async fn restore(&self) {
        for domain in [&self.home, &self.globex] {
            let (id, reason) = (domain.id, line(""));
            self.server
                .app
                .set_domain_status(&operator(), id, DomainStatus::Active, reason, None)
                .await
                .unwrap();
        }
    }

    /// Whose a listed resource is.
    pub fn owner(&self, resource: &serde_json::Value) -> Option<String> {
        let text = |name: &str| resource.get(name).and_then(serde_json::Value::as_str);
        let names = |id: Option<&str>| id.and_then(|it| self.names.get(it)).map(|it| (*it).to_owned());
        let id = text("id").unwrap_or_default();
        if text("caip2").is_some() {
            return Some("everybody".to_owned());
        }
        if id.starts_with("dom_") || id.starts_with("org_") {
            return names(Some(id));
        }
        if let Some(wallet) = text("wallet_id") {
            let domain = self.wallets.lock().unwrap().get(wallet).cloned();
            return names(domain.as_deref());
        }
        match (text("domain_id"), text("organization_id"), text("environment")) {
            (None, None, _) => Some("operators".to_owned()),
            (None, organization, Some(environment)) => {
                Some(format!("{} {}", names(organization)?, environment.trim_start_matches("ENVIRONMENT_")))
            }
            (domain, ..) => names(domain),
        }
    }
}

async fn domain(
    server: &TestServer,
    organization_id: OrganizationId,
    name: &str,
    environment: Environment,
) -> Domain {
    let name = name.to_owned().try_into().unwrap();
    let new = NewDomain { organization_id, name, environment, settings: DomainSettings::default() };
    Domain::clone(&*server.app.create_domain(&operator(), new, None).await.unwrap().value)
}

pub fn mistyped(key: &str) -> String {
    let (rest, last) = key.split_at(key.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

/// A key whose time has passed: it is there for a moment first.
pub async fn expired(server: &TestServer, domain: &Domain) -> String {
    let (_, text) = ending_soon(async |expire_us| {
        let (domain_id, expire_us) = (Some(domain.id), Some(expire_us));
        made(server, NewApiKey { domain_id, expire_us, ..key(Scopes::all()) }).await
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(1_550)).await;
    text
}

pub async fn revoked(server: &TestServer, domain: &Domain) -> String {
    let new = NewApiKey { domain_id: Some(domain.id), ..key(Scopes::all()) };
    let (key, text) = made(server, new).await.unwrap();
    server.app.revoke_api_key(&operator(), key.id, None).await.unwrap();
    text
}

async fn made(server: &TestServer, new: NewApiKey) -> Result<(ApiKey, String)> {
    let (key, secret) = server.app.create_api_key(&operator(), new, None).await?.value;
    Ok((key, secret.unwrap().expose().to_owned()))
}

pub fn key(scopes: Scopes) -> NewApiKey {
    NewApiKey {
        organization_id: None,
        domain_id: None,
        environment: None,
        display_name: line(""),
        scopes,
        expire_us: None,
    }
}
