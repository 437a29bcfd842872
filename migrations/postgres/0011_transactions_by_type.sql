-- Transactions of a domain by their type, in lists.

CREATE INDEX transactions_by_type ON transactions (domain_id, type, create_us, id);
