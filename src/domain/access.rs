//! Who calls, and what they may reach.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    ApiKey, ApiKeyId, Domain, DomainId, Environment, Error, Fault, Faults, OrganizationId,
    PaymentClaimLinkId, Result, SecretHash, WebhookEndpointId, words,
};

words! {
    /// One thing that a key may be allowed to do.
    Scope {
        /// Get and list customers.
        CustomersRead = "customers.read",
        /// Create, update, delete and restore customers.
        CustomersWrite = "customers.write",
        /// Erase customers for good.
        CustomersErase = "customers.erase",
        /// Resolve aliases and verify payees.
        CustomersResolve = "customers.resolve",
        /// Set KYC status.
        KycWrite = "kyc.write",
        /// Get and list wallets, addresses, transactions and balances.
        WalletsRead = "wallets.read",
        /// Create and change wallets, record transactions.
        WalletsWrite = "wallets.write",
        /// Read the log.
        EventsRead = "events.read",
        /// Get and list webhook endpoints and deliveries.
        WebhooksRead = "webhooks.read",
        /// Create and change webhook endpoints.
        WebhooksWrite = "webhooks.write",
        /// Read billing records and payment methods.
        BillingRead = "billing.read",
        /// Write billing records and payment methods.
        BillingWrite = "billing.write",
        /// Get and list claim links and claims.
        ClaimsRead = "claims.read",
        /// Create links, approve and reject claims.
        ClaimsWrite = "claims.write",
        /// Administer what the key reaches.
        Admin = "admin",
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(u32);

impl Scopes {
    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.iter().copied().collect()
    }

    /// Whether the scope is in the set.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }

    /// Whether every scope of `other` is in the set.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The scopes, in order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |it| self.has(*it))
    }

    /// The set that words name; `all` is every scope.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] on `field`, for each word that is no scope, and where there is none.
    pub fn parse<'a>(field: &'static str, words: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut faults = Faults::default();
        let mut scopes = Self::default();
        for word in words {
            match word {
                "all" => scopes = Self::all(),
                _ => match word.parse::<Scope>() {
                    Ok(scope) => scopes = scopes.iter().chain([scope]).collect(),
                    Err(fault) => faults.add(field, fault),
                },
            }
        }
        faults.done()?;
        if scopes == Self::default() {
            return Err(Error::invalid(field, "must name at least one scope"));
        }
        Ok(scopes)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |bits, it| bits | 1 << it as u32))
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

/// How far a key reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Everything.
    Operator,
    /// Every domain of one organization in one environment.
    Organization(OrganizationId, Environment),
    /// One domain.
    Domain(OrganizationId, Environment, DomainId),
}

impl Reach {
    /// Whether the domain is within reach.
    #[must_use]
    pub fn covers(&self, domain: &Domain) -> bool {
        match self {
            Self::Operator => true,
            Self::Organization(organization, environment) => {
                domain.organization_id == *organization && domain.environment == *environment
            }
            Self::Domain(_, _, id) => domain.id == *id,
        }
    }

    /// Whether the aliases of the domain resolve: those of every domain of the same environment do.
    #[must_use]
    pub fn resolves(&self, domain: &Domain) -> bool {
        match self {
            Self::Operator => true,
            Self::Organization(_, environment) | Self::Domain(_, environment, _) => {
                domain.environment == *environment
            }
        }
    }

    /// Whether all that `other` reaches is within reach.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Operator, _) => true,
            (
                Self::Organization(organization, environment),
                Self::Organization(other, its) | Self::Domain(other, its, _),
            ) => organization == other && environment == its,
            (Self::Domain(_, _, domain), Self::Domain(_, _, other)) => domain == other,
            _ => false,
        }
    }
}

/// Who did something, as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Whoever holds an API key.
    Key(ApiKeyId),
    /// Somebody at the machine, by the name the operating system knows them by.
    Cli(String),
    /// The receiver behind a webhook endpoint, by what it answered to a delivery.
    Receiver(WebhookEndpointId),
    /// Whoever holds a payment claim link.
    Link(PaymentClaimLinkId),
}

impl Actor {
    /// The key, of whoever holds one.
    #[must_use]
    pub const fn key(&self) -> Option<ApiKeyId> {
        match self {
            Self::Key(id) => Some(*id),
            Self::Cli(_) | Self::Receiver(_) | Self::Link(_) => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "{id}"),
            Self::Cli(user) => write!(f, "cli:{user}"),
            Self::Receiver(id) => write!(f, "receiver:{id}"),
            Self::Link(id) => write!(f, "link:{id}"),
        }
    }
}

/// Somebody whose right to call has been checked.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who they are.
    pub actor: Actor,
    /// What they reach.
    pub reach: Reach,
    /// What they may do there.
    pub scopes: Scopes,
    /// When their right ends, in microseconds since 1970; none if it does not.
    pub expire_us: Option<i64>,
    /// What they showed; nothing at the machine itself.
    pub shown: Option<SecretHash>,
}

impl Caller {
    /// Somebody at the machine itself, who may do anything.
    #[must_use]
    pub fn cli(user: String) -> Self {
        Self {
            actor: Actor::Cli(user),
            reach: Reach::Operator,
            scopes: Scopes::all(),
            expire_us: None,
            shown: None,
        }
    }

    /// The receiver behind a webhook endpoint, who is asked nothing but whether it wants to go on.
    #[must_use]
    pub fn receiver(id: WebhookEndpointId) -> Self {
        Self {
            actor: Actor::Receiver(id),
            reach: Reach::Operator,
            scopes: Scopes::default(),
            expire_us: None,
            shown: None,
        }
    }

    /// Somebody who holds a payment claim link into a domain, and may do nothing but use it.
    #[must_use]
    pub fn holding(link: PaymentClaimLinkId, domain: &Domain) -> Self {
        Self {
            actor: Actor::Link(link),
            reach: Reach::Domain(domain.organization_id, domain.environment, domain.id),
            scopes: Scopes::default(),
            expire_us: None,
            shown: None,
        }
    }

    /// Refuses a caller that lacks a scope.
    ///
    /// # Errors
    ///
    /// [`Error::ScopeMissing`].
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.scopes.has(scope) { Ok(()) } else { Err(Error::ScopeMissing(scope)) }
    }

    /// Refuses a caller that is no operator.
    ///
    /// # Errors
    ///
    /// [`Error::OperatorOnly`].
    pub fn require_operator(&self) -> Result<()> {
        if self.reach == Reach::Operator { Ok(()) } else { Err(Error::OperatorOnly) }
    }

    /// Refuses a change to a suspended domain's customers, but from an operator.
    ///
    /// # Errors
    ///
    /// [`Error::DomainSuspended`].
    pub fn may_change(&self, domain: &Domain) -> Result<()> {
        let suspended = domain.status == super::DomainStatus::Suspended;
        if suspended && self.reach != Reach::Operator { Err(Error::DomainSuspended) } else { Ok(()) }
    }

    /// Refuses a change to a suspended domain itself, to its own key: it may read only.
    ///
    /// # Errors
    ///
    /// [`Error::DomainSuspended`].
    pub fn may_administer(&self, domain: &Domain) -> Result<()> {
        let suspended = domain.status == super::DomainStatus::Suspended;
        if suspended && matches!(self.reach, Reach::Domain(..)) {
            Err(Error::DomainSuspended)
        } else {
            Ok(())
        }
    }

    /// Refuses a key that could do more than this caller.
    ///
    /// # Errors
    ///
    /// [`Error::KeyTooWide`] with what is too wide.
    pub fn may_hand_out(&self, key: &ApiKey) -> Result<()> {
        let outlives = self.expire_us.is_some_and(|own| key.expire_us.is_none_or(|its| its > own));
        if !self.reach.includes(&key.reach()) {
            Err(Error::KeyTooWide("reach"))
        } else if !self.scopes.covers(key.scopes) {
            Err(Error::KeyTooWide("scopes"))
        } else if outlives {
            Err(Error::KeyTooWide("lifetime"))
        } else {
            Ok(())
        }
    }
}

/// The user that runs a command, for the log: printable and short, whatever the environment says.
///
/// # Errors
///
/// A fault where there is nothing to be made of it.
pub fn os_user(name: &str) -> Result<String, Fault> {
    let name: String = name.chars().filter(char::is_ascii_graphic).take(64).collect();
    if name.is_empty() { Err(Fault::new("is not a user's name")) } else { Ok(name) }
}

#[cfg(test)]
mod tests;
