//! Webhook endpoints, and what they sign with.

use uuid::Uuid;

use super::Store;
use super::select::Select;
use super::set::{Part, Set, Type, Value};
use crate::domain::{
    DomainId, Error, LogId, Page, PageRequest, Position, Resource, Result, SealedSecret, SecretChange, Table,
    WebhookEndpoint, WebhookEndpointId,
};

/// A secret of an endpoint as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSecret {
    /// Whose.
    pub endpoint: WebhookEndpointId,
    /// Which of the endpoint's, from 1.
    pub number: u32,
    /// The secret, sealed.
    pub secret: SealedSecret,
    /// Until when it signs beside a newer one, in microseconds since 1970.
    pub expire_us: Option<i64>,
}

/// What Changes of a group do to secrets, and to the places of endpoints in their logs.
#[derive(Debug)]
pub(super) struct SecretChanges {
    secrets: Set<'static>,
    cursors: Set<'static>,
    rotated: Set<'static>,
    gone: Set<'static>,
}

impl Default for SecretChanges {
    fn default() -> Self {
        use Type::{Bytes, Int, Uuid};
        Self {
            secrets: Set::new(&[Uuid, Int, Int, Bytes, Int]),
            cursors: Set::new(&[Uuid, Uuid, Int]),
            rotated: Set::new(&[Uuid, Int, Int, Int]),
            gone: Set::new(&[Uuid]),
        }
    }
}

impl SecretChanges {
    /// How many secrets of an endpoint may sign at once, if it is given one after another.
    const OVERLAPPING: i64 = 8;

    /// Takes in what a Change does to the endpoint whose last event is at that place of its log.
    pub(super) fn add(&mut self, change: &SecretChange, id: Uuid, log: LogId, sequence: i64, now_us: i64) {
        let mut secret = |number: i64, it: &SealedSecret| {
            let sealed = it.sealed.clone();
            self.secrets.extend([[
                id.into(),
                number.into(),
                it.key_version.into(),
                sealed.into(),
                Value::from(now_us),
            ]]);
        };
        match change {
            SecretChange::Begins(first) => {
                secret(1, first);
                self.cursors.extend([[id.into(), log.as_uuid().into(), Value::from(sequence)]]);
            }
            SecretChange::Rotates { secret: next, number, overlap_end_us } => {
                secret(i64::from(*number), next);
                let number = i64::from(*number);
                self.rotated.extend([[id.into(), number.into(), (*overlap_end_us).into(), now_us.into()]]);
            }
            SecretChange::Ends => self.gone.extend([[Value::from(id)]]),
        }
    }

    /// The statements that do it.
    pub(super) fn parts(self) -> Vec<Part<'static>> {
        const OVERLAP: &str = "
            UPDATE webhook_secrets SET expire_us =
                (SELECT r.overlap_end_us FROM {q} AS r WHERE r.endpoint_id = webhook_secrets.endpoint_id)
            WHERE expire_us IS NULL AND (endpoint_id, number) IN (SELECT r.endpoint_id, r.number - 1 FROM {q} AS r)";
        const PUT: &str = "
            INSERT INTO webhook_secrets (endpoint_id, number, key_version, sealed, create_us)
            SELECT endpoint_id, number, key_version, sealed, create_us FROM {q} WHERE endpoint_id IS NOT NULL";
        const BEGIN: &str = "
            INSERT INTO webhook_cursors (endpoint_id, domain_id, after_sequence, lease_until_us)
            SELECT endpoint_id, domain_id, after_sequence, 0 FROM {q} WHERE endpoint_id IS NOT NULL";
        const END_SECRETS: &str =
            "DELETE FROM webhook_secrets WHERE endpoint_id IN (SELECT endpoint_id FROM {q})";
        const END_CURSOR: &str =
            "DELETE FROM webhook_cursors WHERE endpoint_id IN (SELECT endpoint_id FROM {q})";
        const ROTATED: &str = "endpoint_id, number, overlap_end_us, now_us";
        // A secret that has expired, or is too old to sign beside so many, has no use.
        let forget = format!(
            "DELETE FROM webhook_secrets WHERE EXISTS (
                 SELECT 1 FROM {{q}} AS r WHERE r.endpoint_id = webhook_secrets.endpoint_id
                   AND webhook_secrets.number < r.number
                   AND (webhook_secrets.expire_us <= r.now_us OR webhook_secrets.number <= r.number - {}))",
            Self::OVERLAPPING
        );
        vec![
            Part::new(ROTATED, self.rotated.clone(), forget),
            Part::new(ROTATED, self.rotated, OVERLAP),
            Part::new("endpoint_id, number, key_version, sealed, create_us", self.secrets, PUT),
            Part::new("endpoint_id, domain_id, after_sequence", self.cursors, BEGIN),
            Part::new("endpoint_id", self.gone.clone(), END_SECRETS),
            Part::new("endpoint_id", self.gone, END_CURSOR),
        ]
    }
}

type Row = (Uuid, i64, i64, Vec<u8>, Option<i64>);

fn kept((endpoint, number, key_version, sealed, expire_us): Row) -> Result<KeptSecret> {
    Ok(KeptSecret {
        endpoint: WebhookEndpointId::from_uuid(endpoint),
        number: u32::try_from(number).map_err(Error::internal)?,
        secret: SealedSecret { key_version, sealed },
        expire_us,
    })
}

impl Store {
    /// The endpoints of a domain that are not deleted, oldest first: at most as many as it may have.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn webhook_endpoints_of(&self, domain: DomainId) -> Result<Vec<WebhookEndpoint>> {
        const READ: &str = "
            WITH q(domain_id) AS ({set})
            SELECT t.body, t.sequence FROM q CROSS JOIN webhook_endpoints AS t
            WHERE t.domain_id = q.domain_id AND t.status <> 'DELETED' ORDER BY t.create_us, t.id";
        let set = Set::of(&[Type::Uuid], [[domain.as_uuid().into()]]);
        parsed(self.read(READ, set).await?)
    }

    /// Lists the endpoints of a domain that are not deleted, newest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_webhook_endpoints(
        &self,
        domain: DomainId,
        page: &PageRequest,
    ) -> Result<Page<WebhookEndpoint>> {
        let mut select = Select::new("t.body, t.sequence", "webhook_endpoints");
        select.equals("domain_id", domain.as_uuid());
        select.and("t.status <> 'DELETED'");
        select.page(page, true);
        let found = parsed(self.scan(select).await?)?;
        Ok(page.page(found, |it| Position { create_us: it.create_us, id: it.id.as_uuid() }))
    }

    /// The secrets of an endpoint, the newest first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn webhook_secrets(&self, endpoint: WebhookEndpointId) -> Result<Vec<KeptSecret>> {
        const READ: &str = "
            WITH q(endpoint_id) AS ({set})
            SELECT s.endpoint_id, s.number, s.key_version, s.sealed, s.expire_us
            FROM q CROSS JOIN webhook_secrets AS s WHERE s.endpoint_id = q.endpoint_id ORDER BY s.number DESC";
        let set = Set::of(&[Type::Uuid], [[endpoint.as_uuid().into()]]);
        self.read::<Row>(READ, set).await?.into_iter().map(kept).collect()
    }

    /// Secrets that are sealed with an older master key than that, at most a hundred, the newest keys first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn webhook_secrets_sealed_before(&self, key_version: i64) -> Result<Vec<KeptSecret>> {
        const READ: &str = "
            WITH q(key_version) AS ({set})
            SELECT s.endpoint_id, s.number, s.key_version, s.sealed, s.expire_us
            FROM q CROSS JOIN webhook_secrets AS s WHERE s.key_version < q.key_version
            ORDER BY s.key_version DESC, s.endpoint_id, s.number LIMIT 100";
        let set = Set::of(&[Type::Int], [[key_version.into()]]);
        self.read::<Row>(READ, set).await?.into_iter().map(kept).collect()
    }

    /// Puts a secret that was sealed anew in the place of what it was opened from; not where that has changed since.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn reseal_webhook_secret(&self, from: &KeptSecret, to: SealedSecret) -> Result<()> {
        const RESEAL: &str = "
            WITH q(endpoint_id, number, old_version, key_version, sealed) AS ({set})
            UPDATE webhook_secrets
            SET key_version = (SELECT max(q.key_version) FROM q WHERE q.endpoint_id IS NOT NULL),
                sealed = (SELECT q.sealed FROM q WHERE q.endpoint_id IS NOT NULL)
            WHERE (endpoint_id, number, key_version) IN (SELECT endpoint_id, number, old_version FROM q) RETURNING 1";
        let row = [
            from.endpoint.as_uuid().into(),
            i64::from(from.number).into(),
            from.secret.key_version.into(),
            to.key_version.into(),
            Value::from(to.sealed),
        ];
        let types = [Type::Uuid, Type::Int, Type::Int, Type::Int, Type::Bytes];
        self.write::<(i32,)>(RESEAL, Set::of(&types, [row])).await.map(drop)
    }
}

fn parsed(rows: Vec<(String, i64)>) -> Result<Vec<WebhookEndpoint>> {
    let endpoint = |(body, sequence): (String, i64)| {
        Resource::from_json(Table::WebhookEndpoints, &body, sequence)?.try_into()
    };
    rows.into_iter().map(endpoint).collect()
}
