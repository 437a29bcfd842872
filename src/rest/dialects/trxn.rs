//! The document of TRXN: customers, each with a wallet from the beginning, the addresses of wallets, and claims.
//!
//! What is deleted here is deleted for good, and not there from then on.

mod claims;

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use super::super::dialect::{Call, Dialect, Reply, bearer};
use super::super::face::Face;
use super::super::refusal::Refusal;
use super::common::{Numbered, answer, in_path, live, message, named, refused, seconds, status, word};
use super::fields::{Fields, REQUIRED, UNKNOWN};
use crate::app::{App, Counting, CustomerFilter, CustomerTarget, WalletFilter};
use crate::domain::{
    Address, AddressId, Customer, CustomerId, CustomerKey, CustomerPatch, Email, Error, Fault, FieldFault,
    KeyKind, Network, NewCustomer, Noun, Profile, RequestId, Scope, Wallet, WalletId, WalletKind,
    WalletStatus,
};

pub(super) const DIALECT: Dialect = Dialect { face: Face::Trxn, key: bearer, refuse };

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/customers", get(list).post(create))
        .route("/v1/customers/{id}", get(retrieve).patch(update).delete(delete))
        .route("/v1/wallets", get(wallets))
        .route("/v1/wallets/{id}", get(wallet))
        .route("/v1/crypto_addresses", get(addresses).post(create_address))
        .route("/v1/crypto_addresses/{id}", get(address))
        .route("/v1/payment_claim_links", get(claims::links).post(claims::create_link))
        .route("/v1/payment_claim_links/{id}", get(claims::link))
        .route("/v1/crypto_payment_claims", get(claims::claims))
        .route("/v1/crypto_payment_claims/{id}", get(claims::claim))
        .route("/v1/crypto_payment_claims/{id}/approve", post(claims::approve))
        .route("/v1/crypto_payment_claims/{id}/reject", post(claims::reject))
}

/// How many are on a page.
const PAGE: u32 = 25;

#[derive(Serialize)]
struct Wrong<'a> {
    errors: BTreeMap<&'a str, Vec<&'static str>>,
}

#[derive(Serialize)]
struct Refused<'a> {
    error: Fallacy<'a>,
}

#[derive(Serialize)]
struct Fallacy<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: String,
    message: &'a str,
}

/// What the document calls a field otherwise than the directory.
const OWN: [(&str, &str); 1] = [("expire_time", "expires_at")];

fn refuse(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Known(Error::Invalid(faults) | Error::InvalidAddress(faults)) => {
            let mut errors = BTreeMap::<_, Vec<_>>::new();
            for it in faults {
                errors.entry(named(&it.field, &OWN)).or_default().push(problem(it));
            }
            refused(StatusCode::UNPROCESSABLE_ENTITY, &Wrong { errors })
        }
        Refusal::Known(Error::Taken { kind: KeyKind::Email, .. }) => {
            let errors = BTreeMap::from([("email", vec!["has already been taken"])]);
            refused(StatusCode::UNPROCESSABLE_ENTITY, &Wrong { errors })
        }
        other => {
            let status = status(other);
            let code = match status {
                StatusCode::NOT_FOUND => "resource_not_found".to_owned(),
                status => word(status).to_lowercase(),
            };
            let message = message(other, &[]);
            refused(
                status,
                &Refused { error: Fallacy { kind: "invalid_request_error", code, message: &message } },
            )
        }
    }
}

/// What is wrong with a field, in the words of the document.
fn problem(it: &FieldFault) -> &'static str {
    match it.fault.problem() {
        problem if problem.starts_with(REQUIRED) => "can't be blank",
        UNKNOWN => "is unknown",
        _ => "is invalid",
    }
}

fn request_id(call: &Call) -> Result<Option<RequestId>, Refusal> {
    call.request_id("idempotency-key")
}

#[derive(Serialize)]
struct Pagination {
    page: u32,
    pages: i64,
    count: i64,
}

impl Pagination {
    fn of(page: &Numbered, count: i64) -> Self {
        Self { page: page.number, pages: page.pages(count), count }
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    email: Option<&'a str>,
    first_name: &'a str,
    last_name: &'a str,
    created_at: String,
    updated_at: String,
}

impl<'a> From<&'a Customer> for Shown<'a> {
    fn from(it: &'a Customer) -> Self {
        Self {
            id: it.id.to_string(),
            email: it.profile.email.as_ref().map(Email::as_str),
            first_name: it.profile.first_name.as_str(),
            last_name: it.profile.last_name.as_str(),
            created_at: seconds(it.create_us),
            updated_at: seconds(it.update_us),
        }
    }
}

#[derive(Serialize)]
struct Customers<'a> {
    customers: Vec<Shown<'a>>,
    pagination: Pagination,
}

async fn list(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let page = Numbered::of(&call, None, PAGE)?;
    let filter = CustomerFilter { oldest_first: true, ..CustomerFilter::default() };
    let list =
        call.app.list_customers(&call.caller, Some(domain), filter, page.request, Counting::Whole).await?;
    let customers = list.page.items.iter().map(|it| Shown::from(&it.customer)).collect();
    let pagination = Pagination::of(&page, list.total.map_or(0, |it| it.size));
    answer(StatusCode::OK, &Customers { customers, pagination })
}

/// What a body says of a customer.
fn profile(fields: &mut Fields) -> Profile {
    Profile {
        email: fields.formed("email", Email::try_from),
        first_name: fields.line("first_name"),
        last_name: fields.line("last_name"),
        ..Profile::default()
    }
}

async fn create(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite, Scope::WalletsWrite])?;
    let request = request_id(&call)?;
    let mut fields = Fields::of(&call)?;
    fields.need("email");
    let profile = profile(&mut fields);
    fields.done()?;
    let new = NewCustomer { profile, status: None };
    let made = call.app.create_customer_and_wallet(&call.caller, Some(domain), new, request).await?;
    answer(StatusCode::CREATED, &Shown::from(&made.value.customer))
}

fn customer_id(text: &str) -> Result<CustomerId, Refusal> {
    in_path(text, CustomerId::of_either_form, Noun::Customer)
}

async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let member = live(call.app.get_customer(&call.caller, &key, Some(domain)).await?)?;
    answer(StatusCode::OK, &Shown::from(&member.customer))
}

async fn update(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite])?;
    let request = request_id(&call)?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let mut fields = Fields::of(&call)?;
    if fields.has("email") {
        fields.need("email");
    }
    let sent = ["email", "first_name", "last_name"].into_iter().filter(|it| fields.has(it));
    let paths = sent.map(str::to_owned).collect();
    let profile = profile(&mut fields);
    fields.done()?;
    let target = CustomerTarget { key, domain: Some(domain), etag: None };
    let patch = CustomerPatch { paths, profile, status: None };
    let updated = call.app.update_customer(&call.caller, target, patch, request).await?;
    answer(StatusCode::OK, &Shown::from(&updated.value.customer))
}

async fn delete(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::CustomersWrite, Scope::WalletsWrite])?;
    let request = request_id(&call)?;
    call.app.delete_customer_for_good(&call.caller, customer_id(&id)?, request).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Serialize)]
struct ShownWallet<'a> {
    id: String,
    object: &'static str,
    owner_type: &'static str,
    owner_id: String,
    crypto_addresses: Vec<BriefAddress<'a>>,
    crypto_address_count: i64,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
struct BriefAddress<'a> {
    id: String,
    address: &'a str,
    currency: &'static str,
    created_at: String,
}

impl<'a> ShownWallet<'a> {
    async fn of(call: &Call, it: &'a Wallet) -> Result<Self, Refusal> {
        Ok(Self {
            id: it.id.to_string(),
            object: "wallet",
            owner_type: "customer",
            owner_id: it.customer_id.to_string(),
            crypto_addresses: it.addresses.iter().map(Into::into).collect(),
            crypto_address_count: call.app.count_addresses(it).await?,
            created_at: seconds(it.create_us),
            updated_at: seconds(it.update_us),
        })
    }
}

impl<'a> From<&'a Address> for BriefAddress<'a> {
    fn from(it: &'a Address) -> Self {
        Self {
            id: it.id.to_string(),
            address: &it.address,
            currency: it.network.info().native.symbol,
            created_at: seconds(it.create_us),
        }
    }
}

#[derive(Serialize)]
struct Wallets<'a> {
    wallets: Vec<ShownWallet<'a>>,
    pagination: Pagination,
}

async fn wallets(call: Call) -> Reply {
    let domain = Some(call.at_home(&[Scope::WalletsRead])?);
    let page = Numbered::of(&call, None, PAGE)?;
    let filter = WalletFilter {
        kinds: vec![WalletKind::Managed, WalletKind::External],
        statuses: vec![WalletStatus::Active, WalletStatus::Frozen],
        ..WalletFilter::default()
    };
    let count = call.app.count_wallets(&call.caller, domain, filter.clone()).await?.size;
    let list = call.app.list_wallets(&call.caller, domain, filter, page.request).await?;
    let mut wallets = Vec::new();
    for it in &list.items {
        wallets.push(ShownWallet::of(&call, it).await?);
    }
    answer(StatusCode::OK, &Wallets { wallets, pagination: Pagination::of(&page, count) })
}

/// A wallet on some chain that is not removed.
fn is_there(wallet: &Wallet) -> bool {
    wallet.status != WalletStatus::Removed && wallet.kind != WalletKind::Ledger
}

async fn owned(call: &Call, id: WalletId) -> Result<Wallet, Refusal> {
    let wallet = call.app.get_wallet(&call.caller, id, None).await?;
    if is_there(&wallet) { Ok(wallet) } else { Err(Error::NotFound(Noun::Wallet).into()) }
}

async fn wallet(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsRead])?;
    let wallet = owned(&call, in_path(&id, WalletId::of_either_form, Noun::Wallet)?).await?;
    answer(StatusCode::OK, &ShownWallet::of(&call, &wallet).await?)
}

#[derive(Serialize)]
struct ShownAddress<'a> {
    id: String,
    object: &'static str,
    address: &'a str,
    currency: &'static str,
    wallet_id: String,
    explorer: Explorer,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
struct Explorer {
    name: &'static str,
    url: String,
}

impl<'a> From<&'a Address> for ShownAddress<'a> {
    fn from(it: &'a Address) -> Self {
        let info = it.network.info();
        let name = info.front_page().trim_start_matches("https://").trim_end_matches('/');
        Self {
            id: it.id.to_string(),
            object: "crypto_address",
            address: &it.address,
            currency: info.native.symbol,
            wallet_id: it.wallet_id.to_string(),
            explorer: Explorer { name, url: info.address_url(&it.address) },
            created_at: seconds(it.create_us),
            // An address never changes.
            updated_at: seconds(it.create_us),
        }
    }
}

#[derive(Serialize)]
struct Addresses<'a> {
    crypto_addresses: Vec<ShownAddress<'a>>,
    pagination: Pagination,
}

async fn addresses(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::WalletsRead])?;
    let page = Numbered::of(&call, None, PAGE)?;
    let (list, total) = call.app.addresses_of_domain(&call.caller, Some(domain), page.request).await?;
    let crypto_addresses = list.items.iter().map(Into::into).collect();
    answer(StatusCode::OK, &Addresses { crypto_addresses, pagination: Pagination::of(&page, total.size) })
}

async fn address(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsRead])?;
    let id = in_path(&id, AddressId::of_either_form, Noun::Address)?;
    let (address, wallet) = call.app.get_address(&call.caller, id).await?;
    if !is_there(&wallet) {
        return Err(Error::NotFound(Noun::Address).into());
    }
    answer(StatusCode::OK, &ShownAddress::from(&address))
}

async fn create_address(call: Call) -> Reply {
    call.at_home(&[Scope::WalletsWrite])?;
    let request = request_id(&call)?;
    let mut fields = Fields::of(&call)?;
    let wallet = fields.needed("wallet_id", |it| WalletId::of_either_form(&it));
    let currency = fields.needed("currency", |it| {
        let currency = it.to_uppercase();
        let is_known = Network::ALL.iter().any(|it| it.info().native.symbol == currency);
        if is_known { Ok(currency) } else { Err(Fault::new("is no chain's own coin")) }
    });
    let (id, currency) = fields.finish(wallet.zip(currency))?;
    // What it is never changes; whether it is there is decided with the rest, after a look for the request.
    if call.app.get_wallet(&call.caller, id, None).await?.kind == WalletKind::Ledger {
        return Err(Error::NotFound(Noun::Wallet).into());
    }
    let made = call.app.create_address_for(&call.caller, id, currency, request).await?;
    answer(StatusCode::CREATED, &ShownAddress::from(&made.value))
}
