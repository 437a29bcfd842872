-- What erasure and retention need.

-- What requests that changed nothing were answered with, as no event holds it. An answer goes with its request.
CREATE TABLE answers (
    scope       UUID             NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    resource    TEXT             NOT NULL,
    sequence    BIGINT           NOT NULL,
    body        TEXT             NOT NULL,
    customer_id UUID,
    PRIMARY KEY (scope, id),
    FOREIGN KEY (scope, id) REFERENCES requests ON DELETE CASCADE
);
CREATE INDEX answers_by_customer ON answers (customer_id) WHERE customer_id IS NOT NULL;

-- Names that are on hold for nobody, to be forgotten at their end.
CREATE INDEX unique_keys_of_nobody ON unique_keys (held_until_us) WHERE owner IS NULL;
