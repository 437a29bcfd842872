//! Of logs and requests.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    (
        "each log ends at its last event and has no gaps",
        "SELECT count(*) FROM logs AS l WHERE l.last_sequence <> (
             SELECT count(*) FROM events AS e WHERE e.log_id = l.id AND e.sequence <= l.last_sequence)
         OR EXISTS (SELECT 1 FROM events AS e WHERE e.log_id = l.id AND e.sequence > l.last_sequence)",
    ),
    (
        "each log's chain ends at its last event's",
        "SELECT count(*) FROM logs AS l JOIN events AS e ON e.log_id = l.id AND e.sequence = l.last_sequence
         WHERE e.chain <> l.chain",
    ),
    (
        "each event belongs to a log",
        "SELECT count(*) FROM (SELECT DISTINCT log_id FROM events) AS e LEFT JOIN logs AS l ON l.id = e.log_id
         WHERE l.id IS NULL",
    ),
    (
        "each request that took effect has its event",
        "SELECT count(*) FROM requests AS r LEFT JOIN events AS e ON e.log_id = r.scope AND e.sequence = r.sequence
         WHERE e.id IS NULL",
    ),
];
