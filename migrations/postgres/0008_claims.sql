-- Payment claim links, their tokens, and the claims that are submitted by them.

CREATE TABLE claim_links (
    id          UUID             NOT NULL PRIMARY KEY,
    domain_id   UUID             NOT NULL,
    customer_id UUID             NOT NULL,
    status      TEXT COLLATE "C" NOT NULL,
    expire_us   BIGINT           NOT NULL,
    sequence    BIGINT           NOT NULL CHECK (sequence > 0),
    create_us   BIGINT           NOT NULL,
    body        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX claim_links_by_domain ON claim_links (domain_id, create_us, id);
CREATE INDEX claim_links_by_customer ON claim_links (customer_id, create_us, id);

-- Each link's token, sealed with the master key of that version, to be shown again. It is found by its hash, a name.
CREATE TABLE claim_tokens (
    link_id     UUID   NOT NULL PRIMARY KEY,
    key_version BIGINT NOT NULL,
    sealed      BYTEA  NOT NULL
);
CREATE INDEX claim_tokens_by_key ON claim_tokens (key_version, link_id);

CREATE TABLE claims (
    id             UUID             NOT NULL PRIMARY KEY,
    domain_id      UUID             NOT NULL,
    customer_id    UUID             NOT NULL,
    link_id        UUID             NOT NULL,
    status         TEXT COLLATE "C" NOT NULL,
    transaction_id UUID,
    sequence       BIGINT           NOT NULL CHECK (sequence > 0),
    create_us      BIGINT           NOT NULL,
    body           TEXT COLLATE "C" NOT NULL
);
CREATE INDEX claims_by_domain ON claims (domain_id, create_us, id);
CREATE INDEX claims_by_status ON claims (domain_id, status, create_us, id);
CREATE INDEX claims_by_customer ON claims (customer_id, create_us, id);
CREATE INDEX claims_by_link ON claims (link_id, create_us, id);

-- The hash of a transaction on a chain, empty where there is none: what is claimed may be on record already.
ALTER TABLE transactions ADD COLUMN tx_hash TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE transactions SET tx_hash = coalesce(body::json ->> 'tx_hash', '');
CREATE INDEX transactions_by_hash ON transactions (domain_id, network, tx_hash);
