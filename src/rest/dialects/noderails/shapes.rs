//! What customers, wallets and bills look like.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::{
    Country, Customer, Domain, Email, ExternalId, Family, Figure, Invoice, Network, PaymentIntent, TxHash,
    Wallet, WalletKind, WalletStatus,
};
use crate::rest::dialects::common::{milliseconds, plain, said};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown<'a> {
    pub(super) id: String,
    pub(super) app_id: String,
    pub(super) external_id: Option<&'a str>,
    pub(super) email: Option<&'a str>,
    pub(super) name: Option<String>,
    pub(super) address: Option<&'a str>,
    pub(super) city: Option<&'a str>,
    pub(super) state: Option<&'a str>,
    pub(super) country: Option<&'a str>,
    pub(super) postal_code: Option<&'a str>,
    pub(super) metadata: &'a Map<String, Value>,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) wallets: Vec<ShownWallet<'a>>,
    #[serde(flatten)]
    pub(super) more: More,
}

/// What some answers have beside.
#[derive(Default, Serialize)]
pub(super) struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<ShownApp>,
    #[serde(rename = "paymentIntents", skip_serializing_if = "Option::is_none")]
    pub(super) payment_intents: Option<Vec<ShownIntent>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) invoices: Option<Vec<ShownInvoice>>,
    #[serde(rename = "_count", skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<Count>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Count {
    pub(super) payment_intents: i64,
    pub(super) subscriptions: i64,
    pub(super) invoices: i64,
}

impl<'a> Shown<'a> {
    pub(super) fn of(it: &'a Customer, wallets: Vec<ShownWallet<'a>>, more: More) -> Self {
        let (profile, bill) = (&it.profile, &it.profile.billing_address);
        Self {
            id: plain(it.id.as_uuid()),
            app_id: plain(it.domain_id.as_uuid()),
            external_id: profile.external_id.as_ref().map(ExternalId::as_str),
            email: profile.email.as_ref().map(Email::as_str),
            name: Some(profile.full_name()).filter(|it| !it.is_empty()),
            address: said(bill.line1.as_str()),
            city: said(bill.city.as_str()),
            state: said(bill.state.as_str()),
            country: bill.country.as_ref().map(Country::as_str),
            postal_code: said(bill.postal_code.as_str()),
            metadata: profile.metadata.as_map(),
            created_at: milliseconds(it.create_us),
            updated_at: milliseconds(it.update_us),
            wallets,
            more,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownWallet<'a> {
    pub(super) id: String,
    pub(super) customer_account_id: String,
    pub(super) chain_id: u64,
    pub(super) wallet_address: String,
    #[serde(flatten)]
    pub(super) state: Option<WalletState<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chain: Option<Chain>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WalletState<'a> {
    pub(super) has_active_authorization: bool,
    pub(super) authorization_type: Option<&'static str>,
    pub(super) authorization_tx_hash: Option<&'a str>,
    pub(super) authorized_at: Option<String>,
    pub(super) created_at: String,
    pub(super) updated_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chain {
    pub(super) chain_id: u64,
    pub(super) name: &'static str,
}

/// What a network is numbered: EVM networks by EIP-155, those of Solana as its wallets number them.
pub(super) fn chain_id(network: Network) -> Option<u64> {
    match network {
        Network::Solana => Some(103),
        Network::SolanaDevnet => Some(102),
        other => other.info().chain_id,
    }
}

pub(super) fn network_of(chain: u64) -> Option<Network> {
    Network::ALL.iter().copied().find(|it| chain_id(*it) == Some(chain))
}

/// Which parts of a wallet are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parts {
    State,
    Chain,
    Both,
}

/// A wallet that somebody has linked and not removed, on a chain that has an id.
pub(super) fn shown(wallet: &Wallet, parts: Parts) -> Option<ShownWallet<'_>> {
    if wallet.kind != WalletKind::External || wallet.status == WalletStatus::Removed {
        return None;
    }
    let address = wallet.addresses.first()?;
    let (network, chain_id) = (address.network, chain_id(address.network)?);
    let is_evm = network.info().family == Family::Evm;
    let authorization = wallet.authorization.as_ref();
    let state = WalletState {
        has_active_authorization: authorization.is_some() && wallet.status == WalletStatus::Active,
        authorization_type: authorization.map(|it| it.kind.as_str()),
        authorization_tx_hash: authorization.and_then(|it| it.tx_hash.as_ref()).map(TxHash::as_str),
        authorized_at: authorization.map(|it| milliseconds(it.authorize_us)),
        created_at: milliseconds(wallet.create_us),
        updated_at: milliseconds(wallet.update_us),
    };
    let chain = Chain { chain_id, name: network.info().name };
    Some(ShownWallet {
        id: plain(wallet.id.as_uuid()),
        customer_account_id: plain(wallet.customer_id.as_uuid()),
        chain_id,
        // Upper and lower case are the same address on EVM chains only.
        wallet_address: if is_evm { address.address.to_ascii_lowercase() } else { address.address.clone() },
        state: (parts != Parts::Chain).then_some(state),
        chain: (parts != Parts::State).then_some(chain),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownApp {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) organization_id: String,
    pub(super) environment: &'static str,
    pub(super) status: &'static str,
    pub(super) created_at: String,
}

impl From<&Domain> for ShownApp {
    fn from(it: &Domain) -> Self {
        Self {
            id: plain(it.id.as_uuid()),
            name: it.name.as_str().to_owned(),
            organization_id: plain(it.organization_id.as_uuid()),
            environment: it.environment.as_str(),
            status: it.status.as_str(),
            created_at: milliseconds(it.create_us),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownIntent {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: String,
    pub(super) currency: String,
    pub(super) crypto_amount: Option<String>,
    pub(super) crypto_token_key: Option<String>,
    pub(super) authorization_chain_id: Option<u64>,
    pub(super) created_at: String,
    pub(super) captured_at: Option<String>,
}

impl From<PaymentIntent> for ShownIntent {
    fn from(it: PaymentIntent) -> Self {
        Self {
            id: plain(it.id.as_uuid()),
            status: it.status.into(),
            amount: it.amount.into(),
            currency: it.currency.into(),
            crypto_amount: it.own.crypto_amount.map(Figure::into),
            crypto_token_key: it.own.crypto_token_key.map(Into::into),
            authorization_chain_id: Some(it.own.authorization_chain_id).filter(|it| *it != 0),
            created_at: milliseconds(it.create_us),
            captured_at: it.own.capture_us.map(milliseconds),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownInvoice {
    pub(super) id: String,
    pub(super) invoice_number: Option<String>,
    pub(super) status: String,
    pub(super) total: String,
    pub(super) currency: String,
    pub(super) due_date: Option<String>,
    pub(super) paid_at: Option<String>,
    pub(super) created_at: String,
}

impl From<Invoice> for ShownInvoice {
    fn from(it: Invoice) -> Self {
        Self {
            id: plain(it.id.as_uuid()),
            invoice_number: it.own.invoice_number.map(Into::into),
            status: it.status.into(),
            total: it.amount.into(),
            currency: it.currency.into(),
            due_date: it.own.due_us.map(milliseconds),
            paid_at: it.own.paid_us.map(milliseconds),
            created_at: milliseconds(it.create_us),
        }
    }
}
