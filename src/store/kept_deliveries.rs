//! Deliveries in lists, counted, and forgotten.

use super::Store;
use super::deliveries::{COLUMNS, Row, parsed};
use super::select::Select;
use super::set::{Set, Type};
use crate::domain::{Delivery, DeliveryStatus, Page, PageRequest, Position, Result, WebhookEndpointId};

impl Store {
    /// Lists the deliveries to an endpoint, the newest events first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn list_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        statuses: &[DeliveryStatus],
        page: &PageRequest,
    ) -> Result<Page<Delivery>> {
        let mut select = Select::new(COLUMNS, "webhook_deliveries");
        select.equals("endpoint_id", endpoint.as_uuid());
        select.among("status", statuses.iter().map(|it| it.as_str()));
        if !statuses.is_empty() && !statuses.contains(&DeliveryStatus::Delivered) {
            // In the words of the index that holds no others: few are not delivered, among very many that are.
            select.and("t.status <> 'DELIVERED'");
        }
        // In the order of the log, which is the order of time within an endpoint's one domain.
        if let Some(after) = page.after {
            let after = select.bind(after.create_us);
            select.and(&format!("t.sequence < {after}"));
        }
        select.ordered("t.sequence DESC");
        let limit = select.bind(i64::from(page.size) + 1);
        select.limited(&limit);
        let rows: Vec<Row> = self.scan(select).await?;
        let found = rows.into_iter().map(parsed).collect::<Result<Vec<_>>>()?;
        Ok(page.page(found, |it| Position { create_us: it.sequence, id: it.id.as_uuid() }))
    }

    /// How many deliveries are still to be attempted: no more are counted than a hundred thousand.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn pending_deliveries(&self) -> Result<i64> {
        let mut select = Select::new("1 AS n", "webhook_cursors AS c CROSS JOIN webhook_deliveries");
        select.and("t.endpoint_id = c.endpoint_id AND t.next_us IS NOT NULL");
        let rows: Vec<(i64,)> = self.scan(select.counted(100_000)).await?;
        Ok(rows.first().map_or(0, |it| it.0))
    }

    /// Forgets deliveries that came to their end and were made before a time, and those to endpoints that are gone.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn forget_deliveries(&self, before_us: i64) -> Result<()> {
        // A thousand at a time, so that no writer waits long behind it.
        const OLD: &str = "
            WITH q(before_us) AS ({set})
            DELETE FROM webhook_deliveries WHERE (endpoint_id, sequence) IN (
                SELECT t.endpoint_id, t.sequence FROM webhook_deliveries AS t
                WHERE t.create_us < (SELECT max(before_us) FROM q) AND t.next_us IS NULL LIMIT 1000)
            RETURNING 1";
        const GONE: &str = "
            WITH q(before_us) AS ({set})
            DELETE FROM webhook_deliveries WHERE (endpoint_id, sequence) IN (
                SELECT t.endpoint_id, t.sequence FROM webhook_endpoints AS e CROSS JOIN webhook_deliveries AS t
                WHERE e.status = 'DELETED' AND t.endpoint_id = e.id AND EXISTS (SELECT 1 FROM q) LIMIT 1000)
            RETURNING 1";
        for forget in [OLD, GONE] {
            loop {
                let set = Set::of(&[Type::Int], [[before_us.into()]]);
                let gone: Vec<(i32,)> = self.write(forget, set).await?;
                if gone.len() < 1_000 {
                    break;
                }
            }
        }
        Ok(())
    }
}
