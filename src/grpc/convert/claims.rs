//! Payment claim links and claims.

use super::customers::same_values;
use super::{json, timestamp};
use crate::api;
use crate::app::ShownLink;
use crate::domain::{Claim, ClaimStatus, PaymentClaimLink, PaymentClaimLinkStatus};

same_values!(PaymentClaimLinkStatus: Active, Used, Expired, Revoked);
same_values!(ClaimStatus: Pending, Approved, Rejected);

/// Without its URL, which is not for everybody.
impl From<PaymentClaimLink> for api::PaymentClaimLink {
    fn from(it: PaymentClaimLink) -> Self {
        Self {
            etag: it.etag(),
            id: it.id.into(),
            domain_id: it.domain_id.into(),
            customer_id: it.customer_id.into(),
            status: api::PaymentClaimLinkStatus::from(it.status).into(),
            url: String::new(),
            use_count: i32::try_from(it.use_count).unwrap_or(i32::MAX),
            max_uses: i32::try_from(it.max_uses).unwrap_or(i32::MAX),
            expire_time: Some(timestamp(it.expire_us)),
            metadata: json::to_struct(&it.metadata),
            create_time: Some(timestamp(it.create_us)),
            update_time: Some(timestamp(it.update_us)),
            sequence: it.sequence,
        }
    }
}

/// A link as it is answered to whoever asked.
pub(in crate::grpc) fn shown((link, url): ShownLink) -> api::PaymentClaimLink {
    api::PaymentClaimLink { url: url.unwrap_or_default(), ..link.into() }
}

/// A claim as it is answered to whoever submitted it, who does not learn how much happens in the domain.
pub(in crate::grpc) fn submitted(claim: Claim) -> api::Claim {
    api::Claim { sequence: 0, etag: String::new(), ..claim.into() }
}

impl From<Claim> for api::Claim {
    fn from(it: Claim) -> Self {
        Self {
            etag: it.etag(),
            id: it.id.into(),
            link_id: it.link_id.into(),
            domain_id: it.domain_id.into(),
            customer_id: it.customer_id.into(),
            status: api::ClaimStatus::from(it.status).into(),
            network: it.network.to_string(),
            token: it.token,
            amount: it.amount.in_token(it.decimals),
            tx_hash: it.tx_hash.as_str().to_owned(),
            note: it.note.into(),
            reason: it.reason.into(),
            transaction_id: it.transaction_id.map(Into::into).unwrap_or_default(),
            create_time: Some(timestamp(it.create_us)),
            update_time: Some(timestamp(it.update_us)),
            sequence: it.sequence,
        }
    }
}
