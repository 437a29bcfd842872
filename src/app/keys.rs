//! Where a customer's addresses come from: an index that nobody had, a key at that index, and the address it makes.
//!
//! The work of curves runs on threads of its own, as many at a time as there are processors.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::App;
use super::fresh::Fresh;
use super::indexes::{Indexes, Lease};
use super::write::Reload;
use crate::chain::address;
use crate::chain::keys::{AccountKey, KeyRing, Place, Seed, Source, derive_checked};
use crate::clock;
use crate::domain::{
    AddressId, Caller, ChainAddress, Change, Derivation, Domain, DomainId, Error, EventType, Granted,
    KeySource, KeySourceId, Network, Noun, Result, Scheme, key_source,
};
use crate::store::{SealedSeed, Store};

/// What the directory needs to make addresses.
#[derive(Debug)]
pub(super) struct Keys {
    ring: Option<Arc<KeyRing>>,
    indexes: Indexes,
    sources: Fresh<(DomainId, Scheme), Origin>,
    processors: Arc<Semaphore>,
}

/// Where the keys of a scheme come from in a domain, and whose that source is.
#[derive(Clone, Debug)]
enum Origin {
    /// The domain's own seed, through the public key of its account where the scheme has one.
    Seed(Option<Arc<AccountKey>>),
    /// An extended public key that was registered.
    Extended(Arc<AccountKey>, KeySourceId),
    /// A pool of addresses that was uploaded.
    Pool(KeySourceId),
}

impl Keys {
    /// Forgets where a scheme's keys come from, as that has just changed.
    pub(super) fn forget(&self, domain: DomainId, scheme: Scheme) {
        self.sources.forget(&(domain, scheme));
    }

    pub(super) fn start(store: &Store, ring: Option<Arc<KeyRing>>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, Into::into);
        Self {
            ring,
            indexes: Indexes::start(store),
            sources: Fresh::new(),
            processors: Arc::new(Semaphore::new(processors)),
        }
    }
}

/// Addresses to be given to a wallet, and the indexes they are at, which go back unless they are used.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) addresses: Vec<Granted>,
    leases: Vec<Lease>,
}

impl Grant {
    /// Settles what becomes of the indexes: they go back only where it is certain that nothing was stored.
    pub(super) fn settle<T>(self, outcome: &Result<super::Answer<T>>) {
        let unused = match outcome {
            Ok(answer) => answer.replayed,
            Err(Error::DatabaseUnavailable(_) | Error::Internal(_)) => false,
            Err(_) => true,
        };
        if !unused {
            self.leases.into_iter().for_each(Lease::used);
        }
    }
}

impl App {
    /// An address on each network: one index for all networks of a scheme.
    ///
    /// `known` are indexes that the customer has already, to be used again on other networks.
    pub(super) async fn grant(
        &self,
        domain: DomainId,
        networks: &[Network],
        known: &[(Scheme, u32)],
    ) -> Result<Grant> {
        let mut grant = Grant { addresses: Vec::new(), leases: Vec::new() };
        let mut made: Vec<(Scheme, Derivation, Uuid, ChainAddress)> = Vec::new();
        for network in networks {
            let scheme = network.info().scheme;
            if !made.iter().any(|it| it.0 == scheme) {
                let index = if let Some(known) = known.iter().find(|it| it.0 == scheme) {
                    known.1
                } else {
                    let lease = self.0.keys.indexes.take(domain, scheme).await?;
                    let index = lease.index;
                    grant.leases.push(lease);
                    index
                };
                let (address, pooled, source) = self.address_at(domain, scheme, *network, index).await?;
                made.push((scheme, Derivation { scheme, index, pooled }, source, address));
            }
            if let Some((_, derivation, source, address)) = made.iter().find(|it| it.0 == scheme) {
                grant.addresses.push(Granted {
                    id: AddressId::from_uuid(clock::new_uuid(clock::now_us())),
                    network: *network,
                    address: address.clone(),
                    derivation: Some((derivation.clone(), *source)),
                });
            }
        }
        Ok(grant)
    }

    async fn address_at(
        &self,
        domain: DomainId,
        scheme: Scheme,
        network: Network,
        index: u32,
    ) -> Result<(ChainAddress, bool, Uuid)> {
        let origin = self.origin(domain, scheme).await?;
        let own = domain.as_uuid();
        let key = match &*origin {
            Origin::Pool(id) => {
                let id = *id;
                let found =
                    self.task(move |store| async move { store.pooled_address(id, index).await }).await?;
                let text = found.ok_or(Error::AddressPoolEmpty(scheme))?;
                let address = address::parse(network, &text).map_err(Error::internal)?;
                return Ok((address, true, id.as_uuid()));
            }
            Origin::Extended(account, id) => {
                let account = Arc::clone(account);
                let derive = move || derive_checked(scheme, Source::Account(&account), index);
                (self.compute(derive).await?.map_err(Error::internal)?, id.as_uuid())
            }
            Origin::Seed(Some(account)) => {
                let account = Arc::clone(account);
                let derive = move || derive_checked(scheme, Source::Account(&account), index);
                (self.compute(derive).await?.map_err(Error::internal)?, own)
            }
            Origin::Seed(None) => {
                let seed = self.seed(domain).await?.ok_or_else(|| Error::internal("a seed is gone"))?;
                let derive = move || derive_checked(scheme, Source::Seed(&seed), index);
                (self.compute(derive).await?.map_err(Error::internal)?, own)
            }
        };
        let address = address::of_public_key(scheme, &key.0).map_err(Error::internal)?;
        Ok((address, false, key.1))
    }

    /// Where a scheme's keys come from, as it was at most a second ago. What is decided on it holds when it is committed:
    /// the scheme's first address fixes the source by a name.
    async fn origin(&self, domain: DomainId, scheme: Scheme) -> Result<Arc<Origin>> {
        if let Some(origin) = self.0.keys.sources.get(&(domain, scheme)) {
            return Ok(origin);
        }
        let asked = Instant::now();
        let registered = self.0.key_sources.get(key_source::key(domain, scheme)).await?;
        let origin = match registered {
            Some(KeySource { id, extended_key: Some(text), .. }) => {
                let account = AccountKey::parse(scheme, &text).map_err(Error::internal)?;
                Origin::Extended(Arc::new(account), id)
            }
            Some(KeySource { id, extended_key: None, .. }) => Origin::Pool(id),
            None => {
                let seed = match self.seed(domain).await? {
                    Some(seed) => seed,
                    None => self.make_seed(domain, scheme).await?,
                };
                let account = match scheme {
                    Scheme::Solana => None,
                    scheme => {
                        let derive = move || AccountKey::from_seed(scheme, &seed);
                        Some(Arc::new(self.compute(derive).await?.map_err(Error::internal)?))
                    }
                };
                Origin::Seed(account)
            }
        };
        Ok(self.0.keys.sources.keep((domain, scheme), origin, asked))
    }

    /// A domain's seed, opened; wiped when it is dropped.
    pub(super) async fn seed(&self, domain: DomainId) -> Result<Option<Seed>> {
        let Some(sealed) = self.task(move |store| async move { store.seed(domain).await }).await? else {
            return Ok(None);
        };
        let ring = self.0.keys.ring.clone().ok_or_else(|| Error::internal("there is no master key"))?;
        let opened = self.compute(move || open(&ring, domain, &sealed)).await??;
        Ok(Some(opened))
    }

    /// Seals every seed that an older master key sealed with that one, and answers how many there were.
    ///
    /// # Errors
    ///
    /// Those of the database; [`Error::Internal`] where a seed does not open.
    pub async fn reseal_seeds(&self, version: u32) -> Result<u64> {
        let ring = self.0.keys.ring.clone().ok_or_else(|| Error::internal("there is no master key"))?;
        let mut count = 0;
        loop {
            let store = self.0.store.clone();
            let old = store.seeds_sealed_before(version.into()).await?;
            if old.is_empty() {
                return Ok(count);
            }
            for (domain, sealed) in old {
                let again = seal(&ring, domain, &open(&ring, domain, &sealed)?)?;
                store.reseal(domain, &sealed, again).await?;
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
    async fn make_seed(&self, domain: DomainId, scheme: Scheme) -> Result<Seed> {
        let ring = self.0.keys.ring.clone().ok_or(Error::NoExtendedKey(scheme))?;
        let sealed =
            self.compute(move || seal(&ring, domain, &Seed::generate().map_err(Error::internal)?)).await??;
        let now_us = clock::now_us();
        self.task(move |store| async move { store.keep_seed(domain, sealed, now_us).await }).await?;
        self.seed(domain).await?.ok_or_else(|| Error::internal("a seed was kept and is not there"))
    }

    /// Runs what a processor is busy with, apart from the tasks that wait for the network.
    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _place = Arc::clone(&self.0.keys.processors).acquire_owned().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn place(row: &Uuid) -> Place<'_> {
    Place { table: "seeds", row: row.as_bytes(), column: "sealed" }
}

/// Opens a seed with the master key that sealed it.
pub(super) fn open(ring: &KeyRing, domain: DomainId, sealed: &SealedSeed) -> Result<Seed> {
    let version = u32::try_from(sealed.key_version).map_err(Error::internal)?;
    let sealed = crate::chain::keys::Sealed { version, bytes: sealed.sealed.clone() };
    let plain = ring.open(place(&domain.as_uuid()), &sealed).map_err(Error::internal)?;
    Seed::from_bytes(plain).map_err(Error::internal)
}

/// Seals a seed with the newest master key.
pub(super) fn seal(ring: &KeyRing, domain: DomainId, seed: &Seed) -> Result<SealedSeed> {
    let sealed = ring.seal(place(&domain.as_uuid()), &seed.to_bytes()).map_err(Error::internal)?;
    Ok(SealedSeed { key_version: sealed.version.into(), sealed: sealed.bytes })
}
