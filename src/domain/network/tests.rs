use std::collections::HashSet;
use std::hash::Hash;

use super::*;

/// Whether no two networks have the same.
fn differs<T: Eq + Hash>(of: impl Fn(&'static NetworkInfo) -> T) -> bool {
    Network::ALL.iter().map(|it| of(it.info())).collect::<HashSet<_>>().len() == Network::ALL.len()
}

#[test]
fn the_table_has_the_networks_of_the_contract() {
    let rows = Network::ALL.iter().map(|it| {
        let info = it.info();
        let tokens: Vec<_> = info.tokens.iter().map(|it| format!("{}/{}", it.symbol, it.decimals)).collect();
        let test = if info.is_test { " test" } else { "" };
        format!("{} {} {} {}{test} {}", info.key, info.caip2, info.family, info.scheme, tokens.join(" "))
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            "ethereum eip155:1 EVM evm ETH/18 USDC/6 USDT/6",
            "polygon eip155:137 EVM evm POL/18 USDC/6 USDT/6",
            "base eip155:8453 EVM evm ETH/18 USDC/6 USDT/6",
            "arbitrum eip155:42161 EVM evm ETH/18 USDC/6 USDT/6",
            "optimism eip155:10 EVM evm ETH/18 USDC/6 USDT/6",
            "bsc eip155:56 EVM evm BNB/18 USDC/18 USDT/18",
            "avalanche eip155:43114 EVM evm AVAX/18 USDC/6 USDT/6",
            "sepolia eip155:11155111 EVM evm test ETH/18 USDC/6",
            "solana solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp SOLANA solana SOL/9 USDC/6 USDT/6",
            "solana-devnet solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1 SOLANA solana test SOL/9 USDC/6",
            "bitcoin bip122:000000000019d6689c085ae165831e93 BITCOIN bitcoin BTC/8",
            "bitcoin-testnet bip122:000000000933ea01ad0ee984209779ba BITCOIN bitcoin-testnet test BTC/8",
            "tron tron:728126428 TRON tron TRX/6 USDT/6",
        ]
    );
}

#[test]
fn what_names_a_network_names_no_other() {
    assert!(differs(|it| it.key) && differs(|it| it.name) && differs(|it| it.caip2));
    assert!(differs(|it| it.address_url("x")) && differs(|it| it.transaction_url("x")));
}

#[test]
fn a_network_is_found_by_each_of_its_ids() {
    for network in Network::ALL {
        let info = network.info();
        assert_eq!(info.key.parse(), Ok(*network));
        if let Some(chain_id) = info.chain_id {
            assert_eq!(Network::from_chain_id(chain_id), Some(*network));
        }
    }
    assert_eq!(Network::from_chain_id(0), None);
    assert_eq!(Network::from_chain_id(3), None);
    assert!("Ethereum".parse::<Network>().is_err());
}

#[test]
fn a_chain_id_belongs_to_evm_networks_and_is_that_of_caip2() {
    for network in Network::ALL {
        let info = network.info();
        assert_eq!(info.chain_id.is_some(), info.family == Family::Evm, "{network}");
        if let Some(chain_id) = info.chain_id {
            assert_eq!(info.caip2, format!("eip155:{chain_id}"));
        }
    }
}

#[test]
fn a_caip2_id_has_the_form_of_the_standard() {
    for network in Network::ALL {
        let (namespace, reference) = network.info().caip2.split_once(':').unwrap();
        assert!((3..=8).contains(&namespace.len()), "{network}");
        assert!((1..=32).contains(&reference.len()), "{network}");
        assert!(namespace.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit()), "{network}");
        assert!(reference.bytes().all(|it| it.is_ascii_alphanumeric()), "{network}");
    }
}

#[test]
fn the_first_token_is_the_coin_and_no_other_is_one() {
    for network in Network::ALL {
        let info = network.info();
        assert_eq!(info.tokens.first(), Some(&info.native), "{network}");
        assert!(info.native.contract.is_none(), "{network}");
        assert!(info.tokens.iter().skip(1).all(|it| it.contract.is_some()), "{network}");
        let symbols: HashSet<_> = info.tokens.iter().map(|it| it.symbol).collect();
        assert_eq!(symbols.len(), info.tokens.len(), "{network}");
        assert!(info.tokens.iter().all(|it| it.decimals <= 18), "{network}");
    }
}

#[test]
fn no_two_tokens_have_one_contract() {
    let all: Vec<_> =
        Network::ALL.iter().flat_map(|it| it.info().tokens).filter_map(|it| it.contract).collect();
    assert_eq!(all.len(), 19);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
}

#[test]
fn a_token_is_found_by_its_symbol_as_it_stands() {
    assert_eq!(Network::Bsc.token("USDT").map(|it| it.decimals), Some(18));
    assert_eq!(Network::Polygon.token("POL"), Some(&Network::Polygon.info().native));
    for (network, symbol) in [(Network::Tron, "USDC"), (Network::Sepolia, "USDT"), (Network::Base, "usdc")] {
        assert_eq!(network.token(symbol), None, "{network} {symbol}");
    }
}

#[test]
fn an_account_is_named_as_caip10_has_it() {
    assert_eq!(Network::Base.caip10("0xAb"), "eip155:8453:0xAb");
    assert_eq!(Network::Tron.caip10("T1"), "tron:728126428:T1");
}

#[test]
fn a_page_of_the_explorer_carries_the_cluster() {
    assert_eq!(Network::Ethereum.info().transaction_url("0x1"), "https://etherscan.io/tx/0x1");
    assert_eq!(
        Network::SolanaDevnet.info().address_url("A"),
        "https://explorer.solana.com/address/A?cluster=devnet"
    );
}

#[test]
fn each_scheme_has_its_path_and_the_coin_type_of_its_networks_is_in_it() {
    let paths = [
        (Scheme::Evm, "m/44'/60'/0'/0/7"),
        (Scheme::Tron, "m/44'/195'/0'/0/7"),
        (Scheme::Bitcoin, "m/84'/0'/0'/0/7"),
        (Scheme::BitcoinTestnet, "m/84'/1'/0'/0/7"),
        (Scheme::Solana, "m/44'/501'/7'/0'"),
    ];
    assert_eq!(paths.map(|it| it.0), Scheme::ALL);
    for (scheme, path) in paths {
        assert_eq!(scheme.path(7), path);
    }
    for network in Network::ALL {
        let info = network.info();
        let coin_type = info.scheme.path(7).split('/').nth(2).map(str::to_owned);
        assert_eq!(coin_type, Some(format!("{}'", info.slip44)), "{network}");
    }
}

#[test]
fn networks_of_one_scheme_are_of_one_family() {
    for one in Network::ALL {
        for other in Network::ALL {
            if one.info().scheme == other.info().scheme {
                assert_eq!(one.info().family, other.info().family);
            }
        }
    }
}
