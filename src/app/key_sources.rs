//! What is done with the sources of addresses that a domain registers.

use std::collections::HashSet;
use std::sync::Arc;

use super::App;
use super::write::{Answer, Reload, mark};
use crate::chain::address;
use crate::chain::keys::AccountKey;
use crate::clock;
use crate::domain::{
    Caller, ChainAddress, Domain, DomainId, Error, FieldFault, KeySource, KeySourceId, Network, NewAddresses,
    NewExtendedKey, RequestId, Result, Scheme, key_source,
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

impl TryFrom<KeySource> for Registered {
    type Error = Error;

    fn try_from(source: KeySource) -> Result<Self> {
        let text = source.extended_key.as_deref().unwrap_or_default();
        let account = AccountKey::parse(source.scheme, text).map_err(Error::internal)?;
        let first = account.child(0).map_err(Error::internal)?;
        let first = address::of_public_key(source.scheme, &first).map_err(Error::internal)?;
        Ok(Self { fingerprint: account.fingerprint(), first, source })
    }
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
        let account = AccountKey::parse(scheme, text)
            .map_err(|fault| Error::Invalid(vec![FieldFault { field: "extended_key".into(), fault }]))?;
        let (text, identity) = (account.to_string(), account.identity());
        let request = mark(named.into(), "RegisterExtendedKey", request, &(named, scheme, identity))?;
        let wanted = NewExtendedKey { scheme, text, identity };
        let id = KeySourceId::from_uuid(clock::new_uuid(clock::now_us()));
        let mut loaded = self.source_of(caller, named, scheme).await?;
        let reload = || -> Reload<'_, _> { Box::pin(self.source_of(caller, named, scheme)) };
        let decide = |(domain, source): &(Arc<Domain>, Option<KeySource>), ctx| {
            caller.may_administer(domain)?;
            Ok(key_source::register(domain, source.as_ref(), &wanted, id, ctx))
        };
        let mut registered: Result<Answer<KeySource>> =
            self.write(caller, request.clone(), &mut loaded, reload, decide).await;
        if let Err(Error::KeySourceFixed(_)) = registered
            && loaded.1.is_none()
        {
            // Perhaps by another who registered just now.
            loaded = self.source_of(caller, named, scheme).await?;
            registered = self.write(caller, request, &mut loaded, reload, decide).await;
        }
        // Also where it is not known whether it was registered.
        self.0.keys.forget(named);
        let Answer { value, replayed } = registered?;
        Ok(Answer { value: value.try_into()?, replayed })
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
    ) -> Result<Answer<KeySource>> {
        let named = self.domain_for(caller, domain).await?.id;
        let addresses = parsed(texts)?;
        let request =
            mark(named.into(), "UploadAddressPool", request, &(named, scheme, texts_of(&addresses)))?;
        let mut loaded = self.pool_of(caller, named, scheme, &addresses).await?;
        let id = KeySourceId::from_uuid(clock::new_uuid(clock::now_us()));
        let reload = || -> Reload<'_, _> { Box::pin(self.pool_of(caller, named, scheme, &addresses)) };
        let decide = |((domain, pool), new): &((Arc<Domain>, Option<KeySource>), NewAddresses), ctx| {
            caller.may_administer(domain)?;
            key_source::upload(domain, pool.as_ref(), new, id, ctx)
        };
        let mut uploaded = self.write(caller, request.clone(), &mut loaded, reload, decide).await;
        if let Err(Error::KeySourceFixed(_)) = uploaded
            && loaded.0.1.is_none()
        {
            // Perhaps by another who began the pool just now.
            loaded = self.pool_of(caller, named, scheme, &addresses).await?;
            uploaded = self.write(caller, request, &mut loaded, reload, decide).await;
        }
        self.0.keys.forget(named);
        uploaded
    }

    /// A domain, and where the addresses of a scheme come from if that was registered.
    async fn source_of(
        &self,
        caller: &Caller,
        domain: DomainId,
        scheme: Scheme,
    ) -> Result<(Arc<Domain>, Option<KeySource>)> {
        let found = self.get_domain(caller, domain).await?;
        Ok((found, self.0.key_sources.get(key_source::key(domain, scheme)).await?))
    }

    /// The same, and which of some addresses are not in the pool yet.
    async fn pool_of(
        &self,
        caller: &Caller,
        domain: DomainId,
        scheme: Scheme,
        addresses: &[ChainAddress],
    ) -> Result<((Arc<Domain>, Option<KeySource>), NewAddresses)> {
        let found = self.source_of(caller, domain, scheme).await?;
        let (mut addresses, mut given_out) = (addresses.to_vec(), 0);
        if let Some(pool) = &found.1 {
            let (id, texts) = (pool.id, texts_of(&addresses));
            let (there, next) = self
                .task(move |store| async move {
                    Ok((store.pooled(id, &texts).await?, store.next_pooled(domain, scheme).await?))
                })
                .await?;
            let there: HashSet<_> = there.into_iter().collect();
            addresses.retain(|it| !there.contains(it.as_str()));
            given_out = next;
        }
        Ok((found, NewAddresses { scheme, addresses, given_out }))
    }
}

/// The addresses, each once.
fn parsed(texts: &[String]) -> Result<Vec<ChainAddress>> {
    let mut faults = Vec::new();
    let mut addresses = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        match address::parse(Network::Solana, text) {
            Ok(address) => addresses.push(address),
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

fn texts_of(addresses: &[ChainAddress]) -> Vec<String> {
    addresses.iter().map(|it| it.as_str().to_owned()).collect()
}
