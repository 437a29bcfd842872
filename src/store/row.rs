//! The tables of resources, declared once: which columns a resource is found by, beside its body.

use super::set::{Part, Set, Type, Value};
use crate::domain::{
    Alias, BillingKind, BillingRecord, Currency, DomainId, Email, Environment, ExternalId, Network,
    OrganizationId, Phone, Resource, Table, Text, TransactionId, TxHash,
};

/// The columns of a table that a put writes, in the order of [`row`].
struct Columns {
    list: &'static str,
    types: &'static [Type],
}

const fn columns(table: Table) -> Columns {
    use Type::{Bytes, Int, Text, Uuid};
    match table {
        Table::Organizations => {
            Columns { list: "id, sequence, create_us, body", types: &[Uuid, Int, Int, Text] }
        }
        Table::Domains => Columns {
            list: "id, organization_id, environment, sequence, create_us, body",
            types: &[Uuid, Uuid, Text, Int, Int, Text],
        },
        Table::ApiKeys => Columns {
            list: "id, organization_id, domain_id, environment, secret_sha256, sequence, create_us, body",
            types: &[Uuid, Uuid, Uuid, Text, Bytes, Int, Int, Text],
        },
        Table::Customers => Columns {
            list: "id, domain_id, type, first_name, middle_name, last_name, nick_name, payment_address, email, phone, \
                   external_id, status, kyc_status, sequence, create_us, body",
            types: &[
                Uuid, Uuid, Text, Text, Text, Text, Text, Text, Text, Text, Text, Text, Text, Int, Int, Text,
            ],
        },
        Table::Wallets => Columns {
            list: "id, domain_id, customer_id, kind, status, currency, sequence, create_us, body",
            types: &[Uuid, Uuid, Uuid, Text, Text, Text, Int, Int, Text],
        },
        Table::Addresses => Columns {
            list: "id, domain_id, wallet_id, network, address, scheme, position, sequence, create_us, body",
            types: &[Uuid, Uuid, Uuid, Text, Text, Text, Int, Int, Int, Text],
        },
        Table::Transactions => Columns {
            list: "id, domain_id, wallet_id, customer_id, network, address, type, status, token, tx_hash, sequence, \
                   create_us, body",
            types: &[Uuid, Uuid, Uuid, Uuid, Text, Text, Text, Text, Text, Text, Int, Int, Text],
        },
        Table::KeySources => {
            Columns { list: "id, domain_id, sequence, create_us, body", types: &[Uuid, Uuid, Int, Int, Text] }
        }
        Table::WebhookEndpoints => Columns {
            list: "id, domain_id, status, sequence, create_us, body",
            types: &[Uuid, Uuid, Text, Int, Int, Text],
        },
        Table::PaymentIntents | Table::Invoices | Table::Subscriptions | Table::PaymentMethods => Columns {
            list: "id, domain_id, customer_id, status, sequence, create_us, body",
            types: &[Uuid, Uuid, Uuid, Text, Int, Int, Text],
        },
        Table::ClaimLinks => Columns {
            list: "id, domain_id, customer_id, status, expire_us, sequence, create_us, body",
            types: &[Uuid, Uuid, Uuid, Text, Int, Int, Int, Text],
        },
        Table::Claims => Columns {
            list: "id, domain_id, customer_id, link_id, status, transaction_id, sequence, create_us, body",
            types: &[Uuid, Uuid, Uuid, Uuid, Text, Uuid, Int, Int, Text],
        },
    }
}

/// The values of a resource's row, in the order of its columns.
fn row(resource: &Resource, sequence: i64, body: String) -> Vec<Value> {
    let mut row = vec![resource.id().into()];
    row.extend(found_by(resource));
    row.extend([sequence.into(), resource.create_us().into(), body.into()]);
    row
}

/// What a resource is found by, beside its id.
fn found_by(resource: &Resource) -> Vec<Value> {
    match resource {
        Resource::Organization(_) => Vec::new(),
        Resource::Domain(it) => vec![it.organization_id.as_uuid().into(), it.environment.as_str().into()],
        Resource::ApiKey(it) => vec![
            it.organization_id.map(OrganizationId::as_uuid).into(),
            it.domain_id.map(DomainId::as_uuid).into(),
            it.environment.map(Environment::as_str).into(),
            (*it.secret_sha256.as_bytes()).into(),
        ],
        Resource::Customer(it) => vec![
            it.domain_id.as_uuid().into(),
            it.profile.kind.as_str().into(),
            text(&it.profile.first_name),
            text(&it.profile.middle_name),
            text(&it.profile.last_name),
            text(&it.profile.nick_name),
            it.profile.payment_address.as_ref().map(Alias::as_str).into(),
            it.profile.email.as_ref().map(Email::as_str).into(),
            it.profile.phone.as_ref().map(Phone::as_str).into(),
            it.profile.external_id.as_ref().map(ExternalId::as_str).into(),
            it.status.as_str().into(),
            it.kyc_status.as_str().into(),
        ],
        Resource::Wallet(it) => vec![
            it.domain_id.as_uuid().into(),
            it.customer_id.as_uuid().into(),
            it.kind.as_str().into(),
            it.status.as_str().into(),
            it.currency.as_ref().map(Currency::as_str).into(),
        ],
        Resource::Address(it) => vec![
            it.domain_id.as_uuid().into(),
            it.wallet_id.as_uuid().into(),
            it.network.as_str().into(),
            it.address.as_str().into(),
            it.derivation.as_ref().map(|it| it.scheme.as_str()).into(),
            it.derivation.as_ref().map(|it| i64::from(it.index)).into(),
        ],
        Resource::Transaction(it) => vec![
            it.domain_id.as_uuid().into(),
            it.wallet_id.as_uuid().into(),
            it.customer_id.as_uuid().into(),
            it.network.map_or("", Network::as_str).into(),
            it.address.as_str().into(),
            it.kind.as_str().into(),
            it.status.as_str().into(),
            it.token.as_str().into(),
            it.tx_hash.as_ref().map_or("", TxHash::as_str).into(),
        ],
        Resource::PaymentIntent(it) => billing(it),
        Resource::Invoice(it) => billing(it),
        Resource::Subscription(it) => billing(it),
        Resource::PaymentMethod(it) => {
            vec![it.domain_id.as_uuid().into(), it.customer_id.as_uuid().into(), it.status.as_str().into()]
        }
        Resource::KeySource(it) => vec![it.domain_id.as_uuid().into()],
        Resource::WebhookEndpoint(it) => vec![it.domain_id.as_uuid().into(), it.standing().into()],
        Resource::PaymentClaimLink(it) => vec![
            it.domain_id.as_uuid().into(),
            it.customer_id.as_uuid().into(),
            it.status.as_str().into(),
            it.expire_us.into(),
        ],
        Resource::Claim(it) => vec![
            it.domain_id.as_uuid().into(),
            it.customer_id.as_uuid().into(),
            it.link_id.as_uuid().into(),
            it.status.as_str().into(),
            it.transaction_id.map(TransactionId::as_uuid).into(),
        ],
    }
}

fn billing<K: BillingKind>(it: &BillingRecord<K>) -> Vec<Value> {
    vec![it.domain_id.as_uuid().into(), it.customer_id.as_uuid().into(), it.status.as_str().into()]
}

fn text<const MAX: usize>(it: &Text<MAX>) -> Value {
    if it.is_empty() { Value::Null } else { it.as_str().into() }
}

/// Resources of one table, each with its body, and the statement that counts those whose rows hold just that.
pub(super) fn alike(
    table: Table,
    resources: impl Iterator<Item = (Resource, String)>,
) -> (String, Set<'static>) {
    let Columns { list, types } = columns(table);
    let mut set = Set::new(types);
    set.extend(resources.map(|(it, body)| row(&it, it.sequence(), body)));
    // The hash of a key's secret is in its column alone.
    let said = list.split(", ").filter(|it| *it != "secret_sha256");
    let same: Vec<_> = said.map(|it| format!("t.{it} IS NOT DISTINCT FROM q.{it}")).collect();
    let sql = format!(
        "WITH q({list}) AS ({{set}}) SELECT count(*) FROM q CROSS JOIN {table} AS t WHERE t.id = q.id AND {}",
        same.join(" AND ")
    );
    (sql, set)
}

/// Rows of one table, to be put: new ones inserted, others replaced whole but for columns that are not part of the state.
#[derive(Debug)]
pub(super) struct Puts {
    table: Table,
    new: Set<'static>,
    replaced: Set<'static>,
}

impl Puts {
    pub(super) const fn new(table: Table) -> Self {
        let types = columns(table).types;
        Self { table, new: Set::new(types), replaced: Set::new(types) }
    }

    pub(super) fn push(&mut self, resource: &Resource, sequence: i64, body: String) {
        let set = if resource.sequence() == 0 { &mut self.new } else { &mut self.replaced };
        set.extend([row(resource, sequence, body)]);
    }

    /// The statements that put them.
    pub(super) fn parts(self) -> [Part<'static>; 2] {
        let Columns { list, .. } = columns(self.table);
        let insert = format!(
            "INSERT INTO {table} ({list}) SELECT {list} FROM {{q}} WHERE id IS NOT NULL",
            table = self.table
        );
        let sets: Vec<String> = list.split(", ").skip(1).map(|it| format!("{it} = excluded.{it}")).collect();
        let replace = format!("{insert} ON CONFLICT (id) DO UPDATE SET {}", sets.join(", "));
        [Part::new(list, self.new, insert), Part::new(list, self.replaced, replace)]
    }
}
