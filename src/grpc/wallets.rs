//! The wallet methods.

use tonic::{Request, Response};

use super::{Purser, Reply, answered, authorize, convert};
use crate::api;
use crate::api::wallet_service_server::WalletService;
use crate::app::{TransactionKey, WalletTarget};
use crate::clock;
use crate::domain::{
    Currency, Error, Family, Fault, Faults, Line, Network, PageRequest, RequestId, Result, Scope,
    TransactionStatus, WalletStatus,
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
        let customer = faults.absorb(convert::id("customer_id", &customer_id).map(Some))?;
        let networks = faults.absorb(convert::networks("networks", &networks))?;
        let is_repeated = (1..networks.len()).any(|at| networks[..at].contains(&networks[at]));
        if faults.is_empty() && (networks.is_empty() || is_repeated) {
            faults.add("networks", Fault::new("must be 1 to 100 networks, each once"));
        }
        let made = self.app.create_wallet(&caller, faults.finish(customer)?, networks, request_id).await?;
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
        let customer = faults.absorb(convert::id("customer_id", &customer_id).map(Some))?;
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
        let customer = faults.absorb(convert::id("customer_id", &customer_id).map(Some))?;
        let network = match chain {
            None => Err(Error::invalid("chain", "is required: network or chain_id")),
            Some(Chain::Network(key)) => convert::network("network", &key),
            Some(Chain::ChainId(id)) => {
                Network::from_chain_id(id).ok_or_else(|| Error::UnknownNetwork(id.to_string()))
            }
        };
        let network = faults.absorb(network.map(Some))?;
        let (customer, network) = faults.finish(customer.zip(network))?;
        let made = self.app.link_wallet(&caller, customer, network, &address, request_id).await?;
        Ok(answered(made.map(|it| api::LinkWalletResponse { wallet: Some(it.into()) })))
    }

    async fn get_wallet(&self, request: Request<api::GetWalletRequest>) -> Reply<api::GetWalletResponse> {
        use api::get_wallet_request::Key;
        let caller = authorize(&request, Scope::WalletsRead)?;
        let api::GetWalletRequest { key, domain_id } = request.into_inner();
        let domain = convert::optional_id("domain_id", &domain_id)?;
        let wallet = match key {
            None => return Err(Error::invalid("key", "is required: id or address").into()),
            Some(Key::Id(id)) => self.app.get_wallet(&caller, convert::id("id", &id)?, domain).await?,
            Some(Key::Address(api::AddressKey { network, address })) => {
                let network = convert::network("address.network", &network)?;
                self.app.get_wallet_at(&caller, network, &address, domain).await?
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
        let customer = convert::optional_id("customer_id", &customer_id)?;
        let domain = convert::optional_id("domain_id", &domain_id)?;
        let mut statuses = convert::known_values("statuses", &statuses)?;
        if statuses.is_empty() {
            statuses = vec![WalletStatus::Active, WalletStatus::Frozen];
        }
        let filter = WalletFilter {
            domain: None,
            customer,
            kinds: convert::known_values("kinds", &kinds)?,
            statuses,
            networks: convert::networks("networks", &networks)?,
            currency: convert::parse("currency", Currency::optional(currency))?.map(Into::into),
        };
        let page = PageRequest::parse(page_size, &page_token, &("wallets", domain, &filter))?;
        let page = self.app.list_wallets(&caller, domain, filter, page).await?;
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
        if address.is_empty() {
            return Err(Error::invalid("address", "is required").into());
        }
        let network = convert::optional_network("network", &network)?;
        let domain = convert::optional_id("domain_id", &domain_id)?;
        let (wallet, member) = self.app.lookup_address(&caller, network, &address, domain).await?;
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
        let wallet = faults.absorb(convert::id("wallet_id", &wallet_id).map(Some))?;
        let network = faults.absorb(convert::network("network", &network).map(Some))?;
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
        let wallet = convert::id("wallet_id", &wallet_id)?;
        let networks = convert::networks("networks", &networks)?;
        let page = PageRequest::parse(page_size, &page_token, &("addresses", wallet, &networks))?;
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
        let request_id = convert::request_id(&metadata, request_id)?;
        let id = convert::id("wallet_id", &wallet_id)?;
        // The wallet's network says what a hash looks like; EVM where it has none, which is refused anyway.
        let wallet = self.app.get_wallet(&caller, id, None).await?;
        let family = wallet.addresses.first().map_or(Family::Evm, |it| it.network.info().family);
        let authorization = convert::authorization(authorization, family, clock::now_us())?;
        let noted = self.app.record_authorization(&caller, id, authorization, request_id).await?;
        Ok(answered(noted.map(|it| api::RecordAuthorizationResponse { wallet: Some(it.into()) })))
    }

    async fn validate_address(
        &self,
        request: Request<api::ValidateAddressRequest>,
    ) -> Reply<api::ValidateAddressResponse> {
        authorize(&request, Scope::WalletsRead)?;
        let api::ValidateAddressRequest { network, address } = request.into_inner();
        let network = convert::network("network", &network)?;
        if address.is_empty() {
            return Err(Error::invalid("address", "is required").into());
        }
        let address = crate::app::parse_address(network, &address)
            .map_err(|fault| Error::invalid_address("address", fault))?;
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
        let id = convert::id("wallet_id", &wallet_id)?;
        let balances = match api::BalanceSource::try_from(source) {
            Ok(api::BalanceSource::Unspecified | api::BalanceSource::Ledger) => {
                let now_us = clock::now_us();
                let (wallet, balances) = self.app.ledger_balances(&caller, id).await?;
                let balance = |(account, sums)| convert::ledger_balance(&wallet, account, sums, now_us);
                balances.into_iter().map(balance).collect::<Result<_, _>>()?
            }
            Ok(api::BalanceSource::Chain) => {
                self.app.chain_balances(&caller, id).await?.into_iter().map(Into::into).collect()
            }
            Err(_) => return Err(Error::invalid("source", "is not a value that this version knows").into()),
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
        let new = convert::new_transaction(transaction.unwrap_or_default(), &mut faults)?;
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
        let id = faults.absorb(convert::id("id", &id).map(Some))?;
        let to = TransactionStatus::known(status).and_then(|it| it.ok_or(Fault::new("is required")));
        let to = faults.keep("status", to);
        if i64::try_from(block_height).is_err() {
            faults.add("block_height", Fault::new("must be at most 2^63-1"));
        }
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
        let key = faults.absorb(key.map(Some))?;
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
        let (wallet, customer) = match owner {
            None => {
                return Err(Error::invalid("owner", "is required: wallet_id or customer_id").into());
            }
            Some(Owner::WalletId(id)) => (Some(convert::id("wallet_id", &id)?), None),
            Some(Owner::CustomerId(id)) => (None, Some(convert::id("customer_id", &id)?)),
        };
        if tokens.len() > 100 || tokens.iter().any(|it| it.len() > 64) {
            return Err(
                Error::invalid("tokens", "must be at most 100 values of at most 64 characters").into()
            );
        }
        let filter = TransactionFilter {
            wallet,
            customer,
            types: convert::known_values("types", &types)?,
            statuses: convert::known_values("statuses", &statuses)?,
            tokens,
            networks: convert::networks("networks", &networks)?,
        };
        let page = PageRequest::parse(page_size, &page_token, &("transactions", &filter))?;
        let page = self.app.list_transactions(&caller, filter, page).await?;
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
        let id = convert::id("wallet_id", &wallet_id)?;
        let gap_limit =
            u32::try_from(gap_limit).map_err(|_| Error::invalid("gap_limit", "must not be negative"))?;
        let gap_limit = if gap_limit == 0 { STANDARD } else { gap_limit };
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
    let id = faults.absorb(convert::id("id", id).map(Some))?;
    let reason = faults.take("reason", reason.try_into());
    let id = faults.finish(id)?;
    Ok((WalletTarget { id, etag: (!etag.is_empty()).then_some(etag) }, reason, request_id))
}
