//! Wallets, and how their customers are paid.

use axum::extract::Path;
use axum::http::StatusCode;

use super::done;
use super::shapes::{ShownMethod, ShownWallet, standing_of};
use crate::domain::{
    BankAccount, Code, Currency, CustomerId, Fault, Line, PageRequest, PaymentDetails, Scope, Sums, Wallet,
    WalletId, WalletStatus,
};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::wallet_id;
use crate::rest::dialects::fields::Fields;
use crate::rest::refusal::Refusal;

/// How many payment methods are shown at most: a page of them.
const METHODS: usize = 100;

pub(super) async fn create(call: Call) -> Reply {
    call.at_home(&[Scope::WalletsWrite])?;
    let request = call.request_id()?;
    let mut fields = Fields::of(&call)?;
    let customer = fields.needed("customer_id", |it| CustomerId::of_either_form(&it));
    let currency = fields.needed("currency", Currency::try_from);
    let (customer, currency) = fields.finish(customer.zip(currency))?;
    let made = call.app.create_ledger_wallet(&call.caller, customer, currency, request).await?.value;
    done(StatusCode::CREATED, ShownWallet::of(&made, Sums::default())?)
}

/// A wallet that is a balance, with what it holds, and how its customer is paid where the caller may know that. One that was
/// deleted shows as deleted.
pub(super) async fn owned(call: &Call, id: WalletId) -> Result<ShownWallet, Refusal> {
    let (wallet, books) = call.app.ledger_balances(&call.caller, id).await?;
    // It holds one currency.
    let sums = books.first().map(|it| it.1).unwrap_or_default();
    let mut shown = ShownWallet::of(&wallet, sums)?;
    if call.may(&[Scope::BillingRead]).is_ok() {
        let all = PageRequest::parse(100, "", &())?;
        let methods = call.app.list_payment_methods(&call.caller, wallet.customer_id, all).await?;
        shown.payment_methods = methods.items.into_iter().map(Into::into).collect();
    }
    Ok(shown)
}

/// The wallet as it was when a request that is repeated took effect, which is the first answer; nothing where this is that.
async fn as_of(
    call: &Call,
    customer: CustomerId,
    id: WalletId,
    sequence: i64,
    is_replay: bool,
) -> Result<Option<ShownWallet>, Refusal> {
    if !is_replay {
        return Ok(None);
    }
    let Some(past) = call.app.ledger_as_of(customer, id, sequence).await? else { return Ok(None) };
    let mut shown = ShownWallet::of(&past.wallet, past.sums)?;
    if call.may(&[Scope::BillingRead]).is_ok() {
        shown.payment_methods = past.methods.into_iter().map(Into::into).collect();
    }
    Ok(Some(shown))
}

pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsRead])?;
    done(StatusCode::OK, owned(&call, wallet_id(&id)?).await?)
}

pub(super) async fn set_status(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::WalletsWrite, Scope::WalletsRead])?;
    let request = call.request_id()?;
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
    // Before anything is written: what fails afterwards would look as if nothing had been.
    let before = owned(&call, id).await?;
    let stepped = call.app.step_wallet(&call.caller, id, to, reason, request).await?;
    let Wallet { customer_id, sequence, status, .. } = stepped.value;
    let shown = match as_of(&call, customer_id, id, sequence, stepped.replayed).await? {
        Some(first) => first,
        None => ShownWallet { status: standing_of(status), ..before },
    };
    done(StatusCode::OK, ShownWallet { payment_methods: Vec::new(), ..shown })
}

pub(super) async fn add_payment_method(Path(id): Path<String>, call: Call) -> Reply {
    call.at_home(&[Scope::BillingWrite, Scope::WalletsRead])?;
    let request = call.request_id()?;
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
    let added = call.app.add_payment_method_to(&call.caller, id, details, request).await?;
    let (customer, sequence) = (added.value.customer_id, added.value.sequence);
    if let Some(first) = as_of(&call, customer, id, sequence, added.replayed).await? {
        shown = first;
    }
    let added = ShownMethod::from(added.value);
    if shown.payment_methods.iter().all(|it| it.id != added.id) {
        shown.payment_methods.insert(0, added);
    }
    shown.payment_methods.truncate(METHODS);
    done(StatusCode::OK, shown)
}
