//! What was credited to wallets and debited.

use axum::extract::Path;
use axum::http::StatusCode;

use super::shapes::ShownTransaction;
use super::wallets::owned;
use super::{done, listed, page};
use crate::app::{TransactionFilter, TransactionKey};
use crate::domain::{
    Error, Fault, Faults, Noun, Scope, Transaction, TransactionId, TransactionType, WalletId,
};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::in_path;
use crate::rest::dialects::pages::in_query;

pub(super) async fn list(call: Call) -> Reply {
    let domain = call.at_home(&[Scope::WalletsRead])?;
    let mut faults = Faults::default();
    let given = |name| call.query.get(name).filter(|it| !it.is_empty());
    let wallet = given("wallet_id").and_then(|it| faults.keep("wallet_id", WalletId::of_either_form(it)));
    let those_that = |add| TransactionType::ALL.iter().copied().filter(|it| it.adds() == add).collect();
    let types = match given("type") {
        None => Vec::new(),
        Some("credit") => those_that(true),
        Some("debit") => those_that(false),
        Some(_) => faults.take("type", Err(Fault::new("must be credit or debit"))),
    };
    let filter = TransactionFilter { wallet, types, in_books: true, ..TransactionFilter::default() };
    let page = page(&call, &("transactions", domain, &filter), &mut faults)?;
    let page = in_query(faults, page)?;
    if let Some(id) = wallet {
        owned(&call, id).await?;
    }
    let list = call.app.list_transactions(&call.caller, filter, page).await?;
    let shown = list.items.iter().map(ShownTransaction::of).collect::<Result<_, _>>()?;
    listed::<Transaction>(&list, shown, page.size)
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    let domain = call.at_home(&[Scope::WalletsRead])?;
    let key = TransactionKey::Id(in_path(&id, TransactionId::of_either_form, Noun::Transaction)?);
    let transaction = call.app.get_transaction(&call.caller, &key, Some(domain)).await?;
    if transaction.network.is_some() {
        return Err(Error::NotFound(Noun::Transaction).into());
    }
    done(StatusCode::OK, ShownTransaction::of(&transaction)?)
}
