//! Of wallets, their addresses and transactions, and the sources of addresses.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    (
        "each wallet, address, transaction and source of addresses that was made has a row",
        "SELECT count(*) FROM events AS e
         LEFT JOIN wallets AS w ON w.id = e.resource_id
         LEFT JOIN addresses AS a ON a.id = e.resource_id
         LEFT JOIN transactions AS t ON t.id = e.resource_id
         LEFT JOIN key_sources AS s ON s.id = e.resource_id
         WHERE (e.type = 'wallet.created' AND w.id IS NULL) OR (e.type = 'address.created' AND a.id IS NULL)
            OR (e.type = 'transaction.created' AND t.id IS NULL)
            OR (e.type IN ('extended_key.registered', 'address_pool.uploaded') AND s.id IS NULL)",
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
                     ON n.scope = a.domain_id AND n.name = CASE WHEN (a.body::json -> 'derivation' ->> 'pooled') IS NULL THEN 'index:' ELSE 'pool:' END
                                     || a.scheme
                 WHERE a.position IS NOT NULL AND a.position >= coalesce(n.value, 0))",
    ),
    (
        // Places count from 0 on, and no two addresses have one.
        "each pool has as many addresses as it says",
        "SELECT (SELECT count(*) FROM key_sources AS s
                 LEFT JOIN (SELECT source_id, count(*) AS size, min(position) AS first, max(position) AS last
                            FROM address_pool GROUP BY source_id) AS p ON p.source_id = s.id
                 WHERE coalesce(p.size, 0) <> CAST(s.body::json ->> 'pool_size' AS BIGINT)
                    OR p.first <> 0 OR p.last <> p.size - 1)
              + (SELECT count(*) FROM (SELECT DISTINCT source_id FROM address_pool) AS p
                 LEFT JOIN key_sources AS s ON s.id = p.source_id WHERE s.id IS NULL)",
    ),
    (
        "each address from a pool is the one at its place",
        "SELECT count(*) FROM addresses AS a
         LEFT JOIN unique_keys AS k ON k.scope = a.domain_id AND k.kind = 'key_source' AND k.key = a.scheme
         LEFT JOIN address_pool AS p ON p.source_id = k.owner AND p.position = a.position
         WHERE a.body LIKE '%\"pooled\":true%' AND (p.address IS NULL OR p.address <> a.address)",
    ),
];
