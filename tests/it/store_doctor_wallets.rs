//! The doctor on wallets: it must find nothing wrong with what the program makes, be it beside a running server, and
//! exactly that which somebody else has spoilt.

use std::collections::BTreeSet;

use purser::app::{WalletTarget, parse_address};
use purser::domain::{
    Currency, Customer, Decimal, Domain, DomainSettings, Environment, Family, KeyKind, Movement, Network,
    NewCustomer, NewTransaction, OnChain, Reference, Scheme, Transaction, TransactionStatus, TransactionType,
    TxHash, Wallet, WalletId, WalletStatus,
};
use purser::store::Store;
use serde_json::json;

use crate::changes::profile;
use crate::harness::{On, TestServer, line, on_each_database, operator};
use crate::raw::Raw;

on_each_database!(TestServer:
    nothing_is_wrong_with_wallets_that_the_program_has_made,
    each_thing_that_is_spoilt_is_found_and_nothing_else,
    each_name_that_is_missing_or_too_many_is_found,
    balances_are_added_up_over_many_pages,
    nothing_is_wrong_while_a_server_writes,
);

const ZPUB: &str = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
const POOL: [&str; 3] = [
    "So11111111111111111111111111111111111111112",
    "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
    "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL",
];

impl TestServer {
    async fn customer(&self, domain: &Domain, name: &str) -> Customer {
        let new = NewCustomer { profile: profile(json!({"first_name": name})), status: None };
        let made = self.app.create_customer(&operator(), Some(domain.id), new, None).await.unwrap();
        made.value.customer
    }

    async fn wallet(&self, of: &Customer, networks: &[Network]) -> Wallet {
        self.app.create_wallet(&operator(), of.id, networks.to_vec(), None).await.unwrap().value
    }

    async fn linked(&self, of: &Customer, network: Network, address: &str) -> Wallet {
        let address = parse_address(network, address).unwrap();
        self.app.link_wallet(&operator(), of.id, network, address, None).await.unwrap().value
    }

    async fn removed(&self, wallet: &Wallet) {
        let target = WalletTarget { id: wallet.id, etag: None };
        self.app.remove_wallet(&operator(), target, line("why"), None).await.unwrap();
    }

    async fn recorded(&self, new: NewTransaction) -> Transaction {
        self.app.record_transaction(&operator(), new, None).await.unwrap().value
    }

    async fn became(&self, it: &Transaction, status: TransactionStatus) {
        self.app.update_transaction_status(&operator(), it.id, status, 7, None).await.unwrap();
    }

    async fn faults(&self) -> BTreeSet<&'static str> {
        faults(self.app.store()).await
    }
}

async fn faults(store: &Store) -> BTreeSet<&'static str> {
    store.check().await.unwrap().into_iter().filter(|it| it.1 != 0).map(|it| it.0).collect()
}

/// A confirmed deposit of one ETH, of no transaction on the chain.
fn deposit(to: WalletId, reference: &str) -> NewTransaction {
    moved(to, reference, "1", None)
}

/// The same of another amount, and perhaps of a transaction on the chain.
fn moved(to: WalletId, reference: &str, amount: &str, place: Option<(TxHash, u32)>) -> NewTransaction {
    let token = Network::Sepolia.token("ETH").unwrap();
    let amount = decimal(amount).in_units(token.decimals).unwrap();
    let on_chain = OnChain {
        network: Network::Sepolia,
        token,
        amount,
        address: None,
        place,
        block_height: 0,
        from: None,
        to: None,
    };
    NewTransaction {
        wallet_id: to,
        reference: Some(Reference::try_from(reference.to_owned()).unwrap()),
        kind: TransactionType::Deposit,
        status: TransactionStatus::Confirmed,
        movement: Movement::OnChain(Box::new(on_chain)),
        description: Default::default(),
    }
}

fn decimal(text: &str) -> Decimal {
    text.to_owned().try_into().unwrap()
}

/// Wallets of every kind and in every state, with transactions; of one domain with a seed, and one with a public key and
/// a pool.
struct Run {
    /// Ada's own, with a second address on Sepolia.
    managed: Wallet,
    /// Ada's, linked; nothing happened in it.
    linked: Wallet,
    /// Bob's, managed, and removed.
    gone: Wallet,
    /// Bob's, linked, and removed.
    let_go: Wallet,
    bob: Customer,
}

async fn a_mixed_run(it: &TestServer) -> Run {
    use Network::{Bitcoin, BitcoinTestnet, Sepolia, Solana, SolanaDevnet};
    use TransactionStatus::{Confirmed, Failed, Pending};
    let acme = it.tenant("acme").await.domain;
    let (ada, bob) = (it.customer(&acme, "Ada").await, it.customer(&acme, "Bob").await);
    let managed = it.wallet(&ada, &[Sepolia, SolanaDevnet, BitcoinTestnet]).await;
    it.app.create_address(&operator(), managed.id, Sepolia, None).await.unwrap();
    it.wallet(&bob, &[Sepolia]).await;
    let linked = it.linked(&ada, Sepolia, "0x52908400098527886E0F7030069857D2E4169EE7").await;
    let let_go = it.linked(&bob, Sepolia, "0x8617E340B3D01FA5F11F306F4090FD50E238070D").await;
    it.removed(&let_go).await;
    let gone = it.wallet(&bob, &[SolanaDevnet]).await;
    it.removed(&gone).await;
    let dollars = Currency::try_from("USD".to_owned()).unwrap();
    let ledger = it.app.create_ledger_wallet(&operator(), ada.id, dollars, None).await.unwrap().value;

    let hash = TxHash::parse(Family::Evm, &format!("0x{}", "ab".repeat(32))).unwrap();
    it.recorded(moved(managed.id, "one", "1", Some((hash.clone(), 0)))).await;
    it.recorded(moved(managed.id, "two", "1", Some((hash, 1)))).await;
    let sent = moved(managed.id, "three", "0.5", None);
    it.recorded(NewTransaction { kind: TransactionType::Withdrawal, ..sent }).await;
    let pending = |reference| NewTransaction { status: Pending, ..deposit(managed.id, reference) };
    it.recorded(pending("pending")).await;
    it.became(&it.recorded(pending("four")).await, Confirmed).await;
    it.became(&it.recorded(deposit(managed.id, "five")).await, Failed).await;
    let movement = Movement::InBooks { currency: None, amount: decimal("1") };
    let kind = TransactionType::Credit;
    it.recorded(NewTransaction { kind, movement, ..deposit(ledger.id, "six") }).await;

    let globex = it.tenant_with("globex", Environment::Live, DomainSettings::default()).await.domain;
    let here = Some(globex.id);
    it.app.register_extended_key(&operator(), here, Scheme::Bitcoin, ZPUB, None).await.unwrap();
    for some in [&POOL[..2], &POOL[2..]] {
        let some: Vec<_> = some.iter().map(|it| (*it).to_owned()).collect();
        it.app.upload_address_pool(&operator(), here, Scheme::Solana, &some, None).await.unwrap();
    }
    let cyd = it.customer(&globex, "Cyd").await;
    it.wallet(&cyd, &[Bitcoin, Solana]).await;
    Run { managed, linked, gone, let_go, bob }
}

/// An id, as the database writes one.
fn id(raw: &Raw, id: uuid::Uuid) -> String {
    match raw.on() {
        On::Sqlite => format!("X'{}'", id.simple()),
        On::Postgres => format!("'{id}'::uuid"),
    }
}

/// What is spoilt, and can be put back.
const TABLES: [&str; 9] = [
    "wallets",
    "addresses",
    "transactions",
    "balances",
    "key_sources",
    "address_pool",
    "unique_keys",
    "counters",
    "events",
];

async fn save(raw: &mut Raw) {
    for table in TABLES {
        raw.run(&format!("CREATE TABLE saved_{table} AS SELECT * FROM {table}")).await;
    }
}

/// Spoils something, looks, and puts it back.
async fn spoilt(it: &TestServer, raw: &mut Raw, harm: &str) -> BTreeSet<&'static str> {
    assert!(raw.run(harm).await > 0, "{harm}");
    let found = it.faults().await;
    for table in TABLES {
        raw.run(&format!("DELETE FROM {table}")).await;
        raw.run(&format!("INSERT INTO {table} SELECT * FROM saved_{table}")).await;
    }
    found
}

async fn nothing_is_wrong_with_wallets_that_the_program_has_made(it: TestServer) {
    a_mixed_run(&it).await;
    assert_eq!(it.faults().await, BTreeSet::new());
}

async fn each_thing_that_is_spoilt_is_found_and_nothing_else(it: TestServer) {
    const BALANCE: &str = "each balance is the sum of its confirmed transactions";
    const ROW: &str = "each row is found by what it says";
    const NAMED: &str = "each address that a wallet names has its row";
    const WALLET: &str = "each wallet is what its last event says";
    const ADDRESS: &str = "each address is what the event that made it says";
    const TRANSACTION: &str = "each transaction is what its last event says";
    const SOURCE: &str = "each source of addresses is what its last event says";
    const MADE: &str = "each wallet, address, transaction and source of addresses that was made has a row";
    const OWNED: &str = "each wallet, address and transaction is a customer's of its domain";
    const INDEX: &str = "each index of a scheme is one customer's, and was reserved";
    const POOL_SIZE: &str = "each pool has as many addresses as it says";
    const OWN_POOL: &str = "each address of a pool is its pool's, and no other is any's";
    const POOLED: &str = "each address from a pool is the one at its place";
    const IN_USE: &str = "each address in use leads to its wallet, and no other leads anywhere";
    const OWNER: &str = "each address in use is its customer's, and no other is anybody's";
    const REFERENCE: &str = "each reference leads to its transaction, and no other leads anywhere";
    const PLACE: &str = "each place on a chain is its transaction's, and no other is any's";

    let run = a_mixed_run(&it).await;
    let mut raw = Raw::open(&it.database).await;
    save(&mut raw).await;
    let (managed, linked) = (id(&raw, run.managed.id.as_uuid()), id(&raw, run.linked.id.as_uuid()));
    let (gone, let_go) = (id(&raw, run.gone.id.as_uuid()), id(&raw, run.let_go.id.as_uuid()));
    let (ada, bob) = (run.managed.customer_id, run.bob.id);
    let (first, third) = (run.managed.addresses[0].id.as_uuid(), run.managed.addresses[2].id.as_uuid());
    let (first, third) = (id(&raw, first), id(&raw, third));
    let pending = "body LIKE '%\"reference\":\"pending\"%'";
    let table = [
        // Addresses that were made with their wallet, and one that was made later.
        (
            format!("UPDATE addresses SET body = replace(body, '{ada}', '{bob}') WHERE id = {first}"),
            vec![ADDRESS, NAMED],
        ),
        (
            format!("UPDATE addresses SET body = (SELECT body FROM addresses WHERE id = {third}) WHERE id = {first}"),
            vec![ROW, NAMED, IN_USE, OWNER],
        ),
        (
            format!("UPDATE events SET payload = replace(payload, '{ada}', '{bob}') WHERE type = 'address.created'"),
            vec![ADDRESS],
        ),
        (
            // As erasure leaves it.
            "UPDATE events SET payload = NULL WHERE type = 'address.created'".to_owned(),
            vec![],
        ),
        (format!("UPDATE addresses SET sequence = sequence + 1 WHERE id = {first}"), vec![ADDRESS]),
        (format!("DELETE FROM addresses WHERE wallet_id = {linked}"), vec![NAMED, IN_USE, OWNER]),
        (
            format!("UPDATE addresses SET address = 'x' WHERE wallet_id = {linked}"),
            vec![ROW],
        ),
        // Wallets and transactions.
        (
            format!("UPDATE wallets SET body = replace(body, 'ACTIVE', 'FROZEN') WHERE id = {linked}"),
            vec![ROW, WALLET],
        ),
        (format!("UPDATE wallets SET status = 'FROZEN' WHERE id = {linked}"), vec![ROW]),
        (
            format!("UPDATE transactions SET token = 'USDC', address = 'x' WHERE {pending}"),
            vec![ROW],
        ),
        (
            format!("UPDATE transactions SET body = replace(body, '\"decimals\":18', '\"decimals\":8') WHERE {pending}"),
            vec![TRANSACTION],
        ),
        (
            format!("UPDATE transactions SET customer_id = domain_id WHERE {pending}"),
            vec![ROW, OWNED],
        ),
        (format!("DELETE FROM transactions WHERE {pending}"), vec![MADE, REFERENCE]),
        (
            format!("UPDATE transactions SET body = '{{' WHERE {pending}"),
            vec![ROW, TRANSACTION, BALANCE, REFERENCE, PLACE],
        ),
        // Balances.
        (
            format!("INSERT INTO balances SELECT {linked}, network, token, sums FROM balances WHERE wallet_id = {managed}"),
            vec![BALANCE],
        ),
        (
            format!("INSERT INTO balances SELECT {managed}, 'sepolia', 'USDC', sums FROM balances WHERE wallet_id = {managed}"),
            vec![BALANCE],
        ),
        (format!("DELETE FROM balances WHERE wallet_id = {managed}"), vec![BALANCE]),
        (
            "UPDATE balances SET sums = (SELECT b.sums FROM balances AS b WHERE b.network = '') WHERE network <> ''"
                .to_owned(),
            vec![BALANCE],
        ),
        // Where addresses come from.
        (
            "UPDATE counters SET value = 1 WHERE name = 'index:evm'".to_owned(),
            vec![INDEX],
        ),
        ("DELETE FROM address_pool WHERE position = 2".to_owned(), vec![OWN_POOL, POOL_SIZE]),
        ("UPDATE address_pool SET position = 3 WHERE position = 2".to_owned(), vec![POOL_SIZE]),
        (
            "INSERT INTO address_pool SELECT source_id, 3, 'x' FROM address_pool WHERE position = 2".to_owned(),
            vec![OWN_POOL, POOL_SIZE],
        ),
        (
            format!("INSERT INTO address_pool SELECT {managed}, 0, 'x' FROM address_pool WHERE position = 2"),
            vec![POOL_SIZE],
        ),
        ("UPDATE address_pool SET address = 'x' WHERE position = 0".to_owned(), vec![POOLED, OWN_POOL]),
        (
            "UPDATE key_sources SET body = replace(body, '\"pool_size\":3', '\"pool_size\":4')".to_owned(),
            vec![POOL_SIZE, SOURCE],
        ),
        // What is in use when a wallet is removed: an address of our own, and not one that was linked.
        (format!("DELETE FROM unique_keys WHERE kind = 'address' AND owner = {gone}"), vec![IN_USE]),
        (
            format!(
                "INSERT INTO unique_keys (scope, kind, key, owner)
                 SELECT k.scope, k.kind, 'SANDBOX/sepolia/8617e340b3d01fa5f11f306f4090fd50e238070d', {let_go}
                 FROM unique_keys AS k WHERE k.kind = 'address' AND k.owner = {linked}"
            ),
            vec![IN_USE],
        ),
        (
            "INSERT INTO unique_keys (scope, kind, key, owner)
             SELECT k.scope, k.kind, 'SANDBOX/EVM/8617e340b3d01fa5f11f306f4090fd50e238070d', k.owner
             FROM unique_keys AS k WHERE k.kind = 'address_owner' AND k.key LIKE 'SANDBOX/BITCOIN/%'"
                .to_owned(),
            vec![OWNER],
        ),
    ];
    let mut wrong = Vec::new();
    for (harm, told) in table {
        let found = spoilt(&it, &mut raw, &harm).await;
        if found != told.into_iter().collect() {
            wrong.push((harm, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(it.faults().await, BTreeSet::new());
}

async fn each_name_that_is_missing_or_too_many_is_found(it: TestServer) {
    a_mixed_run(&it).await;
    let mut raw = Raw::open(&it.database).await;
    save(&mut raw).await;
    let kinds = [
        (KeyKind::Address, "each address in use leads to its wallet, and no other leads anywhere"),
        (KeyKind::AddressOwner, "each address in use is its customer's, and no other is anybody's"),
        (KeyKind::Derivation, "each index that was used is its customer's, and no other is anybody's"),
        (KeyKind::KeySource, "each scheme in use has its source, and no other has one"),
        (KeyKind::ExtendedKey, "each extended key is its source's, and no other is any's"),
        (
            KeyKind::LedgerWallet,
            "each currency of a customer leads to the wallet that is in it, and no other leads anywhere",
        ),
        (KeyKind::Reference, "each reference leads to its transaction, and no other leads anywhere"),
        (KeyKind::Transaction, "each place on a chain is its transaction's, and no other is any's"),
    ];
    for (kind, told) in kinds {
        // Not the source of the pool: what was taken from it is missing its source as well.
        let one = format!(
            "kind = '{kind}' AND key = (SELECT min(k.key) FROM unique_keys AS k WHERE k.kind = '{kind}'
                                        AND k.key <> 'solana')"
        );
        let harms = [
            format!("DELETE FROM unique_keys WHERE {one}"),
            format!(
                "INSERT INTO unique_keys SELECT scope, kind, key || 'x', owner, held_until_us FROM unique_keys
                 WHERE {one}"
            ),
            // One is missing and one too many.
            format!("UPDATE unique_keys SET key = key || 'x' WHERE {one}"),
            format!("UPDATE unique_keys SET owner = scope WHERE {one}"),
            format!("UPDATE unique_keys SET held_until_us = 1 WHERE {one}"),
        ];
        for harm in harms {
            assert_eq!(spoilt(&it, &mut raw, &harm).await, BTreeSet::from([told]), "{harm}");
        }
    }
}

async fn balances_are_added_up_over_many_pages(it: TestServer) {
    let acme = it.tenant("acme").await.domain;
    let ada = it.customer(&acme, "Ada").await;
    // One wallet goes over the end of a page, one ends with it, one begins the next; and then come two without any.
    let mut wallets = Vec::new();
    for deposits in [1_300, 700, 30, 0, 0] {
        let wallet = it.wallet(&it.customer(&acme, "Bob").await, &[Network::Sepolia]).await;
        let made = (0..deposits).map(|n| {
            let (app, new) = (it.app.clone(), deposit(wallet.id, &format!("{}-{n}", wallet.id)));
            tokio::spawn(async move { app.record_transaction(&operator(), new, None).await.map(drop) })
        });
        for made in made.collect::<Vec<_>>() {
            made.await.unwrap().unwrap();
        }
        wallets.push(wallet);
    }
    it.linked(&ada, Network::Sepolia, "0x52908400098527886E0F7030069857D2E4169EE7").await;
    assert_eq!(it.faults().await, BTreeSet::new());
    let mut raw = Raw::open(&it.database).await;
    for wallet in &wallets {
        let wallet = id(&raw, wallet.id.as_uuid());
        // Two on their own wallets, or a balance where there are no transactions.
        raw.run(&format!("UPDATE balances SET token = 'USDC' WHERE wallet_id = {wallet}")).await;
    }
    let other = id(&raw, wallets[4].id.as_uuid());
    raw.run(&format!("INSERT INTO balances SELECT {other}, network, 'ETH', sums FROM balances LIMIT 1"))
        .await;
    let wrong = it.app.store().check().await.unwrap();
    let wrong: Vec<_> = wrong.into_iter().filter(|it| it.1 != 0).collect();
    assert_eq!(wrong, [("each balance is the sum of its confirmed transactions", 7)]);
}

async fn nothing_is_wrong_while_a_server_writes(it: TestServer) {
    const WRITERS: usize = 4;
    let acme = it.tenant("acme").await.domain;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let wallet = it.wallet(&it.customer(&acme, "Ada").await, &[Network::Sepolia]).await;
        let (app, domain) = (it.app.clone(), acme.id);
        writers.push(tokio::spawn(async move {
            let me = operator();
            for n in 0.. {
                let new = deposit(wallet.id, &format!("{writer}-{n}"));
                let made = app.record_transaction(&me, new, None).await.unwrap().value;
                let new = NewCustomer { profile: profile(json!({})), status: None };
                let bob = app.create_customer(&me, Some(domain), new, None).await.unwrap().value.customer;
                let networks = vec![Network::Sepolia, Network::SolanaDevnet];
                app.create_wallet(&me, bob.id, networks, None).await.unwrap();
                let address = parse_address(Network::Sepolia, &format!("0x{writer:020}{n:020}")).unwrap();
                let linked =
                    app.link_wallet(&me, bob.id, Network::Sepolia, address, None).await.unwrap().value;
                app.record_transaction(&me, deposit(linked.id, &format!("{writer}-{n}-l")), None)
                    .await
                    .unwrap();
                app.create_address(&me, wallet.id, Network::Sepolia, None).await.unwrap();
                let target = WalletTarget { id: linked.id, etag: None };
                if n % 2 == 0 {
                    app.remove_wallet(&me, target, line("why"), None).await.unwrap();
                } else {
                    let failed = TransactionStatus::Failed;
                    app.update_transaction_status(&me, made.id, failed, 1, None).await.unwrap();
                    app.set_wallet_status(&me, target, WalletStatus::Frozen, line("why"), None)
                        .await
                        .unwrap();
                }
            }
        }));
    }
    // As the command does it: from another process's point of view.
    let doctor = Store::open(&it.database.url).unwrap();
    for round in 0..20 {
        assert_eq!(faults(&doctor).await, BTreeSet::new(), "round {round}");
    }
    for writer in &writers {
        assert!(!writer.is_finished(), "the server wrote to the end");
        writer.abort();
    }
}
