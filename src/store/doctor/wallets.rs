//! Of wallets, their addresses and transactions, and the sources of addresses.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    (
        "each wallet is what its last event says",
        "SELECT count(*) FROM wallets AS w
         LEFT JOIN events AS e ON e.log_id = w.domain_id AND e.sequence = w.sequence AND e.resource_id = w.id
         WHERE e.id IS NULL OR e.payload <> w.body",
    ),
    (
        // Those that a wallet was made with have its first event.
        "each address has the event that made it",
        "SELECT count(*) FROM addresses AS a
         LEFT JOIN events AS e ON e.log_id = a.domain_id AND e.sequence = a.sequence
             AND (e.resource_id = a.id OR e.resource_id = a.wallet_id)
         WHERE e.id IS NULL OR (e.resource_id = a.id AND e.payload <> a.body)",
    ),
    (
        "each transaction is what its last event says",
        "SELECT count(*) FROM transactions AS t
         LEFT JOIN events AS e ON e.log_id = t.domain_id AND e.sequence = t.sequence AND e.resource_id = t.id
         WHERE e.id IS NULL OR e.payload <> t.body",
    ),
    (
        "each source of addresses is what its last event says",
        "SELECT count(*) FROM key_sources AS s
         LEFT JOIN events AS e ON e.log_id = s.domain_id AND e.sequence = s.sequence AND e.resource_id = s.id
         WHERE e.id IS NULL OR e.payload <> s.body",
    ),
    (
        "each wallet, address and transaction is a customer's of its domain",
        "SELECT (SELECT count(*) FROM wallets AS w LEFT JOIN customers AS c
                     ON c.id = w.customer_id AND c.domain_id = w.domain_id WHERE c.id IS NULL)
              + (SELECT count(*) FROM addresses AS a LEFT JOIN wallets AS w
                     ON w.id = a.wallet_id AND w.domain_id = a.domain_id WHERE w.id IS NULL)
              + (SELECT count(*) FROM transactions AS t LEFT JOIN wallets AS w
                     ON w.id = t.wallet_id AND w.customer_id = t.customer_id WHERE w.id IS NULL)",
    ),
    (
        "each index of a scheme is one customer's, and was reserved",
        "SELECT (SELECT count(*) FROM (
                     SELECT a.domain_id FROM addresses AS a JOIN wallets AS w ON w.id = a.wallet_id
                     WHERE a.position IS NOT NULL GROUP BY a.domain_id, a.scheme, a.position
                     HAVING count(DISTINCT w.customer_id) > 1) AS shared)
              + (SELECT count(*) FROM addresses AS a LEFT JOIN counters AS n
                     ON n.scope = a.domain_id AND n.name = 'index:' || a.scheme
                 WHERE a.position IS NOT NULL AND a.position >= coalesce(n.value, 0))",
    ),
];
