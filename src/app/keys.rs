//! Where a customer's addresses come from: an index that nobody had, a key at that index, and the address it makes.
//!
//! The work of curves runs on threads of its own, as many at a time as there are processors.

use std::sync::Arc;

use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::App;
use super::indexes::{Indexes, Lease, Series};
use super::write::Reload;
use crate::chain::address::{self, Address};
use crate::chain::keys::{AccountKey, KeyRing, Place, Sealed, Seed, Source, derive_checked};
use crate::clock;
use crate::domain::{
    Caller, Change, Derivation, Domain, DomainId, Error, EventType, KeySource, KeySourceId, Network, Noun,
    Result, Scheme, SourceUse, key_source,
};
use crate::store::{SealedSeed, Sealing, Store};

/// What the directory needs to make addresses.
#[derive(Debug)]
pub(super) struct Keys {
    ring: Option<Arc<KeyRing>>,
    pub(super) indexes: Indexes,
    origins: Cache<(DomainId, Scheme), Arc<Origin>>,
    processors: Arc<Semaphore>,
}

/// Where the keys of a scheme come from in a domain.
#[derive(Debug)]
enum Origin {
    /// The domain's own seed: through the public key of the scheme's account, or opened for each address where a scheme has
    /// none.
    Seed {
        account: Option<Arc<AccountKey>>,
        /// Whether the scheme had no address yet.
        is_first: bool,
    },
    /// An extended public key that was registered.
    Extended(Arc<AccountKey>, KeySourceId),
    /// A pool of addresses that was uploaded.
    Pool(KeySourceId),
}

impl Origin {
    fn source(&self, domain: DomainId) -> SourceUse {
        match self {
            Self::Seed { is_first, .. } => {
                SourceUse { owner: domain.as_uuid(), extended_key: None, is_first: *is_first }
            }
            Self::Extended(account, id) => {
                SourceUse { owner: id.as_uuid(), extended_key: Some(account.identity()), is_first: false }
            }
            Self::Pool(id) => SourceUse { owner: id.as_uuid(), extended_key: None, is_first: false },
        }
    }
}

impl Keys {
    /// Forgets where a domain's keys come from, as that has just changed.
    pub(super) fn forget(&self, domain: DomainId) {
        for scheme in Scheme::ALL {
            self.origins.remove(&(domain, *scheme));
        }
    }

    pub(super) fn start(store: &Store, ring: Option<Arc<KeyRing>>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, Into::into);
        Self {
            ring,
            indexes: Indexes::start(store),
            origins: Cache::new(10_000),
            processors: Arc::new(Semaphore::new(processors)),
        }
    }
}

impl App {
    /// An address of our own on a network: at an index that is known, or at the next, which is held until it is used.
    pub(super) async fn address_of(
        &self,
        domain: DomainId,
        network: Network,
        known: Option<u32>,
    ) -> Result<(Address, Derivation, SourceUse, Option<Lease>)> {
        let scheme = network.info().scheme;
        let origin = self.origin(domain, scheme).await?;
        let pool = if let Origin::Pool(id) = &*origin { Some(*id) } else { None };
        let lease = match known {
            Some(_) => None,
            None => Some(self.0.keys.indexes.take(Series { domain, scheme, pool }).await?),
        };
        let index = known.or(lease.as_ref().map(|it| it.index)).unwrap_or_default();
        let address = self.address_at(domain, network, &origin, index).await?;
        let derivation = Derivation { scheme, index, pooled: pool.is_some() };
        Ok((address, derivation, origin.source(domain), lease))
    }

    async fn address_at(
        &self,
        domain: DomainId,
        network: Network,
        origin: &Origin,
        index: u32,
    ) -> Result<Address> {
        let scheme = network.info().scheme;
        let key = match origin {
            Origin::Pool(id) => {
                let id = *id;
                let found =
                    self.task(move |store| async move { store.pooled_address(id, index).await }).await?;
                let text = found.ok_or_else(|| Error::internal("a place of a pool is empty"))?;
                return address::parse(network, &text).map_err(Error::internal);
            }
            Origin::Seed { account: Some(account), .. } | Origin::Extended(account, _) => {
                let account = Arc::clone(account);
                self.compute(move || derive_checked(scheme, Source::Account(&account), index)).await?
            }
            Origin::Seed { account: None, .. } => {
                let seed = self.seed(domain).await?.ok_or_else(|| Error::internal("a seed is gone"))?;
                self.compute(move || derive_checked(scheme, Source::Seed(&seed), index)).await?
            }
        };
        address::of_public_key(scheme, &key.map_err(Error::internal)?).map_err(Error::internal)
    }

    /// Where a scheme's keys come from, as it was when it was last asked. That it still is so is seen at the commit: each
    /// address goes with the name of its source.
    async fn origin(&self, domain: DomainId, scheme: Scheme) -> Result<Arc<Origin>> {
        let read = async { self.read_origin(domain, scheme).await.map(Arc::new) };
        // Of several who ask at once, one reads.
        self.0.keys.origins.get_or_insert_async(&(domain, scheme), read).await
    }

    async fn read_origin(&self, domain: DomainId, scheme: Scheme) -> Result<Origin> {
        match self.0.key_sources.get(key_source::key(domain, scheme)).await? {
            Some(KeySource { id, extended_key: Some(text), .. }) => {
                let account = AccountKey::parse(scheme, &text).map_err(Error::internal)?;
                Ok(Origin::Extended(Arc::new(account), id))
            }
            Some(KeySource { id, extended_key: None, .. }) => Ok(Origin::Pool(id)),
            None => {
                let (seed, is_first) = self.own_seed(domain, scheme).await?;
                if scheme == Scheme::Solana {
                    return Ok(Origin::Seed { account: None, is_first });
                }
                let account = self.compute(move || AccountKey::from_seed(scheme, &seed)).await?;
                let account = Some(Arc::new(account.map_err(Error::internal)?));
                Ok(Origin::Seed { account, is_first })
            }
        }
    }

    /// The seed that a scheme's addresses come from, made if there is none, and whether it has none yet. A domain that registered where addresses come
    /// from keeps its secrets elsewhere: it gets no seed, nor addresses of one that it had not used for this scheme.
    async fn own_seed(&self, domain: DomainId, scheme: Scheme) -> Result<(Seed, bool)> {
        let missing = if scheme == Scheme::Solana {
            Error::AddressPoolEmpty(scheme)
        } else {
            Error::NoExtendedKey(scheme)
        };
        let (registered, used) =
            self.task(move |store| async move { store.sources(domain, scheme).await }).await?;
        if registered && !used {
            return Err(missing);
        }
        let seed = match self.seed(domain).await? {
            Some(seed) => seed,
            None => self.make_seed(domain).await?.ok_or(missing)?,
        };
        Ok((seed, !used))
    }

    /// A domain's seed, opened; wiped when it is dropped.
    pub(super) async fn seed(&self, domain: DomainId) -> Result<Option<Seed>> {
        let Some(sealed) = self.task(move |store| async move { store.seed(domain).await }).await? else {
            return Ok(None);
        };
        let ring = self.ring()?;
        let opened = self.compute(move || open(&ring, domain, sealed)).await??;
        Ok(Some(opened))
    }

    /// Opens a secret of each master key that any is sealed with: with other keys the server would fail where it needs one.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Internal`] where one does not open.
    pub async fn check_master_keys(&self) -> Result<()> {
        for sealing in Sealing::ALL {
            let mut version = i64::MAX;
            while let Some((id, it)) = self.0.store.sealed_before(sealing, version).await?.into_iter().next()
            {
                version = it.key_version;
                unsealed(&*self.ring()?, sealing, &id, it.key_version, it.sealed)?;
            }
        }
        self.check_keys_of_webhooks().await
    }

    /// Seals everything of a table that an older master key sealed with that one, and answers how much there was.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Internal`] where a secret does not open.
    pub async fn reseal(&self, sealing: Sealing, version: u32) -> Result<u64> {
        let (ring, store) = (self.ring()?, self.0.store.clone());
        let mut count = 0;
        loop {
            let old = store.sealed_before(sealing, version.into()).await?;
            if old.is_empty() {
                return Ok(count);
            }
            for (id, it) in old {
                let plain = unsealed(&ring, sealing, &id, it.key_version, it.sealed.clone())?;
                let (key_version, sealed) = sealed_in(&ring, sealing, &id, &plain)?;
                store.reseal(sealing, id, &it, SealedSeed { key_version, sealed }).await?;
                count += 1;
            }
        }
    }

    /// The words of a domain's seed. That they were asked for is in the domain's log before they are answered.
    ///
    /// # Errors
    ///
    /// [`Error::OperatorOnly`]; [`Error::NotFound`] where the domain has no seed.
    pub async fn export_seed(&self, caller: &Caller, id: DomainId) -> Result<Zeroizing<String>> {
        caller.require_operator()?;
        let mut domain = self.get_domain(caller, id).await?;
        let seed = self.seed(id).await?.ok_or(Error::NotFound(Noun::Seed))?;
        let words = self.compute(move || seed.mnemonic()).await?.map_err(Error::internal)?;
        let reload = || -> Reload<'_, _> { Box::pin(self.get_domain(caller, id)) };
        self.write::<_, Domain>(caller, None, &mut domain, reload, |domain, ctx| {
            Ok(Change::new(ctx).writes(Domain::clone(domain), EventType::SeedExported, &[]))
        })
        .await?;
        Ok(words)
    }

    /// Makes a seed for a domain that has none. Of several that are made at once the first one kept is the domain's.
    async fn make_seed(&self, domain: DomainId) -> Result<Option<Seed>> {
        let ring = self.ring()?;
        let sealed =
            self.compute(move || seal(&ring, domain, &Seed::generate().map_err(Error::internal)?)).await??;
        let now_us = clock::now_us();
        self.task(move |store| async move { store.keep_seed(domain, sealed, now_us).await }).await?;
        self.seed(domain).await
    }

    pub(super) fn ring(&self) -> Result<Arc<KeyRing>> {
        self.0.keys.ring.clone().ok_or_else(|| Error::internal("there is no master key"))
    }

    /// Runs what a processor is busy with, apart from the tasks that wait for the network.
    pub(super) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let _place = Arc::clone(&self.0.keys.processors).acquire_owned().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

/// Opens what is kept in a table for an id with the master key that sealed it.
pub(super) fn unsealed(
    ring: &KeyRing,
    sealing: Sealing,
    id: &Uuid,
    key_version: i64,
    sealed: Vec<u8>,
) -> Result<Zeroizing<Vec<u8>>> {
    let version = u32::try_from(key_version).map_err(Error::internal)?;
    ring.open(place(sealing, id), &Sealed { version, bytes: sealed }).map_err(Error::internal)
}

/// Seals a secret for its table and id with the newest master key: its version, and what came of that.
pub(super) fn sealed_in(ring: &KeyRing, sealing: Sealing, id: &Uuid, plain: &[u8]) -> Result<(i64, Vec<u8>)> {
    let sealed = ring.seal(place(sealing, id), plain).map_err(Error::internal)?;
    Ok((sealed.version.into(), sealed.bytes))
}

fn place(sealing: Sealing, id: &Uuid) -> Place<'_> {
    Place { table: sealing.table(), row: id.as_bytes(), column: "sealed" }
}

fn open(ring: &KeyRing, domain: DomainId, it: SealedSeed) -> Result<Seed> {
    let plain = unsealed(ring, Sealing::Seeds, &domain.as_uuid(), it.key_version, it.sealed)?;
    Seed::from_bytes(plain).map_err(Error::internal)
}

fn seal(ring: &KeyRing, domain: DomainId, seed: &Seed) -> Result<SealedSeed> {
    let (key_version, sealed) = sealed_in(ring, Sealing::Seeds, &domain.as_uuid(), &seed.to_bytes())?;
    Ok(SealedSeed { key_version, sealed })
}
