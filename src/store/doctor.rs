//! What must be true of the database, as queries that count what is not.

use super::Store;
use super::backend::Backend;
use crate::domain::Result;

/// What must be true, and how many places there are where it is not. All are read in one snapshot.
const CHECKS: &[(&str, &str)] = &[
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
        "each customer is what their last event says",
        "SELECT count(*) FROM customers AS c
         LEFT JOIN events AS e ON e.log_id = c.domain_id AND e.sequence = c.sequence AND e.resource_id = c.id
         WHERE e.id IS NULL OR (e.payload IS NOT NULL AND e.payload <> c.body)",
    ),
    (
        "each domain is what its last event says",
        "SELECT count(*) FROM domains AS d
         LEFT JOIN events AS e ON e.log_id = d.id AND e.sequence = d.sequence AND e.resource_id = d.id
         WHERE e.id IS NULL OR e.payload <> d.body",
    ),
    (
        "each organization is what its last event says",
        "SELECT count(*) FROM organizations AS o
         LEFT JOIN events AS e ON e.log_id = o.id AND e.sequence = o.sequence AND e.resource_id = o.id
         WHERE e.id IS NULL OR e.payload <> o.body",
    ),
    (
        // A key that reaches no organization is the operators', whose log has the smallest id.
        "each API key is what its last event says",
        "SELECT count(*) FROM api_keys AS k
         LEFT JOIN events AS e ON e.sequence = k.sequence AND e.resource_id = k.id
             AND e.log_id = coalesce(k.domain_id, k.organization_id, (SELECT id FROM logs ORDER BY id LIMIT 1))
         WHERE e.id IS NULL OR e.payload <> k.body",
    ),
    (
        "each customer belongs to a domain",
        "SELECT count(*) FROM customers AS c LEFT JOIN domains AS d ON d.id = c.domain_id WHERE d.id IS NULL",
    ),
    (
        "each customer created has a row",
        "SELECT count(*) FROM events AS e LEFT JOIN customers AS c ON c.id = e.resource_id
         WHERE e.type = 'customer.created' AND c.id IS NULL",
    ),
    (
        "each name in use is that of its owner",
        "SELECT count(*) FROM unique_keys AS k LEFT JOIN customers AS c ON c.id = k.owner AND c.domain_id = k.scope
         WHERE k.held_until_us IS NULL AND k.kind IN ('alias', 'email', 'external_id') AND (c.id IS NULL OR c.status = 'DELETED'
            OR (k.kind = 'alias' AND coalesce(c.payment_address, '') NOT LIKE replace(k.key, '_', '\\_') || '@%' ESCAPE '\\')
            OR (k.kind = 'email' AND coalesce(c.email, '') <> k.key)
            OR (k.kind = 'external_id' AND coalesce(c.external_id, '') <> k.key))",
    ),
    (
        "as many aliases and external ids are in use as live customers have",
        "SELECT abs((SELECT count(*) FROM unique_keys WHERE held_until_us IS NULL AND kind IN ('alias', 'external_id'))
              - (SELECT count(payment_address) + count(external_id) FROM customers WHERE status <> 'DELETED'))",
    ),
    (
        "each live customer has their email alone where the domain says so",
        "SELECT count(*) FROM customers AS c JOIN domains AS d ON d.id = c.domain_id
         LEFT JOIN unique_keys AS k ON k.scope = c.domain_id AND k.kind = 'email' AND k.key = c.email
         WHERE c.status <> 'DELETED' AND c.email IS NOT NULL
           AND d.body LIKE '%\"unique_email\":true%' AND (k.owner IS NULL OR k.owner <> c.id)",
    ),
    (
        "no email is a name where the domain lets customers share one",
        "SELECT count(*) FROM unique_keys AS k JOIN domains AS d ON d.id = k.scope
         WHERE k.kind = 'email' AND d.body LIKE '%\"unique_email\":false%'",
    ),
    (
        "each domain's name is its own",
        "SELECT (SELECT count(*) FROM unique_keys AS k LEFT JOIN domains AS d ON d.id = k.owner
                 WHERE k.kind = 'domain_name' AND d.id IS NULL)
              + (SELECT count(*) FROM domains AS d LEFT JOIN unique_keys AS k
                     ON k.kind = 'domain_name' AND k.owner = d.id AND k.held_until_us IS NULL
                 WHERE k.owner IS NULL OR d.body NOT LIKE '%\"name\":\"' || k.key || '\"%')",
    ),
    (
        "each domain counts its live customers",
        "SELECT count(*) FROM domains AS d WHERE
             coalesce((SELECT n.value FROM counters AS n WHERE n.scope = d.id AND n.name = 'customers'), 0)
          <> (SELECT count(*) FROM customers AS c WHERE c.domain_id = d.id AND c.status <> 'DELETED')",
    ),
    (
        "each customer can be searched for",
        "SELECT count(*) FROM customers AS c LEFT JOIN customer_search AS s ON s.customer_id = c.id
         WHERE s.customer_id IS NULL",
    ),
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
        "each address in use leads to a wallet that is not removed",
        "SELECT count(*) FROM unique_keys AS k LEFT JOIN wallets AS w ON w.id = k.owner
         WHERE k.kind = 'address' AND (w.id IS NULL OR w.status = 'REMOVED')",
    ),
    (
        "each address of a wallet that is not removed leads to it",
        "SELECT abs((SELECT count(*) FROM unique_keys WHERE kind = 'address')
              - (SELECT count(*) FROM addresses AS a JOIN wallets AS w ON w.id = a.wallet_id
                 WHERE w.status <> 'REMOVED'))",
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
    (
        "each request that took effect has its event",
        "SELECT count(*) FROM requests AS r LEFT JOIN events AS e ON e.log_id = r.scope AND e.sequence = r.sequence
         WHERE e.id IS NULL",
    ),
];

impl Store {
    /// Checks every invariant, and answers how often each is broken.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn check(&self) -> Result<Vec<(&'static str, i64)>> {
        let mut found = Vec::with_capacity(CHECKS.len() + 1);
        found.push(("each balance is the sum of its confirmed transactions", self.wrong_balances().await?));
        match &self.db.scan {
            Backend::Postgres(pool) => {
                // Whole tables are read: without the limits and the plans that point look-ups want.
                let settings = "SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on;
                                SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on";
                let mut tx = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
                sqlx::raw_sql(settings).execute(&mut *tx).await?;
                for (what, sql) in CHECKS {
                    found.push((*what, sqlx::query_scalar(*sql).fetch_one(&mut *tx).await?));
                }
            }
            Backend::Sqlite(pool) => {
                let mut tx = pool.begin_with("BEGIN").await?;
                for (what, sql) in CHECKS {
                    found.push((*what, sqlx::query_scalar(*sql).fetch_one(&mut *tx).await?));
                }
                let broken: Vec<(String,)> =
                    sqlx::query_as("PRAGMA integrity_check").fetch_all(&mut *tx).await?;
                let broken = broken.iter().filter(|it| it.0 != "ok").count();
                found.push(("the file is not corrupt", i64::try_from(broken).unwrap_or(i64::MAX)));
            }
        }
        Ok(found)
    }
}
