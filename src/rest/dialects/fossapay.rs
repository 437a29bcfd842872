//! The document of `FossaPay`: customers, and their crypto wallets.
//!
//! It has customers under `/api/v1` and wallets under `/v1`; wallets are found under both.

use std::collections::HashMap;

use axum::Router;
use axum::extract::Path;
use axum::http::header::LINK;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;

use super::super::dialect::{Call, Dialect, Reply, api_key};
use super::super::face::Face;
use super::super::refusal::Refusal;
use super::common::{
    Numbered, answer, in_path, in_query, live, message, milliseconds, plain, refused, seconds, status, word,
};
use super::fields::Fields;
use crate::app::{App, Counting, CustomerFilter, Holder, TransactionFilter, parse_address_anywhere};
use crate::domain::{
    Account, Address, Customer, CustomerId, CustomerKey, DomainId, Email, Error, Fault, Faults, Metadata,
    Network, NewCustomer, Noun, PageRequest, Phone, Profile, RequestId, Scope, Sums, Transaction,
    TransactionId, TransactionStatus, Wallet, WalletId, WalletKind, WalletStatus,
};

pub(super) const DIALECT: Dialect = Dialect { face: Face::Fossapay, key: api_key, refuse };

pub(super) fn routes() -> Router<App> {
    let wallets = Router::new()
        .route("/create", post(create_wallet))
        .route("/address/{address}", get(wallet_at))
        .route("/transactions/{id}", get(transaction))
        .route("/{id}", get(wallet))
        .route("/{id}/transactions", get(transactions));
    Router::new()
        .route("/api/v1/customers", get(customers).post(create_customer))
        .route("/api/v1/customers/{id}", get(customer))
        .nest("/v1/wallets/crypto", wallets.clone())
        .nest("/api/v1/wallets/crypto", wallets)
}

#[derive(Serialize)]
struct Refused<'a> {
    status: &'static str,
    #[serde(rename = "statusCode")]
    status_code: u16,
    message: &'a str,
    code: &'a str,
}

fn refuse(refusal: &Refusal) -> Response {
    let status = status(refusal);
    let code = match refusal {
        Refusal::Known(Error::ApiKeyMissing) => "MISSING_API_KEY",
        Refusal::Known(Error::ApiKeyExpired) => "EXPIRED_API_KEY",
        _ if status == StatusCode::UNAUTHORIZED => "INVALID_API_KEY",
        _ => word(status),
    };
    let message = message(refusal, &[]);
    refused(status, &Refused { status: "error", status_code: status.as_u16(), message: &message, code })
}

/// What the document calls a success, around what was asked for.
#[derive(Serialize)]
struct Found<T> {
    status: &'static str,
    #[serde(rename = "statusCode")]
    status_code: u16,
    message: &'static str,
    data: T,
}

fn found(message: &'static str, data: impl Serialize) -> Reply {
    answer(StatusCode::OK, &Found { status: "success", status_code: 200, message, data })
}

fn request_id(call: &Call) -> Result<Option<RequestId>, Refusal> {
    call.request_id("x-idempotency-key")
}

#[derive(Serialize)]
struct ShownCustomer<'a> {
    id: String,
    name: String,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    #[serde(rename = "createdAt")]
    created_at: String,
    #[serde(rename = "updatedAt")]
    updated_at: String,
}

impl<'a> From<&'a Customer> for ShownCustomer<'a> {
    fn from(it: &'a Customer) -> Self {
        Self {
            id: it.id.to_string(),
            name: it.profile.full_name(),
            email: it.profile.email.as_ref().map(Email::as_str),
            phone: it.profile.phone.as_ref().map(Phone::as_str),
            created_at: milliseconds(it.create_us),
            updated_at: milliseconds(it.update_us),
        }
    }
}

async fn create_customer(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite])?;
    let request = request_id(&call)?;
    let mut fields = Fields::of(&call)?;
    fields.need("name");
    let profile = Profile {
        name: fields.line("name"),
        email: fields.needed("email", Email::try_from),
        phone: fields.formed("phone", Phone::try_from),
        metadata: {
            let metadata = fields.object("metadata");
            fields.faults.take("metadata", Metadata::try_from(metadata))
        },
        ..Profile::default()
    };
    fields.done()?;
    let new = NewCustomer { profile, status: None };
    let made = call.app.create_customer(&call.caller, Some(domain), new, request).await?;
    answer(StatusCode::CREATED, &ShownCustomer::from(&made.value.customer))
}

async fn customers(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let mut faults = Faults::default();
    let page = listed(&call, domain, &mut faults);
    let page = in_query(faults, page)?;
    let filter = CustomerFilter::default();
    let list = call.app.list_customers(&call.caller, Some(domain), filter, page, Counting::Not).await?.page;
    let shown: Vec<_> = list.items.iter().map(|it| ShownCustomer::from(&it.customer)).collect();
    let mut response = answer(StatusCode::OK, &shown)?;
    if !list.next_token.is_empty() {
        // Relative to the request, whatever stands before us; and by a place and no number, so that it has no end before
        // the list has.
        let next = format!("<?after={}&limit={}>; rel=\"next\"", list.next_token, page.size);
        response.headers_mut().insert(LINK, HeaderValue::from_str(&next).map_err(Error::internal)?);
    }
    Ok(response)
}

/// The page of a number, or the one that a link leads to.
fn listed(call: &Call, domain: DomainId, faults: &mut Faults) -> Option<PageRequest> {
    let numbered = Numbered::read(call, Some("limit"), 100, faults)?;
    let after = call.query.get("after").unwrap_or_default();
    if !after.is_empty() && call.query.get("page").is_some() {
        faults.add("after", Fault::new("cannot be given with `page`"));
    }
    let size = i32::try_from(numbered.size).ok()?;
    let page = PageRequest::parse(size, after, &("customers", domain));
    let page = faults.keep("after", page.map_err(|_| Fault::new("is no place in this list")))?;
    Some(page.skipping(numbered.request.skip))
}

async fn customer(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let key = CustomerKey::Id(in_path(&id, CustomerId::of_either_form, Noun::Customer)?);
    let member = live(call.app.get_customer(&call.caller, &key, Some(domain)).await?)?;
    answer(StatusCode::OK, &ShownCustomer::from(&member.customer))
}

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

async fn create_wallet(call: Call) -> Reply {
    call.at_home(&[Scope::WalletsWrite])?;
    let request = request_id(&call)?;
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
async fn owned(call: &Call, id: WalletId) -> Result<(Wallet, Books), Refusal> {
    let (wallet, books) = call.app.ledger_balances(&call.caller, id).await?;
    if wallet.status == WalletStatus::Removed || wallet.kind == WalletKind::Ledger {
        return Err(Error::NotFound(Noun::Wallet).into());
    }
    Ok((wallet, books.into_iter().collect()))
}

async fn wallet(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsRead])?;
    let id = in_path(&id, WalletId::of_either_form, Noun::Wallet)?;
    let (wallet, books) = owned(&call, id).await?;
    found(WALLET_FOUND, held(&wallet, &books))
}

async fn wallet_at(Path(address): Path<String>, call: Call) -> Reply {
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

#[derive(Serialize)]
struct ShownTransaction<'a> {
    id: String,
    reference: &'a str,
    #[serde(rename = "transactionType")]
    kind: String,
    status: &'static str,
    #[serde(rename = "amountInCrypto")]
    amount: String,
    #[serde(rename = "tokenSymbol")]
    token: String,
    blockchain: &'static str,
    #[serde(rename = "createdAt")]
    created_at: String,
}

impl<'a> From<&'a Transaction> for ShownTransaction<'a> {
    fn from(it: &'a Transaction) -> Self {
        Self {
            id: plain(it.id.as_uuid()),
            reference: it.reference.as_str(),
            kind: it.kind.as_str().to_lowercase(),
            status: match it.status {
                TransactionStatus::Pending => "pending",
                TransactionStatus::Confirmed => "completed",
                TransactionStatus::Failed => "failed",
            },
            amount: to_eight_places(&it.amount.in_token(it.decimals)),
            token: it.token.to_lowercase(),
            blockchain: it.network.map_or("", Network::as_str),
            created_at: seconds(it.create_us).replace('Z', "+00:00"),
        }
    }
}

/// A decimal number with eight places, and more where it has more.
fn to_eight_places(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    format!("{whole}.{fraction:0<8}")
}

#[derive(Serialize)]
struct Transactions<'a> {
    transactions: Vec<ShownTransaction<'a>>,
    pagination: Pagination,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    current_page: u32,
    total_pages: i64,
    total_items: i64,
    items_per_page: u32,
}

async fn transactions(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsRead])?;
    let id = in_path(&id, WalletId::of_either_form, Noun::Wallet)?;
    let page = Numbered::of(&call, Some("limit"), 10)?;
    owned(&call, id).await?;
    let filter = TransactionFilter { wallet: Some(id), ..TransactionFilter::default() };
    let total = call.app.count_transactions(&call.caller, filter.clone()).await?.size;
    let list = call.app.list_transactions(&call.caller, filter, page.request).await?;
    let pagination = Pagination {
        current_page: page.number,
        total_pages: page.pages(total),
        total_items: total,
        items_per_page: page.size,
    };
    let transactions = list.items.iter().map(ShownTransaction::from).collect();
    found("Wallet transactions retrieved successfully", Transactions { transactions, pagination })
}

async fn transaction(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::WalletsRead])?;
    let key = in_path(&id, TransactionId::of_either_form, Noun::Transaction)?;
    let key = crate::app::TransactionKey::Id(key);
    let transaction = call.app.get_transaction(&call.caller, &key, Some(domain)).await?;
    let wallet = call.app.get_wallet(&call.caller, transaction.wallet_id, None).await?;
    if transaction.network.is_none() || wallet.status == WalletStatus::Removed {
        return Err(Error::NotFound(Noun::Transaction).into());
    }
    found("Transaction retrieved successfully", ShownTransaction::from(&transaction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_missing_past_its_time_or_not_valid() {
        for (error, code) in [
            (Error::ApiKeyMissing, "MISSING_API_KEY"),
            (Error::ApiKeyInvalid, "INVALID_API_KEY"),
            (Error::ApiKeyRevoked, "INVALID_API_KEY"),
            (Error::ApiKeyExpired, "EXPIRED_API_KEY"),
        ] {
            let body = axum::body::to_bytes(refuse(&error.into()).into_body(), 1_000).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((&body["code"], &body["statusCode"]), (&code.into(), &401.into()));
        }
    }

    #[test]
    fn amounts_have_eight_places_or_as_many_as_they_need() {
        for (number, shown) in [
            ("10", "10.00000000"),
            ("0.5", "0.50000000"),
            ("1.123456789", "1.123456789"),
            ("0", "0.00000000"),
        ] {
            assert_eq!(to_eight_places(number), shown);
        }
    }
}
