//! Wallets, and how their customers are paid.

use axum::extract::Path;
use axum::http::StatusCode;

use super::done;
use super::shapes::{ShownMethod, ShownWallet, standing_of};
use crate::domain::{
    BankAccount, Code, Currency, CustomerId, Fault, Line, PageRequest, PaymentDetails, Scope, WalletId,
    WalletStatus,
};
use crate::rest::dialect::{Call, Reply};
use crate::rest::dialects::common::wallet_id;
use crate::rest::dialects::fields::Fields;
use crate::rest::refusal::Refusal;

pub(super) async fn create(call: Call) -> Reply {
    call.at_home(&[Scope::WalletsWrite])?;
    let request = call.request_id()?;
    let mut fields = Fields::of(&call)?;
    let customer = fields.needed("customer_id", |it| CustomerId::of_either_form(&it));
    let currency = fields.needed("currency", Currency::try_from);
    let (customer, currency) = fields.finish(customer.zip(currency))?;
    let made = call.app.create_ledger_wallet(&call.caller, customer, currency, request).await?.value;
    done(StatusCode::CREATED, ShownWallet::of(&made, &[])?)
}

/// A wallet that is a balance, with what it holds, and how its customer is paid where the caller may know that. One that was
/// deleted shows as deleted.
pub(super) async fn owned(call: &Call, id: WalletId) -> Result<ShownWallet, Refusal> {
    let (wallet, books) = call.app.ledger_balances(&call.caller, id).await?;
    let mut shown = ShownWallet::of(&wallet, &books)?;
    if call.may(&[Scope::BillingRead]).is_ok() {
        let all = PageRequest::parse(100, "", &())?;
        let methods = call.app.list_payment_methods(&call.caller, wallet.customer_id, all).await?;
        shown.payment_methods = methods.items.into_iter().map(Into::into).collect();
    }
    Ok(shown)
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
    let before = owned(&call, id).await?;
    let stepped = call.app.step_wallet(&call.caller, id, to, reason, request).await?.value;
    done(
        StatusCode::OK,
        ShownWallet { status: standing_of(stepped.status), payment_methods: Vec::new(), ..before },
    )
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
    let added = call.app.add_payment_method_to(&call.caller, id, details, request).await?.value;
    let added = ShownMethod::from(added);
    if shown.payment_methods.iter().all(|it| it.id != added.id) {
        shown.payment_methods.insert(0, added);
    }
    done(StatusCode::OK, shown)
}
