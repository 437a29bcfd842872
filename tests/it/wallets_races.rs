//! Many at once: balances that stay exact, addresses with one owner, and wallets that do not outlive their customer.

use std::collections::BTreeMap;
use std::time::Duration;

use prost_types::FieldMask;
use purser::api::{self, TransactionType, Wallet};
use purser::domain::Scopes;
use tokio::task::JoinSet;
use tonic::Code;

use crate::concurrency::{assert_sound, channels};
use crate::harness::{Admin, on_each_database, reason};
use crate::journal::size;
use crate::wallets_wire::{Keeper, Purse, booked, deposit};
use crate::wire::{Answer, Client, is, refusal};

on_each_database!(Purse:
    deposits_at_once_all_succeed_and_add_up,
    withdrawals_at_once_take_what_is_there_and_no_more,
    an_address_that_many_link_has_one_owner,
    wallets_of_one_customer_made_at_once_all_stand,
    an_address_made_while_its_wallet_is_removed_leads_nowhere,
    an_address_linked_while_its_other_wallet_is_removed_stays_its_customer_s,
    nothing_is_given_to_a_customer_who_is_gone,
    nothing_is_given_that_the_domain_forbids,
);

/// So many clients, each with a connection of its own; on Postgres half of them of a second instance.
async fn keepers(it: &Purse, count: usize) -> Vec<Keeper> {
    let channels = channels(&it.acme.server, count).await;
    channels.into_iter().map(|channel| Keeper::of(channel, &it.acme.tenant.key)).collect()
}

/// What each of some calls at once was told: how often OK, and how often each reason.
async fn outcomes<T: Send + 'static>(
    calls: impl Iterator<Item = impl Future<Output = Answer<T>> + Send + 'static>,
) -> BTreeMap<String, usize> {
    let mut racing = JoinSet::new();
    calls.for_each(|call| drop(racing.spawn(call)));
    let mut told = BTreeMap::new();
    for answer in racing.join_all().await {
        let outcome = answer.map_or_else(|it| reason(&it), |_| "OK".to_owned());
        *told.entry(outcome).or_default() += 1;
    }
    told
}

fn counts(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

/// 64 deposits at once to one wallet all succeed, and the balance is their sum, to the smallest unit.
///
/// Sabotage: in `transaction::record`, let a confirmed one write its wallet.
async fn deposits_at_once_all_succeed_and_add_up(mut it: Purse) {
    let customer = it.customer().await;
    let ledger = it.keeper.ledger(&customer, "USDC").await.unwrap().id;
    let managed = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let keepers = keepers(&it, 64).await;
    for (wallet, network, token) in [(&ledger, "", ""), (&managed, "ethereum", "USDC")] {
        let calls = keepers.clone().into_iter().enumerate().map(|(n, mut keeper)| {
            let amount = format!("1.{:06}", n + 1);
            let asked = crate::wallets_wire::moved(TransactionType::Deposit, wallet, network, token, &amount);
            async move { keeper.record(asked).await }
        });
        assert_eq!(outcomes(calls).await, counts(&[("OK", 64)]));
        // 64 whole ones, and 1 + 2 + … + 64 millionths.
        let sum = [network, "USDC", "64.00208", "64002080"];
        assert_eq!(it.keeper.balances(wallet).await, [sum]);
        assert_eq!(it.keeper.transactions(wallet).await.len(), 64);
    }
    assert_sound(it.acme.server.app.store()).await;
}

/// Of 64 withdrawals at once from a balance that allows ten, ten succeed.
///
/// Sabotage: let `Bench::by_sum` look at what is stored only, and not at what its group has claimed.
async fn withdrawals_at_once_take_what_is_there_and_no_more(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.ledger(&customer, "EUR").await.unwrap().id;
    it.keeper.record(booked(TransactionType::Credit, &wallet, "10.99")).await.unwrap();
    let withdraw = booked(TransactionType::Withdrawal, &wallet, "1");
    let calls = keepers(&it, 64).await.into_iter().map(|mut keeper| {
        let asked = withdraw.clone();
        async move { keeper.record(asked).await }
    });
    assert_eq!(outcomes(calls).await, counts(&[("OK", 10), ("INSUFFICIENT_BALANCE", 54)]));
    assert_eq!(it.keeper.balances(&wallet).await, [["", "EUR", "0.99", "99"]]);
    assert_eq!(it.keeper.transactions(&wallet).await.len(), 11);
    assert_sound(it.acme.server.app.store()).await;
}

/// Of 64 that link one address at once, in many spellings and on many networks, for two customers, one customer has it.
///
/// Sabotage: let `Bench::by_key` find nothing, and drop the primary key of `unique_keys`.
async fn an_address_that_many_link_has_one_owner(mut it: Purse) {
    const ADDRESS: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    let customers = [it.customer().await, it.customer().await];
    let keepers = keepers(&it, 64).await;
    let calls = keepers.clone().into_iter().enumerate().map(|(n, mut keeper)| {
        let customer = customers[n % 2].clone();
        let address = if n % 4 < 2 { ADDRESS.to_owned() } else { ADDRESS.to_lowercase() };
        async move { keeper.link(&customer, "ethereum", &address).await }
    });
    assert_eq!(outcomes(calls).await, counts(&[("OK", 1), ("ADDRESS_TAKEN", 63)]));
    let owner = it.keeper.lookup(ADDRESS).await.unwrap().customer_id;
    // On other networks the owner may have it once each, and nobody else at all.
    let networks = ["polygon", "base", "arbitrum", "optimism"];
    let calls = keepers.into_iter().enumerate().map(|(n, mut keeper)| {
        let (customer, network) = (customers[n % 2].clone(), networks[n / 2 % 4]);
        async move { keeper.link(&customer, network, ADDRESS).await }
    });
    assert_eq!(outcomes(calls).await, counts(&[("OK", 4), ("ADDRESS_TAKEN", 60)]));
    assert_eq!(it.keeper.wallets_of(&owner).await.len(), 5);
    assert_sound(it.acme.server.app.store()).await;
}

/// A second wallet wants the customer's address of the same family, and so does a third.
async fn wallets_of_one_customer_made_at_once_all_stand(mut it: Purse) {
    let customer = it.customer().await;
    it.keeper.create(&customer, &["ethereum"]).await.unwrap();
    for network in ["polygon", "base"] {
        let calls = keepers(&it, 16).await.into_iter().map(|mut keeper| {
            let customer = customer.clone();
            async move { keeper.create(&customer, &[network]).await }
        });
        assert_eq!(outcomes(calls).await, counts(&[("OK", 16)]), "{network}");
    }
    assert_eq!(it.keeper.wallets_of(&customer).await.len(), 33);
    assert_sound(it.acme.server.app.store()).await;
}

/// CON-6 for addresses: 24 rounds, or one for every 21 of `PURSER_PROOF_CON_6`.
///
/// Sabotage: as it was: let `wallet::add_address` only read its wallet.
async fn an_address_made_while_its_wallet_is_removed_leads_nowhere(mut it: Purse) {
    let rounds = size("PURSER_PROOF_CON_6", 500).div_ceil(21);
    let customer = it.customer().await;
    let keepers = keepers(&it, 4).await;
    let mut both = 0;
    for _ in 0..rounds {
        let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
        let mut racing = JoinSet::new();
        for (n, mut keeper) in keepers.clone().into_iter().enumerate() {
            let wallet = wallet.clone();
            racing.spawn(async move {
                match n {
                    0 => keeper.remove(&wallet).await.map(drop),
                    _ => keeper.next_address(&wallet, "ethereum").await.map(drop),
                }
            });
        }
        let failed = racing.join_all().await.into_iter().filter_map(Result::err);
        failed.for_each(|it| assert_eq!(reason(&it), "WALLET_REMOVED", "{it:?}"));
        let addresses = it.keeper.addresses(&wallet).await;
        both += usize::from(addresses.len() > 1);
        for address in addresses {
            let found = it.keeper.lookup(&address.address).await;
            assert_eq!(refusal(found), is(Code::NotFound, "ADDRESS_NOT_FOUND"), "its wallet is removed");
        }
    }
    eprintln!("CON-6: {rounds} wallets removed while they grew; {both} grew before");
    assert_sound(it.acme.server.app.store()).await;
}

/// CON-6 for addresses that have an owner: 24 rounds, or one for every 21 of `PURSER_PROOF_CON_6`.
async fn an_address_linked_while_its_other_wallet_is_removed_stays_its_customer_s(mut it: Purse) {
    let rounds = size("PURSER_PROOF_CON_6", 500).div_ceil(21);
    let (ada, bob) = (it.customer().await, it.customer().await);
    let keepers = keepers(&it, 2).await;
    for n in 0..rounds {
        let address = format!("0x{n:040}");
        let first = it.keeper.link(&ada, "ethereum", &address).await.unwrap();
        let (mut one, mut two) = (keepers[0].clone(), keepers[1].clone());
        let (removed, linked) = tokio::join!(one.remove(&first.id), two.link(&ada, "polygon", &address));
        removed.unwrap();
        let second: Wallet = linked.unwrap();
        let stolen = it.keeper.link(&bob, "base", &address).await;
        assert_eq!(refusal(stolen), is(Code::AlreadyExists, "ADDRESS_TAKEN"), "{} has it", second.id);
        assert_eq!(it.keeper.lookup(&address).await.unwrap().customer_id, ada);
    }
    eprintln!("CON-6: {rounds} addresses linked while their other wallet was removed; 0 changed hands");
    assert_sound(it.acme.server.app.store()).await;
}

/// CON-6 for wallets: while a customer is deleted they are given wallets, addresses and transactions, and their wallet
/// is frozen and removed. Read in order, the log gives nothing to a customer after their deletion, and nothing to a
/// wallet after its removal. 63 rounds, or one for every eight of `PURSER_PROOF_CON_6`.
///
/// Sabotage: let `Change::expects` expect nothing.
async fn nothing_is_given_to_a_customer_who_is_gone(mut it: Purse) {
    let rounds = size("PURSER_PROOF_CON_6", 500).div_ceil(8);
    let keepers = keepers(&it, 8).await;
    for _ in 0..rounds {
        let customer = it.customer().await;
        let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
        let mut racing = JoinSet::new();
        for (n, mut keeper) in keepers.clone().into_iter().enumerate() {
            let (customer, wallet): (String, String) = (customer.clone(), wallet.clone());
            let mut client: Client = it.acme.client.clone();
            racing.spawn(async move {
                match n {
                    0 => client.delete(&customer).await.map(drop),
                    1 => keeper.create(&customer, &["solana"]).await.map(drop),
                    2 => keeper.ledger(&customer, "EUR").await.map(drop),
                    3 => keeper.next_address(&wallet, "ethereum").await.map(drop),
                    4 => keeper.record(deposit(&wallet, "ethereum", "ETH", "1")).await.map(drop),
                    5 => keeper.freeze(&wallet).await.map(drop),
                    6 => keeper.remove(&wallet).await.map(drop),
                    _ => {
                        let asked = api::Transaction {
                            r#type: TransactionType::Withdrawal.into(),
                            ..deposit(&wallet, "ethereum", "ETH", "1")
                        };
                        keeper.record(asked).await.map(drop)
                    }
                }
            });
        }
        for refused in racing.join_all().await.into_iter().filter_map(Result::err) {
            let expected = ["CUSTOMER_DELETED", "WALLET_REMOVED", "WALLET_FROZEN"];
            assert!(expected.contains(&reason(&refused).as_str()), "{refused:?}");
        }
    }
    let mut raw = crate::raw::Raw::open(it.database()).await;
    let events: Vec<(i64, String, uuid::Uuid, String)> = raw
        .rows(
            "SELECT sequence, type, customer_id, payload FROM events WHERE customer_id IS NOT NULL
             ORDER BY log_id, sequence",
        )
        .await;
    let (mut gone, mut removed, mut frozen, mut broken) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (sequence, kind, customer, payload) in events {
        let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
        let wallet = if kind.starts_with("wallet.") { &payload["id"] } else { &payload["wallet_id"] }.clone();
        let gives = ["wallet.created", "address.created", "transaction.created"].contains(&kind.as_str());
        if gives && gone.contains(&customer) {
            broken.push(format!("{kind} at {sequence}: the customer was deleted before"));
        }
        if !wallet.is_null() && removed.contains(&wallet) {
            broken.push(format!("{kind} at {sequence}: the wallet was removed before"));
        }
        let takes = kind == "address.created" || payload["type"] == "WITHDRAWAL";
        if takes && frozen.contains(&wallet) {
            broken.push(format!("{kind} at {sequence}: the wallet was frozen before"));
        }
        match kind.as_str() {
            "customer.deleted" => gone.push(customer),
            "wallet.removed" => removed.push(wallet),
            "wallet.updated" if payload["status"] == "FROZEN" => frozen.push(wallet),
            _ => {}
        }
    }
    assert_eq!(broken, [""; 0]);
    assert_eq!(gone.len(), rounds);
    eprintln!("CON-6: {rounds} customers deleted while they were given things; 0 given anything afterwards");
    assert_sound(it.acme.server.app.store()).await;
}

/// CON-6 for a domain's wallets: while customers are given wallets and addresses of a main network, their domain is no
/// longer allowed main networks, or it is suspended. Read in order, the log gives nothing from then on. 63 rounds, or one
/// for every eight of `PURSER_PROOF_CON_6`.
///
/// Sabotage: let `Change::expects` expect nothing.
async fn nothing_is_given_that_the_domain_forbids(mut it: Purse) {
    let rounds = size("PURSER_PROOF_CON_6", 500).div_ceil(8);
    let operator = it.acme.server.operator_key(Scopes::all()).await;
    let admin = it.acme.server.admin(&operator).await;
    let keepers = keepers(&it, 4).await;
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    let domain = Restrained { id: it.acme.tenant.domain.id.into() };
    for round in 0..rounds {
        let suspends = round % 2 == 1;
        let mut racing = JoinSet::new();
        for (n, mut keeper) in keepers.clone().into_iter().enumerate() {
            let (customer, wallet) = (customer.clone(), wallet.clone());
            racing.spawn(async move {
                match n % 2 {
                    0 => keeper.create(&customer, &["ethereum"]).await.map(drop),
                    _ => keeper.next_address(&wallet, "ethereum").await.map(drop),
                }
            });
        }
        // At another moment of theirs each time.
        tokio::time::sleep(Duration::from_micros(rand::random_range(0..8_000))).await;
        domain.forbid(admin.clone(), suspends).await;
        // Of either kind: another instance may hold to the settings of the round before for a moment.
        for refused in racing.join_all().await.into_iter().filter_map(Result::err) {
            let expected = ["DOMAIN_SUSPENDED", "NETWORK_NOT_ALLOWED"];
            assert!(expected.contains(&reason(&refused).as_str()), "{refused:?}");
        }
        domain.allow(admin.clone()).await;
    }
    let mut raw = crate::raw::Raw::open(it.database()).await;
    let events: Vec<(i64, String, String)> =
        raw.rows("SELECT sequence, type, payload FROM events ORDER BY log_id, sequence").await;
    let (mut allowed, mut given, mut broken) = (true, 0, Vec::new());
    for (sequence, kind, payload) in events {
        match kind.as_str() {
            "domain.updated" => {
                let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
                let mainnet = payload["settings"]["allow_mainnet_in_sandbox"] == true;
                allowed = mainnet && payload["status"] == "ACTIVE";
            }
            "wallet.created" | "address.created" if !allowed => broken.push(format!("{kind} at {sequence}")),
            "wallet.created" | "address.created" => given += 1,
            _ => {}
        }
    }
    assert_eq!(broken, [""; 0]);
    eprintln!(
        "CON-6: {rounds} times a domain was forbidden what it gave; {given} given before, 0 afterwards"
    );
    assert_sound(it.acme.server.app.store()).await;
}

/// A domain that is forbidden to make wallets and allowed again.
struct Restrained {
    id: String,
}

impl Restrained {
    async fn forbid(&self, mut admin: Admin, suspends: bool) {
        if suspends {
            let request = api::SuspendDomainRequest { id: self.id.clone(), ..Default::default() };
            admin.suspend_domain(request).await.unwrap();
        } else {
            self.set(admin, false).await;
        }
    }

    async fn allow(&self, mut admin: Admin) {
        let request = api::ReinstateDomainRequest { id: self.id.clone(), ..Default::default() };
        admin.reinstate_domain(request).await.unwrap();
        self.set(admin, true).await;
    }

    async fn set(&self, mut admin: Admin, allow_mainnet_in_sandbox: bool) {
        let request = api::UpdateDomainSettingsRequest {
            id: self.id.clone(),
            settings: Some(api::DomainSettings { allow_mainnet_in_sandbox, ..Default::default() }),
            update_mask: Some(FieldMask { paths: vec!["allow_mainnet_in_sandbox".to_owned()] }),
            ..Default::default()
        };
        admin.update_domain_settings(request).await.unwrap();
    }
}
