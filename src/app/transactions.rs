//! What is done with transactions and balances.

use super::App;
use super::write::{Answer, Reload, mark};
use crate::clock;
use crate::domain::{
    self, Caller, DomainId, Error, Member, Movement, NewTransaction, Noun, OnChain, Page, PageRequest,
    Reference, RequestId, Result, Transaction, TransactionId, TransactionStatus, Wallet, WalletId,
    transaction,
};
use crate::store::{Total, TransactionFilter};

/// What names a transaction.
#[derive(Clone, Debug, serde::Serialize)]
pub enum TransactionKey {
    /// Its id.
    Id(TransactionId),
    /// The caller's own name of it, in a domain.
    Reference(Reference),
}

impl App {
    /// Records a transaction of a wallet.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`transaction::record`]; [`Error::Taken`], [`Error::InsufficientBalance`].
    pub async fn record_transaction(
        &self,
        caller: &Caller,
        new: NewTransaction,
        request: Option<RequestId>,
    ) -> Result<Answer<Transaction>> {
        let mut loaded = self.wallet_and_member(caller, new.wallet_id).await?;
        let request = mark(loaded.1.domain.id.into(), "RecordTransaction", request, &new)?;
        let id = TransactionId::from_uuid(clock::new_uuid(clock::now_us()));
        let address = self.touched_address(&loaded.0, &loaded.1, &new).await?;
        let reload = || -> Reload<'_, _> { Box::pin(self.wallet_and_member(caller, new.wallet_id)) };
        self.write(caller, request, &mut loaded, reload, |(wallet, member), ctx| {
            caller.may_change(&member.domain)?;
            transaction::record(&new, wallet, member, address.as_deref(), id, ctx)
        })
        .await
    }

    pub(super) async fn wallet_and_member(&self, caller: &Caller, id: WalletId) -> Result<(Wallet, Member)> {
        let (wallet, _) = self.owned_wallet(caller, id).await?;
        let member = self.member(caller, wallet.customer_id).await?;
        Ok((wallet, member))
    }

    /// The address of the wallet that a transaction names, or else its first one on the network.
    async fn touched_address(
        &self,
        wallet: &Wallet,
        member: &Member,
        new: &NewTransaction,
    ) -> Result<Option<String>> {
        let Movement::OnChain(moved) = &new.movement else { return Ok(None) };
        let OnChain { network, address, .. } = moved.as_ref();
        let Some(address) = address else {
            if let Some(first) = wallet.addresses.iter().find(|it| it.network == *network) {
                return Ok(Some(first.address.clone()));
            }
            if wallet.addresses.len() < Wallet::ADDRESSES {
                return Ok(None);
            }
            let (id, network) = (wallet.id, *network);
            return self.task(move |store| async move { store.first_address(id, network).await }).await;
        };
        let (organization, environment) = (member.domain.organization_id, member.domain.environment);
        let key = domain::address::key_in(organization, environment, *network, &address.hex());
        let owner = self.0.wallets_by_key.get(key).await?;
        Ok(owner.filter(|it| it.id == wallet.id).map(|_| address.as_str().to_owned()))
    }

    /// Says what became of a transaction.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`transaction::update_status`]; [`Error::InsufficientBalance`].
    pub async fn update_transaction_status(
        &self,
        caller: &Caller,
        id: TransactionId,
        to: TransactionStatus,
        block_height: u64,
        request: Option<RequestId>,
    ) -> Result<Answer<Transaction>> {
        let mut loaded = self.with_wallet(caller, id).await?;
        let request =
            mark(loaded.2.domain.id.into(), "UpdateTransactionStatus", request, &(id, to, block_height))?;
        let reload = || -> Reload<'_, _> { Box::pin(self.with_wallet(caller, id)) };
        self.write(caller, request, &mut loaded, reload, |(transaction, wallet, member), ctx| {
            caller.may_change(&member.domain)?;
            transaction::update_status(transaction, wallet, member, to, block_height, ctx)
        })
        .await
    }

    /// The transaction is read before its customer: one that was erased meanwhile shows as erased.
    async fn with_wallet(&self, caller: &Caller, id: TransactionId) -> Result<(Transaction, Wallet, Member)> {
        let transaction = self.get_transaction(caller, &TransactionKey::Id(id), None).await?;
        let (wallet, member) = self.wallet_and_member(caller, transaction.wallet_id).await?;
        Ok((transaction, wallet, member))
    }

    /// Finds a transaction within what the key covers.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get_transaction(
        &self,
        caller: &Caller,
        key: &TransactionKey,
        domain: Option<DomainId>,
    ) -> Result<Transaction> {
        const MISSING: Error = Error::NotFound(Noun::Transaction);
        let found = match key {
            TransactionKey::Id(id) => {
                if domain.is_some() {
                    self.domain_for(caller, domain).await?;
                }
                self.0.transactions_by_id.get(id.as_uuid()).await?
            }
            TransactionKey::Reference(reference) => {
                let domain = self.domain_for(caller, domain).await?;
                self.0.transactions_by_key.get(transaction::reference_key(domain.id, reference)).await?
            }
        };
        let found = found.filter(|it| domain.is_none_or(|domain| domain == it.domain_id)).ok_or(MISSING)?;
        let domain = self.own_domain(found.domain_id).await?;
        if caller.reach.covers(&domain) { Ok(found) } else { Err(MISSING) }
    }

    /// Lists transactions, newest first: of a wallet, of a customer, or else of the domain that the key is for.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a wallet or customer that is not covered.
    pub async fn list_transactions(
        &self,
        caller: &Caller,
        mut filter: TransactionFilter,
        page: PageRequest,
    ) -> Result<Page<Transaction>> {
        self.within_reach(caller, &mut filter).await?;
        self.task(move |store| async move { store.list_transactions(&filter, &page).await }).await
    }

    /// How many transactions a list is of.
    ///
    /// # Errors
    ///
    /// As [`App::list_transactions`].
    pub async fn count_transactions(&self, caller: &Caller, mut filter: TransactionFilter) -> Result<Total> {
        self.within_reach(caller, &mut filter).await?;
        self.task(move |store| async move { store.count_transactions(&filter).await }).await
    }

    async fn within_reach(&self, caller: &Caller, filter: &mut TransactionFilter) -> Result<()> {
        if let Some(id) = filter.wallet {
            self.get_wallet(caller, id, None).await?;
        }
        if let Some(id) = filter.customer {
            self.member(caller, id).await?;
        }
        if filter.wallet.is_none() && filter.customer.is_none() {
            filter.domain = Some(self.domain_for(caller, filter.domain).await?.id);
        }
        Ok(())
    }
}
