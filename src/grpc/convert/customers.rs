//! Customers.

use prost::Message;
use tonic::Status;

use super::{json, timestamp};
use crate::api;
use crate::domain::{
    Alias, BillingAddress, BlockReason, Business, Country, Customer, CustomerStatus, CustomerType, Email,
    Error, ExternalId, Fault, Faults, KycStatus, Mcc, Member, Metadata, PayeeMatch, Phone, Profile,
    Resolution, Result, block_reasons,
};

/// Declares that an enum of the API and one of the domain have the same values, but for the API's unspecified one.
macro_rules! same_values {
    ($domain:ident: $($value:ident),+ $(,)?) => {
        impl From<$domain> for api::$domain {
            fn from(it: $domain) -> Self {
                match it {
                    $($domain::$value => Self::$value,)+
                }
            }
        }

        impl $crate::grpc::convert::customers::Known for $domain {
            /// The value of a number on the wire; none for 0; refused if there is no such value.
            fn known(number: i32) -> std::result::Result<Option<Self>, $crate::domain::Fault> {
                match api::$domain::try_from(number) {
                    $(Ok(api::$domain::$value) => Ok(Some(Self::$value)),)+
                    Ok(_) if number == 0 => Ok(None),
                    _ => Err($crate::domain::Fault::new("is not a value that this version knows")),
                }
            }
        }
    };
}
pub(super) use same_values;

/// A value that is a number on the wire.
pub(crate) trait Known: Sized {
    fn known(number: i32) -> std::result::Result<Option<Self>, Fault>;

    /// One that has to be there.
    fn required(number: i32) -> std::result::Result<Self, Fault> {
        Self::known(number)?.ok_or(Fault::new("is required"))
    }
}

same_values!(CustomerType: Individual, Business);
same_values!(CustomerStatus: Disabled, Enabled, Deleted);
same_values!(KycStatus: NotRequired, Pending, InReview, NeedsInfo, Approved, Rejected, Expired);
same_values!(BlockReason: DomainSuspended, CustomerDisabled, CustomerDeleted, KycPending, KycInReview, KycNeedsInfo,
    KycRejected, KycExpired);
same_values!(PayeeMatch: Match, CloseMatch, NoMatch);

/// A status that a caller may ask for: none, ENABLED or DISABLED.
pub(in crate::grpc) fn status_of(number: i32) -> Result<Option<CustomerStatus>, Fault> {
    match CustomerStatus::known(number)? {
        Some(CustomerStatus::Deleted) => {
            Err(Fault::new("cannot be asked to be DELETED: SoftDeleteCustomer does that"))
        }
        status => Ok(status),
    }
}

/// What a caller says about a customer. Fields that are output only are not read.
pub(in crate::grpc) fn profile(from: api::Customer, faults: &mut Faults) -> Profile {
    let api::Customer {
        id: _,
        domain_id: _,
        r#type,
        name,
        first_name,
        middle_name,
        last_name,
        nick_name,
        business,
        email,
        phone,
        billing_address,
        payment_address,
        external_id,
        metadata,
        status: _,
        kyc_status: _,
        can_receive: _,
        block_reasons: _,
        etag: _,
        sequence: _,
        create_time: _,
        update_time: _,
        delete_time: _,
    } = from;
    let kind = CustomerType::known(r#type).map(|it| it.unwrap_or(CustomerType::Individual));
    Profile {
        kind: kind.unwrap_or_else(|fault| {
            faults.add("customer.type", fault);
            CustomerType::Individual
        }),
        name: faults.take("customer.name", name.try_into()),
        first_name: faults.take("customer.first_name", first_name.try_into()),
        middle_name: faults.take("customer.middle_name", middle_name.try_into()),
        last_name: faults.take("customer.last_name", last_name.try_into()),
        nick_name: faults.take("customer.nick_name", nick_name.try_into()),
        business: business_of(business.unwrap_or_default(), faults),
        email: faults.take("customer.email", Email::optional(email)),
        phone: faults.take("customer.phone", Phone::optional(phone)),
        billing_address: billing_address_of(billing_address.unwrap_or_default(), faults),
        payment_address: faults.take("customer.payment_address", Alias::optional(payment_address)),
        external_id: faults.take("customer.external_id", ExternalId::optional(external_id)),
        metadata: faults.take::<Metadata>("customer.metadata", json::metadata(metadata)),
    }
}

fn business_of(from: api::Business, faults: &mut Faults) -> Business {
    let api::Business { legal_name, trade_name, website, industry, description } = from;
    Business {
        legal_name: faults.take("customer.business.legal_name", legal_name.try_into()),
        trade_name: faults.take("customer.business.trade_name", trade_name.try_into()),
        website: faults.take("customer.business.website", website.try_into()),
        industry: faults.take("customer.business.industry", Mcc::optional(industry)),
        description: faults.take("customer.business.description", description.try_into()),
    }
}

fn billing_address_of(from: api::BillingAddress, faults: &mut Faults) -> BillingAddress {
    let api::BillingAddress { line1, line2, city, state, postal_code, country } = from;
    BillingAddress {
        line1: faults.take("customer.billing_address.line1", line1.try_into()),
        line2: faults.take("customer.billing_address.line2", line2.try_into()),
        city: faults.take("customer.billing_address.city", city.try_into()),
        state: faults.take("customer.billing_address.state", state.try_into()),
        postal_code: faults.take("customer.billing_address.postal_code", postal_code.try_into()),
        country: faults.take("customer.billing_address.country", Country::optional(country)),
    }
}

/// Reads the oneof `key` of a request, whichever request it is of.
macro_rules! key {
    ($oneof:path, $key:expr) => {{
        use $oneof as Key;
        match $key {
            None => Err($crate::domain::Error::invalid(
                "key",
                "is required: id, payment_address, external_id or email",
            )),
            Some(Key::Id(it)) => $crate::grpc::convert::id("id", &it).map($crate::domain::CustomerKey::Id),
            Some(Key::PaymentAddress(it)) => $crate::grpc::convert::parse("payment_address", it.try_into())
                .map($crate::domain::CustomerKey::PaymentAddress),
            Some(Key::ExternalId(it)) => $crate::grpc::convert::parse("external_id", it.try_into())
                .map($crate::domain::CustomerKey::ExternalId),
            Some(Key::Email(it)) => {
                $crate::grpc::convert::parse("email", it.try_into()).map($crate::domain::CustomerKey::Email)
            }
        }
    }};
}
pub(in crate::grpc) use key;

impl From<Member> for api::Customer {
    fn from(Member { customer, domain }: Member) -> Self {
        let etag = customer.etag();
        let Customer { id, domain_id, sequence, profile, status, status_before: _, kyc_status, .. } =
            customer;
        let reasons: Vec<i32> = reasons(domain.status, status, kyc_status);
        Self {
            id: id.into(),
            domain_id: domain_id.into(),
            r#type: api::CustomerType::from(profile.kind).into(),
            name: profile.name.into(),
            first_name: profile.first_name.into(),
            middle_name: profile.middle_name.into(),
            last_name: profile.last_name.into(),
            nick_name: profile.nick_name.into(),
            business: (profile.business != Business::default()).then(|| profile.business.into()),
            email: text(profile.email),
            phone: text(profile.phone),
            billing_address: (profile.billing_address != BillingAddress::default())
                .then(|| profile.billing_address.into()),
            payment_address: text(profile.payment_address),
            external_id: text(profile.external_id),
            metadata: json::to_struct(&profile.metadata),
            status: api::CustomerStatus::from(status).into(),
            kyc_status: api::KycStatus::from(kyc_status).into(),
            can_receive: reasons.is_empty(),
            block_reasons: reasons,
            etag,
            sequence,
            create_time: Some(timestamp(customer.create_us)),
            update_time: Some(timestamp(customer.update_us)),
            delete_time: customer.delete_us.map(timestamp),
        }
    }
}

impl From<Business> for api::Business {
    fn from(it: Business) -> Self {
        Self {
            legal_name: it.legal_name.into(),
            trade_name: it.trade_name.into(),
            website: it.website.into(),
            industry: text(it.industry),
            description: it.description.into(),
        }
    }
}

impl From<BillingAddress> for api::BillingAddress {
    fn from(it: BillingAddress) -> Self {
        Self {
            line1: it.line1.into(),
            line2: it.line2.into(),
            city: it.city.into(),
            state: it.state.into(),
            postal_code: it.postal_code.into(),
            country: text(it.country),
        }
    }
}

impl From<Resolution> for api::Resolution {
    fn from(Resolution { customer, domain }: Resolution) -> Self {
        let reasons = reasons(domain.status, customer.status, customer.kyc_status);
        let profile = customer.profile;
        Self {
            customer_id: customer.id.into(),
            domain_id: domain.id.into(),
            domain_name: domain.name.as_str().to_owned(),
            r#type: api::CustomerType::from(profile.kind).into(),
            name: profile.name.into(),
            first_name: profile.first_name.into(),
            middle_name: profile.middle_name.into(),
            last_name: profile.last_name.into(),
            nick_name: profile.nick_name.into(),
            trade_name: profile.business.trade_name.into(),
            payment_address: text(profile.payment_address),
            status: api::CustomerStatus::from(customer.status).into(),
            can_receive: reasons.is_empty(),
            block_reasons: reasons,
            sequence: customer.sequence,
            create_time: Some(timestamp(customer.create_us)),
            update_time: Some(timestamp(customer.update_us)),
        }
    }
}

fn reasons(domain: crate::domain::DomainStatus, status: CustomerStatus, kyc: KycStatus) -> Vec<i32> {
    block_reasons(domain, status, kyc).map(|it| api::BlockReason::from(it).into()).collect()
}

/// The text of what may not be set; empty if it is not.
fn text(it: Option<impl Into<String>>) -> String {
    it.map(Into::into).unwrap_or_default()
}

/// An error in its place within a batch: what a call for that one alone would have answered.
pub(in crate::grpc) fn batch_error(error: Error) -> api::BatchError {
    let status = Status::from(error);
    // The details are the bytes of a google.rpc.Status, which is what a BatchError is on the wire.
    api::BatchError::decode(status.details()).unwrap_or_else(|_| api::BatchError {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}
