//! What happened in crypto wallets.

use axum::extract::Path;
use serde::Serialize;

use super::found;
use super::wallets::owned;
use crate::app::{TransactionFilter, TransactionKey};
use crate::domain::{
    Error, Network, Noun, Scope, Transaction, TransactionId, TransactionStatus, WalletStatus,
};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::{in_path, plain, seconds, wallet_id};
use crate::rest::dialects::pages::Numbered;

#[derive(Serialize)]
struct Shown<'a> {
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

impl<'a> From<&'a Transaction> for Shown<'a> {
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
    transactions: Vec<Shown<'a>>,
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

pub(super) async fn list(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsRead])?;
    let id = wallet_id(&id)?;
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
    let transactions = list.items.iter().map(Shown::from).collect();
    found("Wallet transactions retrieved successfully", Transactions { transactions, pagination })
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::WalletsRead])?;
    let key = in_path(&id, TransactionId::of_either_form, Noun::Transaction)?;
    let key = TransactionKey::Id(key);
    let transaction = call.app.get_transaction(&call.caller, &key, Some(domain)).await?;
    let wallet = call.app.get_wallet(&call.caller, transaction.wallet_id, None).await?;
    if transaction.network.is_none() || wallet.status == WalletStatus::Removed {
        return Err(Error::NotFound(Noun::Transaction).into());
    }
    found("Transaction retrieved successfully", Shown::from(&transaction))
}

#[cfg(test)]
mod tests {
    use super::*;

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
