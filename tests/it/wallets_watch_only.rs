//! Domains whose keys are elsewhere: addresses from an extended public key, or from a pool that was uploaded.

use purser::api;
use serde_json::{Value, json};

use crate::harness::{Tenant, on_each_database};
use crate::raw::Raw;
use crate::wallets_wire::{Keeper, Purse, failed, faults, new_customer, told};
use crate::wire::{Client, refusal};

on_each_database!(Purse:
    addresses_of_an_extended_key_are_those_of_the_published_vectors,
    a_key_that_is_private_or_for_something_else_is_refused,
    the_same_key_again_is_answered_as_it_is,
    another_key_may_take_its_place_until_the_first_address,
    two_domains_of_an_organization_do_not_share_a_key,
    where_addresses_come_from_is_fixed_by_the_first_one,
    no_secret_is_made_for_a_domain_whose_keys_are_elsewhere,
);

/// Of `all all … all`, an account of EVM and one of Tron; of `abandon … about`, as BIP-84 has it. Computed by another
/// program.
pub const EVM: &str = "xpub6CNFa58kEQJu2hwMVoofpDEKVVSg6gfwqBqE2zHAianaUnQkrJzJJ42iLDp7Dmg2aP88qCKoFZ4jidk3tECdQuF4567NGHDfe7iBRwHxgke";
const EVM_PRIVATE: &str = "xprv9yNuAZbrQ2kbpDrtPnGfT5HawTcBhDx6TxudEbsZAFFbbz5cJmg3kFiEUvfTuFhwBXLs7HSXNvA4BHvAJe6igec9yTakQKXoSKG3y7dAwLU";
const EVM_TOO_SHALLOW: &str = "xpub6APRH5kELakyDsZMmBU9HEoeRUzM9F8STp6ztXLPUJQLiXGrbsfACbngkw5vySPfa9vFs2p3kMsRPxhyDTLhKYEf5HLVfDcDuTTazgzvArk";
pub const TRON: &str = "xpub6DCWphzD1URX6NLY4bzJQoNz3Ja14ueGphAz3c7XdzyfR3hbsv4XybKuXVPSGFiASvcugTyiJrQyw5u33izp6rB1W9fgZM4ugKQJQBcEFo8";
const BITCOIN: &str = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs";
const BITCOIN_AS_XPUB: &str = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V";
const BITCOIN_PRIVATE: &str = "zprvAdG4iTXWBoARxkkzNpNh8r6Qag3irQB8PzEMkAFeTRXxHpbF9z4QgEvBRmfvqWvGp42t42nvgGpNgYSJA9iefm1yYNZKEm7z6qUWCroSQnE";
const TESTNET: &str = "vpub5Y6cjg78GGuNLsaPhmYsiw4gYX3HoQiRBiSwDaBXKUafCt9bNwWQiitDk5VZ5BVxYnQdwoTyXSs2JHRPAgjAvtbBrf8ZhDYe2jWAqvZVnsc";
const TESTNET_AS_TPUB: &str = "tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M";
pub const POOL: [&str; 3] = [
    "zZqNUDNijfbMXFy2wVCdJSm9MeMfxBMdxBqseSuiSW6",
    "4UR47Kp4FxGJiJZZGSPAzXqRgMmZ27oVfGhHoLmcHakE",
    "14CCvQzQzHCVgZM3j9soPnXuJXh1RmCfwLVUcdfbZVBS",
];

/// A tenant of its own, and a customer of theirs.
pub async fn watching(it: &Purse, name: &str) -> (Tenant, Client, Keeper, String) {
    let (tenant, mut client, keeper) = it.with(name, json!({})).await;
    let customer = new_customer(&mut client).await;
    (tenant, client, keeper, customer)
}

fn key(scheme: &str, extended_key: &str) -> Value {
    json!({"scheme": scheme, "extended_key": extended_key})
}

pub async fn register(keeper: &Keeper, scheme: &str, extended_key: &str) -> Result<api::ExtendedKey, String> {
    let told = told(keeper, "RegisterExtendedKey", &key(scheme, extended_key)).await;
    let answer: api::RegisterExtendedKeyResponse = prost::Message::decode(told.body.as_slice()).unwrap();
    answer.extended_key.ok_or(told.outcome())
}

pub async fn upload(keeper: &Keeper, addresses: &[&str]) -> Result<[i64; 3], String> {
    let request = json!({"scheme": "solana", "addresses": addresses});
    let told = told(keeper, "UploadAddressPool", &request).await;
    let answer: api::UploadAddressPoolResponse = prost::Message::decode(told.body.as_slice()).unwrap();
    let pool = answer.address_pool.ok_or(told.outcome())?;
    Ok([pool.total_count, pool.available_count, answer.added_count.into()])
}

async fn addresses_of_an_extended_key_are_those_of_the_published_vectors(it: Purse) {
    for (name, scheme, text, fingerprint, network, expected) in [
        ("e", "evm", EVM, "069b8dd0", "ethereum", &["0x73d0385F4d8E00C5e6504C6030F47BF6212736A8"][..]),
        (
            "t",
            "tron",
            TRON,
            "6d71b08a",
            "tron",
            &[
                "TY72iA3SBtrds3QLYsS7LwYfkzXwAXCRWT",
                "TFz2CJn9CJb8C4i1Gke3jmZX2fRMJxniH2",
                "TQSw9qVAigRwfgPdf7aW4wxbG9tFitexg2",
            ],
        ),
        (
            "b",
            "bitcoin",
            BITCOIN,
            "fd13aac9",
            "bitcoin",
            &["bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"],
        ),
        (
            "n",
            "bitcoin-testnet",
            TESTNET,
            "e99b8628",
            "bitcoin-testnet",
            &["tb1q6rz28mcfaxtmd6v789l9rrlrusdprr9pqcpvkl"],
        ),
    ] {
        let (tenant, _, mut keeper, customer) = watching(&it, name).await;
        let registered = register(&keeper, scheme, text).await.unwrap();
        assert_eq!(
            (registered.first_address.as_str(), registered.fingerprint.as_str()),
            (expected[0], fingerprint)
        );
        assert_eq!(
            (registered.domain_id, registered.scheme),
            (tenant.domain.id.to_string(), scheme.to_owned())
        );
        let wallet = keeper.create(&customer, &[network]).await.unwrap();
        let mut addresses = vec![wallet.addresses[0].clone()];
        for _ in 1..expected.len() {
            addresses.push(keeper.next_address(&wallet.id, network).await.unwrap());
        }
        let found: Vec<_> = addresses.iter().map(|it| it.address.as_str()).collect();
        assert_eq!(found, expected);
        for (index, address) in addresses.iter().enumerate() {
            assert_eq!(
                address.derivation_path,
                registered.derivation_path.replace("{index}", &index.to_string())
            );
        }
    }
    let seeds = Raw::open(it.database()).await.number("SELECT count(*) FROM seeds").await;
    assert_eq!(seeds, 0, "no secret was made");
}

async fn a_key_that_is_private_or_for_something_else_is_refused(it: Purse) {
    let (_, _, keeper, _) = watching(&it, "watch").await;
    let before = it.picture().await;
    let mistyped = format!("{}f", &EVM[..EVM.len() - 1]);
    for (scheme, text) in [
        ("evm", EVM_PRIVATE),
        ("tron", EVM_PRIVATE),
        ("bitcoin", BITCOIN_PRIVATE),
        ("bitcoin", EVM_PRIVATE),
        ("evm", EVM_TOO_SHALLOW),
        ("evm", BITCOIN),
        ("evm", TESTNET_AS_TPUB),
        ("bitcoin", TESTNET),
        ("bitcoin-testnet", BITCOIN),
        ("bitcoin-testnet", BITCOIN_AS_XPUB),
        ("evm", &mistyped),
        ("evm", &EVM[1..]),
        ("evm", ""),
    ] {
        let refused = told(&keeper, "RegisterExtendedKey", &key(scheme, text)).await;
        assert_eq!(refused.outcome(), "INVALID_ARGUMENT INVALID_FIELD", "{scheme} {text}");
        assert_eq!(faults(&refused), ["extended_key"], "{scheme} {text}");
        let repeated = [&refused.message, &String::from_utf8_lossy(&refused.details).into_owned()];
        assert!(
            text.is_empty() || repeated.iter().all(|it| !it.contains(&text[4..40.min(text.len())])),
            "{text}"
        );
    }
    for scheme in ["", "solana", "EVM", "doge"] {
        let refused = told(&keeper, "RegisterExtendedKey", &key(scheme, EVM)).await;
        assert_eq!(faults(&refused), ["scheme"], "{scheme}");
    }
    let refused = told(&keeper, "RegisterExtendedKey", &json!({"domain_id": "x", "request_id": "é"})).await;
    assert_eq!(faults(&refused), ["domain_id", "extended_key", "request_id", "scheme"]);
    assert_eq!(it.picture().await, before);
}

async fn the_same_key_again_is_answered_as_it_is(it: Purse) {
    let (_, _, mut keeper, customer) = watching(&it, "watch").await;
    let first = register(&keeper, "bitcoin", BITCOIN).await.unwrap();
    let before = it.picture().await;
    assert_eq!(register(&keeper, "bitcoin", BITCOIN).await.unwrap(), first);
    // As BIP-32 writes it, it is the same key.
    assert_eq!(register(&keeper, "bitcoin", BITCOIN_AS_XPUB).await.unwrap(), first);
    assert_eq!(it.picture().await, before);
    keeper.create(&customer, &["bitcoin"]).await.unwrap();
    assert_eq!(register(&keeper, "bitcoin", BITCOIN).await.unwrap(), first);
    let mut request = key("tron", TRON);
    request["request_id"] = "r1".into();
    let made = told(&keeper, "RegisterExtendedKey", &request).await;
    let again = told(&keeper, "RegisterExtendedKey", &request).await;
    assert_eq!((again.body, again.metadata.contains_key("idempotent-replayed")), (made.body, true));
    request["scheme"] = "evm".into();
    let other = told(&keeper, "RegisterExtendedKey", &request).await;
    assert_eq!(other.outcome(), "INVALID_ARGUMENT REQUEST_ID_REUSED");
}

async fn another_key_may_take_its_place_until_the_first_address(it: Purse) {
    let (_, _, mut keeper, customer) = watching(&it, "watch").await;
    register(&keeper, "evm", TRON).await.unwrap();
    let right = register(&keeper, "evm", EVM).await.unwrap();
    let wallet = keeper.create(&customer, &["ethereum"]).await.unwrap();
    assert_eq!(wallet.addresses[0].address, right.first_address);
    let before = it.picture().await;
    let late = register(&keeper, "evm", TRON).await.unwrap_err();
    assert_eq!(late, "FAILED_PRECONDITION ADDRESS_SOURCE_FIXED");
    assert_eq!(it.picture().await, before);
    // What was put aside is free for others.
    register(&keeper, "tron", TRON).await.unwrap();
}

async fn two_domains_of_an_organization_do_not_share_a_key(it: Purse) {
    use purser::domain::{Environment, Scopes};
    let organization = it.acme.tenant.organization.clone();
    let sister = it.acme.domain_of(&organization, "sister", Environment::Sandbox).await;
    let theirs = it.keeper_of(&it.acme.server.domain_key(&sister, Scopes::all()).await).await;
    register(&theirs, "evm", EVM).await.unwrap();
    let before = it.picture().await;
    let refused = it.told("RegisterExtendedKey", &key("evm", EVM)).await;
    assert_eq!(refused.outcome(), "ALREADY_EXISTS EXTENDED_KEY_TAKEN");
    assert_eq!(refused.metadata_of_reason().get("domain_id"), None);
    assert_eq!(it.picture().await, before);
    let all = it.acme.server.organization_key(&organization, Environment::Sandbox, Scopes::all()).await;
    let all = it.keeper_of(&all).await;
    let mut request = key("evm", EVM);
    request["domain_id"] = it.acme.tenant.domain.id.to_string().into();
    let refused = told(&all, "RegisterExtendedKey", &request).await;
    assert_eq!(refused.outcome(), "ALREADY_EXISTS EXTENDED_KEY_TAKEN");
    assert_eq!(refused.metadata_of_reason().get("domain_id"), Some(&sister.id.to_string()));
    // Another organization may watch the same account.
    let (_, _, globex, _) = watching(&it, "globex").await;
    register(&globex, "evm", EVM).await.unwrap();
}

async fn where_addresses_come_from_is_fixed_by_the_first_one(it: Purse) {
    let (_, _, mut keeper, customer) = watching(&it, "own").await;
    keeper.create(&customer, &["ethereum", "solana"]).await.unwrap();
    let before = it.picture().await;
    let fixed = "FAILED_PRECONDITION ADDRESS_SOURCE_FIXED";
    assert_eq!(register(&keeper, "evm", EVM).await.unwrap_err(), fixed);
    assert_eq!(upload(&keeper, &POOL).await.unwrap_err(), fixed);
    assert_eq!(it.picture().await, before);
}

async fn no_secret_is_made_for_a_domain_whose_keys_are_elsewhere(it: Purse) {
    let (_, _, mut keeper, customer) = watching(&it, "watch").await;
    register(&keeper, "evm", EVM).await.unwrap();
    let before = it.picture().await;
    let refused = keeper.create(&customer, &["ethereum", "bitcoin"]).await;
    assert_eq!(refusal(refused), failed("NO_EXTENDED_KEY"));
    let refused = refusal(keeper.create(&customer, &["solana"]).await);
    assert!(["NO_EXTENDED_KEY", "ADDRESS_POOL_EMPTY"].contains(&refused.1.as_str()), "{refused:?}");
    assert_eq!(it.picture().await, before);
    assert_eq!(Raw::open(it.database()).await.number("SELECT count(*) FROM seeds").await, 0);
    // What was refused took no index.
    let wallet = keeper.create(&customer, &["ethereum"]).await.unwrap();
    assert_eq!(wallet.addresses[0].derivation_path, "m/44'/60'/0'/0/0");
}
