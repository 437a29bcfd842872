//! Addresses of wallets.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;

use super::wallets::is_there;
use super::{PAGE, Pagination};
use crate::domain::{Address, AddressId, Error, Fault, Network, Noun, Scope, WalletId, WalletKind};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::{answer, in_path, seconds};
use crate::rest::dialects::fields::Fields;
use crate::rest::dialects::pages::Numbered;

#[derive(Serialize)]
struct Shown<'a> {
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

impl<'a> From<&'a Address> for Shown<'a> {
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
    crypto_addresses: Vec<Shown<'a>>,
    pagination: Pagination,
}

pub(super) async fn list(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::WalletsRead])?;
    let page = Numbered::of(&call, None, PAGE)?;
    let (list, total) = call.app.addresses_of_domain(&call.caller, Some(domain), page.request).await?;
    let crypto_addresses = list.items.iter().map(Into::into).collect();
    answer(StatusCode::OK, &Addresses { crypto_addresses, pagination: Pagination::of(&page, total.size) })
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsRead])?;
    let id = in_path(&id, AddressId::of_either_form, Noun::Address)?;
    let (address, wallet) = call.app.get_address(&call.caller, id).await?;
    if !is_there(&wallet) {
        return Err(Error::NotFound(Noun::Address).into());
    }
    answer(StatusCode::OK, &Shown::from(&address))
}

pub(super) async fn create(call: Call) -> Reply {
    call.at_home(&[Scope::WalletsWrite])?;
    let request = call.request_id()?;
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
    answer(StatusCode::CREATED, &Shown::from(&made.value))
}
