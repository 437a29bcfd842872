-- Addresses and transactions of a whole domain, in lists.

CREATE INDEX addresses_by_domain ON addresses (domain_id, create_us, id);
CREATE INDEX transactions_by_domain ON transactions (domain_id, create_us, id);
