//! Networks: the one table of what is known of each chain, its coins and its pages.

use super::{Fault, words};

mod table;
#[cfg(test)]
mod tests;

words! {
    /// A chain that addresses live on.
    Network {
        /// Ethereum.
        Ethereum = "ethereum",
        /// Polygon `PoS`.
        Polygon = "polygon",
        /// Base.
        Base = "base",
        /// Arbitrum One.
        Arbitrum = "arbitrum",
        /// OP Mainnet.
        Optimism = "optimism",
        /// BNB Smart Chain.
        Bsc = "bsc",
        /// Avalanche C-Chain.
        Avalanche = "avalanche",
        /// Ethereum's test network.
        Sepolia = "sepolia",
        /// Solana.
        Solana = "solana",
        /// Solana's network for developers.
        SolanaDevnet = "solana-devnet",
        /// Bitcoin.
        Bitcoin = "bitcoin",
        /// Bitcoin's test network (testnet3).
        BitcoinTestnet = "bitcoin-testnet",
        /// Tron.
        Tron = "tron",
    }
}

words! {
    /// Networks whose addresses are the same bytes: one key of a customer is one address on all of them.
    Family {
        /// 20 bytes, shown with the checksum of EIP-55.
        Evm = "EVM",
        /// An output script, shown in base58check, bech32 or bech32m.
        Bitcoin = "BITCOIN",
        /// 32 bytes, shown in base58.
        Solana = "SOLANA",
        /// 21 bytes, shown in base58check.
        Tron = "TRON",
    }
}

words! {
    /// A way to derive keys from a seed. Indexes are counted in each by itself.
    Scheme {
        /// secp256k1 by BIP-32, for all EVM networks together.
        Evm = "evm",
        /// secp256k1 by BIP-32.
        Tron = "tron",
        /// secp256k1 by BIP-32, native segwit (BIP-84).
        Bitcoin = "bitcoin",
        /// As `bitcoin`, with the coin type that SLIP-44 gives to every test network.
        BitcoinTestnet = "bitcoin-testnet",
        /// ed25519 by SLIP-0010, where every step is hardened.
        Solana = "solana",
    }
}

impl Scheme {
    /// The derivation path of a key, in the notation of BIP-32. A path exists for `index` below 2³¹ only.
    #[must_use]
    pub fn path(self, index: u32) -> String {
        self.path_of_index(&index.to_string())
    }

    /// The same for whatever stands where the index is.
    #[must_use]
    pub fn path_of_index(self, index: &str) -> String {
        match self {
            Self::Evm => format!("m/44'/60'/0'/0/{index}"),
            Self::Tron => format!("m/44'/195'/0'/0/{index}"),
            Self::Bitcoin => format!("m/84'/0'/0'/0/{index}"),
            Self::BitcoinTestnet => format!("m/84'/1'/0'/0/{index}"),
            Self::Solana => format!("m/44'/501'/{index}'/0'"),
        }
    }
}

/// A coin or token on one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is called for short, in upper case. Unique on its network.
    pub symbol: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// Its contract or mint in the network's display form; none for the network's own coin.
    pub contract: Option<&'static str>,
    /// How many decimals an amount may have: the smallest unit is `10^-decimals`. At most 18.
    pub decimals: u8,
}

/// What is known of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkInfo {
    /// The word of [`Network`].
    pub key: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// Its id among all chains (CAIP-2).
    pub caip2: &'static str,
    /// Its EIP-155 chain id; EVM networks only.
    pub chain_id: Option<u64>,
    /// Whose addresses it shares.
    pub family: Family,
    /// How its keys are derived.
    pub scheme: Scheme,
    /// The coin type in the paths of its scheme (SLIP-44): 60 on every EVM network, as wallets do.
    pub slip44: u32,
    /// Whether its coins are worth nothing.
    pub is_test: bool,
    /// Its own coin, in which fees are paid.
    pub native: Token,
    /// Its own coin, then the tokens that are known on it.
    pub tokens: &'static [Token],
    /// Where an address can be looked at: the URL up to the address.
    pub explorer_address: &'static str,
    /// Where a transaction can be looked at: the URL up to its hash.
    pub explorer_transaction: &'static str,
    /// What the URLs of the explorer end with; mostly nothing.
    pub explorer_suffix: &'static str,
}

impl NetworkInfo {
    /// The page of an address.
    #[must_use]
    pub fn address_url(&self, address: &str) -> String {
        format!("{}{address}{}", self.explorer_address, self.explorer_suffix)
    }

    /// The front page of its explorer.
    #[must_use]
    pub fn front_page(&self) -> &'static str {
        let after_host =
            self.explorer_address.match_indices('/').nth(2).map_or(self.explorer_address.len(), |it| it.0);
        &self.explorer_address[..=after_host.min(self.explorer_address.len() - 1)]
    }

    /// The page of a transaction.
    #[must_use]
    pub fn transaction_url(&self, hash: &str) -> String {
        format!("{}{hash}{}", self.explorer_transaction, self.explorer_suffix)
    }
}

impl Network {
    /// The row of the table.
    #[must_use]
    pub const fn info(self) -> &'static NetworkInfo {
        match self {
            Self::Ethereum => &table::ETHEREUM,
            Self::Polygon => &table::POLYGON,
            Self::Base => &table::BASE,
            Self::Arbitrum => &table::ARBITRUM,
            Self::Optimism => &table::OPTIMISM,
            Self::Bsc => &table::BSC,
            Self::Avalanche => &table::AVALANCHE,
            Self::Sepolia => &table::SEPOLIA,
            Self::Solana => &table::SOLANA,
            Self::SolanaDevnet => &table::SOLANA_DEVNET,
            Self::Bitcoin => &table::BITCOIN,
            Self::BitcoinTestnet => &table::BITCOIN_TESTNET,
            Self::Tron => &table::TRON,
        }
    }

    /// Networks of which each is named once.
    ///
    /// # Errors
    ///
    /// Where one is there twice.
    pub fn each_once(networks: Vec<Self>) -> Result<Vec<Self>, Fault> {
        let is_repeated = (1..networks.len()).any(|at| networks[..at].contains(&networks[at]));
        if is_repeated { Err(Fault::new("must name each network once")) } else { Ok(networks) }
    }

    /// The EVM network with this EIP-155 chain id.
    #[must_use]
    pub fn from_chain_id(chain_id: u64) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.info().chain_id == Some(chain_id))
    }

    /// The coin or token with this symbol, in upper case.
    #[must_use]
    pub fn token(self, symbol: &str) -> Option<&'static Token> {
        self.info().tokens.iter().find(|it| it.symbol == symbol)
    }

    /// The CAIP-10 id of an account, from its address in display form.
    #[must_use]
    pub fn caip10(self, address: &str) -> String {
        format!("{}:{address}", self.info().caip2)
    }
}
