-- The token buckets of keys, which instances share: when each will be full again, in nanoseconds since 1970.
CREATE TABLE quotas (
    key_id  UUID             NOT NULL,
    quota   TEXT COLLATE "C" NOT NULL,
    full_ns BIGINT           NOT NULL,
    PRIMARY KEY (key_id, quota)
);
CREATE INDEX quotas_by_time ON quotas (full_ns);

-- How often a key has asked on a day (of 86,400 s since 1970) whose name an alias is. Forgotten after two.
CREATE TABLE payee_tries (
    day          BIGINT NOT NULL,
    key_id       UUID   NOT NULL,
    alias_sha256 BYTEA  NOT NULL CHECK (octet_length(alias_sha256) = 32),
    tries        BIGINT NOT NULL,
    PRIMARY KEY (day, key_id, alias_sha256)
);
