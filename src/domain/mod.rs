//! What the directory knows, as types that cannot hold anything else, and every rule, as pure functions.
//!
//! No I/O, no clock, no randomness; nothing here knows of gRPC or SQL.

mod access;
pub mod address;
mod amount;
pub mod api_key;
mod audit;
pub mod billing;
mod change;
pub mod claim;
pub mod claim_link;
pub mod customer;
mod delivery;
mod error;
mod event;
#[cfg(test)]
mod fixtures;
mod id;
mod judge;
pub mod key_source;
mod kyc;
mod metadata;
mod network;
mod page;
pub mod payee;
pub mod payment_method;
mod profile;
mod public_address;
mod quota;
pub mod resolution;
mod standing;
pub mod tenant;
mod text;
pub mod transaction;
pub mod wallet;
pub mod webhook;
mod words;

pub use access::{Actor, Caller, Reach, Scope, Scopes, os_user};
pub use address::{Address, ChainAddress, Derivation, Granted, SourceUse};
pub use amount::{Amount, Decimal, Figure};
pub use api_key::{ApiKey, Secret, SecretHash};
pub use audit::{Chain, Finding, Flaw, Link, Order};
pub use billing::{
    Bill, BillingKind, BillingRecord, Invoice, NewBillingRecord, Payment, PaymentIntent, Plan, Subscription,
};
pub use change::{
    Change, Context, Counted, Expect, KeyChange, KeyKind, RequestMark, Resource, Sweep, Table, UniqueKey,
    Write,
};
pub use claim::{Claim, ClaimStatus, NewClaim};
pub use claim_link::{
    ClaimToken, NewPaymentClaimLink, PaymentClaimLink, PaymentClaimLinkStatus, SealedToken,
};
pub use customer::{Customer, CustomerKey, CustomerPatch, CustomerStatus, Member, NewCustomer};
pub use delivery::{AttemptEnd, Delivery, DeliveryFault, DeliveryStatus, Due};
pub use error::{Cause, Error, Fault, Faults, FieldFault, Noun, Result};
pub use event::{Ends, Event, EventFilter, EventHeader, EventType, Hash, LogId, chain};
pub use id::{
    AddressId, ApiKeyId, ClaimId, CustomerId, DeliveryId, DomainId, EventId, InvoiceId, KeySourceId,
    OrganizationId, PaymentClaimLinkId, PaymentIntentId, PaymentMethodId, SubscriptionId, TransactionId,
    WalletId, WebhookEndpointId,
};
pub use judge::{Facts, KeyState, Remembered, Verdict, judge};
pub use key_source::{KeySource, NewAddresses, NewExtendedKey};
pub use kyc::KycStatus;
pub use metadata::{EXACT, Metadata, whole};
pub use network::{Family, Network, NetworkInfo, Scheme, Token};
pub use page::{Page, PageRequest, Position};
pub use payee::PayeeMatch;
pub use payment_method::{
    BankAccount, NewPaymentMethod, PaymentDetails, PaymentMethod, PaymentMethodStatus, PaymentMethodType,
};
pub use profile::{BillingAddress, Business, CustomerType, Field, Profile};
pub use public_address::is_public;
pub use quota::{Allowance, Bucket, MISS_TOKENS, PAYEE_TRIES, Quota, Share, Standing};
pub use resolution::Resolution;
pub use standing::{BlockReason, block_reasons};
pub(crate) use tenant::DAY_US;
pub use tenant::{
    Disclosure, Domain, DomainSettings, DomainStatus, Environment, NewDomain, Organization, SettingsPatch,
};
pub use text::{
    Alias, Code, Country, Currency, DomainName, Email, ExternalId, Line, Mcc, Phone, Reference, RequestId,
    Text, Word, fold, searched,
};
pub use transaction::{
    Account, Add, Movement, NewTransaction, OnChain, OnRecord, Sums, Transaction, TransactionStatus,
    TransactionType, TxHash,
};
pub use wallet::{Authorization, AuthorizationType, NewAuthorization, Wallet, WalletKind, WalletStatus};
pub use webhook::{
    HostName, NewWebhookEndpoint, SealedSecret, SecretChange, WebhookEndpoint, WebhookFormat, WebhookPatch,
    WebhookSecret, WebhookUrl,
};
pub(crate) use words::words;
