//! Each method with a request that is right in all respects, so that only who asks and about what decides.

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing in particular.
    Nothing,
    Organization,
    Domain,
    Customer,
    DomainKey,
    OrganizationKey,
    OperatorKey,
}

/// A request of a method. `{…}` stands for what the object is known by; `{fresh}` for a name that nobody has.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub method: &'static str,
    pub how: &'static str,
    pub kind: Kind,
    pub json: &'static str,
}

const fn row(method: &'static str, how: &'static str, kind: Kind, json: &'static str) -> Row {
    Row { method, how, kind, json }
}

use Kind::{Customer, Domain, DomainKey, Nothing, OperatorKey, Organization, OrganizationKey};

/// Every method, at least once.
pub const ROWS: &[Row] = &[
    row(
        "CreateCustomer",
        "in a domain",
        Domain,
        r#"{"domain_id": "{domain}", "customer": {"first_name": "Ada"}}"#,
    ),
    row("CreateCustomer", "without domain_id", Nothing, r#"{"customer": {"first_name": "Ada"}}"#),
    row("GetCustomer", "by id", Customer, r#"{"id": "{customer}"}"#),
    row("GetCustomer", "by payment_address", Customer, r#"{"payment_address": "{alias}"}"#),
    row(
        "GetCustomer",
        "by external_id",
        Customer,
        r#"{"external_id": "{external_id}", "domain_id": "{domain}"}"#,
    ),
    row("GetCustomer", "by email", Customer, r#"{"email": "{email}", "domain_id": "{domain}"}"#),
    row("GetCustomer", "by email without domain_id", Customer, r#"{"email": "{email}"}"#),
    row("BatchGetCustomers", "by id", Customer, r#"{"ids": ["{customer}"]}"#),
    row("ListCustomers", "of domain_id", Domain, r#"{"domain_id": "{domain}"}"#),
    row("ListCustomers", "of domain_ids", Domain, r#"{"domain_ids": ["{domain}"]}"#),
    row("ListCustomers", "without a domain", Nothing, "{}"),
    row(
        "UpdateCustomer",
        "by id",
        Customer,
        r#"{"id": "{customer}", "customer": {"name": "E"}, "update_mask": "name"}"#,
    ),
    row(
        "UpdateCustomer",
        "by payment_address",
        Customer,
        r#"{"payment_address": "{alias}", "customer": {"name": "E"}, "update_mask": "name"}"#,
    ),
    row(
        "UpdateCustomer",
        "by external_id",
        Customer,
        r#"{"external_id": "{external_id}", "domain_id": "{domain}", "customer": {"name": "E"}, "update_mask": "name"}"#,
    ),
    row("SoftDeleteCustomer", "by id", Customer, r#"{"id": "{customer}"}"#),
    row("SoftDeleteCustomer", "by payment_address", Customer, r#"{"payment_address": "{alias}"}"#),
    row("SoftDeleteCustomer", "by email", Customer, r#"{"email": "{email}", "domain_id": "{domain}"}"#),
    row("RestoreCustomer", "by id", Customer, r#"{"id": "{customer}"}"#),
    row("EraseCustomer", "by id", Customer, r#"{"id": "{customer}"}"#),
    row("ResolveCustomer", "by payment_address", Customer, r#"{"payment_address": "{alias}"}"#),
    row("BatchResolveCustomers", "by payment_address", Customer, r#"{"payment_addresses": ["{alias}"]}"#),
    row("VerifyPayee", "by payment_address", Customer, r#"{"payment_address": "{alias}", "name": "Ada"}"#),
    row("SetKycStatus", "by id", Customer, r#"{"id": "{customer}", "kyc_status": "KYC_STATUS_PENDING"}"#),
    row("CreateOrganization", "", Nothing, r#"{"organization": {"display_name": "New"}}"#),
    row("GetOrganization", "by id", Organization, r#"{"id": "{organization}"}"#),
    row("ListOrganizations", "", Nothing, "{}"),
    row(
        "CreateDomain",
        "of an organization",
        Organization,
        r#"{"domain": {"organization_id": "{organization}", "name": "{fresh}", "environment": "ENVIRONMENT_LIVE"}}"#,
    ),
    row("GetDomain", "by id", Domain, r#"{"id": "{domain}"}"#),
    row("GetDomain", "by name", Domain, r#"{"name": "{domain_name}"}"#),
    row("ListDomains", "of all", Nothing, "{}"),
    row("ListDomains", "of an organization", Organization, r#"{"organization_id": "{organization}"}"#),
    row(
        "UpdateDomainSettings",
        "by id",
        Domain,
        r#"{"id": "{domain}", "settings": {"kyc_required": false}, "update_mask": "kycRequired"}"#,
    ),
    row("SuspendDomain", "by id", Domain, r#"{"id": "{domain}"}"#),
    row("ReinstateDomain", "by id", Domain, r#"{"id": "{domain}"}"#),
    row(
        "CreateApiKey",
        "of a domain",
        Domain,
        r#"{"api_key": {"domain_id": "{domain}", "scopes": ["admin"]}}"#,
    ),
    row(
        "CreateApiKey",
        "of an organization",
        Organization,
        r#"{"api_key": {"organization_id": "{organization}", "environment": "ENVIRONMENT_LIVE", "scopes": ["admin"]}}"#,
    ),
    row("CreateApiKey", "of operators", Nothing, r#"{"api_key": {"scopes": ["admin"]}}"#),
    row("ListApiKeys", "of all", Nothing, r#"{"page_size": 100}"#),
    row(
        "ListApiKeys",
        "of an organization",
        Organization,
        r#"{"organization_id": "{organization}", "page_size": 100}"#,
    ),
    row("ListApiKeys", "of a domain", Domain, r#"{"domain_id": "{domain}", "page_size": 100}"#),
    row("RotateApiKey", "of a domain", DomainKey, r#"{"id": "{key}"}"#),
    row("RotateApiKey", "of an organization", OrganizationKey, r#"{"id": "{key}"}"#),
    row("RotateApiKey", "of operators", OperatorKey, r#"{"id": "{key}"}"#),
    row("RevokeApiKey", "of a domain", DomainKey, r#"{"id": "{key}"}"#),
    row("RevokeApiKey", "of an organization", OrganizationKey, r#"{"id": "{key}"}"#),
    row("RevokeApiKey", "of operators", OperatorKey, r#"{"id": "{key}"}"#),
];

/// Requests whose answer would tell of an object if anything but its absence were looked at first: its version, its
/// state, its names, what was done to it before.
pub const CURIOUS: &[Row] = &[
    row(
        "UpdateCustomer",
        "with a stale etag",
        Customer,
        r#"{"id": "{customer}", "etag": "v999", "customer": {"name": "E"}, "update_mask": "name"}"#,
    ),
    row(
        "UpdateCustomer",
        "with another alias",
        Customer,
        r#"{"id": "{customer}", "customer": {"payment_address": "x@y"}, "update_mask": "paymentAddress"}"#,
    ),
    row("SoftDeleteCustomer", "with a stale etag", Customer, r#"{"id": "{customer}", "etag": "v999"}"#),
    row(
        "SetKycStatus",
        "off the edges",
        Customer,
        r#"{"id": "{customer}", "kyc_status": "KYC_STATUS_EXPIRED"}"#,
    ),
    row(
        "SetKycStatus",
        "as asked before",
        Customer,
        r#"{"id": "{customer}", "kyc_status": "KYC_STATUS_PENDING", "request_id": "used"}"#,
    ),
    row("GetCustomer", "by id in their domain", Customer, r#"{"id": "{customer}", "domain_id": "{domain}"}"#),
    row(
        "CreateCustomer",
        "with a taken alias",
        Customer,
        r#"{"domain_id": "{domain}", "customer": {"payment_address": "{alias}", "email": "{email}"}}"#,
    ),
    row("CreateCustomer", "at another domain", Customer, r#"{"customer": {"payment_address": "{alias}"}}"#),
    row(
        "ListCustomers",
        "by alias",
        Customer,
        r#"{"domain_id": "{domain}", "payment_addresses": ["{alias}"]}"#,
    ),
    row(
        "ListApiKeys",
        "of a domain in its organization",
        Domain,
        r#"{"organization_id": "{organization}", "domain_id": "{domain}"}"#,
    ),
    row(
        "CreateApiKey",
        "of a domain in its organization",
        Domain,
        r#"{"api_key": {"organization_id": "{organization}", "domain_id": "{domain}", "scopes": ["admin"]}}"#,
    ),
    row(
        "UpdateDomainSettings",
        "unique_email",
        Domain,
        r#"{"id": "{domain}", "settings": {"unique_email": true}, "update_mask": "uniqueEmail"}"#,
    ),
];
