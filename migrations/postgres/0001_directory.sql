-- Rows of resources hold their whole state as JSON in `body`, beside the columns that they are found by.
-- Times are microseconds since 1970. `sequence` is that of the last event about the row, and its version.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- One row for each log: of a domain, of an organization, of the operators (nil). Its lock is the lock of all it has.
CREATE TABLE logs (
    id            UUID   NOT NULL PRIMARY KEY,
    last_sequence BIGINT NOT NULL CHECK (last_sequence >= 0),
    last_us       BIGINT NOT NULL,
    chain         BYTEA  NOT NULL CHECK (length(chain) = 32)
);
INSERT INTO logs VALUES ('00000000-0000-0000-0000-000000000000', 0, 0, decode(repeat('00', 32), 'hex'));

CREATE TABLE events (
    log_id         UUID             NOT NULL,
    sequence       BIGINT           NOT NULL CHECK (sequence > 0),
    id             UUID             NOT NULL,
    type           TEXT COLLATE "C" NOT NULL,
    resource_id    UUID             NOT NULL,
    customer_id    UUID,
    actor          TEXT COLLATE "C" NOT NULL,
    request_id     TEXT COLLATE "C" NOT NULL,
    create_us      BIGINT           NOT NULL,
    changed_fields TEXT COLLATE "C" NOT NULL,
    reason         TEXT COLLATE "C" NOT NULL,
    payload        TEXT COLLATE "C",
    salt           BYTEA CHECK (length(salt) = 32),
    digest         BYTEA            NOT NULL CHECK (length(digest) = 32),
    chain          BYTEA            NOT NULL CHECK (length(chain) = 32),
    PRIMARY KEY (log_id, sequence)
);

-- Requests that took effect; the outcome is the event at `sequence` in the log of the scope.
CREATE TABLE requests (
    scope     UUID             NOT NULL,
    id        TEXT COLLATE "C" NOT NULL,
    method    TEXT COLLATE "C" NOT NULL,
    digest    BYTEA            NOT NULL CHECK (length(digest) = 32),
    sequence  BIGINT           NOT NULL,
    create_us BIGINT           NOT NULL,
    PRIMARY KEY (scope, id)
);
-- Rows are made in the order of time: a range of blocks is index enough to find the old ones.
CREATE INDEX requests_by_age ON requests USING brin (create_us) WITH (autosummarize = on);

-- Names that have one owner. While `held_until_us` is set the name is not in use: only `owner` may take it again.
CREATE TABLE unique_keys (
    scope         UUID             NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    key           TEXT COLLATE "C" NOT NULL,
    owner         UUID,
    held_until_us BIGINT,
    PRIMARY KEY (scope, kind, key),
    CHECK (owner IS NOT NULL OR held_until_us IS NOT NULL)
);

-- Counts that are kept, not counted.
CREATE TABLE counters (
    scope UUID             NOT NULL,
    name  TEXT COLLATE "C" NOT NULL,
    value BIGINT           NOT NULL,
    PRIMARY KEY (scope, name)
);

CREATE TABLE organizations (
    id        UUID             NOT NULL PRIMARY KEY,
    sequence  BIGINT           NOT NULL CHECK (sequence > 0),
    create_us BIGINT           NOT NULL,
    body      TEXT COLLATE "C" NOT NULL
);

CREATE TABLE domains (
    id              UUID             NOT NULL PRIMARY KEY,
    organization_id UUID             NOT NULL REFERENCES organizations,
    environment     TEXT COLLATE "C" NOT NULL,
    sequence        BIGINT           NOT NULL CHECK (sequence > 0),
    create_us       BIGINT           NOT NULL,
    body            TEXT COLLATE "C" NOT NULL
);
CREATE INDEX domains_by_organization ON domains (organization_id, create_us, id);

CREATE TABLE api_keys (
    id              UUID             NOT NULL PRIMARY KEY,
    organization_id UUID REFERENCES organizations,
    domain_id       UUID REFERENCES domains,
    environment     TEXT COLLATE "C",
    secret_sha256   BYTEA            NOT NULL CHECK (length(secret_sha256) = 32),
    last_use_us     BIGINT,
    sequence        BIGINT           NOT NULL CHECK (sequence > 0),
    create_us       BIGINT           NOT NULL,
    body            TEXT COLLATE "C" NOT NULL
);
CREATE INDEX api_keys_by_organization ON api_keys (organization_id, create_us, id);

CREATE TABLE customers (
    id              UUID             NOT NULL PRIMARY KEY,
    domain_id       UUID             NOT NULL,
    type            TEXT COLLATE "C" NOT NULL,
    first_name      TEXT COLLATE "C",
    middle_name     TEXT COLLATE "C",
    last_name       TEXT COLLATE "C",
    nick_name       TEXT COLLATE "C",
    payment_address TEXT COLLATE "C",
    email           TEXT COLLATE "C",
    phone           TEXT COLLATE "C",
    external_id     TEXT COLLATE "C",
    status          TEXT COLLATE "C" NOT NULL,
    kyc_status      TEXT COLLATE "C" NOT NULL,
    sequence        BIGINT           NOT NULL CHECK (sequence > 0),
    create_us       BIGINT           NOT NULL,
    body            TEXT COLLATE "C" NOT NULL
);
CREATE INDEX customers_by_domain ON customers (domain_id, create_us, id);

-- What `search` looks through: folded names, email and external id, one a line.
CREATE TABLE customer_search (
    customer_id UUID             NOT NULL PRIMARY KEY,
    text        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX customer_search_index ON customer_search USING gin (text gin_trgm_ops);
