//! How customers pay and are paid.

use serde::{Deserialize, Serialize};

use super::{
    ChainAddress, Change, Code, Context, CustomerId, DomainId, Error, EventType, Fault, Line, Member,
    Network, PaymentMethodId, Result, Wallet, WalletKind, wallet, words,
};

words! {
    /// What a payment method is.
    PaymentMethodType {
        /// An account at a bank.
        BankAccount = "BANK_ACCOUNT",
        /// An address on a chain.
        ExternalWallet = "EXTERNAL_WALLET",
    }
}

words! {
    /// Whether it is in use.
    PaymentMethodStatus {
        /// It is.
        Active = "ACTIVE",
        /// Not any more, and for good.
        Removed = "REMOVED",
    }
}

/// An account at a bank. All of it is personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankAccount {
    /// Whose it is.
    pub account_name: Line,
    /// Its number.
    pub account_number: Code,
    /// What kind of account.
    #[serde(default, skip_serializing_if = "Line::is_empty")]
    pub account_type: Line,
    /// What the bank is called.
    #[serde(default, skip_serializing_if = "Line::is_empty")]
    pub bank_name: Line,
    /// The bank's code, or its branch's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bank_code: Option<Code>,
}

/// Where the money goes to or comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentDetails {
    /// An account at a bank.
    BankAccount(BankAccount),
    /// An address on a chain, in the display form.
    ExternalWallet {
        /// On which.
        network: Network,
        /// Which.
        address: String,
    },
}

impl PaymentDetails {
    /// An address on a chain.
    #[must_use]
    pub fn external_wallet(network: Network, address: &ChainAddress) -> Self {
        Self::ExternalWallet { network, address: address.as_str().to_owned() }
    }

    /// Of which kind of method they are.
    #[must_use]
    pub const fn kind(&self) -> PaymentMethodType {
        match self {
            Self::BankAccount(_) => PaymentMethodType::BankAccount,
            Self::ExternalWallet { .. } => PaymentMethodType::ExternalWallet,
        }
    }

    /// The same, if they are of the kind that was said.
    ///
    /// # Errors
    ///
    /// Where they are of the other.
    pub fn of(self, said: Option<PaymentMethodType>) -> Result<Self, Fault> {
        if said.is_none_or(|it| it == self.kind()) {
            Ok(self)
        } else {
            Err(Fault::new("must be that of the details"))
        }
    }
}

/// A way in which a customer pays or is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethod {
    /// Which.
    pub id: PaymentMethodId,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// In which domain.
    pub domain_id: DomainId,
    /// Of whom.
    pub customer_id: CustomerId,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: PaymentMethodType,
    /// Whether it is in use.
    pub status: PaymentMethodStatus,
    /// When it was added, in microseconds since 1970.
    pub create_us: i64,
    /// When it last changed.
    pub update_us: i64,
    /// Where the money goes to or comes from; none once it is removed or the customer is erased. The last field: erasure
    /// cuts it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<PaymentDetails>,
}

impl PaymentMethod {
    /// What a caller shows to say which version it has seen. Callers see it as opaque.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("v{}", self.sequence)
    }

    /// Whether its details are of its type.
    #[must_use]
    pub(super) const fn is_of_its_type(&self) -> bool {
        match &self.details {
            None => true,
            Some(details) => matches!(
                (details.kind(), self.kind),
                (PaymentMethodType::BankAccount, PaymentMethodType::BankAccount)
                    | (PaymentMethodType::ExternalWallet, PaymentMethodType::ExternalWallet)
            ),
        }
    }

    /// The same as those may see it who may not see account numbers.
    #[must_use]
    pub fn masked(mut self) -> Self {
        if let Some(PaymentDetails::BankAccount(account)) = &mut self.details {
            account.account_number = account.account_number.masked();
        }
        self
    }
}

/// What `AddPaymentMethod` asks for.
#[derive(Clone, Debug, Serialize)]
pub struct NewPaymentMethod {
    /// Of whom.
    pub customer_id: CustomerId,
    /// Where the money goes to or comes from.
    pub details: PaymentDetails,
}

/// Adds a payment method.
///
/// # Errors
///
/// [`Error::CustomerDeleted`], [`Error::NetworkNotAllowed`].
pub fn add(new: &NewPaymentMethod, member: &Member, id: PaymentMethodId, ctx: Context) -> Result<Change> {
    wallet::refuse_deleted(member)?;
    if let PaymentDetails::ExternalWallet { network, .. } = &new.details {
        wallet::allow(&member.domain, *network)?;
    }
    let method = PaymentMethod {
        id,
        sequence: 0,
        domain_id: member.domain.id,
        customer_id: member.customer.id,
        kind: new.details.kind(),
        status: PaymentMethodStatus::Active,
        create_us: ctx.now_us,
        update_us: ctx.now_us,
        details: Some(new.details.clone()),
    };
    let change = Change::new(ctx).expects(&member.customer).expects(&*member.domain);
    Ok(change.writes(method, EventType::PaymentMethodAdded, &[]))
}

/// Adds a payment method to a customer who is named by a wallet that is a balance.
///
/// # Errors
///
/// [`Error::WalletRemoved`], [`Error::WalletKindMismatch`]; as [`add`].
pub fn add_to(
    wallet: &Wallet,
    member: &Member,
    details: &PaymentDetails,
    id: PaymentMethodId,
    ctx: Context,
) -> Result<Change> {
    if wallet.kind != WalletKind::Ledger {
        return Err(Error::WalletKindMismatch(wallet.id, wallet.kind));
    }
    wallet::refuse_removed(wallet)?;
    let new = NewPaymentMethod { customer_id: wallet.customer_id, details: details.clone() };
    Ok(add(&new, member, id, ctx)?.expects(wallet))
}

/// Takes a payment method out of use, for good, and forgets where it leads. The customer may be deleted or erased.
///
/// # Errors
///
/// [`Error::PaymentMethodRemoved`].
pub fn remove(method: &PaymentMethod, member: &Member, ctx: Context) -> Result<Change> {
    if method.status == PaymentMethodStatus::Removed {
        return Err(Error::PaymentMethodRemoved(method.id));
    }
    let changed: &[_] = if method.details.is_some() { &["status", "details"] } else { &["status"] };
    let next = PaymentMethod {
        status: PaymentMethodStatus::Removed,
        update_us: ctx.now_us,
        details: None,
        ..method.clone()
    };
    let change = Change::new(ctx).expects(&member.customer).expects(&*member.domain);
    Ok(change.writes(next, EventType::PaymentMethodRemoved, changed))
}

#[cfg(test)]
mod tests;
