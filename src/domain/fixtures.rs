//! What the tests of the rules are made of: one domain, its customers, one moment.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Actor, Address, AddressId, ApiKey, ApiKeyId, ChainAddress, Change, Context, Customer, CustomerId, Domain,
    DomainId, Environment, Error, EventType, Expect, KeyKind, Line, Member, Network, OrganizationId, Profile,
    Resource, Result, Scopes, SecretHash, UniqueKey, Wallet, WalletId, WalletKind, WalletStatus,
};

/// The moment at which every test decides.
pub(super) const NOW_US: i64 = 1_800_000_000_000_000;

/// When everything that is there already was made.
pub(super) const BEFORE_US: i64 = NOW_US - 1_000_000;

pub(super) const fn organization_id(number: u128) -> OrganizationId {
    OrganizationId::from_uuid(Uuid::from_u128(0x0a00 + number))
}

pub(super) const fn domain_id(number: u128) -> DomainId {
    DomainId::from_uuid(Uuid::from_u128(0xd000 + number))
}

pub(super) const fn customer_id(number: u128) -> CustomerId {
    CustomerId::from_uuid(Uuid::from_u128(0xc000 + number))
}

pub(super) const fn wallet_id(number: u128) -> WalletId {
    WalletId::from_uuid(Uuid::from_u128(0xaa00 + number))
}

/// Somebody at the machine, now, without a request id.
pub(super) fn context() -> Context {
    Context { now_us: NOW_US, actor: Actor::Cli("root".to_owned()), request: None }
}

pub(super) fn line(text: &str) -> Line {
    Line::try_from(text.to_owned()).unwrap()
}

pub(super) fn profile(fields: Value) -> Profile {
    serde_json::from_value(fields).unwrap()
}

/// The domain `acme`, a live one of organization 1, as of its third event.
pub(super) fn domain(settings: Value) -> Domain {
    Domain {
        id: domain_id(1),
        organization_id: organization_id(1),
        sequence: 3,
        name: "acme".to_owned().try_into().unwrap(),
        environment: Environment::Live,
        status: super::DomainStatus::Active,
        settings: serde_json::from_value(settings).unwrap(),
        create_us: BEFORE_US,
    }
}

/// A live customer of `acme`, as of event 5.
pub(super) fn customer(fields: Value) -> Customer {
    Customer {
        id: customer_id(1),
        domain_id: domain_id(1),
        sequence: 5,
        profile: profile(fields),
        status: super::CustomerStatus::Enabled,
        status_before: None,
        is_beyond_restore: false,
        is_promised_wallet: false,
        kyc_status: super::KycStatus::NotRequired,
        create_us: BEFORE_US,
        update_us: BEFORE_US,
        delete_us: None,
        erase_us: None,
    }
}

/// The customer in their domain.
pub(super) fn member() -> Member {
    Member { customer: customer(json!({})), domain: Arc::new(domain(json!({}))) }
}

/// What a decision expects that depends on the customer and on the domain as the fixtures have them.
pub(super) fn the_member() -> [Expect; 2] {
    [(&customer(json!({}))).into(), (&domain(json!({}))).into()]
}

/// Wallet 1 of the customer, in use and as of event 6: without addresses, and with dollars if it is a ledger's.
pub(super) fn wallet(kind: WalletKind) -> Wallet {
    Wallet {
        id: wallet_id(1),
        sequence: 6,
        domain_id: domain_id(1),
        customer_id: customer_id(1),
        kind,
        status: WalletStatus::Active,
        currency: (kind == WalletKind::Ledger).then(|| "USD".to_owned().try_into().unwrap()),
        addresses: Vec::new(),
        authorization: None,
        create_us: BEFORE_US,
        update_us: BEFORE_US,
    }
}

/// An address of twenty times `byte`: what it is shown as does not matter to any rule.
pub(super) fn on_chain(network: Network, byte: u8) -> ChainAddress {
    ChainAddress { family: network.info().family, bytes: vec![byte; 20], text: format!("{byte:02X}-shown") }
}

/// The same as wallet 1 has it, linked.
pub(super) fn address(network: Network, byte: u8) -> Address {
    let on_chain = on_chain(network, byte);
    Address {
        id: AddressId::from_uuid(Uuid::from_u128(0xadd0)),
        sequence: 6,
        domain_id: domain_id(1),
        wallet_id: wallet_id(1),
        customer_id: customer_id(1),
        network,
        address: on_chain.as_str().to_owned(),
        canonical: on_chain.hex(),
        derivation: None,
        create_us: BEFORE_US,
    }
}

/// Fields of a customer with every kind of name that has one owner.
pub(super) fn ada() -> Value {
    json!({
        "first_name": "Ada", "payment_address": "ada@acme", "email": "ada@x.example", "external_id": "Ext-1"
    })
}

/// A key with every scope and no end, of an organization and environment, one domain, or neither.
pub(super) fn api_key(
    organization: Option<OrganizationId>,
    environment: Option<Environment>,
    domain: Option<DomainId>,
) -> ApiKey {
    ApiKey {
        id: ApiKeyId::from_uuid(Uuid::from_u128(7)),
        sequence: 2,
        organization_id: organization,
        domain_id: domain,
        environment,
        display_name: line("a key"),
        scopes: Scopes::all(),
        create_us: BEFORE_US,
        expire_us: None,
        revoke_us: None,
        secret_sha256: SecretHash::from([1; 32]),
        last_use_us: None,
    }
}

/// A name within `acme`.
pub(super) fn key(kind: KeyKind, text: &str) -> UniqueKey {
    UniqueKey { scope: domain_id(1).as_uuid(), kind, text: text.to_owned() }
}

/// The one event of a Change, and the fields it says changed; none where the Change only answers.
pub(super) fn event(change: &Change) -> Option<(EventType, &[&'static str])> {
    assert_eq!(change.writes.len(), 1);
    change.writes[0].event.as_ref().map(|(kind, changed)| (*kind, changed.as_slice()))
}

/// What a Change answers with.
pub(super) fn answer<T: TryFrom<Resource, Error = Error>>(change: &Change) -> T {
    change.writes[0].resource.clone().try_into().unwrap()
}

/// The fields that a refusal names, in its order; or how else it ended.
pub(super) fn faulty<T>(result: Result<T>) -> Vec<String> {
    match result {
        Ok(_) => vec!["nothing".to_owned()],
        Err(Error::Invalid(faults)) => faults.into_iter().map(|it| it.field.into_owned()).collect(),
        Err(other) => vec![other.to_string()],
    }
}
