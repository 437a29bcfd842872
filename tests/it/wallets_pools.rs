//! Pools of addresses that were uploaded: each is given out once, in its order, and nothing is made when there is none.

use purser::app::App;
use serde_json::json;
use tonic::Code;

use crate::harness::{TestServer, chains, connect, on_each_database, reason};
use crate::raw::Raw;
use crate::wallets_watch_only::{EVM, POOL, register, upload, watching};
use crate::wallets_wire::{Keeper, Purse, auto, failed, faults, new_customer};
use crate::wire::{is, refusal};

on_each_database!(Purse:
    each_address_of_a_pool_is_given_out_once_in_its_order,
    a_creation_fails_whole_when_the_pool_is_dry,
    an_address_that_is_somebody_s_is_taken_into_no_pool,
    instances_share_a_pool_and_a_restart_loses_none_of_it,
);

async fn each_address_of_a_pool_is_given_out_once_in_its_order(it: Purse) {
    let (_, _, mut keeper, customer) = watching(&it, "watch").await;
    assert_eq!(upload(&keeper, &POOL[..2]).await.unwrap(), [2, 2, 2]);
    // What is there already stays as it is.
    assert_eq!(upload(&keeper, &POOL).await.unwrap(), [3, 3, 1]);
    let wallet = keeper.create(&customer, &["solana"]).await.unwrap();
    let mut given = vec![wallet.addresses[0].clone()];
    for _ in 0..2 {
        given.push(keeper.next_address(&wallet.id, "solana").await.unwrap());
    }
    assert_eq!(given.iter().map(|it| it.address.as_str()).collect::<Vec<_>>(), POOL);
    assert!(given.iter().all(|it| it.derivation_path.is_empty()));
    assert_eq!(upload(&keeper, &POOL).await.unwrap(), [3, 0, 0], "given out is not new");
    let before = it.picture().await;
    for refused in [
        keeper.create(&customer, &["solana"]).await.map(drop),
        keeper.next_address(&wallet.id, "solana").await.map(drop),
    ] {
        assert_eq!(refusal(refused), failed("ADDRESS_POOL_EMPTY"));
    }
    assert_eq!(it.picture().await, before);
    let more = "11111111111111111111111111111112";
    assert_eq!(upload(&keeper, &[more]).await.unwrap(), [4, 1, 1]);
    assert_eq!(keeper.next_address(&wallet.id, "solana").await.unwrap().address, more);
    let seeds = Raw::open(it.database()).await.number("SELECT count(*) FROM seeds").await;
    assert_eq!(seeds, 0, "no secret was made");
}

async fn a_creation_fails_whole_when_the_pool_is_dry(it: Purse) {
    let (_, mut client, mut keeper) = it.with("watch", auto(&["ethereum", "solana"])).await;
    register(&keeper, "evm", EVM).await.unwrap();
    upload(&keeper, &POOL[..1]).await.unwrap();
    let first = new_customer(&mut client).await;
    assert_eq!(keeper.wallets_of(&first).await[0].addresses[1].address, POOL[0]);
    let before = it.picture().await;
    for _ in 0..3 {
        let refused = client.create(crate::wire::whole("ada", "watch")).await;
        assert_eq!(refusal(refused), failed("ADDRESS_POOL_EMPTY"));
    }
    assert_eq!(it.picture().await, before);
    assert_eq!(refusal(client.resolve("ada@watch").await), is(Code::NotFound, "ALIAS_NOT_FOUND"));
    upload(&keeper, &POOL[1..2]).await.unwrap();
    let ada = client.create(crate::wire::whole("ada", "watch")).await.unwrap();
    let wallet = &keeper.wallets_of(&ada.id).await[0];
    // The index of the other scheme was given back each time.
    assert_eq!(wallet.addresses[0].derivation_path, "m/44'/60'/0'/0/1");
    assert_eq!(wallet.addresses[1].address, POOL[1]);
}

async fn an_address_that_is_somebody_s_is_taken_into_no_pool(mut it: Purse) {
    use purser::domain::{Environment, Scopes};
    let linked = it.customer().await;
    it.keeper.link(&linked, "solana", POOL[0]).await.unwrap();
    let organization = it.acme.tenant.organization.clone();
    let sister = it.acme.domain_of(&organization, "sister", Environment::Sandbox).await;
    let theirs = it.keeper_of(&it.acme.server.domain_key(&sister, Scopes::all()).await).await;
    upload(&theirs, &POOL[1..2]).await.unwrap();
    let before = it.picture().await;
    for addresses in [[POOL[2], POOL[0]], [POOL[2], POOL[1]]] {
        let refused = upload(&it.keeper, &addresses).await.unwrap_err();
        assert_eq!(refused, "ALREADY_EXISTS ADDRESS_TAKEN");
    }
    for (addresses, outcome, fields) in [
        (vec![POOL[2], POOL[2]], "INVALID_FIELD", &["addresses"][..]),
        (vec![], "INVALID_FIELD", &["addresses"]),
        (vec![POOL[2]; 1_001], "INVALID_FIELD", &["addresses"]),
        (vec![POOL[2], "x", "0x1"], "INVALID_ADDRESS", &["addresses[1]", "addresses[2]"]),
    ] {
        let request = json!({"scheme": "solana", "addresses": addresses});
        let refused = it.told("UploadAddressPool", &request).await;
        assert_eq!(refused.outcome(), format!("INVALID_ARGUMENT {outcome}"));
        assert_eq!(faults(&refused), fields);
    }
    let refused = it.told("UploadAddressPool", &json!({"scheme": "evm", "addresses": [POOL[2]]})).await;
    assert_eq!(faults(&refused), ["scheme"]);
    assert_eq!(it.picture().await, before);
    // Nor can one that waits in a pool be linked: it would be two customers'.
    upload(&it.keeper, &POOL[2..]).await.unwrap();
    let customer = it.customer().await;
    let _ = it.keeper.link(&linked, "solana", POOL[2]).await;
    let given = it.keeper.create(&customer, &["solana"]).await;
    let reason = given.map_or_else(|it| reason(&it), |_| "OK".to_owned());
    assert!(["OK", "ADDRESS_POOL_EMPTY"].contains(&reason.as_str()), "{reason}: the pool is stuck");
}

async fn instances_share_a_pool_and_a_restart_loses_none_of_it(it: Purse) {
    let (tenant, _, keeper, customer) = watching(&it, "watch").await;
    upload(&keeper, &POOL).await.unwrap();
    for (n, expected) in POOL.iter().enumerate() {
        // An instance that has handed out nothing yet: another one, or the same after a restart.
        let app = App::start(it.acme.server.app.store().clone(), chains());
        app.open();
        let mut keeper = Keeper::of(connect(TestServer::listen(&app).await).await, &tenant.key);
        let wallet = keeper.create(&customer, &["solana"]).await.unwrap();
        assert_eq!(wallet.addresses[0].address, *expected, "{n} were given out by others");
    }
    let mut keeper = keeper;
    let refused = keeper.create(&customer, &["solana"]).await;
    assert_eq!(refusal(refused), failed("ADDRESS_POOL_EMPTY"));
}
