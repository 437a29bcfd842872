//! Where addresses come from, over two instances: what one of them has cached must not make an address of it.

use purser::app::App;
use serde_json::json;

use crate::harness::{TestServer, chains, connect, on_each_database};
use crate::wallets_watch_only::{EVM, POOL, TRON, register, upload, watching};
use crate::wallets_wire::{Keeper, Purse, failed, told};
use crate::wire::refusal;

on_each_database!(Purse:
    an_extended_key_that_was_put_aside_gives_no_address,
    a_domain_that_became_watch_only_gives_no_address_of_its_seed,
    a_pool_is_given_out_from_its_beginning_though_indexes_of_a_seed_were_taken,
);

/// The same caller at another instance over the same database.
async fn elsewhere(it: &Purse, key: &str) -> Keeper {
    let app = App::start(it.acme.server.app.store().clone(), chains());
    app.open();
    Keeper::of(connect(TestServer::listen(&app).await).await, key)
}

/// Derives an address on a network, and does not use it: the request's id was used for something else.
async fn derived_in_vain(keeper: &mut Keeper, customer: &str, network: &str) {
    let used = json!({"customer_id": customer, "currency": "EUR", "request_id": "used"});
    assert_eq!(told(keeper, "CreateLedgerWallet", &used).await.outcome(), "OK");
    let request = json!({"customer_id": customer, "networks": [network], "request_id": "used"});
    let refused = told(keeper, "CreateWallet", &request).await;
    assert_eq!(refused.outcome(), "INVALID_ARGUMENT REQUEST_ID_REUSED");
}

/// Sabotage: in `wallet::grant`, do not ask whose the extended key is.
async fn an_extended_key_that_was_put_aside_gives_no_address(it: Purse) {
    let (tenant, _, keeper, customer) = watching(&it, "watch").await;
    register(&keeper, "evm", TRON).await.unwrap();
    let mut other = elsewhere(&it, &tenant.key).await;
    derived_in_vain(&mut other, &customer, "ethereum").await;
    let right = register(&keeper, "evm", EVM).await.unwrap();
    let wallet = other.create(&customer, &["ethereum"]).await.unwrap();
    assert_eq!(wallet.addresses[0].address, right.first_address);
}

/// Sabotage: in `wallet::grant`, do not ask whether the domain is watch-only.
async fn a_domain_that_became_watch_only_gives_no_address_of_its_seed(it: Purse) {
    let (tenant, _, keeper, customer) = watching(&it, "watch").await;
    let mut other = elsewhere(&it, &tenant.key).await;
    derived_in_vain(&mut other, &customer, "tron").await;
    register(&keeper, "evm", EVM).await.unwrap();
    assert_eq!(refusal(other.create(&customer, &["tron"]).await), failed("NO_EXTENDED_KEY"));
    let wallet = other.create(&customer, &["ethereum"]).await.unwrap();
    assert_eq!(wallet.addresses.len(), 1);
}

/// Sabotage: in `store::keys`, count places and indexes by one name.
async fn a_pool_is_given_out_from_its_beginning_though_indexes_of_a_seed_were_taken(it: Purse) {
    let (_, _, mut keeper, customer) = watching(&it, "watch").await;
    derived_in_vain(&mut keeper, &customer, "solana").await;
    assert_eq!(upload(&keeper, &POOL).await.unwrap(), [3, 3, 3]);
    for address in POOL {
        let wallet = keeper.create(&customer, &["solana"]).await.unwrap();
        assert_eq!(wallet.addresses[0].address, address);
    }
    assert_eq!(refusal(keeper.create(&customer, &["solana"]).await), failed("ADDRESS_POOL_EMPTY"));
}
