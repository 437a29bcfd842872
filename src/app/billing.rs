//! What is done with billing records and payment methods, and the overview of a customer.

use std::collections::HashMap;

use super::App;
use super::loader::Loader;
use super::write::{Answer, Reload, mark};
use crate::clock;
use crate::domain::billing::{key, upsert};
use crate::domain::{
    Bill, BillingKind, BillingRecord, Caller, Customer, CustomerId, DomainId, Error, Member,
    NewBillingRecord, NewPaymentMethod, Noun, Page, PageRequest, Payment, PaymentDetails, PaymentMethod,
    PaymentMethodId, Plan, RequestId, Resource, Result, UniqueKey, Wallet, WalletId, WalletKind,
    payment_method,
};
use crate::store::{BillingCounts, BillingFilter, Holdings};

/// How many wallets are shown beside a customer.
const WALLETS: u32 = 100;

/// What stands beside a customer in a list.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Their wallets that are not removed, newest first; at most a hundred.
    pub wallets: Vec<Wallet>,
    /// How many billing records they have.
    pub counts: BillingCounts,
}

/// Looks billing records of a kind up by the caller's ids.
type Records<K> = Loader<UniqueKey, BillingRecord<K>>;

/// A customer with what is usually wanted beside them.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Who, in which domain.
    pub member: Member,
    /// What they have; at most a hundred wallets.
    pub holdings: Holdings,
    /// Whether they have more wallets.
    pub has_more_wallets: bool,
}

impl App {
    /// Records what a service tells of a payment intent, be it known or new.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`upsert`].
    pub async fn upsert_payment_intent(
        &self,
        caller: &Caller,
        new: NewBillingRecord<Payment>,
        request: Option<RequestId>,
    ) -> Result<Answer<BillingRecord<Payment>>> {
        self.upsert_billing(caller, &self.0.payment_intents, "UpsertPaymentIntent", new, request).await
    }

    /// Records what a service tells of an invoice, be it known or new.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`upsert`].
    pub async fn upsert_invoice(
        &self,
        caller: &Caller,
        new: NewBillingRecord<Bill>,
        request: Option<RequestId>,
    ) -> Result<Answer<BillingRecord<Bill>>> {
        self.upsert_billing(caller, &self.0.invoices, "UpsertInvoice", new, request).await
    }

    /// Records what a service tells of a subscription, be it known or new.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`upsert`].
    pub async fn upsert_subscription(
        &self,
        caller: &Caller,
        new: NewBillingRecord<Plan>,
        request: Option<RequestId>,
    ) -> Result<Answer<BillingRecord<Plan>>> {
        self.upsert_billing(caller, &self.0.subscriptions, "UpsertSubscription", new, request).await
    }

    async fn upsert_billing<K>(
        &self,
        caller: &Caller,
        records: &Records<K>,
        method: &'static str,
        new: NewBillingRecord<K>,
        request: Option<RequestId>,
    ) -> Result<Answer<BillingRecord<K>>>
    where
        K: BillingKind + 'static,
        BillingRecord<K>: TryFrom<Resource, Error = Error>,
        Resource: From<BillingRecord<K>>,
    {
        let mut loaded = self.with_known(caller, records, &new).await?;
        let request = mark(loaded.0.domain.id.into(), method, request, &new)?;
        let id = clock::new_uuid(clock::now_us());
        let reload = || -> Reload<'_, _> { Box::pin(self.with_known(caller, records, &new)) };
        self.write(caller, request, &mut loaded, reload, |(member, known), ctx| {
            caller.may_change(&member.domain)?;
            upsert(&new, known.as_ref(), member, id, ctx)
        })
        .await
    }

    /// The customer is read before the record: of one who is erased, the record is read as it was left.
    async fn with_known<K: BillingKind + 'static>(
        &self,
        caller: &Caller,
        records: &Records<K>,
        new: &NewBillingRecord<K>,
    ) -> Result<(Member, Option<BillingRecord<K>>)> {
        let member = self.member(caller, new.customer_id).await?;
        let known = records.get(key::<K>(member.domain.id, &new.external_id)).await?;
        Ok((member, known))
    }

    /// Lists billing records of a kind, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a customer or domain that is not covered.
    pub async fn list_billing<K>(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        filter: BillingFilter,
        page: PageRequest,
    ) -> Result<Page<BillingRecord<K>>>
    where
        K: BillingKind + 'static,
        BillingRecord<K>: TryFrom<Resource, Error = Error>,
    {
        let domain = match filter.customer {
            Some(id) => self.member_in(caller, id, domain).await?.domain.id,
            None => self.domain_for(caller, domain).await?.id,
        };
        self.task(move |store| async move { store.list_billing(domain, &filter, &page).await }).await
    }

    /// Shows a customer with what is usually wanted beside them, in as many queries whatever they have. Of wallets those of
    /// one kind, if that is said.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn customer_overview(
        &self,
        caller: &Caller,
        id: CustomerId,
        wallets: Option<WalletKind>,
    ) -> Result<Overview> {
        let member = self.member(caller, id).await?;
        let mut holdings = self.task(move |store| async move { store.holdings(id, wallets).await }).await?;
        let has_more_wallets = holdings.wallets.len() > WALLETS as usize;
        holdings.wallets.truncate(WALLETS as usize);
        Ok(Overview { member, holdings, has_more_wallets })
    }

    /// What stands beside customers in a list: the wallets that they have linked and not removed, newest first and at most a
    /// hundred of each, and how many billing records they have. Two queries, however many they are.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn beside(&self, customers: &[CustomerId]) -> Result<HashMap<CustomerId, Beside>> {
        let ids = customers.to_vec();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let (wallets, counts) = self
            .task(move |store| async move {
                tokio::try_join!(
                    store.live_wallets(&ids, Some(WalletKind::External), Some(WALLETS)),
                    store.billing_counts(&ids)
                )
            })
            .await?;
        let mut beside = HashMap::<CustomerId, Beside>::new();
        for (id, counts) in counts {
            beside.entry(id).or_default().counts = counts;
        }
        for wallet in wallets {
            beside.entry(wallet.customer_id).or_default().wallets.push(wallet);
        }
        Ok(beside)
    }

    /// The wallets that a customer had linked, and had not removed, when the version of them that is given was made: newest
    /// first, at most a hundred; nothing where that is not known any more.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn linked_as_of(&self, customer: &Customer) -> Result<Option<Vec<Wallet>>> {
        let (id, sequence) = (customer.id, customer.sequence);
        let kind = WalletKind::External;
        let found = self.task(move |store| async move { store.live_wallets_as_of(id, kind, sequence).await });
        let mut wallets = found.await?;
        if let Some(wallets) = &mut wallets {
            wallets.truncate(WALLETS as usize);
        }
        Ok(wallets)
    }

    /// Adds a payment method.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`payment_method::add`].
    pub async fn add_payment_method(
        &self,
        caller: &Caller,
        new: NewPaymentMethod,
        request: Option<RequestId>,
    ) -> Result<Answer<PaymentMethod>> {
        let mut member = self.member(caller, new.customer_id).await?;
        let request = mark(member.domain.id.into(), "AddPaymentMethod", request, &new)?;
        let id = PaymentMethodId::from_uuid(clock::new_uuid(clock::now_us()));
        let reload = || -> Reload<'_, _> { Box::pin(self.member(caller, new.customer_id)) };
        self.write(caller, request, &mut member, reload, |member, ctx| {
            caller.may_change(&member.domain)?;
            payment_method::add(&new, member, id, ctx)
        })
        .await
    }

    /// Takes a payment method out of use; with an etag, only as that has seen it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::EtagMismatch`]; as [`payment_method::remove`].
    pub async fn remove_payment_method(
        &self,
        caller: &Caller,
        id: PaymentMethodId,
        etag: Option<String>,
        request: Option<RequestId>,
    ) -> Result<Answer<PaymentMethod>> {
        let mut loaded = self.payment_method(caller, id).await?;
        let request = mark(loaded.0.domain.id.into(), "RemovePaymentMethod", request, &(id, &etag))?;
        let reload = || -> Reload<'_, _> { Box::pin(self.payment_method(caller, id)) };
        self.write(caller, request, &mut loaded, reload, |(member, method), ctx| {
            caller.may_change(&member.domain)?;
            if etag.as_ref().is_some_and(|it| *it != method.etag()) {
                return Err(Error::EtagMismatch);
            }
            payment_method::remove(method, member, ctx)
        })
        .await
    }

    /// Adds a payment method to the customer of a wallet that is a balance.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`payment_method::add_to`].
    pub async fn add_payment_method_to(
        &self,
        caller: &Caller,
        wallet: WalletId,
        details: PaymentDetails,
        request: Option<RequestId>,
    ) -> Result<Answer<PaymentMethod>> {
        let mut loaded = self.wallet_and_member(caller, wallet).await?;
        let (log, command) = (loaded.1.domain.id.into(), (wallet, &details));
        let request = mark(log, "AddPaymentMethodToWallet", request, &command)?;
        let id = PaymentMethodId::from_uuid(clock::new_uuid(clock::now_us()));
        let reload = || -> Reload<'_, _> { Box::pin(self.wallet_and_member(caller, wallet)) };
        self.write(caller, request, &mut loaded, reload, |(wallet, member), ctx| {
            caller.may_change(&member.domain)?;
            payment_method::add_to(wallet, member, &details, id, ctx)
        })
        .await
    }

    async fn payment_method(&self, caller: &Caller, id: PaymentMethodId) -> Result<(Member, PaymentMethod)> {
        const MISSING: Error = Error::NotFound(Noun::PaymentMethod);
        let method = self.0.payment_methods.get(id.as_uuid()).await?.ok_or(MISSING)?;
        match self.member(caller, method.customer_id).await {
            Ok(member) => Ok((member, method)),
            Err(Error::NotFound(_)) => Err(MISSING),
            Err(error) => Err(error),
        }
    }

    /// Lists the payment methods of a customer that are in use, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn list_payment_methods(
        &self,
        caller: &Caller,
        customer: CustomerId,
        page: PageRequest,
    ) -> Result<Page<PaymentMethod>> {
        self.member(caller, customer).await?;
        self.task(move |store| async move { store.list_payment_methods(customer, &page).await }).await
    }
}
