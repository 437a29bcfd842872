-- What the doors onto the log need.

-- The earliest event that is kept, and the chain just before it.
ALTER TABLE logs ADD COLUMN first_sequence INTEGER NOT NULL DEFAULT 1 CHECK (first_sequence > 0);
ALTER TABLE logs ADD COLUMN base_chain BLOB NOT NULL
    DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000' CHECK (length(base_chain) = 32);

-- What happened to a customer, in order; the last column finds what happened to the customer itself.
CREATE INDEX events_by_customer ON events (customer_id, sequence, resource_id) WHERE customer_id IS NOT NULL;
-- What a domain was at any time. Without IS TRUE, Postgres would make of this, together with what is asked for, something
-- that it no longer knows the index by.
CREATE INDEX events_of_domains ON events (log_id, sequence) WHERE (resource_id = log_id) IS TRUE;

-- Who had a payment address before it changed hands, and until which event of the domain at the latest.
CREATE TABLE past_aliases (
    scope          BLOB    NOT NULL CHECK (length(scope) = 16),
    key            TEXT    NOT NULL,
    until_sequence INTEGER NOT NULL,
    owner          BLOB    NOT NULL CHECK (length(owner) = 16),
    PRIMARY KEY (scope, key, until_sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX past_aliases_by_owner ON past_aliases (owner);
INSERT INTO past_aliases (scope, key, until_sequence, owner)
SELECT c.domain_id, substr(c.payment_address, 1, instr(c.payment_address, '@') - 1), c.sequence, c.id
FROM customers AS c
LEFT JOIN unique_keys AS k ON k.scope = c.domain_id AND k.kind = 'alias' AND k.owner = c.id
                          AND k.key = substr(c.payment_address, 1, instr(c.payment_address, '@') - 1)
WHERE c.status = 'DELETED' AND c.payment_address IS NOT NULL AND k.key IS NULL;
