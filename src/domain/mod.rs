//! What the directory knows, as types that cannot hold anything else, and every rule, as pure functions.
//!
//! No I/O, no clock, no randomness; nothing here knows of gRPC or SQL.

mod access;
pub mod api_key;
mod change;
pub mod customer;
mod error;
mod event;
#[cfg(test)]
mod fixtures;
mod id;
mod judge;
mod kyc;
mod metadata;
mod page;
pub mod payee;
mod profile;
pub mod resolution;
mod standing;
pub mod tenant;
mod text;
mod words;

pub use access::{Actor, Caller, Reach, Scope, Scopes, os_user};
pub use api_key::{ApiKey, Secret, SecretHash};
pub use change::{
    Change, Context, Expect, KeyChange, KeyKind, RequestMark, Resource, Sweep, Table, UniqueKey, Write,
};
pub use customer::{Customer, CustomerKey, CustomerPatch, CustomerStatus, Member, NewCustomer};
pub use error::{Cause, Error, Fault, Faults, FieldFault, Noun, Result};
pub use event::{EventHeader, EventType, Hash, LogId, chain};
pub use id::{ApiKeyId, CustomerId, DomainId, EventId, OrganizationId};
pub use judge::{Facts, KeyState, Remembered, Verdict, judge};
pub use kyc::KycStatus;
pub use metadata::Metadata;
pub use page::{Page, PageRequest, Position};
pub use payee::PayeeMatch;
pub use profile::{BillingAddress, Business, CustomerType, Field, Profile};
pub use resolution::Resolution;
pub use standing::{BlockReason, block_reasons};
pub use tenant::{
    Disclosure, Domain, DomainSettings, DomainStatus, Environment, NewDomain, Organization, SettingsPatch,
};
pub use text::{Alias, Country, DomainName, Email, ExternalId, Line, Mcc, Phone, RequestId, Text, fold};
pub(crate) use words::words;
