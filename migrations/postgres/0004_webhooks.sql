-- Where events are delivered to, and what became of each delivery.

CREATE TABLE webhook_endpoints (
    id        UUID             NOT NULL PRIMARY KEY,
    domain_id UUID             NOT NULL,
    status    TEXT COLLATE "C" NOT NULL,
    sequence  BIGINT           NOT NULL CHECK (sequence > 0),
    create_us BIGINT           NOT NULL,
    body      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX webhook_endpoints_by_domain ON webhook_endpoints (domain_id, create_us, id);

-- What an endpoint signs with, sealed with the master key of that version: the newest, and those before until they expire.
CREATE TABLE webhook_secrets (
    endpoint_id UUID   NOT NULL,
    number      BIGINT NOT NULL,
    key_version BIGINT NOT NULL,
    sealed      BYTEA  NOT NULL,
    create_us   BIGINT NOT NULL,
    expire_us   BIGINT,
    PRIMARY KEY (endpoint_id, number)
);
CREATE INDEX webhook_secrets_by_key ON webhook_secrets (key_version, endpoint_id, number);

-- How far an endpoint has come in its domain's log, and which instance works for it until when.
CREATE TABLE webhook_cursors (
    endpoint_id    UUID   NOT NULL PRIMARY KEY,
    domain_id      UUID   NOT NULL,
    after_sequence BIGINT NOT NULL,
    lease_holder   UUID,
    lease_until_us BIGINT NOT NULL
);

-- One row for each event that an endpoint was to be told of, without what it was told. `next_us` is when it is attempted
-- next: 0 in its turn, none once it is done.
CREATE TABLE webhook_deliveries (
    endpoint_id     UUID             NOT NULL,
    sequence        BIGINT           NOT NULL,
    id              UUID             NOT NULL,
    event_id        UUID             NOT NULL,
    customer_id     UUID,
    type            TEXT COLLATE "C" NOT NULL,
    status          TEXT COLLATE "C" NOT NULL,
    attempts        BIGINT           NOT NULL,
    next_us         BIGINT,
    last_attempt_us BIGINT,
    response_status BIGINT,
    error           TEXT COLLATE "C",
    create_us       BIGINT           NOT NULL,
    PRIMARY KEY (endpoint_id, sequence),
    CHECK ((status = 'PENDING') = (next_us IS NOT NULL))
);
CREATE INDEX webhook_deliveries_by_due ON webhook_deliveries (endpoint_id, next_us, sequence) WHERE next_us IS NOT NULL;
CREATE INDEX webhook_deliveries_undelivered ON webhook_deliveries (endpoint_id, sequence) WHERE status <> 'DELIVERED';
-- Rows are made in the order of time: a range of blocks is index enough to find the old ones.
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries USING brin (create_us) WITH (autosummarize = on);
