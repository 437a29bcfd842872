//! What addresses are made from: seeds, which are kept sealed, indexes, which are handed out once, and pools.

use std::ops::Range;

use uuid::Uuid;

use super::Store;
use super::select::Select;
use super::set::{Set, Type, Value};
use crate::domain::{DomainId, Error, KeySourceId, Result, Scheme, key_source};

/// A domain's seed as it is kept: the version of the master key that sealed it, and what came of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSeed {
    /// Which master key.
    pub key_version: i64,
    /// Nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
}

/// A table of secrets that are kept sealed, each under the id of what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// The seeds of domains.
    Seeds,
    /// The tokens of payment claim links.
    ClaimTokens,
}

impl Sealing {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Seeds, Self::ClaimTokens];

    /// The table.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Seeds => "seeds",
            Self::ClaimTokens => "claim_tokens",
        }
    }

    const fn id(self) -> &'static str {
        match self {
            Self::Seeds => "domain_id",
            Self::ClaimTokens => "link_id",
        }
    }
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

    /// Keeps a seed for a domain that has none; the one that was there first stays. A domain that registered where its
    /// addresses come from gets none.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn keep_seed(&self, domain: DomainId, seed: SealedSeed, now_us: i64) -> Result<()> {
        const KEEP: &str = "
            WITH q(domain_id, key_version, sealed, create_us) AS ({set})
            INSERT INTO seeds (domain_id, key_version, sealed, create_us)
            SELECT domain_id, key_version, sealed, create_us FROM q
            WHERE domain_id IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM key_sources AS s WHERE s.domain_id = q.domain_id)
            ON CONFLICT (domain_id) DO NOTHING RETURNING 1";
        let row = [domain.as_uuid().into(), seed.key_version.into(), seed.sealed.into(), Value::from(now_us)];
        let set = Set::of(&[Type::Uuid, Type::Int, Type::Bytes, Type::Int], [row]);
        self.write::<(i32,)>(KEEP, set).await.map(drop)
    }

    /// Whether a domain registered where addresses of it come from, and whether it has addresses of a scheme.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn sources(&self, domain: DomainId, scheme: Scheme) -> Result<(bool, bool)> {
        const READ: &str = "
            WITH q(domain_id, kind, key) AS ({set})
            SELECT (SELECT count(*) FROM key_sources AS s WHERE s.domain_id = q.domain_id),
                   (SELECT count(*) FROM unique_keys AS k
                    WHERE k.scope = q.domain_id AND k.kind = q.kind AND k.key = q.key)
            FROM q WHERE q.domain_id IS NOT NULL";
        let key = key_source::key(domain, scheme);
        let row = [key.scope.into(), key.kind.as_str().into(), Value::from(key.text)];
        let found: Vec<(i64, i64)> =
            self.read(READ, Set::of(&[Type::Uuid, Type::Text, Type::Text], [row])).await?;
        Ok(found.first().map_or((false, false), |it| (it.0 > 0, it.1 > 0)))
    }

    /// What is sealed with an older master key than that, at most a hundred of it, the newest keys first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn sealed_before(&self, sealing: Sealing, key_version: i64) -> Result<Vec<(Uuid, SealedSeed)>> {
        let (table, id) = (sealing.table(), sealing.id());
        let sql = format!(
            "WITH q(key_version) AS ({{set}})
             SELECT s.{id}, s.key_version, s.sealed FROM q CROSS JOIN {table} AS s
             WHERE s.key_version < q.key_version ORDER BY s.key_version DESC, s.{id} LIMIT 100"
        );
        let rows: Vec<(Uuid, i64, Vec<u8>)> =
            self.read(&sql, Set::of(&[Type::Int], [[key_version.into()]])).await?;
        let secret = |(id, key_version, sealed)| (id, SealedSeed { key_version, sealed });
        Ok(rows.into_iter().map(secret).collect())
    }

    /// Puts what was sealed anew in the place of what it was opened from; not where that has changed since.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn reseal(&self, sealing: Sealing, id: Uuid, from: &SealedSeed, to: SealedSeed) -> Result<()> {
        let (table, key) = (sealing.table(), sealing.id());
        let sql = format!(
            "WITH q(id, old_version, key_version, sealed) AS ({{set}})
             UPDATE {table} SET key_version = (SELECT max(q.key_version) FROM q WHERE q.id = {table}.{key}),
                                sealed = (SELECT q.sealed FROM q WHERE q.id = {table}.{key})
             WHERE ({key}, key_version) IN (SELECT id, old_version FROM q) RETURNING 1"
        );
        let row = [id.into(), from.key_version.into(), to.key_version.into(), Value::from(to.sealed)];
        let set = Set::of(&[Type::Uuid, Type::Int, Type::Int, Type::Bytes], [row]);
        self.write::<(i32,)>(&sql, set).await.map(drop)
    }

    /// Reserves a block of indexes of a scheme in a domain, durably. None is ever reserved twice.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Internal`] once there are no more.
    pub async fn reserve_indexes(&self, domain: DomainId, scheme: Scheme, count: u32) -> Result<Range<u32>> {
        const RESERVE: &str = "
            WITH q(scope, name, value) AS ({set})
            INSERT INTO counters (scope, name, value) SELECT scope, name, value FROM q WHERE scope IS NOT NULL
            ON CONFLICT (scope, name) DO UPDATE SET value = counters.value + excluded.value
            WHERE counters.value + excluded.value <= 2147483648
            RETURNING value";
        let row = [domain.as_uuid().into(), index_name(scheme).into(), Value::from(i64::from(count))];
        let set = Set::of(&[Type::Uuid, Type::Text, Type::Int], [row]);
        // Once more where the connection had died: if the block was reserved after all it is a gap like any other.
        let end: Vec<(i64,)> = self.again(|| self.write(RESERVE, set.clone())).await?;
        // BIP-32 has 2^31 indexes.
        let none = || Error::internal(format!("domain {domain} has no index of {scheme} left"));
        let end = u32::try_from(end.first().ok_or_else(none)?.0).map_err(Error::internal)?;
        Ok(end.saturating_sub(count)..end)
    }

    /// Gives back the end of a block, unless more was reserved since.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn return_indexes(&self, domain: DomainId, scheme: Scheme, unused: Range<u32>) -> Result<()> {
        const RETURN: &str = "
            WITH q(scope, name, first, past) AS ({set})
            UPDATE counters SET value = (SELECT max(q.first) FROM q)
            WHERE (scope, name, value) IN (SELECT scope, name, past FROM q) RETURNING 1";
        let (first, past) = (i64::from(unused.start), i64::from(unused.end));
        let row = [domain.as_uuid().into(), index_name(scheme).into(), first.into(), Value::from(past)];
        let set = Set::of(&[Type::Uuid, Type::Text, Type::Int, Type::Int], [row]);
        self.write::<(i32,)>(RETURN, set).await.map(drop)
    }

    /// Takes the place of the oldest address of a pool that was never given out, durably. None once there are no more.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn take_pooled(
        &self,
        domain: DomainId,
        scheme: Scheme,
        source: KeySourceId,
    ) -> Result<Option<u32>> {
        const TAKE: &str = "
            WITH q(scope, name, source_id) AS ({set})
            INSERT INTO counters (scope, name, value)
            SELECT q.scope, q.name, 1 FROM q CROSS JOIN address_pool AS p
            WHERE p.source_id = q.source_id AND p.position = 0
            ON CONFLICT (scope, name) DO UPDATE SET value = counters.value + 1
            WHERE EXISTS (SELECT 1 FROM q CROSS JOIN address_pool AS p
                          WHERE p.source_id = q.source_id AND p.position = counters.value)
            RETURNING value";
        let row = [domain.as_uuid().into(), pool_name(scheme).into(), Value::from(source.as_uuid())];
        let next: Vec<(i64,)> =
            self.write(TAKE, Set::of(&[Type::Uuid, Type::Text, Type::Uuid], [row])).await?;
        next.first().map(|it| u32::try_from(it.0 - 1).map_err(Error::internal)).transpose()
    }

    /// The first place of a pool that was never taken.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn next_pooled(&self, domain: DomainId, scheme: Scheme) -> Result<u32> {
        self.counted(domain, pool_name(scheme)).await
    }

    async fn counted(&self, domain: DomainId, name: String) -> Result<u32> {
        const READ: &str = "
            WITH q(scope, name) AS ({set})
            SELECT c.value FROM q CROSS JOIN counters AS c WHERE c.scope = q.scope AND c.name = q.name";
        let row = [domain.as_uuid().into(), Value::from(name)];
        let next: Vec<(i64,)> = self.read(READ, Set::of(&[Type::Uuid, Type::Text], [row])).await?;
        u32::try_from(next.first().map_or(0, |it| it.0)).map_err(Error::internal)
    }

    /// How many addresses each domain has left in its pool.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn pools_left(&self) -> Result<Vec<(DomainId, i64)>> {
        let mut select = Select::new(
            "t.domain_id,
             (SELECT max(p.position) + 1 FROM address_pool AS p WHERE p.source_id = t.id)
             - COALESCE((SELECT c.value FROM counters AS c WHERE c.scope = t.domain_id AND c.name = 'pool:solana'), 0)",
            "key_sources",
        );
        select.and("EXISTS (SELECT 1 FROM address_pool AS p WHERE p.source_id = t.id)");
        let rows: Vec<(Uuid, i64)> = self.scan(select).await?;
        Ok(rows.into_iter().map(|(id, left)| (DomainId::from_uuid(id), left)).collect())
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

/// What the counter of the places of a scheme's pool is called.
fn pool_name(scheme: Scheme) -> String {
    format!("pool:{scheme}")
}

/// What the counter of a scheme's indexes is called.
fn index_name(scheme: Scheme) -> String {
    format!("index:{scheme}")
}
