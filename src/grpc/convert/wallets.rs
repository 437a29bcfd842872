//! Wallets, addresses, transactions and networks.

use std::borrow::Cow;

use super::customers::{Known, same_values};
use super::{micros, timestamp};
use crate::api;
use crate::app::{ChainBalance, Registered, parse_address};
use crate::domain::{
    Account, Address, Authorization, AuthorizationType, ChainAddress, Currency, Decimal, Error, Family,
    Fault, Faults, KeySource, Movement, Network, NewAuthorization, NewTransaction, OnChain, Reference,
    Result, Sums, Transaction, TransactionStatus, TransactionType, TxHash, Wallet, WalletKind, WalletStatus,
};

same_values!(WalletKind: Managed, External, Ledger);
same_values!(WalletStatus: Active, Frozen, Removed);
same_values!(AuthorizationType: Native, Permit, Eip7702);
same_values!(TransactionType: Deposit, Credit, Withdrawal, Debit);
same_values!(TransactionStatus: Pending, Confirmed, Failed);

/// A network by its key.
pub(in crate::grpc) fn network(field: impl Into<Cow<'static, str>>, key: &str) -> Result<Network> {
    if key.is_empty() {
        return Err(Error::invalid(field, "is required"));
    }
    key.parse().map_err(|_| {
        let is_a_key =
            key.len() <= 64 && key.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_:".contains(&it));
        Error::UnknownNetwork(if is_a_key { key.to_owned() } else { String::new() })
    })
}

/// A network that may be left out.
pub(in crate::grpc) fn optional_network(field: &'static str, key: &str) -> Result<Option<Network>> {
    if key.is_empty() { Ok(None) } else { network(field, key).map(Some) }
}

/// Networks by their keys, at most a hundred.
pub(in crate::grpc) fn networks(
    field: impl Into<Cow<'static, str>>,
    keys: &[String],
) -> Result<Vec<Network>> {
    let field = field.into();
    if keys.len() > 100 {
        return Err(Error::invalid(field, "must be at most 100 values"));
    }
    keys.iter().map(|it| network(field.clone(), it)).collect()
}

/// An address that has to be there. Nothing is said of its form where its network is not known.
pub(in crate::grpc) fn address(
    field: &'static str,
    network: Option<Network>,
    text: &str,
    faults: &mut Faults,
) -> Option<ChainAddress> {
    if text.is_empty() {
        faults.add(field, Fault::new("is required"));
        return None;
    }
    faults.keep_address(field, parse_address(network?, text))
}

/// The height of a block, as it fits a database.
pub(in crate::grpc) fn block_height(height: u64) -> Result<u64, Fault> {
    if i64::try_from(height).is_ok() { Ok(height) } else { Err(Fault::new("must be at most 2^63-1")) }
}

/// What an owner authorized.
pub(in crate::grpc) fn authorization(
    from: Option<api::Authorization>,
    faults: &mut Faults,
) -> Result<Option<NewAuthorization>> {
    let Some(api::Authorization { r#type, tx_hash, authorize_time }) = from else {
        faults.add("authorization", Fault::new("is required"));
        return Ok(None);
    };
    let kind = faults.keep("authorization.type", AuthorizationType::required(r#type));
    let tx_hash = match tx_hash.as_str() {
        "" => None,
        text => faults.keep("authorization.tx_hash", TxHash::of_any_network(text)),
    };
    let authorize_us = faults.absorb(micros("authorization.authorize_time", authorize_time))?;
    Ok(kind.map(|kind| NewAuthorization { kind, tx_hash, authorize_us }))
}

/// A transaction to record; none where a fault was noted. Fields that are output only are not read.
pub(in crate::grpc) fn new_transaction(
    from: &api::Transaction,
    faults: &mut Faults,
) -> Result<Option<NewTransaction>> {
    let api::Transaction {
        id: _,
        reference,
        wallet_id,
        customer_id: _,
        network,
        r#type,
        status,
        raw_amount: _,
        description,
        create_time: _,
        update_time: _,
        // What moved, and where.
        address: _,
        token: _,
        amount: _,
        tx_hash: _,
        log_index: _,
        block_height: _,
        from_address: _,
        to_address: _,
    } = from;
    let wallet_id = faults.gather(super::id("transaction.wallet_id", wallet_id))?;
    let network = optional_network("transaction.network", network)?;
    let reference = faults.take("transaction.reference", Reference::optional(reference.clone()));
    let kind = faults.keep("transaction.type", TransactionType::required(*r#type));
    let status = TransactionStatus::known(*status).and_then(TransactionStatus::at_first);
    let status = faults.keep("transaction.status", status);
    let description = faults.take("transaction.description", description.clone().try_into());
    let movement = match network {
        Some(network) => on_chain(network, from, faults).map(Box::new).map(Movement::OnChain),
        None => in_books(from, faults),
    };
    let (Some(wallet_id), Some(kind), Some(status), Some(movement)) = (wallet_id, kind, status, movement)
    else {
        return Ok(None);
    };
    Ok(Some(NewTransaction { wallet_id, reference, kind, status, movement, description }))
}

fn on_chain(network: Network, from: &api::Transaction, faults: &mut Faults) -> Option<OnChain> {
    let token = network.token(&from.token);
    let token = token.ok_or(Fault::new("must be a token of the network: see ListNetworks"));
    let token = faults.keep("transaction.token", token);
    let amount = faults.keep("transaction.amount", Decimal::try_from(from.amount.clone()));
    let units = token.zip(amount);
    let units =
        units.and_then(|(token, amount)| faults.keep("transaction.amount", amount.in_units(token.decimals)));
    let place = match from.tx_hash.as_str() {
        "" => {
            if from.log_index != 0 {
                faults.add("transaction.log_index", Fault::new("must be 0 where there is no tx_hash"));
            }
            None
        }
        text => faults.keep("transaction.tx_hash", TxHash::parse(network.info().family, text)),
    };
    let block_height = faults.take("transaction.block_height", block_height(from.block_height));
    let mut address = |field, text: &str| match text {
        "" => None,
        text => faults.keep_address(field, parse_address(network, text)),
    };
    Some(OnChain {
        network,
        address: address("transaction.address", &from.address),
        from: address("transaction.from_address", &from.from_address),
        to: address("transaction.to_address", &from.to_address),
        token: token?,
        amount: units?,
        place: place.map(|hash| (hash, from.log_index)),
        block_height,
    })
}

fn in_books(from: &api::Transaction, faults: &mut Faults) -> Option<Movement> {
    for (field, is_empty) in [
        ("transaction.address", from.address.is_empty()),
        ("transaction.tx_hash", from.tx_hash.is_empty()),
        ("transaction.log_index", from.log_index == 0),
        ("transaction.block_height", from.block_height == 0),
        ("transaction.from_address", from.from_address.is_empty()),
        ("transaction.to_address", from.to_address.is_empty()),
    ] {
        if !is_empty {
            faults.add(field, Fault::new("must be empty where there is no network"));
        }
    }
    let currency = faults.take("transaction.token", Currency::optional(from.token.clone()));
    let amount = faults.keep("transaction.amount", Decimal::try_from(from.amount.clone()))?;
    Some(Movement::InBooks { currency, amount })
}

impl From<Wallet> for api::Wallet {
    fn from(it: Wallet) -> Self {
        Self {
            etag: it.etag(),
            id: it.id.into(),
            domain_id: it.domain_id.into(),
            customer_id: it.customer_id.into(),
            kind: api::WalletKind::from(it.kind).into(),
            status: api::WalletStatus::from(it.status).into(),
            currency: it.currency.map(Into::into).unwrap_or_default(),
            addresses: it.addresses.into_iter().map(Into::into).collect(),
            authorization: it.authorization.map(Into::into),
            sequence: it.sequence,
            create_time: Some(timestamp(it.create_us)),
            update_time: Some(timestamp(it.update_us)),
        }
    }
}

impl From<Address> for api::Address {
    fn from(it: Address) -> Self {
        Self {
            derivation_path: it.derivation_path().unwrap_or_default(),
            id: it.id.into(),
            wallet_id: it.wallet_id.into(),
            network: it.network.to_string(),
            caip10: it.network.caip10(&it.address),
            address: it.address,
            create_time: Some(timestamp(it.create_us)),
        }
    }
}

impl From<Authorization> for api::Authorization {
    fn from(it: Authorization) -> Self {
        Self {
            r#type: api::AuthorizationType::from(it.kind).into(),
            tx_hash: it.tx_hash.map(|it| it.as_str().to_owned()).unwrap_or_default(),
            authorize_time: Some(timestamp(it.authorize_us)),
        }
    }
}

impl From<Transaction> for api::Transaction {
    fn from(it: Transaction) -> Self {
        Self {
            id: it.id.into(),
            reference: it.reference.into(),
            wallet_id: it.wallet_id.into(),
            customer_id: it.customer_id.into(),
            network: it.network.map(|it| it.to_string()).unwrap_or_default(),
            address: it.address,
            r#type: api::TransactionType::from(it.kind).into(),
            status: api::TransactionStatus::from(it.status).into(),
            token: it.token,
            amount: it.amount.in_token(it.decimals),
            raw_amount: it.amount.to_string(),
            tx_hash: it.tx_hash.map(|it| it.as_str().to_owned()).unwrap_or_default(),
            log_index: it.log_index,
            block_height: it.block_height,
            from_address: it.from_address,
            to_address: it.to_address,
            description: it.description.into(),
            create_time: Some(timestamp(it.create_us)),
            update_time: Some(timestamp(it.update_us)),
        }
    }
}

/// What a wallet has by our books.
///
/// # Errors
///
/// [`Error::Internal`] where a token is not known any more: with a guess at its decimals the figure would be another.
pub(in crate::grpc) fn ledger_balance(
    wallet: &Wallet,
    account: Account,
    sums: Sums,
    now_us: i64,
) -> Result<api::Balance> {
    let decimals = match account.network {
        Some(network) => network.token(&account.token).map(|it| it.decimals),
        None => wallet.currency.as_ref().map(crate::domain::Currency::decimals),
    };
    let unknown = || format!("{} has a balance in {}, which is not known", wallet.id, account.token);
    let decimals = decimals.ok_or_else(|| Error::internal(unknown()))?;
    let (below_zero, amount) = sums.balance();
    let sign = if below_zero { "-" } else { "" };
    Ok(api::Balance {
        network: account.network.map(|it| it.to_string()).unwrap_or_default(),
        token: account.token,
        amount: format!("{sign}{}", amount.in_token(decimals)),
        raw_amount: format!("{sign}{amount}"),
        source: api::BalanceSource::Ledger.into(),
        block_height: 0,
        observe_time: Some(timestamp(now_us)),
    })
}

impl From<ChainBalance> for api::Balance {
    fn from(it: ChainBalance) -> Self {
        Self {
            network: it.network.to_string(),
            token: it.token.symbol.to_owned(),
            amount: it.amount.in_token(it.token.decimals),
            raw_amount: it.amount.to_string(),
            source: api::BalanceSource::Chain.into(),
            block_height: it.block_height,
            observe_time: Some(timestamp(it.observe_us)),
        }
    }
}

impl From<Family> for api::NetworkFamily {
    fn from(it: Family) -> Self {
        match it {
            Family::Evm => Self::Evm,
            Family::Bitcoin => Self::Bitcoin,
            Family::Solana => Self::Solana,
            Family::Tron => Self::Tron,
        }
    }
}

impl From<Network> for api::Network {
    fn from(it: Network) -> Self {
        let info = it.info();
        Self {
            key: info.key.to_owned(),
            caip2: info.caip2.to_owned(),
            chain_id: info.chain_id.unwrap_or_default(),
            name: info.name.to_owned(),
            family: api::NetworkFamily::from(info.family).into(),
            scheme: info.scheme.to_string(),
            derivation_path: info.scheme.path_of_index("{index}"),
            slip44: info.slip44,
            is_test: info.is_test,
            tokens: info
                .tokens
                .iter()
                .map(|it| api::Token {
                    symbol: it.symbol.to_owned(),
                    name: it.name.to_owned(),
                    contract: it.contract.unwrap_or_default().to_owned(),
                    decimals: it.decimals.into(),
                })
                .collect(),
            explorer_url: info.front_page().to_owned(),
            explorer_address_url: info.address_url("{address}"),
            explorer_transaction_url: info.transaction_url("{tx_hash}"),
        }
    }
}

impl From<Registered> for api::ExtendedKey {
    fn from(it: Registered) -> Self {
        let scheme = it.source.scheme;
        Self {
            domain_id: it.source.domain_id.into(),
            scheme: scheme.to_string(),
            fingerprint: it.fingerprint,
            derivation_path: scheme.path_of_index("{index}"),
            first_address: it.first.as_str().to_owned(),
            create_time: Some(timestamp(it.source.create_us)),
        }
    }
}

impl From<KeySource> for api::AddressPool {
    fn from(it: KeySource) -> Self {
        Self {
            domain_id: it.domain_id.into(),
            scheme: it.scheme.to_string(),
            total_count: it.pool_size.into(),
            available_count: it.available.into(),
            update_time: Some(timestamp(it.update_us)),
        }
    }
}
