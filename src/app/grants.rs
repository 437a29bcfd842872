//! Addresses that a Change is made with, and that go back where it is not made.

use std::sync::{Arc, Weak};

use uuid::Uuid;

use super::App;
use super::indexes::Lease;
use super::write::{Answer, Reload};
use crate::chain::address::Address;
use crate::clock;
use crate::domain::{
    AddressId, Caller, Change, Context, CustomerId, Derivation, DomainId, Error, Granted, KeyKind, Network,
    RequestMark, Resource, Result, Scheme, SourceUse, address,
};

/// How often it is tried with other addresses, as some turned out to be somebody's or from a source that was replaced.
const TRIES: u32 = 8;

/// Addresses to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// In which domain.
    pub(super) domain: DomainId,
    /// On which networks.
    pub(super) networks: Vec<Network>,
    /// Whose addresses on other networks may be used again: one index is for all networks of a scheme.
    pub(super) shared_with: Option<CustomerId>,
}

/// Addresses to be given to a wallet, and the indexes they are at.
#[derive(Debug)]
struct Grant {
    addresses: Vec<Granted>,
    leases: Vec<Lease>,
    /// Whether it holds an index that the customer has on other networks.
    is_shared: bool,
}

/// Whoever waits for work that goes on without them.
#[derive(Debug)]
pub(super) struct Waiter(Weak<()>);

impl Waiter {
    fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

/// Runs work to its end, whoever waits for it, so that it is certain what became of the indexes it took.
pub(super) async fn to_its_end<T, F>(work: impl FnOnce(Waiter) -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let here = Arc::new(());
    let done = tokio::spawn(work(Waiter(Arc::downgrade(&here)))).await;
    drop(here);
    done.map_err(Error::internal)?
}

impl App {
    /// Decides and commits as [`App::write`] does, with addresses as they are wanted by what was loaded. Answers what was
    /// decided on, too.
    ///
    /// Where an address turns out to be somebody's, its index is given up and another taken.
    #[expect(clippy::too_many_arguments, reason = "a write, and the two things that addresses add to it")]
    pub(super) async fn write_with_addresses<'r, L, T>(
        &self,
        caller: &Caller,
        waiter: &Waiter,
        request: Option<RequestMark>,
        mut loaded: L,
        reload: impl Fn() -> Reload<'r, L> + Send + Sync,
        wanted: impl Fn(&L) -> Result<Wanted> + Send + Sync,
        decide: impl Fn(&L, &[Granted], Context) -> Result<Change> + Send + Sync,
    ) -> Result<(Answer<T>, L)>
    where
        L: Send + Sync,
        T: TryFrom<Resource, Error = Error>,
    {
        let mut may_share = true;
        for _ in 0..TRIES {
            if waiter.is_gone() {
                break;
            }
            let granted = match wanted(&loaded) {
                Ok(wanted) => self.grant(&wanted, may_share).await.map(|grant| (wanted, grant)),
                Err(error) => Err(error),
            };
            let (asked, mut grant) = match granted {
                Ok(granted) => granted,
                Err(error) => return Ok((self.replay_or(request.as_ref(), error).await?, loaded)),
            };
            if waiter.is_gone() {
                break;
            }
            grant.leases.iter_mut().for_each(Lease::keep);
            let made = self
                .write(caller, request.clone(), &mut loaded, &reload, |loaded, ctx| {
                    if wanted(loaded)? != asked {
                        return Err(Error::Contended);
                    }
                    decide(loaded, &grant.addresses, ctx)
                })
                .await;
            match made {
                Ok(answer) => {
                    if answer.replayed {
                        grant.give_back();
                    }
                    return Ok((answer, loaded));
                }
                // It may have been stored.
                Err(error @ (Error::DatabaseUnavailable(_) | Error::Internal(_))) => return Err(error),
                Err(Error::Taken {
                    kind: KeyKind::Address | KeyKind::AddressOwner | KeyKind::Derivation,
                    ..
                }) => {
                    if grant.is_shared {
                        may_share = false;
                        grant.give_back();
                    }
                }
                Err(
                    Error::KeySourceFixed(_)
                    | Error::Taken { kind: KeyKind::ExtendedKey | KeyKind::WatchOnly, .. },
                ) => {
                    self.0.keys.forget(asked.domain);
                    grant.give_back();
                }
                Err(Error::Contended) => grant.give_back(),
                Err(error) => {
                    grant.give_back();
                    return Err(error);
                }
            }
        }
        Err(Error::Contended)
    }

    /// An address on each network: one index for all networks of a scheme.
    async fn grant(&self, wanted: &Wanted, may_share: bool) -> Result<Grant> {
        let known = match wanted.shared_with {
            Some(customer) if may_share => self.known_indexes(customer, &wanted.networks).await?,
            _ => Vec::new(),
        };
        let mut grant = Grant { addresses: Vec::new(), leases: Vec::new(), is_shared: false };
        let mut made: Vec<(Scheme, Address, Derivation, SourceUse)> = Vec::new();
        for network in &wanted.networks {
            let scheme = network.info().scheme;
            if !made.iter().any(|it| it.0 == scheme) {
                let known = known.iter().find(|it| it.0 == scheme).map(|it| it.1);
                let (address, derivation, source, lease) =
                    self.address_of(wanted.domain, *network, known).await?;
                grant.is_shared |= known.is_some();
                grant.leases.extend(lease);
                made.push((scheme, address, derivation, source));
            }
            if let Some((_, address, derivation, source)) = made.iter().find(|it| it.0 == scheme) {
                grant.addresses.push(Granted {
                    id: AddressId::from_uuid(new_id()),
                    network: *network,
                    address: address.clone(),
                    derivation: Some((derivation.clone(), *source)),
                });
            }
        }
        Ok(grant)
    }

    async fn known_indexes(&self, customer: CustomerId, networks: &[Network]) -> Result<Vec<(Scheme, u32)>> {
        let wallets = self.task(move |store| async move { store.wallets_of(customer).await }).await?;
        Ok(address::known_indexes(&wallets, networks))
    }
}

impl Grant {
    fn give_back(self) {
        self.leases.into_iter().for_each(Lease::give_back);
    }
}

fn new_id() -> Uuid {
    clock::new_uuid(clock::now_us())
}
