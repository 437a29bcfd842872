//! Of payment claim links and claims.

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    (
        "each payment claim link and claim that was made has a row",
        "SELECT count(*) FROM events AS e
         LEFT JOIN claim_links AS l ON l.id = e.resource_id LEFT JOIN claims AS c ON c.id = e.resource_id
         WHERE (e.type = 'claim_link.created' AND l.id IS NULL) OR (e.type = 'claim.submitted' AND c.id IS NULL)",
    ),
    (
        "each payment claim link was used as often as claims were submitted by it, and no oftener than it may be",
        "SELECT count(*) FROM claim_links AS l
         LEFT JOIN (SELECT link_id, count(*) AS size FROM claims GROUP BY link_id) AS c ON c.link_id = l.id
         WHERE coalesce(c.size, 0) <> CAST(l.body::json ->> 'use_count' AS BIGINT)
            OR coalesce(c.size, 0) > CAST(l.body::json ->> 'max_uses' AS BIGINT)
            OR (l.status = 'USED') <> (l.status <> 'REVOKED'
                AND coalesce(c.size, 0) >= CAST(l.body::json ->> 'max_uses' AS BIGINT))",
    ),
    (
        "each payment claim link has its token, sealed and by its hash, and there is no other",
        "SELECT (SELECT count(*) FROM claim_links AS l
                 LEFT JOIN claim_tokens AS t ON t.link_id = l.id
                 LEFT JOIN unique_keys AS k ON k.owner = l.id AND k.kind = 'claim_token'
                 WHERE t.link_id IS NULL OR k.owner IS NULL)
              + abs((SELECT count(*) FROM claim_tokens) - (SELECT count(*) FROM claim_links))
              + abs((SELECT count(*) FROM unique_keys WHERE kind = 'claim_token')
                    - (SELECT count(*) FROM claim_links))",
    ),
    (
        "each payment claim link is for a customer of its domain, and each claim for the customer of its link",
        "SELECT (SELECT count(*) FROM claim_links AS l LEFT JOIN customers AS c
                     ON c.id = l.customer_id AND c.domain_id = l.domain_id WHERE c.id IS NULL)
              + (SELECT count(*) FROM claims AS c LEFT JOIN claim_links AS l
                     ON l.id = c.link_id AND l.customer_id = c.customer_id AND l.domain_id = c.domain_id
                 WHERE l.id IS NULL)",
    ),
    (
        "each claim that is approved has its deposit, and no other has one",
        "SELECT count(*) FROM claims AS c LEFT JOIN transactions AS t
             ON t.id = c.transaction_id AND t.customer_id = c.customer_id AND t.type = 'DEPOSIT'
            AND t.network = (c.body::json ->> 'network') AND t.token = (c.body::json ->> 'token')
            AND (t.body::json ->> 'amount') = (c.body::json ->> 'amount')
            AND (t.body::json ->> 'tx_hash') = (c.body::json ->> 'tx_hash')
         WHERE (c.status = 'APPROVED') <> (c.transaction_id IS NOT NULL)
            OR (c.status = 'APPROVED' AND t.id IS NULL)",
    ),
];
