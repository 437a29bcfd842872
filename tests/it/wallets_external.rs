//! Somebody's own addresses: linked in any spelling, one customer's at a time, and free again once removed.

use prost_types::Timestamp;
use purser::api::{self, AuthorizationType, WalletKind};
use purser::domain::{Environment, Scopes};
use serde_json::json;
use tonic::Code;

use crate::harness::on_each_database;
use crate::wallets_wire::{Purse, new_customer, problems};
use crate::wire::{Answer, is, refusal, told};

on_each_database!(Purse:
    an_address_is_shown_in_its_display_form_whatever_was_sent,
    what_is_no_address_is_told_exactly_why,
    an_address_is_one_customer_s_in_every_spelling_and_on_every_network_of_its_family,
    a_customer_may_have_an_address_once_per_network,
    who_has_an_address_is_told_as_far_as_the_key_covers_it,
    other_organizations_and_environments_are_not_consulted,
    a_removed_external_address_is_free_once_no_other_wallet_has_it,
    a_chain_id_names_its_network,
    an_authorization_is_kept_as_it_was_recorded,
);

const ADA: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const BOB: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
const TRON: &str = "TY72iA3SBtrds3QLYsS7LwYfkzXwAXCRWT";
const SOLANA: &str = "14CCvQzQzHCVgZM3j9soPnXuJXh1RmCfwLVUcdfbZVBS";
const BITCOIN: &str = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu";
const TESTNET: &str = "tb1q6rz28mcfaxtmd6v789l9rrlrusdprr9pqcpvkl";

fn taken<T: std::fmt::Debug>(answer: Answer<T>) {
    assert_eq!(refusal(answer), is(Code::AlreadyExists, "ADDRESS_TAKEN"));
}

async fn an_address_is_shown_in_its_display_form_whatever_was_sent(mut it: Purse) {
    for (network, caip2, spellings, shown) in [
        (
            "ethereum",
            "eip155:1",
            vec![ADA.to_owned(), ADA.to_lowercase(), ADA.to_uppercase().replace("0X", "0x")],
            ADA,
        ),
        ("tron", "tron:728126428", vec![TRON.to_owned()], TRON),
        ("solana", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", vec![SOLANA.to_owned()], SOLANA),
        (
            "bitcoin",
            "bip122:000000000019d6689c085ae165831e93",
            vec![BITCOIN.to_owned(), BITCOIN.to_uppercase()],
            BITCOIN,
        ),
    ] {
        for spelling in spellings {
            let customer = it.customer().await;
            let linked = it.keeper.link(&customer, network, &spelling).await.unwrap();
            assert_eq!(linked.kind(), WalletKind::External);
            let [address] = &linked.addresses[..] else { panic!("{linked:?}") };
            assert_eq!((address.address.as_str(), address.derivation_path.as_str()), (shown, ""));
            assert_eq!(address.caip10, format!("{caip2}:{shown}"));
            assert_eq!(it.keeper.get_at(network, &spelling).await.unwrap(), linked);
            assert_eq!(it.keeper.lookup(&spelling).await.unwrap().wallet, Some(linked.clone()));
            it.keeper.remove(&linked.id).await.unwrap();
        }
    }
}

async fn what_is_no_address_is_told_exactly_why(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum", "bitcoin", "solana", "tron"]).await.unwrap().id;
    let before = it.picture().await;
    let swapped_case = format!("{}D", &ADA[..ADA.len() - 1]);
    let mistyped = |it: &str| format!("{}{}", &it[..it.len() - 1], if it.ends_with('u') { "y" } else { "u" });
    let (bad_bitcoin, bad_tron) = (mistyped(BITCOIN), mistyped(TRON));
    for (network, text, why) in [
        ("ethereum", swapped_case.as_str(), "checksum"),
        ("ethereum", &ADA[2..], "0x"),
        ("ethereum", &ADA[..41], "40"),
        ("ethereum", &ADA.replace('A', "G"), "hexadecimal"),
        ("ethereum", &format!(" {ADA}"), "blanks"),
        ("ethereum", TRON, "tron"),
        ("bitcoin", &bad_bitcoin, "checksum"),
        ("bitcoin", TESTNET, "testnet"),
        ("bitcoin-testnet", BITCOIN, "main"),
        ("bitcoin", &format!("{}YU", &BITCOIN[..BITCOIN.len() - 2]), "case"),
        ("bitcoin", ADA, "evm"),
        ("tron", &bad_tron, "checksum"),
        ("tron", &TRON.to_lowercase(), ""),
        ("tron", ADA, "evm"),
        ("solana", &SOLANA[1..], "length"),
        ("solana", &SOLANA.replace('1', "0"), "base58"),
        ("solana", ADA, "evm"),
    ] {
        let linked = it.keeper.link(&customer, network, text).await.map(drop);
        let validate = api::ValidateAddressRequest { network: network.to_owned(), address: text.to_owned() };
        let validated = it.keeper.wallets.validate_address(validate).await.map(drop);
        for refused in [linked, validated] {
            let status = refused.unwrap_err();
            let [(field, problem)] = &problems(&status)[..] else { panic!("{status:?}") };
            assert_eq!(field, "address");
            assert!(problem.to_lowercase().contains(why), "{network} {text}: {problem}");
            assert!(!problem.contains(text), "what was sent is not repeated: {problem}");
            assert_eq!(refusal::<()>(Err(status)), is(Code::InvalidArgument, "INVALID_ADDRESS"), "{text}");
        }
        let looked = it.keeper.get_at(network, text).await;
        assert_eq!(refusal(looked), is(Code::InvalidArgument, "INVALID_ADDRESS"), "{network} {text}");
    }
    // In a transaction every bad one is named.
    let transaction = json!({"wallet_id": wallet, "network": "ethereum", "type": 1, "token": "ETH", "amount": "1",
                             "address": TRON, "from_address": swapped_case, "to_address": "x"});
    let told = it.told("RecordTransaction", &json!({"transaction": transaction})).await;
    assert_eq!(told.outcome(), "INVALID_ARGUMENT INVALID_ADDRESS");
    let fields = crate::wallets_wire::faults(&told).join(" ");
    assert_eq!(fields, "transaction.address transaction.from_address transaction.to_address");
    let looked = it.keeper.lookup("no address of any").await;
    assert_eq!(refusal(looked), is(Code::InvalidArgument, "INVALID_ADDRESS"));
    assert_eq!(it.picture().await, before);
}

async fn an_address_is_one_customer_s_in_every_spelling_and_on_every_network_of_its_family(mut it: Purse) {
    let (ada, bob) = (it.customer().await, it.customer().await);
    it.keeper.link(&ada, "ethereum", ADA).await.unwrap();
    it.keeper.link(&ada, "bitcoin", BITCOIN).await.unwrap();
    it.keeper.link(&ada, "solana", SOLANA).await.unwrap();
    let managed = it.keeper.create(&ada, &["ethereum", "tron"]).await.unwrap();
    let later = it.keeper.next_address(&managed.id, "solana").await.unwrap().address;
    let before = it.picture().await;
    let (of_evm, of_tron) = (managed.addresses[0].address.clone(), managed.addresses[1].address.clone());
    for (network, spelling) in [
        ("ethereum", ADA.to_owned()),
        ("ethereum", ADA.to_lowercase()),
        ("polygon", ADA.to_owned()),
        ("sepolia", ADA.to_uppercase().replace("0X", "0x")),
        ("bitcoin", BITCOIN.to_uppercase()),
        ("solana-devnet", SOLANA.to_owned()),
        ("base", of_evm),
        ("tron", of_tron),
        ("solana", later),
    ] {
        taken(it.keeper.link(&bob, network, &spelling).await);
    }
    assert_eq!(it.picture().await, before);
    assert_eq!(it.keeper.wallets_of(&bob).await, []);
}

async fn a_customer_may_have_an_address_once_per_network(mut it: Purse) {
    let ada = it.customer().await;
    let first = it.keeper.link(&ada, "ethereum", ADA).await.unwrap();
    taken(it.keeper.link(&ada, "ethereum", ADA).await);
    taken(it.keeper.link(&ada, "ethereum", &ADA.to_lowercase()).await);
    let second = it.keeper.link(&ada, "polygon", ADA).await.unwrap();
    assert_eq!(it.keeper.get_at("polygon", ADA).await.unwrap(), second);
    // Without a network it is the oldest.
    assert_eq!(it.keeper.lookup(ADA).await.unwrap().wallet, Some(first));
}

async fn who_has_an_address_is_told_as_far_as_the_key_covers_it(mut it: Purse) {
    let (ada, bob) = (it.customer().await, it.customer().await);
    let own = it.keeper.link(&ada, "ethereum", ADA).await.unwrap();
    let organization = it.acme.tenant.organization.clone();
    let sister = it.acme.domain_of(&organization, "sister", Environment::Sandbox).await;
    it.acme.set(&sister, json!({"allow_mainnet_in_sandbox": true})).await;
    let key = it.acme.server.domain_key(&sister, Scopes::all()).await;
    let (mut client, mut keeper) = (it.acme.client_of(&key).await, it.keeper_of(&key).await);
    let eve = new_customer(&mut client).await;
    let theirs = keeper.link(&eve, "ethereum", BOB).await.unwrap();
    for (network, customer) in [("ethereum", &ada), ("ethereum", &bob), ("base", &bob)] {
        let status = it.keeper.link(customer, network, ADA).await.unwrap_err();
        assert_eq!(told(&status, "wallet_id"), own.id, "{network}");
        taken::<()>(Err(status));
    }
    // The sister's is taken as well, by nobody that may be named; and looks like nobody's.
    let status = it.keeper.link(&ada, "ethereum", BOB).await.unwrap_err();
    assert_eq!(told(&status, "wallet_id"), "");
    taken::<()>(Err(status));
    assert_eq!(refusal(it.keeper.lookup(BOB).await), is(Code::NotFound, "ADDRESS_NOT_FOUND"));
    assert_eq!(refusal(it.keeper.get(&theirs.id).await), is(Code::NotFound, "WALLET_NOT_FOUND"));
    // The organization's key is told who.
    let key = it.acme.server.organization_key(&organization, Environment::Sandbox, Scopes::all()).await;
    let mut keeper = it.keeper_of(&key).await;
    let status = keeper.link(&ada, "ethereum", BOB).await.unwrap_err();
    assert_eq!(told(&status, "wallet_id"), theirs.id);
    let look = |domain: &str| api::LookupAddressRequest {
        address: BOB.to_owned(),
        domain_id: domain.to_owned(),
        ..Default::default()
    };
    let found = keeper.wallets.lookup_address(look(&sister.id.to_string())).await.unwrap().into_inner();
    assert_eq!(found.customer_id, eve);
    let elsewhere = keeper.wallets.lookup_address(look(&it.acme.tenant.domain.id.to_string())).await;
    assert_eq!(refusal(elsewhere), is(Code::NotFound, "ADDRESS_NOT_FOUND"));
    // All domains that the key covers.
    let found = keeper.wallets.lookup_address(look("")).await.unwrap().into_inner();
    assert_eq!(found.customer_id, eve);
    assert_eq!(keeper.get_at("ethereum", BOB).await.unwrap(), theirs);
    let operator = it.acme.server.operator_key(Scopes::all()).await;
    let nowhere = it.keeper_of(&operator).await.get_at("ethereum", BOB).await.unwrap_err();
    assert_eq!(crate::harness::bad_fields(&nowhere), ["domain_id"]);
}

async fn other_organizations_and_environments_are_not_consulted(mut it: Purse) {
    let ada = it.customer().await;
    it.keeper.link(&ada, "ethereum", ADA).await.unwrap();
    let (_, mut client, mut keeper) = it.with("globex", json!({})).await;
    let eve = new_customer(&mut client).await;
    keeper.link(&eve, "ethereum", ADA).await.unwrap();
    assert_eq!(keeper.lookup(ADA).await.unwrap().customer_id, eve);
    assert_eq!(it.keeper.lookup(ADA).await.unwrap().customer_id, ada);
    let organization = it.acme.tenant.organization.clone();
    let alive = it.acme.domain_of(&organization, "alive", Environment::Live).await;
    let key = it.acme.server.domain_key(&alive, Scopes::all()).await;
    let (mut client, mut keeper) = (it.acme.client_of(&key).await, it.keeper_of(&key).await);
    let eve = new_customer(&mut client).await;
    keeper.link(&eve, "ethereum", ADA).await.unwrap();
}

async fn a_removed_external_address_is_free_once_no_other_wallet_has_it(mut it: Purse) {
    let (ada, bob) = (it.customer().await, it.customer().await);
    let ethereum = it.keeper.link(&ada, "ethereum", ADA).await.unwrap();
    let polygon = it.keeper.link(&ada, "polygon", ADA).await.unwrap();
    it.keeper.remove(&ethereum.id).await.unwrap();
    taken(it.keeper.link(&bob, "ethereum", ADA).await);
    let again = it.keeper.link(&ada, "ethereum", ADA).await.unwrap();
    assert_ne!(again.id, ethereum.id);
    it.keeper.remove(&polygon.id).await.unwrap();
    taken(it.keeper.link(&bob, "polygon", ADA).await);
    it.keeper.remove(&again.id).await.unwrap();
    let theirs = it.keeper.link(&bob, "polygon", ADA).await.unwrap();
    assert_eq!(it.keeper.lookup(ADA).await.unwrap().wallet, Some(theirs));
    taken(it.keeper.link(&ada, "ethereum", ADA).await);
}

async fn a_chain_id_names_its_network(mut it: Purse) {
    let customer = it.customer().await;
    for (chain_id, network) in [
        (1, "ethereum"),
        (137, "polygon"),
        (8453, "base"),
        (42161, "arbitrum"),
        (10, "optimism"),
        (56, "bsc"),
        (43114, "avalanche"),
        (11_155_111, "sepolia"),
    ] {
        let chain = Some(api::link_wallet_request::Chain::ChainId(chain_id));
        let (customer_id, address) = (customer.clone(), ADA.to_owned());
        let request = api::LinkWalletRequest { customer_id, chain, address, ..Default::default() };
        let wallet = it.keeper.wallets.link_wallet(request).await.unwrap().into_inner().wallet.unwrap();
        assert_eq!(wallet.addresses[0].network, network);
        assert_eq!(wallet.addresses[0].caip10, format!("eip155:{chain_id}:{ADA}"));
    }
}

async fn an_authorization_is_kept_as_it_was_recorded(mut it: Purse) {
    let customer = it.customer().await;
    let linked = it.keeper.link(&customer, "ethereum", ADA).await.unwrap();
    let solana = it.keeper.link(&customer, "solana", SOLANA).await.unwrap();
    let hash = format!("0x{}", "AB".repeat(32));
    let at = Some(Timestamp { seconds: 1_700_000_000, nanos: 123_456_000 });
    let mut record = async |wallet: &str, authorization: api::Authorization| {
        let (wallet_id, authorization) = (wallet.to_owned(), Some(authorization));
        let request = api::RecordAuthorizationRequest { wallet_id, authorization, ..Default::default() };
        it.keeper.wallets.record_authorization(request).await.map(|it| it.into_inner().wallet.unwrap())
    };
    let native = AuthorizationType::Native.into();
    let told = api::Authorization { r#type: native, tx_hash: hash.clone(), authorize_time: at };
    let noted = record(&linked.id, told.clone()).await.unwrap();
    let kept = api::Authorization { tx_hash: hash.to_lowercase(), ..told.clone() };
    assert_eq!(noted.authorization, Some(kept));
    assert!(noted.etag != linked.etag && noted.sequence == linked.sequence + 2);
    // The same again is no change.
    assert_eq!(record(&linked.id, told).await.unwrap(), noted);
    let permit = api::Authorization { r#type: AuthorizationType::Permit.into(), ..Default::default() };
    let replaced = record(&linked.id, permit.clone()).await.unwrap();
    let now = replaced.authorization.unwrap();
    assert_eq!((now.r#type(), now.tx_hash.as_str()), (AuthorizationType::Permit, ""));
    assert!(now.authorize_time.unwrap().seconds > 1_700_000_000);
    // The hash is one of the wallet's network.
    for (wallet, hash) in [(&linked.id, hash[2..].to_owned()), (&solana.id, hash)] {
        let wrong = api::Authorization { tx_hash: hash, ..permit.clone() };
        let refused = record(wallet, wrong).await.unwrap_err();
        assert_eq!(crate::harness::bad_fields(&refused), ["authorization.tx_hash"]);
    }
}
