//! Webhook endpoints: where a domain's events are delivered to.

mod secret;
mod url;

use serde::{Deserialize, Serialize};

pub use secret::{SealedSecret, SecretChange, WebhookSecret};
pub use url::{HostName, WebhookUrl};

use super::tenant::DAY_US;
use super::{
    Change, Context, Domain, DomainId, Error, EventType, Fault, FieldFault, KeyChange, KeyKind, Result, Text,
    UniqueKey, WebhookEndpointId, words,
};

words! {
    /// What a delivery looks like.
    WebhookFormat {
        /// As Standard Webhooks has it.
        Standard = "STANDARD",
        /// As the clients of `FossaPay` expect it.
        Fossapay = "FOSSAPAY",
        /// As the clients of TRXN expect it.
        Trxn = "TRXN",
    }
}

impl WebhookFormat {
    /// Whether the format can say that this happened.
    #[must_use]
    pub fn has(self, kind: &str) -> bool {
        match self {
            Self::Standard => true,
            Self::Fossapay => matches!(kind, "customer.created" | "customer.updated"),
            Self::Trxn => matches!(kind, "customer.created" | "customer.updated" | "customer.deleted"),
        }
    }
}

/// Where a domain's events are delivered to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    /// Which.
    pub id: WebhookEndpointId,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// Whose events.
    pub domain_id: DomainId,
    /// Where.
    pub url: WebhookUrl,
    /// Which types; none says all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_types: Vec<EventType>,
    /// What a delivery looks like.
    pub format: WebhookFormat,
    /// What people say of it.
    pub description: Text<500>,
    /// Whether anything is attempted.
    pub enabled: bool,
    /// The number of the secret that it signs with.
    pub secret_number: u32,
    /// Its place among the domain's endpoints.
    pub slot: u32,
    /// When it was created, in microseconds since 1970.
    pub create_us: i64,
    /// When it last changed.
    pub update_us: i64,
    /// When it was deleted, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_us: Option<i64>,
}

impl WebhookEndpoint {
    /// How many a domain may have.
    pub const MOST: u32 = 100;

    /// What a caller shows to say which version it has seen. Callers see it as opaque.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("v{}", self.sequence)
    }

    /// Whether it is to be told of events of a type.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        let is_asked_for =
            self.event_types.is_empty() || self.event_types.iter().any(|it| it.as_str() == kind);
        is_asked_for && self.format.has(kind)
    }

    /// What its row says of it: `ENABLED`, `DISABLED` or `DELETED`.
    #[must_use]
    pub const fn standing(&self) -> &'static str {
        match (self.delete_us, self.enabled) {
            (Some(_), _) => "DELETED",
            (None, true) => "ENABLED",
            (None, false) => "DISABLED",
        }
    }

    fn slot_key(&self) -> UniqueKey {
        UniqueKey::of_customer(KeyKind::WebhookSlot, self.domain_id, &self.slot.to_string())
    }
}

/// What `CreateWebhookEndpoint` asks for.
#[derive(Clone, Debug, Serialize)]
pub struct NewWebhookEndpoint {
    /// Where.
    pub url: WebhookUrl,
    /// Which types; none says all.
    pub event_types: Vec<EventType>,
    /// What a delivery looks like.
    pub format: WebhookFormat,
    /// What people say of it.
    pub description: Text<500>,
    /// Whether anything is attempted.
    pub enabled: bool,
}

/// What `UpdateWebhookEndpoint` asks for: only what is there changes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WebhookPatch {
    /// Where.
    pub url: Option<WebhookUrl>,
    /// Which types.
    pub event_types: Option<Vec<EventType>>,
    /// What a delivery looks like.
    pub format: Option<WebhookFormat>,
    /// What people say of it.
    pub description: Option<Text<500>>,
    /// Whether anything is attempted.
    pub enabled: Option<bool>,
}

/// Makes an endpoint beside the others of its domain, in the first place that none of them has.
///
/// # Errors
///
/// [`Error::TooManyWebhookEndpoints`]; [`Error::Invalid`] where the format cannot say what is asked for.
pub fn create(
    new: &NewWebhookEndpoint,
    domain: &Domain,
    others: &[WebhookEndpoint],
    id: WebhookEndpointId,
    secret: SealedSecret,
    ctx: Context,
) -> Result<Change> {
    let taken = |slot: &u32| others.iter().any(|it| it.slot == *slot);
    let slot = (0..WebhookEndpoint::MOST).find(|it| !taken(it));
    let endpoint = WebhookEndpoint {
        id,
        sequence: 0,
        domain_id: domain.id,
        url: new.url.clone(),
        event_types: new.event_types.clone(),
        format: new.format,
        description: new.description.clone(),
        enabled: new.enabled,
        secret_number: 1,
        slot: slot.ok_or(Error::TooManyWebhookEndpoints(WebhookEndpoint::MOST))?,
        create_us: ctx.now_us,
        update_us: ctx.now_us,
        delete_us: None,
    };
    fits(&endpoint)?;
    let mut change = Change::new(ctx).expects(domain).keys(vec![KeyChange::Take(endpoint.slot_key())]);
    change.secrets = Some(SecretChange::Begins(secret));
    Ok(change.writes(endpoint, EventType::WebhookEndpointCreated, &[]))
}

/// Changes what the patch says. A patch that changes nothing makes no event.
///
/// # Errors
///
/// [`Error::Invalid`] where the format cannot say what is asked for.
pub fn update(
    endpoint: &WebhookEndpoint,
    patch: &WebhookPatch,
    domain: &Domain,
    ctx: Context,
) -> Result<Change> {
    let WebhookPatch { url, event_types, format, description, enabled } = patch.clone();
    let mut next = endpoint.clone();
    next.url = url.unwrap_or(next.url);
    next.event_types = event_types.unwrap_or(next.event_types);
    next.format = format.unwrap_or(next.format);
    next.description = description.unwrap_or(next.description);
    next.enabled = enabled.unwrap_or(next.enabled);
    fits(&next)?;
    let changed = [
        ("url", next.url != endpoint.url),
        ("event_types", next.event_types != endpoint.event_types),
        ("format", next.format != endpoint.format),
        ("description", next.description != endpoint.description),
        ("enabled", next.enabled != endpoint.enabled),
    ];
    let changed: Vec<_> = changed.into_iter().filter(|it| it.1).map(|it| it.0).collect();
    if changed.is_empty() {
        return Ok(Change::new(ctx).leaves(next));
    }
    next.update_us = ctx.now_us;
    Ok(Change::new(ctx).expects(domain).writes(next, EventType::WebhookEndpointUpdated, &changed))
}

/// Gives an endpoint a new secret. For a day it signs with the one before as well, so that a receiver can follow.
#[must_use]
pub fn rotate(endpoint: &WebhookEndpoint, secret: SealedSecret, domain: &Domain, ctx: Context) -> Change {
    let number = endpoint.secret_number.saturating_add(1);
    let next = WebhookEndpoint { secret_number: number, update_us: ctx.now_us, ..endpoint.clone() };
    let overlap_end_us = ctx.now_us.saturating_add(DAY_US);
    let mut change = Change::new(ctx).expects(domain);
    change.secrets = Some(SecretChange::Rotates { secret, number, overlap_end_us });
    change.writes(next, EventType::WebhookEndpointUpdated, &["secret"])
}

/// Deletes an endpoint: nothing is attempted any more, and its secrets are gone.
#[must_use]
pub fn delete(endpoint: &WebhookEndpoint, domain: &Domain, ctx: Context) -> Change {
    let now_us = ctx.now_us;
    let next = WebhookEndpoint { update_us: now_us, delete_us: Some(now_us), ..endpoint.clone() };
    let mut change = Change::new(ctx).expects(domain).keys(vec![KeyChange::Release(endpoint.slot_key())]);
    change.secrets = Some(SecretChange::Ends);
    change.writes(next, EventType::WebhookEndpointDeleted, &["delete_time"])
}

/// Disables an endpoint whose receiver said that it is gone, as it was at that place of its log. One that is disabled
/// already stays as it is, and so does one that has changed since: it may be somewhere else.
#[must_use]
pub fn gone(endpoint: &WebhookEndpoint, sequence: i64, ctx: Context) -> Change {
    if endpoint.sequence != sequence || !endpoint.enabled || endpoint.delete_us.is_some() {
        return Change::new(ctx).leaves(endpoint.clone());
    }
    let next = WebhookEndpoint { enabled: false, update_us: ctx.now_us, ..endpoint.clone() };
    let because = "the receiver answered 410 Gone".to_owned().try_into().unwrap_or_default();
    Change::new(ctx).because(because).writes(next, EventType::WebhookEndpointUpdated, &["enabled"])
}

/// Refuses types that the format has no form for: they would never be delivered.
fn fits(endpoint: &WebhookEndpoint) -> Result<()> {
    let field = "webhook_endpoint.event_types".into();
    has_all(endpoint.format, &endpoint.event_types)
        .map_err(|fault| Error::Invalid(vec![FieldFault { field, fault }]))
}

/// Whether a format can say all that is asked for.
///
/// # Errors
///
/// What it can say.
pub fn has_all(format: WebhookFormat, types: &[EventType]) -> Result<(), Fault> {
    if types.iter().all(|it| format.has(it.as_str())) {
        return Ok(());
    }
    let known: Vec<_> = EventType::ALL.iter().map(|it| it.as_str()).filter(|it| format.has(it)).collect();
    Err(Fault::because(format!("must be among those that the format {format} has: {}", known.join(", "))))
}

/// The types that words name, each once.
///
/// # Errors
///
/// What is wrong with the first that names none.
pub fn event_types(words: &[String]) -> Result<Vec<EventType>, Fault> {
    if words.len() > 100 {
        return Err(Fault::new("must be at most 100 types"));
    }
    let mut types = Vec::with_capacity(words.len());
    for word in words {
        let kind =
            word.parse().map_err(|_| Fault::new("must be types of events, such as customer.created"))?;
        if !types.contains(&kind) {
            types.push(kind);
        }
    }
    Ok(types)
}

#[cfg(test)]
mod tests;
