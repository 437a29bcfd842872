-- Wallets, their addresses and transactions, and where addresses come from.

CREATE TABLE wallets (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id   BLOB    NOT NULL CHECK (length(domain_id) = 16),
    customer_id BLOB    NOT NULL CHECK (length(customer_id) = 16),
    kind        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    currency    TEXT,
    sequence    INTEGER NOT NULL CHECK (sequence > 0),
    create_us   INTEGER NOT NULL,
    body        TEXT    NOT NULL
) STRICT;
CREATE INDEX wallets_by_domain ON wallets (domain_id, create_us, id);
CREATE INDEX wallets_by_customer ON wallets (customer_id, create_us, id);

-- Every address of every wallet, those that a wallet was made with too: their sequence is that of its first event.
CREATE TABLE addresses (
    id        BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id BLOB    NOT NULL CHECK (length(domain_id) = 16),
    wallet_id BLOB    NOT NULL CHECK (length(wallet_id) = 16),
    network   TEXT    NOT NULL,
    address   TEXT NOT NULL,
    scheme    TEXT,
    position  INTEGER,
    sequence  INTEGER NOT NULL CHECK (sequence > 0),
    create_us INTEGER NOT NULL,
    body      TEXT    NOT NULL
) STRICT;
CREATE INDEX addresses_by_wallet ON addresses (wallet_id, create_us, id);
-- Which of a domain's derived addresses were ever used, in the order a standard wallet looks for them.
CREATE INDEX addresses_by_position ON addresses (domain_id, scheme, position);

CREATE TABLE transactions (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id   BLOB    NOT NULL CHECK (length(domain_id) = 16),
    wallet_id   BLOB    NOT NULL CHECK (length(wallet_id) = 16),
    customer_id BLOB    NOT NULL CHECK (length(customer_id) = 16),
    network     TEXT    NOT NULL,
    address     TEXT NOT NULL,
    type        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    token       TEXT    NOT NULL,
    sequence    INTEGER NOT NULL CHECK (sequence > 0),
    create_us   INTEGER NOT NULL,
    body        TEXT    NOT NULL
) STRICT;
CREATE INDEX transactions_by_wallet ON transactions (wallet_id, create_us, id);
CREATE INDEX transactions_by_customer ON transactions (customer_id, create_us, id);

-- What confirmed transactions add up to: 32 bytes of all that was added and 32 of all that was taken, big-endian, in the
-- token's smallest unit. The network of a ledger wallet is empty.
CREATE TABLE balances (
    wallet_id BLOB NOT NULL CHECK (length(wallet_id) = 16),
    network   TEXT NOT NULL,
    token     TEXT NOT NULL,
    sums      BLOB NOT NULL CHECK (length(sums) = 64),
    PRIMARY KEY (wallet_id, network, token)
) STRICT, WITHOUT ROWID;

-- Where the addresses of a scheme come from, where that is not the domain's own seed.
CREATE TABLE key_sources (
    id        BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    domain_id BLOB    NOT NULL REFERENCES domains,
    sequence  INTEGER NOT NULL CHECK (sequence > 0),
    create_us INTEGER NOT NULL,
    body      TEXT    NOT NULL
) STRICT;

CREATE INDEX key_sources_by_domain ON key_sources (domain_id);

CREATE TABLE address_pool (
    source_id BLOB    NOT NULL CHECK (length(source_id) = 16),
    position  INTEGER NOT NULL,
    address   TEXT    NOT NULL,
    PRIMARY KEY (source_id, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX address_pool_by_address ON address_pool (source_id, address);

-- Each domain's seed, sealed with the master key of that version.
CREATE TABLE seeds (
    domain_id   BLOB    NOT NULL PRIMARY KEY REFERENCES domains,
    key_version INTEGER NOT NULL,
    sealed      BLOB    NOT NULL,
    create_us   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
