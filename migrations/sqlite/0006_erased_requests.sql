-- The requests of customers who were erased, each by the SHA-256 of its id: what is repeated late does not make them again.
-- It goes when the request would have gone.
CREATE TABLE erased_requests (
    scope     BLOB    NOT NULL CHECK (length(scope) = 16),
    id_sha256 BLOB    NOT NULL CHECK (length(id_sha256) = 32),
    create_us INTEGER NOT NULL,
    PRIMARY KEY (scope, id_sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX erased_requests_by_age ON erased_requests (create_us);
