//! How often whoever holds a key may do something. Nothing is counted where nothing is limited.
//!
//! The buckets are in the database, and instances share them: each takes a few tokens at a time and gives them out by
//! itself, so that most calls ask nobody.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::App;
use crate::clock;
use crate::domain::{
    Actor, Alias, Allowance, ApiKeyId, Bucket, Caller, DAY_US, Error, MISS_TOKENS, PAYEE_TRIES, Quota,
    Result, Share, Standing,
};

/// What whoever holds a key may do, and by which clock.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How often they may call.
    pub calls: Option<Allowance>,
    /// How many aliases they may look at: one that is not there counts as many.
    pub lookups: Option<Allowance>,
    /// The time, in microseconds since 1970.
    pub clock: fn() -> i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls: None, lookups: None, clock: clock::now_us }
    }
}

impl Limits {
    const fn of(&self, quota: Quota) -> Option<Allowance> {
        match quota {
            Quota::Calls => self.calls,
            Quota::Lookups => self.lookups,
        }
    }

    fn now_ns(&self) -> i64 {
        (self.clock)().saturating_mul(1_000)
    }
}

/// What of the buckets is at this instance.
#[derive(Debug)]
pub(super) struct Quotas {
    limits: OnceLock<Limits>,
    shares: Cache<(ApiKeyId, Quota), Arc<Mutex<Share>>>,
}

impl Quotas {
    const CAPACITY: usize = 10_000;

    pub(super) fn new() -> Self {
        Self { limits: OnceLock::new(), shares: Cache::new(Self::CAPACITY) }
    }

    fn share(&self, key: ApiKeyId, quota: Quota) -> Result<Arc<Mutex<Share>>> {
        self.shares.get_or_insert_with(&(key, quota), || Ok::<_, Error>(Arc::default()))
    }
}

impl App {
    /// Says how often whoever holds a key may do what. Once: what was said first stays.
    pub fn limit_keys(&self, limits: Limits) {
        let _ = self.0.quotas.limits.set(limits);
    }

    fn limits(&self) -> &Limits {
        self.0.quotas.limits.get_or_init(Limits::default)
    }

    /// Counts a call.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`].
    pub(super) async fn count_call(&self, key: ApiKeyId) -> Result<()> {
        self.spend(key, Quota::Calls, 1).await
    }

    /// Counts a look at aliases, before it is known which are there.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`].
    pub(super) async fn count_lookups(&self, caller: &Caller, aliases: usize) -> Result<()> {
        let Actor::Key(key) = caller.actor else { return Ok(()) };
        self.spend(key, Quota::Lookups, i64::try_from(aliases).unwrap_or(i64::MAX)).await
    }

    /// Counts those that were not there: they cost more.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub(super) async fn count_misses(&self, caller: &Caller, misses: usize) -> Result<()> {
        let (Actor::Key(key), Some(allowance)) = (&caller.actor, self.limits().lookups) else {
            return Ok(());
        };
        if misses == 0 {
            return Ok(());
        }
        let owed = i64::try_from(misses).unwrap_or(i64::MAX).saturating_mul(MISS_TOKENS - 1);
        let (key, now_ns) = (*key, self.limits().now_ns());
        let share = self.0.quotas.share(key, Quota::Lookups)?;
        self.task(move |store| async move {
            let mut share = share.lock().await;
            let missing = share.pay(allowance, now_ns, owed);
            if missing > 0 {
                let charge = |it: &mut Bucket| {
                    it.charge(allowance, now_ns, missing);
                    *it
                };
                share.seen(store.change_bucket(key, Quota::Lookups, charge).await?);
            }
            Ok(())
        })
        .await
    }

    /// Counts that somebody asks whose name an alias is, where looks are limited.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`], until the day is over.
    pub(super) async fn count_payee_try(&self, caller: &Caller, alias: &Alias) -> Result<()> {
        let (Actor::Key(key), Some(_)) = (&caller.actor, self.limits().lookups) else { return Ok(()) };
        let (key, now_us) = (*key, (self.limits().clock)());
        // With the key, so that the same alias does not look the same in what other keys have asked.
        let hash = Sha256::new().chain_update(key.as_uuid()).chain_update(alias.as_str()).finalize().into();
        let day = now_us.div_euclid(DAY_US);
        if self.task(move |store| async move { store.try_payee(day, key, hash, PAYEE_TRIES).await }).await? {
            return Ok(());
        }
        let left_us = u64::try_from((day + 1) * DAY_US - now_us).unwrap_or_default();
        Err(Error::RateLimited { after: Duration::from_micros(left_us) })
    }

    /// How things stand with the quotas of a key that are limited: calls, and look-ups.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the key is not covered.
    pub async fn quotas(
        &self,
        caller: &Caller,
        key: ApiKeyId,
    ) -> Result<(Option<Standing>, Option<Standing>)> {
        self.covered_key(caller, key).await?;
        Ok((self.standing(key, Quota::Calls).await?, self.standing(key, Quota::Lookups).await?))
    }

    async fn standing(&self, key: ApiKeyId, quota: Quota) -> Result<Option<Standing>> {
        let Some(allowance) = self.limits().of(quota) else { return Ok(None) };
        let now_ns = self.limits().now_ns();
        let share = self.0.quotas.share(key, quota)?;
        let (bucket, held) = self
            .task(move |store| async move {
                let (mut held, bucket) = (*share.lock().await, store.bucket(key, quota).await?);
                held.seen(bucket);
                Ok((bucket, held.left(allowance, now_ns)))
            })
            .await?;
        let full_us = (bucket.full_ns > now_ns).then_some(bucket.full_ns / 1_000);
        Ok(Some(Standing { allowance, left: bucket.left(allowance, now_ns) + held, full_us }))
    }

    async fn spend(&self, key: ApiKeyId, quota: Quota, tokens: i64) -> Result<()> {
        let Some(allowance) = self.limits().of(quota) else { return Ok(()) };
        let (share, now_ns) = (self.0.quotas.share(key, quota)?, self.limits().now_ns());
        if let Ok(mut share) = share.try_lock()
            && share.spend(allowance, now_ns, tokens).map_err(limited)?
        {
            return Ok(());
        }
        // In a task of its own: a caller who goes away does not take along what was taken for others.
        self.task(move |store| async move {
            let mut share = share.lock().await;
            if share.spend(allowance, now_ns, tokens).map_err(limited)? {
                return Ok(());
            }
            let mut refilled = *share;
            let spent = store.change_bucket(key, quota, |it| {
                refilled = *share;
                refilled.refill(it, allowance, now_ns, tokens)
            });
            let spent = spent.await?;
            *share = refilled;
            spent.map_err(limited)
        })
        .await
    }
}

fn limited(after: Duration) -> Error {
    Error::RateLimited { after }
}
