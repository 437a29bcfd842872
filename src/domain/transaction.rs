//! Transactions of wallets, and the balances they add up to.

use serde::{Deserialize, Serialize};

use super::{
    Amount, ChainAddress, Change, Context, Currency, CustomerId, CustomerStatus, Decimal, DomainId, Error,
    EventType, Family, Fault, Faults, KeyChange, KeyKind, Member, Network, Noun, Reference, Result, Text,
    Token, TransactionId, UniqueKey, Wallet, WalletId, WalletKind, WalletStatus, words,
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

impl TransactionStatus {
    /// The status that a transaction is recorded with: PENDING where none was asked for.
    ///
    /// # Errors
    ///
    /// Where it is one that only a transaction on record can have.
    pub fn at_first(asked: Option<Self>) -> Result<Self, Fault> {
        match asked {
            Some(Self::Failed) => {
                Err(Fault::new("must be PENDING or CONFIRMED: what failed is not recorded"))
            }
            asked => Ok(asked.unwrap_or(Self::Pending)),
        }
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

    /// Reads one of any network. No text means one hash here and another there.
    ///
    /// # Errors
    ///
    /// Where it is one of none.
    pub fn of_any_network(text: &str) -> Result<Self, Fault> {
        let read = Family::ALL.iter().find_map(|it| Self::parse(*it, text).ok());
        read.ok_or(Fault::new("must be the hash of a transaction in the form of the wallet's network"))
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

    /// Which transaction on a chain it is a deposit of, unless it failed.
    #[must_use]
    pub fn on_record(&self) -> Option<OnRecord> {
        if self.kind != TransactionType::Deposit || self.status == TransactionStatus::Failed {
            return None;
        }
        Some(OnRecord { domain: self.domain_id, network: self.network?, tx_hash: self.tx_hash.clone()? })
    }

    /// What it adds to the balance, once it is confirmed.
    #[must_use]
    pub fn add(&self) -> Add {
        let (kind, amount) = (self.kind, self.amount);
        Add { account: self.account(), kind, amount, undo: false, never_below_zero: false }
    }
}

/// A transaction on a chain, as deposits of it are found in a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OnRecord {
    /// In which domain.
    pub domain: DomainId,
    /// On which network.
    pub network: Network,
    /// Which.
    pub tx_hash: TxHash,
}

impl OnRecord {
    /// The name that a deposit to a customer has which the approval of a claim recorded: of whatever log or output, and of
    /// whichever wallet, it is not recorded again.
    #[must_use]
    pub fn claimed_by(&self, customer: CustomerId) -> UniqueKey {
        let text = format!("{}/{}/{customer}", self.network, self.tx_hash.as_str());
        UniqueKey::of_customer(KeyKind::ClaimedDeposit, self.domain, &text)
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
    /// Which way.
    pub kind: TransactionType,
    /// PENDING or CONFIRMED.
    pub status: TransactionStatus,
    /// How much, and where.
    pub movement: Movement,
    /// What for.
    pub description: Text<500>,
}

/// How much money moved, and where.
#[derive(Clone, Debug, Serialize)]
pub enum Movement {
    /// On a chain.
    OnChain(Box<OnChain>),
    /// In our books, of a ledger wallet.
    InBooks {
        /// In which currency; the wallet's where that was not said.
        currency: Option<Currency>,
        /// How much of it.
        amount: Decimal,
    },
}

/// A movement on a chain.
#[derive(Clone, Debug, Serialize)]
pub struct OnChain {
    /// On which.
    pub network: Network,
    /// Of what.
    #[serde(serialize_with = "symbol")]
    pub token: &'static Token,
    /// How much.
    pub amount: Amount,
    /// Which of the wallet's addresses; its first on the network where that was not said.
    pub address: Option<ChainAddress>,
    /// The transaction's hash, and which of its logs or outputs.
    pub place: Option<(TxHash, u32)>,
    /// In which block; 0 where that is not known.
    pub block_height: u64,
    /// Whose it was.
    pub from: Option<ChainAddress>,
    /// Whose it became.
    pub to: Option<ChainAddress>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes every field so")]
fn symbol<S: serde::Serializer>(token: &&'static Token, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.symbol)
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
/// the wallet has no such address; [`Error::Invalid`] with all that does not fit the wallet. A hash or reference that is there,
/// a deposit that a claim was approved with, and a balance that does not suffice, show when it is committed.
pub fn record(
    new: &NewTransaction,
    wallet: &Wallet,
    member: &Member,
    address: Option<&str>,
    id: TransactionId,
    ctx: Context,
) -> Result<Change> {
    let (transaction, mut change) = recorded(new, wallet, member, address, id, ctx)?;
    let claimed = transaction.on_record().map(|it| it.claimed_by(transaction.customer_id));
    change.keys.extend(claimed.map(KeyChange::Free));
    Ok(change.writes(transaction, EventType::TransactionCreated, &[]))
}

/// A transaction as it is recorded, and the Change that does so but for writing it.
///
/// # Errors
///
/// As [`record`].
pub(super) fn recorded(
    new: &NewTransaction,
    wallet: &Wallet,
    member: &Member,
    address: Option<&str>,
    id: TransactionId,
    ctx: Context,
) -> Result<(Transaction, Change)> {
    let domain = &*member.domain;
    if member.customer.status == CustomerStatus::Deleted {
        return Err(Error::CustomerDeleted(member.customer.id));
    }
    match wallet.status {
        WalletStatus::Removed => return Err(Error::WalletRemoved(wallet.id)),
        WalletStatus::Frozen if !new.kind.adds() => return Err(Error::WalletFrozen(wallet.id)),
        WalletStatus::Frozen | WalletStatus::Active => {}
    }
    let Fit { token, decimals, amount, chain } = fit(&new.movement, wallet)?;
    let address = match (chain, address) {
        (Some(_), None) => return Err(Error::NotFound(Noun::Address)),
        (_, address) => address.unwrap_or_default().to_owned(),
    };
    let place = chain.and_then(|it| Some((it.network, it.place.as_ref()?)));
    let reference = new.reference.clone().unwrap_or_else(|| Reference::from(id));
    let mut keys = vec![KeyChange::TakeFor(reference_key(domain.id, &reference), id.as_uuid())];
    if let Some((network, (hash, log_index))) = place {
        let text = format!("{}/{}/{network}/{}/{log_index}", wallet.id, new.kind, hash.as_str());
        let key = UniqueKey::of_customer(KeyKind::Transaction, domain.id, &text);
        keys.push(KeyChange::TakeFor(key, id.as_uuid()));
    }
    let shown = |it: Option<&ChainAddress>| it.map(|it| it.as_str().to_owned()).unwrap_or_default();
    let transaction = Transaction {
        id,
        sequence: 0,
        domain_id: domain.id,
        reference,
        wallet_id: wallet.id,
        customer_id: wallet.customer_id,
        network: chain.map(|it| it.network),
        address,
        kind: new.kind,
        status: new.status,
        token: token.to_owned(),
        decimals,
        amount,
        tx_hash: place.map(|it| it.1.0.clone()),
        log_index: place.map_or(0, |it| it.1.1),
        block_height: chain.map_or(0, |it| it.block_height),
        from_address: shown(chain.and_then(|it| it.from.as_ref())),
        to_address: shown(chain.and_then(|it| it.to.as_ref())),
        description: new.description.clone(),
        create_us: ctx.now_us,
        update_us: ctx.now_us,
    };
    let mut change = Change::new(ctx).expects(wallet).expects(&member.customer).expects(domain).keys(keys);
    if transaction.status == TransactionStatus::Confirmed {
        change = change.adds(add(&transaction, wallet, false));
    }
    Ok((transaction, change))
}

/// What moved, as it fits the wallet.
struct Fit<'a> {
    token: &'a str,
    decimals: u8,
    amount: Amount,
    chain: Option<&'a OnChain>,
}

/// A ledger wallet has a currency and no chain, and every other wallet the reverse.
fn fit<'a>(movement: &'a Movement, wallet: &'a Wallet) -> Result<Fit<'a>> {
    match (movement, &wallet.currency) {
        (Movement::OnChain(_), Some(_)) => {
            Err(Error::invalid("transaction.network", "must be empty for a ledger wallet"))
        }
        (Movement::InBooks { .. }, None) => Err(Error::invalid("transaction.network", "is required")),
        (Movement::OnChain(it), None) => {
            let Token { symbol: token, decimals, .. } = *it.token;
            Ok(Fit { token, decimals, amount: it.amount, chain: Some(it.as_ref()) })
        }
        (Movement::InBooks { currency, amount }, Some(own)) => {
            let mut faults = Faults::default();
            if currency.as_ref().is_some_and(|it| it != own) {
                faults.add("transaction.token", Fault::new("must be the wallet's currency"));
            }
            let decimals = own.decimals();
            let amount = faults.keep("transaction.amount", amount.in_currency(decimals));
            Ok(Fit { token: own.as_str(), decimals, amount: faults.finish(amount)?, chain: None })
        }
    }
}

fn add(transaction: &Transaction, wallet: &Wallet, undo: bool) -> Add {
    Add { undo, never_below_zero: wallet.kind == WalletKind::Ledger, ..transaction.add() }
}

/// Says what became of a transaction: PENDING goes to CONFIRMED or FAILED; CONFIRMED goes to FAILED on a reorganisation,
/// which moves the balance back. What was said in one of a customer's goes when they are erased, and does not come back.
///
/// # Errors
///
/// [`Error::Invalid`] where a ledger wallet's is to be in a block; [`Error::TransactionTransitionNotAllowed`].
pub fn update_status(
    transaction: &Transaction,
    wallet: &Wallet,
    member: &Member,
    to: TransactionStatus,
    block_height: u64,
    ctx: Context,
) -> Result<Change> {
    use TransactionStatus::{Confirmed, Failed, Pending};
    if transaction.network.is_none() && block_height != 0 {
        return Err(Error::invalid("block_height", "must be 0 for a ledger wallet"));
    }
    let block_height = if block_height == 0 { transaction.block_height } else { block_height };
    let mut next = Transaction { status: to, block_height, update_us: ctx.now_us, ..transaction.clone() };
    if member.customer.erase_us.is_some() {
        // It left with them, and may have been read before.
        next.description = Text::default();
    }
    let mut change = Change::new(ctx).expects(&member.customer).expects(&*member.domain);
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

#[cfg(test)]
mod tests;
