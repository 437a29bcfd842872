"""Derives addresses with bip-utils, an implementation that shares no code with Purser (KEY-1).

Each line of input is the words of a seed and an index, separated by a tab; each line of output the addresses there:
evm, tron, bitcoin, bitcoin-testnet and solana, separated by tabs.
"""

import sys

from bip_utils import Bip39SeedGenerator, Bip44, Bip44Changes, Bip44Coins, Bip84, Bip84Coins


def receiving(purpose, coin, seed, index):
    account = purpose.FromSeed(seed, coin).Purpose().Coin().Account(0)
    return account.Change(Bip44Changes.CHAIN_EXT).AddressIndex(index).PublicKey().ToAddress()


def solana(seed, index):
    # An account for each address, as Solana's wallets do: the last step of the path is hardened, too.
    account = Bip44.FromSeed(seed, Bip44Coins.SOLANA).Purpose().Coin().Account(index)
    return account.Change(Bip44Changes.CHAIN_EXT).PublicKey().ToAddress()


for line in sys.stdin:
    words, index = line.rstrip("\n").split("\t")
    seed, index = Bip39SeedGenerator(words).Generate(), int(index)
    print(
        receiving(Bip44, Bip44Coins.ETHEREUM, seed, index),
        receiving(Bip44, Bip44Coins.TRON, seed, index),
        receiving(Bip84, Bip84Coins.BITCOIN, seed, index),
        receiving(Bip84, Bip84Coins.BITCOIN_TESTNET, seed, index),
        solana(seed, index),
        sep="\t",
    )
