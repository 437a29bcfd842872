-- Payment claim links, their tokens, and the claims that are submitted by them.

CREATE TABLE claim_links (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id   BLOB    NOT NULL CHECK (length(domain_id) = 16),
    customer_id BLOB    NOT NULL CHECK (length(customer_id) = 16),
    status      TEXT    NOT NULL,
    expire_us   INTEGER NOT NULL,
    sequence    INTEGER NOT NULL CHECK (sequence > 0),
    create_us   INTEGER NOT NULL,
    body        TEXT    NOT NULL
) STRICT;
CREATE INDEX claim_links_by_domain ON claim_links (domain_id, create_us, id);
CREATE INDEX claim_links_by_customer ON claim_links (customer_id, create_us, id);

-- Each link's token, sealed with the master key of that version, to be shown again. It is found by its hash, a name.
CREATE TABLE claim_tokens (
    link_id     BLOB    NOT NULL PRIMARY KEY CHECK (length(link_id) = 16),
    key_version INTEGER NOT NULL,
    sealed      BLOB    NOT NULL
) STRICT;
CREATE INDEX claim_tokens_by_key ON claim_tokens (key_version, link_id);

CREATE TABLE claims (
    id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id      BLOB    NOT NULL CHECK (length(domain_id) = 16),
    customer_id    BLOB    NOT NULL CHECK (length(customer_id) = 16),
    link_id        BLOB    NOT NULL CHECK (length(link_id) = 16),
    status         TEXT    NOT NULL,
    transaction_id BLOB    CHECK (length(transaction_id) = 16),
    sequence       INTEGER NOT NULL CHECK (sequence > 0),
    create_us      INTEGER NOT NULL,
    body           TEXT    NOT NULL
) STRICT;
CREATE INDEX claims_by_domain ON claims (domain_id, create_us, id);
CREATE INDEX claims_by_status ON claims (domain_id, status, create_us, id);
CREATE INDEX claims_by_customer ON claims (customer_id, create_us, id);
CREATE INDEX claims_by_link ON claims (link_id, create_us, id);

-- The hash of a transaction on a chain, empty where there is none: what is claimed may be on record already.
ALTER TABLE transactions ADD COLUMN tx_hash TEXT NOT NULL DEFAULT '';
UPDATE transactions SET tx_hash = coalesce(json_extract(body, '$.tx_hash'), '');
CREATE INDEX transactions_by_hash ON transactions (domain_id, network, tx_hash);
