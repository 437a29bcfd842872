//! Wallets and their addresses, and every decision about one.

use serde::{Deserialize, Serialize};

use super::{
    AddressId, Change, Context, Currency, CustomerId, CustomerStatus, Domain, DomainId, Environment, Error,
    EventType, Family, KeyChange, KeyKind, KycStatus, Line, Member, Network, OrganizationId, Result, Scheme,
    TxHash, UniqueKey, WalletId, key_source, words,
};
use uuid::Uuid;

words! {
    /// Where a wallet's money is.
    WalletKind {
        /// At addresses whose keys are derived here.
        Managed = "MANAGED",
        /// At somebody's own address, linked to a customer.
        External = "EXTERNAL",
        /// In our books only: a balance in one currency.
        Ledger = "LEDGER",
    }
}

words! {
    /// The life of a wallet.
    WalletStatus {
        /// In use.
        Active = "ACTIVE",
        /// Takes money, and gives none.
        Frozen = "FROZEN",
        /// Gone for good, and kept for the record.
        Removed = "REMOVED",
    }
}

words! {
    /// How the owner of an external wallet let it be used.
    AuthorizationType {
        /// By a transaction of their own.
        Native = "NATIVE",
        /// By an ERC-2612 permit.
        Permit = "PERMIT",
        /// By an EIP-7702 delegation.
        Eip7702 = "EIP7702",
    }
}

/// An address on some chain, as its codec read it. Valid on the networks of its family.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct ChainAddress {
    /// Of which family of chains.
    pub(crate) family: Family,
    /// What makes it the same address or another: 20 bytes on EVM, 21 beginning with 0x41 on Tron, 32 on Solana, the
    /// output script on Bitcoin.
    pub(crate) bytes: Vec<u8>,
    /// The display form: EIP-55, base58check, base58, or bech32 and bech32m in lower case.
    pub(crate) text: String,
}

impl ChainAddress {
    /// Of which family of chains it is.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The canonical bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The display form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The canonical bytes, in hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(&self.bytes)
    }
}

/// Where an address of our own comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivation {
    /// By which scheme.
    pub scheme: Scheme,
    /// At which index of the domain's.
    pub index: u32,
    /// Whether the address was taken from a pool that was uploaded, rather than derived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pooled: bool,
}

/// An address of a wallet on one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Which.
    pub id: AddressId,
    /// The sequence of the event that made it.
    #[serde(skip)]
    pub sequence: i64,
    /// In which domain.
    pub domain_id: DomainId,
    /// Of which wallet.
    pub wallet_id: WalletId,
    /// Of whom.
    pub customer_id: CustomerId,
    /// On which network.
    pub network: Network,
    /// In the chain's display form.
    pub address: String,
    /// Its canonical bytes, in hexadecimal.
    pub canonical: String,
    /// Where it was derived, if it is our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derivation: Option<Derivation>,
    /// When it was made, in microseconds since 1970.
    pub create_us: i64,
}

impl Address {
    /// As its codec read it when it was taken in.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where what is stored are no bytes.
    pub fn on_chain(&self) -> Result<ChainAddress> {
        let bytes = hex::decode(&self.canonical)
            .map_err(|_| Error::internal(format!("{} has no canonical bytes", self.id)))?;
        Ok(ChainAddress { family: self.network.info().family, bytes, text: self.address.clone() })
    }

    /// The path it was derived at; none if it was not derived here.
    #[must_use]
    pub fn derivation_path(&self) -> Option<String> {
        self.derivation.as_ref().filter(|it| !it.pooled).map(|it| it.scheme.path(it.index))
    }
}

/// That the owner of an external wallet let it be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// How.
    pub kind: AuthorizationType,
    /// By which transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_hash: Option<TxHash>,
    /// When, in microseconds since 1970.
    pub authorize_us: i64,
}

/// What `RecordAuthorization` asks for.
#[derive(Clone, Debug, Serialize)]
pub struct NewAuthorization {
    /// How.
    pub kind: AuthorizationType,
    /// By which transaction.
    pub tx_hash: Option<TxHash>,
    /// When, in microseconds since 1970; none means now.
    pub authorize_us: Option<i64>,
}

impl NewAuthorization {
    /// What is recorded of it about a wallet, now.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the hash is none of the wallet's network.
    pub fn of(&self, wallet: &Wallet, now_us: i64) -> Result<Authorization> {
        let Self { kind, tx_hash, authorize_us } = self.clone();
        if let (Some(hash), Some(address)) = (&tx_hash, wallet.addresses.first()) {
            let mut faults = super::Faults::default();
            let family = address.network.info().family;
            faults.keep("authorization.tx_hash", TxHash::parse(family, hash.as_str()));
            faults.done()?;
        }
        Ok(Authorization { kind, tx_hash, authorize_us: authorize_us.unwrap_or(now_us) })
    }
}

/// A wallet of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Which.
    pub id: WalletId,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// In which domain.
    pub domain_id: DomainId,
    /// Of whom.
    pub customer_id: CustomerId,
    /// Where its money is.
    pub kind: WalletKind,
    /// Where it is in life.
    pub status: WalletStatus,
    /// The one currency of a ledger wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Its first addresses, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// That its owner let it be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// When it was made, in microseconds since 1970.
    pub create_us: i64,
    /// When it last changed.
    pub update_us: i64,
}

impl Wallet {
    /// What a caller shows to say which version it has seen. Callers see it as opaque.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("v{}", self.sequence)
    }

    /// How many addresses it shows. Those beyond have rows of their own only.
    pub const ADDRESSES: usize = 100;
}

/// Which source an address was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceUse {
    /// Whose the scheme is: the domain's, for its seed, or that of what was registered for it.
    pub owner: Uuid,
    /// The extended key, by what it is told apart by. From its first address on it is never replaced.
    pub extended_key: Option<Uuid>,
    /// Whether the domain must not have registered anything: its seed was not used for the scheme before.
    pub is_first: bool,
}

/// An address to be given to a wallet.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Its id to be.
    pub id: AddressId,
    /// On which network.
    pub network: Network,
    /// The address.
    pub address: ChainAddress,
    /// Where it comes from, if it is our own, and from which source.
    pub derivation: Option<(Derivation, SourceUse)>,
}

/// Whether the domain may use a network: a sandbox the test networks, a live domain the main ones.
///
/// # Errors
///
/// [`Error::NetworkNotAllowed`].
pub fn allow(domain: &Domain, network: Network) -> Result<()> {
    let allowed = match domain.environment {
        Environment::Live => !network.info().is_test,
        Environment::Sandbox => network.info().is_test || domain.settings.allow_mainnet_in_sandbox,
    };
    if allowed { Ok(()) } else { Err(Error::NetworkNotAllowed(network, domain.environment)) }
}

/// Whether a customer may be given a wallet of our own.
///
/// # Errors
///
/// [`Error::CustomerDeleted`], [`Error::KycNotApproved`].
pub fn may_have(member: &Member) -> Result<()> {
    refuse_deleted(member)?;
    match member.customer.kyc_status {
        KycStatus::NotRequired | KycStatus::Approved => Ok(()),
        other => Err(Error::KycNotApproved(member.customer.id, other)),
    }
}

/// On which networks a new customer of a domain gets a wallet with their first breath; none where KYC comes first.
#[must_use]
pub fn at_once(domain: &Domain) -> &[Network] {
    if domain.settings.kyc_required { &[] } else { &domain.settings.auto_wallet_networks }
}

fn refuse_deleted(member: &Member) -> Result<()> {
    if member.customer.status == CustomerStatus::Deleted {
        return Err(Error::CustomerDeleted(member.customer.id));
    }
    Ok(())
}

fn new(member: &Member, id: WalletId, kind: WalletKind, now_us: i64) -> Wallet {
    Wallet {
        id,
        sequence: 0,
        domain_id: member.domain.id,
        customer_id: member.customer.id,
        kind,
        status: WalletStatus::Active,
        currency: None,
        addresses: Vec::new(),
        authorization: None,
        create_us: now_us,
        update_us: now_us,
    }
}

/// The address as a wallet has it, and the names that go with it.
fn grant(member: &Member, wallet: WalletId, granted: &Granted, now_us: i64) -> (Address, Vec<KeyChange>) {
    let Granted { id, network, address, derivation } = granted;
    let (domain, customer) = (&*member.domain, member.customer.id);
    let canonical = address.hex();
    let mut keys = vec![
        KeyChange::Share(owner_key(domain, address.family, &canonical), customer.as_uuid()),
        KeyChange::TakeFor(key_of(domain, *network, &canonical), wallet.as_uuid()),
    ];
    if let Some((Derivation { scheme, index, .. }, source)) = derivation {
        let own = |kind, text: &str| UniqueKey::of_customer(kind, domain.id, text);
        // An index is one customer's for good: their networks of one scheme share it.
        let index = own(KeyKind::Derivation, &format!("{scheme}/{index}"));
        keys.push(KeyChange::Share(index, customer.as_uuid()));
        keys.push(KeyChange::Share(own(KeyKind::KeySource, scheme.as_str()), source.owner));
        if let Some(extended_key) = source.extended_key {
            keys.push(KeyChange::Owned(key_source::extended_key(domain, extended_key), source.owner));
            keys.push(KeyChange::Share(own(KeyKind::UsedSource, scheme.as_str()), extended_key));
        }
        if source.is_first {
            keys.push(KeyChange::Free(key_source::watch_only(domain)));
        }
    }
    let address = Address {
        id: *id,
        sequence: 0,
        domain_id: domain.id,
        wallet_id: wallet,
        customer_id: customer,
        network: *network,
        address: address.text.clone(),
        canonical,
        derivation: derivation.as_ref().map(|it| it.0.clone()),
        create_us: now_us,
    };
    (address, keys)
}

/// The name by which an address belongs to one customer of an organization.
pub(super) fn owner_key(domain: &Domain, family: Family, canonical: &str) -> UniqueKey {
    address_owner_key(domain.organization_id, domain.environment, family, canonical)
}

/// The name by which an address finds whose it is.
#[must_use]
pub fn address_owner_key(
    organization: OrganizationId,
    environment: Environment,
    family: Family,
    canonical: &str,
) -> UniqueKey {
    UniqueKey {
        scope: organization.as_uuid(),
        kind: KeyKind::AddressOwner,
        text: format!("{environment}/{family}/{canonical}"),
    }
}

/// The name by which an address on a network finds its wallet.
#[must_use]
pub fn address_key(
    organization: OrganizationId,
    environment: Environment,
    network: Network,
    canonical: &str,
) -> UniqueKey {
    UniqueKey {
        scope: organization.as_uuid(),
        kind: KeyKind::Address,
        text: format!("{environment}/{network}/{canonical}"),
    }
}

/// The names by which the wallets are found that have the address of a name of either kind: that of its owner is one for
/// all networks of the family.
#[must_use]
pub fn address_keys(key: UniqueKey) -> Vec<UniqueKey> {
    let mut parts = key.text.splitn(3, '/');
    let (KeyKind::AddressOwner, Some(environment), Some(family), Some(canonical)) =
        (key.kind, parts.next(), parts.next(), parts.next())
    else {
        return vec![key];
    };
    let networks = Network::ALL.iter().filter(|it| it.info().family.as_str() == family);
    let text = |network: &Network| format!("{environment}/{network}/{canonical}");
    networks.map(|it| UniqueKey { scope: key.scope, kind: KeyKind::Address, text: text(it) }).collect()
}

fn key_of(domain: &Domain, network: Network, canonical: &str) -> UniqueKey {
    address_key(domain.organization_id, domain.environment, network, canonical)
}

/// The indexes that a customer's addresses may be made at again: their networks of one scheme share an address. None that
/// has an address on one of these networks already, or one of a wallet that was removed, which is never issued again.
#[must_use]
pub fn known_indexes(wallets: &[Wallet], networks: &[Network]) -> Vec<(Scheme, u32)> {
    let derived = |it: &Wallet| -> Vec<(Derivation, bool)> {
        let used_up =
            |address: &Address| it.status == WalletStatus::Removed || networks.contains(&address.network);
        it.addresses.iter().filter_map(|it| Some((it.derivation.clone()?, used_up(it)))).collect()
    };
    let derived: Vec<_> = wallets.iter().flat_map(derived).collect();
    let mut known: Vec<(Scheme, u32)> = Vec::new();
    for (it, _) in &derived {
        let is_used_up = derived.iter().any(|(other, used_up)| other == it && *used_up);
        if !is_used_up && known.iter().all(|known| known.0 != it.scheme) {
            known.push((it.scheme, it.index));
        }
    }
    known
}

/// The addresses on a network that were derived, each with its index.
pub fn derived_on(addresses: &[Address], network: Network) -> impl Iterator<Item = (u32, &Address)> {
    addresses.iter().filter(move |it| it.network == network).filter_map(|it| {
        let derivation = it.derivation.as_ref().filter(|it| !it.pooled)?;
        Some((derivation.index, it))
    })
}

/// The index before which a standard wallet finds everything: it goes through indexes from 0 on, and gives up after
/// `gap_limit` in a row that were never used. `used` is in order.
#[must_use]
pub fn found_before(used: &[u32], gap_limit: u32) -> u32 {
    used.iter().fold(gap_limit, |reach, index| {
        if *index < reach { index.saturating_add(1).saturating_add(gap_limit) } else { reach }
    })
}

/// Makes a wallet of our own with an address on each network.
///
/// # Errors
///
/// [`Error::CustomerDeleted`], [`Error::KycNotApproved`], [`Error::NetworkNotAllowed`].
pub fn create(member: &Member, granted: &[Granted], id: WalletId, ctx: Context) -> Result<Change> {
    adding(Change::new(ctx).expects(&member.customer), member, granted, id)
}

/// The same Change, with a wallet of our own for its customer as well.
///
/// # Errors
///
/// As [`create`].
pub fn adding(mut change: Change, member: &Member, granted: &[Granted], id: WalletId) -> Result<Change> {
    may_have(member)?;
    let now_us = change.ctx.now_us;
    let mut wallet = new(member, id, WalletKind::Managed, now_us);
    for it in granted {
        allow(&member.domain, it.network)?;
        let (address, keys) = grant(member, id, it, now_us);
        wallet.addresses.push(address);
        change.keys.extend(keys);
    }
    Ok(change.expects(&*member.domain).writes(wallet, EventType::WalletCreated, &[]))
}

/// Makes a wallet that is a balance in our books. A customer has one for each currency.
///
/// # Errors
///
/// [`Error::CustomerDeleted`], [`Error::KycNotApproved`].
pub fn create_ledger(member: &Member, currency: Currency, id: WalletId, ctx: Context) -> Result<Change> {
    may_have(member)?;
    let key = ledger_key(member.domain.id, member.customer.id, &currency);
    let wallet = Wallet { currency: Some(currency), ..new(member, id, WalletKind::Ledger, ctx.now_us) };
    let change = Change::new(ctx).expects(&member.customer).expects(&*member.domain);
    Ok(change.keys(vec![KeyChange::TakeFor(key, id.as_uuid())]).writes(wallet, EventType::WalletCreated, &[]))
}

fn ledger_key(domain: DomainId, customer: CustomerId, currency: &Currency) -> UniqueKey {
    UniqueKey::of_customer(KeyKind::LedgerWallet, domain, &format!("{customer}/{currency}"))
}

/// Links somebody's own address.
///
/// # Errors
///
/// [`Error::CustomerDeleted`], [`Error::NetworkNotAllowed`]. That another has the address shows when it is committed.
pub fn link(member: &Member, granted: &Granted, id: WalletId, ctx: Context) -> Result<Change> {
    refuse_deleted(member)?;
    allow(&member.domain, granted.network)?;
    let (address, keys) = grant(member, id, granted, ctx.now_us);
    let wallet = Wallet { addresses: vec![address], ..new(member, id, WalletKind::External, ctx.now_us) };
    let change = Change::new(ctx).expects(&member.customer).expects(&*member.domain).keys(keys);
    Ok(change.writes(wallet, EventType::WalletCreated, &[]))
}

/// Gives a wallet of our own another address.
///
/// # Errors
///
/// [`Error::WalletRemoved`], [`Error::WalletFrozen`], [`Error::WalletKindMismatch`]; as [`create`].
pub fn add_address(wallet: &Wallet, member: &Member, granted: &Granted, ctx: Context) -> Result<Change> {
    may_grow(wallet)?;
    may_have(member)?;
    allow(&member.domain, granted.network)?;
    let (address, keys) = grant(member, wallet.id, granted, ctx.now_us);
    let now_us = ctx.now_us;
    let change = Change::new(ctx).expects(&member.customer).expects(&*member.domain).keys(keys);
    let change = change.writes(address.clone(), EventType::AddressCreated, &[]);
    if wallet.addresses.len() >= Wallet::ADDRESSES {
        return Ok(change.expects(wallet));
    }
    let addresses = wallet.addresses.iter().cloned().chain([address]).collect();
    let next = Wallet { addresses, update_us: now_us, ..wallet.clone() };
    Ok(change.writes(next, EventType::WalletUpdated, &["addresses"]))
}

/// Whether a wallet may be given another address.
///
/// # Errors
///
/// As [`add_address`].
pub fn may_grow(wallet: &Wallet) -> Result<()> {
    match (wallet.status, wallet.kind) {
        (WalletStatus::Removed, _) => Err(Error::WalletRemoved(wallet.id)),
        (WalletStatus::Frozen, _) => Err(Error::WalletFrozen(wallet.id)),
        (WalletStatus::Active, WalletKind::Managed) => Ok(()),
        (WalletStatus::Active, kind) => Err(Error::WalletKindMismatch(wallet.id, kind)),
    }
}

/// Freezes a wallet, or thaws it; one that is so already stays as it is.
///
/// # Errors
///
/// [`Error::WalletRemoved`].
pub fn set_status(wallet: &Wallet, status: WalletStatus, reason: Line, ctx: Context) -> Result<Change> {
    refuse_removed(wallet)?;
    if wallet.status == status {
        return Ok(Change::new(ctx).leaves(wallet.clone()));
    }
    let next = Wallet { status, update_us: ctx.now_us, ..wallet.clone() };
    Ok(Change::new(ctx).because(reason).writes(next, EventType::WalletUpdated, &["status"]))
}

/// Removes a wallet for good; it is found by its addresses no more. One that was linked may be linked again, by anybody
/// once no other wallet of the customer has it. Our own keep theirs: nobody else is ever to have one.
///
/// # Errors
///
/// [`Error::WalletRemoved`].
pub fn remove(wallet: &Wallet, domain: &Domain, reason: Line, ctx: Context) -> Result<Change> {
    refuse_removed(wallet)?;
    let mut keys = Vec::new();
    if wallet.kind == WalletKind::External {
        keys.extend(wallet.addresses.iter().flat_map(|it| released(domain, it)));
    }
    if let Some(currency) = &wallet.currency {
        keys.push(KeyChange::Release(ledger_key(domain.id, wallet.customer_id, currency)));
    }
    let next = Wallet { status: WalletStatus::Removed, update_us: ctx.now_us, ..wallet.clone() };
    let change = Change::new(ctx).because(reason).keys(keys);
    Ok(change.writes(next, EventType::WalletRemoved, &["status"]))
}

/// The name by which an address finds its wallet goes, and that of whose it is unless they have it on another network.
fn released(domain: &Domain, address: &Address) -> [KeyChange; 2] {
    let family = address.network.info().family;
    let elsewhere = Network::ALL.iter().filter(|it| **it != address.network && it.info().family == family);
    let elsewhere = elsewhere.map(|it| key_of(domain, *it, &address.canonical)).collect();
    [
        KeyChange::Release(key_of(domain, address.network, &address.canonical)),
        KeyChange::ReleaseUnless(owner_key(domain, family, &address.canonical), elsewhere),
    ]
}

/// Records that the owner of an external wallet let it be used.
///
/// # Errors
///
/// [`Error::CustomerDeleted`], [`Error::WalletRemoved`], [`Error::WalletKindMismatch`].
pub fn authorize(
    wallet: &Wallet,
    member: &Member,
    authorization: Authorization,
    ctx: Context,
) -> Result<Change> {
    refuse_deleted(member)?;
    refuse_removed(wallet)?;
    if wallet.kind != WalletKind::External {
        return Err(Error::WalletKindMismatch(wallet.id, wallet.kind));
    }
    let next = Wallet { authorization: Some(authorization), update_us: ctx.now_us, ..wallet.clone() };
    if next.authorization == wallet.authorization {
        return Ok(Change::new(ctx).leaves(wallet.clone()));
    }
    let change = Change::new(ctx).expects(&member.customer);
    Ok(change.writes(next, EventType::WalletUpdated, &["authorization"]))
}

fn refuse_removed(wallet: &Wallet) -> Result<()> {
    if wallet.status == WalletStatus::Removed {
        return Err(Error::WalletRemoved(wallet.id));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
