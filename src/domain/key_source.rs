//! Where a domain's addresses come from, where that is not its own seed: an extended public key, or a pool.

use serde::{Deserialize, Serialize};

use super::{
    ChainAddress, Change, Context, Domain, DomainId, Error, EventType, KeyChange, KeyKind, KeySourceId,
    Result, Scheme, UniqueKey, address,
};
use uuid::Uuid;

/// What a domain registered for one derivation scheme. No secret is on this machine for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySource {
    /// Which.
    pub id: KeySourceId,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// Whose.
    pub domain_id: DomainId,
    /// For which scheme.
    pub scheme: Scheme,
    /// The account-level extended public key; none for a pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_key: Option<String>,
    /// What the extended key is told apart by: its point and its chain code, whatever else the text says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Uuid>,
    /// How many addresses a pool was given.
    #[serde(default)]
    pub pool_size: u32,
    /// How many of them the last upload added.
    #[serde(default)]
    pub added: u32,
    /// How many were not given out yet, after it.
    #[serde(default)]
    pub available: u32,
    /// When it was registered, in microseconds since 1970.
    pub create_us: i64,
    /// When it last changed.
    pub update_us: i64,
}

/// The name by which a scheme's source is found. Its owner is the source, or the domain itself where its seed is.
#[must_use]
pub fn key(domain: DomainId, scheme: Scheme) -> UniqueKey {
    UniqueKey::of_customer(KeyKind::KeySource, domain, scheme.as_str())
}

/// The name by which an extended key is one source's of an organization.
#[must_use]
pub fn extended_key(domain: &Domain, identity: Uuid) -> UniqueKey {
    let (scope, text) = (domain.organization_id.as_uuid(), identity.to_string());
    UniqueKey { scope, kind: KeyKind::ExtendedKey, text }
}

/// The name that a domain has once anything is registered for it.
pub(super) fn watch_only(domain: &Domain) -> UniqueKey {
    UniqueKey::of_customer(KeyKind::WatchOnly, domain.id, "")
}

/// An extended public key to be registered.
#[derive(Clone, Debug)]
pub struct NewExtendedKey {
    /// For which scheme.
    pub scheme: Scheme,
    /// The key.
    pub text: String,
    /// What it is told apart by.
    pub identity: Uuid,
}

/// Addresses to be added to a pool.
#[derive(Clone, Debug)]
pub struct NewAddresses {
    /// For which scheme.
    pub scheme: Scheme,
    /// Those that are not in the pool yet.
    pub addresses: Vec<ChainAddress>,
    /// How many of those in it were given out.
    pub given_out: u32,
}

fn new(domain: &Domain, scheme: Scheme, id: KeySourceId, now_us: i64) -> KeySource {
    KeySource {
        id,
        sequence: 0,
        domain_id: domain.id,
        scheme,
        extended_key: None,
        identity: None,
        pool_size: 0,
        added: 0,
        available: 0,
        create_us: now_us,
        update_us: now_us,
    }
}

/// Registers an extended public key, in the place of another from which no address was made yet. The first address of a
/// scheme fixes where its addresses come from.
#[must_use]
pub fn register(
    domain: &Domain,
    registered: Option<&KeySource>,
    wanted: &NewExtendedKey,
    id: KeySourceId,
    ctx: Context,
) -> Change {
    let NewExtendedKey { scheme, text, identity } = wanted;
    let mut keys = vec![KeyChange::Share(watch_only(domain), domain.id.as_uuid())];
    let source = match registered {
        Some(same) if same.identity == Some(*identity) => return Change::new(ctx).leaves(same.clone()),
        Some(other) => {
            let used = UniqueKey::of_customer(KeyKind::UsedSource, domain.id, scheme.as_str());
            keys.push(KeyChange::Free(used));
            keys.extend(other.identity.map(|it| KeyChange::Release(extended_key(domain, it))));
            other.clone()
        }
        None => {
            keys.push(KeyChange::TakeFor(key(domain.id, *scheme), id.as_uuid()));
            new(domain, *scheme, id, ctx.now_us)
        }
    };
    // Two domains that share a key would give one address to two customers.
    keys.push(KeyChange::TakeFor(extended_key(domain, *identity), source.id.as_uuid()));
    let source = KeySource {
        extended_key: Some(text.clone()),
        identity: Some(*identity),
        create_us: ctx.now_us,
        update_us: ctx.now_us,
        ..source
    };
    Change::new(ctx).expects(domain).keys(keys).writes(
        source,
        EventType::ExtendedKeyRegistered,
        &["extended_key"],
    )
}

/// Adds addresses to the pool of a scheme, or begins it with them.
///
/// # Errors
///
/// [`Error::KeySourceFixed`] where the scheme's addresses come from an extended key.
pub fn upload(
    domain: &Domain,
    pool: Option<&KeySource>,
    wanted: &NewAddresses,
    id: KeySourceId,
    ctx: Context,
) -> Result<Change> {
    let NewAddresses { scheme, addresses, given_out } = wanted;
    let mut keys = vec![KeyChange::Share(watch_only(domain), domain.id.as_uuid())];
    let pool = match pool {
        Some(pool) if pool.extended_key.is_some() => return Err(Error::KeySourceFixed(*scheme)),
        Some(pool) => pool.clone(),
        None => {
            keys.push(KeyChange::TakeFor(key(domain.id, *scheme), id.as_uuid()));
            new(domain, *scheme, id, ctx.now_us)
        }
    };
    for it in addresses {
        let owner = address::owner_key(domain, it.family, &it.hex());
        let text = format!("{}/{}", domain.environment, it.text);
        let pooled = UniqueKey { kind: KeyKind::PooledAddress, text, ..owner.clone() };
        keys.extend([KeyChange::Free(owner), KeyChange::TakeFor(pooled, pool.id.as_uuid())]);
    }
    let (first, added) = (pool.pool_size, u32::try_from(addresses.len()).map_err(Error::internal)?);
    let pool_size = first.checked_add(added);
    let pool_size = pool_size.ok_or_else(|| Error::invalid("addresses", "are more than a pool can count"))?;
    let available = pool_size.saturating_sub(*given_out);
    let update_us = ctx.now_us;
    let mut change = Change::new(ctx).expects(domain).keys(keys);
    change.pool = Some((pool.id, first, addresses.iter().map(|it| it.text.clone()).collect()));
    let pool = KeySource { pool_size, added, available, update_us, ..pool };
    Ok(change.writes(pool, EventType::AddressPoolUploaded, &["pool_size"]))
}

#[cfg(test)]
mod tests;
