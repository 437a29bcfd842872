-- The token buckets of keys, which instances share: when each will be full again, in nanoseconds since 1970.
CREATE TABLE quotas (
    key_id  BLOB    NOT NULL CHECK (length(key_id) = 16),
    quota   TEXT    NOT NULL,
    full_ns INTEGER NOT NULL,
    PRIMARY KEY (key_id, quota)
) STRICT, WITHOUT ROWID;
CREATE INDEX quotas_by_time ON quotas (full_ns);

-- How often a key has asked on a day (of 86,400 s since 1970) whose name an alias is. Forgotten after two.
CREATE TABLE payee_tries (
    day          INTEGER NOT NULL,
    key_id       BLOB    NOT NULL CHECK (length(key_id) = 16),
    alias_sha256 BLOB    NOT NULL CHECK (length(alias_sha256) = 32),
    tries        INTEGER NOT NULL,
    PRIMARY KEY (day, key_id, alias_sha256)
) STRICT, WITHOUT ROWID;
