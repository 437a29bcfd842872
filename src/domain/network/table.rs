//! The rows of the table of networks.
//!
//! A contract that is wrong by a digit is somebody's money. USDC is Circle's own wherever there is one, never the
//! bridged `USDC.e`. USDT is Tether's own on Ethereum, Avalanche, Solana and Tron, and what became its USD₮0 in place
//! on Arbitrum and Polygon. Elsewhere it is the one whose symbol is USDT on the chain, which exchanges and wallets
//! mean: that of the canonical bridges on Base and OP Mainnet (there USD₮0 is another token), and on BNB Smart Chain,
//! as for USDC, the one that Binance pegs, which has 18 decimals.

use super::{Family, Network, NetworkInfo, Scheme, Token};

/// The coin of a network.
const fn coin(symbol: &'static str, name: &'static str, decimals: u8) -> Token {
    Token { symbol, name, contract: None, decimals }
}

/// USDC where it has its usual 6 decimals.
const fn usdc(contract: &'static str) -> Token {
    Token { symbol: "USDC", name: "USD Coin", contract: Some(contract), decimals: 6 }
}

/// USDT where it has its usual 6 decimals.
const fn usdt(contract: &'static str) -> Token {
    Token { symbol: "USDT", name: "Tether USD", contract: Some(contract), decimals: 6 }
}

const ETH: Token = coin("ETH", "Ether", 18);
const POL: Token = coin("POL", "Polygon Ecosystem Token", 18);
const BNB: Token = coin("BNB", "BNB", 18);
const AVAX: Token = coin("AVAX", "Avalanche", 18);
const SOL: Token = coin("SOL", "Solana", 9);
const BTC: Token = coin("BTC", "Bitcoin", 8);
const TRX: Token = coin("TRX", "Tron", 6);

pub(super) const ETHEREUM: NetworkInfo = NetworkInfo {
    key: Network::Ethereum.as_str(),
    name: "Ethereum",
    caip2: "eip155:1",
    chain_id: Some(1),
    family: Family::Evm,
    scheme: Scheme::Evm,
    slip44: 60,
    is_test: false,
    native: ETH,
    tokens: &[
        ETH,
        usdc("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
        usdt("0xdAC17F958D2ee523a2206206994597C13D831ec7"),
    ],
    explorer_address: "https://etherscan.io/address/",
    explorer_transaction: "https://etherscan.io/tx/",
    explorer_suffix: "",
};

pub(super) const POLYGON: NetworkInfo = NetworkInfo {
    key: Network::Polygon.as_str(),
    name: "Polygon",
    caip2: "eip155:137",
    chain_id: Some(137),
    native: POL,
    tokens: &[
        POL,
        usdc("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"),
        usdt("0xc2132D05D31c914a87C6611C10748AEb04B58e8F"),
    ],
    explorer_address: "https://polygonscan.com/address/",
    explorer_transaction: "https://polygonscan.com/tx/",
    ..ETHEREUM
};

pub(super) const BASE: NetworkInfo = NetworkInfo {
    key: Network::Base.as_str(),
    name: "Base",
    caip2: "eip155:8453",
    chain_id: Some(8453),
    tokens: &[
        ETH,
        usdc("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
        usdt("0xfde4C96c8593536E31F229EA8f37b2ADa2699bb2"),
    ],
    explorer_address: "https://basescan.org/address/",
    explorer_transaction: "https://basescan.org/tx/",
    ..ETHEREUM
};

pub(super) const ARBITRUM: NetworkInfo = NetworkInfo {
    key: Network::Arbitrum.as_str(),
    name: "Arbitrum One",
    caip2: "eip155:42161",
    chain_id: Some(42161),
    tokens: &[
        ETH,
        usdc("0xaf88d065e77c8cC2239327C5EDb3A432268e5831"),
        usdt("0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9"),
    ],
    explorer_address: "https://arbiscan.io/address/",
    explorer_transaction: "https://arbiscan.io/tx/",
    ..ETHEREUM
};

pub(super) const OPTIMISM: NetworkInfo = NetworkInfo {
    key: Network::Optimism.as_str(),
    name: "OP Mainnet",
    caip2: "eip155:10",
    chain_id: Some(10),
    tokens: &[
        ETH,
        usdc("0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85"),
        usdt("0x94b008aA00579c1307B0EF2c499aD98a8ce58e58"),
    ],
    explorer_address: "https://optimistic.etherscan.io/address/",
    explorer_transaction: "https://optimistic.etherscan.io/tx/",
    ..ETHEREUM
};

pub(super) const BSC: NetworkInfo = NetworkInfo {
    key: Network::Bsc.as_str(),
    name: "BNB Smart Chain",
    caip2: "eip155:56",
    chain_id: Some(56),
    native: BNB,
    tokens: &[
        BNB,
        Token { decimals: 18, ..usdc("0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d") },
        Token { decimals: 18, ..usdt("0x55d398326f99059fF775485246999027B3197955") },
    ],
    explorer_address: "https://bscscan.com/address/",
    explorer_transaction: "https://bscscan.com/tx/",
    ..ETHEREUM
};

pub(super) const AVALANCHE: NetworkInfo = NetworkInfo {
    key: Network::Avalanche.as_str(),
    name: "Avalanche C-Chain",
    caip2: "eip155:43114",
    chain_id: Some(43114),
    native: AVAX,
    tokens: &[
        AVAX,
        usdc("0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E"),
        usdt("0x9702230A8Ea53601f5cD2dc00fDBc13d4dF4A8c7"),
    ],
    explorer_address: "https://snowtrace.io/address/",
    explorer_transaction: "https://snowtrace.io/tx/",
    ..ETHEREUM
};

pub(super) const SEPOLIA: NetworkInfo = NetworkInfo {
    key: Network::Sepolia.as_str(),
    name: "Sepolia",
    caip2: "eip155:11155111",
    chain_id: Some(11_155_111),
    is_test: true,
    tokens: &[ETH, usdc("0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238")],
    explorer_address: "https://sepolia.etherscan.io/address/",
    explorer_transaction: "https://sepolia.etherscan.io/tx/",
    ..ETHEREUM
};

pub(super) const SOLANA: NetworkInfo = NetworkInfo {
    key: Network::Solana.as_str(),
    name: "Solana",
    caip2: "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
    chain_id: None,
    family: Family::Solana,
    scheme: Scheme::Solana,
    slip44: 501,
    is_test: false,
    native: SOL,
    tokens: &[
        SOL,
        usdc("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
        usdt("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"),
    ],
    explorer_address: "https://explorer.solana.com/address/",
    explorer_transaction: "https://explorer.solana.com/tx/",
    explorer_suffix: "",
};

pub(super) const SOLANA_DEVNET: NetworkInfo = NetworkInfo {
    key: Network::SolanaDevnet.as_str(),
    name: "Solana Devnet",
    caip2: "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
    is_test: true,
    tokens: &[SOL, usdc("4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU")],
    explorer_suffix: "?cluster=devnet",
    ..SOLANA
};

pub(super) const BITCOIN: NetworkInfo = NetworkInfo {
    key: Network::Bitcoin.as_str(),
    name: "Bitcoin",
    caip2: "bip122:000000000019d6689c085ae165831e93",
    chain_id: None,
    family: Family::Bitcoin,
    scheme: Scheme::Bitcoin,
    slip44: 0,
    is_test: false,
    native: BTC,
    tokens: &[BTC],
    explorer_address: "https://mempool.space/address/",
    explorer_transaction: "https://mempool.space/tx/",
    explorer_suffix: "",
};

pub(super) const BITCOIN_TESTNET: NetworkInfo = NetworkInfo {
    key: Network::BitcoinTestnet.as_str(),
    name: "Bitcoin Testnet",
    caip2: "bip122:000000000933ea01ad0ee984209779ba",
    scheme: Scheme::BitcoinTestnet,
    slip44: 1,
    is_test: true,
    explorer_address: "https://mempool.space/testnet/address/",
    explorer_transaction: "https://mempool.space/testnet/tx/",
    ..BITCOIN
};

pub(super) const TRON: NetworkInfo = NetworkInfo {
    key: Network::Tron.as_str(),
    name: "Tron",
    // The decimal form of what `eth_chainId` answers, 0x2b6653dc, as the namespace has it.
    caip2: "tron:728126428",
    chain_id: None,
    family: Family::Tron,
    scheme: Scheme::Tron,
    slip44: 195,
    is_test: false,
    native: TRX,
    tokens: &[TRX, usdt("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")],
    explorer_address: "https://tronscan.org/#/address/",
    explorer_transaction: "https://tronscan.org/#/transaction/",
    explorer_suffix: "",
};
