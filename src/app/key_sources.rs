//! What is done with the sources of addresses that a domain registers.

use std::collections::HashSet;

use super::App;
use super::write::{Answer, Reload, mark};
use crate::chain::address;
use crate::chain::keys::AccountKey;
use crate::clock;
use crate::domain::{
    Caller, ChainAddress, DomainId, Error, FieldFault, KeySource, KeySourceId, Network, RequestId, Result,
    Scheme, key_source,
};

/// An extended public key as it was registered, and what to compare it by.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The source that it is.
    pub source: KeySource,
    /// Its fingerprint (BIP-32), in hexadecimal.
    pub fingerprint: String,
    /// The address at index 0.
    pub first: ChainAddress,
}

/// A pool, how many of its addresses were never given out, and how many are new in it.
#[derive(Debug)]
pub struct Uploaded {
    /// The pool.
    pub pool: KeySource,
    /// How many addresses were never given out.
    pub available: u32,
    /// How many are new.
    pub added: usize,
}

impl App {
    /// Registers the extended public key that a scheme's addresses come from.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Invalid`]; [`Error::KeySourceFixed`]; [`Error::Taken`] where another domain of the
    /// organization has the key.
    pub async fn register_extended_key(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        scheme: Scheme,
        text: &str,
        request: Option<RequestId>,
    ) -> Result<Answer<Registered>> {
        let named = self.domain_for(caller, domain).await?.id;
        let mut domain = self.get_domain(caller, named).await?;
        let account = AccountKey::parse(scheme, text)
            .map_err(|fault| Error::Invalid(vec![FieldFault { field: "extended_key".into(), fault }]))?;
        let (key, fingerprint) = (account.to_string(), account.fingerprint());
        let first = account.child(0).map_err(Error::internal)?;
        let first = address::of_public_key(scheme, &first).map_err(Error::internal)?;
        let request = mark(named.into(), "RegisterExtendedKey", request, &(named, scheme, &key))?;
        if request.is_none()
            && let Some(same) = self.0.key_sources.get(key_source::key(named, scheme)).await?
            && same.extended_key.as_ref() == Some(&key)
        {
            return Ok(Answer { value: Registered { source: same, fingerprint, first }, replayed: false });
        }
        let id = KeySourceId::from_uuid(clock::new_uuid(clock::now_us()));
        let reload = || -> Reload<'_, _> { Box::pin(self.get_domain(caller, named)) };
        let registered = self
            .write(caller, request, &mut domain, reload, |domain, ctx| {
                caller.may_administer(domain)?;
                Ok(key_source::register(domain, scheme, key.clone(), id, ctx))
            })
            .await?;
        self.0.keys.forget(named, scheme);
        Ok(registered.map(|source| Registered { source, fingerprint, first }))
    }

    /// Adds addresses to the pool that Solana's addresses of a domain come from; those that are in it already stay.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::InvalidAddress`], [`Error::KeySourceFixed`].
    pub async fn upload_address_pool(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        scheme: Scheme,
        texts: &[String],
        request: Option<RequestId>,
    ) -> Result<Answer<Uploaded>> {
        let named = self.domain_for(caller, domain).await?.id;
        let addresses = parsed(texts)?;
        let request = mark(named.into(), "UploadAddressPool", request, &(named, scheme, &addresses))?;
        let mut loaded = self.pool_of(caller, named, scheme, &addresses).await?;
        let id = KeySourceId::from_uuid(clock::new_uuid(clock::now_us()));
        let reload = || -> Reload<'_, _> { Box::pin(self.pool_of(caller, named, scheme, &addresses)) };
        let uploaded = self
            .write(caller, request, &mut loaded, reload, |(domain, pool, new), ctx| {
                caller.may_administer(domain)?;
                key_source::upload(domain, pool.as_ref(), scheme, new.clone(), id, ctx)
            })
            .await?;
        self.0.keys.forget(named, scheme);
        let next = self.task(move |store| async move { store.next_index(named, scheme).await }).await?;
        let added = if uploaded.replayed { 0 } else { loaded.2.len() };
        Ok(uploaded.map(|pool: KeySource| {
            let available = pool.pool_size.saturating_sub(next);
            Uploaded { pool, available, added }
        }))
    }

    /// A domain, its pool if it has one, and which of some addresses are not in it yet.
    async fn pool_of(
        &self,
        caller: &Caller,
        domain: DomainId,
        scheme: Scheme,
        addresses: &[String],
    ) -> Result<(std::sync::Arc<crate::domain::Domain>, Option<KeySource>, Vec<String>)> {
        let found = self.get_domain(caller, domain).await?;
        let pool = self.0.key_sources.get(key_source::key(domain, scheme)).await?;
        let new = match &pool {
            Some(pool) => {
                let (id, asked) = (pool.id, addresses.to_vec());
                let there = self.task(move |store| async move { store.pooled(id, &asked).await }).await?;
                let there: HashSet<_> = there.into_iter().collect();
                addresses.iter().filter(|it| !there.contains(*it)).cloned().collect()
            }
            None => addresses.to_vec(),
        };
        Ok((found, pool, new))
    }
}

/// The addresses in display form.
fn parsed(texts: &[String]) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut addresses = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        match address::parse(Network::Solana, text) {
            Ok(address) => addresses.push(address.as_str().to_owned()),
            Err(fault) => faults.push(FieldFault { field: format!("addresses[{at}]").into(), fault }),
        }
    }
    if !faults.is_empty() {
        return Err(Error::InvalidAddress(faults));
    }
    if addresses.iter().collect::<HashSet<_>>().len() < addresses.len() {
        return Err(Error::invalid("addresses", "must hold each address once"));
    }
    Ok(addresses)
}
