//! What is done with customers.

use std::collections::HashMap;
use std::sync::Arc;

use super::App;
use super::grants::to_its_end;
use super::write::{Answer, Reload, mark};
use crate::clock;
use crate::domain::resolution::disclose;
use crate::domain::{
    Alias, Caller, Change, Context, Customer, CustomerId, CustomerKey, CustomerPatch, Domain, DomainId,
    Error, KeyKind, KycStatus, Line, Member, Network, NewCustomer, Noun, Page, PageRequest, PayeeMatch,
    RequestId, Resolution, Result, Table, UniqueKey, customer, customer::Belongings, payee, wallet,
};
use crate::store::{CustomerFilter, Total};

/// Whether a list is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// It is not.
    Not,
    /// As far as 10,000.
    Capped,
    /// To its end, for those who number pages; as long as a list may take.
    Whole,
}

/// A page of customers, and how many there are if that was asked.
#[derive(Debug)]
pub struct CustomerList {
    /// The page.
    pub page: Page<Member>,
    /// How many the filter finds.
    pub total: Option<Total>,
}

/// How a customer is made, and on which networks of their domain they get a wallet with it.
#[derive(Clone, Copy)]
pub(super) struct Making {
    pub(super) create: fn(NewCustomer, &Domain, CustomerId, Context) -> Result<Change>,
    pub(super) networks: fn(&Domain) -> &[Network],
}

impl App {
    /// Makes a customer of a domain.
    ///
    /// # Errors
    ///
    /// As [`customer::create`]; [`Error::Taken`], [`Error::AliasQuarantined`], [`Error::DomainSuspended`].
    pub async fn create_customer(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        new: NewCustomer,
        request: Option<RequestId>,
    ) -> Result<Answer<Member>> {
        const MAKING: Making = Making { create: customer::create, networks: wallet::at_once };
        self.create_with(caller, domain, "CreateCustomer", new, request, MAKING).await
    }

    /// Makes a customer of a domain, and a wallet for them even where the domain does not ask for one.
    ///
    /// # Errors
    ///
    /// As [`App::create_customer`].
    pub async fn create_customer_and_wallet(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        new: NewCustomer,
        request: Option<RequestId>,
    ) -> Result<Answer<Member>> {
        const MAKING: Making =
            Making { create: customer::create_with_promise, networks: wallet::at_once_in_any_case };
        self.create_with(caller, domain, "CreateCustomerAndWallet", new, request, MAKING).await
    }

    async fn create_with(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        method: &'static str,
        new: NewCustomer,
        request: Option<RequestId>,
        making: Making,
    ) -> Result<Answer<Member>> {
        let mut domain = self.domain_for(caller, domain).await?;
        let request = mark(domain.id.into(), method, request, &new)?;
        if !(making.networks)(&domain).is_empty() {
            return self.create_with_wallet(caller, domain, new, request, making).await;
        }
        let id = CustomerId::from_uuid(clock::new_uuid(clock::now_us()));
        let named = domain.id;
        let reload = || -> Reload<'_, _> { Box::pin(self.own_domain(named)) };
        let answer = self
            .write(caller, request.clone(), &mut domain, reload, |domain, ctx| {
                caller.may_change(domain)?;
                if !(making.networks)(domain).is_empty() {
                    return Err(Error::Contended);
                }
                (making.create)(new.clone(), domain, id, ctx)
            })
            .await;
        match answer {
            // The domain makes wallets since a moment ago.
            Err(Error::Contended) if !(making.networks)(&domain).is_empty() => {
                self.create_with_wallet(caller, domain, new, request, making).await
            }
            answer => self.answer(answer?, domain).await,
        }
    }

    /// Finds a customer within what the key covers.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::EmailNotUnique`] where an email names nobody.
    pub async fn get_customer(
        &self,
        caller: &Caller,
        key: &CustomerKey,
        domain: Option<DomainId>,
    ) -> Result<Member> {
        const MISSING: Error = Error::NotFound(Noun::Customer);
        let (kind, text) = match key {
            CustomerKey::Id(id) => {
                let customer = self.0.customers_by_id.get(id.as_uuid()).await?.ok_or(MISSING)?;
                let member = self.covered(caller, customer).await?;
                let elsewhere = domain.is_some_and(|it| it != member.domain.id);
                return if elsewhere { Err(MISSING) } else { Ok(member) };
            }
            CustomerKey::PaymentAddress(alias) => (KeyKind::Alias, alias.identifier()),
            CustomerKey::ExternalId(id) => (KeyKind::ExternalId, id.as_str()),
            CustomerKey::Email(email) => (KeyKind::Email, email.as_str()),
        };
        let domain = self.domain_of_key(caller, key, domain).await?;
        if kind == KeyKind::Email && !domain.settings.unique_email {
            return Err(Error::EmailNotUnique);
        }
        let key = UniqueKey::of_customer(kind, domain.id, text);
        let customer = self.0.customers_by_key.get(key).await?.ok_or(MISSING)?;
        Ok(Member { customer, domain })
    }

    /// Finds customers within what the key covers, each in its place.
    ///
    /// # Errors
    ///
    /// Those of the database; for each customer as [`App::get_customer`].
    pub async fn batch_get_customers(
        &self,
        caller: &Caller,
        ids: &[CustomerId],
    ) -> Result<Vec<Result<Member>>> {
        let found = self.0.customers_by_id.get_many(ids.iter().map(|it| it.as_uuid()).collect()).await?;
        let domains = found.iter().filter_map(|it| Some(it.as_ref().ok()?.as_ref()?.domain_id));
        let domains = self.domains(domains).await?;
        let member = |customer: Option<Customer>| {
            let customer = customer?;
            let domain = domains.get(&customer.domain_id).filter(|it| caller.reach.covers(it))?;
            Some(Member { customer, domain: Arc::clone(domain) })
        };
        Ok(found.into_iter().map(|it| member(it?).ok_or(Error::NotFound(Noun::Customer))).collect())
    }

    /// Lists customers of the filter's domains, all of which the key must cover.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a domain that is not covered; [`Error::Overloaded`] where it would take too long.
    pub async fn list_customers(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        mut filter: CustomerFilter,
        page: PageRequest,
        count: Counting,
    ) -> Result<CustomerList> {
        let mut domains = HashMap::new();
        let named = self.domains(filter.domains.iter().copied()).await?;
        for id in &filter.domains {
            let domain = named.get(id).filter(|it| caller.reach.covers(it));
            domains.insert(*id, Arc::clone(domain.ok_or(Error::NotFound(Noun::Domain))?));
        }
        if domains.is_empty() || domain.is_some() {
            let domain = self.domain_for(caller, domain).await?;
            // Both given: the one, as far as it is among the others.
            if domains.is_empty() || domains.contains_key(&domain.id) {
                domains = HashMap::from([(domain.id, domain)]);
            } else {
                let total = (count != Counting::Not).then_some(Total { size: 0, capped: false });
                return Ok(CustomerList { page: Page::empty(), total });
            }
        }
        filter.domains = domains.keys().copied().collect();
        let (page, total) = self
            .task(|store| async move {
                let page = store.list_customers(&filter, &page).await?;
                let total = match count {
                    Counting::Not => None,
                    Counting::Capped => Some(store.count_customers(&filter).await?),
                    Counting::Whole => Some(store.count_all_customers(&filter).await?),
                };
                Ok((page, total))
            })
            .await?;
        let member = |customer: Customer| {
            let domain = Arc::clone(domains.get(&customer.domain_id)?);
            Some(Member { customer, domain })
        };
        Ok(CustomerList { page: page.with(|it| it.into_iter().filter_map(member).collect()), total })
    }

    /// Changes a customer.
    ///
    /// # Errors
    ///
    /// As [`App::get_customer`] and [`customer::update`]; [`Error::EtagMismatch`], [`Error::Taken`].
    pub async fn update_customer(
        &self,
        caller: &Caller,
        target: CustomerTarget,
        patch: CustomerPatch,
        request: Option<RequestId>,
    ) -> Result<Answer<Member>> {
        let command = (&target, &patch);
        self.change_customer(caller, &target, "UpdateCustomer", &command, request, |member, ctx| {
            customer::update(&member.customer, &patch, &member.domain, ctx)
        })
        .await
    }

    /// Deletes a customer softly.
    ///
    /// # Errors
    ///
    /// As [`App::get_customer`] and [`customer::soft_delete`]; [`Error::EtagMismatch`].
    pub async fn soft_delete_customer(
        &self,
        caller: &Caller,
        target: CustomerTarget,
        request: Option<RequestId>,
    ) -> Result<Answer<Member>> {
        self.change_customer(caller, &target, "SoftDeleteCustomer", &target, request, |member, ctx| {
            customer::soft_delete(&member.customer, &member.domain, ctx)
        })
        .await
    }

    /// Deletes a customer for good, with their wallets. Nothing brings them back.
    ///
    /// # Errors
    ///
    /// As [`App::get_customer`] and [`customer::delete_for_good`].
    pub async fn delete_customer_for_good(
        &self,
        caller: &Caller,
        id: CustomerId,
        request: Option<RequestId>,
    ) -> Result<Answer<Member>> {
        let (app, caller) = (self.clone(), caller.clone());
        // To its end, whoever waits for it.
        to_its_end(move |_| async move {
            let mut loaded = app.whole(&caller, id).await?;
            let domain = loaded.0.domain.id;
            let request = mark(domain.into(), "DeleteCustomerForGood", request, &id)?;
            let reload = || -> Reload<'_, _> { Box::pin(app.whole(&caller, id)) };
            let answer = app
                .write(&caller, request, &mut loaded, reload, |(member, theirs), ctx| {
                    caller.may_change(&member.domain)?;
                    customer::delete_for_good(member, theirs, ctx)
                })
                .await?;
            app.answer(answer, loaded.0.domain).await
        })
        .await
    }

    /// A customer with all that leaves with them, however much that is: it takes longer than a statement may before it is
    /// more than a Change can hold. How much there ever was is read before what there is: what is made meanwhile shows at
    /// the commit.
    async fn whole(&self, caller: &Caller, id: CustomerId) -> Result<(Member, Belongings)> {
        let member = self.member(caller, id).await?;
        let theirs = self.task(move |store| async move {
            Ok(Belongings {
                wallets_ever: store.ever(Table::Wallets, id).await?,
                links_ever: store.ever(Table::ClaimLinks, id).await?,
                wallets: store.live_wallets(&[id], None, None).await?,
                links: store.active_links(id).await?,
            })
        });
        Ok((member, theirs.await?))
    }

    /// Brings a deleted customer back.
    ///
    /// # Errors
    ///
    /// As [`App::get_customer`] and [`customer::restore`]; [`Error::Taken`], [`Error::AliasQuarantined`].
    pub async fn restore_customer(
        &self,
        caller: &Caller,
        id: CustomerId,
        request: Option<RequestId>,
    ) -> Result<Answer<Member>> {
        let target = CustomerTarget::id(id);
        self.change_customer(caller, &target, "RestoreCustomer", &id, request, |member, ctx| {
            customer::restore(&member.customer, &member.domain, ctx)
        })
        .await
    }

    /// Erases a deleted customer for good.
    ///
    /// # Errors
    ///
    /// As [`App::get_customer`] and [`customer::erase`].
    pub async fn erase_customer(
        &self,
        caller: &Caller,
        id: CustomerId,
        request: Option<RequestId>,
    ) -> Result<Answer<Member>> {
        let target = CustomerTarget::id(id);
        self.change_customer(caller, &target, "EraseCustomer", &id, request, |member, ctx| {
            customer::erase(&member.customer, &member.domain, ctx)
        })
        .await
    }

    /// Sets how far the checks on a customer have come.
    ///
    /// # Errors
    ///
    /// As [`App::get_customer`] and [`customer::set_kyc_status`].
    pub async fn set_kyc_status(
        &self,
        caller: &Caller,
        id: CustomerId,
        to: KycStatus,
        reason: Line,
        request: Option<RequestId>,
    ) -> Result<Answer<Member>> {
        let target = CustomerTarget::id(id);
        if to == KycStatus::Approved
            && let Some(member) = self.waits_for_wallet(caller, id).await?
        {
            let request = mark(member.domain.id.into(), "SetKycStatus", request, &(id, to, &reason))?;
            let approve = move |member: &Member, ctx: Context| {
                customer::set_kyc_status(&member.customer, to, reason.clone(), ctx)
            };
            return self.approve_with_wallet(caller, member, request, approve).await;
        }
        self.change_customer(caller, &target, "SetKycStatus", &(id, to, &reason), request, |member, ctx| {
            // Whether the domain is suspended was part of the decision.
            Ok(customer::set_kyc_status(&member.customer, to, reason.clone(), ctx)?.expects(&*member.domain))
        })
        .await
    }

    /// The customer, if approval may make a wallet for them: they have none of our own. Whether their domain makes wallets is
    /// part of the decision.
    async fn waits_for_wallet(&self, caller: &Caller, id: CustomerId) -> Result<Option<Member>> {
        let member = match self.member(caller, id).await {
            Ok(member) => member,
            Err(Error::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let has_one = self.task(move |store| async move { store.has_managed_wallet(id).await }).await?;
        Ok((!has_one).then_some(member))
    }

    /// The customer behind an alias, in any domain of the caller's environment.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for one that is unknown, deleted or of the other environment, alike.
    pub async fn resolve_customer(&self, caller: &Caller, alias: &Alias) -> Result<Resolution> {
        self.count_lookups(caller, 1).await?;
        let found = self.resolve(caller, alias).await;
        if matches!(found, Err(Error::NotFound(_))) {
            self.count_misses(caller, 1).await?;
        }
        let (customer, domain) = found?;
        let own = caller.reach.covers(&domain);
        Ok(disclose(customer, domain, own))
    }

    async fn resolve(&self, caller: &Caller, alias: &Alias) -> Result<(Customer, Arc<Domain>)> {
        const MISSING: Error = Error::NotFound(Noun::Alias);
        let domain = self.resolvable(caller, alias).await?.ok_or(MISSING)?;
        let key = UniqueKey::of_customer(KeyKind::Alias, domain.id, alias.identifier());
        let customer = self.0.customers_by_key.get(key).await?.ok_or(MISSING)?;
        Ok((customer, domain))
    }

    /// The customers behind aliases, each in its place, in one query.
    ///
    /// # Errors
    ///
    /// Those of the database; for each alias as [`App::resolve_customer`].
    pub async fn batch_resolve_customers(
        &self,
        caller: &Caller,
        aliases: &[Alias],
    ) -> Result<Vec<Result<Resolution>>> {
        self.count_lookups(caller, aliases.len()).await?;
        let mut named = self.domains_named(aliases.iter().map(Alias::domain)).await?;
        named.retain(|_, it| caller.reach.resolves(it));
        let keys = aliases.iter().filter_map(|alias| {
            let domain = named.get(alias.domain())?;
            Some(UniqueKey::of_customer(KeyKind::Alias, domain.id, alias.identifier()))
        });
        let mut found = self.0.customers_by_key.get_many(keys.collect()).await?.into_iter();
        let mut resolve = |alias: &Alias| {
            let domain = named.get(alias.domain())?;
            let own = caller.reach.covers(domain);
            found.next()?.map(|it| it.map(|it| disclose(it, Arc::clone(domain), own))).transpose()
        };
        let found: Vec<_> =
            aliases.iter().map(|it| resolve(it).unwrap_or(Err(Error::NotFound(Noun::Alias)))).collect();
        let misses = found.iter().filter(|it| matches!(it, Err(Error::NotFound(_)))).count();
        self.count_misses(caller, misses).await?;
        Ok(found)
    }

    /// Whether a name is that of the customer behind an alias.
    ///
    /// # Errors
    ///
    /// As [`App::resolve_customer`].
    pub async fn verify_payee(&self, caller: &Caller, alias: &Alias, name: &Line) -> Result<PayeeMatch> {
        self.count_lookups(caller, 1).await?;
        self.count_payee_try(caller, alias).await?;
        let found = self.resolve(caller, alias).await;
        let found = found.map(|(customer, _)| payee::verify(&customer.profile, name.as_str()));
        if !matches!(found, Ok(PayeeMatch::Match)) {
            self.count_misses(caller, 1).await?;
        }
        found
    }

    /// The alias's domain, if it is of the caller's environment.
    async fn resolvable(&self, caller: &Caller, alias: &Alias) -> Result<Option<Arc<Domain>>> {
        Ok(self.domain_named(alias.domain()).await?.filter(|it| caller.reach.resolves(it)))
    }

    pub(super) async fn covered(&self, caller: &Caller, customer: Customer) -> Result<Member> {
        let domain = self.own_domain(customer.domain_id).await?;
        if caller.reach.covers(&domain) {
            Ok(Member { customer, domain })
        } else {
            Err(Error::NotFound(Noun::Customer))
        }
    }

    /// The domain in which a name is looked for.
    async fn domain_of_key(
        &self,
        caller: &Caller,
        key: &CustomerKey,
        named: Option<DomainId>,
    ) -> Result<Arc<Domain>> {
        match key {
            CustomerKey::ExternalId(_) | CustomerKey::Email(_) => self.domain_for(caller, named).await,
            CustomerKey::PaymentAddress(alias) => {
                let domain = self.domain_named(alias.domain()).await?.filter(|it| caller.reach.covers(it));
                let domain = domain.filter(|it| named.is_none_or(|named| named == it.id));
                domain.ok_or(Error::NotFound(Noun::Customer))
            }
            CustomerKey::Id(_) => Err(Error::NotFound(Noun::Customer)),
        }
    }

    pub(super) async fn own_domain(&self, id: DomainId) -> Result<Arc<Domain>> {
        self.domain(id).await?.ok_or_else(|| Error::internal(format!("domain {id} is not there")))
    }

    /// The shape of every change to a customer: find, check what the caller may, decide, commit.
    async fn change_customer(
        &self,
        caller: &Caller,
        target: &CustomerTarget,
        method: &'static str,
        command: &(impl serde::Serialize + Sync),
        request: Option<RequestId>,
        decide: impl Fn(&Member, Context) -> Result<Change> + Send + Sync,
    ) -> Result<Answer<Member>> {
        let mut member = match self.get_customer(caller, &target.key, target.domain).await {
            Ok(member) => member,
            // The name may be one that this very request took away when it took effect.
            Err(error) => {
                let Ok(domain) = self.domain_of_key(caller, &target.key, target.domain).await else {
                    return Err(error);
                };
                let request = mark(domain.id.into(), method, request, command)?;
                let answer = self.replay_or(request.as_ref(), error).await?;
                return self.answer(answer, domain).await;
            }
        };
        let request = mark(member.domain.id.into(), method, request, command)?;
        // By the key that the caller gave: it may name another customer by now, or none.
        let reload = || -> Reload<'_, _> { Box::pin(self.get_customer(caller, &target.key, target.domain)) };
        let answer = self
            .write(caller, request, &mut member, reload, |member, ctx| {
                caller.may_change(&member.domain)?;
                target.check(&member.customer)?;
                decide(member, ctx)
            })
            .await?;
        self.answer(answer, member.domain).await
    }

    /// What a write answers: the customer, with the domain that it was decided on.
    ///
    /// A replay is the first answer, so it is given with the domain as it was then.
    pub(super) async fn answer(
        &self,
        answer: Answer<Customer>,
        decided_on: Arc<Domain>,
    ) -> Result<Answer<Member>> {
        let domain = if answer.replayed {
            self.domain_at(decided_on.id, answer.value.sequence).await?
        } else {
            decided_on
        };
        Ok(answer.map(|customer| Member { customer, domain }))
    }
}

/// Which customer to change, and which version of them.
#[derive(Debug, serde::Serialize)]
pub struct CustomerTarget {
    /// Who.
    pub key: CustomerKey,
    /// In which domain, where the key does not say.
    pub domain: Option<DomainId>,
    /// The etag they must still have; any if there is none.
    pub etag: Option<String>,
}

impl CustomerTarget {
    const fn id(id: CustomerId) -> Self {
        Self { key: CustomerKey::Id(id), domain: None, etag: None }
    }

    fn check(&self, customer: &Customer) -> Result<()> {
        match &self.etag {
            Some(etag) if *etag != customer.etag() => Err(Error::EtagMismatch),
            _ => Ok(()),
        }
    }
}
