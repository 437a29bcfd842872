-- What other services bill, as they tell of it: three tables of one shape. How many of each a customer has is in
-- `counters`.

CREATE TABLE payment_intents (
    id          UUID             NOT NULL PRIMARY KEY,
    domain_id   UUID             NOT NULL,
    customer_id UUID             NOT NULL,
    status      TEXT COLLATE "C" NOT NULL,
    sequence    BIGINT           NOT NULL CHECK (sequence > 0),
    create_us   BIGINT           NOT NULL,
    body        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX payment_intents_by_domain ON payment_intents (domain_id, create_us, id);
CREATE INDEX payment_intents_by_customer ON payment_intents (customer_id, create_us, id);
CREATE INDEX payment_intents_by_status ON payment_intents (domain_id, status, create_us, id);

CREATE TABLE invoices (
    id          UUID             NOT NULL PRIMARY KEY,
    domain_id   UUID             NOT NULL,
    customer_id UUID             NOT NULL,
    status      TEXT COLLATE "C" NOT NULL,
    sequence    BIGINT           NOT NULL CHECK (sequence > 0),
    create_us   BIGINT           NOT NULL,
    body        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX invoices_by_domain ON invoices (domain_id, create_us, id);
CREATE INDEX invoices_by_customer ON invoices (customer_id, create_us, id);
CREATE INDEX invoices_by_status ON invoices (domain_id, status, create_us, id);

CREATE TABLE subscriptions (
    id          UUID             NOT NULL PRIMARY KEY,
    domain_id   UUID             NOT NULL,
    customer_id UUID             NOT NULL,
    status      TEXT COLLATE "C" NOT NULL,
    sequence    BIGINT           NOT NULL CHECK (sequence > 0),
    create_us   BIGINT           NOT NULL,
    body        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX subscriptions_by_domain ON subscriptions (domain_id, create_us, id);
CREATE INDEX subscriptions_by_customer ON subscriptions (customer_id, create_us, id);
CREATE INDEX subscriptions_by_status ON subscriptions (domain_id, status, create_us, id);

-- How customers pay and are paid.
CREATE TABLE payment_methods (
    id          UUID             NOT NULL PRIMARY KEY,
    domain_id   UUID             NOT NULL,
    customer_id UUID             NOT NULL,
    status      TEXT COLLATE "C" NOT NULL,
    sequence    BIGINT           NOT NULL CHECK (sequence > 0),
    create_us   BIGINT           NOT NULL,
    body        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX payment_methods_by_customer ON payment_methods (customer_id, create_us, id);
CREATE INDEX payment_methods_in_use ON payment_methods (customer_id, create_us, id) WHERE status = 'ACTIVE';

-- However many wallets of a customer are removed, an overview finds those that are not.
CREATE INDEX wallets_in_use ON wallets (customer_id, create_us, id) WHERE status <> 'REMOVED';

-- However much happened to what a customer has, what happened to the customer itself is found; as events_of_domains.
CREATE INDEX events_of_customers ON events (customer_id, log_id, sequence) WHERE (resource_id = customer_id) IS TRUE;
DROP INDEX events_by_customer;
CREATE INDEX events_by_customer ON events (customer_id, sequence) WHERE customer_id IS NOT NULL;
