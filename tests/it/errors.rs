//! Every error has a code, a reason that is in the contract, and metadata that is documented; and nothing that a caller
//! can send is our fault.

mod garbage;
mod probe;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::EnumValueDescriptor;
use purser::domain::{
    ClaimId, ClaimStatus, CustomerId, Environment, Error, Fault, KeyKind, KycStatus, Network, Noun,
    PaymentMethodId, Scheme, Scope, TransactionStatus, WalletId, WalletKind, WalletStatus, WebhookEndpointId,
};
use purser::grpc::API;
use tonic::Status;
use tonic_types::StatusExt;

use crate::descriptors::{code_name, comment, methods};

/// Reasons that are answered around an operation and not by one (see `src/grpc/server`).
const OF_THE_TRANSPORT: [&str; 3] = ["MESSAGE_TOO_LARGE", "SHUTTING_DOWN", "DEADLINE_EXCEEDED"];

/// Reasons of services that are still to come.
const TO_COME: [&str; 0] = [];

/// One error of each kind. Whoever adds a kind adds it here: the match below does not compile before.
fn errors() -> Vec<Error> {
    let id = CustomerId::from_uuid(uuid::Uuid::nil());
    let owner = Some("cust_00000000000000000000000000".to_owned());
    let wallet = WalletId::from_uuid(uuid::Uuid::nil());
    let taken = |kind| Error::Taken { kind, owner: owner.clone() };
    let errors = vec![
        Error::invalid("field", "is bad"),
        Error::BadPageToken,
        Error::RequestIdReused,
        Error::ApiKeyMissing,
        Error::ApiKeyInvalid,
        Error::ApiKeyExpired,
        Error::ApiKeyRevoked,
        Error::ScopeMissing(Scope::Admin),
        Error::OperatorOnly,
        Error::KeyTooWide("reach"),
        Error::ApiKeyEnded,
        Error::NotFound(Noun::Organization),
        Error::NotFound(Noun::Domain),
        Error::NotFound(Noun::ApiKey),
        Error::NotFound(Noun::Customer),
        Error::NotFound(Noun::Alias),
        taken(KeyKind::Alias),
        taken(KeyKind::Email),
        taken(KeyKind::ExternalId),
        taken(KeyKind::DomainName),
        Error::AliasQuarantined { until_us: 0 },
        Error::CustomerDeleted(id),
        Error::PayeeDeleted,
        Error::CustomerNotDeleted(id),
        Error::EmailNotUnique,
        Error::EmailsShared,
        Error::KycTransitionNotAllowed { from: KycStatus::Pending, to: KycStatus::Expired },
        Error::NotFound(Noun::Wallet),
        Error::NotFound(Noun::Address),
        Error::NotFound(Noun::Transaction),
        Error::NotFound(Noun::Seed),
        taken(KeyKind::Address),
        taken(KeyKind::AddressOwner),
        taken(KeyKind::LedgerWallet),
        taken(KeyKind::Reference),
        taken(KeyKind::Transaction),
        taken(KeyKind::ExtendedKey),
        Error::UnknownNetwork("no-such".to_owned()),
        Error::invalid_address("address", Fault::new("is bad")),
        Error::NetworkNotAllowed(Network::Ethereum, Environment::Sandbox),
        Error::KycNotApproved(id, KycStatus::Pending),
        Error::WalletExists(wallet),
        Error::WalletTransitionNotAllowed { from: WalletStatus::Active, to: WalletStatus::Removed },
        Error::WalletFrozen(wallet),
        Error::WalletRemoved(wallet),
        Error::WalletKindMismatch(wallet, WalletKind::Ledger),
        Error::InsufficientBalance(wallet),
        Error::BalanceOverflow(wallet),
        Error::TransactionTransitionNotAllowed {
            from: TransactionStatus::Failed,
            to: TransactionStatus::Confirmed,
        },
        Error::NotFound(Noun::PaymentMethod),
        Error::BillingRecordCustomerFixed(id),
        Error::PaymentMethodRemoved(PaymentMethodId::from_uuid(uuid::Uuid::nil())),
        Error::NoExtendedKey(Scheme::Evm),
        Error::KeySourceFixed(Scheme::Evm),
        Error::AddressPoolEmpty(Scheme::Solana),
        Error::TooManyAddresses(wallet, 100),
        Error::ChainNotConfigured(Network::Ethereum),
        Error::ChainUnavailable(Network::Ethereum, std::sync::Arc::new(std::fmt::Error)),
        Error::DomainSuspended,
        Error::NotFound(Noun::WebhookEndpoint),
        Error::NotFound(Noun::Event),
        Error::WebhookEndpointDisabled(WebhookEndpointId::from_uuid(uuid::Uuid::nil())),
        Error::TooManyWebhookEndpoints(100),
        Error::NotFound(Noun::ClaimLink),
        Error::NotFound(Noun::Claim),
        Error::ClaimLinkUsed,
        Error::ClaimLinkExpired { since_us: 0 },
        Error::ClaimClosed(ClaimId::from_uuid(uuid::Uuid::nil()), ClaimStatus::Approved),
        Error::NoWalletOnNetwork(id, Network::Ethereum),
        Error::Taken { kind: KeyKind::ClaimedTransaction, owner: None },
        Error::RateLimited { after: std::time::Duration::from_secs(1) },
        Error::EventsExpired { earliest: 5 },
        Error::SequenceAhead { last: 9 },
        Error::SlowWatcher,
        Error::EtagMismatch,
        Error::Contended,
        Error::Overloaded,
        Error::unavailable("a cause"),
        Error::Unimplemented("it"),
        Error::internal("a cause"),
    ];
    for error in &errors {
        match error {
            Error::Invalid(_)
            | Error::BadPageToken
            | Error::RequestIdReused
            | Error::ApiKeyMissing
            | Error::ApiKeyInvalid
            | Error::ApiKeyExpired
            | Error::ApiKeyRevoked
            | Error::ScopeMissing(_)
            | Error::OperatorOnly
            | Error::KeyTooWide(_)
            | Error::ApiKeyEnded
            | Error::Taken { .. }
            | Error::AliasQuarantined { .. }
            | Error::CustomerDeleted(_)
            | Error::PayeeDeleted
            | Error::CustomerNotDeleted(_)
            | Error::EmailNotUnique
            | Error::EmailsShared
            | Error::KycTransitionNotAllowed { .. }
            | Error::UnknownNetwork(_)
            | Error::InvalidAddress(_)
            | Error::NetworkNotAllowed(..)
            | Error::KycNotApproved(..)
            | Error::WalletExists(_)
            | Error::WalletTransitionNotAllowed { .. }
            | Error::WalletFrozen(_)
            | Error::WalletRemoved(_)
            | Error::WalletKindMismatch(..)
            | Error::InsufficientBalance(_)
            | Error::BalanceOverflow(_)
            | Error::TransactionTransitionNotAllowed { .. }
            | Error::BillingRecordCustomerFixed(_)
            | Error::PaymentMethodRemoved(_)
            | Error::NoExtendedKey(_)
            | Error::KeySourceFixed(_)
            | Error::AddressPoolEmpty(_)
            | Error::TooManyAddresses(..)
            | Error::ChainNotConfigured(_)
            | Error::ChainUnavailable(..)
            | Error::DomainSuspended
            | Error::WebhookEndpointDisabled(_)
            | Error::TooManyWebhookEndpoints(_)
            | Error::ClaimLinkUsed
            | Error::ClaimLinkExpired { .. }
            | Error::ClaimClosed(..)
            | Error::NoWalletOnNetwork(..)
            | Error::RateLimited { .. }
            | Error::EventsExpired { .. }
            | Error::SequenceAhead { .. }
            | Error::SlowWatcher
            | Error::EtagMismatch
            | Error::Contended
            | Error::Overloaded
            | Error::DatabaseUnavailable(_)
            | Error::Unimplemented(_)
            | Error::Internal(_) => {}
            Error::NotFound(noun) => match noun {
                Noun::Organization
                | Noun::Domain
                | Noun::ApiKey
                | Noun::Customer
                | Noun::Alias
                | Noun::Wallet
                | Noun::Address
                | Noun::Transaction
                | Noun::PaymentMethod
                | Noun::Seed
                | Noun::WebhookEndpoint
                | Noun::Event
                | Noun::ClaimLink
                | Noun::Claim => {}
            },
        }
    }
    errors
}

/// The values of `ErrorReason` but the unspecified one, by the name that is sent.
fn reasons() -> BTreeMap<String, EnumValueDescriptor> {
    let reasons = API.get_enum_by_name("purser.v1.ErrorReason").unwrap();
    let values = reasons.values().filter(|it| it.number() != 0);
    values.map(|it| (it.name().strip_prefix("ERROR_REASON_").unwrap().to_owned(), it)).collect()
}

fn comment_of(reason: &EnumValueDescriptor) -> String {
    comment(&reason.parent_file(), reason.path()).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_reason_is_answered_by_something() {
    let answered: BTreeSet<String> =
        errors().into_iter().map(|it| Status::from(it).get_details_error_info().unwrap().reason).collect();
    for reason in reasons().keys() {
        let elsewhere = OF_THE_TRANSPORT.contains(&reason.as_str()) || TO_COME.contains(&reason.as_str());
        assert_eq!(answered.contains(reason), !elsewhere, "{reason}");
    }
    for reason in answered {
        assert!(reasons().contains_key(&reason), "{reason} is not in error_reason.proto");
    }
}

#[test]
fn every_error_has_the_code_and_the_metadata_that_its_reason_is_documented_with() {
    let reasons = reasons();
    // To whoever holds a link less is said.
    for error in errors().into_iter().filter(|it| !matches!(it, Error::PayeeDeleted)) {
        let status = Status::from(error);
        let info = status.get_details_error_info().unwrap();
        let comment = comment_of(&reasons[&info.reason]);
        let (code, rest) = comment.split_once(['.', ':']).unwrap();
        assert_eq!(code, code_name(status.code()), "{}", info.reason);
        let (_, metadata) =
            rest.split_once("Metadata:").unwrap_or_else(|| panic!("{}: {comment}", info.reason));
        assert_eq!(
            info.metadata.is_empty(),
            metadata.trim() == "none.",
            "{}: {:?}",
            info.reason,
            info.metadata
        );
        for key in info.metadata.keys() {
            assert!(
                metadata.contains(&format!("`{key}`")),
                "{} has {key}, and its comment does not",
                info.reason
            );
        }
        assert_eq!(info.domain, "purser.v1");
    }
}

/// `- CODE, REASON[, REASON or REASON]: …` in the comments of methods and services.
#[test]
fn every_reason_that_a_method_documents_is_one_and_has_that_code() {
    let reasons = reasons();
    let services: Vec<_> = API.services().filter(|it| it.package_name() == "purser.v1").collect();
    let comments =
        services.iter().map(|it| (it.full_name().to_owned(), comment(&it.parent_file(), it.path())));
    let methods = methods();
    let comments = comments.chain(
        methods
            .iter()
            .map(|it| (it.full_name().to_owned(), comment(&it.parent_service().parent_file(), it.path()))),
    );
    let mut documented = BTreeSet::new();
    for (whose, comment) in comments {
        let joined = comment.split_whitespace().collect::<Vec<_>>().join(" ");
        for item in joined.split(" - ").skip(1) {
            let (named, _) = item.split_once(": ").unwrap_or_else(|| panic!("{whose}: {item}"));
            let words: Vec<&str> =
                named.split([',', ' ']).filter(|it| !it.is_empty() && *it != "or").collect();
            for reason in &words[1..] {
                let value = reasons
                    .get(*reason)
                    .unwrap_or_else(|| panic!("{whose} documents {reason}, which is none"));
                assert!(comment_of(value).starts_with(words[0]), "{whose}: {reason} is not {}", words[0]);
                documented.insert((*reason).to_owned());
            }
        }
    }
    let of_rest = |it: &EnumValueDescriptor| comment_of(it).contains("Over REST only");
    let silent = reasons.iter().filter(|(reason, it)| !documented.contains(*reason) && !of_rest(it));
    let silent: Vec<_> = silent.map(|it| it.0).collect();
    assert!(silent.is_empty(), "no method says that it answers {silent:?}");
}
