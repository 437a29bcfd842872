//! Which instance works for which webhook endpoint.
//!
//! A lease holds by the clock of the database alone, so that instances whose clocks differ agree on who has one.

use uuid::Uuid;

use super::Store;
use super::set::{Set, Type, Value};
use crate::domain::{DomainId, Error, Result, WebhookEndpointId};

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

    /// Takes the leases of endpoints that nobody holds, for that long from now on. Answers which were taken, and how far
    /// each of them has come in its domain's log.
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
        let condition = format!("c.lease_until_us <= {}", self.now());
        self.lease(holder, endpoints, seconds, &condition).await
    }

    /// Holds on to leases, for that long from now on. Answers which the holder still has: one that has run out meanwhile
    /// is lost, whether somebody else has it or nobody.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn renew_webhooks(
        &self,
        holder: Uuid,
        endpoints: &[WebhookEndpointId],
        seconds: u32,
    ) -> Result<Vec<WebhookEndpointId>> {
        let condition = format!("c.lease_holder = q.holder AND c.lease_until_us > {}", self.now());
        let held = self.lease(holder, endpoints, seconds, &condition).await?;
        Ok(held.into_iter().map(|it| it.0).collect())
    }

    async fn lease(
        &self,
        holder: Uuid,
        endpoints: &[WebhookEndpointId],
        seconds: u32,
        condition: &str,
    ) -> Result<Vec<(WebhookEndpointId, i64)>> {
        let sql = format!(
            "WITH q(id, holder) AS ({{set}})
             UPDATE webhook_cursors AS c
             SET lease_holder = q.holder, lease_until_us = {} + {seconds} * CAST(1000000 AS BIGINT)
             FROM q WHERE c.endpoint_id = q.id AND {condition}
             RETURNING endpoint_id, after_sequence",
            self.now()
        );
        let mut leased = Vec::new();
        for held in held(holder, endpoints) {
            let rows: Vec<(Uuid, i64)> = self.write(&sql, held).await?;
            leased.extend(rows.into_iter().map(|it| (WebhookEndpointId::from_uuid(it.0), it.1)));
        }
        Ok(leased)
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
        for held in held(holder, endpoints) {
            self.write::<(i32,)>(RELEASE, held).await?;
        }
        Ok(())
    }

    /// Moves an endpoint on in its domain's log, from one place to another, with nothing to deliver on the way. Answers
    /// whether it was there, and the holder still has its lease.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn move_webhook(
        &self,
        holder: Uuid,
        endpoint: WebhookEndpointId,
        cursor: (i64, i64),
    ) -> Result<bool> {
        let _place = self.courier_writes.acquire().await.map_err(Error::internal)?;
        let rows: Vec<(i32,)> = self.write(MOVE, moved(holder, endpoint, cursor)).await?;
        Ok(!rows.is_empty())
    }
}

/// Moves a cursor from where its holder knows it to be: anywhere else, it is not the one that was read.
pub(super) const MOVE: &str = "
    WITH q(id, holder, from_sequence, to_sequence) AS ({set})
    UPDATE webhook_cursors AS c SET after_sequence = q.to_sequence FROM q
    WHERE c.endpoint_id = q.id AND c.lease_holder = q.holder AND c.after_sequence = q.from_sequence
    RETURNING 1";

pub(super) fn moved(holder: Uuid, endpoint: WebhookEndpointId, (from, to): (i64, i64)) -> Set<'static> {
    Set::of(
        &[Type::Uuid, Type::Uuid, Type::Int, Type::Int],
        [[endpoint.as_uuid().into(), holder.into(), from.into(), Value::from(to)]],
    )
}

/// How many endpoints one statement is about.
pub(super) const AT_ONCE: usize = 1_000;

fn held(holder: Uuid, endpoints: &[WebhookEndpointId]) -> Vec<Set<'static>> {
    let mut ids: Vec<_> = endpoints.iter().map(|it| it.as_uuid()).collect();
    // In one order everywhere, so that two instances that want the same do not wait for each other.
    ids.sort_unstable();
    let set = |ids: &[Uuid]| {
        Set::of(&[Type::Uuid, Type::Uuid], ids.iter().map(|id| [(*id).into(), Value::from(holder)]))
    };
    ids.chunks(AT_ONCE).map(set).collect()
}
