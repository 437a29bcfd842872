//! Of customers, and of organizations, domains and API keys.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
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
];
