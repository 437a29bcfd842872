//! Customers, and every decision about one: pure functions from what is stored and what is asked to a [`Change`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::profile::Field;
use super::{
    Alias, Change, Context, Counted, CustomerId, Domain, DomainId, Email, Error, EventType, ExternalId,
    Fault, Faults, KeyChange, KeyKind, KycStatus, Line, PaymentClaimLink, Profile, Result, Sweep, Table,
    UniqueKey, Wallet, claim_link, wallet, words,
};

words! {
    /// The life of a customer.
    CustomerStatus {
        /// On hold.
        Disabled = "DISABLED",
        /// Live.
        Enabled = "ENABLED",
        /// Gone, and kept for the record.
        Deleted = "DELETED",
    }
}

/// A person or a firm of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Who.
    pub id: CustomerId,
    /// Whose customer.
    pub domain_id: DomainId,
    /// The sequence of the last event about them; also their version. Not part of the stored state: the row has it.
    #[serde(skip)]
    pub sequence: i64,
    /// What the caller says about them.
    pub profile: Profile,
    /// Where they are in life.
    pub status: CustomerStatus,
    /// Where they were when they were deleted, for a restore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_before: Option<CustomerStatus>,
    /// Whether they were deleted for good, with their wallets: no restore brings them back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_beyond_restore: bool,
    /// Whether they were promised a wallet that waits for their KYC, whatever the domain gives to others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_promised_wallet: bool,
    /// How far the checks on them have come.
    pub kyc_status: KycStatus,
    /// When they were created, in microseconds since 1970.
    pub create_us: i64,
    /// When they last changed.
    pub update_us: i64,
    /// When they were deleted, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_us: Option<i64>,
    /// When they were erased, if they are: what is left is who they were to us, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erase_us: Option<i64>,
}

impl Customer {
    /// What a caller shows to say which version it has seen. Callers see it as opaque.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("v{}", self.sequence)
    }
}

/// What names a customer in a request.
#[derive(Clone, Debug, Serialize)]
pub enum CustomerKey {
    /// Their id.
    Id(CustomerId),
    /// Their payment alias, which names the domain too.
    PaymentAddress(Alias),
    /// The caller's own id, in a domain.
    ExternalId(ExternalId),
    /// Their email, in a domain where emails are unique.
    Email(Email),
}

/// A customer, with the domain that issued them.
#[derive(Clone, Debug)]
pub struct Member {
    /// The customer.
    pub customer: Customer,
    /// Their domain.
    pub domain: Arc<Domain>,
}

/// What `CreateCustomer` asks for.
#[derive(Clone, Debug, Serialize)]
pub struct NewCustomer {
    /// What the caller says about them.
    pub profile: Profile,
    /// ENABLED or DISABLED; the domain's default if it is not said.
    pub status: Option<CustomerStatus>,
}

/// What `UpdateCustomer` asks for.
#[derive(Debug, Serialize)]
pub struct CustomerPatch {
    /// The paths to change.
    pub paths: Vec<String>,
    /// Where the new values are.
    pub profile: Profile,
    /// The new status, where `status` is among the paths.
    pub status: Option<CustomerStatus>,
}

/// Makes a customer.
///
/// # Errors
///
/// [`Error::Invalid`] where a field that the domain requires is empty, or the alias is of another domain.
pub fn create(new: NewCustomer, domain: &Domain, id: CustomerId, ctx: Context) -> Result<Change> {
    made(new, domain, id, false, ctx)
}

/// Makes a customer who is promised a wallet: where KYC comes first, they get it when they are approved.
///
/// # Errors
///
/// As [`create`].
pub fn create_with_promise(
    new: NewCustomer,
    domain: &Domain,
    id: CustomerId,
    ctx: Context,
) -> Result<Change> {
    made(new, domain, id, domain.settings.kyc_required, ctx)
}

fn made(new: NewCustomer, domain: &Domain, id: CustomerId, promised: bool, ctx: Context) -> Result<Change> {
    let NewCustomer { profile, status } = new;
    let mut faults = Faults::default();
    check_profile(&mut faults, &profile, domain);
    faults.done()?;
    let customer = Customer {
        id,
        domain_id: domain.id,
        sequence: 0,
        profile,
        status: status.unwrap_or(domain.settings.default_customer_status),
        status_before: None,
        is_beyond_restore: false,
        is_promised_wallet: promised,
        kyc_status: KycStatus::first(domain.settings.kyc_required),
        create_us: ctx.now_us,
        update_us: ctx.now_us,
        delete_us: None,
        erase_us: None,
    };
    let keys = keys_of(&customer, domain).map(KeyChange::Take).collect();
    Ok(Change::new(ctx).expects(domain).keys(keys).counts(domain.id.as_uuid(), Counted::Customers, 1).writes(
        customer,
        EventType::CustomerCreated,
        &[],
    ))
}

/// Changes what the patch names. A patch that changes nothing makes no event.
///
/// # Errors
///
/// [`Error::CustomerDeleted`]; [`Error::Invalid`] as [`create`], and where a path means nothing or the alias would change.
pub fn update(customer: &Customer, patch: &CustomerPatch, domain: &Domain, ctx: Context) -> Result<Change> {
    refuse_deleted(customer)?;
    let mut next = customer.clone();
    let mut faults = Faults::default();
    for path in &patch.paths {
        if path == "status" {
            next.status = patch.status.unwrap_or(next.status);
        } else if let Err(fault) = next.profile.set(path, &patch.profile) {
            faults.add("update_mask", Fault::because(format!("`{path}` {fault}")));
        }
    }
    let had_alias = customer.profile.payment_address.is_some();
    if had_alias && next.profile.payment_address != customer.profile.payment_address {
        faults.add("customer.payment_address", Fault::new("cannot change once it is set"));
    }
    check_profile(&mut faults, &next.profile, domain);
    faults.done()?;

    let mut changed: Vec<&'static str> = customer.profile.changes(&next.profile).collect();
    if next.status != customer.status {
        changed.push("status");
    }
    if changed.is_empty() {
        return Ok(Change::new(ctx).leaves(next));
    }
    next.update_us = ctx.now_us;
    let keys =
        moved(&keys_of(customer, domain).collect::<Vec<_>>(), &keys_of(&next, domain).collect::<Vec<_>>());
    Ok(Change::new(ctx).expects(domain).keys(keys).writes(next, EventType::CustomerUpdated, &changed))
}

/// Deletes a customer softly: resolves nowhere, and the alias is on hold for the domain's quarantine.
///
/// # Errors
///
/// [`Error::CustomerDeleted`] if it is already.
pub fn soft_delete(customer: &Customer, domain: &Domain, ctx: Context) -> Result<Change> {
    delete(customer, domain, false, ctx)
}

/// What leaves with a customer who is deleted for good: all that is not removed or ended, of so many as there ever were.
#[derive(Clone, Debug, Default)]
pub struct Belongings {
    /// Their wallets.
    pub wallets: Vec<Wallet>,
    /// How many they ever had.
    pub wallets_ever: i64,
    /// The payment claim links that were made for them.
    pub links: Vec<PaymentClaimLink>,
    /// How many ever were.
    pub links_ever: i64,
}

/// Deletes a customer for good: as a soft delete, and their wallets are removed and their claim links end with them.
///
/// # Errors
///
/// As [`soft_delete`].
pub fn delete_for_good(member: &Member, theirs: &Belongings, ctx: Context) -> Result<Change> {
    let Member { customer, domain } = member;
    let change = delete(customer, domain, true, ctx)?
        .knows_all(Table::Wallets, customer.id, theirs.wallets_ever)
        .knows_all(Table::ClaimLinks, customer.id, theirs.links_ever);
    let change = wallet::removing(change, &theirs.wallets, domain);
    Ok(theirs.links.iter().fold(change, claim_link::revoking))
}

fn delete(customer: &Customer, domain: &Domain, for_good: bool, ctx: Context) -> Result<Change> {
    refuse_deleted(customer)?;
    let held_until_us = ctx.now_us.saturating_add(domain.settings.alias_quarantine_us);
    let keys = keys_of(customer, domain)
        .map(|key| match key.kind {
            KeyKind::Alias => KeyChange::Hold { key, until_us: held_until_us },
            _ => KeyChange::Release(key),
        })
        .collect();
    let mut next = customer.clone();
    next.status = CustomerStatus::Deleted;
    next.status_before = Some(customer.status);
    next.is_beyond_restore = for_good;
    next.update_us = ctx.now_us;
    next.delete_us = Some(ctx.now_us);
    let change =
        Change::new(ctx).expects(domain).keys(keys).counts(domain.id.as_uuid(), Counted::Customers, -1);
    Ok(change.writes(next, EventType::CustomerDeleted, &["status", "delete_time"]))
}

/// Brings a deleted customer back to the status before.
///
/// # Errors
///
/// [`Error::CustomerNotDeleted`]; [`Error::CustomerDeleted`] where they were deleted for good or are erased. That the alias,
/// email or external id was given away shows when it is committed.
pub fn restore(customer: &Customer, domain: &Domain, ctx: Context) -> Result<Change> {
    require_deleted(customer)?;
    if customer.is_beyond_restore {
        return Err(Error::CustomerDeleted(customer.id));
    }
    let mut next = customer.clone();
    next.status = customer.status_before.unwrap_or(CustomerStatus::Enabled);
    next.status_before = None;
    next.update_us = ctx.now_us;
    next.delete_us = None;
    let keys = keys_of(&next, domain).map(KeyChange::Take).collect();
    let change =
        Change::new(ctx).expects(domain).keys(keys).counts(domain.id.as_uuid(), Counted::Customers, 1);
    Ok(change.writes(next, EventType::CustomerRestored, &["status", "delete_time"]))
}

/// Erases a deleted customer for good. Who they were to us stays, and when: the id, the type, the statuses and the times.
/// Their alias stays on hold as long as it was, to the end of that day, for nobody.
///
/// # Errors
///
/// [`Error::CustomerNotDeleted`]; [`Error::CustomerDeleted`] if they are erased already.
pub fn erase(customer: &Customer, domain: &Domain, ctx: Context) -> Result<Change> {
    require_deleted(customer)?;
    let next = Customer {
        profile: Profile { kind: customer.profile.kind, ..Profile::default() },
        status_before: None,
        update_us: ctx.now_us,
        erase_us: Some(ctx.now_us),
        ..customer.clone()
    };
    let changed: Vec<_> = customer.profile.changes(&next.profile).collect();
    let alias = keys_of(customer, domain).filter(|it| it.kind == KeyKind::Alias);
    let keys = alias.map(KeyChange::Orphan).collect();
    let sweep = Sweep::Erase(customer.id);
    let change = Change::new(ctx).expects(domain).keys(keys).sweeps(sweep);
    Ok(change.writes(next, EventType::CustomerErased, &changed))
}

/// Sets how far the checks have come. The reason is kept with the event.
///
/// # Errors
///
/// [`Error::CustomerDeleted`], [`Error::KycTransitionNotAllowed`].
pub fn set_kyc_status(customer: &Customer, to: KycStatus, reason: Line, ctx: Context) -> Result<Change> {
    refuse_deleted(customer)?;
    let mut next = customer.clone();
    next.kyc_status = customer.kyc_status.go(to)?;
    next.update_us = ctx.now_us;
    Ok(Change::new(ctx).because(reason).writes(next, EventType::CustomerKycUpdated, &["kyc_status"]))
}

fn refuse_deleted(customer: &Customer) -> Result<()> {
    if customer.status == CustomerStatus::Deleted {
        return Err(Error::CustomerDeleted(customer.id));
    }
    Ok(())
}

/// Deleted, and not erased: what can still be restored.
fn require_deleted(customer: &Customer) -> Result<()> {
    if customer.status != CustomerStatus::Deleted {
        return Err(Error::CustomerNotDeleted(customer.id));
    }
    if customer.erase_us.is_some() {
        return Err(Error::CustomerDeleted(customer.id));
    }
    Ok(())
}

/// What the domain asks of every customer, new or changed.
fn check_profile(faults: &mut Faults, profile: &Profile, domain: &Domain) {
    for path in &domain.settings.required_fields {
        if Field::named(path).is_some_and(|it| !it.is_set(profile)) {
            faults.add(format!("customer.{path}"), Fault::new("is required by the domain"));
        }
    }
    if profile.payment_address.as_ref().is_some_and(|it| it.domain() != domain.name.as_str()) {
        faults.add("customer.payment_address", Fault::new("must be at the customer's own domain"));
    }
}

/// The names that belong to this customer alone while it is not deleted.
fn keys_of<'a>(customer: &'a Customer, domain: &'a Domain) -> impl Iterator<Item = UniqueKey> + 'a {
    let key = |kind, text| UniqueKey::of_customer(kind, domain.id, text);
    let profile = &customer.profile;
    let email = profile.email.as_ref().filter(|_| domain.settings.unique_email);
    let alias = profile.payment_address.as_ref().map(|it| key(KeyKind::Alias, it.identifier()));
    let email = email.map(|it| key(KeyKind::Email, it.as_str()));
    let external_id = profile.external_id.as_ref().map(|it| key(KeyKind::ExternalId, it.as_str()));
    alias.into_iter().chain(email).chain(external_id)
}

/// What is taken and released when the keys of a row go from `old` to `new`.
fn moved(old: &[UniqueKey], new: &[UniqueKey]) -> Vec<KeyChange> {
    let released = old.iter().filter(|it| !new.contains(it)).cloned().map(KeyChange::Release);
    let taken = new.iter().filter(|it| !old.contains(it)).cloned().map(KeyChange::Take);
    released.chain(taken).collect()
}

#[cfg(test)]
mod tests;
