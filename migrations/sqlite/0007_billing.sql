-- What other services bill, as they tell of it: three tables of one shape. How many of each a customer has is in
-- `counters`.

CREATE TABLE payment_intents (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id   BLOB    NOT NULL CHECK (length(domain_id) = 16),
    customer_id BLOB    NOT NULL CHECK (length(customer_id) = 16),
    status      TEXT    NOT NULL,
    sequence    INTEGER NOT NULL CHECK (sequence > 0),
    create_us   INTEGER NOT NULL,
    body        TEXT    NOT NULL
) STRICT;
CREATE INDEX payment_intents_by_domain ON payment_intents (domain_id, create_us, id);
CREATE INDEX payment_intents_by_customer ON payment_intents (customer_id, create_us, id);
CREATE INDEX payment_intents_by_status ON payment_intents (domain_id, status, create_us, id);

CREATE TABLE invoices (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id   BLOB    NOT NULL CHECK (length(domain_id) = 16),
    customer_id BLOB    NOT NULL CHECK (length(customer_id) = 16),
    status      TEXT    NOT NULL,
    sequence    INTEGER NOT NULL CHECK (sequence > 0),
    create_us   INTEGER NOT NULL,
    body        TEXT    NOT NULL
) STRICT;
CREATE INDEX invoices_by_domain ON invoices (domain_id, create_us, id);
CREATE INDEX invoices_by_customer ON invoices (customer_id, create_us, id);
CREATE INDEX invoices_by_status ON invoices (domain_id, status, create_us, id);

CREATE TABLE subscriptions (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id   BLOB    NOT NULL CHECK (length(domain_id) = 16),
    customer_id BLOB    NOT NULL CHECK (length(customer_id) = 16),
    status      TEXT    NOT NULL,
    sequence    INTEGER NOT NULL CHECK (sequence > 0),
    create_us   INTEGER NOT NULL,
    body        TEXT    NOT NULL
) STRICT;
CREATE INDEX subscriptions_by_domain ON subscriptions (domain_id, create_us, id);
CREATE INDEX subscriptions_by_customer ON subscriptions (customer_id, create_us, id);
CREATE INDEX subscriptions_by_status ON subscriptions (domain_id, status, create_us, id);

-- How customers pay and are paid.
CREATE TABLE payment_methods (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id   BLOB    NOT NULL CHECK (length(domain_id) = 16),
    customer_id BLOB    NOT NULL CHECK (length(customer_id) = 16),
    status      TEXT    NOT NULL,
    sequence    INTEGER NOT NULL CHECK (sequence > 0),
    create_us   INTEGER NOT NULL,
    body        TEXT    NOT NULL
) STRICT;
CREATE INDEX payment_methods_by_customer ON payment_methods (customer_id, create_us, id);
CREATE INDEX payment_methods_in_use ON payment_methods (customer_id, create_us, id) WHERE status = 'ACTIVE';

-- However many wallets of a customer are removed, an overview finds those that are not.
CREATE INDEX wallets_in_use ON wallets (customer_id, create_us, id) WHERE status <> 'REMOVED';

-- However much happened to what a customer has, what happened to the customer itself is found; as events_of_domains.
CREATE INDEX events_of_customers ON events (customer_id, log_id, sequence) WHERE (resource_id = customer_id) IS TRUE;
DROP INDEX events_by_customer;
CREATE INDEX events_by_customer ON events (customer_id, sequence) WHERE customer_id IS NOT NULL;
