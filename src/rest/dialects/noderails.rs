//! The document of `NodeRails`: customers, the wallets they have linked, and what they are billed.
//!
//! An app is a domain. What is linked on a chain that has no chain id here is not shown.

mod shapes;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde::Serialize;

use super::super::dialect::{Call, Dialect, Reply, api_key};
use super::super::face::Face;
use super::super::refusal::Refusal;
use super::common::{answer, customer_id, live, message, refused, status, wallet_id, word};
use super::fields::Fields;
use super::pages::{Numbered, in_query};
use crate::app::{
    App, BillingCounts, Counting, CustomerFilter, CustomerTarget, Overview, WalletTarget, parse_address,
};
use crate::domain::{
    Country, Customer, CustomerKey, CustomerPatch, Domain, DomainId, Email, Error, ExternalId, Fault, Faults,
    Line, Member, NewCustomer, Noun, Profile, Scope, Wallet, WalletKind, searched,
};
use shapes::{Count, More, Parts, Shown, ShownApp, network_of, shown};

pub(super) const DIALECT: Dialect =
    Dialect { face: Face::Noderails, key: api_key, once: "idempotency-key", refuse };

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/customers", get(list).post(create))
        .route("/customers/{id}", get(retrieve).put(update))
        .route("/customers/{id}/wallets", post(add_wallet))
        .route("/customers/{id}/wallets/{wallet}", delete(remove_wallet))
}

/// Members of a body, and the paths of what they say.
const MEMBERS: [(&str, &str); 9] = [
    ("email", "email"),
    ("name", "name"),
    ("externalId", "external_id"),
    ("address", "billing_address.line1"),
    ("city", "billing_address.city"),
    ("state", "billing_address.state"),
    ("country", "billing_address.country"),
    ("postalCode", "billing_address.postal_code"),
    ("metadata", "metadata"),
];

#[derive(Serialize)]
struct Refused {
    success: bool,
    error: Fallacy,
}

#[derive(Serialize)]
struct Fallacy {
    message: String,
    code: &'static str,
}

fn refuse(refusal: &Refusal) -> Response {
    let status = match (refusal, status(refusal)) {
        (Refusal::Known(Error::NetworkNotAllowed(..)), _) | (_, StatusCode::UNPROCESSABLE_ENTITY) => {
            StatusCode::BAD_REQUEST
        }
        (_, status) => status,
    };
    let message = message(refusal, &MEMBERS);
    refused(status, &Refused { success: false, error: Fallacy { message, code: word(status) } })
}

#[derive(Serialize)]
struct Done<T> {
    success: bool,
    data: T,
}

fn done(status: StatusCode, data: impl Serialize) -> Reply {
    answer(status, &Done { success: true, data })
}

/// The app that is named, or else the one that the key is for. One that the key does not cover is refused like one that
/// does not exist.
async fn app_of(call: &Call, named: Option<DomainId>) -> Result<Arc<Domain>, Refusal> {
    match call.app.domain_for(&call.caller, named).await {
        Err(Error::NotFound(Noun::Domain)) => Err(Refusal::Forbidden("the API key is not for this app")),
        Err(Error::Invalid(_)) => Err(Error::invalid("appId", super::fields::REQUIRED).into()),
        domain => Ok(domain?),
    }
}

/// What a body says of a customer.
fn profile(fields: &mut Fields) -> Profile {
    let mut profile = Profile {
        email: fields.formed("email", Email::try_from),
        name: fields.line("name"),
        external_id: fields.formed("externalId", ExternalId::try_from),
        metadata: fields.metadata("metadata"),
        ..Profile::default()
    };
    profile.billing_address.line1 = fields.line("address");
    profile.billing_address.city = fields.line("city");
    profile.billing_address.state = fields.line("state");
    profile.billing_address.country = fields.formed("country", Country::try_from);
    profile.billing_address.postal_code = fields.line("postalCode");
    profile
}

/// A customer that was just written.
fn written(status: StatusCode, customer: &Customer, wallets: &[Wallet]) -> Reply {
    let wallets = wallets.iter().filter_map(|it| shown(it, Parts::State)).collect();
    done(status, Shown::of(customer, wallets, More::default()))
}

async fn create(call: Call) -> Reply {
    call.may(&[Scope::CustomersWrite, Scope::WalletsRead])?;
    let request = call.request_id()?;
    let mut fields = Fields::of(&call)?;
    let app = fields.formed("appId", |it| DomainId::of_either_form(&it));
    let profile = profile(&mut fields);
    fields.done()?;
    let domain = app_of(&call, app).await?;
    let new = NewCustomer { profile, status: None };
    let made = call.app.create_customer(&call.caller, Some(domain.id), new, request).await?;
    // Who is new has linked nothing.
    written(StatusCode::CREATED, &made.value.customer, &[])
}

async fn update(Path(id): Path<String>, call: Call) -> Reply {
    call.may(&[Scope::CustomersWrite, Scope::WalletsRead])?;
    let request = call.request_id()?;
    let id = customer_id(&id)?;
    let key = CustomerKey::Id(id);
    let mut fields = Fields::of(&call)?;
    let paths = fields.paths(&MEMBERS);
    let profile = profile(&mut fields);
    fields.done()?;
    let target = CustomerTarget { key, domain: None, etag: None };
    let patch = CustomerPatch { paths, profile, status: None };
    // Before anything is written: what fails afterwards would look as if nothing had been.
    let beside = call.app.beside(&[id]).await?.remove(&id).unwrap_or_default();
    let updated = call.app.update_customer(&call.caller, target, patch, request).await?;
    let customer = &updated.value.customer;
    // A replay is the first answer.
    let then = if updated.replayed { call.app.linked_as_of(customer).await? } else { None };
    let wallets = then.unwrap_or(beside.wallets);
    written(StatusCode::OK, customer, &wallets)
}

async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    call.may(&[Scope::CustomersRead, Scope::WalletsRead, Scope::BillingRead])?;
    let overview =
        call.app.customer_overview(&call.caller, customer_id(&id)?, Some(WalletKind::External)).await?;
    let Overview { member, holdings, has_more_wallets: _ } = overview;
    let member = live(member)?;
    let more = More {
        app: Some(ShownApp::from(&*member.domain)),
        payment_intents: Some(holdings.payment_intents.into_iter().map(Into::into).collect()),
        invoices: Some(holdings.invoices.into_iter().map(Into::into).collect()),
        count: None,
    };
    let wallets = holdings.wallets.iter().filter_map(|it| shown(it, Parts::Both)).collect();
    done(StatusCode::OK, Shown::of(&member.customer, wallets, more))
}

#[derive(Serialize)]
struct Listed<'a> {
    success: bool,
    data: Vec<Shown<'a>>,
    pagination: Pagination,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    total: i64,
    page: u32,
    page_size: u32,
    total_pages: i64,
}

async fn list(call: Call) -> Reply {
    call.may(&[Scope::CustomersRead, Scope::WalletsRead, Scope::BillingRead])?;
    let mut faults = Faults::default();
    let app = call.query.get("appId").filter(|it| !it.is_empty());
    let app = app.and_then(|it| faults.keep("appId", DomainId::of_either_form(it)));
    let search = faults.take("search", searched(call.query.get("search").unwrap_or_default()));
    let page = Numbered::read(&call, Some("pageSize"), 20, &mut faults);
    let page = in_query(faults, page)?;
    let domain = app_of(&call, app).await?;
    let filter = CustomerFilter { search, ..CustomerFilter::default() };
    let list =
        call.app.list_customers(&call.caller, Some(domain.id), filter, page.request, Counting::Whole).await?;
    let total = list.total.map_or(0, |it| it.size);
    let members = list.page.items;
    let ids: Vec<_> = members.iter().map(|it| it.customer.id).collect();
    let beside = call.app.beside(&ids).await?;
    let nothing = crate::app::Beside::default();
    let mut data = Vec::new();
    for Member { customer, .. } in &members {
        let beside = beside.get(&customer.id).unwrap_or(&nothing);
        let wallets = beside.wallets.iter().filter_map(|it| shown(it, Parts::State)).collect();
        let more = More { count: Some(counted(beside.counts)), ..More::default() };
        data.push(Shown::of(customer, wallets, more));
    }
    let pagination =
        Pagination { total, page: page.number, page_size: page.size, total_pages: page.pages(total) };
    answer(StatusCode::OK, &Listed { success: true, data, pagination })
}

const fn counted(counts: BillingCounts) -> Count {
    let BillingCounts { payment_intents, invoices, subscriptions } = counts;
    Count { payment_intents, subscriptions, invoices }
}

async fn add_wallet(Path(id): Path<String>, call: Call) -> Reply {
    call.may(&[Scope::WalletsWrite])?;
    let request = call.request_id()?;
    let customer = customer_id(&id)?;
    let mut fields = Fields::of(&call)?;
    fields.need("chainId");
    fields.need("walletAddress");
    let chain = fields.number("chainId");
    let network = chain.and_then(|it| {
        let known = network_of(it).ok_or(Fault::new("is no chain that is known here"));
        fields.faults.keep("chainId", known)
    });
    let text = fields.text("walletAddress");
    let address = network
        .filter(|_| !text.is_empty())
        .and_then(|network| fields.faults.keep("walletAddress", parse_address(network, &text)));
    let (network, address) = fields.finish(network.zip(address))?;
    let made = call.app.link_wallet(&call.caller, customer, network, address, request).await?.value;
    let shown = shown(&made, Parts::Chain).ok_or_else(|| Error::internal("a linked wallet is shown"))?;
    done(StatusCode::CREATED, shown)
}

async fn remove_wallet(Path((id, wallet)): Path<(String, String)>, call: Call) -> Reply {
    call.may(&[Scope::WalletsWrite])?;
    let request = call.request_id()?;
    let customer = customer_id(&id)?;
    let wallet = wallet_id(&wallet)?;
    let linked = call.app.get_wallet(&call.caller, wallet, None).await?;
    if linked.customer_id != customer || linked.kind != WalletKind::External {
        return Err(Error::NotFound(Noun::Wallet).into());
    }
    let target = WalletTarget { id: wallet, etag: None };
    call.app.remove_wallet(&call.caller, target, Line::default(), request).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::shapes::chain_id;
    use super::*;
    use crate::domain::Network;

    #[test]
    fn a_chain_has_one_number() {
        for (chain, network) in [
            (1, Some(Network::Ethereum)),
            (8453, Some(Network::Base)),
            (101, None),
            (102, Some(Network::SolanaDevnet)),
            (103, Some(Network::Solana)),
            (0, None),
        ] {
            assert_eq!(network_of(chain), network, "{chain}");
        }
        let numbers: std::collections::HashSet<_> =
            Network::ALL.iter().filter_map(|it| chain_id(*it)).collect();
        assert_eq!(numbers.len(), Network::ALL.iter().filter_map(|it| chain_id(*it)).count());
    }
}
