-- Rows of resources hold their whole state as JSON in `body`, beside the columns that they are found by.
-- Times are microseconds since 1970. `sequence` is that of the last event about the row, and its version.

-- One row for each log: of a domain, of an organization, of the operators (nil). Its lock is the lock of all it has.
CREATE TABLE logs (
    id            BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    last_sequence INTEGER NOT NULL CHECK (last_sequence >= 0),
    last_us       INTEGER NOT NULL,
    chain         BLOB    NOT NULL CHECK (length(chain) = 32)
) STRICT, WITHOUT ROWID;
INSERT INTO logs VALUES (zeroblob(16), 0, 0, zeroblob(32));

CREATE TABLE events (
    log_id         BLOB    NOT NULL CHECK (length(log_id) = 16),
    sequence       INTEGER NOT NULL CHECK (sequence > 0),
    id             BLOB    NOT NULL CHECK (length(id) = 16),
    type           TEXT    NOT NULL,
    resource_id    BLOB    NOT NULL CHECK (length(resource_id) = 16),
    customer_id    BLOB CHECK (length(customer_id) = 16),
    actor          TEXT    NOT NULL,
    request_id     TEXT    NOT NULL,
    create_us      INTEGER NOT NULL,
    changed_fields TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    payload        TEXT,
    salt           BLOB CHECK (length(salt) = 32),
    digest         BLOB    NOT NULL CHECK (length(digest) = 32),
    chain          BLOB    NOT NULL CHECK (length(chain) = 32),
    PRIMARY KEY (log_id, sequence)
) STRICT;

-- Requests that took effect; the outcome is the event at `sequence` in the log of the scope.
CREATE TABLE requests (
    scope     BLOB    NOT NULL CHECK (length(scope) = 16),
    id        TEXT    NOT NULL,
    method    TEXT    NOT NULL,
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    sequence  INTEGER NOT NULL,
    create_us INTEGER NOT NULL,
    PRIMARY KEY (scope, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_age ON requests (create_us);

-- Names that have one owner. While `held_until_us` is set the name is not in use: only `owner` may take it again.
CREATE TABLE unique_keys (
    scope         BLOB NOT NULL CHECK (length(scope) = 16),
    kind          TEXT NOT NULL,
    key           TEXT NOT NULL,
    owner         BLOB CHECK (length(owner) = 16),
    held_until_us INTEGER,
    PRIMARY KEY (scope, kind, key),
    CHECK (owner IS NOT NULL OR held_until_us IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- Counts that are kept, not counted.
CREATE TABLE counters (
    scope BLOB    NOT NULL CHECK (length(scope) = 16),
    name  TEXT    NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE organizations (
    id        BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    sequence  INTEGER NOT NULL CHECK (sequence > 0),
    create_us INTEGER NOT NULL,
    body      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE domains (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB    NOT NULL REFERENCES organizations,
    environment     TEXT    NOT NULL,
    sequence        INTEGER NOT NULL CHECK (sequence > 0),
    create_us       INTEGER NOT NULL,
    body            TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX domains_by_organization ON domains (organization_id, create_us, id);

CREATE TABLE api_keys (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB REFERENCES organizations,
    domain_id       BLOB REFERENCES domains,
    environment     TEXT,
    secret_sha256   BLOB    NOT NULL CHECK (length(secret_sha256) = 32),
    last_use_us     INTEGER,
    sequence        INTEGER NOT NULL CHECK (sequence > 0),
    create_us       INTEGER NOT NULL,
    body            TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_organization ON api_keys (organization_id, create_us, id);

CREATE TABLE customers (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id       BLOB    NOT NULL CHECK (length(domain_id) = 16),
    type            TEXT    NOT NULL,
    first_name      TEXT,
    middle_name     TEXT,
    last_name       TEXT,
    nick_name       TEXT,
    payment_address TEXT,
    email           TEXT,
    phone           TEXT,
    external_id     TEXT,
    status          TEXT    NOT NULL,
    kyc_status      TEXT    NOT NULL,
    sequence        INTEGER NOT NULL CHECK (sequence > 0),
    create_us       INTEGER NOT NULL,
    body            TEXT    NOT NULL
) STRICT;
CREATE INDEX customers_by_domain ON customers (domain_id, create_us, id);

-- What `search` looks through: folded names, email and external id, one a line. FTS5 knows a text by a number, which
-- has to be a column: a hidden rowid does not survive VACUUM.
CREATE TABLE customer_search (
    docid       INTEGER PRIMARY KEY,
    customer_id BLOB NOT NULL UNIQUE CHECK (length(customer_id) = 16),
    text        TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE customer_search_index USING fts5 (
    text, content = 'customer_search', content_rowid = 'docid', detail = 'none', tokenize = 'trigram case_sensitive 1'
);
-- What is deleted leaves the index at once, not at some later merge.
INSERT INTO customer_search_index (customer_search_index, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER customer_search_inserted AFTER INSERT ON customer_search BEGIN
    INSERT INTO customer_search_index (rowid, text) VALUES (new.docid, new.text);
END;
CREATE TRIGGER customer_search_deleted AFTER DELETE ON customer_search BEGIN
    INSERT INTO customer_search_index (customer_search_index, rowid, text) VALUES ('delete', old.docid, old.text);
END;
CREATE TRIGGER customer_search_updated AFTER UPDATE ON customer_search BEGIN
    INSERT INTO customer_search_index (customer_search_index, rowid, text) VALUES ('delete', old.docid, old.text);
    INSERT INTO customer_search_index (rowid, text) VALUES (new.docid, new.text);
END;
