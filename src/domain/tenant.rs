//! Organizations and their domains.

use serde::{Deserialize, Serialize};

use super::{
    Change, Context, CustomerStatus, DomainId, DomainName, Error, EventType, KeyChange, Line, LogId, Network,
    OrganizationId, Result, Sweep, UniqueKey, wallet, words,
};

words! {
    /// Whether money is real. Nothing crosses between the two.
    Environment {
        /// It is.
        Live = "LIVE",
        /// It is not.
        Sandbox = "SANDBOX",
    }
}

words! {
    /// Whether a domain does business.
    DomainStatus {
        /// It does.
        Active = "ACTIVE",
        /// Its customers cannot receive and its keys may read only.
        Suspended = "SUSPENDED",
    }
}

words! {
    /// What resolve shows of a customer's names to other domains.
    Disclosure {
        /// All of them.
        FullName = "FULL_NAME",
        /// The first letter of each.
        Initials = "INITIALS",
        /// None.
        StatusOnly = "STATUS_ONLY",
    }
}

/// A company that has domains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Which.
    pub id: OrganizationId,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// Its name, for people.
    pub display_name: Line,
    /// When it was created, in microseconds since 1970.
    pub create_us: i64,
}

/// An issuer of customers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Which.
    pub id: DomainId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// What stands behind the `@` of its customers' aliases.
    pub name: DomainName,
    /// Whether money is real.
    pub environment: Environment,
    /// Whether it does business.
    pub status: DomainStatus,
    /// How it wants its customers kept.
    pub settings: DomainSettings,
    /// When it was created, in microseconds since 1970.
    pub create_us: i64,
}

/// How a domain wants its customers kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DomainSettings {
    /// The status of a new customer that asks for none. Never DELETED.
    pub default_customer_status: CustomerStatus,
    /// Paths of Customer fields that must not be empty, on create and on update.
    pub required_fields: Vec<String>,
    /// Whether two customers may not share an email.
    pub unique_email: bool,
    /// Whether a customer starts at KYC PENDING.
    pub kyc_required: bool,
    /// How long a deleted customer's alias is held, in microseconds.
    pub alias_quarantine_us: i64,
    /// What resolve shows to other domains.
    pub disclosure: Disclosure,
    /// On which networks a new customer gets a wallet at once.
    pub auto_wallet_networks: Vec<Network>,
    /// Whether a sandbox domain may use main networks.
    pub allow_mainnet_in_sandbox: bool,
}

/// A day, in microseconds.
pub(crate) const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

impl Default for DomainSettings {
    fn default() -> Self {
        Self {
            default_customer_status: CustomerStatus::Enabled,
            required_fields: Vec::new(),
            unique_email: true,
            kyc_required: false,
            alias_quarantine_us: 30 * DAY_US,
            disclosure: Disclosure::FullName,
            auto_wallet_networks: Vec::new(),
            allow_mainnet_in_sandbox: false,
        }
    }
}

impl DomainSettings {
    /// The same with what `from` says at each path, a name of a setting.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where a path names no setting.
    pub fn with(&self, paths: &[String], from: &Self) -> Result<Self> {
        let mut next = self.clone();
        for path in paths {
            match path.as_str() {
                "default_customer_status" => next.default_customer_status = from.default_customer_status,
                "required_fields" => next.required_fields.clone_from(&from.required_fields),
                "unique_email" => next.unique_email = from.unique_email,
                "kyc_required" => next.kyc_required = from.kyc_required,
                "alias_quarantine" => next.alias_quarantine_us = from.alias_quarantine_us,
                "disclosure" => next.disclosure = from.disclosure,
                "allow_mainnet_in_sandbox" => next.allow_mainnet_in_sandbox = from.allow_mainnet_in_sandbox,
                "auto_wallet_networks" => next.auto_wallet_networks.clone_from(&from.auto_wallet_networks),
                _ => return Err(Error::invalid("update_mask", "names a setting that does not exist")),
            }
        }
        Ok(next)
    }
}

/// What `CreateDomain` asks for.
#[derive(Clone, Debug, Serialize)]
pub struct NewDomain {
    /// Whose.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: DomainName,
    /// Whether money is real.
    pub environment: Environment,
    /// How it wants its customers kept.
    pub settings: DomainSettings,
}

/// What `UpdateDomainSettings` asks for.
#[derive(Debug, Serialize)]
pub struct SettingsPatch {
    /// The settings to change.
    pub paths: Vec<String>,
    /// Where the new values are.
    pub settings: DomainSettings,
}

/// Makes an organization.
#[must_use]
pub fn create_organization(display_name: Line, id: OrganizationId, ctx: Context) -> Change {
    let organization = Organization { id, sequence: 0, display_name, create_us: ctx.now_us };
    Change::new(ctx).also_logged(LogId::OPERATOR).writes(organization, EventType::OrganizationCreated, &[])
}

/// Makes a domain of an organization. Its name is its own everywhere and for good.
///
/// # Errors
///
/// [`Error::NetworkNotAllowed`] where it is to make wallets on a network that it may not use.
pub fn create_domain(new: NewDomain, id: DomainId, ctx: Context) -> Result<Change> {
    let NewDomain { organization_id, name, environment, settings } = new;
    let key = UniqueKey::domain_name(name.as_str());
    let domain = Domain {
        id,
        organization_id,
        sequence: 0,
        name,
        environment,
        status: DomainStatus::Active,
        settings,
        create_us: ctx.now_us,
    };
    may_use_networks(&domain)?;
    Ok(Change::new(ctx).keys(vec![KeyChange::Take(key)]).also_logged(LogId::from(organization_id)).writes(
        domain,
        EventType::DomainCreated,
        &[],
    ))
}

fn may_use_networks(domain: &Domain) -> Result<()> {
    domain.settings.auto_wallet_networks.iter().try_for_each(|it| wallet::allow(domain, *it))
}

/// Changes the settings that the patch names.
///
/// Turning `unique_email` on takes every live customer's email as a key, and is refused when that is committed if two
/// share one; turning it off gives them all up.
///
/// # Errors
///
/// [`Error::Invalid`] where a path means nothing; [`Error::NetworkNotAllowed`].
pub fn update_settings(domain: &Domain, patch: &SettingsPatch, ctx: Context) -> Result<Change> {
    let settings = domain.settings.with(&patch.paths, &patch.settings)?;
    let next = Domain { settings, ..domain.clone() };
    if next == *domain {
        return Ok(Change::new(ctx).leaves(next));
    }
    may_use_networks(&next)?;
    let change = match (domain.settings.unique_email, next.settings.unique_email) {
        (false, true) => Change::new(ctx).sweeps(Sweep::TakeEmails(domain.id)),
        (true, false) => Change::new(ctx).sweeps(Sweep::ReleaseEmails(domain.id)),
        _ => Change::new(ctx),
    };
    Ok(change.writes(next, EventType::DomainUpdated, &["settings"]))
}

/// Suspends a domain or reinstates it; one that is so already stays as it is.
#[must_use]
pub fn set_status(domain: &Domain, status: DomainStatus, reason: Line, ctx: Context) -> Change {
    let next = Domain { status, ..domain.clone() };
    if next == *domain {
        return Change::new(ctx).leaves(next);
    }
    Change::new(ctx).because(reason).writes(next, EventType::DomainUpdated, &["status"])
}
