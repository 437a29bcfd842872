//! The document of Juicyway: customers, whose KYC is their status, and wallets that are a balance in one currency.

mod shapes;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use serde::Serialize;

use super::super::dialect::{Call, Dialect, Reply};
use super::super::face::Face;
use super::super::refusal::Refusal;
use super::common::{
    answer, counted, faults, in_path, in_query, live, message, named, refused, status, word,
};
use super::fields::{Fields, REQUIRED, UNKNOWN};
use crate::app::{
    App, Counting, CustomerFilter, CustomerTarget, TextColumn, TransactionFilter, TransactionKey,
};
use crate::domain::{
    BankAccount, BillingAddress, Code, Country, Currency, CustomerId, CustomerKey, CustomerPatch,
    CustomerType, Email, Error, Fault, Faults, FieldFault, Line, NewCustomer, Noun, Page, PageRequest,
    PaymentDetails, Phone, Profile, RequestId, Scope, Transaction, TransactionId, TransactionType, WalletId,
    WalletStatus,
};
use shapes::{Brief, Shown, ShownMethod, ShownTransaction, ShownWallet, standing_of};

pub(super) const DIALECT: Dialect = Dialect { face: Face::Juicyway, key, refuse };

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/customers", get(list).post(create))
        .route("/customers/{id}", get(retrieve).patch(update).delete(delete))
        .route("/wallets", post(create_wallet))
        .route("/wallets/{id}", get(wallet))
        .route("/wallets/{id}/status", patch(set_status))
        .route("/wallets/{id}/payment-method", post(add_payment_method))
        .route("/wallets/transactions", get(transactions))
        .route("/wallets/transactions/{id}", get(transaction))
}

/// The key, with or without `Bearer`.
fn key(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("authorization")?.to_str().ok()?.trim();
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Some(key.trim()),
        _ => Some(text).filter(|it| !it.is_empty()),
    }
}

/// Members of a body, and the paths of what they say.
const MEMBERS: [(&str, &str); 11] = [
    ("first_name", "first_name"),
    ("last_name", "last_name"),
    ("email", "email"),
    ("phone", "phone"),
    ("type", "type"),
    ("billing_address.line1", "billing_address.line1"),
    ("billing_address.line2", "billing_address.line2"),
    ("billing_address.city", "billing_address.city"),
    ("billing_address.state", "billing_address.state"),
    ("billing_address.zip_code", "billing_address.postal_code"),
    ("billing_address.country", "billing_address.country"),
];

/// The one member that may be left out of a new customer.
const OPTIONAL: &str = "billing_address.line2";

#[derive(Serialize)]
struct Refused<'a> {
    error: Fallacy<'a>,
}

#[derive(Serialize)]
struct Fallacy<'a> {
    code: String,
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    errors: Vec<BadField<'a>>,
}

#[derive(Serialize)]
struct BadField<'a> {
    field: &'a str,
    message: &'a str,
}

fn refuse(refusal: &Refusal) -> Response {
    let faults = faults(refusal);
    let status = match (refusal, status(refusal)) {
        (Refusal::Known(Error::Invalid(_) | Error::InvalidAddress(_)), _)
            if !faults.iter().any(is_of_the_request) =>
        {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        (_, status) => status,
    };
    let own = MEMBERS.map(|(member, path)| (path, member));
    let errors = faults
        .iter()
        .map(|it| BadField { field: named(&it.field, &own), message: it.fault.problem() })
        .collect();
    let code = word(status).to_lowercase();
    let kind = "invalid_request_error";
    refused(status, &Refused { error: Fallacy { code, message: message(refusal, &own), kind, errors } })
}

/// Whether the request itself is wrong, and not only a value in it: something is missing or not known, or a currency is none
/// that is kept.
fn is_of_the_request(it: &FieldFault) -> bool {
    it.fault.problem().starts_with(REQUIRED) || it.fault.problem() == UNKNOWN || it.field == "currency"
}

#[derive(Serialize)]
struct Done<T> {
    data: T,
}

fn done(status: StatusCode, data: impl Serialize) -> Reply {
    answer(status, &Done { data })
}

fn request_id(call: &Call) -> Result<Option<RequestId>, Refusal> {
    call.request_id("idempotency-key")
}

/// What a body says of a customer.
fn profile(fields: &mut Fields) -> Profile {
    let kind = fields.formed("type", |it| match it.as_str() {
        "individual" => Ok(CustomerType::Individual),
        "business" => Ok(CustomerType::Business),
        _ => Err(Fault::new("must be individual or business")),
    });
    Profile {
        kind: kind.unwrap_or(CustomerType::Individual),
        first_name: fields.line("first_name"),
        last_name: fields.line("last_name"),
        email: fields.formed("email", Email::try_from),
        phone: fields.formed("phone", Phone::try_from),
        billing_address: BillingAddress {
            line1: fields.line("billing_address.line1"),
            line2: fields.line("billing_address.line2"),
            city: fields.line("billing_address.city"),
            state: fields.line("billing_address.state"),
            postal_code: fields.line("billing_address.zip_code"),
            country: fields.formed("billing_address.country", Country::try_from),
        },
        ..Profile::default()
    }
}

async fn create(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite])?;
    let request = request_id(&call)?;
    let mut fields = Fields::of(&call)?;
    fields.unfold("billing_address");
    MEMBERS.iter().filter(|it| it.0 != OPTIONAL).for_each(|it| fields.need(it.0));
    let profile = profile(&mut fields);
    fields.done()?;
    let new = NewCustomer { profile, status: None };
    let made = call.app.create_customer(&call.caller, Some(domain), new, request).await?;
    done(StatusCode::CREATED, Brief::from(&made.value.customer))
}

fn customer_id(text: &str) -> Result<CustomerId, Refusal> {
    in_path(text, CustomerId::of_either_form, Noun::Customer)
}

async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let member = live(call.app.get_customer(&call.caller, &key, Some(domain)).await?)?;
    done(StatusCode::OK, Shown::from(&member.customer))
}

async fn update(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite])?;
    let request = request_id(&call)?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let mut fields = Fields::of(&call)?;
    fields.unfold("billing_address");
    let sent: Vec<_> = MEMBERS.iter().filter(|it| fields.has(it.0)).collect();
    sent.iter().filter(|it| it.0 != OPTIONAL).for_each(|it| fields.need(it.0));
    let profile = profile(&mut fields);
    fields.done()?;
    let paths = sent.into_iter().map(|it| it.1.to_owned()).collect();
    let target = CustomerTarget { key, domain: Some(domain), etag: None };
    let patch = CustomerPatch { paths, profile, status: None };
    let updated = call.app.update_customer(&call.caller, target, patch, request).await?;
    done(StatusCode::OK, Shown::from(&updated.value.customer))
}

async fn delete(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersWrite])?;
    let request = request_id(&call)?;
    let key = CustomerKey::Id(customer_id(&id)?);
    let target = CustomerTarget { key, domain: Some(domain), etag: None };
    call.app.soft_delete_customer(&call.caller, target, request).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Serialize)]
struct Listed<T> {
    data: Vec<T>,
    pagination: Pagination,
}

#[derive(Serialize)]
struct Pagination {
    after: Option<String>,
    before: Option<String>,
    limit: u32,
}

fn listed<T>(page: &Page<T>, data: Vec<impl Serialize>, limit: u32) -> Reply {
    let token = |it: &str| Some(it.to_owned()).filter(|it| !it.is_empty());
    let (after, before) = (token(&page.next_token), token(&page.previous_token));
    answer(StatusCode::OK, &Listed { data, pagination: Pagination { after, before, limit } })
}

/// The page after one cursor or before another, of what passes the filters.
fn page(call: &Call, filters: &impl Serialize, faults: &mut Faults) -> Result<Option<PageRequest>, Refusal> {
    let limit = faults.keep("limit", call.query.get("limit").map_or(Ok(15), |it| counted(it, 100)));
    let cursor = |name| call.query.get(name).filter(|it| !it.is_empty());
    let (after, before) = (cursor("after"), cursor("before"));
    if after.is_some() && before.is_some() {
        faults.add("before", Fault::new("cannot be given with `after`"));
    }
    let Some(limit) = limit.and_then(|it| i32::try_from(it).ok()) else { return Ok(None) };
    let name = if before.is_some() { "before" } else { "after" };
    match PageRequest::parse(limit, before.or(after).unwrap_or_default(), filters) {
        Err(Error::BadPageToken) => {
            faults.add(name, Fault::new("is no cursor of this list"));
            Ok(None)
        }
        page => Ok(Some(if before.is_some() { page?.backwards() } else { page? })),
    }
}

async fn list(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::CustomersRead])?;
    let mut faults = Faults::default();
    let email = call.query.get("email").filter(|it| !it.is_empty());
    let email = email.and_then(|it| faults.keep("email", Email::try_from(it.to_owned())));
    let texts = email.map(|it| vec![(TextColumn::Email, vec![it.into()])]).unwrap_or_default();
    let filter = CustomerFilter { texts, ..CustomerFilter::default() };
    let page = page(&call, &("customers", domain, &filter), &mut faults)?;
    let page = in_query(faults, page)?;
    let list = call.app.list_customers(&call.caller, Some(domain), filter, page, Counting::Not).await?.page;
    let shown = list.items.iter().map(|it| Shown::from(&it.customer)).collect();
    listed(&list, shown, page.size)
}

async fn create_wallet(call: Call) -> Reply {
    call.at_home(&[Scope::WalletsWrite])?;
    let request = request_id(&call)?;
    let mut fields = Fields::of(&call)?;
    let customer = fields.needed("customer_id", |it| CustomerId::of_either_form(&it));
    let currency = fields.needed("currency", Currency::try_from);
    let (customer, currency) = fields.finish(customer.zip(currency))?;
    let made = call.app.create_ledger_wallet(&call.caller, customer, currency, request).await?.value;
    done(StatusCode::CREATED, ShownWallet::of(&made, &[])?)
}

fn wallet_id(text: &str) -> Result<WalletId, Refusal> {
    in_path(text, WalletId::of_either_form, Noun::Wallet)
}

/// A wallet that is a balance, with what it holds, and how its customer is paid where the caller may know that. One that was
/// deleted shows as deleted.
async fn owned(call: &Call, id: WalletId) -> Result<ShownWallet, Refusal> {
    let (wallet, books) = call.app.ledger_balances(&call.caller, id).await?;
    let mut shown = ShownWallet::of(&wallet, &books)?;
    if call.may(&[Scope::BillingRead]).is_ok() {
        let all = PageRequest::parse(100, "", &())?;
        let methods = call.app.list_payment_methods(&call.caller, wallet.customer_id, all).await?;
        shown.payment_methods = methods.items.into_iter().map(Into::into).collect();
    }
    Ok(shown)
}

async fn wallet(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsRead])?;
    done(StatusCode::OK, owned(&call, wallet_id(&id)?).await?)
}

async fn set_status(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsWrite, Scope::WalletsRead])?;
    let request = request_id(&call)?;
    let id = wallet_id(&id)?;
    let mut fields = Fields::of(&call)?;
    let to = fields.needed("status", |it| match it.as_str() {
        "active" => Ok(WalletStatus::Active),
        "frozen" => Ok(WalletStatus::Frozen),
        "deleted" => Ok(WalletStatus::Removed),
        _ => Err(Fault::new("must be active, frozen or deleted")),
    });
    let reason: Line = fields.line("reason");
    let to = fields.finish(to)?;
    let before = owned(&call, id).await?;
    let stepped = call.app.step_wallet(&call.caller, id, to, reason, request).await?.value;
    done(
        StatusCode::OK,
        ShownWallet { status: standing_of(stepped.status), payment_methods: Vec::new(), ..before },
    )
}

async fn add_payment_method(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::BillingWrite, Scope::WalletsRead])?;
    let request = request_id(&call)?;
    let mut fields = Fields::of(&call)?;
    let kind = fields.needed("type", |it| match it.as_str() {
        "bank_account" => Ok(()),
        _ => Err(Fault::new("must be bank_account")),
    });
    fields.need("account_name");
    let account_number = fields.needed("account_number", Code::try_from);
    let (account_name, account_type) = (fields.line("account_name"), fields.line("account_type"));
    let (bank_name, bank_code) = (fields.line("bank_name"), fields.formed("bank_code", Code::try_from));
    let ((), account_number) = fields.finish(kind.zip(account_number))?;
    let account = BankAccount { account_name, account_number, account_type, bank_name, bank_code };
    let details = PaymentDetails::BankAccount(account);
    let id = wallet_id(&id)?;
    let mut shown = owned(&call, id).await?;
    let added = call.app.add_payment_method_to(&call.caller, id, details, request).await?.value;
    let added = ShownMethod::from(added);
    if shown.payment_methods.iter().all(|it| it.id != added.id) {
        shown.payment_methods.insert(0, added);
    }
    done(StatusCode::OK, shown)
}

async fn transactions(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::WalletsRead])?;
    let mut faults = Faults::default();
    let given = |name| call.query.get(name).filter(|it| !it.is_empty());
    let wallet = given("wallet_id").and_then(|it| faults.keep("wallet_id", WalletId::of_either_form(it)));
    let types = match given("type") {
        None => vec![TransactionType::Credit, TransactionType::Debit],
        Some("credit") => vec![TransactionType::Credit],
        Some("debit") => vec![TransactionType::Debit],
        Some(_) => faults.take("type", Err(Fault::new("must be credit or debit"))),
    };
    let filter = TransactionFilter { wallet, types, ..TransactionFilter::default() };
    let page = page(&call, &("transactions", domain, &filter), &mut faults)?;
    let page = in_query(faults, page)?;
    if let Some(id) = wallet {
        owned(&call, id).await?;
    }
    let list = call.app.list_transactions(&call.caller, filter, page).await?;
    let shown = list.items.iter().map(ShownTransaction::of).collect::<Result<_, _>>()?;
    listed::<Transaction>(&list, shown, page.size)
}

async fn transaction(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::WalletsRead])?;
    let key = TransactionKey::Id(in_path(&id, TransactionId::of_either_form, Noun::Transaction)?);
    let transaction = call.app.get_transaction(&call.caller, &key, Some(domain)).await?;
    if transaction.network.is_some() {
        return Err(Error::NotFound(Noun::Transaction).into());
    }
    done(StatusCode::OK, ShownTransaction::of(&transaction)?)
}
