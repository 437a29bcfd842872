//! Token buckets of keys, shared by all instances.

use super::Store;
use super::set::{Set, Type};
use crate::domain::{ApiKeyId, Bucket, Error, Quota, Result};

impl Store {
    /// A bucket as it is now; one that was never used is full.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn bucket(&self, key: ApiKeyId, quota: Quota) -> Result<Bucket> {
        Ok(self.known_bucket(key, quota).await?.unwrap_or_default())
    }

    /// Changes a bucket, as `change` says. Instances that change it at once do so one after another, each what the one
    /// before has left.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Contended`].
    pub async fn change_bucket<T>(
        &self,
        key: ApiKeyId,
        quota: Quota,
        mut change: impl FnMut(&mut Bucket) -> T + Send,
    ) -> Result<T> {
        const MOVE: &str = "
            WITH q(key_id, quota, was_ns, is_ns) AS ({set})
            UPDATE quotas AS b SET full_ns = q.is_ns FROM q
            WHERE b.key_id = q.key_id AND b.quota = q.quota AND b.full_ns = q.was_ns RETURNING 1";
        const BEGIN: &str = "
            WITH q(key_id, quota, was_ns, is_ns) AS ({set})
            INSERT INTO quotas (key_id, quota, full_ns) SELECT key_id, quota, is_ns FROM q WHERE key_id IS NOT NULL
            ON CONFLICT (key_id, quota) DO NOTHING RETURNING 1";
        const ATTEMPTS: usize = 100;
        for _ in 0..ATTEMPTS {
            let known = self.known_bucket(key, quota).await?;
            let was = known.unwrap_or_default();
            let mut is = was;
            let said = change(&mut is);
            if is == was {
                return Ok(said);
            }
            let set = Set::of(
                &[Type::Uuid, Type::Text, Type::Int, Type::Int],
                [[key.as_uuid().into(), quota.as_str().into(), was.full_ns.into(), is.full_ns.into()]],
            );
            let moved: Vec<(i32,)> = self.write(if known.is_some() { MOVE } else { BEGIN }, set).await?;
            if !moved.is_empty() {
                return Ok(said);
            }
        }
        Err(Error::Contended)
    }

    async fn known_bucket(&self, key: ApiKeyId, quota: Quota) -> Result<Option<Bucket>> {
        const READ: &str = "
            WITH q(key_id, quota) AS ({set})
            SELECT b.full_ns FROM q CROSS JOIN quotas AS b WHERE b.key_id = q.key_id AND b.quota = q.quota";
        let set = Set::of(&[Type::Uuid, Type::Text], [[key.as_uuid().into(), quota.as_str().into()]]);
        let rows: Vec<(i64,)> = self.read(READ, set).await?;
        Ok(rows.first().map(|it| Bucket { full_ns: it.0 }))
    }

    /// Counts that a key asks whose name an alias is. Answers whether it may: no more than `most` times a day.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn try_payee(&self, day: i64, key: ApiKeyId, alias: [u8; 32], most: i64) -> Result<bool> {
        const COUNT: &str = "
            WITH q(day, key_id, alias_sha256, most) AS ({set})
            INSERT INTO payee_tries AS t (day, key_id, alias_sha256, tries)
            SELECT day, key_id, alias_sha256, 1 FROM q WHERE key_id IS NOT NULL
            ON CONFLICT (day, key_id, alias_sha256) DO UPDATE SET tries = t.tries + 1
            WHERE t.tries < (SELECT max(most) FROM q) RETURNING 1";
        let set = Set::of(
            &[Type::Int, Type::Uuid, Type::Bytes, Type::Int],
            [[day.into(), key.as_uuid().into(), alias.into(), most.into()]],
        );
        let counted: Vec<(i32,)> = self.write(COUNT, set).await?;
        Ok(!counted.is_empty())
    }

    /// Forgets buckets that are full, and tries of days before that one.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn forget_quotas(&self, now_ns: i64, day: i64) -> Result<()> {
        const BUCKETS: &str = "
            WITH q(now_ns) AS ({set})
            DELETE FROM quotas WHERE full_ns <= (SELECT max(now_ns) FROM q) RETURNING 1";
        const TRIES: &str = "
            WITH q(day) AS ({set}) DELETE FROM payee_tries WHERE day < (SELECT max(day) FROM q) RETURNING 1";
        for (sql, before) in [(BUCKETS, now_ns), (TRIES, day)] {
            self.write::<(i32,)>(sql, Set::of(&[Type::Int], [[before.into()]])).await?;
        }
        Ok(())
    }
}
