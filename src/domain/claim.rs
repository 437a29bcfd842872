//! Claims: what somebody says that they have paid, until somebody else has looked at it.

use serde::{Deserialize, Serialize};

use super::claim_link::refuse_deleted;
use super::{
    Amount, ApiKeyId, Change, ClaimId, Context, CustomerId, Decimal, DomainId, Error, EventType, Fault,
    Faults, KeyChange, KeyKind, Line, Member, Movement, Network, NewTransaction, OnChain, OnRecord,
    PaymentClaimLink, PaymentClaimLinkId, Result, Text, Token, Transaction, TransactionId, TransactionStatus,
    TransactionType, TxHash, UniqueKey, Wallet, transaction, wallet, words,
};

words! {
    /// How far a claim has come.
    ClaimStatus {
        /// Nobody has decided on it.
        Pending = "PENDING",
        /// Its deposit is recorded.
        Approved = "APPROVED",
        /// It was turned down.
        Rejected = "REJECTED",
    }
}

/// That somebody says they have paid a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Which.
    pub id: ClaimId,
    /// The sequence of the last event about it.
    #[serde(skip)]
    pub sequence: i64,
    /// By which link.
    pub link_id: PaymentClaimLinkId,
    /// In which domain.
    pub domain_id: DomainId,
    /// Who was paid.
    pub customer_id: CustomerId,
    /// How far it has come.
    pub status: ClaimStatus,
    /// On which network.
    pub network: Network,
    /// Of what: a symbol of the network's tokens.
    pub token: String,
    /// How many decimals the token has.
    pub decimals: u8,
    /// How much.
    pub amount: Amount,
    /// Where it is on the chain.
    pub tx_hash: TxHash,
    /// What whoever submitted it wrote.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub note: Text<500>,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub reason: Line,
    /// The deposit that approval recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// By which key it was decided on, if by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<ApiKeyId>,
    /// When it was submitted, in microseconds since 1970.
    pub create_us: i64,
    /// When it last changed.
    pub update_us: i64,
}

impl Claim {
    /// What a caller shows to say which version it has seen. Callers see it as opaque.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("v{}", self.sequence)
    }

    /// The name that keeps its transaction from being claimed twice.
    fn key(&self) -> UniqueKey {
        let text = format!("{}/{}", self.network, self.tx_hash.as_str());
        UniqueKey::of_customer(KeyKind::ClaimedTransaction, self.domain_id, &text)
    }

    /// The transaction that it is of, as deposits of that are found.
    #[must_use]
    pub fn on_record(&self) -> OnRecord {
        OnRecord { domain: self.domain_id, network: self.network, tx_hash: self.tx_hash.clone() }
    }

    /// Whether a deposit is what is claimed.
    fn is_met_by(&self, deposit: &Transaction) -> bool {
        deposit.customer_id == self.customer_id
            && deposit.status == TransactionStatus::Confirmed
            && (&deposit.token, deposit.decimals, deposit.amount) == (&self.token, self.decimals, self.amount)
    }

    fn require_pending(&self) -> Result<()> {
        match self.status {
            ClaimStatus::Pending => Ok(()),
            status => Err(Error::ClaimClosed(self.id, status)),
        }
    }
}

/// What `SubmitClaim` asks for.
#[derive(Clone, Debug)]
pub struct NewClaim {
    /// On which network.
    pub network: Network,
    /// Of what.
    pub token: &'static Token,
    /// How much.
    pub amount: Amount,
    /// The transaction's hash.
    pub tx_hash: TxHash,
    /// Anything else.
    pub note: Text<500>,
}

impl NewClaim {
    /// Reads one; none where a fault was noted. What depends on the network is not looked at without one.
    pub fn parse(
        network: Option<Network>,
        token: &str,
        amount: String,
        tx_hash: &str,
        note: String,
        faults: &mut Faults,
    ) -> Option<Self> {
        const MISSING: Fault = Fault::new("is required");
        let given = |text: &str| if text.is_empty() { Err(MISSING) } else { Ok(()) };
        let known = |it: Network| it.token(token).ok_or(Fault::new("must be a token of the network"));
        let token = given(token).and_then(|()| network.map(known).transpose());
        let token = faults.keep("token", token).flatten();
        let amount = given(&amount).and_then(|()| Decimal::try_from(amount));
        let amount = faults.keep("amount", amount);
        let units =
            token.zip(amount).and_then(|(token, it)| faults.keep("amount", it.in_units(token.decimals)));
        let hash = |it: Network| TxHash::parse(it.info().family, tx_hash);
        let tx_hash = given(tx_hash).and_then(|()| network.map(hash).transpose());
        let tx_hash = faults.keep("tx_hash", tx_hash).flatten();
        let note = faults.keep("note", note.try_into());
        Some(Self { network: network?, token: token?, amount: units?, tx_hash: tx_hash?, note: note? })
    }
}

/// Refuses to be told of somebody who is deleted, without saying who that was.
///
/// # Errors
///
/// [`Error::PayeeDeleted`].
pub fn refuse_gone(member: &Member) -> Result<()> {
    refuse_deleted(member).map_err(|_| Error::PayeeDeleted)
}

/// Submits a claim by a link, which is used by that.
///
/// # Errors
///
/// As [`PaymentClaimLink::admit`]; [`Error::PayeeDeleted`], [`Error::NetworkNotAllowed`]. That the transaction is claimed
/// already shows when it is committed.
pub fn submit(
    new: &NewClaim,
    link: &PaymentClaimLink,
    member: &Member,
    id: ClaimId,
    ctx: Context,
) -> Result<Change> {
    link.admit(ctx.now_us)?;
    refuse_gone(member)?;
    wallet::allow(&member.domain, new.network)?;
    let claim = Claim {
        id,
        sequence: 0,
        link_id: link.id,
        domain_id: link.domain_id,
        customer_id: link.customer_id,
        status: ClaimStatus::Pending,
        network: new.network,
        token: new.token.symbol.to_owned(),
        decimals: new.token.decimals,
        amount: new.amount,
        tx_hash: new.tx_hash.clone(),
        note: new.note.clone(),
        reason: Line::default(),
        transaction_id: None,
        decided_by: None,
        create_us: ctx.now_us,
        update_us: ctx.now_us,
    };
    let used = link.used(ctx.now_us);
    let mut changed = vec!["use_count"];
    if used.status != link.status {
        changed.push("status");
    }
    let keys = vec![KeyChange::TakeFor(claim.key(), id.as_uuid())];
    let change = Change::new(ctx).expects(&member.customer).expects(&*member.domain).keys(keys);
    let change = change.writes(claim, EventType::ClaimSubmitted, &[]);
    Ok(change.writes(used, EventType::ClaimLinkUsed, &changed))
}

/// What approval is decided on beside the claim and its customer.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The deposits of the claimed transaction that are on record in the domain, whoever's they are, but those that failed.
    pub deposits: Vec<Transaction>,
    /// The wallet that a deposit would go to, at that address of it.
    pub wallet: Option<(Wallet, String)>,
}

/// Approves a claim: with the deposit that is on record, or else by recording one.
///
/// # Errors
///
/// [`Error::ClaimClosed`], [`Error::CustomerDeleted`]; [`Error::Taken`] where the transaction is on record otherwise than it
/// is claimed; [`Error::NoWalletOnNetwork`]; as [`transaction::record`].
pub fn approve(
    claim: &Claim,
    evidence: &Evidence,
    member: &Member,
    id: TransactionId,
    ctx: Context,
) -> Result<Change> {
    claim.require_pending()?;
    refuse_deleted(member)?;
    let decided_by = ctx.actor.key();
    let approved = |id| Claim {
        status: ClaimStatus::Approved,
        transaction_id: Some(id),
        decided_by,
        update_us: ctx.now_us,
        ..claim.clone()
    };
    let changed = &["status", "transaction_id"];
    if let Some(deposit) = evidence.deposits.iter().find(|it| claim.is_met_by(it)) {
        let change = Change::new(ctx.clone()).expects(deposit).expects(&member.customer);
        let change = change.expects(&*member.domain);
        return Ok(change.writes(approved(deposit.id), EventType::ClaimApproved, changed));
    }
    if let Some(other) = evidence.deposits.first() {
        // Of somebody else, not confirmed, or of another amount: to record it again would be to believe whoever claims it.
        return Err(Error::Taken { kind: KeyKind::Transaction, owner: Some(other.id.to_string()) });
    }
    let wallet = evidence.wallet.as_ref();
    let (wallet, address) = wallet.ok_or(Error::NoWalletOnNetwork(claim.customer_id, claim.network))?;
    let deposit = deposit(claim, wallet)?;
    let next = approved(id);
    let (deposit, mut change) = transaction::recorded(&deposit, wallet, member, Some(address), id, ctx)?;
    let on_record = claim.on_record();
    change.keys.push(KeyChange::TakeFor(on_record.claimed_by(claim.customer_id), id.as_uuid()));
    let change = change.unrecorded(on_record);
    // What is answered comes first.
    let change = change.writes(next, EventType::ClaimApproved, changed);
    Ok(change.writes(deposit, EventType::TransactionCreated, &[]))
}

/// What is recorded where nobody has recorded it.
fn deposit(claim: &Claim, wallet: &Wallet) -> Result<NewTransaction> {
    let unknown = || Error::internal(format!("{} is of a token that is not known", claim.id));
    let moved = OnChain {
        network: claim.network,
        token: claim.network.token(&claim.token).ok_or_else(unknown)?,
        amount: claim.amount,
        address: None,
        place: Some((claim.tx_hash.clone(), 0)),
        block_height: 0,
        from: None,
        to: None,
    };
    Ok(NewTransaction {
        wallet_id: wallet.id,
        reference: None,
        kind: TransactionType::Deposit,
        status: TransactionStatus::Confirmed,
        movement: Movement::OnChain(Box::new(moved)),
        description: Text::default(),
    })
}

/// Turns a claim down; its transaction may be claimed again.
///
/// # Errors
///
/// [`Error::ClaimClosed`].
pub fn reject(claim: &Claim, member: &Member, reason: Line, ctx: Context) -> Result<Change> {
    claim.require_pending()?;
    let mut next = Claim {
        status: ClaimStatus::Rejected,
        reason: reason.clone(),
        decided_by: ctx.actor.key(),
        update_us: ctx.now_us,
        ..claim.clone()
    };
    let mut why = reason;
    if member.customer.erase_us.is_some() {
        // What was said left with them, and nothing more is said of them.
        (next.note, next.reason, why) = Default::default();
    }
    let change = Change::new(ctx).expects(&member.customer).expects(&*member.domain).because(why);
    let change = change.keys(vec![KeyChange::Release(claim.key())]);
    Ok(change.writes(next, EventType::ClaimRejected, &["status", "reason"]))
}

#[cfg(test)]
mod tests;
