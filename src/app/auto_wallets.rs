//! A customer whose wallet is made with them: in a domain that gives each customer addresses at once, or when KYC is
//! approved.
//!
//! Customer and wallet are one Change. The addresses are made before it is decided; where the settings change meanwhile,
//! all begins again.

use std::sync::Arc;

use super::App;
use super::customers::Making;
use super::grants::{Waiter, Wanted, to_its_end};
use super::write::{Answer, Reload};
use crate::clock;
use crate::domain::{
    Caller, Change, Context, Customer, CustomerId, Domain, Granted, Member, Network, NewCustomer,
    RequestMark, Result, WalletId, wallet,
};

impl App {
    /// Makes a customer and a wallet for them.
    pub(super) async fn create_with_wallet(
        &self,
        caller: &Caller,
        domain: Arc<Domain>,
        new: NewCustomer,
        request: Option<RequestMark>,
        making: Making,
    ) -> Result<Answer<Member>> {
        let (app, caller) = (self.clone(), caller.clone());
        let (named, id) = (domain.id, CustomerId::from_uuid(clock::new_uuid(clock::now_us())));
        let decide = move |domain: &Arc<Domain>, ctx: Context| (making.create)(new.clone(), domain, id, ctx);
        to_its_end(move |waiter| async move {
            let reload = || -> Reload<'_, _> { Box::pin(app.own_domain(named)) };
            let networks_of = move |domain: &Arc<Domain>| (making.networks)(domain).to_vec();
            let plan = Plan { domain_of: Arc::clone, networks_of, decide };
            app.write_with_wallet(&caller, &waiter, request, domain, reload, plan).await
        })
        .await
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
        to_its_end(move |waiter| async move {
            let reload = || -> Reload<'_, _> { Box::pin(app.member(&caller, id)) };
            let plan = Plan {
                domain_of: |member: &Member| Arc::clone(&member.domain),
                networks_of: |member: &Member| wallet::on_approval(member).to_vec(),
                decide: approve,
            };
            app.write_with_wallet(&caller, &waiter, request, member, reload, plan).await
        })
        .await
    }

    async fn write_with_wallet<'r, L: Send + Sync, N, D>(
        &self,
        caller: &Caller,
        waiter: &Waiter,
        request: Option<RequestMark>,
        loaded: L,
        reload: impl Fn() -> Reload<'r, L> + Send + Sync,
        Plan { domain_of, networks_of, decide }: Plan<L, N, D>,
    ) -> Result<Answer<Member>>
    where
        N: Fn(&L) -> Vec<Network> + Send + Sync,
        D: Fn(&L, Context) -> Result<Change> + Send + Sync,
    {
        let id = WalletId::from_uuid(clock::new_uuid(clock::now_us()));
        let wanted = |loaded: &L| {
            let domain = domain_of(loaded);
            caller.may_change(&domain)?;
            // What will not be decided needs no address.
            decide(loaded, Context { now_us: clock::now_us(), actor: caller.actor.clone(), request: None })?;
            Ok(Wanted { domain: domain.id, networks: networks_of(loaded), shared_with: None })
        };
        let decide = |loaded: &L, granted: &[Granted], ctx: Context| {
            let change = decide(loaded, ctx)?;
            // Whoever is as they are to be already has had their wallet.
            let written = change.writes.first().filter(|it| it.event.is_some() && !granted.is_empty());
            let Some(customer) = written.map(|it| it.resource.clone()) else { return Ok(change) };
            let member = Member { customer: customer.try_into()?, domain: domain_of(loaded) };
            wallet::adding(change, &member, granted, id)
        };
        let (made, loaded) = self
            .write_with_addresses::<_, Customer>(caller, waiter, request, loaded, reload, wanted, decide)
            .await?;
        self.answer(made, domain_of(&loaded)).await
    }
}

/// How a customer is written, and on which networks their wallet is to be.
struct Plan<L, N, D> {
    domain_of: fn(&L) -> Arc<Domain>,
    networks_of: N,
    decide: D,
}
