//! Whether a customer can be paid, decided in this one place for the whole program.

use super::{CustomerStatus, DomainStatus, KycStatus, words};

words! {
    /// Why a customer cannot receive.
    BlockReason {
        /// Their domain is suspended.
        DomainSuspended = "DOMAIN_SUSPENDED",
        /// They are disabled.
        CustomerDisabled = "CUSTOMER_DISABLED",
        /// They are deleted.
        CustomerDeleted = "CUSTOMER_DELETED",
        /// Checks have not begun.
        KycPending = "KYC_PENDING",
        /// Checks are under way.
        KycInReview = "KYC_IN_REVIEW",
        /// Checks wait for the customer.
        KycNeedsInfo = "KYC_NEEDS_INFO",
        /// Checks failed.
        KycRejected = "KYC_REJECTED",
        /// Checks are too old.
        KycExpired = "KYC_EXPIRED",
    }
}

/// Every reason why the customer cannot receive; they can if there is none.
pub fn block_reasons(
    domain: DomainStatus,
    status: CustomerStatus,
    kyc: KycStatus,
) -> impl Iterator<Item = BlockReason> {
    let domain = match domain {
        DomainStatus::Active => None,
        DomainStatus::Suspended => Some(BlockReason::DomainSuspended),
    };
    let status = match status {
        CustomerStatus::Enabled => None,
        CustomerStatus::Disabled => Some(BlockReason::CustomerDisabled),
        CustomerStatus::Deleted => Some(BlockReason::CustomerDeleted),
    };
    let kyc = match kyc {
        KycStatus::NotRequired | KycStatus::Approved => None,
        KycStatus::Pending => Some(BlockReason::KycPending),
        KycStatus::InReview => Some(BlockReason::KycInReview),
        KycStatus::NeedsInfo => Some(BlockReason::KycNeedsInfo),
        KycStatus::Rejected => Some(BlockReason::KycRejected),
        KycStatus::Expired => Some(BlockReason::KycExpired),
    };
    domain.into_iter().chain(status).chain(kyc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_enabled_customer_with_kyc_behind_them_in_an_active_domain_can_receive() {
        for domain in DomainStatus::ALL {
            for status in CustomerStatus::ALL {
                for kyc in KycStatus::ALL {
                    let free = *domain == DomainStatus::Active
                        && *status == CustomerStatus::Enabled
                        && matches!(kyc, KycStatus::NotRequired | KycStatus::Approved);
                    assert_eq!(block_reasons(*domain, *status, *kyc).next().is_none(), free);
                }
            }
        }
    }

    #[test]
    fn every_reason_is_given_at_once() {
        let all: Vec<_> =
            block_reasons(DomainStatus::Suspended, CustomerStatus::Deleted, KycStatus::Expired).collect();
        assert_eq!(
            all,
            [BlockReason::DomainSuspended, BlockReason::CustomerDeleted, BlockReason::KycExpired]
        );
    }
}
