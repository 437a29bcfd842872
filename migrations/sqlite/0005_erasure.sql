-- What erasure and retention need.

-- What requests that changed nothing were answered with, as no event holds it. An answer goes with its request.
CREATE TABLE answers (
    scope       BLOB    NOT NULL CHECK (length(scope) = 16),
    id          TEXT    NOT NULL,
    resource    TEXT    NOT NULL,
    sequence    INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    customer_id BLOB CHECK (length(customer_id) = 16),
    PRIMARY KEY (scope, id),
    FOREIGN KEY (scope, id) REFERENCES requests ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_by_customer ON answers (customer_id) WHERE customer_id IS NOT NULL;

-- Names that are on hold for nobody, to be forgotten at their end.
CREATE INDEX unique_keys_of_nobody ON unique_keys (held_until_us) WHERE owner IS NULL;
