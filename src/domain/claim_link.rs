//! Payment claim links: whoever holds one may say that they have paid a customer.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::tenant::DAY_US;
use super::{
    Change, Context, CustomerId, CustomerStatus, DomainId, Error, EventType, Fault, KeyChange, KeyKind,
    Member, Metadata, Noun, PaymentClaimLinkId, Result, UniqueKey, words,
};

words! {
    /// Whether a link can be used. That one has expired is a matter of the clock, and never stored.
    PaymentClaimLinkStatus {
        /// It can.
        Active = "ACTIVE",
        /// It was, as often as it may be.
        Used = "USED",
        /// Its time has passed.
        Expired = "EXPIRED",
        /// It was ended.
        Revoked = "REVOKED",
    }
}

/// A link by which somebody can say that they have paid a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentClaimLink {
    /// Which.
    pub id: PaymentClaimLinkId,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// In which domain.
    pub domain_id: DomainId,
    /// Who is paid.
    pub customer_id: CustomerId,
    /// Whether it can be used, but for the clock.
    pub status: PaymentClaimLinkStatus,
    /// How many claims were submitted by it.
    pub use_count: u32,
    /// How many may be.
    pub max_uses: u32,
    /// From when on it cannot be used, in microseconds since 1970.
    pub expire_us: i64,
    /// When it was made.
    pub create_us: i64,
    /// When it last changed.
    pub update_us: i64,
    /// What the caller keeps beside it. Last, so that erasure can cut it off.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl PaymentClaimLink {
    /// What a caller shows to say which version it has seen. Callers see it as opaque.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("v{}", self.sequence)
    }

    /// Whether it can be used at a time.
    #[must_use]
    pub const fn status_at(&self, now_us: i64) -> PaymentClaimLinkStatus {
        match self.status {
            PaymentClaimLinkStatus::Active if now_us >= self.expire_us => PaymentClaimLinkStatus::Expired,
            status => status,
        }
    }

    /// Refuses to be used at a time when it cannot be. One that was revoked is like one that never was.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::ClaimLinkUsed`], [`Error::ClaimLinkExpired`].
    pub const fn admit(&self, now_us: i64) -> Result<()> {
        match self.status_at(now_us) {
            PaymentClaimLinkStatus::Active => Ok(()),
            PaymentClaimLinkStatus::Used => Err(Error::ClaimLinkUsed),
            PaymentClaimLinkStatus::Expired => Err(Error::ClaimLinkExpired { since_us: self.expire_us }),
            PaymentClaimLinkStatus::Revoked => Err(Error::NotFound(Noun::ClaimLink)),
        }
    }

    /// The same after another use.
    #[must_use]
    pub fn used(&self, now_us: i64) -> Self {
        let use_count = self.use_count + 1;
        let status = if use_count >= self.max_uses { PaymentClaimLinkStatus::Used } else { self.status };
        Self { use_count, status, update_us: now_us, ..self.clone() }
    }
}

/// What `CreatePaymentClaimLink` asks for.
#[derive(Clone, Debug, Serialize)]
pub struct NewPaymentClaimLink {
    /// Who is to be paid.
    pub customer_id: CustomerId,
    /// From when on it cannot be used; a day from now where that was not said.
    pub expire_us: Option<i64>,
    /// How many claims may be submitted by it.
    pub max_uses: u32,
    /// What to keep beside it.
    pub metadata: Metadata,
}

impl NewPaymentClaimLink {
    /// How many uses a link may have: one where none is asked for.
    ///
    /// # Errors
    ///
    /// Where it is not 1 to 1000.
    pub fn uses(asked: i32) -> Result<u32, Fault> {
        match u32::try_from(asked) {
            Ok(0) => Ok(1),
            Ok(asked @ 1..=1_000) => Ok(asked),
            _ => Err(Fault::new("must be 1 to 1000")),
        }
    }
}

/// Makes a link for a customer, which that token leads to.
///
/// # Errors
///
/// [`Error::CustomerDeleted`]; [`Error::Invalid`] where its time has passed already.
pub fn create(
    new: &NewPaymentClaimLink,
    member: &Member,
    id: PaymentClaimLinkId,
    token: (&ClaimToken, SealedToken),
    ctx: Context,
) -> Result<Change> {
    refuse_deleted(member)?;
    let now_us = ctx.now_us;
    let expire_us = new.expire_us.unwrap_or(now_us + DAY_US);
    if expire_us <= now_us {
        return Err(Error::invalid("expire_time", "must be in the future"));
    }
    let link = PaymentClaimLink {
        id,
        sequence: 0,
        domain_id: member.domain.id,
        customer_id: member.customer.id,
        status: PaymentClaimLinkStatus::Active,
        use_count: 0,
        max_uses: new.max_uses,
        expire_us,
        create_us: now_us,
        update_us: now_us,
        metadata: new.metadata.clone(),
    };
    let (token, sealed) = token;
    let change = Change::new(ctx).expects(&member.customer).expects(&*member.domain);
    let change = change.keys(vec![KeyChange::TakeFor(token.key(), id.as_uuid())]);
    Ok(Change { token: Some(sealed), ..change }.writes(link, EventType::ClaimLinkCreated, &[]))
}

/// Ends a link for good; one that is ended already stays as it is.
#[must_use]
pub fn revoke(link: &PaymentClaimLink, member: &Member, ctx: Context) -> Change {
    if link.status == PaymentClaimLinkStatus::Revoked {
        return Change::new(ctx).leaves(link.clone());
    }
    let mut next =
        PaymentClaimLink { status: PaymentClaimLinkStatus::Revoked, update_us: ctx.now_us, ..link.clone() };
    if member.customer.erase_us.is_some() {
        // It left with them, and may have been read before.
        next.metadata = Metadata::default();
    }
    let change = Change::new(ctx).expects(&member.customer).expects(&*member.domain);
    change.writes(next, EventType::ClaimLinkRevoked, &["status"])
}

/// The same Change, with the end of a link of its customer.
pub(super) fn revoking(change: Change, link: &PaymentClaimLink) -> Change {
    let update_us = change.ctx.now_us;
    let next = PaymentClaimLink { status: PaymentClaimLinkStatus::Revoked, update_us, ..link.clone() };
    change.writes(next, EventType::ClaimLinkRevoked, &["status"])
}

pub(super) fn refuse_deleted(member: &Member) -> Result<()> {
    if member.customer.status == CustomerStatus::Deleted {
        return Err(Error::CustomerDeleted(member.customer.id));
    }
    Ok(())
}

/// What a link ends with, and what whoever holds it shows: 192 random bits, as 32 characters that a URL takes as they are.
#[derive(Clone)]
pub struct ClaimToken(Zeroizing<String>);

impl ClaimToken {
    const LENGTH: usize = 32;

    /// The token of that randomness.
    #[must_use]
    pub fn new(random: [u8; 24]) -> Self {
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(random)))
    }

    /// Reads one; none where it has not the form.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_of_url = |it: u8| it.is_ascii_alphanumeric() || b"-_".contains(&it);
        let has_form = text.len() == Self::LENGTH && text.bytes().all(is_of_url);
        has_form.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The text, to be put into a link or sealed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The name by which its link is found: its SHA-256. There is one space of them for everybody.
    #[must_use]
    pub fn key(&self) -> UniqueKey {
        let text = hex::encode(Sha256::digest(self.0.as_bytes()));
        UniqueKey { scope: Uuid::nil(), kind: KeyKind::ClaimToken, text }
    }
}

impl fmt::Debug for ClaimToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimToken(…)")
    }
}

/// A token as it is kept to be shown again: the version of the master key that sealed it, and what came of that.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedToken {
    /// Which master key.
    pub key_version: i64,
    /// Nonce, ciphertext and tag.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedToken").field("key_version", &self.key_version).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
