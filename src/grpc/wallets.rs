//! The wallet methods.

use tonic::{Request, Response};

use super::{Purser, Reply, answered, authorize, convert};
use crate::api;
use crate::api::wallet_service_server::WalletService;
use crate::app::{TransactionKey, WalletTarget, parse_address_anywhere};
use crate::clock;
use crate::domain::{
    Currency, Error, Fault, Faults, Line, Network, RequestId, Result, Scope, TransactionStatus, WalletStatus,
};
use crate::store::{TransactionFilter, WalletFilter};

#[tonic::async_trait]
impl WalletService for Purser {
    async fn create_wallet(
        &self,
        request: Request<api::CreateWalletRequest>,
    ) -> Reply<api::CreateWalletResponse> {
        let caller = authorize(&request, Scope::WalletsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::CreateWalletRequest { customer_id, networks, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let customer = faults.gather(convert::id("customer_id", &customer_id))?;
        if networks.is_empty() {
            faults.add("networks", Fault::new("is required"));
        }
        let networks = faults.absorb(convert::networks("networks", &networks))?;
        let networks = faults.take("networks", Network::each_once(networks));
        let customer = faults.finish(customer)?;
        let made = self.app.create_wallet(&caller, customer, networks, request_id).await?;
        Ok(answered(made.map(|it| api::CreateWalletResponse { wallet: Some(it.into()) })))
    }

    async fn create_ledger_wallet(
        &self,
        request: Request<api::CreateLedgerWalletRequest>,
    ) -> Reply<api::CreateLedgerWalletResponse> {
        let caller = authorize(&request, Scope::WalletsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::CreateLedgerWalletRequest { customer_id, currency, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let customer = faults.gather(convert::id("customer_id", &customer_id))?;
        let currency = faults.keep("currency", Currency::try_from(currency));
        let (customer, currency) = faults.finish(customer.zip(currency))?;
        let made = self.app.create_ledger_wallet(&caller, customer, currency, request_id).await?;
        Ok(answered(made.map(|it| api::CreateLedgerWalletResponse { wallet: Some(it.into()) })))
    }

    async fn link_wallet(&self, request: Request<api::LinkWalletRequest>) -> Reply<api::LinkWalletResponse> {
        use api::link_wallet_request::Chain;
        let caller = authorize(&request, Scope::WalletsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::LinkWalletRequest { customer_id, chain, address, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let customer = faults.gather(convert::id("customer_id", &customer_id))?;
        let network = match chain {
            None => Err(Error::invalid("chain", "is required: network or chain_id")),
            Some(Chain::Network(key)) => convert::network("network", &key),
            Some(Chain::ChainId(id)) => {
                Network::from_chain_id(id).ok_or_else(|| Error::UnknownNetwork(id.to_string()))
            }
        };
        let network = faults.gather(network)?;
        let address = convert::address("address", network, &address, &mut faults);
        let ((customer, network), address) = faults.finish(customer.zip(network).zip(address))?;
        let made = self.app.link_wallet(&caller, customer, network, address, request_id).await?;
        Ok(answered(made.map(|it| api::LinkWalletResponse { wallet: Some(it.into()) })))
    }

    async fn get_wallet(&self, request: Request<api::GetWalletRequest>) -> Reply<api::GetWalletResponse> {
        use api::get_wallet_request::Key;
        let caller = authorize(&request, Scope::WalletsRead)?;
        let api::GetWalletRequest { key, domain_id } = request.into_inner();
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let wallet = match key {
            None => {
                faults.add("key", Fault::new("is required: id or address"));
                return Err(Error::from(faults).into());
            }
            Some(Key::Id(id)) => {
                let id = faults.gather(convert::id("id", &id))?;
                self.app.get_wallet(&caller, faults.finish(id)?, domain).await?
            }
            Some(Key::Address(api::AddressKey { network, address })) => {
                let network = faults.gather(convert::network("address.network", &network))?;
                let address = convert::address("address.address", network, &address, &mut faults);
                let (network, address) = faults.finish(network.zip(address))?;
                self.app.get_wallet_at(&caller, network, address, domain).await?
            }
        };
        Ok(Response::new(api::GetWalletResponse { wallet: Some(wallet.into()) }))
    }

    async fn list_wallets(
        &self,
        request: Request<api::ListWalletsRequest>,
    ) -> Reply<api::ListWalletsResponse> {
        let caller = authorize(&request, Scope::WalletsRead)?;
        let message = request.into_inner();
        let api::ListWalletsRequest {
            customer_id,
            kinds,
            statuses,
            networks,
            currency,
            domain_id,
            page_size,
            page_token,
        } = message;
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let mut filter = WalletFilter {
            domain: None,
            customer: faults.absorb(convert::optional_id("customer_id", &customer_id))?,
            kinds: convert::each("kinds", kinds, &mut faults, convert::known),
            statuses: convert::each("statuses", statuses, &mut faults, convert::known),
            networks: faults.absorb(convert::networks("networks", &networks))?,
            currency: faults.take("currency", Currency::optional(currency)).map(Into::into),
        };
        if filter.statuses.is_empty() {
            filter.statuses = vec![WalletStatus::Active, WalletStatus::Frozen];
        }
        let page = convert::page(page_size, &page_token, &("wallets", domain, &filter), &mut faults)?;
        let page = self.app.list_wallets(&caller, domain, filter, faults.finish(page)?).await?;
        Ok(Response::new(api::ListWalletsResponse {
            wallets: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn lookup_address(
        &self,
        request: Request<api::LookupAddressRequest>,
    ) -> Reply<api::LookupAddressResponse> {
        let caller = authorize(&request, Scope::WalletsRead)?;
        let api::LookupAddressRequest { address, network, domain_id } = request.into_inner();
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let readings = match convert::optional_network("network", &network)? {
            None if !address.is_empty() => faults.keep_address("address", parse_address_anywhere(&address)),
            network => {
                let read = convert::address("address", network, &address, &mut faults);
                network.zip(read).map(|it| vec![it])
            }
        };
        let readings = faults.finish(readings)?;
        let (wallet, member) = self.app.lookup_address(&caller, readings, domain).await?;
        Ok(Response::new(api::LookupAddressResponse {
            customer_id: wallet.customer_id.into(),
            domain_id: wallet.domain_id.into(),
            status: api::CustomerStatus::from(member.customer.status).into(),
            wallet: Some(wallet.into()),
        }))
    }

    async fn create_address(
        &self,
        request: Request<api::CreateAddressRequest>,
    ) -> Reply<api::CreateAddressResponse> {
        let caller = authorize(&request, Scope::WalletsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::CreateAddressRequest { wallet_id, network, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let wallet = faults.gather(convert::id("wallet_id", &wallet_id))?;
        let network = faults.gather(convert::network("network", &network))?;
        let (wallet, network) = faults.finish(wallet.zip(network))?;
        let made = self.app.create_address(&caller, wallet, network, request_id).await?;
        Ok(answered(made.map(|it| api::CreateAddressResponse { address: Some(it.into()) })))
    }

    async fn list_addresses(
        &self,
        request: Request<api::ListAddressesRequest>,
    ) -> Reply<api::ListAddressesResponse> {
        let caller = authorize(&request, Scope::WalletsRead)?;
        let api::ListAddressesRequest { wallet_id, networks, page_size, page_token } = request.into_inner();
        let mut faults = Faults::default();
        let wallet = faults.gather(convert::id("wallet_id", &wallet_id))?;
        let networks = faults.absorb(convert::networks("networks", &networks))?;
        let page = convert::page(page_size, &page_token, &("addresses", wallet, &networks), &mut faults)?;
        let (wallet, page) = faults.finish(wallet.zip(page))?;
        let page = self.app.list_addresses(&caller, wallet, networks, page).await?;
        Ok(Response::new(api::ListAddressesResponse {
            addresses: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn freeze_wallet(
        &self,
        request: Request<api::FreezeWalletRequest>,
    ) -> Reply<api::FreezeWalletResponse> {
        let caller = authorize(&request, Scope::WalletsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::FreezeWalletRequest { id, reason, etag, request_id } = message;
        let (target, reason, request_id) = target(&metadata, &id, reason, etag, request_id)?;
        let frozen =
            self.app.set_wallet_status(&caller, target, WalletStatus::Frozen, reason, request_id).await?;
        Ok(answered(frozen.map(|it| api::FreezeWalletResponse { wallet: Some(it.into()) })))
    }

    async fn unfreeze_wallet(
        &self,
        request: Request<api::UnfreezeWalletRequest>,
    ) -> Reply<api::UnfreezeWalletResponse> {
        let caller = authorize(&request, Scope::WalletsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::UnfreezeWalletRequest { id, reason, etag, request_id } = message;
        let (target, reason, request_id) = target(&metadata, &id, reason, etag, request_id)?;
        let thawed =
            self.app.set_wallet_status(&caller, target, WalletStatus::Active, reason, request_id).await?;
        Ok(answered(thawed.map(|it| api::UnfreezeWalletResponse { wallet: Some(it.into()) })))
    }

    async fn remove_wallet(
        &self,
        request: Request<api::RemoveWalletRequest>,
    ) -> Reply<api::RemoveWalletResponse> {
        let caller = authorize(&request, Scope::WalletsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::RemoveWalletRequest { id, reason, etag, request_id } = message;
        let (target, reason, request_id) = target(&metadata, &id, reason, etag, request_id)?;
        let removed = self.app.remove_wallet(&caller, target, reason, request_id).await?;
        Ok(answered(removed.map(|it| api::RemoveWalletResponse { wallet: Some(it.into()) })))
    }

    async fn record_authorization(
        &self,
        request: Request<api::RecordAuthorizationRequest>,
    ) -> Reply<api::RecordAuthorizationResponse> {
        let caller = authorize(&request, Scope::WalletsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::RecordAuthorizationRequest { wallet_id, authorization, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.gather(convert::id("wallet_id", &wallet_id))?;
        let authorization = convert::authorization(authorization, &mut faults)?;
        let (id, authorization) = faults.finish(id.zip(authorization))?;
        let noted = self.app.record_authorization(&caller, id, authorization, request_id).await?;
        Ok(answered(noted.map(|it| api::RecordAuthorizationResponse { wallet: Some(it.into()) })))
    }

    async fn validate_address(
        &self,
        request: Request<api::ValidateAddressRequest>,
    ) -> Reply<api::ValidateAddressResponse> {
        authorize(&request, Scope::WalletsRead)?;
        let api::ValidateAddressRequest { network, address } = request.into_inner();
        let mut faults = Faults::default();
        let network = faults.gather(convert::network("network", &network))?;
        let address = convert::address("address", network, &address, &mut faults);
        let (network, address) = faults.finish(network.zip(address))?;
        let address = String::from(address.as_str());
        Ok(Response::new(api::ValidateAddressResponse {
            caip10: network.caip10(&address),
            family: api::NetworkFamily::from(network.info().family).into(),
            address,
        }))
    }

    async fn list_networks(
        &self,
        request: Request<api::ListNetworksRequest>,
    ) -> Reply<api::ListNetworksResponse> {
        authorize(&request, Scope::WalletsRead)?;
        let networks = Network::ALL.iter().map(|it| (*it).into()).collect();
        Ok(Response::new(api::ListNetworksResponse { networks }))
    }

    async fn get_balances(
        &self,
        request: Request<api::GetBalancesRequest>,
    ) -> Reply<api::GetBalancesResponse> {
        let caller = authorize(&request, Scope::WalletsRead)?;
        let api::GetBalancesRequest { wallet_id, source } = request.into_inner();
        let mut faults = Faults::default();
        let id = faults.gather(convert::id("wallet_id", &wallet_id))?;
        let source = api::BalanceSource::try_from(source);
        let source = source.map_err(|_| Fault::new("is not a value that this version knows"));
        let source = faults.keep("source", source);
        let (id, source) = faults.finish(id.zip(source))?;
        let balances = match source {
            api::BalanceSource::Unspecified | api::BalanceSource::Ledger => {
                let now_us = clock::now_us();
                let (wallet, balances) = self.app.ledger_balances(&caller, id).await?;
                let balance = |(account, sums)| convert::ledger_balance(&wallet, account, sums, now_us);
                balances.into_iter().map(balance).collect::<Result<_, _>>()?
            }
            api::BalanceSource::Chain => {
                self.app.chain_balances(&caller, id).await?.into_iter().map(Into::into).collect()
            }
        };
        Ok(Response::new(api::GetBalancesResponse { balances }))
    }

    async fn record_transaction(
        &self,
        request: Request<api::RecordTransactionRequest>,
    ) -> Reply<api::RecordTransactionResponse> {
        let caller = authorize(&request, Scope::WalletsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::RecordTransactionRequest { transaction, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let new = convert::new_transaction(&transaction.unwrap_or_default(), &mut faults)?;
        let recorded = self.app.record_transaction(&caller, faults.finish(new)?, request_id).await?;
        Ok(answered(recorded.map(|it| api::RecordTransactionResponse { transaction: Some(it.into()) })))
    }

    async fn update_transaction_status(
        &self,
        request: Request<api::UpdateTransactionStatusRequest>,
    ) -> Reply<api::UpdateTransactionStatusResponse> {
        use convert::Known;
        let caller = authorize(&request, Scope::WalletsWrite)?;
        let (metadata, _, message) = request.into_parts();
        let api::UpdateTransactionStatusRequest { id, status, block_height, request_id } = message;
        let mut faults = Faults::default();
        let request_id = faults.absorb(convert::request_id(&metadata, request_id))?;
        let id = faults.gather(convert::id("id", &id))?;
        let to = faults.keep("status", TransactionStatus::required(status));
        let block_height = faults.take("block_height", convert::block_height(block_height));
        let (id, to) = faults.finish(id.zip(to))?;
        let updated = self.app.update_transaction_status(&caller, id, to, block_height, request_id).await?;
        Ok(answered(updated.map(|it| api::UpdateTransactionStatusResponse { transaction: Some(it.into()) })))
    }

    async fn get_transaction(
        &self,
        request: Request<api::GetTransactionRequest>,
    ) -> Reply<api::GetTransactionResponse> {
        use api::get_transaction_request::Key;
        let caller = authorize(&request, Scope::WalletsRead)?;
        let api::GetTransactionRequest { key, domain_id } = request.into_inner();
        let mut faults = Faults::default();
        let domain = faults.absorb(convert::optional_id("domain_id", &domain_id))?;
        let key = match key {
            None => Err(Error::invalid("key", "is required: id or reference")),
            Some(Key::Id(id)) => convert::id("id", &id).map(TransactionKey::Id),
            Some(Key::Reference(it)) => {
                convert::parse("reference", it.try_into()).map(TransactionKey::Reference)
            }
        };
        let key = faults.gather(key)?;
        let found = self.app.get_transaction(&caller, &faults.finish(key)?, domain).await?;
        Ok(Response::new(api::GetTransactionResponse { transaction: Some(found.into()) }))
    }

    async fn list_transactions(
        &self,
        request: Request<api::ListTransactionsRequest>,
    ) -> Reply<api::ListTransactionsResponse> {
        use api::list_transactions_request::Owner;
        let caller = authorize(&request, Scope::WalletsRead)?;
        let message = request.into_inner();
        let api::ListTransactionsRequest { owner, types, statuses, tokens, networks, page_size, page_token } =
            message;
        let mut faults = Faults::default();
        let (wallet, customer) = match owner {
            None => {
                faults.add("owner", Fault::new("is required: wallet_id or customer_id"));
                (None, None)
            }
            Some(Owner::WalletId(id)) => (faults.gather(convert::id("wallet_id", &id))?, None),
            Some(Owner::CustomerId(id)) => (None, faults.gather(convert::id("customer_id", &id))?),
        };
        let short = |it: String| match it.len() {
            0..=64 => Ok(it),
            _ => Err(Fault::new("must be of at most 64 characters")),
        };
        let filter = TransactionFilter {
            domain: None,
            wallet,
            customer,
            types: convert::each("types", types, &mut faults, convert::known),
            statuses: convert::each("statuses", statuses, &mut faults, convert::known),
            tokens: convert::each("tokens", tokens, &mut faults, short),
            networks: faults.absorb(convert::networks("networks", &networks))?,
            in_books: false,
        };
        let page = convert::page(page_size, &page_token, &("transactions", &filter), &mut faults)?;
        let page = self.app.list_transactions(&caller, filter, faults.finish(page)?).await?;
        Ok(Response::new(api::ListTransactionsResponse {
            transactions: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn check_recoverability(
        &self,
        request: Request<api::CheckRecoverabilityRequest>,
    ) -> Reply<api::CheckRecoverabilityResponse> {
        const STANDARD: u32 = 20;
        let caller = authorize(&request, Scope::WalletsRead)?;
        let api::CheckRecoverabilityRequest { wallet_id, gap_limit } = request.into_inner();
        let mut faults = Faults::default();
        let id = faults.gather(convert::id("wallet_id", &wallet_id))?;
        let gap_limit = u32::try_from(gap_limit).map_err(|_| Fault::new("must not be negative"));
        let gap_limit = match faults.take("gap_limit", gap_limit) {
            0 => STANDARD,
            asked => asked,
        };
        let id = faults.finish(id)?;
        let missed = self.app.check_recoverability(&caller, id, gap_limit).await?;
        let addresses = missed.into_iter().map(Into::into).collect();
        Ok(Response::new(api::CheckRecoverabilityResponse { addresses }))
    }
}

/// Which wallet, and which version of it, why, and under which request.
fn target(
    metadata: &tonic::metadata::MetadataMap,
    id: &str,
    reason: String,
    etag: String,
    request_id: String,
) -> Result<(WalletTarget, Line, Option<RequestId>)> {
    let mut faults = Faults::default();
    let request_id = faults.absorb(convert::request_id(metadata, request_id))?;
    let id = faults.gather(convert::id("id", id))?;
    let reason = faults.take("reason", reason.try_into());
    let id = faults.finish(id)?;
    Ok((WalletTarget { id, etag: (!etag.is_empty()).then_some(etag) }, reason, request_id))
}
