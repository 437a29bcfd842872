-- Where events are delivered to, and what became of each delivery.

CREATE TABLE webhook_endpoints (
    id        BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id BLOB    NOT NULL CHECK (length(domain_id) = 16),
    status    TEXT    NOT NULL,
    sequence  INTEGER NOT NULL CHECK (sequence > 0),
    create_us INTEGER NOT NULL,
    body      TEXT    NOT NULL
) STRICT;
CREATE INDEX webhook_endpoints_by_domain ON webhook_endpoints (domain_id, create_us, id);

-- What an endpoint signs with, sealed with the master key of that version: the newest, and those before until they expire.
CREATE TABLE webhook_secrets (
    endpoint_id BLOB    NOT NULL CHECK (length(endpoint_id) = 16),
    number      INTEGER NOT NULL,
    key_version INTEGER NOT NULL,
    sealed      BLOB    NOT NULL,
    create_us   INTEGER NOT NULL,
    expire_us   INTEGER,
    PRIMARY KEY (endpoint_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_secrets_by_key ON webhook_secrets (key_version, endpoint_id, number);

-- How far an endpoint has come in its domain's log, and which instance works for it until when.
CREATE TABLE webhook_cursors (
    endpoint_id    BLOB    NOT NULL PRIMARY KEY CHECK (length(endpoint_id) = 16),
    domain_id      BLOB    NOT NULL CHECK (length(domain_id) = 16),
    after_sequence INTEGER NOT NULL,
    lease_holder   BLOB CHECK (length(lease_holder) = 16),
    lease_until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each event that an endpoint was to be told of, without what it was told. `next_us` is when it is attempted
-- next: 0 in its turn, none once it is done.
CREATE TABLE webhook_deliveries (
    endpoint_id     BLOB    NOT NULL CHECK (length(endpoint_id) = 16),
    sequence        INTEGER NOT NULL,
    id              BLOB    NOT NULL CHECK (length(id) = 16),
    event_id        BLOB    NOT NULL CHECK (length(event_id) = 16),
    customer_id     BLOB CHECK (length(customer_id) = 16),
    type            TEXT    NOT NULL,
    status          TEXT    NOT NULL,
    attempts        INTEGER NOT NULL,
    next_us         INTEGER,
    last_attempt_us INTEGER,
    response_status INTEGER,
    error           TEXT,
    create_us       INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, sequence),
    CHECK ((status = 'PENDING') = (next_us IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_by_due ON webhook_deliveries (endpoint_id, next_us, sequence) WHERE next_us IS NOT NULL;
CREATE INDEX webhook_deliveries_undelivered ON webhook_deliveries (endpoint_id, sequence) WHERE status <> 'DELIVERED';
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (create_us);
