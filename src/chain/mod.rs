//! Chains: addresses, the keys behind them, and the nodes that know what they hold.

pub mod address;
pub mod keys;
pub mod node;
