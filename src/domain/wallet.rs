//! Wallets, and every decision about one.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{
    Address, Change, Context, Currency, CustomerId, CustomerStatus, Domain, DomainId, Environment, Error,
    EventType, Granted, KeyChange, KeyKind, KycStatus, Line, Member, Network, Result, Table, TxHash,
    UniqueKey, WalletId, address, words,
};

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

/// The network on which a wallet gets its next address for a coin: one that it is on already, or else the first that the
/// domain may use.
#[must_use]
pub fn network_for(wallet: &Wallet, domain: &Domain, coin: &str) -> Option<Network> {
    let is_of_coin = |it: &Network| it.info().native.symbol == coin && allow(domain, *it).is_ok();
    let own = wallet.addresses.iter().map(|it| it.network).find(is_of_coin);
    own.or_else(|| Network::ALL.iter().copied().find(is_of_coin))
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

/// The same for whoever is promised one: where the domain names no networks, it is on Bitcoin and Ethereum, or their test
/// networks.
#[must_use]
pub fn at_once_in_any_case(domain: &Domain) -> &[Network] {
    if domain.settings.kyc_required { &[] } else { promised(domain) }
}

/// On which networks a customer gets a wallet when they are approved.
#[must_use]
pub fn on_approval(member: &Member) -> &[Network] {
    if member.customer.is_promised_wallet {
        promised(&member.domain)
    } else {
        &member.domain.settings.auto_wallet_networks
    }
}

fn promised(domain: &Domain) -> &[Network] {
    if !domain.settings.auto_wallet_networks.is_empty() {
        return &domain.settings.auto_wallet_networks;
    }
    match domain.environment {
        Environment::Live => &[Network::Bitcoin, Network::Ethereum],
        Environment::Sandbox => &[Network::BitcoinTestnet, Network::Sepolia],
    }
}

pub(super) fn refuse_deleted(member: &Member) -> Result<()> {
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
        let (address, keys) = address::grant(member, id, it, now_us);
        wallet.addresses.push(address);
        change.keys.extend(keys);
    }
    Ok(change.expects(&*member.domain).writes(wallet, EventType::WalletCreated, &[]))
}

/// Makes a wallet of our own with one address, for a customer who has none on that network: `existing` is what they have
/// there, of as many wallets as they `ever` had.
///
/// # Errors
///
/// [`Error::WalletExists`]; as [`create`].
pub fn create_sole(
    member: &Member,
    existing: Option<&Wallet>,
    ever: i64,
    granted: &[Granted],
    id: WalletId,
    ctx: Context,
) -> Result<Change> {
    refuse_second(existing)?;
    Ok(create(member, granted, id, ctx)?.knows_all(Table::Wallets, member.customer.id, ever))
}

/// Whether there is no such wallet yet.
///
/// # Errors
///
/// [`Error::WalletExists`].
pub fn refuse_second(existing: Option<&Wallet>) -> Result<()> {
    existing.map_or(Ok(()), |it| Err(Error::WalletExists(it.id)))
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
    let (address, keys) = address::grant(member, id, granted, ctx.now_us);
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
    let (address, keys) = address::grant(member, wallet.id, granted, ctx.now_us);
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

/// Freezes a wallet, or thaws it; one that is so already stays as it is. Of a customer who is erased no reason is kept.
///
/// # Errors
///
/// [`Error::WalletRemoved`].
pub fn set_status(
    wallet: &Wallet,
    member: &Member,
    status: WalletStatus,
    reason: Line,
    ctx: Context,
) -> Result<Change> {
    refuse_removed(wallet)?;
    if wallet.status == status {
        return Ok(Change::new(ctx).leaves(wallet.clone()));
    }
    let next = Wallet { status, update_us: ctx.now_us, ..wallet.clone() };
    Ok(said_of(member, reason, ctx).writes(next, EventType::WalletUpdated, &["status"]))
}

/// Takes a wallet one step through its life: it is frozen and thawed, and removed once it is frozen.
///
/// # Errors
///
/// [`Error::WalletTransitionNotAllowed`] where that is no step from where it is; staying is none.
pub fn step(
    wallet: &Wallet,
    member: &Member,
    to: WalletStatus,
    reason: Line,
    ctx: Context,
) -> Result<Change> {
    use WalletStatus::{Active, Frozen, Removed};
    match (wallet.status, to) {
        (Active, Frozen) | (Frozen, Active) => set_status(wallet, member, to, reason, ctx),
        (Frozen, Removed) => remove(wallet, member, reason, ctx),
        (from, to) => Err(Error::WalletTransitionNotAllowed { from, to }),
    }
}

/// A Change with its reason, which holds while the customer is as they were: one who is erased meanwhile has none.
fn said_of(member: &Member, reason: Line, ctx: Context) -> Change {
    let reason = if member.customer.erase_us.is_some() { Line::default() } else { reason };
    Change::new(ctx).expects(&member.customer).because(reason)
}

/// Removes a wallet for good; it is found by its addresses no more. One that was linked may be linked again, by anybody
/// once no other wallet of the customer has it. Our own keep theirs: nobody else is ever to have one. Of a customer who is
/// erased no reason is kept.
///
/// # Errors
///
/// [`Error::WalletRemoved`].
pub fn remove(wallet: &Wallet, member: &Member, reason: Line, ctx: Context) -> Result<Change> {
    refuse_removed(wallet)?;
    Ok(removing(said_of(member, reason, ctx), std::slice::from_ref(wallet), &member.domain))
}

/// The same Change, with the removal of wallets of its customer.
pub(super) fn removing(mut change: Change, wallets: &[Wallet], domain: &Domain) -> Change {
    let names = |it: &Wallet| {
        let linked: &[Address] = if it.kind == WalletKind::External { &it.addresses } else { &[] };
        let mut names: Vec<_> = linked.iter().flat_map(|it| address::released(domain, it)).collect();
        let currency = it.currency.as_ref();
        names.extend(
            currency.map(|currency| KeyChange::Release(ledger_key(domain.id, it.customer_id, currency))),
        );
        names
    };
    let mut names: Vec<_> = wallets.iter().flat_map(names).collect();
    let gone: HashSet<_> =
        names.iter().filter(|it| matches!(it, KeyChange::Release(_))).map(|it| it.key().clone()).collect();
    for it in &mut names {
        // What goes with it does not keep it.
        if let KeyChange::ReleaseUnless(_, others) = it {
            others.retain(|it| !gone.contains(it));
        }
    }
    change.keys.extend(names);
    let now_us = change.ctx.now_us;
    wallets.iter().fold(change, |change, it| {
        let next = Wallet { status: WalletStatus::Removed, update_us: now_us, ..it.clone() };
        change.writes(next, EventType::WalletRemoved, &["status"])
    })
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

pub(super) fn refuse_removed(wallet: &Wallet) -> Result<()> {
    if wallet.status == WalletStatus::Removed {
        return Err(Error::WalletRemoved(wallet.id));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
