//! Which Changes of a group may go, judged against what is stored before anything is written.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::tenant::DAY_US;
use super::{
    Account, Change, CustomerId, DomainId, Error, KeyChange, LogId, OnRecord, RequestId, RequestMark,
    Resource, Sums, Sweep, Table, UniqueKey, WalletId,
};

/// A request that took effect. Of one whose customer was erased nothing is known but when: it has no method, and is the
/// same as no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The method called.
    pub method: String,
    /// SHA-256 of what was asked.
    pub digest: [u8; 32],
    /// The event, in the log of the request's scope, that holds the outcome.
    pub sequence: i64,
    /// When it took effect, in microseconds since 1970.
    pub create_us: i64,
}

impl Remembered {
    /// How long a request is remembered.
    pub const FOR_US: i64 = DAY_US;

    /// What it means for a request with the same id: nothing once it is too old.
    #[must_use]
    pub fn verdict(&self, request: &RequestMark, now_us: i64) -> Option<Verdict> {
        if self.create_us <= now_us - Self::FOR_US {
            return None;
        }
        let same = self.method == request.method && self.digest == request.digest;
        Some(if same { Verdict::Replay { sequence: self.sequence } } else { Verdict::Reused })
    }
}

/// Whose a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// Who has it, or may take it again while it is held; nobody once they are erased.
    pub owner: Option<Uuid>,
    /// Until when it is held for that owner; none where it is in use.
    pub held_until_us: Option<i64>,
}

impl KeyState {
    /// Until when a name on hold is on hold for nobody: to the end of that day in UTC. To the microsecond it would still say
    /// who it was for, by when they were deleted.
    #[must_use]
    pub const fn held_for_nobody(until_us: i64) -> i64 {
        until_us.saturating_add(DAY_US - 1).div_euclid(DAY_US) * DAY_US
    }
}

/// What is stored that a group was decided on, read under the locks of its logs.
#[derive(Debug, Default)]
pub struct Facts {
    /// The requests of the group that took effect before.
    pub requests: HashMap<(LogId, RequestId), Remembered>,
    /// The names the group touches that somebody has.
    pub keys: HashMap<UniqueKey, KeyState>,
    /// The version of each row the group was decided on.
    pub rows: HashMap<(Table, Uuid), i64>,
    /// How many rows of a table the customers ever had all of whose rows were decided on.
    pub all: HashMap<(Table, CustomerId), i64>,
    /// The sums of the balances that the group adds to; those that are not there yet are missing.
    pub sums: HashMap<Account, Sums>,
    /// The transactions on chains that the group must not find on record, and that are.
    pub on_record: HashSet<OnRecord>,
    /// The domains about to make emails unique in which two customers share one.
    pub shared_emails: HashSet<DomainId>,
}

/// What becomes of a Change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is committed.
    Go,
    /// The request took effect before: the answer is in that event.
    Replay {
        /// The event's sequence in the log of the request's scope.
        sequence: i64,
    },
    /// The request id was used for something else.
    Reused,
    /// Something it was decided on has changed: decide again.
    Stale,
    /// Somebody else has the name.
    Taken {
        /// The name.
        key: UniqueKey,
        /// Who has it.
        owner: Option<Uuid>,
    },
    /// The name is held for somebody else.
    Held {
        /// Until when, in microseconds since 1970.
        until_us: i64,
    },
    /// Emails cannot be made unique.
    EmailsShared,
    /// A balance of this wallet would be below zero.
    Insufficient(WalletId),
    /// A balance of this wallet would be more than can be counted.
    Overflow(WalletId),
    /// It meets another of its group: judge it again once that is committed.
    Again,
}

/// Judges each Change of a group, in order.
///
/// A request that took effect outranks every other conflict. Of several that meet in one name or row, the first goes.
#[must_use]
pub fn judge(group: &[Change], facts: &Facts) -> Vec<Verdict> {
    let mut bench = Bench { facts, claimed: Claimed::default() };
    group
        .iter()
        .map(|change| {
            let verdict = bench.verdict(change);
            if verdict == Verdict::Go {
                bench.claimed.add(change, facts);
            }
            verdict
        })
        .collect()
}

struct Bench<'a> {
    facts: &'a Facts,
    claimed: Claimed<'a>,
}

/// What the Changes that go have claimed so far.
#[derive(Default)]
struct Claimed<'a> {
    any: bool,
    swept: bool,
    requests: HashSet<(LogId, &'a RequestId)>,
    /// The names that are somebody's by now, and whose where they may be taken twice.
    keys: HashMap<&'a UniqueKey, Option<Uuid>>,
    rows: HashSet<(Table, Uuid)>,
    on_record: HashSet<OnRecord>,
    /// Who gets another row of a table.
    made: HashSet<(Table, CustomerId)>,
    sums: HashMap<&'a Account, Sums>,
}

impl<'a> Bench<'a> {
    fn verdict(&self, change: &'a Change) -> Verdict {
        self.by_request(change)
            .or_else(|| self.by_sweep(change))
            .or_else(|| self.by_rows(change))
            .or_else(|| change.keys.iter().find_map(|it| self.by_key(change, it)))
            .or_else(|| self.by_sums(change))
            .unwrap_or(Verdict::Go)
    }

    fn by_request(&self, change: &'a Change) -> Option<Verdict> {
        let request = change.ctx.request.as_ref()?;
        if self.claimed.requests.contains(&(request.scope, &request.id)) {
            return Some(Verdict::Again);
        }
        let remembered = self.facts.requests.get(&(request.scope, request.id.clone()))?;
        remembered.verdict(request, change.ctx.now_us)
    }

    fn by_sweep(&self, change: &Change) -> Option<Verdict> {
        if self.claimed.swept || (change.sweep.is_some() && self.claimed.any) {
            return Some(Verdict::Again);
        }
        match change.sweep {
            Some(Sweep::TakeEmails(domain)) if self.facts.shared_emails.contains(&domain) => {
                Some(Verdict::EmailsShared)
            }
            _ => None,
        }
    }

    fn by_rows(&self, change: &Change) -> Option<Verdict> {
        let stale = change.decided_on().any(|it| {
            let row = (it.table, it.id);
            self.claimed.rows.contains(&row) || self.facts.rows.get(&row) != Some(&it.sequence)
        });
        let on_record = change
            .unrecorded
            .as_ref()
            .is_some_and(|it| self.claimed.on_record.contains(it) || self.facts.on_record.contains(it));
        let is_more = change.all_of.iter().any(|(table, of, ever)| {
            self.claimed.made.contains(&(*table, *of)) || self.facts.all.get(&(*table, *of)) != Some(ever)
        });
        (stale || on_record || is_more).then_some(Verdict::Stale)
    }

    fn by_key(&self, change: &Change, key: &KeyChange) -> Option<Verdict> {
        let own = change.writes.first().and_then(|it| key.owner(it.resource.id()));
        match self.claimed.keys.get(key.key()) {
            None => {}
            Some(said) if said.is_some() && *said == key.said_of() => return None,
            Some(_) => return Some(Verdict::Again),
        }
        if key.reads().any(|it| self.claimed.keys.contains_key(it)) {
            return Some(Verdict::Again);
        }
        let gives_up = matches!(key, KeyChange::Release(_) | KeyChange::ReleaseUnless(..));
        if gives_up || matches!(key, KeyChange::Hold { .. } | KeyChange::Orphan(_)) {
            return None;
        }
        let taken = |owner| Verdict::Taken { key: key.key().clone(), owner };
        let Some(state) = self.facts.keys.get(key.key()) else {
            return matches!(key, KeyChange::Owned(..)).then(|| taken(None));
        };
        if state.owner.is_some() && state.owner == own {
            return None;
        }
        match state.held_until_us {
            None => Some(taken(state.owner)),
            Some(until_us) if until_us > change.ctx.now_us => Some(Verdict::Held { until_us }),
            Some(_) => None,
        }
    }
}

impl Bench<'_> {
    /// One after the other, as they will be added.
    fn by_sums(&self, change: &Change) -> Option<Verdict> {
        let mut added: HashMap<&Account, Sums> = HashMap::new();
        change.adds.iter().find_map(|add| {
            let sums = added.get(&add.account).or_else(|| self.claimed.sums.get(&add.account));
            let sums = sums.or_else(|| self.facts.sums.get(&add.account));
            match sums.copied().unwrap_or_default().after(add) {
                Ok(sums) => {
                    added.insert(&add.account, sums);
                    None
                }
                Err(Error::InsufficientBalance(id)) => Some(Verdict::Insufficient(id)),
                Err(_) => Some(Verdict::Overflow(add.account.wallet)),
            }
        })
    }
}

impl<'a> Claimed<'a> {
    fn add(&mut self, change: &'a Change, facts: &Facts) {
        self.any = true;
        self.swept |= change.sweep.is_some();
        self.requests.extend(change.ctx.request.iter().map(|it| (it.scope, &it.id)));
        self.keys.extend(change.keys.iter().map(|it| (it.key(), it.said_of())));
        for add in &change.adds {
            let before = self.sums.get(&add.account).or_else(|| facts.sums.get(&add.account));
            let after = before.copied().unwrap_or_default().after(add);
            self.sums.extend(after.ok().map(|it| (&add.account, it)));
        }
        for write in change.writes.iter().filter(|it| it.event.is_some()) {
            let table = write.resource.table();
            self.rows.insert((table, write.resource.id()));
            let made = match &write.resource {
                Resource::Wallet(it) => Some((it.sequence, it.customer_id)),
                Resource::PaymentClaimLink(it) => Some((it.sequence, it.customer_id)),
                _ => None,
            };
            self.made.extend(made.filter(|it| it.0 == 0).map(|it| (table, it.1)));
        }
        self.on_record.extend(change.writes.iter().filter_map(|it| match &it.resource {
            Resource::Transaction(it) => it.on_record(),
            _ => None,
        }));
    }
}

#[cfg(test)]
mod tests;
