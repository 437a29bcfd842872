//! Addresses: what they are, where ours come from, and the names that make each one customer's.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AddressId, CustomerId, Domain, DomainId, Environment, Error, Family, KeyChange, KeyKind, Member, Network,
    OrganizationId, Result, Scheme, UniqueKey, Wallet, WalletId, WalletStatus, key_source,
};

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

/// The address as a wallet has it, and the names that go with it.
pub(super) fn grant(
    member: &Member,
    wallet: WalletId,
    granted: &Granted,
    now_us: i64,
) -> (Address, Vec<KeyChange>) {
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
    owner_key_in(domain.organization_id, domain.environment, family, canonical)
}

/// The name by which an address finds whose it is.
#[must_use]
pub fn owner_key_in(
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
pub fn key_in(
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
pub fn keys_of(key: UniqueKey) -> Vec<UniqueKey> {
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

pub(super) fn key_of(domain: &Domain, network: Network, canonical: &str) -> UniqueKey {
    key_in(domain.organization_id, domain.environment, network, canonical)
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

/// The name by which an address finds its wallet goes, and that of whose it is unless they have it on another network.
pub(super) fn released(domain: &Domain, address: &Address) -> [KeyChange; 2] {
    let family = address.network.info().family;
    let elsewhere = Network::ALL.iter().filter(|it| **it != address.network && it.info().family == family);
    let elsewhere = elsewhere.map(|it| key_of(domain, *it, &address.canonical)).collect();
    [
        KeyChange::Release(key_of(domain, address.network, &address.canonical)),
        KeyChange::ReleaseUnless(owner_key(domain, family, &address.canonical), elsewhere),
    ]
}
