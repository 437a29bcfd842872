//! Of webhook endpoints: where each is in its domain's log, and what it signs with.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    (
        "each webhook endpoint has a place in its domain's log, and a deleted one has none",
        "SELECT count(*) FROM webhook_endpoints AS t
         LEFT JOIN webhook_cursors AS c ON c.endpoint_id = t.id AND c.domain_id = t.domain_id
         WHERE (t.status = 'DELETED') <> (c.endpoint_id IS NULL)",
    ),
    (
        "no webhook endpoint is ahead of its domain's log",
        "SELECT count(*) FROM webhook_cursors AS c LEFT JOIN logs AS l ON l.id = c.domain_id
         WHERE l.id IS NULL OR c.after_sequence > l.last_sequence",
    ),
    (
        "each webhook endpoint has one secret that does not expire, and a deleted one has none at all",
        "SELECT count(*) FROM webhook_endpoints AS t
         WHERE (SELECT count(*) FROM webhook_secrets AS s WHERE s.endpoint_id = t.id AND s.expire_us IS NULL)
               <> CASE WHEN t.status = 'DELETED' THEN 0 ELSE 1 END
            OR (t.status = 'DELETED' AND EXISTS (SELECT 1 FROM webhook_secrets AS s WHERE s.endpoint_id = t.id))",
    ),
    (
        "each delivery is of an event that its domain's log has come to",
        "SELECT count(*) FROM webhook_deliveries AS d JOIN webhook_endpoints AS t ON t.id = d.endpoint_id
         JOIN logs AS l ON l.id = t.domain_id WHERE d.sequence > l.last_sequence OR d.sequence < 1",
    ),
];
