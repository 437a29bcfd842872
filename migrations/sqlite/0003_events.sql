-- What the doors onto the log need.

-- The earliest event that is kept, and the chain just before it.
ALTER TABLE logs ADD COLUMN first_sequence INTEGER NOT NULL DEFAULT 1 CHECK (first_sequence > 0);
ALTER TABLE logs ADD COLUMN base_chain BLOB NOT NULL
    DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000' CHECK (length(base_chain) = 32);

-- What happened to a customer, in order; the last column finds what happened to the customer itself.
CREATE INDEX events_by_customer ON events (customer_id, log_id, sequence, resource_id) WHERE customer_id IS NOT NULL;
-- What a domain was at any time.
CREATE INDEX events_of_domains ON events (log_id, sequence) WHERE resource_id = log_id;

-- Who had a payment address before it changed hands.
CREATE TABLE past_aliases (
    scope BLOB NOT NULL CHECK (length(scope) = 16),
    key   TEXT NOT NULL,
    owner BLOB NOT NULL CHECK (length(owner) = 16),
    PRIMARY KEY (scope, key, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX past_aliases_by_owner ON past_aliases (owner);
