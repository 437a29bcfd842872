-- Transactions of a domain's ledger wallets, in lists: those on a chain may be many more.

CREATE INDEX transactions_in_books ON transactions (domain_id, create_us, id) WHERE network = '';
