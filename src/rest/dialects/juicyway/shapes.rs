//! What customers, wallets and what moves in them look like.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::{
    Country, Customer, CustomerStatus, Email, Error, KycStatus, Line, Noun, PaymentDetails, PaymentMethod,
    Phone, Sums, Transaction, Wallet, WalletStatus,
};
use crate::rest::dialects::common::{plain, seconds};
use crate::rest::refusal::Refusal;

/// Where somebody is: on hold, or else as far as their KYC has come.
pub(super) const fn standing(it: &Customer) -> &'static str {
    match (it.status, it.kyc_status) {
        (CustomerStatus::Disabled | CustomerStatus::Deleted, _) => "disabled",
        (_, KycStatus::Pending | KycStatus::InReview | KycStatus::NeedsInfo) => "pending_kyc",
        (_, KycStatus::Rejected) => "rejected",
        (_, KycStatus::Expired) => "expired",
        (_, KycStatus::NotRequired | KycStatus::Approved) => "active",
    }
}

#[derive(Serialize)]
pub(super) struct Brief {
    pub(super) id: String,
    pub(super) status: &'static str,
    pub(super) created_at: String,
}

impl From<&Customer> for Brief {
    fn from(it: &Customer) -> Self {
        Self { id: plain(it.id.as_uuid()), status: standing(it), created_at: seconds(it.create_us) }
    }
}

#[derive(Serialize)]
pub(super) struct Shown<'a> {
    #[serde(flatten)]
    pub(super) created: Brief,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) first_name: &'a str,
    pub(super) last_name: &'a str,
    pub(super) email: Option<&'a str>,
    pub(super) phone: Option<&'a str>,
    pub(super) billing_address: ShownAddress<'a>,
    pub(super) updated_at: String,
}

#[derive(Serialize)]
pub(super) struct ShownAddress<'a> {
    line1: &'a str,
    line2: &'a str,
    pub(super) city: &'a str,
    pub(super) state: &'a str,
    pub(super) zip_code: &'a str,
    pub(super) country: Option<&'a str>,
}

impl<'a> From<&'a Customer> for Shown<'a> {
    fn from(it: &'a Customer) -> Self {
        let (profile, bill) = (&it.profile, &it.profile.billing_address);
        Self {
            created: it.into(),
            kind: profile.kind.as_str().to_lowercase(),
            first_name: profile.first_name.as_str(),
            last_name: profile.last_name.as_str(),
            email: profile.email.as_ref().map(Email::as_str),
            phone: profile.phone.as_ref().map(Phone::as_str),
            billing_address: ShownAddress {
                line1: bill.line1.as_str(),
                line2: bill.line2.as_str(),
                city: bill.city.as_str(),
                state: bill.state.as_str(),
                zip_code: bill.postal_code.as_str(),
                country: bill.country.as_ref().map(Country::as_str),
            },
            updated_at: seconds(it.update_us),
        }
    }
}

/// A number as it is, of whatever size.
pub(super) fn number(text: String) -> Result<Box<RawValue>, Refusal> {
    RawValue::from_string(text).map_err(|it| Error::internal(it).into())
}

#[derive(Serialize)]
pub(super) struct Balance {
    pub(super) amount: Box<RawValue>,
    pub(super) currency: String,
}

/// What the document calls the status of a wallet.
pub(super) const fn standing_of(status: WalletStatus) -> &'static str {
    match status {
        WalletStatus::Active => "active",
        WalletStatus::Frozen => "frozen",
        WalletStatus::Removed => "deleted",
    }
}

#[derive(Serialize)]
pub(super) struct ShownWallet {
    pub(super) id: String,
    pub(super) account_id: String,
    pub(super) customer_id: String,
    pub(super) balance: Balance,
    pub(super) status: &'static str,
    /// All of the customer's that are in use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) payment_methods: Vec<ShownMethod>,
}

impl ShownWallet {
    pub(super) fn of(wallet: &Wallet, sums: Sums) -> Result<Self, Refusal> {
        let currency = wallet.currency.as_ref().ok_or(Error::NotFound(Noun::Wallet))?;
        let (is_below_zero, amount) = sums.balance();
        let sign = if is_below_zero { "-" } else { "" };
        let amount = number(format!("{sign}{}", amount.in_token(currency.decimals())))?;
        Ok(Self {
            id: plain(wallet.id.as_uuid()),
            account_id: plain(wallet.domain_id.as_uuid()),
            customer_id: plain(wallet.customer_id.as_uuid()),
            balance: Balance { amount, currency: currency.as_str().to_owned() },
            status: standing_of(wallet.status),
            payment_methods: Vec::new(),
        })
    }
}

#[derive(Serialize)]
pub(super) struct ShownMethod {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) account_name: Option<String>,
    pub(super) account_number: Option<String>,
    pub(super) account_type: Option<String>,
    pub(super) bank_name: Option<String>,
    pub(super) bank_code: Option<String>,
}

impl From<PaymentMethod> for ShownMethod {
    fn from(it: PaymentMethod) -> Self {
        let line = |it: Line| Some(String::from(it)).filter(|it| !it.is_empty());
        let account = match it.details {
            Some(PaymentDetails::BankAccount(account)) => Some(account),
            _ => None,
        };
        let number = account.as_ref().map(|it| it.account_number.as_str().to_owned());
        Self {
            id: plain(it.id.as_uuid()),
            kind: it.kind.as_str().to_lowercase(),
            account_number: number,
            account_name: account.clone().and_then(|it| line(it.account_name)),
            account_type: account.clone().and_then(|it| line(it.account_type)),
            bank_name: account.clone().and_then(|it| line(it.bank_name)),
            bank_code: account.and_then(|it| it.bank_code).map(Into::into),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ShownTransaction {
    pub(super) id: String,
    pub(super) wallet_id: String,
    pub(super) customer_id: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) amount: Box<RawValue>,
    pub(super) currency: String,
    pub(super) status: String,
    pub(super) reference: String,
    pub(super) description: Option<String>,
    pub(super) created_at: String,
}

impl ShownTransaction {
    pub(super) fn of(it: &Transaction) -> Result<Self, Refusal> {
        let amount = it.amount;
        Ok(Self {
            id: plain(it.id.as_uuid()),
            wallet_id: plain(it.wallet_id.as_uuid()),
            customer_id: plain(it.customer_id.as_uuid()),
            kind: if it.kind.adds() { "credit" } else { "debit" },
            amount: number(amount.in_token(it.decimals))?,
            currency: it.token.clone(),
            status: it.status.as_str().to_lowercase(),
            reference: it.reference.as_str().to_owned(),
            description: Some(it.description.as_str().to_owned()).filter(|it| !it.is_empty()),
            created_at: seconds(it.create_us),
        })
    }
}
