//! The calls that are measured, and what each is meant to reach.

use std::fmt;
use std::time::Duration;

use super::database::Kind;

/// How many aliases one `BatchResolveCustomers` asks for: as many as it may.
pub(super) const BATCH: usize = 100;

/// One kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// `ResolveCustomer` of a random alias.
    Resolve,
    /// `GetCustomer` by a random id.
    Get,
    /// `CreateCustomer` with alias, email and request id.
    Create,
    /// `BatchResolveCustomers` of [`BATCH`] random aliases.
    BatchResolve,
    /// `CreateWallet` on Ethereum, for a random customer, with request id.
    CreateWallet,
    /// `LookupAddress` of a random linked address.
    LookupAddress,
}

impl Operation {
    /// What the report calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Get => "get",
            Self::Create => "create",
            Self::BatchResolve => "batch-resolve",
            Self::CreateWallet => "create-wallet",
            Self::LookupAddress => "lookup-address",
        }
    }

    /// What a call at peak load is to reach on this kind of database.
    pub(super) fn aim(self, kind: Kind) -> Aim {
        match (self, kind) {
            (Self::Resolve, Kind::Sqlite) => Aim::Ratio(0.70),
            (Self::Resolve, Kind::Postgres) => Aim::Ratio(0.55),
            (Self::Get | Self::LookupAddress, Kind::Sqlite) => Aim::Ratio(0.65),
            (Self::Get | Self::LookupAddress, Kind::Postgres) => Aim::Ratio(0.50),
            (Self::Create, _) => Aim::Ratio(0.25),
            (Self::CreateWallet, _) => Aim::Ratio(0.10),
            (Self::BatchResolve, Kind::Sqlite) => Aim::Rate(200_000),
            (Self::BatchResolve, Kind::Postgres) => Aim::Rate(150_000),
        }
    }

    /// What 99 of 100 calls are to stay within at half of the peak load.
    pub(super) fn aim_at_half_load(self) -> Aim {
        Aim::P99(Duration::from_millis(if self == Self::Create { 25 } else { 5 }))
    }
}

/// What a figure is meant to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aim {
    /// At least this share of the bare server's rate.
    Ratio(f64),
    /// At least so many per second.
    Rate(u32),
    /// The 99th percentile of the latency is at most this.
    P99(Duration),
    /// The median of the latency is at most this.
    P50(Duration),
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(ratio) => write!(f, "ratio ≥ {ratio:.2}"),
            Self::Rate(rate) => write!(f, "≥ {rate}/s"),
            Self::P50(latency) => write!(f, "p50 ≤ {} ms", latency.as_millis()),
            Self::P99(latency) => write!(f, "p99 ≤ {} ms", latency.as_millis()),
        }
    }
}
