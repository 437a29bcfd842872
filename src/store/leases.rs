//! Which instance works for which webhook endpoint.
//!
//! A lease holds by the clock of the database alone, so that instances whose clocks differ agree on who has one.

use uuid::Uuid;

use super::Store;
use super::set::{Set, Type, Value};
use crate::domain::{DomainId, Result, WebhookEndpointId};

/// An endpoint that is enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enabled {
    /// Which.
    pub id: WebhookEndpointId,
    /// Whose events it is told of.
    pub domain: DomainId,
    /// The sequence of the last event about itself.
    pub sequence: i64,
    /// Whether no instance works for it now.
    pub is_free: bool,
}

impl Store {
    /// Now, in microseconds since 1970, by the database's own clock.
    fn now(&self) -> &'static str {
        if self.is_embedded() {
            "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
        } else {
            "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        }
    }

    /// Every endpoint that is enabled.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn enabled_webhook_endpoints(&self) -> Result<Vec<Enabled>> {
        let sql = format!(
            "WITH q(status) AS ({{set}})
             SELECT c.endpoint_id, c.domain_id, t.sequence, CASE WHEN c.lease_until_us <= {} THEN 1 ELSE 0 END
             FROM webhook_cursors AS c CROSS JOIN webhook_endpoints AS t CROSS JOIN q
             WHERE t.id = c.endpoint_id AND t.status = q.status",
            self.now()
        );
        let set = Set::of(&[Type::Text], [["ENABLED".into()]]);
        let rows: Vec<(Uuid, Uuid, i64, i32)> = self.read(&sql, set).await?;
        let enabled = |(id, domain, sequence, is_free): (_, _, _, i32)| Enabled {
            id: WebhookEndpointId::from_uuid(id),
            domain: DomainId::from_uuid(domain),
            sequence,
            is_free: is_free != 0,
        };
        Ok(rows.into_iter().map(enabled).collect())
    }

    /// Takes the leases of endpoints that nobody else holds, or holds on to them, for that long from now on. Answers which
    /// the holder has, and how far each of them has come in its domain's log.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn lease_webhooks(
        &self,
        holder: Uuid,
        endpoints: &[WebhookEndpointId],
        seconds: u32,
    ) -> Result<Vec<(WebhookEndpointId, i64)>> {
        let now = self.now();
        let sql = format!(
            "WITH q(id, holder) AS ({{set}})
             UPDATE webhook_cursors SET lease_holder = (SELECT q.holder FROM q WHERE q.id = endpoint_id),
                                        lease_until_us = {now} + {seconds} * CAST(1000000 AS BIGINT)
             WHERE endpoint_id IN (SELECT id FROM q)
               AND (lease_until_us <= {now} OR lease_holder = (SELECT q.holder FROM q WHERE q.id = endpoint_id))
             RETURNING endpoint_id, after_sequence"
        );
        let rows: Vec<(Uuid, i64)> = self.write(&sql, held(holder, endpoints)).await?;
        Ok(rows.into_iter().map(|it| (WebhookEndpointId::from_uuid(it.0), it.1)).collect())
    }

    /// Ends every lease of an embedded database: whoever opens it is alone on it, and those who had them are dead.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn release_webhooks_of_the_dead(&self) -> Result<()> {
        const RELEASE: &str = "
            WITH q(n) AS ({set}) UPDATE webhook_cursors SET lease_until_us = 0 WHERE EXISTS (SELECT 1 FROM q) RETURNING 1";
        if !self.is_embedded() {
            return Ok(());
        }
        let set = Set::of(&[Type::Int], [[1_i64.into()]]);
        self.write::<(i32,)>(RELEASE, set).await.map(drop)
    }

    /// Gives leases back.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn release_webhooks(&self, holder: Uuid, endpoints: &[WebhookEndpointId]) -> Result<()> {
        const RELEASE: &str = "
            WITH q(id, holder) AS ({set})
            UPDATE webhook_cursors SET lease_until_us = 0
            WHERE (endpoint_id, lease_holder) IN (SELECT id, holder FROM q) RETURNING 1";
        self.write::<(i32,)>(RELEASE, held(holder, endpoints)).await.map(drop)
    }

    /// Moves an endpoint on in its domain's log, with nothing to deliver on the way. Answers whether the holder still
    /// has its lease.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn move_webhook(&self, holder: Uuid, endpoint: WebhookEndpointId, after: i64) -> Result<bool> {
        let set = Set::of(&[Type::Uuid, Type::Uuid, Type::Int], [moved(holder, endpoint, after)]);
        let rows: Vec<(i32,)> = self.write(MOVE, set).await?;
        Ok(!rows.is_empty())
    }
}

/// Moves a cursor, never back.
pub(super) const MOVE: &str = "
    WITH q(id, holder, after_sequence) AS ({set})
    UPDATE webhook_cursors
    SET after_sequence = (SELECT max(q.after_sequence) FROM q WHERE q.id = endpoint_id)
    WHERE (endpoint_id, lease_holder) IN (SELECT id, holder FROM q)
      AND webhook_cursors.after_sequence <= (SELECT max(q.after_sequence) FROM q WHERE q.id = endpoint_id)
    RETURNING 1";

pub(super) fn moved(holder: Uuid, endpoint: WebhookEndpointId, after: i64) -> [Value; 3] {
    [endpoint.as_uuid().into(), holder.into(), after.into()]
}

fn held(holder: Uuid, endpoints: &[WebhookEndpointId]) -> Set<'static> {
    let mut ids: Vec<_> = endpoints.iter().map(|it| it.as_uuid()).collect();
    // In one order everywhere, so that two instances that want the same do not wait for each other.
    ids.sort_unstable();
    Set::of(&[Type::Uuid, Type::Uuid], ids.into_iter().map(|id| [id.into(), Value::from(holder)]))
}
