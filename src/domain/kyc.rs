//! Know your customer: the status, and the only ways it changes.

use super::{Error, Result, words};

words! {
    /// How far the checks on a customer have come.
    KycStatus {
        /// The domain asks for none.
        NotRequired = "NOT_REQUIRED",
        /// Not begun.
        Pending = "PENDING",
        /// Somebody looks at it.
        InReview = "IN_REVIEW",
        /// The customer has to bring something.
        NeedsInfo = "NEEDS_INFO",
        /// Passed.
        Approved = "APPROVED",
        /// Failed.
        Rejected = "REJECTED",
        /// Passed once, too long ago.
        Expired = "EXPIRED",
    }
}

impl KycStatus {
    /// Where a customer of a new domain begins.
    #[must_use]
    pub const fn first(required: bool) -> Self {
        if required { Self::Pending } else { Self::NotRequired }
    }

    /// The statuses that may come next.
    const fn next(self) -> &'static [Self] {
        use KycStatus::{Approved, Expired, InReview, NeedsInfo, NotRequired, Pending, Rejected};
        match self {
            NotRequired => &[Pending],
            Pending | NeedsInfo => &[InReview, Approved, Rejected],
            InReview => &[NeedsInfo, Approved, Rejected],
            Approved => &[InReview, Expired, Rejected],
            Rejected | Expired => &[InReview],
        }
    }

    /// Goes to `to`.
    ///
    /// # Errors
    ///
    /// [`Error::KycTransitionNotAllowed`] where the graph has no such edge; staying is none.
    pub fn go(self, to: Self) -> Result<Self> {
        if self.next().contains(&to) {
            return Ok(to);
        }
        Err(Error::KycTransitionNotAllowed { from: self, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graph_has_these_edges_and_no_others() {
        let mut edges = Vec::new();
        for from in KycStatus::ALL {
            for to in KycStatus::ALL {
                match from.go(*to) {
                    Ok(went) => {
                        assert_eq!(went, *to);
                        edges.push(format!("{}→{}", from.as_str(), to.as_str()));
                    }
                    Err(error) => assert!(matches!(error, Error::KycTransitionNotAllowed { .. })),
                }
            }
        }
        assert_eq!(
            edges.join(" "),
            "NOT_REQUIRED→PENDING PENDING→IN_REVIEW PENDING→APPROVED PENDING→REJECTED IN_REVIEW→NEEDS_INFO \
             IN_REVIEW→APPROVED IN_REVIEW→REJECTED NEEDS_INFO→IN_REVIEW NEEDS_INFO→APPROVED NEEDS_INFO→REJECTED \
             APPROVED→IN_REVIEW APPROVED→REJECTED APPROVED→EXPIRED REJECTED→IN_REVIEW EXPIRED→IN_REVIEW"
        );
    }
}
