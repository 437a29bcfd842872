//! What is done with wallets and their addresses.

use std::sync::Arc;

use super::App;
use super::grants::{Wanted, to_its_end};
use super::write::{Answer, Reload, mark};
use crate::chain::address;
use crate::clock;
use crate::domain::{
    Account, Address, AddressId, Caller, ChainAddress, Change, Context, Currency, CustomerId, CustomerKey,
    Domain, DomainId, Environment, Error, Fault, Granted, Line, Member, Network, NewAuthorization, Noun,
    OrganizationId, Page, PageRequest, Reach, RequestId, RequestMark, Result, Sums, Table, Wallet, WalletId,
    WalletKind, WalletStatus, wallet,
};
use crate::store::{AddressFilter, Total, WalletFilter};

/// Which wallet to change, and which version of it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct WalletTarget {
    /// Which.
    pub id: WalletId,
    /// The etag it must still have; any if there is none.
    pub etag: Option<String>,
}

/// How many addresses that a standard wallet would miss are named at most.
const MISSED: usize = 1_000;

/// A wallet that has an address on a network.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The wallet.
    pub wallet: Wallet,
    /// On which network.
    pub network: Network,
    /// The address as it is read there.
    pub address: ChainAddress,
    /// What the wallet holds, by our books.
    pub books: Vec<(Account, Sums)>,
}

/// A wallet, with the domain it is in.
pub(super) type Owned = (Wallet, Arc<Domain>);

/// A customer, a wallet of our own that they have on some network, and how many wallets they ever had.
type WithWalletOn = (Member, Option<Wallet>, i64);

impl App {
    /// Makes a wallet of our own, with an address on each network.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`wallet::create`]; [`Error::AddressPoolEmpty`], [`Error::NoExtendedKey`].
    pub async fn create_wallet(
        &self,
        caller: &Caller,
        customer: CustomerId,
        networks: Vec<Network>,
        request: Option<RequestId>,
    ) -> Result<Answer<Wallet>> {
        let member = self.member(caller, customer).await?;
        let request = mark(member.domain.id.into(), "CreateWallet", request, &(customer, &networks))?;
        let id = WalletId::from_uuid(clock::new_uuid(clock::now_us()));
        let (app, caller) = (self.clone(), caller.clone());
        to_its_end(|waiter| async move {
            let reload = || -> Reload<'_, _> { Box::pin(app.member(&caller, customer)) };
            let wanted = |member: &Member| {
                caller.may_change(&member.domain)?;
                wallet::may_have(member)?;
                networks.iter().try_for_each(|it| wallet::allow(&member.domain, *it))?;
                let (domain, networks) = (member.domain.id, networks.clone());
                Ok(Wanted { domain, networks, shared_with: Some(customer) })
            };
            let decide = |member: &Member, granted: &[Granted], ctx| wallet::create(member, granted, id, ctx);
            let made = app.write_with_addresses(&caller, &waiter, request, member, reload, wanted, decide);
            Ok(made.await?.0)
        })
        .await
    }

    /// Makes a wallet of our own with one address, for a customer who has none on that network.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`wallet::create_sole`]; as [`App::create_wallet`].
    pub async fn create_sole_wallet(
        &self,
        caller: &Caller,
        customer: CustomerId,
        network: Network,
        request: Option<RequestId>,
    ) -> Result<Answer<Wallet>> {
        let loaded = self.with_wallet_on(caller, customer, network).await?;
        let request = mark(loaded.0.domain.id.into(), "CreateSoleWallet", request, &(customer, network))?;
        let id = WalletId::from_uuid(clock::new_uuid(clock::now_us()));
        let (app, caller) = (self.clone(), caller.clone());
        to_its_end(move |waiter| async move {
            let reload = || -> Reload<'_, _> { Box::pin(app.with_wallet_on(&caller, customer, network)) };
            let wanted = |(member, existing, _): &WithWalletOn| {
                caller.may_change(&member.domain)?;
                wallet::may_have(member)?;
                wallet::refuse_second(existing.as_ref())?;
                wallet::allow(&member.domain, network)?;
                Ok(Wanted { domain: member.domain.id, networks: vec![network], shared_with: Some(customer) })
            };
            let decide = |(member, existing, ever): &WithWalletOn, granted: &[Granted], ctx| {
                wallet::create_sole(member, existing.as_ref(), *ever, granted, id, ctx)
            };
            let made = app.write_with_addresses(&caller, &waiter, request, loaded, reload, wanted, decide);
            Ok(made.await?.0)
        })
        .await
    }

    /// How many there were is read before what there is: one that is made meanwhile shows at the commit.
    async fn with_wallet_on(
        &self,
        caller: &Caller,
        customer: CustomerId,
        network: Network,
    ) -> Result<WithWalletOn> {
        let member = self.member(caller, customer).await?;
        let filter = WalletFilter {
            customer: Some(customer),
            kinds: vec![WalletKind::Managed],
            statuses: vec![WalletStatus::Active, WalletStatus::Frozen],
            networks: vec![network],
            ..WalletFilter::default()
        };
        let one = PageRequest::parse(1, "", &())?;
        let (ever, found) = self
            .task(move |store| async move {
                let ever = store.ever(Table::Wallets, customer).await?;
                Ok((ever, store.list_wallets(&filter, &one).await?))
            })
            .await?;
        Ok((member, found.items.into_iter().next(), ever))
    }

    /// Makes a wallet that is a balance in our books.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`wallet::create_ledger`]; [`Error::Taken`].
    pub async fn create_ledger_wallet(
        &self,
        caller: &Caller,
        customer: CustomerId,
        currency: Currency,
        request: Option<RequestId>,
    ) -> Result<Answer<Wallet>> {
        let command = (customer, &currency);
        self.give_wallet(caller, customer, "CreateLedgerWallet", &command, request, |member, id, ctx| {
            wallet::create_ledger(member, currency.clone(), id, ctx)
        })
        .await
    }

    /// Links somebody's own address.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`wallet::link`]; [`Error::Taken`].
    pub async fn link_wallet(
        &self,
        caller: &Caller,
        customer: CustomerId,
        network: Network,
        address: ChainAddress,
        request: Option<RequestId>,
    ) -> Result<Answer<Wallet>> {
        let command = (customer, network, &address.text);
        let id = AddressId::from_uuid(clock::new_uuid(clock::now_us()));
        let granted = Granted { id, network, address: address.clone(), derivation: None };
        self.give_wallet(caller, customer, "LinkWallet", &command, request, |member, id, ctx| {
            wallet::link(member, &granted, id, ctx)
        })
        .await
    }

    /// The shape of everything that gives a customer a wallet without deriving anything.
    async fn give_wallet(
        &self,
        caller: &Caller,
        customer: CustomerId,
        method: &'static str,
        command: &(impl serde::Serialize + Sync),
        request: Option<RequestId>,
        decide: impl Fn(&Member, WalletId, Context) -> Result<Change> + Send + Sync,
    ) -> Result<Answer<Wallet>> {
        let mut member = self.member(caller, customer).await?;
        let request = mark(member.domain.id.into(), method, request, command)?;
        let id = WalletId::from_uuid(clock::new_uuid(clock::now_us()));
        let reload = || -> Reload<'_, _> { Box::pin(self.member(caller, customer)) };
        self.write(caller, request, &mut member, reload, |member, ctx| {
            caller.may_change(&member.domain)?;
            decide(member, id, ctx)
        })
        .await
    }

    /// Gives a wallet of our own its next address on a network.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`wallet::add_address`]; [`Error::AddressPoolEmpty`].
    pub async fn create_address(
        &self,
        caller: &Caller,
        id: WalletId,
        network: Network,
        request: Option<RequestId>,
    ) -> Result<Answer<Address>> {
        let loaded = self.wallet_and_member(caller, id).await?;
        let request = mark(loaded.1.domain.id.into(), "CreateAddress", request, &(id, network))?;
        self.add_address(caller, loaded, request, move |_, _| Ok(network)).await
    }

    /// Gives a wallet of our own its next address for a coin, on the network that [`wallet::network_for`] chooses.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there is none; as [`App::create_address`].
    pub async fn create_address_for(
        &self,
        caller: &Caller,
        id: WalletId,
        coin: String,
        request: Option<RequestId>,
    ) -> Result<Answer<Address>> {
        let loaded = self.wallet_and_member(caller, id).await?;
        let request = mark(loaded.1.domain.id.into(), "CreateAddressForCoin", request, &(id, &coin))?;
        self.add_address(caller, loaded, request, move |wallet, domain| {
            let network = wallet::network_for(wallet, domain, &coin);
            network.ok_or_else(|| Error::invalid("currency", "is of no network that the domain may use"))
        })
        .await
    }

    async fn add_address(
        &self,
        caller: &Caller,
        loaded: (Wallet, Member),
        request: Option<RequestMark>,
        choose: impl Fn(&Wallet, &Domain) -> Result<Network> + Send + Sync + 'static,
    ) -> Result<Answer<Address>> {
        let (app, caller, id) = (self.clone(), caller.clone(), loaded.0.id);
        to_its_end(move |waiter| async move {
            let reload = || -> Reload<'_, _> { Box::pin(app.wallet_and_member(&caller, id)) };
            let wanted = |(wallet, member): &(Wallet, Member)| {
                caller.may_change(&member.domain)?;
                wallet::may_grow(wallet)?;
                wallet::may_have(member)?;
                let network = choose(wallet, &member.domain)?;
                wallet::allow(&member.domain, network)?;
                Ok(Wanted { domain: member.domain.id, networks: vec![network], shared_with: None })
            };
            let decide = |(wallet, member): &(Wallet, Member), granted: &[Granted], ctx| {
                let granted = granted.first().ok_or_else(|| Error::internal("no address was granted"))?;
                wallet::add_address(wallet, member, granted, ctx)
            };
            let made = app.write_with_addresses(&caller, &waiter, request, loaded, reload, wanted, decide);
            Ok(made.await?.0)
        })
        .await
    }

    /// Freezes a wallet, or thaws it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::EtagMismatch`]; as [`wallet::set_status`].
    pub async fn set_wallet_status(
        &self,
        caller: &Caller,
        target: WalletTarget,
        status: WalletStatus,
        reason: Line,
        request: Option<RequestId>,
    ) -> Result<Answer<Wallet>> {
        let method = if status == WalletStatus::Frozen { "FreezeWallet" } else { "UnfreezeWallet" };
        let command = (&target, &reason);
        self.change_wallet(caller, &target, method, &command, request, |wallet, member, ctx| {
            wallet::set_status(wallet, member, status, reason.clone(), ctx)
        })
        .await
    }

    /// Takes a wallet one step through its life.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`wallet::step`].
    pub async fn step_wallet(
        &self,
        caller: &Caller,
        id: WalletId,
        to: WalletStatus,
        reason: Line,
        request: Option<RequestId>,
    ) -> Result<Answer<Wallet>> {
        let (target, command) = (WalletTarget { id, etag: None }, (id, to, &reason));
        self.change_wallet(caller, &target, "StepWallet", &command, request, |wallet, member, ctx| {
            wallet::step(wallet, member, to, reason.clone(), ctx)
        })
        .await
    }

    /// Records that the owner of an external wallet let it be used.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; as [`wallet::authorize`].
    pub async fn record_authorization(
        &self,
        caller: &Caller,
        id: WalletId,
        authorization: NewAuthorization,
        request: Option<RequestId>,
    ) -> Result<Answer<Wallet>> {
        let target = WalletTarget { id, etag: None };
        let command = (id, &authorization);
        self.change_wallet(
            caller,
            &target,
            "RecordAuthorization",
            &command,
            request,
            |wallet, member, ctx| {
                wallet::authorize(wallet, member, authorization.of(wallet, ctx.now_us)?, ctx)
            },
        )
        .await
    }

    async fn change_wallet(
        &self,
        caller: &Caller,
        target: &WalletTarget,
        method: &'static str,
        command: &(impl serde::Serialize + Sync),
        request: Option<RequestId>,
        decide: impl Fn(&Wallet, &Member, Context) -> Result<Change> + Send + Sync,
    ) -> Result<Answer<Wallet>> {
        let mut loaded = self.wallet_and_member(caller, target.id).await?;
        let request = mark(loaded.1.domain.id.into(), method, request, command)?;
        let reload = || -> Reload<'_, _> { Box::pin(self.wallet_and_member(caller, target.id)) };
        self.write(caller, request, &mut loaded, reload, |(wallet, member), ctx| {
            caller.may_change(&member.domain)?;
            target.check(wallet)?;
            Ok(decide(wallet, member, ctx)?.expects(&*member.domain))
        })
        .await
    }

    /// Removes a wallet for good.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::EtagMismatch`]; as [`wallet::remove`].
    pub async fn remove_wallet(
        &self,
        caller: &Caller,
        target: WalletTarget,
        reason: Line,
        request: Option<RequestId>,
    ) -> Result<Answer<Wallet>> {
        let command = (&target, &reason);
        self.change_wallet(caller, &target, "RemoveWallet", &command, request, |wallet, member, ctx| {
            wallet::remove(wallet, member, reason.clone(), ctx)
        })
        .await
    }

    /// A wallet within what the key covers.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get_wallet(
        &self,
        caller: &Caller,
        id: WalletId,
        domain: Option<DomainId>,
    ) -> Result<Wallet> {
        if domain.is_some() {
            self.domain_for(caller, domain).await?;
        }
        let (wallet, _) = self.owned_wallet(caller, id).await?;
        if domain.is_none_or(|it| it == wallet.domain_id) {
            Ok(wallet)
        } else {
            Err(Error::NotFound(Noun::Wallet))
        }
    }

    /// The wallet that has an address on a network, within what the key covers.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get_wallet_at(
        &self,
        caller: &Caller,
        network: Network,
        address: ChainAddress,
        domain: Option<DomainId>,
    ) -> Result<Wallet> {
        match self.lookup_address(caller, vec![(network, address)], domain).await {
            Err(Error::NotFound(Noun::Address)) => Err(Error::NotFound(Noun::Wallet)),
            found => Ok(found?.0),
        }
    }

    pub(super) async fn owned_wallet(&self, caller: &Caller, id: WalletId) -> Result<Owned> {
        const MISSING: Error = Error::NotFound(Noun::Wallet);
        let wallet = self.0.wallets_by_id.get(id.as_uuid()).await?.ok_or(MISSING)?;
        let domain = self.own_domain(wallet.domain_id).await?;
        if caller.reach.covers(&domain) { Ok((wallet, domain)) } else { Err(MISSING) }
    }

    /// Whose an address is, in any of its readings, within what the key covers; of a wallet that was removed it is nobody's.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn lookup_address(
        &self,
        caller: &Caller,
        readings: Vec<(Network, ChainAddress)>,
        domain: Option<DomainId>,
    ) -> Result<(Wallet, Member)> {
        const MISSING: Error = Error::NotFound(Noun::Address);
        let (organization, environment) = self.organization_for(caller, domain).await?;
        let key = |(network, address): &(Network, ChainAddress)| {
            crate::domain::address::key_in(organization, environment, *network, &address.hex())
        };
        let owner = readings.first().map(|(_, it)| {
            crate::domain::address::owner_key_in(organization, environment, it.family(), &it.hex())
        });
        // Both at once: whoever has the wallet has the address.
        let (wallets, customer) = tokio::join!(
            self.0.wallets_by_key.get_many(readings.iter().map(key).collect()),
            self.0.customers_by_key.get(owner.ok_or(MISSING)?),
        );
        let found: Vec<_> = wallets?.into_iter().collect::<Result<_>>()?;
        let found = found.into_iter().flatten().filter(|it| it.status != WalletStatus::Removed);
        let found = found.filter(|it| domain.is_none_or(|domain| domain == it.domain_id));
        let wallet = found.min_by_key(|it| (it.create_us, it.id)).ok_or(MISSING)?;
        let member = match customer? {
            Some(customer) if customer.id == wallet.customer_id => self.covered(caller, customer).await,
            // It changed hands between the two, or the text has several readings.
            _ => self.member(caller, wallet.customer_id).await,
        };
        match member {
            Ok(member) => Ok((wallet, member)),
            Err(Error::NotFound(_)) => Err(MISSING),
            Err(error) => Err(error),
        }
    }

    /// Every wallet of a domain that has an address, in any of its readings, and is not removed; with the reading, and with
    /// what our books say. The oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a domain that is not covered.
    pub async fn wallets_at(
        &self,
        caller: &Caller,
        readings: Vec<(Network, ChainAddress)>,
        domain: DomainId,
    ) -> Result<Vec<Holder>> {
        let (organization, environment) = self.organization_for(caller, Some(domain)).await?;
        let key = |(network, address): &(Network, ChainAddress)| {
            crate::domain::address::key_in(organization, environment, *network, &address.hex())
        };
        let found = self.0.wallets_by_key.get_many(readings.iter().map(key).collect()).await?;
        let mut holders = Vec::new();
        for ((network, address), wallet) in readings.into_iter().zip(found) {
            let wallet = wallet?.filter(|it| it.domain_id == domain && it.status != WalletStatus::Removed);
            let Some(wallet) = wallet else { continue };
            let id = wallet.id;
            let books = self.task(move |store| async move { store.balances(id).await }).await?;
            holders.push(Holder { wallet, network, address, books });
        }
        holders.sort_by_key(|it| (it.wallet.create_us, it.wallet.id, it.network));
        Ok(holders)
    }

    /// The organization and environment in which an address is looked up.
    async fn organization_for(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
    ) -> Result<(OrganizationId, Environment)> {
        match (caller.reach, domain) {
            (
                Reach::Domain(organization, environment, _) | Reach::Organization(organization, environment),
                None,
            ) => Ok((organization, environment)),
            (_, domain) => {
                let domain = self.domain_for(caller, domain).await?;
                Ok((domain.organization_id, domain.environment))
            }
        }
    }

    /// Lists wallets of a customer, or of a domain.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a customer or domain that is not covered.
    pub async fn list_wallets(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        mut filter: WalletFilter,
        page: PageRequest,
    ) -> Result<Page<Wallet>> {
        self.keep_within(caller, domain, &mut filter).await?;
        self.task(move |store| async move { store.list_wallets(&filter, &page).await }).await
    }

    /// How many wallets a list is of.
    ///
    /// # Errors
    ///
    /// As [`App::list_wallets`].
    pub async fn count_wallets(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        mut filter: WalletFilter,
    ) -> Result<Total> {
        self.keep_within(caller, domain, &mut filter).await?;
        self.task(move |store| async move { store.count_wallets(&filter).await }).await
    }

    async fn keep_within(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        filter: &mut WalletFilter,
    ) -> Result<()> {
        match filter.customer {
            Some(id) => drop(self.member_in(caller, id, domain).await?),
            None => filter.domain = Some(self.domain_for(caller, domain).await?.id),
        }
        Ok(())
    }

    /// The addresses of a domain's wallets that are not removed, newest first, and how many there are.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a domain that is not covered.
    pub async fn addresses_of_domain(
        &self,
        caller: &Caller,
        domain: Option<DomainId>,
        page: PageRequest,
    ) -> Result<(Page<Address>, Total)> {
        let filter = AddressFilter::Domain(self.domain_for(caller, domain).await?.id);
        self.task(move |store| async move {
            Ok((store.list_addresses(&filter, &page).await?, store.count_addresses(&filter).await?))
        })
        .await
    }

    /// How many addresses a wallet has, of which it shows the first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn count_addresses(&self, wallet: &Wallet) -> Result<i64> {
        if wallet.addresses.len() < Wallet::ADDRESSES {
            return i64::try_from(wallet.addresses.len()).map_err(Error::internal);
        }
        let filter = AddressFilter::Wallet(wallet.id, Vec::new());
        Ok(self.task(move |store| async move { store.count_addresses(&filter).await }).await?.size)
    }

    /// An address within what the key covers, and its wallet.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn get_address(&self, caller: &Caller, id: AddressId) -> Result<(Address, Wallet)> {
        const MISSING: Error = Error::NotFound(Noun::Address);
        let ids = [id.as_uuid()];
        let found = self.task(move |store| async move { store.by_id(Table::Addresses, &ids).await }).await?;
        let address: Address = found.into_iter().next().unwrap_or(Ok(None))?.ok_or(MISSING)?;
        match self.owned_wallet(caller, address.wallet_id).await {
            Ok((wallet, _)) => Ok((address, wallet)),
            Err(Error::NotFound(_)) => Err(MISSING),
            Err(error) => Err(error),
        }
    }

    /// Lists the addresses of a wallet, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn list_addresses(
        &self,
        caller: &Caller,
        id: WalletId,
        networks: Vec<Network>,
        page: PageRequest,
    ) -> Result<Page<Address>> {
        self.owned_wallet(caller, id).await?;
        let filter = AddressFilter::Wallet(id, networks);
        self.task(move |store| async move { store.list_addresses(&filter, &page).await }).await
    }

    /// The addresses of a wallet that a standard wallet with that gap limit would not find.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Overloaded`] where it would take too long.
    pub async fn check_recoverability(
        &self,
        caller: &Caller,
        id: WalletId,
        gap_limit: u32,
    ) -> Result<Vec<Address>> {
        let (wallet, domain) = self.owned_wallet(caller, id).await?;
        if wallet.kind != WalletKind::Managed {
            return Err(Error::WalletKindMismatch(id, wallet.kind));
        }
        self.task(move |store| async move {
            let addresses = store.addresses_of(id).await?;
            let mut missed = Vec::new();
            for network in Network::ALL {
                let own: Vec<_> = crate::domain::address::derived_on(&addresses, *network).collect();
                let Some(end) = own.iter().map(|it| it.0).max() else { continue };
                let used = store.used_indexes(domain.id, *network, end).await?;
                let reach = crate::domain::address::found_before(&used, gap_limit);
                missed.extend(own.into_iter().filter(|it| it.0 >= reach).map(|it| it.1.clone()));
            }
            missed.truncate(MISSED);
            Ok(missed)
        })
        .await
    }

    /// A customer by id, in a domain where one is named.
    pub(super) async fn member_in(
        &self,
        caller: &Caller,
        id: CustomerId,
        domain: Option<DomainId>,
    ) -> Result<Member> {
        if domain.is_some() {
            self.domain_for(caller, domain).await?;
        }
        self.get_customer(caller, &CustomerKey::Id(id), domain).await
    }

    /// A customer by id.
    pub(super) async fn member(&self, caller: &Caller, id: CustomerId) -> Result<Member> {
        self.get_customer(caller, &CustomerKey::Id(id), None).await
    }
}

impl WalletTarget {
    fn check(&self, wallet: &Wallet) -> Result<()> {
        match &self.etag {
            Some(etag) if *etag != wallet.etag() => Err(Error::EtagMismatch),
            _ => Ok(()),
        }
    }
}

/// Reads an address of a network.
///
/// # Errors
///
/// What is wrong with the text.
pub fn parse_address(network: Network, text: &str) -> std::result::Result<ChainAddress, Fault> {
    address::parse(network, text)
}

/// Reads an address as one of each network that it could be of.
///
/// # Errors
///
/// What is wrong with it where it is one of none.
pub fn parse_address_anywhere(text: &str) -> std::result::Result<Vec<(Network, ChainAddress)>, Fault> {
    address::parse_any(text)
}
