//! Addresses of managed wallets: the next one, all of them, who has one, and which a standard wallet would not find.

use purser::api::{self, TransactionStatus};
use tonic::Code;

use crate::harness::on_each_database;
use crate::wallets_wire::{Purse, deposit, failed};
use crate::wire::{is, refusal, told};

on_each_database!(Purse:
    each_next_address_is_at_the_next_index_of_its_scheme,
    a_frozen_or_removed_wallet_is_given_no_address,
    addresses_are_listed_newest_first_and_pages_neither_skip_nor_repeat,
    an_address_leads_to_its_customer_by_every_spelling,
    every_network_is_listed_with_what_the_contract_says,
    what_lies_behind_a_gap_would_not_be_found,
);

async fn each_next_address_is_at_the_next_index_of_its_scheme(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum", "solana"]).await.unwrap();
    let mut seen: Vec<_> = wallet.addresses.iter().map(|it| it.address.clone()).collect();
    for (network, path) in [
        ("ethereum", "m/44'/60'/0'/0/1"),
        ("polygon", "m/44'/60'/0'/0/2"),
        ("solana", "m/44'/501'/1'/0'"),
        ("solana-devnet", "m/44'/501'/2'/0'"),
        // The wallet need not have been on the network.
        ("bitcoin", "m/84'/0'/0'/0/0"),
        ("bitcoin-testnet", "m/84'/1'/0'/0/0"),
        ("tron", "m/44'/195'/0'/0/0"),
        ("tron", "m/44'/195'/0'/0/1"),
    ] {
        let next = it.keeper.next_address(&wallet.id, network).await.unwrap();
        assert_eq!((next.derivation_path.as_str(), next.network.as_str()), (path, network));
        assert_eq!(next.wallet_id, wallet.id);
        assert!(!seen.contains(&next.address));
        let found = it.keeper.get_at(network, &next.address).await.unwrap();
        assert_eq!(found, it.keeper.get(&wallet.id).await.unwrap());
        seen.push(next.address);
    }
    assert_eq!(it.keeper.addresses(&wallet.id).await.len(), seen.len());
}

async fn a_frozen_or_removed_wallet_is_given_no_address(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap().id;
    it.keeper.freeze(&wallet).await.unwrap();
    let before = it.picture().await;
    let refused = it.keeper.next_address(&wallet, "ethereum").await.unwrap_err();
    assert_eq!(told(&refused, "wallet_id"), wallet);
    assert_eq!(refusal::<()>(Err(refused)), failed("WALLET_FROZEN"));
    assert_eq!(it.picture().await, before);
    it.keeper.unfreeze(&wallet).await.unwrap();
    // What was refused took no index.
    let next = it.keeper.next_address(&wallet, "ethereum").await.unwrap();
    assert_eq!(next.derivation_path, "m/44'/60'/0'/0/1");
    it.keeper.remove(&wallet).await.unwrap();
    let before = it.picture().await;
    assert_eq!(refusal(it.keeper.next_address(&wallet, "ethereum").await), failed("WALLET_REMOVED"));
    assert_eq!(it.picture().await, before);
}

async fn addresses_are_listed_newest_first_and_pages_neither_skip_nor_repeat(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum", "solana"]).await.unwrap();
    let mut made: Vec<_> = wallet.addresses.clone();
    for network in ["ethereum", "tron", "polygon", "solana", "tron"] {
        made.push(it.keeper.next_address(&wallet.id, network).await.unwrap());
    }
    made.reverse();
    let ask = |networks: &[&str], page_size, page_token: &str| api::ListAddressesRequest {
        wallet_id: wallet.id.clone(),
        networks: networks.iter().map(|it| (*it).to_owned()).collect(),
        page_size,
        page_token: page_token.to_owned(),
    };
    for networks in [&[][..], &["tron"], &["tron", "solana"]] {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = it.keeper.wallets.list_addresses(ask(networks, 2, &token)).await.unwrap().into_inner();
            assert!(page.addresses.len() <= 2);
            seen.extend(page.addresses);
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
            let other = it.keeper.wallets.list_addresses(ask(&["base"], 2, &token)).await;
            assert_eq!(refusal(other), is(Code::InvalidArgument, "BAD_PAGE_TOKEN"));
        }
        let among = |it: &&api::Address| networks.is_empty() || networks.contains(&it.network.as_str());
        let mut expected: Vec<_> = made.iter().filter(among).cloned().collect();
        // Those of one instant are in any order.
        expected.sort_by_key(|it| it.id.clone());
        assert!(
            seen.is_sorted_by_key(|it| std::cmp::Reverse(it.create_time.map(|it| (it.seconds, it.nanos))))
        );
        seen.sort_by_key(|it| it.id.clone());
        assert_eq!(seen, expected);
    }
}

async fn an_address_leads_to_its_customer_by_every_spelling(mut it: Purse) {
    let customer = it.customer().await;
    let networks = ["ethereum", "solana", "bitcoin", "tron"];
    let wallet = it.keeper.create(&customer, &networks).await.unwrap();
    let later = it.keeper.next_address(&wallet.id, "base").await.unwrap();
    let now = it.keeper.get(&wallet.id).await.unwrap();
    for address in wallet.addresses.iter().chain([&later]) {
        let mut spellings = vec![address.address.clone()];
        match address.network.as_str() {
            "ethereum" | "base" => spellings.push(address.address.to_lowercase()),
            "bitcoin" => spellings.push(address.address.to_uppercase()),
            _ => {}
        }
        for spelling in spellings {
            for network in ["", &address.network] {
                let request = api::LookupAddressRequest {
                    address: spelling.clone(),
                    network: network.to_owned(),
                    domain_id: wallet.domain_id.clone(),
                };
                let found = it.keeper.wallets.lookup_address(request).await.unwrap().into_inner();
                assert_eq!((&found.customer_id, &found.domain_id), (&customer, &wallet.domain_id));
                assert_eq!(found.status(), api::CustomerStatus::Enabled);
                assert_eq!(found.wallet.as_ref(), Some(&now));
            }
        }
    }
    // On another network of the family the wallet does not have it.
    let request = api::LookupAddressRequest {
        address: wallet.addresses[0].address.clone(),
        network: "polygon".to_owned(),
        ..Default::default()
    };
    let elsewhere = it.keeper.wallets.lookup_address(request).await;
    assert_eq!(refusal(elsewhere), is(Code::NotFound, "ADDRESS_NOT_FOUND"));
    // Case is folded on no chain but EVM.
    let folded = it.keeper.lookup(&wallet.addresses[1].address.to_lowercase()).await;
    assert_ne!(refusal(folded).0, Code::Ok);
}

async fn every_network_is_listed_with_what_the_contract_says(mut it: Purse) {
    let answer = it.keeper.wallets.list_networks(api::ListNetworksRequest {}).await.unwrap().into_inner();
    let found: Vec<_> = answer
        .networks
        .iter()
        .map(|it| (it.key.as_str(), it.chain_id, it.derivation_path.as_str(), it.slip44, it.is_test))
        .collect();
    const EVM: &str = "m/44'/60'/0'/0/{index}";
    const SOLANA: &str = "m/44'/501'/{index}'/0'";
    let expected = [
        ("ethereum", 1, EVM, 60, false),
        ("polygon", 137, EVM, 60, false),
        ("base", 8453, EVM, 60, false),
        ("arbitrum", 42161, EVM, 60, false),
        ("optimism", 10, EVM, 60, false),
        ("bsc", 56, EVM, 60, false),
        ("avalanche", 43114, EVM, 60, false),
        ("sepolia", 11_155_111, EVM, 60, true),
        ("solana", 0, SOLANA, 501, false),
        ("solana-devnet", 0, SOLANA, 501, true),
        ("bitcoin", 0, "m/84'/0'/0'/0/{index}", 0, false),
        ("bitcoin-testnet", 0, "m/84'/1'/0'/0/{index}", 1, true),
        ("tron", 0, "m/44'/195'/0'/0/{index}", 195, false),
    ];
    assert_eq!(found, expected);
    for network in &answer.networks {
        assert!(network.explorer_url.starts_with("https://"), "{}", network.key);
        assert!(network.explorer_address_url.contains("{address}"), "{}", network.key);
        assert!(network.explorer_transaction_url.contains("{tx_hash}"), "{}", network.key);
        let [native, tokens @ ..] = &network.tokens[..] else { panic!("{} has a coin", network.key) };
        assert_eq!(native.contract, "");
        for token in tokens {
            assert!(["USDC", "USDT"].contains(&token.symbol.as_str()));
            // Each contract is an address of its own network, in display form.
            let (network, address) = (network.key.clone(), token.contract.clone());
            let request = api::ValidateAddressRequest { network, address };
            let valid = it.keeper.wallets.validate_address(request).await.unwrap().into_inner();
            assert_eq!(valid.address, token.contract);
        }
    }
}

async fn what_lies_behind_a_gap_would_not_be_found(mut it: Purse) {
    let customer = it.customer().await;
    let wallet = it.keeper.create(&customer, &["ethereum"]).await.unwrap();
    let mut all = wallet.addresses.clone();
    for _ in 1..=6 {
        all.push(it.keeper.next_address(&wallet.id, "ethereum").await.unwrap());
    }
    let missed = async |it: &mut Purse, gap_limit: i32| {
        let request = api::CheckRecoverabilityRequest { wallet_id: wallet.id.clone(), gap_limit };
        let answer = it.keeper.wallets.check_recoverability(request).await.unwrap().into_inner();
        let mut at: Vec<_> = answer
            .addresses
            .iter()
            .map(|missed| all.iter().position(|it| it == missed).expect("it is as it was made"))
            .collect();
        at.sort_unstable();
        at
    };
    let none: [usize; 0] = [];
    assert_eq!(missed(&mut it, 0).await, none, "the standard gap limit is 20");
    assert_eq!(missed(&mut it, 3).await, [3, 4, 5, 6]);
    let pay = |at: usize| api::Transaction {
        address: all[at].address.clone(),
        ..deposit(&wallet.id, "ethereum", "ETH", "1")
    };
    // Index 5 lies behind a gap of its own: it is not looked at.
    it.keeper.record(pay(5)).await.unwrap();
    assert_eq!(missed(&mut it, 3).await, [3, 4, 5, 6]);
    // Only what is confirmed counts.
    let pending = api::Transaction { status: TransactionStatus::Pending.into(), ..pay(2) };
    let pending = it.keeper.record(pending).await.unwrap();
    assert_eq!(missed(&mut it, 3).await, [3, 4, 5, 6]);
    it.keeper.move_on(&pending.id, TransactionStatus::Confirmed).await.unwrap();
    assert_eq!(missed(&mut it, 3).await, none, "2 leads to 5, and 5 to all the others");
    it.keeper.move_on(&pending.id, TransactionStatus::Failed).await.unwrap();
    assert_eq!(missed(&mut it, 3).await, [3, 4, 5, 6]);
    assert_eq!(missed(&mut it, i32::MAX).await, none);
}
