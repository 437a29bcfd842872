//! Crypto wallets, and what they hold.

use std::collections::HashMap;

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;

use super::found;
use crate::app::{Holder, parse_address_anywhere};
use crate::domain::{
    Account, Address, CustomerId, Error, Network, Noun, Scope, Sums, Wallet, WalletId, WalletKind,
    WalletStatus,
};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::{answer, wallet_id};
use crate::rest::dialects::fields::Fields;
use crate::rest::refusal::Refusal;

#[derive(Serialize)]
struct Created<'a> {
    success: bool,
    message: &'static str,
    data: CreatedWallet<'a>,
}

#[derive(Serialize)]
struct CreatedWallet<'a> {
    #[serde(rename = "walletId")]
    wallet_id: String,
    address: &'a str,
    network: &'static str,
}

pub(super) async fn create(call: Call) -> Reply {
    call.at_home(&[Scope::WalletsWrite])?;
    let request = call.request_id()?;
    let mut fields = Fields::of(&call)?;
    let network = fields.needed("network", |it| it.parse::<Network>());
    let customer = fields.needed("customerId", |it| CustomerId::of_either_form(&it));
    let (network, customer) = fields.finish(network.zip(customer))?;
    let made = call.app.create_sole_wallet(&call.caller, customer, network, request).await?.value;
    let address = made.addresses.first().ok_or_else(|| Error::internal("a wallet without an address"))?;
    let (wallet_id, network) = (made.id.to_string(), address.network.as_str());
    let data = CreatedWallet { wallet_id, address: &address.address, network };
    let message = "Crypto wallet created successfully";
    answer(StatusCode::CREATED, &Created { success: true, message, data })
}

#[derive(Serialize)]
struct Held<'a> {
    address: &'a str,
    network: &'static str,
    tokens: Tokens,
}

#[derive(Serialize)]
struct Tokens {
    usdc: Balance,
    usdt: Balance,
}

#[derive(Serialize)]
struct Balance {
    amount: String,
    #[serde(rename = "rawAmount")]
    raw_amount: String,
}

/// By our books.
type Books = HashMap<Account, Sums>;

impl Balance {
    /// What a wallet holds of a token; nothing where the network has no such token.
    fn of(wallet: WalletId, network: Network, symbol: &str, books: &Books) -> Self {
        let account = Account { wallet, network: Some(network), token: symbol.to_owned() };
        let (is_below_zero, amount) = books.get(&account).copied().unwrap_or_default().balance();
        let sign = if is_below_zero { "-" } else { "" };
        let decimals = network.token(symbol).map_or(0, |it| it.decimals);
        Self { amount: format!("{sign}{}", amount.in_token(decimals)), raw_amount: format!("{sign}{amount}") }
    }
}

impl<'a> Held<'a> {
    fn of(wallet: WalletId, network: Network, address: &'a str, books: &Books) -> Self {
        let of = |symbol| Balance::of(wallet, network, symbol, books);
        let tokens = Tokens { usdc: of("USDC"), usdt: of("USDT") };
        Self { address, network: network.as_str(), tokens }
    }
}

/// Balances are those of a wallet on a network. Where it has several addresses there, they stand at the first: what is shown
/// adds up to what there is.
fn held<'a>(wallet: &'a Wallet, books: &Books) -> Vec<Held<'a>> {
    let nothing = Books::new();
    let one = |it: &'a Address| {
        let first = wallet.addresses.iter().find(|other| other.network == it.network).map(|it| it.id);
        let books = if first == Some(it.id) { books } else { &nothing };
        Held::of(wallet.id, it.network, &it.address, books)
    };
    wallet.addresses.iter().map(one).collect()
}

const WALLET_FOUND: &str = "Crypto wallet retrieved successfully";

/// A wallet that is on a chain and not removed, with what it holds.
pub(super) async fn owned(call: &Call, id: WalletId) -> Result<(Wallet, Books), Refusal> {
    let (wallet, books) = call.app.ledger_balances(&call.caller, id).await?;
    if wallet.status == WalletStatus::Removed || wallet.kind == WalletKind::Ledger {
        return Err(Error::NotFound(Noun::Wallet).into());
    }
    Ok((wallet, books.into_iter().collect()))
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsRead])?;
    let id = wallet_id(&id)?;
    let (wallet, books) = owned(&call, id).await?;
    found(WALLET_FOUND, held(&wallet, &books))
}

pub(super) async fn retrieve_at(Path(address): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::WalletsRead])?;
    let missing = || Refusal::from(Error::NotFound(Noun::Wallet));
    let readings = parse_address_anywhere(&address).map_err(|_| missing())?;
    let holders = call.app.wallets_at(&call.caller, readings, domain).await?;
    if holders.is_empty() {
        return Err(missing());
    }
    let books = |it: &Holder| it.books.iter().cloned().collect();
    let held = holders
        .iter()
        .map(|it| Held::of(it.wallet.id, it.network, it.address.as_str(), &books(it)))
        .collect::<Vec<_>>();
    found(WALLET_FOUND, held)
}
