-- Wallets, their addresses and transactions, and where addresses come from.

CREATE TABLE wallets (
    id          UUID             NOT NULL PRIMARY KEY,
    domain_id   UUID             NOT NULL,
    customer_id UUID             NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    status      TEXT COLLATE "C" NOT NULL,
    currency    TEXT COLLATE "C",
    sequence    BIGINT           NOT NULL CHECK (sequence > 0),
    create_us   BIGINT           NOT NULL,
    body        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX wallets_by_domain ON wallets (domain_id, create_us, id);
CREATE INDEX wallets_by_customer ON wallets (customer_id, create_us, id);

-- Every address of every wallet, those that a wallet was made with too: their sequence is that of its first event.
CREATE TABLE addresses (
    id        UUID             NOT NULL PRIMARY KEY,
    domain_id UUID             NOT NULL,
    wallet_id UUID             NOT NULL,
    network   TEXT COLLATE "C" NOT NULL,
    address   TEXT COLLATE "C" NOT NULL,
    scheme    TEXT COLLATE "C",
    position  BIGINT,
    sequence  BIGINT           NOT NULL CHECK (sequence > 0),
    create_us BIGINT           NOT NULL,
    body      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX addresses_by_wallet ON addresses (wallet_id, create_us, id);
-- Which of a domain's derived addresses were ever used, in the order a standard wallet looks for them.
CREATE INDEX addresses_by_position ON addresses (domain_id, scheme, position);

CREATE TABLE transactions (
    id          UUID             NOT NULL PRIMARY KEY,
    domain_id   UUID             NOT NULL,
    wallet_id   UUID             NOT NULL,
    customer_id UUID             NOT NULL,
    network     TEXT COLLATE "C" NOT NULL,
    address     TEXT COLLATE "C" NOT NULL,
    type        TEXT COLLATE "C" NOT NULL,
    status      TEXT COLLATE "C" NOT NULL,
    token       TEXT COLLATE "C" NOT NULL,
    sequence    BIGINT           NOT NULL CHECK (sequence > 0),
    create_us   BIGINT           NOT NULL,
    body        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX transactions_by_wallet ON transactions (wallet_id, create_us, id);
CREATE INDEX transactions_by_customer ON transactions (customer_id, create_us, id);

-- What confirmed transactions add up to: 32 bytes of all that was added and 32 of all that was taken, big-endian, in the
-- token's smallest unit. The network of a ledger wallet is empty.
CREATE TABLE balances (
    wallet_id UUID             NOT NULL,
    network   TEXT COLLATE "C" NOT NULL,
    token     TEXT COLLATE "C" NOT NULL,
    sums      BYTEA            NOT NULL CHECK (length(sums) = 64),
    PRIMARY KEY (wallet_id, network, token)
);

-- Where the addresses of a scheme come from, where that is not the domain's own seed.
CREATE TABLE key_sources (
    id        UUID             NOT NULL PRIMARY KEY,
    domain_id UUID             NOT NULL REFERENCES domains,
    sequence  BIGINT           NOT NULL CHECK (sequence > 0),
    create_us BIGINT           NOT NULL,
    body      TEXT COLLATE "C" NOT NULL
);

CREATE INDEX key_sources_by_domain ON key_sources (domain_id);

CREATE TABLE address_pool (
    source_id UUID             NOT NULL,
    position  BIGINT           NOT NULL,
    address   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (source_id, position)
);
CREATE UNIQUE INDEX address_pool_by_address ON address_pool (source_id, address);

-- Each domain's seed, sealed with the master key of that version.
CREATE TABLE seeds (
    domain_id   UUID   NOT NULL PRIMARY KEY REFERENCES domains,
    key_version BIGINT NOT NULL,
    sealed      BYTEA  NOT NULL,
    create_us   BIGINT NOT NULL
);
