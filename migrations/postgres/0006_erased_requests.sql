-- The requests of customers who were erased, each by the SHA-256 of its id: what is repeated late does not make them again.
-- It goes when the request would have gone.
CREATE TABLE erased_requests (
    scope     UUID   NOT NULL,
    id_sha256 BYTEA  NOT NULL CHECK (octet_length(id_sha256) = 32),
    create_us BIGINT NOT NULL,
    PRIMARY KEY (scope, id_sha256)
);
CREATE INDEX erased_requests_by_age ON erased_requests (create_us);
