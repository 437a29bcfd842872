//! What requests are about: objects that are one's own, another's, deleted, or not there.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

use purser::app::{CustomerTarget, NewApiKey, WalletTarget, WebhookTarget, parse_address};
use purser::clock;
use purser::domain::{
    Alias, ApiKeyId, ClaimId, CustomerId, CustomerKey, Domain, DomainId, DomainStatus, Email, Environment,
    Error, ExternalId, Faults, Metadata, Movement, Network, NewClaim, NewCustomer, NewPaymentClaimLink,
    NewPaymentMethod, NewTransaction, NewWebhookEndpoint, OrganizationId, PaymentClaimLinkId, PaymentDetails,
    PaymentMethodId, Profile, Scope, Text, TransactionId, TransactionStatus, TransactionType, Wallet,
    WalletId, WalletStatus, WebhookEndpointId, WebhookFormat,
};

use super::table::Kind;
use super::world::{World, key};
use crate::harness::{line, operator};

/// Whose an object is, as `home` sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// In `home`.
    Own,
    /// In `globex`, a domain of another organization in the same environment.
    Others,
    /// Nowhere, by names that would be in `home`.
    Absent,
    /// In `home`, and deleted; of a key, revoked; of a wallet, removed.
    Deleted,
    /// In `globex`, and deleted.
    OthersDeleted,
    /// Nowhere, by names that would be in `globex`.
    OthersAbsent,
    /// Nowhere, by names of a domain that is not there.
    Nowhere,
}

impl Whose {
    /// The columns of the matrix for objects of a kind.
    pub fn of(kind: Kind) -> &'static [(Self, &'static str)] {
        const ALL: &[(Whose, &str)] = &[
            (Whose::Own, "own"),
            (Whose::Others, "another tenant's"),
            (Whose::Absent, "absent"),
            (Whose::Deleted, "deleted"),
        ];
        match kind {
            Kind::Nothing => &ALL[..1],
            Kind::Organization | Kind::Domain | Kind::Transaction => &ALL[..3],
            Kind::Customer
            | Kind::ExternalWallet
            | Kind::ManagedWallet
            | Kind::FrozenWallet
            | Kind::LedgerWallet
            | Kind::PaymentMethod
            | Kind::DomainKey
            | Kind::OrganizationKey
            | Kind::OperatorKey
            | Kind::Webhook
            | Kind::ClaimLink
            | Kind::Claim
            | Kind::ClaimToken => ALL,
        }
    }

    const fn is_there(self) -> bool {
        !matches!(self, Self::Absent | Self::OthersAbsent | Self::Nowhere)
    }

    const fn is_deleted(self) -> bool {
        matches!(self, Self::Deleted | Self::OthersDeleted)
    }
}

impl World {
    /// A request with what an object is known by in its places. The object is new, but for organizations and domains.
    pub async fn fill(&self, json: &str, kind: Kind, whose: Whose) -> String {
        let mut filled = json
            .replace("{fresh}", &format!("fresh-{}", self.next()))
            .replace("{fresh_address}", &self.fresh_address())
            .replace("{fresh_hash}", &format!("0x{:064x}", self.next()))
            .replace("{home_wallet}", &self.home_wallet);
        for (place, value) in self.object(kind, whose).await {
            filled = filled.replace(place, &value);
        }
        let now = crate::events_wire::now();
        filled = filled.replace("{now}", &now.to_string());
        assert!(!filled.contains("\"{"), "{filled} has a place that a {kind:?} does not fill");
        filled
    }

    async fn object(&self, kind: Kind, whose: Whose) -> Vec<(&'static str, String)> {
        let domain = match whose {
            Whose::Own | Whose::Deleted => Some(&self.home),
            Whose::Others | Whose::OthersDeleted => Some(&self.globex),
            Whose::Absent | Whose::OthersAbsent | Whose::Nowhere => None,
        };
        let organization = domain.map_or(OrganizationId::from_uuid(uuid()), |it| it.organization_id);
        match kind {
            Kind::Nothing => Vec::new(),
            Kind::Organization => vec![("{organization}", organization.to_string())],
            Kind::Domain => vec![
                ("{organization}", organization.to_string()),
                ("{domain}", domain.map_or(DomainId::from_uuid(uuid()), |it| it.id).to_string()),
                ("{domain_name}", domain.map_or("nowhere", |it| it.name.as_str()).to_owned()),
            ],
            Kind::Customer => self.customer(whose).await,
            Kind::ExternalWallet | Kind::ManagedWallet | Kind::FrozenWallet | Kind::LedgerWallet => {
                self.wallet(kind, whose).await
            }
            Kind::Transaction => self.transaction(whose).await,
            Kind::ClaimLink | Kind::Claim | Kind::ClaimToken => self.claim(kind, whose).await,
            Kind::Webhook => {
                let id = match domain {
                    Some(domain) => self.webhook(domain, whose).await,
                    None => WebhookEndpointId::from_uuid(uuid()),
                };
                vec![("{webhook}", id.to_string())]
            }
            Kind::PaymentMethod => self.payment_method(whose).await,
            Kind::DomainKey | Kind::OrganizationKey | Kind::OperatorKey => {
                let id = match domain {
                    Some(domain) => self.api_key(kind, domain, whose).await,
                    None => ApiKeyId::from_uuid(uuid()),
                };
                vec![("{key}", id.to_string())]
            }
        }
    }

    async fn customer(&self, whose: Whose) -> Vec<(&'static str, String)> {
        let name = format!("c{}", self.next());
        let named = self.named(whose);
        let alias = format!("{name}@{}", named.map_or("nowhere", |it| it.name.as_str()));
        let email = format!("{name}@example.com");
        let id = match named.filter(|_| whose.is_there()) {
            Some(domain) => {
                let profile = Profile {
                    payment_address: Some(Alias::try_from(alias.clone()).unwrap()),
                    external_id: Some(ExternalId::try_from(name.clone()).unwrap()),
                    email: Some(Email::try_from(email.clone()).unwrap()),
                    first_name: line("Ada"),
                    ..Profile::default()
                };
                let new = NewCustomer { profile, status: None };
                let app = &self.server.app;
                let made = app.create_customer(&operator(), Some(domain.id), new, None).await.unwrap();
                let id = made.value.customer.id;
                if whose.is_deleted() {
                    let target = CustomerTarget { key: CustomerKey::Id(id), domain: None, etag: None };
                    app.soft_delete_customer(&operator(), target, None).await.unwrap();
                }
                id
            }
            None => CustomerId::from_uuid(uuid()),
        };
        let domain = named.map_or(DomainId::from_uuid(uuid()), |it| it.id);
        vec![
            ("{customer}", id.to_string()),
            ("{alias}", alias),
            ("{external_id}", name),
            ("{email}", email),
            ("{domain}", domain.to_string()),
        ]
    }

    /// A wallet of a customer of its own, so that no two meet in a name. A frozen one is managed.
    async fn wallet(&self, kind: Kind, whose: Whose) -> Vec<(&'static str, String)> {
        let named = self.named(whose);
        let mut address = self.fresh_address();
        let (id, customer_id) = match named.filter(|_| whose.is_there()) {
            Some(domain) => {
                let wallet = match kind {
                    Kind::ExternalWallet => self.link(domain, &address).await,
                    Kind::LedgerWallet => {
                        let wallet = self.open_ledger(domain).await;
                        self.credit(&wallet, TransactionStatus::Confirmed, "").await;
                        wallet
                    }
                    _ => self.make_wallet(domain, kind == Kind::FrozenWallet).await,
                };
                if let Some(own) = wallet.addresses.first() {
                    address.clone_from(&own.address);
                }
                if whose.is_deleted() {
                    let target = WalletTarget { id: wallet.id, etag: None };
                    self.server.app.remove_wallet(&operator(), target, line(""), None).await.unwrap();
                }
                (wallet.id, wallet.customer_id)
            }
            None => (WalletId::from_uuid(uuid()), CustomerId::from_uuid(uuid())),
        };
        vec![
            ("{wallet}", id.to_string()),
            ("{customer}", customer_id.to_string()),
            ("{address}", address),
            ("{domain}", named.map_or(DomainId::from_uuid(uuid()), |it| it.id).to_string()),
        ]
    }

    /// A transaction that may still become anything.
    async fn transaction(&self, whose: Whose) -> Vec<(&'static str, String)> {
        let reference = format!("r{}", self.next());
        let named = self.named(whose);
        let (id, wallet_id) = match named.filter(|_| whose.is_there()) {
            Some(domain) => {
                let wallet = self.open_ledger(domain).await;
                (self.credit(&wallet, TransactionStatus::Pending, &reference).await, wallet.id)
            }
            None => (TransactionId::from_uuid(uuid()), WalletId::from_uuid(uuid())),
        };
        vec![
            ("{transaction}", id.to_string()),
            ("{reference}", reference),
            ("{wallet}", wallet_id.to_string()),
            ("{domain}", named.map_or(DomainId::from_uuid(uuid()), |it| it.id).to_string()),
        ]
    }

    /// A claim by a link of its own, for a customer who has a wallet that it can be approved to.
    async fn claim(&self, kind: Kind, whose: Whose) -> Vec<(&'static str, String)> {
        let named = self.named(whose);
        let app = &self.server.app;
        let (mut token, mut customer) = ("A".repeat(32), CustomerId::from_uuid(uuid()));
        let (mut link_id, mut claim_id) = (PaymentClaimLinkId::from_uuid(uuid()), ClaimId::from_uuid(uuid()));
        if let Some(domain) = named.filter(|_| whose.is_there()) {
            customer = self.link(domain, &self.fresh_address()).await.customer_id;
            let metadata = Metadata::default();
            let new = NewPaymentClaimLink { customer_id: customer, expire_us: None, max_uses: 99, metadata };
            let (link, url) = app.create_claim_link(&operator(), new, None).await.unwrap().value;
            link_id = link.id;
            token = url.unwrap().rsplit('/').next().unwrap().to_owned();
            if kind == Kind::Claim {
                let hash = format!("0x{:064x}", self.next());
                let mut faults = Faults::default();
                let (network, amount) = (Some(Network::Ethereum), "1".to_owned());
                let new = NewClaim::parse(network, "ETH", amount, &hash, String::new(), &mut faults).unwrap();
                let mut submitted = app.submit_claim(Ipv4Addr::LOCALHOST.into(), &token, &new, None).await;
                if matches!(submitted, Err(Error::DomainSuspended)) {
                    // Nobody submits one there, operators neither: it is from before.
                    let set = async |it| {
                        app.set_domain_status(&operator(), domain.id, it, line(""), None).await.unwrap();
                    };
                    set(DomainStatus::Active).await;
                    submitted = app.submit_claim(Ipv4Addr::LOCALHOST.into(), &token, &new, None).await;
                    set(DomainStatus::Suspended).await;
                }
                claim_id = submitted.unwrap().value.id;
            }
            if whose.is_deleted() && kind == Kind::Claim {
                app.reject_claim(&operator(), claim_id, line(""), None).await.unwrap();
            } else if whose.is_deleted() {
                app.revoke_claim_link(&operator(), link_id, None).await.unwrap();
            }
        }
        vec![
            ("{link}", link_id.to_string()),
            ("{claim}", claim_id.to_string()),
            ("{token}", token),
            ("{customer}", customer.to_string()),
        ]
    }

    /// An endpoint that is there. A domain has room for a hundred, so it is the one before unless that was deleted.
    async fn webhook(&self, domain: &Domain, whose: Whose) -> WebhookEndpointId {
        let app = &self.server.app;
        let known = self.webhooks.lock().unwrap().get(&domain.id).copied();
        if let Some(id) = known.filter(|_| !whose.is_deleted())
            && app.get_webhook_endpoint(&operator(), id).await.is_ok()
        {
            return id;
        }
        let new = NewWebhookEndpoint {
            url: "https://127.0.0.1:1/".to_owned().try_into().unwrap(),
            event_types: Vec::new(),
            format: WebhookFormat::Standard,
            description: Text::default(),
            enabled: true,
        };
        let made = app.create_webhook_endpoint(&operator(), Some(domain.id), new, Ok(()), None).await;
        let id = made.unwrap().value.0.id;
        if whose.is_deleted() {
            let target = WebhookTarget { id, etag: None };
            app.delete_webhook_endpoint(&operator(), target, None).await.unwrap();
        } else {
            self.webhooks.lock().unwrap().insert(domain.id, id);
        }
        id
    }

    /// A payment method of a customer of its own.
    async fn payment_method(&self, whose: Whose) -> Vec<(&'static str, String)> {
        let (id, customer_id) = match self.named(whose).filter(|_| whose.is_there()) {
            Some(domain) => {
                let (app, customer_id) = (&self.server.app, self.customer_of(domain).await);
                let account = serde_json::json!({"account_name": "A", "account_number": "1"});
                let details = PaymentDetails::BankAccount(serde_json::from_value(account).unwrap());
                let new = NewPaymentMethod { customer_id, details };
                let id = app.add_payment_method(&operator(), new, None).await.unwrap().value.id;
                if whose.is_deleted() {
                    app.remove_payment_method(&operator(), id, None, None).await.unwrap();
                }
                (id, customer_id)
            }
            None => (PaymentMethodId::from_uuid(uuid()), CustomerId::from_uuid(uuid())),
        };
        vec![("{payment_method}", id.to_string()), ("{customer}", customer_id.to_string())]
    }

    pub async fn customer_of(&self, domain: &Domain) -> CustomerId {
        let new = NewCustomer { profile: Profile::default(), status: None };
        let app = &self.server.app;
        let made = app.create_customer(&operator(), Some(domain.id), new, None).await.unwrap();
        made.value.customer.id
    }

    pub async fn link(&self, domain: &Domain, address: &str) -> Wallet {
        let (app, customer) = (&self.server.app, self.customer_of(domain).await);
        let linked = app
            .link_wallet(
                &operator(),
                customer,
                Network::Ethereum,
                parse_address(Network::Ethereum, address).unwrap(),
                None,
            )
            .await;
        self.noted(linked.unwrap().value)
    }

    pub async fn make_wallet(&self, domain: &Domain, frozen: bool) -> Wallet {
        let (app, customer) = (&self.server.app, self.customer_of(domain).await);
        let made = app.create_wallet(&operator(), customer, vec![Network::Ethereum], None).await;
        let wallet = self.noted(made.unwrap().value);
        if frozen {
            let target = WalletTarget { id: wallet.id, etag: None };
            let status = WalletStatus::Frozen;
            app.set_wallet_status(&operator(), target, status, line(""), None).await.unwrap();
        }
        wallet
    }

    async fn open_ledger(&self, domain: &Domain) -> Wallet {
        let (app, customer) = (&self.server.app, self.customer_of(domain).await);
        let currency = "EUR".to_owned().try_into().unwrap();
        let made = app.create_ledger_wallet(&operator(), customer, currency, None).await;
        self.noted(made.unwrap().value)
    }

    /// Five euros for a ledger wallet.
    async fn credit(&self, wallet: &Wallet, status: TransactionStatus, reference: &str) -> TransactionId {
        let new = NewTransaction {
            wallet_id: wallet.id,
            reference: (!reference.is_empty()).then(|| reference.to_owned().try_into().unwrap()),
            kind: TransactionType::Credit,
            status,
            movement: Movement::InBooks { currency: None, amount: "5".to_owned().try_into().unwrap() },
            description: Text::default(),
        };
        self.server.app.record_transaction(&operator(), new, None).await.unwrap().value.id
    }

    /// An address on EVM networks that nobody has.
    pub fn fresh_address(&self) -> String {
        format!("0x{:040x}", 0xace_0000_0000_u64 + u64::from(self.next()))
    }

    /// The domain whose names an object has, there or not.
    const fn named(&self, whose: Whose) -> Option<&Domain> {
        match whose {
            Whose::Own | Whose::Absent | Whose::Deleted => Some(&self.home),
            Whose::Others | Whose::OthersDeleted | Whose::OthersAbsent => Some(&self.globex),
            Whose::Nowhere => None,
        }
    }

    /// A key with the scope that keys are administered with, and no other.
    async fn api_key(&self, kind: Kind, domain: &Domain, whose: Whose) -> ApiKeyId {
        let scopes = [Scope::Admin].into_iter().collect();
        let new = match kind {
            Kind::DomainKey => NewApiKey { domain_id: Some(domain.id), ..key(scopes) },
            Kind::OrganizationKey => NewApiKey {
                organization_id: Some(domain.organization_id),
                environment: Some(Environment::Live),
                ..key(scopes)
            },
            _ => key(scopes),
        };
        let app = &self.server.app;
        let id = app.create_api_key(&operator(), new, None).await.unwrap().value.0.id;
        if whose.is_deleted() {
            app.revoke_api_key(&operator(), id, None).await.unwrap();
        }
        id
    }

    fn next(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }
}

fn uuid() -> uuid::Uuid {
    clock::new_uuid(clock::now_us())
}
