//! How each dialect says each no: one table for all of them.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::to_bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::DIALECTS;
use super::fields::{REQUIRED, UNKNOWN};
use crate::domain::{
    ClaimId, ClaimStatus, CustomerId, Environment, Error, Fault, FieldFault, KeyKind, KycStatus, Network,
    Noun, PaymentMethodId, Scheme, Scope, TransactionStatus, WalletId, WalletKind, WalletStatus,
    WebhookEndpointId,
};
use crate::rest::face::Face;
use crate::rest::refusal::Refusal;

/// A refusal, and its status as `FossaPay`, Paylias, `NodeRails`, TRXN and Juicyway have it.
type Row = (Refusal, [u16; 5]);

/// What `FossaPay`, Paylias, `NodeRails`, TRXN and Juicyway call a status.
const CODES: [(u16, [&str; 5]); 15] = [
    (
        400,
        ["VALIDATION_ERROR", "error.bad_request", "VALIDATION_ERROR", "validation_error", "validation_error"],
    ),
    (401, ["INVALID_API_KEY", "error.unauthorized_access", "UNAUTHORIZED", "unauthorized", "unauthorized"]),
    (403, ["FORBIDDEN", "error.unauthorized_access", "FORBIDDEN", "forbidden", "forbidden"]),
    (404, ["NOT_FOUND", "error.resource_not_found", "NOT_FOUND", "resource_not_found", "not_found"]),
    (
        405,
        [
            "METHOD_NOT_ALLOWED",
            "error.bad_request",
            "METHOD_NOT_ALLOWED",
            "method_not_allowed",
            "method_not_allowed",
        ],
    ),
    (408, ["REQUEST_TIMEOUT", "error.bad_request", "REQUEST_TIMEOUT", "request_timeout", "request_timeout"]),
    (409, ["CONFLICT", "error.resource_conflict", "CONFLICT", "conflict", "conflict"]),
    (
        413,
        [
            "PAYLOAD_TOO_LARGE",
            "error.bad_request",
            "PAYLOAD_TOO_LARGE",
            "payload_too_large",
            "payload_too_large",
        ],
    ),
    (
        415,
        [
            "UNSUPPORTED_MEDIA_TYPE",
            "error.bad_request",
            "UNSUPPORTED_MEDIA_TYPE",
            "unsupported_media_type",
            "unsupported_media_type",
        ],
    ),
    (422, ["UNPROCESSABLE", "-", "-", "unprocessable", "unprocessable"]),
    (429, ["RATE_LIMITED", "error.too_many_requests", "RATE_LIMITED", "rate_limited", "rate_limited"]),
    (500, ["INTERNAL_ERROR", "error.server_error", "INTERNAL_ERROR", "internal_error", "internal_error"]),
    (501, ["NOT_IMPLEMENTED", "error.server_error", "NOT_IMPLEMENTED", "not_implemented", "not_implemented"]),
    (
        503,
        [
            "SERVICE_UNAVAILABLE",
            "error.server_error",
            "SERVICE_UNAVAILABLE",
            "service_unavailable",
            "service_unavailable",
        ],
    ),
    (504, ["TIMEOUT", "error.server_error", "TIMEOUT", "timeout", "timeout"]),
];

fn alike<R: Into<Refusal>>(statuses: [u16; 5], refusals: Vec<R>) -> Vec<Row> {
    refusals.into_iter().map(|it| (it.into(), statuses)).collect()
}

fn wrong(field: &'static str, problem: &'static str) -> Refusal {
    Error::invalid(field, problem).into()
}

/// What may be said otherwise here than there.
fn of_fields() -> Vec<Row> {
    let bad = || FieldFault { field: "page".into(), fault: Fault::new("is bad") };
    vec![
        (wrong("email", "is bad"), [400, 400, 400, 422, 422]),
        (wrong("email", REQUIRED), [400, 400, 400, 422, 400]),
        (wrong("email", UNKNOWN), [400, 400, 400, 422, 400]),
        (wrong("currency", "is bad"), [400, 400, 400, 422, 400]),
        (Error::invalid_address("email", Fault::new("is bad")).into(), [400, 400, 400, 422, 422]),
        (Error::Taken { kind: KeyKind::Email, owner: None }.into(), [409, 409, 409, 422, 409]),
        (Refusal::BadQuery(vec![bad()]), [400; 5]),
        (Refusal::BadTarget, [400; 5]),
        (Refusal::BadBody(Fault::new("is bad")), [400; 5]),
        (Refusal::Unauthorized("no"), [401; 5]),
        (Refusal::Forbidden("no"), [403; 5]),
        (Refusal::NoSuchPath, [404; 5]),
        (Refusal::WrongMethod, [405; 5]),
        (Refusal::BodyTimeout, [408; 5]),
        (Refusal::TooLarge, [413; 5]),
        (Refusal::WrongMediaType, [415; 5]),
        (Refusal::Broken, [500; 5]),
        (Refusal::Late, [504; 5]),
    ]
}

fn of_calls() -> Vec<Row> {
    let Error::Internal(cause) = Error::internal("secret") else { unreachable!() };
    [
        alike(
            [400; 5],
            vec![
                Error::BadPageToken,
                Error::RequestIdReused,
                Error::UnknownNetwork("x".to_owned()),
                Error::EventsExpired { earliest: 5 },
                Error::SequenceAhead { last: 9 },
            ],
        ),
        alike(
            [401; 5],
            vec![Error::ApiKeyMissing, Error::ApiKeyInvalid, Error::ApiKeyExpired, Error::ApiKeyRevoked],
        ),
        alike(
            [403; 5],
            vec![
                Error::ScopeMissing(Scope::Admin),
                Error::OperatorOnly,
                Error::KeyTooWide("reach"),
                Error::DomainSuspended,
            ],
        ),
        alike(
            [429; 5],
            vec![Error::SlowWatcher, Error::Overloaded, Error::RateLimited { after: Duration::from_secs(1) }],
        ),
        alike([500; 5], vec![Error::internal("secret")]),
        alike([501; 5], vec![Error::Unimplemented("it")]),
        alike(
            [503; 5],
            vec![
                Error::Contended,
                Error::unavailable("secret"),
                Error::ChainUnavailable(Network::Ethereum, cause),
            ],
        ),
    ]
    .concat()
}

fn of_what_there_is() -> Vec<Row> {
    let (customer, wallet) = (CustomerId::from_uuid(Uuid::nil()), WalletId::from_uuid(Uuid::nil()));
    let taken = |kind| Error::Taken { kind, owner: Some("secret".to_owned()) };
    [
        alike(
            [404; 5],
            vec![
                Error::NotFound(Noun::Customer),
                Error::NotFound(Noun::Wallet),
                Error::CustomerDeleted(customer),
                Error::WalletRemoved(wallet),
            ],
        ),
        alike(
            [409; 5],
            vec![
                taken(KeyKind::Alias),
                taken(KeyKind::ExternalId),
                Error::AliasQuarantined { until_us: 0 },
                Error::WalletExists(wallet),
                Error::EtagMismatch,
            ],
        ),
    ]
    .concat()
}

/// What is right in itself and does not go as things are.
fn of_how_things_are() -> Vec<Row> {
    let (customer, wallet) = (CustomerId::from_uuid(Uuid::nil()), WalletId::from_uuid(Uuid::nil()));
    let (network, scheme) = (Network::Ethereum, Scheme::Evm);
    let (failed, pending) = (TransactionStatus::Failed, TransactionStatus::Pending);
    alike(
        [422, 400, 400, 422, 422],
        vec![
            Error::ApiKeyEnded,
            Error::PayeeDeleted,
            Error::CustomerNotDeleted(customer),
            Error::EmailNotUnique,
            Error::EmailsShared,
            Error::KycTransitionNotAllowed { from: KycStatus::Pending, to: KycStatus::Expired },
            Error::NetworkNotAllowed(network, Environment::Sandbox),
            Error::KycNotApproved(customer, KycStatus::Pending),
            Error::WalletTransitionNotAllowed { from: WalletStatus::Active, to: WalletStatus::Removed },
            Error::WalletFrozen(wallet),
            Error::WalletKindMismatch(wallet, WalletKind::Ledger),
            Error::InsufficientBalance(wallet),
            Error::BalanceOverflow(wallet),
            Error::TransactionTransitionNotAllowed { from: failed, to: pending },
            Error::BillingRecordCustomerFixed(customer),
            Error::PaymentMethodRemoved(PaymentMethodId::from_uuid(Uuid::nil())),
            Error::NoExtendedKey(scheme),
            Error::KeySourceFixed(scheme),
            Error::AddressPoolEmpty(scheme),
            Error::TooManyAddresses(wallet, 100),
            Error::ChainNotConfigured(network),
            Error::WebhookEndpointDisabled(WebhookEndpointId::from_uuid(Uuid::nil())),
            Error::TooManyWebhookEndpoints(100),
            Error::ClaimLinkUsed,
            Error::ClaimLinkExpired { since_us: 0 },
            Error::ClaimClosed(ClaimId::from_uuid(Uuid::nil()), ClaimStatus::Approved),
            Error::NoWalletOnNetwork(customer, network),
        ],
    )
}

fn table() -> Vec<Row> {
    [of_fields(), of_calls(), of_what_there_is(), of_how_things_are()].concat()
}

/// What a dialect says of a refusal beside the message, which is taken out of what it said.
fn expected(face: Face, refusal: &Refusal, status: u16, code: &str) -> Value {
    let kind = "invalid_request_error";
    let fault = match refusal {
        Refusal::Known(Error::Invalid(faults) | Error::InvalidAddress(faults))
        | Refusal::BadQuery(faults) => Some((faults[0].field.as_ref(), faults[0].fault.problem())),
        _ => None,
    };
    match (face, refusal) {
        (Face::Fossapay, _) => json!({"status": "error", "statusCode": status, "code": code}),
        (Face::Paylias, _) => json!({"ok": false, "error_code": code}),
        (Face::Noderails, _) => json!({"success": false, "error": {"code": code}}),
        (Face::Trxn, Refusal::Known(Error::Taken { kind: KeyKind::Email, .. })) => {
            json!({"errors": {"email": ["has already been taken"]}})
        }
        (Face::Trxn, Refusal::Known(Error::Invalid(_) | Error::InvalidAddress(_))) => {
            let (field, problem) = fault.unwrap();
            let problem = match problem {
                REQUIRED => "can't be blank",
                UNKNOWN => "is unknown",
                _ => "is invalid",
            };
            json!({"errors": {field: [problem]}})
        }
        (Face::Trxn, _) => json!({"error": {"type": kind, "code": code}}),
        _ => {
            let errors: Vec<_> =
                fault.iter().map(|(field, problem)| json!({"field": field, "message": problem})).collect();
            json!({"error": {"type": kind, "code": code, "errors": errors}})
        }
    }
}

/// Takes the message out of what was said.
fn message_of(body: &mut Value) -> Option<Value> {
    for at in ["", "/error"] {
        let within = body.pointer_mut(at).and_then(Value::as_object_mut);
        let message = within.and_then(|it| it.remove("message").or_else(|| it.remove("error_message")));
        if message.is_some() {
            return message;
        }
    }
    None
}

#[tokio::test]
async fn each_dialect_says_each_no_in_its_own_words_and_status_and_tells_no_cause() {
    for (refusal, statuses) in table() {
        for ((dialect, _), (at, status)) in DIALECTS.into_iter().zip(statuses.into_iter().enumerate()) {
            let code = match &refusal {
                Refusal::Known(Error::ApiKeyMissing) if at == 0 => "MISSING_API_KEY",
                Refusal::Known(Error::ApiKeyExpired) if at == 0 => "EXPIRED_API_KEY",
                _ => CODES.iter().find(|it| it.0 == status).unwrap().1[at],
            };
            let (head, body) = (dialect.refuse)(&refusal).into_parts();
            let case = format!("{:?} {refusal:?}", dialect.face);
            assert_eq!(head.status, status, "{case}");
            assert_eq!(head.headers["content-type"], "application/json", "{case}");
            assert_eq!(head.headers.contains_key("retry-after"), matches!(status, 429 | 503), "{case}");
            let body = to_bytes(body, 10_000).await.unwrap();
            assert!(!String::from_utf8_lossy(&body).contains("secret"), "{case}");
            let mut body: Value = serde_json::from_slice(&body).unwrap();
            let said = message_of(&mut body);
            assert_eq!(body, expected(dialect.face, &refusal, status, code), "{case}");
            let has_words = said.is_some_and(|it| it.as_str().is_some_and(|it| !it.is_empty()));
            assert_eq!(has_words, body.get("errors").is_none(), "{case}");
        }
    }
}

/// The variants of an enum, by its source.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let (_, body) = source.split_once(&format!("enum {name} {{\n")).unwrap();
    let body = body.split("\n}\n").next().unwrap();
    let lines = body.lines().filter_map(|it| it.strip_prefix("    "));
    let words = lines.map(|it| it.split(|it: char| !it.is_ascii_alphanumeric()).next().unwrap());
    words.filter(|it| it.starts_with(|it: char| it.is_ascii_uppercase())).map(str::to_owned).collect()
}

#[test]
fn every_refusal_and_every_error_is_in_the_table() {
    let word = |it: &dyn std::fmt::Debug| {
        let text = format!("{it:?}");
        text.split(|it: char| !it.is_ascii_alphanumeric()).next().unwrap().to_owned()
    };
    let (mut refusals, mut errors) = (BTreeSet::new(), BTreeSet::new());
    for (refusal, _) in table() {
        refusals.insert(word(&refusal));
        if let Refusal::Known(error) = refusal {
            errors.insert(word(&error));
        }
    }
    assert_eq!(refusals, variants(include_str!("../refusal.rs"), "Refusal"));
    assert_eq!(errors, variants(include_str!("../../domain/error.rs"), "Error"));
}
