//! Where a domain's addresses come from, where that is not its own seed: an extended public key, or a pool.

use serde::{Deserialize, Serialize};

use super::{
    Change, Context, Domain, DomainId, Error, EventType, KeyChange, KeyKind, KeySourceId, Result, Scheme,
    UniqueKey,
};

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
    /// How many addresses a pool was given.
    #[serde(default)]
    pub pool_size: u32,
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

/// Registers an extended public key. The source of a scheme is fixed by its first address, or by this.
#[must_use]
pub fn register(
    domain: &Domain,
    scheme: Scheme,
    extended_key: String,
    id: KeySourceId,
    ctx: Context,
) -> Change {
    let shared = UniqueKey {
        scope: domain.organization_id.as_uuid(),
        kind: KeyKind::ExtendedKey,
        text: extended_key.clone(),
    };
    let source = KeySource {
        id,
        sequence: 0,
        domain_id: domain.id,
        scheme,
        extended_key: Some(extended_key),
        pool_size: 0,
        create_us: ctx.now_us,
        update_us: ctx.now_us,
    };
    let keys = vec![
        KeyChange::TakeFor(key(domain.id, scheme), id.as_uuid()),
        // Two domains that share a key would give one address to two customers.
        KeyChange::TakeFor(shared, id.as_uuid()),
    ];
    Change::new(ctx).expects(domain).keys(keys).writes(source, EventType::ExtendedKeyRegistered, &[])
}

/// Adds addresses to the pool of a scheme, or begins it with them.
///
/// # Errors
///
/// [`Error::KeySourceFixed`] where the scheme's addresses come from an extended key.
pub fn upload(
    domain: &Domain,
    pool: Option<&KeySource>,
    scheme: Scheme,
    addresses: Vec<String>,
    id: KeySourceId,
    ctx: Context,
) -> Result<Change> {
    let added = u32::try_from(addresses.len()).map_err(Error::internal)?;
    let (next, keys) = match pool {
        Some(pool) if pool.extended_key.is_some() => return Err(Error::KeySourceFixed(scheme)),
        Some(pool) => (pool.clone(), Vec::new()),
        None => {
            let create_us = ctx.now_us;
            let pool = KeySource {
                id,
                sequence: 0,
                domain_id: domain.id,
                scheme,
                extended_key: None,
                pool_size: 0,
                create_us,
                update_us: create_us,
            };
            (pool, vec![KeyChange::TakeFor(key(domain.id, scheme), id.as_uuid())])
        }
    };
    let (first, id) = (next.pool_size, next.id);
    let size = first.checked_add(added);
    let pool_size = size.ok_or_else(|| Error::invalid("addresses", "are more than a pool can count"))?;
    let update_us = ctx.now_us;
    let mut change = Change::new(ctx).expects(domain).keys(keys);
    change.pool = Some((id, first, addresses));
    Ok(change.writes(
        KeySource { pool_size, update_us, ..next },
        EventType::AddressPoolUploaded,
        &["pool_size"],
    ))
}
