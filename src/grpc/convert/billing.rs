//! Billing records and payment methods.

use std::borrow::Cow;

use prost_types::Timestamp;

use super::customers::{Known, same_values};
use super::{address, id, micros, network, timestamp};
use crate::api;
use crate::api::payment_method::Details;
use crate::app::Overview;
use crate::domain::{
    BankAccount, Bill, BillingKind, Code, Currency, Fault, Faults, Figure, Invoice, Network,
    NewBillingRecord, NewPaymentMethod, Payment, PaymentDetails, PaymentIntent, PaymentMethod,
    PaymentMethodStatus, PaymentMethodType, Plan, Result, Subscription, Word,
};

same_values!(PaymentMethodType: BankAccount, ExternalWallet);
same_values!(PaymentMethodStatus: Active, Removed);

/// What is said of a billing record of any kind.
struct Said {
    customer_id: String,
    external_id: String,
    status: String,
    amount: String,
    currency: String,
    description: String,
    create_time: Option<Timestamp>,
}

/// The path of a field of a kind's message.
fn path<K: BillingKind>(field: &str) -> Cow<'static, str> {
    format!("{}.{field}", K::NOUN).into()
}

/// A time that may be left out.
fn time<K: BillingKind>(field: &str, time: Option<Timestamp>, faults: &mut Faults) -> Result<Option<i64>> {
    faults.absorb(micros(path::<K>(field), time))
}

/// What all kinds have in common; none where a fault was noted.
fn record<K: BillingKind>(said: Said, own: K, faults: &mut Faults) -> Result<Option<NewBillingRecord<K>>> {
    let Said { customer_id, external_id, status, amount, currency, description, create_time } = said;
    let customer_id = faults.gather(id(path::<K>("customer_id"), &customer_id))?;
    let external_id = faults.keep(path::<K>("external_id"), required(external_id));
    let status = faults.keep(path::<K>("status"), required(status));
    let amount = faults.keep(path::<K>(K::AMOUNT), required::<Figure>(amount));
    let currency = faults.keep(path::<K>("currency"), required::<Currency>(currency));
    if let (Some(amount), Some(currency)) = (&amount, &currency) {
        faults.keep(path::<K>(K::AMOUNT), amount.in_currency(currency.most_decimals()));
    }
    let description = faults.take(path::<K>("description"), description.try_into());
    let create_us = time::<K>("create_time", create_time, faults)?;
    let (Some(customer_id), Some(external_id), Some(status), Some(amount), Some(currency)) =
        (customer_id, external_id, status, amount, currency)
    else {
        return Ok(None);
    };
    Ok(Some(NewBillingRecord {
        customer_id,
        external_id,
        status,
        amount,
        currency,
        description,
        own,
        create_us,
        etag: None,
    }))
}

/// A text that has to be there.
fn required<T: TryFrom<String, Error = Fault>>(text: String) -> Result<T, Fault> {
    if text.is_empty() { Err(Fault::new("is required")) } else { text.try_into() }
}

/// The message of a request that has to bring one; none with the fault noted.
fn brought<M>(noun: &'static str, message: Option<M>, faults: &mut Faults) -> Option<M> {
    if message.is_none() {
        faults.add(noun, Fault::new("is required"));
    }
    message
}

/// A payment intent as it is told of; none where a fault was noted. Fields that are output only are not read.
pub(in crate::grpc) fn payment_intent(
    from: Option<api::PaymentIntent>,
    faults: &mut Faults,
) -> Result<Option<NewBillingRecord<Payment>>> {
    let Some(api::PaymentIntent {
        id: _,
        domain_id: _,
        customer_id,
        external_id,
        status,
        amount,
        currency,
        crypto_amount,
        crypto_token_key,
        authorization_chain_id,
        description,
        create_time,
        capture_time,
        update_time: _,
        sequence: _,
        etag: _,
    }) = brought(Payment::NOUN, from, faults)
    else {
        return Ok(None);
    };
    let chain_id = i64::try_from(authorization_chain_id).map(|_| authorization_chain_id);
    let chain_id = chain_id.map_err(|_| Fault::new("must be at most 2^63-1"));
    let own = Payment {
        crypto_amount: faults.take(path::<Payment>("crypto_amount"), Figure::optional(crypto_amount)),
        crypto_token_key: faults.take(path::<Payment>("crypto_token_key"), Code::optional(crypto_token_key)),
        authorization_chain_id: faults.take(path::<Payment>("authorization_chain_id"), chain_id),
        capture_us: time::<Payment>("capture_time", capture_time, faults)?,
    };
    if own.crypto_amount.is_some() && own.crypto_token_key.is_none() {
        faults.add(path::<Payment>("crypto_token_key"), Fault::new("is required with a crypto_amount"));
    }
    record(Said { customer_id, external_id, status, amount, currency, description, create_time }, own, faults)
}

/// An invoice, likewise.
pub(in crate::grpc) fn invoice(
    from: Option<api::Invoice>,
    faults: &mut Faults,
) -> Result<Option<NewBillingRecord<Bill>>> {
    let Some(api::Invoice {
        id: _,
        domain_id: _,
        customer_id,
        external_id,
        invoice_number,
        status,
        total: amount,
        currency,
        description,
        create_time,
        due_time,
        paid_time,
        update_time: _,
        sequence: _,
        etag: _,
    }) = brought(Bill::NOUN, from, faults)
    else {
        return Ok(None);
    };
    let own = Bill {
        invoice_number: faults.take(path::<Bill>("invoice_number"), Code::optional(invoice_number)),
        due_us: time::<Bill>("due_time", due_time, faults)?,
        paid_us: time::<Bill>("paid_time", paid_time, faults)?,
    };
    record(Said { customer_id, external_id, status, amount, currency, description, create_time }, own, faults)
}

/// A subscription, likewise.
pub(in crate::grpc) fn subscription(
    from: Option<api::Subscription>,
    faults: &mut Faults,
) -> Result<Option<NewBillingRecord<Plan>>> {
    let Some(api::Subscription {
        id: _,
        domain_id: _,
        customer_id,
        external_id,
        plan,
        status,
        amount,
        currency,
        interval,
        description,
        create_time,
        current_period_start_time,
        current_period_end_time,
        cancel_time,
        update_time: _,
        sequence: _,
        etag: _,
    }) = brought(Plan::NOUN, from, faults)
    else {
        return Ok(None);
    };
    let own = Plan {
        plan: faults.take(path::<Plan>("plan"), plan.try_into()),
        interval: faults.take(path::<Plan>("interval"), Word::optional(interval)),
        period_start_us: time::<Plan>("current_period_start_time", current_period_start_time, faults)?,
        period_end_us: time::<Plan>("current_period_end_time", current_period_end_time, faults)?,
        cancel_us: time::<Plan>("cancel_time", cancel_time, faults)?,
    };
    if own.period_start_us.zip(own.period_end_us).is_some_and(|(start, end)| end < start) {
        faults
            .add(path::<Plan>("current_period_end_time"), Fault::new("must not be before the period began"));
    }
    record(Said { customer_id, external_id, status, amount, currency, description, create_time }, own, faults)
}

/// A payment method to add; none where a fault was noted. Fields that are output only are not read.
pub(in crate::grpc) fn payment_method(
    from: Option<api::PaymentMethod>,
    faults: &mut Faults,
) -> Result<Option<NewPaymentMethod>> {
    let Some(api::PaymentMethod {
        id: _,
        domain_id: _,
        customer_id,
        r#type,
        status: _,
        details,
        create_time: _,
        update_time: _,
        sequence: _,
        etag: _,
    }) = brought("payment_method", from, faults)
    else {
        return Ok(None);
    };
    let customer_id = faults.gather(id("payment_method.customer_id", &customer_id))?;
    let kind = faults.take("payment_method.type", PaymentMethodType::known(r#type));
    let details = match details {
        None => {
            faults.add("payment_method.details", Fault::new("is required: bank_account or external_wallet"));
            None
        }
        Some(Details::BankAccount(it)) => bank_account(it, faults).map(PaymentDetails::BankAccount),
        Some(Details::ExternalWallet(it)) => external_wallet(&it, faults)?,
    };
    let details = details.and_then(|it| faults.keep("payment_method.type", it.of(kind)));
    Ok(customer_id.zip(details).map(|(customer_id, details)| NewPaymentMethod { customer_id, details }))
}

fn bank_account(from: api::BankAccount, faults: &mut Faults) -> Option<BankAccount> {
    const PATH: &str = "payment_method.bank_account";
    let api::BankAccount { account_name, account_number, account_type, bank_name, bank_code } = from;
    let account_name = super::required_line("payment_method.bank_account.account_name", account_name);
    let account_name = faults.gather(account_name).ok().flatten();
    let account_number = faults.keep(format!("{PATH}.account_number"), required(account_number));
    let account_type = faults.take(format!("{PATH}.account_type"), account_type.try_into());
    let bank_name = faults.take(format!("{PATH}.bank_name"), bank_name.try_into());
    let bank_code = faults.take(format!("{PATH}.bank_code"), Code::optional(bank_code));
    let (account_name, account_number) = account_name.zip(account_number)?;
    Some(BankAccount { account_name, account_number, account_type, bank_name, bank_code })
}

fn external_wallet(from: &api::ExternalWallet, faults: &mut Faults) -> Result<Option<PaymentDetails>> {
    let api::ExternalWallet { network: key, address: text } = from;
    let network = faults.gather(network("payment_method.external_wallet.network", key))?;
    let address = address("payment_method.external_wallet.address", network, text, faults);
    let found: Option<(Network, _)> = network.zip(address);
    Ok(found.map(|(network, address)| PaymentDetails::external_wallet(network, &address)))
}

/// A kind's record, as its message: what all kinds have in common, and what is its own.
macro_rules! told {
    ($kind:ident, $amount:ident, |$it:ident| { $($field:ident: $value:expr),+ $(,)? }) => {
        impl From<$kind> for api::$kind {
            fn from($it: $kind) -> Self {
                Self {
                    etag: $it.etag(),
                    $($field: $value,)+
                    id: $it.id.into(),
                    domain_id: $it.domain_id.into(),
                    customer_id: $it.customer_id.into(),
                    external_id: $it.external_id.into(),
                    status: $it.status.into(),
                    $amount: $it.amount.into(),
                    currency: $it.currency.into(),
                    description: $it.description.into(),
                    create_time: Some(timestamp($it.create_us)),
                    update_time: Some(timestamp($it.update_us)),
                    sequence: $it.sequence,
                }
            }
        }
    };
}
told!(PaymentIntent, amount, |it| {
    crypto_amount: text(it.own.crypto_amount),
    crypto_token_key: text(it.own.crypto_token_key),
    authorization_chain_id: it.own.authorization_chain_id,
    capture_time: it.own.capture_us.map(timestamp),
});
told!(Invoice, total, |it| {
    invoice_number: text(it.own.invoice_number),
    due_time: it.own.due_us.map(timestamp),
    paid_time: it.own.paid_us.map(timestamp),
});
told!(Subscription, amount, |it| {
    plan: it.own.plan.into(),
    interval: text(it.own.interval),
    current_period_start_time: it.own.period_start_us.map(timestamp),
    current_period_end_time: it.own.period_end_us.map(timestamp),
    cancel_time: it.own.cancel_us.map(timestamp),
});

/// A value that may not be there.
fn text(value: Option<impl Into<String>>) -> String {
    value.map(Into::into).unwrap_or_default()
}

impl From<PaymentMethod> for api::PaymentMethod {
    fn from(it: PaymentMethod) -> Self {
        let details = it.details.clone().map(|it| match it {
            PaymentDetails::BankAccount(it) => Details::BankAccount(api::BankAccount {
                account_name: it.account_name.into(),
                account_number: it.account_number.into(),
                account_type: it.account_type.into(),
                bank_name: it.bank_name.into(),
                bank_code: it.bank_code.map(Into::into).unwrap_or_default(),
            }),
            PaymentDetails::ExternalWallet { network, address } => {
                Details::ExternalWallet(api::ExternalWallet { network: network.to_string(), address })
            }
        });
        Self {
            etag: it.etag(),
            id: it.id.into(),
            domain_id: it.domain_id.into(),
            customer_id: it.customer_id.into(),
            r#type: api::PaymentMethodType::from(it.kind).into(),
            status: api::PaymentMethodStatus::from(it.status).into(),
            details,
            create_time: Some(timestamp(it.create_us)),
            update_time: Some(timestamp(it.update_us)),
            sequence: it.sequence,
        }
    }
}

impl From<Overview> for api::GetCustomerOverviewResponse {
    fn from(Overview { member, holdings, has_more_wallets }: Overview) -> Self {
        let addresses = holdings.wallets.iter().flat_map(|it| &it.addresses);
        let used: std::collections::BTreeSet<_> = addresses.map(|it| it.network).collect();
        let networks = Network::ALL.iter().filter(|it| used.contains(it));
        Self {
            domain: Some((&*member.domain).into()),
            networks: networks.map(|it| (*it).into()).collect(),
            wallets: holdings.wallets.into_iter().map(Into::into).collect(),
            has_more_wallets,
            payment_intents: holdings.payment_intents.into_iter().map(Into::into).collect(),
            invoices: holdings.invoices.into_iter().map(Into::into).collect(),
            payment_intent_count: holdings.counts.payment_intents,
            subscription_count: holdings.counts.subscriptions,
            invoice_count: holdings.counts.invoices,
            customer: Some(member.into()),
        }
    }
}
