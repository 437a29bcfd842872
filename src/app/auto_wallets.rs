//! Wallets that a domain's settings make by themselves: with a customer, or once their KYC is approved.
//!
//! Customer and wallet are one Change. The addresses are made before it is decided; where the settings change meanwhile,
//! all begins again.

use std::sync::Arc;

use super::App;
use super::keys::Grant;
use super::write::{Answer, Reload};
use crate::clock;
use crate::domain::{
    Caller, Change, Context, Customer, CustomerId, Domain, Error, Member, Network, NewCustomer, RequestMark,
    Result, WalletId, customer, wallet,
};

/// How often settings may change under one call.
const TRIES: u32 = 4;

impl App {
    /// Makes a customer and a wallet for them.
    pub(super) async fn create_with_wallet(
        &self,
        caller: &Caller,
        domain: Arc<Domain>,
        new: NewCustomer,
        request: Option<RequestMark>,
    ) -> Result<Answer<Member>> {
        let (app, caller) = (self.clone(), caller.clone());
        let (named, id) = (domain.id, CustomerId::from_uuid(clock::new_uuid(clock::now_us())));
        let decide = move |domain: &Arc<Domain>, ctx: Context| customer::create(new.clone(), domain, id, ctx);
        // To its end, whoever waits for it: an index that was used must not go back.
        tokio::spawn(async move {
            let reload = || -> Reload<'_, _> { Box::pin(app.own_domain(named)) };
            app.write_with_wallet(&caller, request, domain, Arc::clone, reload, decide).await
        })
        .await
        .map_err(Error::internal)?
    }

    /// Approves a customer, and makes the wallet that waited for it.
    pub(super) async fn approve_with_wallet(
        &self,
        caller: &Caller,
        member: Member,
        request: Option<RequestMark>,
        approve: impl Fn(&Member, Context) -> Result<Change> + Send + Sync + 'static,
    ) -> Result<Answer<Member>> {
        let (app, caller, id) = (self.clone(), caller.clone(), member.customer.id);
        tokio::spawn(async move {
            let reload = || -> Reload<'_, _> { Box::pin(app.member(&caller, id)) };
            let domain_of = |member: &Member| Arc::clone(&member.domain);
            app.write_with_wallet(&caller, request, member, domain_of, reload, approve).await
        })
        .await
        .map_err(Error::internal)?
    }

    /// Decides and commits as [`App::write`] does, with a wallet for the customer whom the decision writes.
    async fn write_with_wallet<'r, L: Send + Sync>(
        &self,
        caller: &Caller,
        request: Option<RequestMark>,
        mut loaded: L,
        domain_of: impl Fn(&L) -> Arc<Domain> + Send + Sync,
        reload: impl Fn() -> Reload<'r, L> + Send + Sync,
        decide: impl Fn(&L, Context) -> Result<Change> + Send + Sync,
    ) -> Result<Answer<Member>> {
        for _ in 0..TRIES {
            let domain = domain_of(&loaded);
            let networks = &domain.settings.auto_wallet_networks;
            let ctx = Context { now_us: clock::now_us(), actor: caller.actor.clone(), request: None };
            // What will not be decided needs no address.
            let refused = caller.may_change(&domain).and_then(|()| decide(&loaded, ctx)).err();
            let granted = match refused {
                Some(error) => Err(error),
                None => self.grant(domain.id, networks, &[]).await,
            };
            let grant = match granted {
                Ok(grant) => grant,
                Err(error) => {
                    let answer = self.replay_or(request.as_ref(), error).await?;
                    return self.answer(answer, domain).await;
                }
            };
            let with_wallet = |loaded: &L, ctx: Context| {
                let domain = domain_of(loaded);
                caller.may_change(&domain)?;
                with_wallet(decide(loaded, ctx)?, &domain, networks, &grant)
            };
            let made =
                self.write::<_, Customer>(caller, request.clone(), &mut loaded, &reload, with_wallet).await;
            grant.settle(&made);
            match made {
                Err(Error::Contended) => {}
                made => return self.answer(made?, domain_of(&loaded)).await,
            }
        }
        Err(Error::Contended)
    }
}

/// The Change that writes a customer, and a wallet for them in it.
fn with_wallet(change: Change, domain: &Arc<Domain>, networks: &[Network], grant: &Grant) -> Result<Change> {
    if domain.settings.auto_wallet_networks != networks {
        return Err(Error::Contended);
    }
    let written = change.writes.first().map(|it| it.resource.clone());
    let customer = written.ok_or_else(|| Error::internal("no customer was written"))?.try_into()?;
    let member = Member { customer, domain: Arc::clone(domain) };
    let id = WalletId::from_uuid(clock::new_uuid(clock::now_us()));
    wallet::adding(change, &member, &grant.addresses, id)
}
