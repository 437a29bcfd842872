//! Transactions of wallets, and the balances they add up to.

use serde::{Deserialize, Serialize};

use super::{
    Amount, Change, Context, Currency, CustomerId, CustomerStatus, DomainId, Error, EventType, Family, Fault,
    KeyChange, KeyKind, Member, Network, Noun, Reference, Result, Text, TransactionId, UniqueKey, Wallet,
    WalletId, WalletKind, WalletStatus, words,
};

words! {
    /// Which way money went.
    TransactionType {
        /// In, on a chain.
        Deposit = "DEPOSIT",
        /// Out, on a chain.
        Withdrawal = "WITHDRAWAL",
        /// In, in the books.
        Credit = "CREDIT",
        /// Out, in the books.
        Debit = "DEBIT",
    }
}

impl TransactionType {
    /// Whether it adds to the balance.
    #[must_use]
    pub const fn adds(self) -> bool {
        matches!(self, Self::Deposit | Self::Credit)
    }
}

words! {
    /// Whether it happened.
    TransactionStatus {
        /// Not yet.
        Pending = "PENDING",
        /// It did.
        Confirmed = "CONFIRMED",
        /// It did not, or was undone by a reorganisation of the chain.
        Failed = "FAILED",
    }
}

/// The hash of a transaction, in the form of its network: 32 bytes in lower-case hexadecimal (with `0x` on EVM), or 64
/// bytes in base58 on Solana.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TxHash(String);

impl TxHash {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(family: Family, text: &str) -> Result<Self, Fault> {
        let is_hash = |it: &str| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit());
        match family {
            Family::Evm => text
                .strip_prefix("0x")
                .filter(|it| is_hash(it))
                .map(|it| Self(format!("0x{}", it.to_ascii_lowercase())))
                .ok_or(Fault::new("must be `0x` and 64 hexadecimal digits")),
            Family::Bitcoin | Family::Tron => is_hash(text)
                .then(|| Self(text.to_ascii_lowercase()))
                .ok_or(Fault::new("must be 64 hexadecimal digits")),
            Family::Solana => {
                let is_short = text.len() <= 90;
                let bytes = is_short.then(|| bitcoin::base58::decode(text).ok()).flatten();
                bytes
                    .filter(|it| it.len() == 64)
                    .map(|_| Self(text.to_owned()))
                    .ok_or(Fault::new("must be 64 bytes in base58"))
            }
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A transaction of a wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Which.
    pub id: TransactionId,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// In which domain.
    pub domain_id: DomainId,
    /// The caller's own name of it, unique in the domain; made if none was given.
    pub reference: Reference,
    /// Of which wallet.
    pub wallet_id: WalletId,
    /// Of whom.
    pub customer_id: CustomerId,
    /// On which network; none for a ledger wallet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Which of the wallet's addresses it touched, if that was said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Which way.
    #[serde(rename = "type")]
    pub kind: TransactionType,
    /// Whether it happened.
    pub status: TransactionStatus,
    /// Of what: a symbol of the network's tokens, or the wallet's currency.
    pub token: String,
    /// How many decimals the token has.
    pub decimals: u8,
    /// How much.
    pub amount: Amount,
    /// Where it is on the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_hash: Option<TxHash>,
    /// Which of the transaction's logs or outputs.
    #[serde(default)]
    pub log_index: u32,
    /// In which block, once that is known; 0 before.
    #[serde(default)]
    pub block_height: u64,
    /// Whose it was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from_address: String,
    /// Whose it became.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to_address: String,
    /// What for.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub description: Text<500>,
    /// When it was recorded, in microseconds since 1970.
    pub create_us: i64,
    /// When it last changed.
    pub update_us: i64,
}

impl Transaction {
    /// What a balance is kept of.
    #[must_use]
    pub fn account(&self) -> Account {
        Account { wallet: self.wallet_id, network: self.network, token: self.token.clone() }
    }

    /// What it adds to the balance, once it is confirmed.
    #[must_use]
    pub fn add(&self) -> Add {
        let (kind, amount) = (self.kind, self.amount);
        Add { account: self.account(), kind, amount, undo: false, never_below_zero: false }
    }
}

/// What a balance is kept of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// Which wallet.
    pub wallet: WalletId,
    /// On which network; none for a ledger wallet.
    pub network: Option<Network>,
    /// Of what.
    pub token: String,
}

/// All that was ever added, and all that was ever taken, by transactions that are confirmed.
///
/// Two sums and not their difference: what is added and taken in any order comes to the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Added.
    pub added: Amount,
    /// Taken.
    pub taken: Amount,
}

impl Sums {
    /// What is left; below zero where more was taken, as happens to a wallet whose deposits nobody recorded.
    #[must_use]
    pub fn balance(&self) -> (bool, Amount) {
        match self.added.minus(self.taken) {
            Some(left) => (false, left),
            None => (true, self.taken.minus(self.added).unwrap_or_default()),
        }
    }

    /// The sums after an addition.
    ///
    /// # Errors
    ///
    /// [`Error::BalanceOverflow`]; [`Error::InsufficientBalance`] where the balance may not be below zero and would be.
    pub fn after(&self, add: &Add) -> Result<Self> {
        let sum = if add.kind.adds() { self.added } else { self.taken };
        let sum = if add.undo { sum.minus(add.amount) } else { sum.plus(add.amount) };
        let sum = sum.ok_or(Error::BalanceOverflow(add.account.wallet))?;
        let next = if add.kind.adds() { Self { added: sum, ..*self } } else { Self { taken: sum, ..*self } };
        if add.never_below_zero && next.balance().0 {
            return Err(Error::InsufficientBalance(add.account.wallet));
        }
        Ok(next)
    }
}

/// An addition to the sums of an account. Additions of many Changes to one account do not meet: they are folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// To what.
    pub account: Account,
    /// To which of the two sums.
    pub kind: TransactionType,
    /// How much.
    pub amount: Amount,
    /// Whether it is taken back.
    pub undo: bool,
    /// Whether the balance must not be below zero afterwards.
    pub never_below_zero: bool,
}

/// What `RecordTransaction` asks for, with everything that does not depend on the wallet already parsed.
#[derive(Clone, Debug, Serialize)]
pub struct NewTransaction {
    /// Of which wallet.
    pub wallet_id: WalletId,
    /// The caller's own name of it.
    pub reference: Option<Reference>,
    /// On which network.
    pub network: Option<Network>,
    /// Which of the wallet's addresses, in display form.
    pub address: String,
    /// Which way.
    #[serde(rename = "type")]
    pub kind: TransactionType,
    /// PENDING or CONFIRMED.
    pub status: TransactionStatus,
    /// Of what.
    pub token: String,
    /// How much, as it was written.
    pub amount: String,
    /// Where it is on the chain, as it was written.
    pub tx_hash: String,
    /// Which of the transaction's logs or outputs.
    pub log_index: u32,
    /// In which block.
    pub block_height: u64,
    /// Whose it was, in display form.
    pub from_address: String,
    /// Whose it became, in display form.
    pub to_address: String,
    /// What for.
    pub description: Text<500>,
}

/// The name by which a caller's reference finds its transaction.
#[must_use]
pub fn reference_key(domain: DomainId, reference: &Reference) -> UniqueKey {
    UniqueKey::of_customer(KeyKind::Reference, domain, reference.as_str())
}

/// Records a transaction; a confirmed one moves the balance. `address` is the wallet's own that it touched.
///
/// # Errors
///
/// [`Error::CustomerDeleted`], [`Error::WalletRemoved`]; [`Error::WalletFrozen`] where it takes; [`Error::NotFound`] where
/// the wallet has no such address; [`Error::Invalid`] with all that does not fit the wallet. A hash or reference that is there, and a balance that does not suffice, show when it is committed.
pub fn record(
    new: &NewTransaction,
    wallet: &Wallet,
    member: &Member,
    address: Option<&str>,
    id: TransactionId,
    ctx: Context,
) -> Result<Change> {
    let domain = &*member.domain;
    if member.customer.status == CustomerStatus::Deleted {
        return Err(Error::CustomerDeleted(member.customer.id));
    }
    match wallet.status {
        WalletStatus::Removed => return Err(Error::WalletRemoved(wallet.id)),
        WalletStatus::Frozen if !new.kind.adds() => return Err(Error::WalletFrozen(wallet.id)),
        WalletStatus::Frozen | WalletStatus::Active => {}
    }
    let fits = fit(new, wallet)?;
    let address = match (new.network, address) {
        (Some(_), None) => return Err(Error::NotFound(Noun::Address)),
        (_, address) => address.unwrap_or_default().to_owned(),
    };
    let own = |kind, text: &str| UniqueKey::of_customer(kind, domain.id, text);
    let reference = new.reference.clone().unwrap_or_else(|| Reference::from(id));
    let mut keys = vec![KeyChange::TakeFor(reference_key(domain.id, &reference), id.as_uuid())];
    if let (Some(hash), Some(network)) = (&fits.tx_hash, new.network) {
        let text = format!("{}/{}/{network}/{}/{}", wallet.id, new.kind, hash.as_str(), new.log_index);
        keys.push(KeyChange::TakeFor(own(KeyKind::Transaction, &text), id.as_uuid()));
    }
    let transaction = Transaction {
        id,
        sequence: 0,
        domain_id: domain.id,
        reference,
        wallet_id: wallet.id,
        customer_id: wallet.customer_id,
        network: new.network,
        address,
        kind: new.kind,
        status: new.status,
        token: wallet.currency.as_ref().map_or(&*new.token, Currency::as_str).to_owned(),
        decimals: fits.decimals,
        amount: fits.amount,
        tx_hash: fits.tx_hash,
        log_index: new.log_index,
        block_height: new.block_height,
        from_address: new.from_address.clone(),
        to_address: new.to_address.clone(),
        description: new.description.clone(),
        create_us: ctx.now_us,
        update_us: ctx.now_us,
    };
    let mut change = Change::new(ctx).expects(wallet).expects(&member.customer).expects(domain).keys(keys);
    if transaction.status == TransactionStatus::Confirmed {
        change = change.adds(add(&transaction, wallet, false));
    }
    Ok(change.writes(transaction, EventType::TransactionCreated, &[]))
}

/// What of a new transaction depends on the wallet.
struct Fits {
    decimals: u8,
    amount: Amount,
    tx_hash: Option<TxHash>,
}

fn fit(new: &NewTransaction, wallet: &Wallet) -> Result<Fits> {
    let mut faults = super::Faults::default();
    let decimals = match (wallet.kind, new.network) {
        (WalletKind::Ledger, Some(_)) => {
            faults.add("transaction.network", Fault::new("must be empty for a ledger wallet"));
            None
        }
        (WalletKind::Ledger, None) => {
            let same = |it: &&Currency| new.token.is_empty() || it.as_str() == new.token;
            let own = wallet.currency.as_ref().filter(same);
            if own.is_none() {
                faults.add("transaction.token", Fault::new("must be the wallet's currency"));
            }
            own.map(Currency::decimals)
        }
        (_, None) => {
            faults.add("transaction.network", Fault::new("is required"));
            None
        }
        (_, Some(network)) => {
            let token = network.token(&new.token);
            if token.is_none() {
                faults
                    .add("transaction.token", Fault::new("must be a token of the network: see ListNetworks"));
            }
            token.map(|it| it.decimals)
        }
    };
    let amount = decimals.map(|it| Amount::parse(&new.amount, it));
    let amount = amount.and_then(|it| faults.keep("transaction.amount", it));
    let tx_hash = match (new.tx_hash.as_str(), new.network) {
        ("", _) => None,
        (_, None) => {
            faults.add("transaction.tx_hash", Fault::new("must be empty where there is no network"));
            None
        }
        (text, Some(network)) => {
            faults.keep("transaction.tx_hash", TxHash::parse(network.info().family, text))
        }
    };
    let fits = decimals.zip(amount).map(|(decimals, amount)| Fits { decimals, amount, tx_hash });
    faults.finish(fits)
}

fn add(transaction: &Transaction, wallet: &Wallet, undo: bool) -> Add {
    Add { undo, never_below_zero: wallet.kind == WalletKind::Ledger, ..transaction.add() }
}

/// Says what became of a transaction: PENDING goes to CONFIRMED or FAILED; CONFIRMED goes to FAILED on a reorganisation,
/// which moves the balance back.
///
/// # Errors
///
/// [`Error::TransactionTransitionNotAllowed`].
pub fn update_status(
    transaction: &Transaction,
    wallet: &Wallet,
    to: TransactionStatus,
    block_height: u64,
    ctx: Context,
) -> Result<Change> {
    use TransactionStatus::{Confirmed, Failed, Pending};
    let block_height = if block_height == 0 { transaction.block_height } else { block_height };
    let next = Transaction { status: to, block_height, update_us: ctx.now_us, ..transaction.clone() };
    let mut change = Change::new(ctx);
    match (transaction.status, to) {
        (Pending, Confirmed) => change = change.adds(add(transaction, wallet, false)),
        (Pending, Failed) => {}
        (Confirmed, Failed) => change = change.adds(add(transaction, wallet, true)),
        (from, to) => return Err(Error::TransactionTransitionNotAllowed { from, to }),
    }
    let mut changed = vec!["status"];
    if next.block_height != transaction.block_height {
        changed.push("block_height");
    }
    Ok(change.writes(next, EventType::TransactionUpdated, &changed))
}
