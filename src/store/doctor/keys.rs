//! Of names: each that a row says is its owner's, and there is no other.

use crate::domain::{KeyKind, Network};

/// What must be true of the names of a kind.
pub(super) struct Names {
    pub(super) what: &'static str,
    kind: KeyKind,
    /// The names there should be, as `(scope, key, owner)`; as often as it may be.
    said: &'static str,
}

/// The addresses that are in use, with all that their names are made of. An address of our own is, for ever; one that was
/// linked, until its wallet is removed.
const IN_USE: &str = "
    (SELECT d.organization_id AS scope, d.environment, a.network, w.id AS wallet_id, w.customer_id,
            a.body::json ->> 'canonical' AS canonical
     FROM addresses AS a JOIN wallets AS w ON w.id = a.wallet_id JOIN domains AS d ON d.id = a.domain_id
     WHERE w.kind = 'MANAGED' OR w.status <> 'REMOVED')";

pub(super) const CHECKS: &[Names] = &[
    Names {
        what: "each address in use leads to its wallet, and no other leads anywhere",
        kind: KeyKind::Address,
        said: "SELECT scope, environment || '/' || network || '/' || canonical, wallet_id FROM {in_use} AS a",
    },
    Names {
        what: "each address in use is its customer's, and no other is anybody's",
        kind: KeyKind::AddressOwner,
        said: "SELECT scope, environment || '/' || {family} || '/' || canonical, customer_id FROM {in_use} AS a",
    },
    Names {
        // Of wallets that were removed too: an index is given once.
        what: "each index that was used is its customer's, and no other is anybody's",
        kind: KeyKind::Derivation,
        said: "SELECT a.domain_id, a.scheme || '/' || a.position, w.customer_id
               FROM addresses AS a JOIN wallets AS w ON w.id = a.wallet_id WHERE a.position IS NOT NULL",
    },
    Names {
        // The domain's own seed, where nothing was registered and addresses were derived all the same.
        what: "each scheme in use has its source, and no other has one",
        kind: KeyKind::KeySource,
        said: "SELECT s.domain_id, s.body::json ->> 'scheme', s.id FROM key_sources AS s
               UNION ALL
               SELECT a.domain_id, a.scheme, a.domain_id
               FROM (SELECT DISTINCT domain_id, scheme FROM addresses WHERE scheme IS NOT NULL) AS a
               LEFT JOIN key_sources AS s ON s.domain_id = a.domain_id AND (s.body::json ->> 'scheme') = a.scheme
               WHERE s.id IS NULL",
    },
    Names {
        what: "each extended key is its source's, and no other is any's",
        kind: KeyKind::ExtendedKey,
        said: "SELECT d.organization_id, s.body::json ->> 'identity', s.id
               FROM key_sources AS s JOIN domains AS d ON d.id = s.domain_id
               WHERE (s.body::json ->> 'identity') IS NOT NULL",
    },
    Names {
        what: "each extended key that an address was made from is known to be, and no other",
        kind: KeyKind::UsedSource,
        said: "SELECT s.domain_id, s.body::json ->> 'scheme', k.owner
               FROM key_sources AS s LEFT JOIN unique_keys AS k
                 ON k.scope = s.domain_id AND k.kind = 'used_source' AND k.key = (s.body::json ->> 'scheme')
               WHERE (s.body::json ->> 'identity') IS NOT NULL
                 AND EXISTS (SELECT 1 FROM addresses AS a
                             WHERE a.domain_id = s.domain_id AND a.scheme = (s.body::json ->> 'scheme'))",
    },
    Names {
        what: "each domain that registered a source is known to have, and no other",
        kind: KeyKind::WatchOnly,
        said: "SELECT s.domain_id, '', s.domain_id FROM key_sources AS s",
    },
    Names {
        what: "each address of a pool is its pool's, and no other is any's",
        kind: KeyKind::PooledAddress,
        said: "SELECT d.organization_id, d.environment || '/' || p.address, s.id
               FROM address_pool AS p JOIN key_sources AS s ON s.id = p.source_id
               JOIN domains AS d ON d.id = s.domain_id",
    },
    Names {
        what: "each currency of a customer leads to the wallet that is in it, and no other leads anywhere",
        kind: KeyKind::LedgerWallet,
        said: "SELECT w.domain_id, (w.body::json ->> 'customer_id') || '/' || w.currency, w.id
               FROM wallets AS w WHERE w.currency IS NOT NULL AND w.status <> 'REMOVED'",
    },
    Names {
        what: "each reference leads to its transaction, and no other leads anywhere",
        kind: KeyKind::Reference,
        said: "SELECT t.domain_id, t.body::json ->> 'reference', t.id FROM transactions AS t",
    },
    Names {
        what: "each external id leads to its billing record, and no other leads anywhere",
        kind: KeyKind::BillingRecord,
        said: "SELECT domain_id, 'payment_intent/' || (body::json ->> 'external_id'), id FROM payment_intents
               UNION ALL SELECT domain_id, 'invoice/' || (body::json ->> 'external_id'), id FROM invoices
               UNION ALL SELECT domain_id, 'subscription/' || (body::json ->> 'external_id'), id FROM subscriptions",
    },
    Names {
        what: "each place on a chain is its transaction's, and no other is any's",
        kind: KeyKind::Transaction,
        said: "SELECT t.domain_id, (t.body::json ->> 'wallet_id') || '/' || t.type || '/' || t.network || '/'
                   || (t.body::json ->> 'tx_hash') || '/' || (t.body::json ->> 'log_index'), t.id
               FROM transactions AS t WHERE t.network <> '' AND (t.body::json ->> 'tx_hash') IS NOT NULL",
    },
    Names {
        what: "each place of a webhook endpoint is its own, and no other is any's",
        kind: KeyKind::WebhookSlot,
        said: "SELECT t.domain_id, CAST(t.body::json ->> 'slot' AS TEXT), t.id
               FROM webhook_endpoints AS t WHERE t.status <> 'DELETED'",
    },
    Names {
        what: "each transaction that is claimed is its claim's, and no other is any's",
        kind: KeyKind::ClaimedTransaction,
        said: "SELECT t.domain_id, (t.body::json ->> 'network') || '/' || (t.body::json ->> 'tx_hash'), t.id
               FROM claims AS t WHERE t.status <> 'REJECTED'",
    },
    Names {
        what: "each deposit that a claim's approval recorded is not to be recorded again, and no other is any's",
        kind: KeyKind::ClaimedDeposit,
        // Where the deposit was on record before, the claim came later.
        said: "SELECT c.domain_id, (c.body::json ->> 'network') || '/' || (c.body::json ->> 'tx_hash') || '/'
                   || (c.body::json ->> 'customer_id'), c.transaction_id
               FROM claims AS c JOIN transactions AS t ON t.id = c.transaction_id
               WHERE c.status = 'APPROVED' AND t.create_us = CAST(c.body::json ->> 'update_us' AS BIGINT)",
    },
];

impl Names {
    /// The query that counts the names that are missing and those that are too many; one that is another's is both.
    pub(super) fn sql(&self) -> String {
        let said = self.said.replace("{in_use}", IN_USE).replace("{family}", &family());
        format!(
            "WITH said(scope, key, owner) AS ({said}),
                  kept(scope, key, owner) AS (
                      SELECT scope, key, CASE WHEN held_until_us IS NULL THEN owner END FROM unique_keys
                      WHERE kind = '{}')
             SELECT (SELECT count(*) FROM (SELECT * FROM said EXCEPT SELECT * FROM kept) AS missing)
                  + (SELECT count(*) FROM (SELECT * FROM kept EXCEPT SELECT * FROM said) AS extra)",
            self.kind
        )
    }
}

/// The family of a network, as an expression.
fn family() -> String {
    let arms: Vec<_> =
        Network::ALL.iter().map(|it| format!("WHEN '{it}' THEN '{}'", it.info().family)).collect();
    format!("CASE network {} END", arms.join(" "))
}
