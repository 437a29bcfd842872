//! Of logs and requests.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    (
        "each log ends at its last event and has no gaps",
        "SELECT count(*) FROM logs AS l WHERE l.last_sequence + 1 - l.first_sequence <> (
             SELECT count(*) FROM events AS e
             WHERE e.log_id = l.id AND e.sequence >= l.first_sequence AND e.sequence <= l.last_sequence)
         OR EXISTS (SELECT 1 FROM events AS e WHERE e.log_id = l.id AND e.sequence > l.last_sequence)",
    ),
    (
        // What it is itself is kept for as long as it is there.
        "each log keeps nothing from before its first event but what it is itself",
        "SELECT count(*) FROM logs AS l JOIN events AS e ON e.log_id = l.id AND e.sequence < l.first_sequence
         WHERE e.resource_id <> e.log_id",
    ),
    (
        "each log's chain ends at its last event's",
        "SELECT count(*) FROM logs AS l LEFT JOIN events AS e ON e.log_id = l.id AND e.sequence = l.last_sequence
         WHERE e.chain <> l.chain OR (e.id IS NULL AND l.chain <> l.base_chain)",
    ),
    (
        "each event belongs to a log",
        "SELECT count(*) FROM (SELECT DISTINCT log_id FROM events) AS e LEFT JOIN logs AS l ON l.id = e.log_id
         WHERE l.id IS NULL",
    ),
    (
        // One that changed nothing has an answer of its own, and one that is too old to count may have lost its event.
        "each request that took effect has its event",
        "SELECT count(*) FROM requests AS r LEFT JOIN logs AS l ON l.id = r.scope
         LEFT JOIN events AS e ON e.log_id = r.scope AND e.sequence = r.sequence
         LEFT JOIN answers AS a ON a.scope = r.scope AND a.id = r.id
         WHERE e.id IS NULL AND a.id IS NULL AND (l.id IS NULL OR r.sequence >= l.first_sequence)",
    ),
    (
        "whoever is erased is nowhere: in no event, request or name",
        "SELECT (SELECT count(*) FROM customers AS c JOIN events AS e ON e.customer_id = c.id
                 WHERE (c.body::json ->> 'erase_us') IS NOT NULL AND e.sequence < c.sequence AND e.log_id = c.domain_id
                   AND (e.payload IS NOT NULL OR e.salt IS NOT NULL OR e.request_id <> '' OR e.reason <> ''))
              + (SELECT count(*) FROM customers AS c JOIN unique_keys AS k ON k.owner = c.id
                 WHERE (c.body::json ->> 'erase_us') IS NOT NULL AND k.kind IN ('alias', 'email', 'external_id'))
              + (SELECT count(*) FROM customers AS c JOIN past_aliases AS p ON p.owner = c.id
                 WHERE (c.body::json ->> 'erase_us') IS NOT NULL)
              + (SELECT count(*) FROM customers AS c JOIN customer_search AS s ON s.customer_id = c.id
                 WHERE (c.body::json ->> 'erase_us') IS NOT NULL AND s.text <> '')",
    ),
];
