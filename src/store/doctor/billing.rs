//! Of billing records and payment methods.

use super::Check;
use crate::store::erasure::PERSONAL;

pub(super) const CHECKS: &[Check] = &[
    (
        "each billing record and payment method that was made has a row",
        "SELECT count(*) FROM events AS e
         LEFT JOIN payment_intents AS p ON p.id = e.resource_id
         LEFT JOIN invoices AS i ON i.id = e.resource_id
         LEFT JOIN subscriptions AS s ON s.id = e.resource_id
         LEFT JOIN payment_methods AS m ON m.id = e.resource_id
         WHERE (e.type = 'payment_intent.created' AND p.id IS NULL) OR (e.type = 'invoice.created' AND i.id IS NULL)
            OR (e.type = 'subscription.created' AND s.id IS NULL)
            OR (e.type = 'payment_method.added' AND m.id IS NULL)",
    ),
    (
        "each billing record and payment method is a customer's of its domain",
        "SELECT count(*) FROM (
             SELECT customer_id, domain_id FROM payment_intents
             UNION ALL SELECT customer_id, domain_id FROM invoices
             UNION ALL SELECT customer_id, domain_id FROM subscriptions
             UNION ALL SELECT customer_id, domain_id FROM payment_methods) AS t
         LEFT JOIN customers AS c ON c.id = t.customer_id AND c.domain_id = t.domain_id WHERE c.id IS NULL",
    ),
    (
        "each customer counts their billing records",
        "WITH said(scope, name, value) AS (
                  SELECT customer_id, 'payment_intents', count(*) FROM payment_intents GROUP BY customer_id
                  UNION ALL SELECT customer_id, 'invoices', count(*) FROM invoices GROUP BY customer_id
                  UNION ALL SELECT customer_id, 'subscriptions', count(*) FROM subscriptions GROUP BY customer_id),
              kept(scope, name, value) AS (
                  SELECT scope, name, value FROM counters
                  WHERE name IN ('payment_intents', 'invoices', 'subscriptions'))
         SELECT (SELECT count(*) FROM (SELECT * FROM said EXCEPT SELECT * FROM kept) AS missing)
              + (SELECT count(*) FROM (SELECT * FROM kept EXCEPT SELECT * FROM said) AS wrong)",
    ),
];

/// What must be true of everybody who is erased.
pub(super) const WORDLESS: &str =
    "whoever is erased has left no words in the books, and nothing of how they pay";

/// Counts the rows in which something is left of them that erasure takes away.
pub(super) fn left_of_the_erased() -> String {
    let left =
        PERSONAL.iter().map(|it| format!("SELECT customer_id FROM {} WHERE {}", it.table, it.is_there()));
    format!(
        "SELECT count(*) FROM ({}) AS t JOIN customers AS c ON c.id = t.customer_id
         WHERE (c.body::json ->> 'erase_us') IS NOT NULL",
        left.collect::<Vec<_>>().join(" UNION ALL ")
    )
}
