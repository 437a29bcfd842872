//! Deliveries to webhook endpoints: one row each, without what is delivered.

use uuid::Uuid;

use super::Store;
use super::leases::{AT_ONCE, MOVE, moved};
use super::select::Select;
use super::set::{Set, Type, Value};
use crate::domain::{
    CustomerId, Delivery, DeliveryFault, DeliveryId, Due, Error, EventId, Result, WebhookEndpointId,
};

pub(super) const COLUMNS: &str = "t.endpoint_id, t.sequence, t.id, t.event_id, t.customer_id, t.type, t.status, t.attempts, \
                       t.next_us, t.last_attempt_us, t.response_status, t.error, t.create_us";
const TYPES: [Type; 13] = [
    Type::Uuid,
    Type::Int,
    Type::Uuid,
    Type::Uuid,
    Type::Uuid,
    Type::Text,
    Type::Text,
    Type::Int,
    Type::Int,
    Type::Int,
    Type::Int,
    Type::Text,
    Type::Int,
];

pub(super) type Row = (
    Uuid,
    i64,
    Uuid,
    Uuid,
    Option<Uuid>,
    String,
    String,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    i64,
);

pub(super) fn parsed(row: Row) -> Result<Delivery> {
    let (
        endpoint,
        sequence,
        id,
        event,
        customer,
        kind,
        status,
        attempts,
        next_us,
        last_us,
        answer,
        error,
        create_us,
    ) = row;
    Ok(Delivery {
        id: DeliveryId::from_uuid(id),
        endpoint_id: WebhookEndpointId::from_uuid(endpoint),
        sequence,
        event_id: EventId::from_uuid(event),
        customer_id: customer.map(CustomerId::from_uuid),
        kind,
        status: status.parse().map_err(Error::internal)?,
        attempts: u32::try_from(attempts).map_err(Error::internal)?,
        due: next_us.map(Due::from_us),
        last_attempt_us: last_us,
        response_status: answer.map(u16::try_from).transpose().map_err(Error::internal)?,
        fault: error.map(|it| it.parse()).transpose().map_err(Error::internal)?,
        create_us,
    })
}

fn row(it: &Delivery) -> [Value; TYPES.len()] {
    [
        it.endpoint_id.as_uuid().into(),
        it.sequence.into(),
        it.id.as_uuid().into(),
        it.event_id.as_uuid().into(),
        it.customer_id.map(CustomerId::as_uuid).into(),
        it.kind.as_str().into(),
        it.status.as_str().into(),
        i64::from(it.attempts).into(),
        it.due.map(Due::as_us).into(),
        it.last_attempt_us.into(),
        it.response_status.map(i64::from).into(),
        it.fault.map(DeliveryFault::as_str).into(),
        it.create_us.into(),
    ]
}

impl Store {
    /// Notes what an endpoint is to be told of, and moves it on in its domain's log from one place to another, in one
    /// transaction. Answers whether it was there and the holder still has its lease; otherwise nothing is done.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn take_deliveries(
        &self,
        holder: Uuid,
        endpoint: WebhookEndpointId,
        cursor: (i64, i64),
        deliveries: &[Delivery],
    ) -> Result<bool> {
        const PUT: &str = "
            WITH q(endpoint_id, sequence, id, event_id, customer_id, type, status, attempts, next_us, last_attempt_us,
                   response_status, error, create_us) AS ({set})
            INSERT INTO webhook_deliveries (endpoint_id, sequence, id, event_id, customer_id, type, status, attempts,
                next_us, last_attempt_us, response_status, error, create_us)
            SELECT endpoint_id, sequence, id, event_id, customer_id, type, status, attempts, next_us, last_attempt_us,
                   response_status, error, create_us FROM q WHERE endpoint_id IS NOT NULL
            ON CONFLICT (endpoint_id, sequence) DO NOTHING";
        if deliveries.is_empty() {
            return self.move_webhook(holder, endpoint, cursor).await;
        }
        let _place = self.courier_writes.acquire().await.map_err(Error::internal)?;
        self.in_time(super::STATEMENT_TIMEOUT, async {
            let mut tx = self.db.begin_alone().await?;
            let was_there: Vec<(i32,)> = tx.conn().fetch(MOVE, moved(holder, endpoint, cursor)).await?;
            if was_there.is_empty() {
                tx.rollback().await?;
                return Ok(false);
            }
            tx.conn().run(PUT, Set::of(&TYPES, deliveries.iter().map(row))).await?;
            tx.commit(Vec::new()).await?;
            Ok(true)
        })
        .await
    }

    /// Notes what became of attempts: deliveries as they were taken up, and as they are now. Only as far as the holder
    /// still has the leases, and where nobody has made a delivery due anew meanwhile.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn record_deliveries(&self, holder: Uuid, deliveries: &[(Delivery, Delivery)]) -> Result<()> {
        const RECORD: &str = "
            WITH q(endpoint_id, sequence, status, attempts, next_us, last_attempt_us, response_status, error, holder,
                   had_attempts, had_next_us) AS ({set})
            UPDATE webhook_deliveries AS t
            SET status = q.status, attempts = q.attempts, next_us = q.next_us, last_attempt_us = q.last_attempt_us,
                response_status = q.response_status, error = q.error
            FROM q
            WHERE t.endpoint_id = q.endpoint_id AND t.sequence = q.sequence
              AND t.attempts = q.had_attempts AND t.next_us = q.had_next_us
              AND EXISTS (SELECT 1 FROM webhook_cursors AS c
                          WHERE c.endpoint_id = q.endpoint_id AND c.lease_holder = q.holder)";
        let rows = deliveries.iter().map(|(had, it)| {
            [
                it.endpoint_id.as_uuid().into(),
                it.sequence.into(),
                it.status.as_str().into(),
                i64::from(it.attempts).into(),
                it.due.map(Due::as_us).into(),
                it.last_attempt_us.into(),
                it.response_status.map(i64::from).into(),
                it.fault.map(DeliveryFault::as_str).into(),
                Value::from(holder),
                i64::from(had.attempts).into(),
                had.due.map(Due::as_us).into(),
            ]
        });
        let types = [
            Type::Uuid,
            Type::Int,
            Type::Text,
            Type::Int,
            Type::Int,
            Type::Int,
            Type::Int,
            Type::Text,
            Type::Uuid,
            Type::Int,
            Type::Int,
        ];
        let _place = self.courier_writes.acquire().await.map_err(Error::internal)?;
        self.write::<(i32,)>(RECORD, Set::of(&types, rows)).await.map(drop)
    }

    /// Makes a delivery due now, whatever became of it before; one that still waits for its turn goes on waiting.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn redeliver(&self, delivery: &Delivery) -> Result<()> {
        const AGAIN: &str = "
            WITH q(endpoint_id, sequence, id, event_id, customer_id, type, status, attempts, next_us, last_attempt_us,
                   response_status, error, create_us) AS ({set})
            INSERT INTO webhook_deliveries (endpoint_id, sequence, id, event_id, customer_id, type, status, attempts,
                next_us, last_attempt_us, response_status, error, create_us)
            SELECT endpoint_id, sequence, id, event_id, customer_id, type, status, attempts, next_us, last_attempt_us,
                   response_status, error, create_us FROM q WHERE endpoint_id IS NOT NULL
            ON CONFLICT (endpoint_id, sequence) DO UPDATE
            SET status = excluded.status, attempts = excluded.attempts, next_us = excluded.next_us
            WHERE webhook_deliveries.next_us IS NULL OR webhook_deliveries.next_us > 0
            RETURNING 1";
        self.write::<(i32,)>(AGAIN, Set::of(&TYPES, [row(delivery)])).await.map(drop)
    }

    /// The delivery of an event to an endpoint, by the event's place in the log.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn delivery(&self, endpoint: WebhookEndpointId, sequence: i64) -> Result<Option<Delivery>> {
        let sql = format!(
            "WITH q(endpoint_id, sequence) AS ({{set}})
             SELECT {COLUMNS} FROM q CROSS JOIN webhook_deliveries AS t
             WHERE t.endpoint_id = q.endpoint_id AND t.sequence = q.sequence"
        );
        let set = Set::of(&[Type::Uuid, Type::Int], [[endpoint.as_uuid().into(), sequence.into()]]);
        let rows: Vec<Row> = self.read(&sql, set).await?;
        rows.into_iter().next().map(parsed).transpose()
    }

    /// The deliveries of an endpoint that wait for their turn, in the order of the log.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn deliveries_in_turn(
        &self,
        endpoint: WebhookEndpointId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let mut select = Select::new(COLUMNS, "webhook_deliveries");
        select.equals("endpoint_id", endpoint.as_uuid());
        select.and("t.next_us = 0");
        let (after, limit) = (select.bind(after), select.bind(i64::from(limit)));
        select.and(&format!("t.sequence > {after}"));
        select.ordered("t.sequence");
        select.limited(&limit);
        let rows: Vec<Row> = self.scan(select).await?;
        rows.into_iter().map(parsed).collect()
    }

    /// The deliveries of an endpoint that are due again, the longest due first.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn deliveries_due(
        &self,
        endpoint: WebhookEndpointId,
        now_us: i64,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let mut select = Select::new(COLUMNS, "webhook_deliveries");
        select.equals("endpoint_id", endpoint.as_uuid());
        let (now, limit) = (select.bind(now_us), select.bind(i64::from(limit)));
        select.and(&format!("t.next_us > 0 AND t.next_us <= {now}"));
        select.ordered("t.next_us, t.sequence");
        select.limited(&limit);
        let rows: Vec<Row> = self.scan(select).await?;
        rows.into_iter().map(parsed).collect()
    }

    /// Which of some endpoints have deliveries that are due again.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn webhooks_due(
        &self,
        endpoints: &[WebhookEndpointId],
        now_us: i64,
    ) -> Result<Vec<WebhookEndpointId>> {
        const DUE: &str = "
            WITH q(endpoint_id, now_us) AS ({set})
            SELECT q.endpoint_id FROM q WHERE EXISTS (
                SELECT 1 FROM webhook_deliveries AS t
                WHERE t.endpoint_id = q.endpoint_id AND t.next_us > 0 AND t.next_us <= q.now_us)";
        let mut due = Vec::new();
        for endpoints in endpoints.chunks(AT_ONCE) {
            let rows = endpoints.iter().map(|it| [it.as_uuid().into(), Value::from(now_us)]);
            let rows: Vec<(Uuid,)> = self.read(DUE, Set::of(&[Type::Uuid, Type::Int], rows)).await?;
            due.extend(rows.into_iter().map(|it| WebhookEndpointId::from_uuid(it.0)));
        }
        Ok(due)
    }
}
