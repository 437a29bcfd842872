//! What addresses are made from: seeds, which are kept sealed, indexes, which are handed out once, and pools.

use uuid::Uuid;

use super::Store;
use super::set::{Set, Type, Value};
use crate::domain::{DomainId, Error, KeySourceId, Result, Scheme};

/// A domain's seed as it is kept: the version of the master key that sealed it, and what came of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSeed {
    /// Which master key.
    pub key_version: i64,
    /// Nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
}

impl Store {
    /// The seed of a domain, if it has one.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn seed(&self, domain: DomainId) -> Result<Option<SealedSeed>> {
        const READ: &str = "
            WITH q(domain_id) AS ({set})
            SELECT s.key_version, s.sealed FROM q CROSS JOIN seeds AS s WHERE s.domain_id = q.domain_id";
        let rows: Vec<(i64, Vec<u8>)> =
            self.read(READ, Set::of(&[Type::Uuid], [[domain.as_uuid().into()]])).await?;
        Ok(rows.into_iter().next().map(|(key_version, sealed)| SealedSeed { key_version, sealed }))
    }

    /// Keeps a seed for a domain that has none; the one that was there first stays.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn keep_seed(&self, domain: DomainId, seed: SealedSeed, now_us: i64) -> Result<()> {
        const KEEP: &str = "
            WITH q(domain_id, key_version, sealed, create_us) AS ({set})
            INSERT INTO seeds (domain_id, key_version, sealed, create_us)
            SELECT domain_id, key_version, sealed, create_us FROM q WHERE domain_id IS NOT NULL
            ON CONFLICT (domain_id) DO NOTHING RETURNING 1";
        let row = [domain.as_uuid().into(), seed.key_version.into(), seed.sealed.into(), Value::from(now_us)];
        let set = Set::of(&[Type::Uuid, Type::Int, Type::Bytes, Type::Int], [row]);
        self.write::<(i32,)>(KEEP, set).await.map(drop)
    }

    /// Domains whose seeds are sealed with an older master key than that, at most a hundred.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn seeds_sealed_before(&self, key_version: i64) -> Result<Vec<(DomainId, SealedSeed)>> {
        const READ: &str = "
            WITH q(key_version) AS ({set})
            SELECT s.domain_id, s.key_version, s.sealed FROM q CROSS JOIN seeds AS s
            WHERE s.key_version < q.key_version ORDER BY s.domain_id LIMIT 100";
        let rows: Vec<(Uuid, i64, Vec<u8>)> =
            self.read(READ, Set::of(&[Type::Int], [[key_version.into()]])).await?;
        let seed = |(id, key_version, sealed)| (DomainId::from_uuid(id), SealedSeed { key_version, sealed });
        Ok(rows.into_iter().map(seed).collect())
    }

    /// Puts a seed that was sealed anew in the place of what it was opened from; not where that has changed since.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn reseal(&self, domain: DomainId, from: &SealedSeed, to: SealedSeed) -> Result<()> {
        const RESEAL: &str = "
            WITH q(domain_id, old_version, key_version, sealed) AS ({set})
            UPDATE seeds SET key_version = (SELECT max(q.key_version) FROM q WHERE q.domain_id = seeds.domain_id),
                             sealed = (SELECT q.sealed FROM q WHERE q.domain_id = seeds.domain_id)
            WHERE (domain_id, key_version) IN (SELECT domain_id, old_version FROM q) RETURNING 1";
        let row =
            [domain.as_uuid().into(), from.key_version.into(), to.key_version.into(), Value::from(to.sealed)];
        let set = Set::of(&[Type::Uuid, Type::Int, Type::Int, Type::Bytes], [row]);
        self.write::<(i32,)>(RESEAL, set).await.map(drop)
    }

    /// Reserves so many indexes of a scheme in a domain, durably, and answers the first. None is ever reserved twice.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Internal`] once there are no more.
    pub async fn reserve_indexes(&self, domain: DomainId, scheme: Scheme, count: u32) -> Result<u32> {
        const RESERVE: &str = "
            WITH q(scope, name, value) AS ({set})
            INSERT INTO counters (scope, name, value) SELECT scope, name, value FROM q WHERE scope IS NOT NULL
            ON CONFLICT (scope, name) DO UPDATE SET value = counters.value + excluded.value
            RETURNING value";
        let row = [domain.as_uuid().into(), format!("index:{scheme}").into(), Value::from(i64::from(count))];
        let next: Vec<(i64,)> =
            self.write(RESERVE, Set::of(&[Type::Uuid, Type::Text, Type::Int], [row])).await?;
        let first = next.first().map(|it| it.0 - i64::from(count)).and_then(|it| u32::try_from(it).ok());
        // BIP-32 has 2^31 indexes.
        first
            .filter(|it| it.checked_add(count).is_some_and(|end| end <= 1 << 31))
            .ok_or_else(|| Error::internal(format!("domain {domain} has no index of {scheme} left")))
    }

    /// The first index of a scheme in a domain that was never reserved.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn next_index(&self, domain: DomainId, scheme: Scheme) -> Result<u32> {
        const READ: &str = "
            WITH q(scope, name) AS ({set})
            SELECT c.value FROM q CROSS JOIN counters AS c WHERE c.scope = q.scope AND c.name = q.name";
        let row = [domain.as_uuid().into(), Value::from(format!("index:{scheme}"))];
        let next: Vec<(i64,)> = self.read(READ, Set::of(&[Type::Uuid, Type::Text], [row])).await?;
        u32::try_from(next.first().map_or(0, |it| it.0)).map_err(Error::internal)
    }

    /// Which of some addresses are in a pool.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn pooled(&self, source: KeySourceId, addresses: &[String]) -> Result<Vec<String>> {
        const READ: &str = "
            WITH q(source_id, address) AS ({set})
            SELECT p.address FROM q CROSS JOIN address_pool AS p
            WHERE p.source_id = q.source_id AND p.address = q.address";
        let rows = addresses.iter().map(|it| [Value::from(source.as_uuid()), it.as_str().into()]);
        let rows: Vec<(String,)> = self.read(READ, Set::of(&[Type::Uuid, Type::Text], rows)).await?;
        Ok(rows.into_iter().map(|it| it.0).collect())
    }

    /// The address at a place of a pool.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn pooled_address(&self, source: KeySourceId, position: u32) -> Result<Option<String>> {
        const READ: &str = "
            WITH q(source_id, position) AS ({set})
            SELECT p.address FROM q CROSS JOIN address_pool AS p
            WHERE p.source_id = q.source_id AND p.position = q.position";
        let place = [source.as_uuid().into(), Value::from(i64::from(position))];
        let rows: Vec<(String,)> = self.read(READ, Set::of(&[Type::Uuid, Type::Int], [place])).await?;
        Ok(rows.into_iter().next().map(|it| it.0))
    }
}
