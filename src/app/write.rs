//! The one way in which anything changes.

use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::App;
use crate::clock;
use crate::domain::{
    Caller, Change, Context, CustomerId, DomainId, Error, KeyKind, LogId, RequestId, RequestMark, Resource,
    Result, Table, TransactionId, UniqueKey, Verdict, WalletId, address,
};
use crate::store::Outcome;

/// What a write answers.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    /// The resource as it became.
    pub value: T,
    /// Whether it became so by an earlier call with the same request id.
    pub replayed: bool,
}

impl<T> Answer<T> {
    /// The same with another value.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: with(self.value), replayed: self.replayed }
    }
}

/// A future that can be called for again.
pub(super) type Reload<'a, L> = std::pin::Pin<Box<dyn Future<Output = Result<L>> + Send + 'a>>;

impl App {
    /// Decides on what was loaded and commits; where that has changed meanwhile, loads and decides again.
    ///
    /// A request that took effect before is the answer, before any rule about what is stored now: the commit finds it,
    /// and a decision that fails is not answered before it has been looked for.
    ///
    /// What was decided on in the end is left in `loaded`. A name by which something is upserted is found taken once: what
    /// has it is then loaded. Where nothing is, the name leads nowhere, and no further try would find more.
    pub(super) async fn write<'r, L, T>(
        &self,
        caller: &Caller,
        request: Option<RequestMark>,
        loaded: &mut L,
        reload: impl Fn() -> Reload<'r, L> + Send + Sync,
        decide: impl Fn(&L, Context) -> Result<Change> + Send + Sync,
    ) -> Result<Answer<T>>
    where
        L: Send + Sync,
        T: TryFrom<Resource, Error = Error>,
    {
        let mut taken_before = None;
        loop {
            let ctx =
                Context { now_us: clock::now_us(), actor: caller.actor.clone(), request: request.clone() };
            let change = match decide(loaded, ctx) {
                Ok(change) => change,
                Err(error) => return self.replay_or(request.as_ref(), error).await,
            };
            let Some(answer) = change.writes.first().map(|it| it.resource.clone()) else {
                return Err(Error::internal("a decision without an answer"));
            };
            let read_only: Vec<_> = change.expects.clone();
            match self.commit(change).await? {
                Outcome::Done(sequence) => {
                    return Ok(Answer { value: answer.at(sequence).try_into()?, replayed: false });
                }
                Outcome::Lost(Verdict::Taken { key, .. }) if taken_before.as_ref() == Some(&key) => {
                    return Err(Error::internal(format!("a {} leads to nothing", key.kind)));
                }
                Outcome::Lost(verdict) if is_to_be_decided_again(&verdict) => {
                    for it in read_only.iter().filter(|it| it.table == Table::Domains) {
                        self.0.fresh_domains.forget(&DomainId::from_uuid(it.id));
                    }
                    if let Verdict::Taken { key, .. } = verdict {
                        taken_before = Some(key);
                    }
                    *loaded = match reload().await {
                        Ok(loaded) => loaded,
                        Err(error) => return self.replay_or(request.as_ref(), error).await,
                    };
                }
                Outcome::Lost(Verdict::Taken { key, owner }) => {
                    return Err(self.taken(caller, key, owner).await);
                }
                Outcome::Lost(verdict) => return self.lost(request.as_ref(), verdict).await,
            }
        }
    }

    /// That a name is taken, and by what, where the caller's key covers that.
    async fn taken(&self, caller: &Caller, key: UniqueKey, owner: Option<Uuid>) -> Error {
        let kind = key.kind;
        if matches!(kind, KeyKind::KeySource | KeyKind::UsedSource) {
            return key.text.parse().map_or_else(Error::internal, Error::KeySourceFixed);
        }
        match self.shown(caller, key, owner).await {
            Ok(owner) => Error::Taken { kind, owner },
            Err(error) => error,
        }
    }

    /// What has the name, as a caller may know it: whoever asks for a name of a domain covers that, and only an operator
    /// asks for a domain's own name. The other names are the whole organization's, of which the key may cover one domain.
    async fn shown(&self, caller: &Caller, key: UniqueKey, owner: Option<Uuid>) -> Result<Option<String>> {
        let owner = match key.kind {
            KeyKind::Alias | KeyKind::Email | KeyKind::ExternalId => {
                owner.map(|it| CustomerId::from_uuid(it).to_string())
            }
            KeyKind::DomainName => owner.map(|it| DomainId::from_uuid(it).to_string()),
            KeyKind::LedgerWallet => owner.map(|it| WalletId::from_uuid(it).to_string()),
            KeyKind::Reference | KeyKind::Transaction | KeyKind::ClaimedDeposit => {
                owner.map(|it| TransactionId::from_uuid(it).to_string())
            }
            KeyKind::Address | KeyKind::AddressOwner => {
                let wallets = self.0.wallets_by_key.get_many(address::keys_of(key)).await?;
                let wallets = wallets.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten();
                match wallets.min_by_key(|it| (it.create_us, it.id)) {
                    Some(it) if self.covers(caller, it.domain_id).await? => Some(it.id.to_string()),
                    _ => None,
                }
            }
            KeyKind::ExtendedKey => match self.0.key_sources.get(key).await? {
                Some(it) if self.covers(caller, it.domain_id).await? => Some(it.domain_id.to_string()),
                _ => None,
            },
            KeyKind::Derivation
            | KeyKind::KeySource
            | KeyKind::UsedSource
            | KeyKind::WatchOnly
            | KeyKind::PooledAddress
            | KeyKind::WebhookSlot
            | KeyKind::BillingRecord
            | KeyKind::ClaimToken
            // Whoever submits a claim shows no key.
            | KeyKind::ClaimedTransaction => None,
        };
        Ok(owner)
    }

    async fn covers(&self, caller: &Caller, domain: DomainId) -> Result<bool> {
        Ok(caller.reach.covers(&*self.own_domain(domain).await?))
    }

    async fn commit(&self, change: Change) -> Result<Outcome> {
        let nothing = change.writes.iter().all(|it| it.event.is_none()) && change.ctx.request.is_none();
        match change.writes.first() {
            Some(it) if nothing => Ok(Outcome::Done(it.resource.sequence())),
            _ => self.0.committer.commit(change).await,
        }
    }

    /// The answer of the request's first time, if there was one; else the error.
    pub(super) async fn replay_or<T>(&self, request: Option<&RequestMark>, error: Error) -> Result<Answer<T>>
    where
        T: TryFrom<Resource, Error = Error>,
    {
        let Some(request) = request else { return Err(error) };
        let asked = request.clone();
        let remembered = self.task(|store| async move { store.request(&asked).await }).await?;
        match remembered.and_then(|it| it.verdict(request, clock::now_us())) {
            Some(verdict) => self.lost(Some(request), verdict).await,
            None => Err(error),
        }
    }

    async fn lost<T>(&self, request: Option<&RequestMark>, verdict: Verdict) -> Result<Answer<T>>
    where
        T: TryFrom<Resource, Error = Error>,
    {
        match (verdict, request) {
            (Verdict::Replay { sequence }, Some(request)) => {
                let request = request.clone();
                let outcome =
                    self.task(move |store| async move { store.answer(&request, sequence).await }).await?;
                Ok(Answer { value: outcome.try_into()?, replayed: true })
            }
            (Verdict::Reused, _) => Err(Error::RequestIdReused),
            (Verdict::Held { until_us }, _) => Err(Error::AliasQuarantined { until_us }),
            (Verdict::EmailsShared, _) => Err(Error::EmailsShared),
            (Verdict::Insufficient(id), _) => Err(Error::InsufficientBalance(id)),
            (Verdict::Overflow(id), _) => Err(Error::BalanceOverflow(id)),
            (verdict, _) => Err(Error::internal(format!("no answer for {verdict:?}"))),
        }
    }
}

/// Whether a Change lost because something was not as it was loaded.
const fn is_to_be_decided_again(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Stale => true,
        Verdict::Taken { key, .. } => key.kind.is_upserted(),
        _ => false,
    }
}

/// Marks a request that has an id: what was asked is remembered by its digest.
pub(super) fn mark(
    scope: LogId,
    method: &'static str,
    id: Option<RequestId>,
    command: &impl Serialize,
) -> Result<Option<RequestMark>> {
    id.map(|id| {
        let command = serde_json::to_vec(command).map_err(Error::internal)?;
        Ok(RequestMark { scope, id, method, digest: Sha256::digest(command).into() })
    })
    .transpose()
}
