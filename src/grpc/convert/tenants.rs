//! Organizations, domains and keys.

use super::customers::{Known, same_values, status_of};
use super::timestamp;
use crate::api;
use crate::domain::{
    ApiKey, CustomerStatus, Disclosure, Domain, DomainId, DomainSettings, DomainStatus, Environment, Fault,
    Faults, Field, Network, Organization, OrganizationId, Result, Standing,
};

same_values!(Environment: Live, Sandbox);
same_values!(DomainStatus: Active, Suspended);
same_values!(Disclosure: FullName, Initials, StatusOnly);

/// An environment that may be left out.
pub(in crate::grpc) fn environment(number: i32) -> Result<Option<Environment>, Fault> {
    Environment::known(number)
}

/// Settings as a caller gives them; what is not given is the default.
pub(in crate::grpc) fn settings(
    prefix: &'static str,
    from: Option<api::DomainSettings>,
    faults: &mut Faults,
) -> Result<DomainSettings> {
    let Some(from) = from else { return Ok(DomainSettings::default()) };
    let api::DomainSettings {
        default_customer_status,
        required_fields,
        unique_email,
        kyc_required,
        alias_quarantine,
        auto_wallet_networks,
        allow_mainnet_in_sandbox,
        disclosure,
    } = from;
    let default = DomainSettings::default();
    let status = faults.take(format!("{prefix}.default_customer_status"), status_of(default_customer_status));
    let disclosure = faults.take(format!("{prefix}.disclosure"), Disclosure::known(disclosure));
    let quarantine = faults.take(format!("{prefix}.alias_quarantine"), quarantine_us(alias_quarantine));
    let field = format!("{prefix}.auto_wallet_networks");
    let networks = faults.absorb(super::networks(field.clone(), &auto_wallet_networks))?;
    let auto_wallet_networks = faults.take(field, Network::each_once(networks));
    Ok(DomainSettings {
        default_customer_status: status.unwrap_or(CustomerStatus::Enabled),
        required_fields: faults.take(format!("{prefix}.required_fields"), required(required_fields)),
        unique_email: unique_email.unwrap_or(default.unique_email),
        kyc_required,
        alias_quarantine_us: quarantine.unwrap_or(default.alias_quarantine_us),
        disclosure: disclosure.unwrap_or(default.disclosure),
        auto_wallet_networks,
        allow_mainnet_in_sandbox,
    })
}

fn required(paths: Vec<String>) -> Result<Vec<String>, Fault> {
    if paths.len() > 100 || paths.iter().any(|it| Field::named(it).is_none()) {
        return Err(Fault::new("must be paths of Customer fields that a caller sets"));
    }
    Ok(paths)
}

/// Nothing to ten years, in microseconds.
fn quarantine_us(from: Option<prost_types::Duration>) -> Result<Option<i64>, Fault> {
    const MOST_SECONDS: i64 = 10 * 366 * 24 * 60 * 60;
    let Some(prost_types::Duration { seconds, nanos }) = from else { return Ok(None) };
    if !(0..=MOST_SECONDS).contains(&seconds) || !(0..=999_999_999).contains(&nanos) {
        return Err(Fault::new("must be between nothing and ten years"));
    }
    Ok(Some(seconds * 1_000_000 + i64::from(nanos) / 1_000))
}

impl From<Organization> for api::Organization {
    fn from(it: Organization) -> Self {
        Self {
            id: it.id.into(),
            display_name: it.display_name.into(),
            create_time: Some(timestamp(it.create_us)),
        }
    }
}

impl From<&Domain> for api::Domain {
    fn from(it: &Domain) -> Self {
        Self {
            id: it.id.into(),
            organization_id: it.organization_id.into(),
            name: it.name.as_str().to_owned(),
            environment: api::Environment::from(it.environment).into(),
            status: api::DomainStatus::from(it.status).into(),
            settings: Some((&it.settings).into()),
            create_time: Some(timestamp(it.create_us)),
        }
    }
}

impl From<&DomainSettings> for api::DomainSettings {
    fn from(it: &DomainSettings) -> Self {
        let nanos = i32::try_from(it.alias_quarantine_us % 1_000_000 * 1_000).unwrap_or_default();
        Self {
            default_customer_status: api::CustomerStatus::from(it.default_customer_status).into(),
            required_fields: it.required_fields.clone(),
            unique_email: Some(it.unique_email),
            kyc_required: it.kyc_required,
            alias_quarantine: Some(prost_types::Duration {
                seconds: it.alias_quarantine_us / 1_000_000,
                nanos,
            }),
            auto_wallet_networks: it.auto_wallet_networks.iter().map(ToString::to_string).collect(),
            allow_mainnet_in_sandbox: it.allow_mainnet_in_sandbox,
            disclosure: api::Disclosure::from(it.disclosure).into(),
        }
    }
}

impl From<ApiKey> for api::ApiKey {
    fn from(it: ApiKey) -> Self {
        Self {
            id: it.id.into(),
            organization_id: it.organization_id.map(OrganizationId::into).unwrap_or_default(),
            domain_id: it.domain_id.map(DomainId::into).unwrap_or_default(),
            environment: it.environment.map_or(0, |it| api::Environment::from(it).into()),
            display_name: it.display_name.into(),
            scopes: it.scopes.iter().map(|it| it.to_string()).collect(),
            create_time: Some(timestamp(it.create_us)),
            expire_time: it.expire_us.map(timestamp),
            revoke_time: it.revoke_us.map(timestamp),
            last_use_time: it.last_use_us.map(timestamp),
        }
    }
}

impl From<Standing> for api::QuotaBucket {
    fn from(it: Standing) -> Self {
        Self {
            limit: it.allowance.tokens(),
            refill_duration: it.allowance.per().try_into().ok(),
            remaining: it.left,
            full_time: it.full_us.map(timestamp),
        }
    }
}
