//! How each [`Error`] looks to a caller. The only place that makes a [`Status`].

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::convert::timestamp;
use crate::api::ErrorReason;
use crate::domain::{Error, Fault, FieldFault, KeyKind, Noun};
use crate::telemetry::{call_id, call_route};

/// The `domain` of every `google.rpc.ErrorInfo` we send.
const DOMAIN: &str = "purser.v1";

/// A refusal that is not an operation's: of the transport, before or around it.
pub(crate) fn refusal(code: Code, reason: ErrorReason, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, info(reason, HashMap::new()))
}

/// That a message is larger than its method takes.
pub(crate) fn too_large(limit_bytes: usize, message: impl Into<String>) -> Status {
    let metadata = HashMap::from([("limit_bytes".to_owned(), limit_bytes.to_string())]);
    let details = info(ErrorReason::MessageTooLarge, metadata);
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = placed(&error);
        let mut details = info(reason, metadata(&error));
        if let Some(after) = error.retry_after() {
            details.set_retry_info(Some(after));
        }
        let mut message = error.to_string();
        match &error {
            Error::Invalid(faults) | Error::InvalidAddress(faults) => {
                let told = fitting(faults);
                for it in &told {
                    details.add_bad_request_violation(it.field.clone(), it.fault.problem());
                }
                let is_address = matches!(error, Error::InvalidAddress(_));
                let again = if is_address { Error::InvalidAddress(told) } else { Error::Invalid(told) };
                message = again.to_string();
            }
            Error::ChainUnavailable(network, cause) => {
                tracing::warn!(request_id = call_id(), route = call_route(), %network, %cause, "a node gave no usable answer");
            }
            Error::DatabaseUnavailable(cause) => {
                tracing::debug!(request_id = call_id(), route = call_route(), %cause, "database unavailable");
            }
            // The one place that logs it. `Display` says nothing of the cause, so the caller cannot learn it.
            Error::Internal(cause) => {
                tracing::error!(request_id = call_id(), route = call_route(), %cause, "internal error");
            }
            _ => {}
        }
        Self::with_error_details(code, message, details)
    }
}

/// The faults that an answer has room for. It travels in headers, of which peers take 16 KiB, and says each fault three
/// times: in the message, and in the details, which repeat the message. Every field of any request fits; what a caller
/// repeats a hundred times does not.
fn fitting(faults: &[FieldFault]) -> Vec<FieldFault> {
    const ROOM: usize = 14 * 1024;
    const LONGEST: usize = 255;
    // The message escapes what is no letter or digit; the details are in base64.
    let length =
        |text: &str| text.bytes().map(|it| if it.is_ascii_alphanumeric() { 4 } else { 6 }).sum::<usize>();
    let mut used = 0;
    let shorten = |it: &FieldFault| match it.fault.problem().char_indices().nth(LONGEST) {
        // It may repeat what was sent, such as the path of a mask.
        Some((end, _)) => {
            let fault = Fault::because(format!("{}…", &it.fault.problem()[..end]));
            FieldFault { field: it.field.clone(), fault }
        }
        None => it.clone(),
    };
    let fits = |it: &FieldFault| {
        used += length(&it.field) + length(it.fault.problem()) + length("`` ; ");
        used <= ROOM
    };
    faults.iter().map(shorten).take_while(fits).collect()
}

fn info(reason: ErrorReason, metadata: HashMap<String, String>) -> ErrorDetails {
    let name = reason.as_str_name();
    ErrorDetails::with_error_info(name.strip_prefix("ERROR_REASON_").unwrap_or(name), DOMAIN, metadata)
}

/// No `_` arm: a new kind of error does not compile until it is placed.
const fn placed(error: &Error) -> (Code, ErrorReason) {
    match error {
        Error::Invalid(_) => (Code::InvalidArgument, ErrorReason::InvalidField),
        Error::BadPageToken => (Code::InvalidArgument, ErrorReason::BadPageToken),
        Error::RequestIdReused => (Code::InvalidArgument, ErrorReason::RequestIdReused),
        Error::ApiKeyMissing => (Code::Unauthenticated, ErrorReason::ApiKeyMissing),
        Error::ApiKeyInvalid => (Code::Unauthenticated, ErrorReason::ApiKeyInvalid),
        Error::ApiKeyExpired => (Code::Unauthenticated, ErrorReason::ApiKeyExpired),
        Error::ApiKeyRevoked => (Code::Unauthenticated, ErrorReason::ApiKeyRevoked),
        Error::ScopeMissing(_) => (Code::PermissionDenied, ErrorReason::ScopeMissing),
        Error::OperatorOnly => (Code::PermissionDenied, ErrorReason::OperatorOnly),
        Error::KeyTooWide(_) => (Code::PermissionDenied, ErrorReason::KeyTooWide),
        Error::ApiKeyEnded => (Code::FailedPrecondition, ErrorReason::ApiKeyEnded),
        Error::NotFound(noun) => (Code::NotFound, not_found(*noun)),
        Error::Taken { kind, .. } => (Code::AlreadyExists, taken(*kind)),
        Error::AliasQuarantined { .. } => (Code::AlreadyExists, ErrorReason::AliasQuarantined),
        Error::CustomerDeleted(_) | Error::PayeeDeleted => {
            (Code::FailedPrecondition, ErrorReason::CustomerDeleted)
        }
        Error::CustomerNotDeleted(_) => (Code::FailedPrecondition, ErrorReason::CustomerNotDeleted),
        Error::EmailNotUnique => (Code::FailedPrecondition, ErrorReason::EmailNotUnique),
        Error::EmailsShared => (Code::FailedPrecondition, ErrorReason::EmailsNotUniqueYet),
        Error::KycTransitionNotAllowed { .. } => {
            (Code::FailedPrecondition, ErrorReason::KycTransitionNotAllowed)
        }
        Error::UnknownNetwork(_) => (Code::InvalidArgument, ErrorReason::UnknownNetwork),
        Error::InvalidAddress(_) => (Code::InvalidArgument, ErrorReason::InvalidAddress),
        Error::NetworkNotAllowed(..) => (Code::FailedPrecondition, ErrorReason::NetworkNotAllowed),
        Error::KycNotApproved(..) => (Code::FailedPrecondition, ErrorReason::KycNotApproved),
        Error::WalletExists(_) => (Code::AlreadyExists, ErrorReason::WalletExists),
        Error::WalletTransitionNotAllowed { .. } => {
            (Code::FailedPrecondition, ErrorReason::WalletTransitionNotAllowed)
        }
        Error::WalletFrozen(_) => (Code::FailedPrecondition, ErrorReason::WalletFrozen),
        Error::WalletRemoved(_) => (Code::FailedPrecondition, ErrorReason::WalletRemoved),
        Error::WalletKindMismatch(..) => (Code::FailedPrecondition, ErrorReason::WalletKindMismatch),
        Error::InsufficientBalance(_) => (Code::FailedPrecondition, ErrorReason::InsufficientBalance),
        Error::BalanceOverflow(_) => (Code::FailedPrecondition, ErrorReason::BalanceOverflow),
        Error::TransactionTransitionNotAllowed { .. } => {
            (Code::FailedPrecondition, ErrorReason::TransactionTransitionNotAllowed)
        }
        Error::BillingRecordCustomerFixed(_) => {
            (Code::FailedPrecondition, ErrorReason::BillingRecordCustomerFixed)
        }
        Error::PaymentMethodRemoved(_) => (Code::FailedPrecondition, ErrorReason::PaymentMethodRemoved),
        Error::NoExtendedKey(_) => (Code::FailedPrecondition, ErrorReason::NoExtendedKey),
        Error::KeySourceFixed(_) => (Code::FailedPrecondition, ErrorReason::AddressSourceFixed),
        Error::AddressPoolEmpty(_) => (Code::FailedPrecondition, ErrorReason::AddressPoolEmpty),
        Error::TooManyAddresses(..) => (Code::FailedPrecondition, ErrorReason::TooManyAddresses),
        Error::ChainNotConfigured(_) => (Code::FailedPrecondition, ErrorReason::ChainNotConfigured),
        Error::ChainUnavailable(..) => (Code::Unavailable, ErrorReason::ChainUnavailable),
        Error::WebhookEndpointDisabled(_) => (Code::FailedPrecondition, ErrorReason::WebhookEndpointDisabled),
        Error::TooManyWebhookEndpoints(_) => (Code::FailedPrecondition, ErrorReason::TooManyWebhookEndpoints),
        Error::DomainSuspended => (Code::FailedPrecondition, ErrorReason::DomainSuspended),
        Error::ClaimLinkUsed => (Code::FailedPrecondition, ErrorReason::ClaimLinkUsed),
        Error::ClaimLinkExpired { .. } => (Code::FailedPrecondition, ErrorReason::ClaimLinkExpired),
        Error::ClaimClosed(..) => (Code::FailedPrecondition, ErrorReason::ClaimClosed),
        Error::NoWalletOnNetwork(..) => (Code::FailedPrecondition, ErrorReason::NoWalletOnNetwork),
        Error::RateLimited { .. } => (Code::ResourceExhausted, ErrorReason::RateLimited),
        Error::EventsExpired { .. } => (Code::OutOfRange, ErrorReason::EventsExpired),
        Error::SequenceAhead { .. } => (Code::OutOfRange, ErrorReason::SequenceAhead),
        Error::SlowWatcher => (Code::ResourceExhausted, ErrorReason::SlowWatcher),
        Error::EtagMismatch => (Code::Aborted, ErrorReason::EtagMismatch),
        Error::Contended => (Code::Aborted, ErrorReason::Contended),
        Error::Overloaded => (Code::ResourceExhausted, ErrorReason::Overloaded),
        Error::DatabaseUnavailable(_) => (Code::Unavailable, ErrorReason::DatabaseUnavailable),
        Error::Unimplemented(_) => (Code::Unimplemented, ErrorReason::Unimplemented),
        Error::Internal(_) => (Code::Internal, ErrorReason::Internal),
    }
}

const fn not_found(noun: Noun) -> ErrorReason {
    match noun {
        Noun::Organization => ErrorReason::OrganizationNotFound,
        // A seed is asked for on the machine only, never over the wire.
        Noun::Domain | Noun::Seed => ErrorReason::DomainNotFound,
        Noun::ApiKey => ErrorReason::ApiKeyNotFound,
        Noun::Customer => ErrorReason::CustomerNotFound,
        Noun::Alias => ErrorReason::AliasNotFound,
        Noun::Wallet => ErrorReason::WalletNotFound,
        Noun::Address => ErrorReason::AddressNotFound,
        Noun::Transaction => ErrorReason::TransactionNotFound,
        Noun::WebhookEndpoint => ErrorReason::WebhookEndpointNotFound,
        Noun::Event => ErrorReason::EventNotFound,
        Noun::PaymentMethod => ErrorReason::PaymentMethodNotFound,
        Noun::ClaimLink => ErrorReason::ClaimLinkNotFound,
        Noun::Claim => ErrorReason::ClaimNotFound,
    }
}

const fn taken(kind: KeyKind) -> ErrorReason {
    match kind {
        KeyKind::Alias => ErrorReason::AliasTaken,
        KeyKind::Email => ErrorReason::EmailTaken,
        KeyKind::ExternalId => ErrorReason::ExternalIdTaken,
        KeyKind::DomainName => ErrorReason::DomainNameTaken,
        KeyKind::Address | KeyKind::AddressOwner | KeyKind::PooledAddress => ErrorReason::AddressTaken,
        KeyKind::LedgerWallet => ErrorReason::WalletExists,
        KeyKind::Reference | KeyKind::Transaction | KeyKind::ClaimedDeposit => ErrorReason::TransactionExists,
        KeyKind::ExtendedKey => ErrorReason::ExtendedKeyTaken,
        // Whoever finds a place taken tries the next.
        KeyKind::WebhookSlot => ErrorReason::TooManyWebhookEndpoints,
        // Whoever finds it taken changes what has it: nobody is told.
        KeyKind::BillingRecord => ErrorReason::BillingRecordCustomerFixed,
        // No token is drawn twice.
        KeyKind::ClaimedTransaction | KeyKind::ClaimToken => ErrorReason::ClaimExists,
        // An index has one taker, and a source that is taken is an error of its own.
        KeyKind::Derivation | KeyKind::KeySource | KeyKind::UsedSource | KeyKind::WatchOnly => {
            ErrorReason::AddressSourceFixed
        }
    }
}

/// Ids and words only: what an error tells may be logged by whoever gets it.
fn metadata(error: &Error) -> HashMap<String, String> {
    let pairs = match error {
        Error::ScopeMissing(scope) => vec![("scope", scope.to_string())],
        Error::KeyTooWide(what) => vec![("wider_in", (*what).to_owned())],
        Error::Taken { kind: KeyKind::DomainName | KeyKind::ExtendedKey, owner: Some(id) } => {
            vec![("domain_id", id.clone())]
        }
        Error::Taken {
            kind: KeyKind::LedgerWallet | KeyKind::Address | KeyKind::AddressOwner | KeyKind::PooledAddress,
            owner: Some(id),
        } => {
            vec![("wallet_id", id.clone())]
        }
        Error::Taken {
            kind: KeyKind::Reference | KeyKind::Transaction | KeyKind::ClaimedDeposit,
            owner: Some(id),
        } => {
            vec![("transaction_id", id.clone())]
        }
        Error::Taken { owner: Some(id), .. } => vec![("customer_id", id.clone())],
        Error::UnknownNetwork(key) => vec![("network", key.clone())],
        Error::NetworkNotAllowed(network, environment) => {
            vec![("network", network.to_string()), ("environment", environment.to_string())]
        }
        Error::KycNotApproved(id, status) => {
            vec![("customer_id", id.to_string()), ("kyc_status", status.to_string())]
        }
        Error::WalletKindMismatch(id, kind) => {
            vec![("wallet_id", id.to_string()), ("kind", kind.to_string())]
        }
        Error::WalletTransitionNotAllowed { from, to } => {
            vec![("from", from.to_string()), ("to", to.to_string())]
        }
        Error::WalletExists(id)
        | Error::WalletFrozen(id)
        | Error::WalletRemoved(id)
        | Error::InsufficientBalance(id)
        | Error::BalanceOverflow(id) => vec![("wallet_id", id.to_string())],
        Error::TransactionTransitionNotAllowed { from, to } => {
            vec![("from", from.to_string()), ("to", to.to_string())]
        }
        Error::TooManyAddresses(id, limit) => {
            vec![("wallet_id", id.to_string()), ("limit", limit.to_string())]
        }
        Error::NoExtendedKey(scheme) | Error::KeySourceFixed(scheme) | Error::AddressPoolEmpty(scheme) => {
            vec![("scheme", scheme.to_string())]
        }
        Error::ChainNotConfigured(network) | Error::ChainUnavailable(network, _) => {
            vec![("network", network.to_string())]
        }
        Error::WebhookEndpointDisabled(id) => vec![("webhook_endpoint_id", id.to_string())],
        Error::TooManyWebhookEndpoints(limit) => vec![("limit", limit.to_string())],
        Error::ClaimLinkExpired { since_us } => vec![("expire_time", timestamp(*since_us).to_string())],
        Error::ClaimClosed(id, status) => vec![("claim_id", id.to_string()), ("status", status.to_string())],
        Error::NoWalletOnNetwork(id, network) => {
            vec![("customer_id", id.to_string()), ("network", network.to_string())]
        }
        Error::EventsExpired { earliest } => vec![("earliest_sequence", earliest.to_string())],
        Error::SequenceAhead { last } => vec![("last_sequence", last.to_string())],
        Error::AliasQuarantined { until_us } => {
            vec![("quarantine_end_time", timestamp(*until_us).to_string())]
        }
        Error::CustomerDeleted(id)
        | Error::CustomerNotDeleted(id)
        | Error::BillingRecordCustomerFixed(id) => vec![("customer_id", id.to_string())],
        Error::PaymentMethodRemoved(id) => vec![("payment_method_id", id.to_string())],
        Error::KycTransitionNotAllowed { from, to } => {
            vec![("from", from.to_string()), ("to", to.to_string())]
        }
        _ => Vec::new(),
    };
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        ClaimId, ClaimStatus, CustomerId, Environment, KycStatus, Network, PaymentMethodId, Scheme, Scope,
        TransactionStatus, WalletId, WalletKind, WalletStatus,
    };

    /// Reasons that no operation has: they are answered before or around it.
    const OF_THE_TRANSPORT: [ErrorReason; 3] =
        [ErrorReason::MessageTooLarge, ErrorReason::ShuttingDown, ErrorReason::DeadlineExceeded];

    /// Reasons of services that are still to come.
    const LATER: [ErrorReason; 0] = [];

    fn chain_unavailable() -> Error {
        let Error::Internal(cause) = Error::internal("secret") else { unreachable!() };
        Error::ChainUnavailable(Network::Ethereum, cause)
    }

    /// An error with its code, reason and metadata.
    type Row = (Error, Code, &'static str, &'static [&'static str]);

    /// One of each.
    fn table() -> Vec<Row> {
        [of_everything(), of_wallets(), of_claims()].concat()
    }

    fn of_wallets() -> Vec<Row> {
        let id = CustomerId::from_uuid(Uuid::from_u128(1));
        let wallet = WalletId::from_uuid(Uuid::from_u128(2));
        let (network, scheme) = (Network::Ethereum, Scheme::Evm);
        let taken = |kind| Error::Taken { kind, owner: Some("id".to_owned()) };
        let (from, to) = (TransactionStatus::Failed, TransactionStatus::Pending);
        let of_wallet: &[&str] = &["wallet_id"];
        vec![
            (Error::NotFound(Noun::Wallet), Code::NotFound, "WALLET_NOT_FOUND", &[]),
            (Error::NotFound(Noun::Address), Code::NotFound, "ADDRESS_NOT_FOUND", &[]),
            (Error::NotFound(Noun::Transaction), Code::NotFound, "TRANSACTION_NOT_FOUND", &[]),
            (Error::NotFound(Noun::Seed), Code::NotFound, "DOMAIN_NOT_FOUND", &[]),
            (taken(KeyKind::Address), Code::AlreadyExists, "ADDRESS_TAKEN", of_wallet),
            (taken(KeyKind::AddressOwner), Code::AlreadyExists, "ADDRESS_TAKEN", of_wallet),
            (taken(KeyKind::LedgerWallet), Code::AlreadyExists, "WALLET_EXISTS", of_wallet),
            (taken(KeyKind::Reference), Code::AlreadyExists, "TRANSACTION_EXISTS", &["transaction_id"]),
            (taken(KeyKind::Transaction), Code::AlreadyExists, "TRANSACTION_EXISTS", &["transaction_id"]),
            (taken(KeyKind::ExtendedKey), Code::AlreadyExists, "EXTENDED_KEY_TAKEN", &["domain_id"]),
            (Error::Taken { kind: KeyKind::Address, owner: None }, Code::AlreadyExists, "ADDRESS_TAKEN", &[]),
            (Error::UnknownNetwork("x".to_owned()), Code::InvalidArgument, "UNKNOWN_NETWORK", &["network"]),
            (
                Error::invalid_address("address", Fault::new("is bad")),
                Code::InvalidArgument,
                "INVALID_ADDRESS",
                &[],
            ),
            (
                Error::NetworkNotAllowed(network, Environment::Sandbox),
                Code::FailedPrecondition,
                "NETWORK_NOT_ALLOWED",
                &["environment", "network"],
            ),
            (
                Error::KycNotApproved(id, KycStatus::Pending),
                Code::FailedPrecondition,
                "KYC_NOT_APPROVED",
                &["customer_id", "kyc_status"],
            ),
            (Error::WalletExists(wallet), Code::AlreadyExists, "WALLET_EXISTS", of_wallet),
            (
                Error::WalletTransitionNotAllowed { from: WalletStatus::Active, to: WalletStatus::Removed },
                Code::FailedPrecondition,
                "WALLET_TRANSITION_NOT_ALLOWED",
                &["from", "to"],
            ),
            (Error::WalletFrozen(wallet), Code::FailedPrecondition, "WALLET_FROZEN", of_wallet),
            (Error::WalletRemoved(wallet), Code::FailedPrecondition, "WALLET_REMOVED", of_wallet),
            (
                Error::WalletKindMismatch(wallet, WalletKind::Ledger),
                Code::FailedPrecondition,
                "WALLET_KIND_MISMATCH",
                &["kind", "wallet_id"],
            ),
            (Error::InsufficientBalance(wallet), Code::FailedPrecondition, "INSUFFICIENT_BALANCE", of_wallet),
            (Error::BalanceOverflow(wallet), Code::FailedPrecondition, "BALANCE_OVERFLOW", of_wallet),
            (
                Error::TransactionTransitionNotAllowed { from, to },
                Code::FailedPrecondition,
                "TRANSACTION_TRANSITION_NOT_ALLOWED",
                &["from", "to"],
            ),
            (Error::NotFound(Noun::PaymentMethod), Code::NotFound, "PAYMENT_METHOD_NOT_FOUND", &[]),
            (
                Error::BillingRecordCustomerFixed(id),
                Code::FailedPrecondition,
                "BILLING_RECORD_CUSTOMER_FIXED",
                &["customer_id"],
            ),
            (
                Error::PaymentMethodRemoved(PaymentMethodId::from_uuid(Uuid::from_u128(3))),
                Code::FailedPrecondition,
                "PAYMENT_METHOD_REMOVED",
                &["payment_method_id"],
            ),
            (Error::NoExtendedKey(scheme), Code::FailedPrecondition, "NO_EXTENDED_KEY", &["scheme"]),
            (Error::KeySourceFixed(scheme), Code::FailedPrecondition, "ADDRESS_SOURCE_FIXED", &["scheme"]),
            (Error::AddressPoolEmpty(scheme), Code::FailedPrecondition, "ADDRESS_POOL_EMPTY", &["scheme"]),
            (
                Error::ChainNotConfigured(network),
                Code::FailedPrecondition,
                "CHAIN_NOT_CONFIGURED",
                &["network"],
            ),
            (chain_unavailable(), Code::Unavailable, "CHAIN_UNAVAILABLE", &["network"]),
        ]
    }

    fn of_claims() -> Vec<Row> {
        let id = CustomerId::from_uuid(Uuid::from_u128(1));
        vec![
            (Error::NotFound(Noun::ClaimLink), Code::NotFound, "CLAIM_LINK_NOT_FOUND", &[]),
            (Error::NotFound(Noun::Claim), Code::NotFound, "CLAIM_NOT_FOUND", &[]),
            (Error::PayeeDeleted, Code::FailedPrecondition, "CUSTOMER_DELETED", &[]),
            (
                Error::Taken { kind: KeyKind::ClaimedDeposit, owner: Some("id".to_owned()) },
                Code::AlreadyExists,
                "TRANSACTION_EXISTS",
                &["transaction_id"],
            ),
            (Error::ClaimLinkUsed, Code::FailedPrecondition, "CLAIM_LINK_USED", &[]),
            (
                Error::ClaimLinkExpired { since_us: 0 },
                Code::FailedPrecondition,
                "CLAIM_LINK_EXPIRED",
                &["expire_time"],
            ),
            (
                Error::ClaimClosed(ClaimId::from_uuid(Uuid::nil()), ClaimStatus::Approved),
                Code::FailedPrecondition,
                "CLAIM_CLOSED",
                &["claim_id", "status"],
            ),
            (
                Error::NoWalletOnNetwork(id, Network::Ethereum),
                Code::FailedPrecondition,
                "NO_WALLET_ON_NETWORK",
                &["customer_id", "network"],
            ),
            (
                Error::Taken { kind: KeyKind::ClaimedTransaction, owner: None },
                Code::AlreadyExists,
                "CLAIM_EXISTS",
                &[],
            ),
            (
                Error::RateLimited { after: Duration::from_secs(1) },
                Code::ResourceExhausted,
                "RATE_LIMITED",
                &[],
            ),
        ]
    }

    fn of_everything() -> Vec<Row> {
        let id = CustomerId::from_uuid(Uuid::from_u128(1));
        let taken = |kind| Error::Taken { kind, owner: Some("id".to_owned()) };
        let (from, to) = (KycStatus::Pending, KycStatus::Expired);
        vec![
            (Error::invalid("email", "is bad"), Code::InvalidArgument, "INVALID_FIELD", &[]),
            (Error::BadPageToken, Code::InvalidArgument, "BAD_PAGE_TOKEN", &[]),
            (Error::RequestIdReused, Code::InvalidArgument, "REQUEST_ID_REUSED", &[]),
            (Error::ApiKeyMissing, Code::Unauthenticated, "API_KEY_MISSING", &[]),
            (Error::ApiKeyInvalid, Code::Unauthenticated, "API_KEY_INVALID", &[]),
            (Error::ApiKeyExpired, Code::Unauthenticated, "API_KEY_EXPIRED", &[]),
            (Error::ApiKeyRevoked, Code::Unauthenticated, "API_KEY_REVOKED", &[]),
            (Error::ScopeMissing(Scope::Admin), Code::PermissionDenied, "SCOPE_MISSING", &["scope"]),
            (Error::OperatorOnly, Code::PermissionDenied, "OPERATOR_ONLY", &[]),
            (Error::KeyTooWide("reach"), Code::PermissionDenied, "KEY_TOO_WIDE", &["wider_in"]),
            (Error::ApiKeyEnded, Code::FailedPrecondition, "API_KEY_ENDED", &[]),
            (Error::NotFound(Noun::Organization), Code::NotFound, "ORGANIZATION_NOT_FOUND", &[]),
            (Error::NotFound(Noun::Domain), Code::NotFound, "DOMAIN_NOT_FOUND", &[]),
            (Error::NotFound(Noun::ApiKey), Code::NotFound, "API_KEY_NOT_FOUND", &[]),
            (Error::NotFound(Noun::Customer), Code::NotFound, "CUSTOMER_NOT_FOUND", &[]),
            (Error::NotFound(Noun::Alias), Code::NotFound, "ALIAS_NOT_FOUND", &[]),
            (taken(KeyKind::Alias), Code::AlreadyExists, "ALIAS_TAKEN", &["customer_id"]),
            (taken(KeyKind::Email), Code::AlreadyExists, "EMAIL_TAKEN", &["customer_id"]),
            (taken(KeyKind::ExternalId), Code::AlreadyExists, "EXTERNAL_ID_TAKEN", &["customer_id"]),
            (taken(KeyKind::DomainName), Code::AlreadyExists, "DOMAIN_NAME_TAKEN", &["domain_id"]),
            (
                Error::AliasQuarantined { until_us: 0 },
                Code::AlreadyExists,
                "ALIAS_QUARANTINED",
                &["quarantine_end_time"],
            ),
            (Error::CustomerDeleted(id), Code::FailedPrecondition, "CUSTOMER_DELETED", &["customer_id"]),
            (
                Error::CustomerNotDeleted(id),
                Code::FailedPrecondition,
                "CUSTOMER_NOT_DELETED",
                &["customer_id"],
            ),
            (Error::EmailNotUnique, Code::FailedPrecondition, "EMAIL_NOT_UNIQUE", &[]),
            (Error::EmailsShared, Code::FailedPrecondition, "EMAILS_NOT_UNIQUE_YET", &[]),
            (
                Error::KycTransitionNotAllowed { from, to },
                Code::FailedPrecondition,
                "KYC_TRANSITION_NOT_ALLOWED",
                &["from", "to"],
            ),
            (
                Error::TooManyAddresses(WalletId::from_uuid(Uuid::from_u128(1)), 100),
                Code::FailedPrecondition,
                "TOO_MANY_ADDRESSES",
                &["limit", "wallet_id"],
            ),
            (Error::DomainSuspended, Code::FailedPrecondition, "DOMAIN_SUSPENDED", &[]),
            (Error::NotFound(Noun::WebhookEndpoint), Code::NotFound, "WEBHOOK_ENDPOINT_NOT_FOUND", &[]),
            (Error::NotFound(Noun::Event), Code::NotFound, "EVENT_NOT_FOUND", &[]),
            (
                Error::WebhookEndpointDisabled(crate::domain::WebhookEndpointId::from_uuid(Uuid::nil())),
                Code::FailedPrecondition,
                "WEBHOOK_ENDPOINT_DISABLED",
                &["webhook_endpoint_id"],
            ),
            (
                Error::TooManyWebhookEndpoints(100),
                Code::FailedPrecondition,
                "TOO_MANY_WEBHOOK_ENDPOINTS",
                &["limit"],
            ),
            (
                Error::EventsExpired { earliest: 5 },
                Code::OutOfRange,
                "EVENTS_EXPIRED",
                &["earliest_sequence"],
            ),
            (Error::SequenceAhead { last: 9 }, Code::OutOfRange, "SEQUENCE_AHEAD", &["last_sequence"]),
            (Error::SlowWatcher, Code::ResourceExhausted, "SLOW_WATCHER", &[]),
            (Error::EtagMismatch, Code::Aborted, "ETAG_MISMATCH", &[]),
            (Error::Contended, Code::Aborted, "CONTENDED", &[]),
            (Error::Overloaded, Code::ResourceExhausted, "OVERLOADED", &[]),
            (Error::unavailable("secret"), Code::Unavailable, "DATABASE_UNAVAILABLE", &[]),
            (Error::Unimplemented("it"), Code::Unimplemented, "UNIMPLEMENTED", &[]),
            (Error::internal("secret"), Code::Internal, "INTERNAL", &[]),
        ]
    }

    #[test]
    fn each_error_has_its_code_reason_and_metadata_and_tells_no_cause() {
        for (error, code, reason, keys) in table() {
            let status = Status::from(error);
            let info = status.get_details_error_info().unwrap();
            let mut found: Vec<_> = info.metadata.keys().map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!((status.code(), info.reason.as_str(), found.as_slice()), (code, reason, keys));
            assert_eq!(info.domain, "purser.v1");
            assert!(!format!("{status:?}").contains("secret"));
        }
    }

    #[test]
    fn every_reason_of_the_proto_is_in_the_table_or_answered_elsewhere() {
        let told: Vec<_> = table().into_iter().map(|it| it.2).collect();
        let mut reasons = 0;
        for reason in (1..1_000).filter_map(|it| ErrorReason::try_from(it).ok()) {
            let name = reason.as_str_name().strip_prefix("ERROR_REASON_").unwrap();
            let elsewhere = OF_THE_TRANSPORT.contains(&reason) || LATER.contains(&reason);
            assert_eq!(told.contains(&name), !elsewhere, "{name}");
            reasons += 1;
        }
        assert!(reasons > 58, "{reasons} of them");
    }

    #[test]
    fn every_fault_is_in_the_bad_request() {
        let mut faults = crate::domain::Faults::default();
        faults.add("a", crate::domain::Fault::new("is bad"));
        faults.add("b", crate::domain::Fault::new("is worse"));
        let status = Status::from(faults.done().unwrap_err());
        let violations = status.get_details_bad_request().unwrap().field_violations;
        let violations: Vec<_> =
            violations.iter().map(|it| (it.field.as_str(), it.description.as_str())).collect();
        assert_eq!(violations, [("a", "is bad"), ("b", "is worse")]);
    }

    #[test]
    fn faults_that_are_too_many_or_too_long_are_cut_to_what_headers_hold() {
        let mut faults = crate::domain::Faults::default();
        faults.add("a", Fault::because("é".repeat(1_000_000)));
        for _ in 0..10_000 {
            faults.add("b", Fault::new("is bad"));
        }
        let status = Status::from(faults.done().unwrap_err());
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert!(violations.len() > 100);
        assert_eq!(violations[0].description, format!("{}…", "é".repeat(255)));
        let headers = status.into_http::<()>().into_parts().0.headers;
        let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        assert!(size < 15 * 1024, "{size}");
    }

    #[test]
    fn what_passes_says_when_to_try_again() {
        for error in [Error::Contended, Error::Overloaded, Error::unavailable("x"), chain_unavailable()] {
            assert!(Status::from(error).get_details_retry_info().is_some());
        }
        assert!(Status::from(Error::EtagMismatch).get_details_retry_info().is_none());
    }
}
