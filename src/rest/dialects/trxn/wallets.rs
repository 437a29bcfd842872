//! Wallets, with the first of their addresses.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;

use super::{PAGE, Pagination};
use crate::app::WalletFilter;
use crate::domain::{Address, Error, Noun, Scope, Wallet, WalletId, WalletKind, WalletStatus};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::{answer, seconds, wallet_id};
use crate::rest::dialects::pages::Numbered;
use crate::rest::refusal::Refusal;

#[derive(Serialize)]
struct Shown<'a> {
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

impl<'a> Shown<'a> {
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
    wallets: Vec<Shown<'a>>,
    pagination: Pagination,
}

pub(super) async fn list(call: Call) -> Reply {
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
        wallets.push(Shown::of(&call, it).await?);
    }
    answer(StatusCode::OK, &Wallets { wallets, pagination: Pagination::of(&page, count) })
}

/// A wallet on some chain that is not removed.
pub(super) fn is_there(wallet: &Wallet) -> bool {
    wallet.status != WalletStatus::Removed && wallet.kind != WalletKind::Ledger
}

async fn owned(call: &Call, id: WalletId) -> Result<Wallet, Refusal> {
    let wallet = call.app.get_wallet(&call.caller, id, None).await?;
    if is_there(&wallet) { Ok(wallet) } else { Err(Error::NotFound(Noun::Wallet).into()) }
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsRead])?;
    let wallet = owned(&call, wallet_id(&id)?).await?;
    answer(StatusCode::OK, &Shown::of(&call, &wallet).await?)
}
