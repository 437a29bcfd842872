//! How Changes become durable: a group of them in one transaction.
//!
//! First the logs that the group touches are locked, in one global order; whoever changes anything of a log holds its
//! lock, so what is read next stays true until the commit. Then everything the group was decided on is read and judged,
//! by the pure function [`judge`]; then what may go is written. The database's own constraints have the last word: what
//! they refuse takes the whole transaction back, and the group is judged again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use uuid::Uuid;

use super::backend::STATEMENT_TIMEOUT;
use super::erasure::ERASURE_TIMEOUT;
use super::log::Appender;
use super::row::Puts;
use super::set::{Part, Set, Type, Value};
use super::transaction::Tx;
use super::webhooks::SecretChanges;
use super::{Store, balances, claims, facts, is_of_dead_connection, sweep};
use crate::domain::{
    Account, Change, Counted, CustomerId, Error, Facts, KeyChange, KeyKind, KeyState, LogId, Resource,
    Result, SealedToken, Sums, Sweep, Table, UniqueKey, Verdict, judge,
};

/// What became of a Change.
#[derive(Debug)]
pub enum Outcome {
    /// It is durable. This is the sequence of the first resource it wrote.
    Done(i64),
    /// It lost, and left nothing behind.
    Lost(Verdict),
}

impl Store {
    /// Commits a group of Changes: each whole or not at all, and durable before this returns.
    ///
    /// A Change that cannot go is answered precisely and the rest go on. Where the group as a whole fails for no reason
    /// that passes, it is split, so that one Change which the database refuses hurts no other; where a lock is not to be
    /// had or it takes too long, it is split into those of one log and the rest, so that no tenant's log hurts another's.
    ///
    /// # Errors
    ///
    /// [`Error::DatabaseUnavailable`]: whether the Change took effect is then unknown to the caller.
    /// [`Error::Contended`] after several tries against writers of other instances.
    pub async fn commit(&self, group: &[Change]) -> Vec<Result<Outcome>> {
        let mut waiting = vec![group];
        let mut outcomes = Vec::with_capacity(group.len());
        // Depth first, halves in order: the outcomes come in the order of the Changes.
        while let Some(group) = waiting.pop() {
            match self.commit_patiently(group).await {
                Ok(done) => outcomes.extend(done.into_iter().map(Ok)),
                Err(Error::Internal(cause)) if group.len() > 1 => {
                    tracing::warn!(%cause, size = group.len(), "a group did not commit: splitting it");
                    let (first, second) = group.split_at(group.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(Error::Contended | Error::Overloaded) if spans_logs(group) => {
                    let log = group[0].logs().next();
                    let of_it = group.iter().take_while(|it| it.logs().next() == log).count();
                    let (first, rest) = group.split_at(of_it.min(group.len() - 1));
                    waiting.extend([rest, first]);
                }
                Err(error) => outcomes.extend(group.iter().map(|_| Err(error.clone()))),
            }
        }
        outcomes
    }

    async fn commit_patiently(&self, group: &[Change]) -> Result<Vec<Outcome>> {
        const TRIES: u32 = 8;
        let mut tried = 1;
        loop {
            let mut written = false;
            // Not for ever: where nothing is answered, be it the end or what came before, the outcome is not known.
            match self.in_time(time_for(group), self.commit_once(group, &mut written)).await {
                // What passes, and has left nothing: another instance was first.
                Err(Error::Contended) if tried < TRIES && !spans_logs(group) => tried += 1,
                // The connection had died while it lay idle. Not once anything was written: the end of that may be lost
                // on the way back from a commit that took effect.
                Err(error) if !written && tried < TRIES && is_of_dead_connection(&error) => tried += 1,
                done => return done,
            }
        }
    }

    async fn commit_once(&self, group: &[Change], written: &mut bool) -> Result<Vec<Outcome>> {
        let logs = logs_of(group);
        let (mut tx, mut log) = Appender::lock(&self.db, &logs).await?;
        let facts = facts::read(&mut tx, group).await?;
        let verdicts = judge(group, &facts);

        let mut batch = Batch::default();
        let mut outcomes = Vec::with_capacity(group.len());
        for (change, verdict) in group.iter().zip(verdicts) {
            outcomes.push(match verdict {
                Verdict::Go => Outcome::Done(batch.add(change, &facts, &mut log)?),
                lost => Outcome::Lost(lost),
            });
        }
        if batch.is_empty {
            tx.rollback().await?;
        } else {
            *written = true;
            batch.commit(tx, log).await?;
        }
        Ok(outcomes)
    }
}

/// How long a group may take. Somebody may have done in years what cannot be erased in seconds.
fn time_for(group: &[Change]) -> Duration {
    let erases = group.iter().any(|it| matches!(it.sweep, Some(Sweep::Erase(..))));
    if erases { ERASURE_TIMEOUT } else { STATEMENT_TIMEOUT }
}

/// Whether the group is of more than one tenant.
fn spans_logs(group: &[Change]) -> bool {
    group.len() > 1 && logs_of(group).len() > 1
}

fn logs_of(group: &[Change]) -> BTreeSet<LogId> {
    group.iter().flat_map(Change::logs).collect()
}

/// Everything that the Changes that go write, by table.
struct Batch {
    is_empty: bool,
    puts: BTreeMap<Table, Puts>,
    gone_requests: Set<'static>,
    requests: Set<'static>,
    answers: Set<'static>,
    gone_keys: Set<'static>,
    new_keys: Set<'static>,
    shared_keys: BTreeSet<UniqueKey>,
    past_aliases: Set<'static>,
    counts: BTreeMap<(Uuid, Counted), i64>,
    sums: BTreeMap<Account, Sums>,
    pool: Set<'static>,
    secrets: SecretChanges,
    tokens: Vec<(Uuid, SealedToken)>,
    new_search: Set<'static>,
    search: Set<'static>,
    sweeps: Vec<Sweep>,
}

impl Default for Batch {
    fn default() -> Self {
        use Type::{Bytes, Int, Text, Uuid};
        Self {
            is_empty: true,
            puts: BTreeMap::new(),
            gone_requests: Set::new(&[Uuid, Text]),
            requests: Set::new(&[Uuid, Text, Text, Bytes, Int, Int]),
            answers: Set::new(&[Uuid, Text, Text, Int, Text, Uuid]),
            gone_keys: Set::new(&[Uuid, Text, Text]),
            new_keys: Set::new(&[Uuid, Text, Text, Uuid, Int]),
            shared_keys: BTreeSet::new(),
            past_aliases: Set::new(&[Uuid, Text, Int, Uuid]),
            counts: BTreeMap::new(),
            sums: BTreeMap::new(),
            pool: Set::new(&[Uuid, Int, Text]),
            secrets: SecretChanges::default(),
            tokens: Vec::new(),
            new_search: Set::new(&[Uuid, Text]),
            search: Set::new(&[Uuid, Text]),
            sweeps: Vec::new(),
        }
    }
}

impl Batch {
    /// Takes a Change in; answers the sequence of its first resource.
    fn add(&mut self, change: &Change, facts: &Facts, log: &mut Appender) -> Result<i64> {
        self.is_empty = false;
        let answer = change.writes.first().ok_or_else(|| Error::internal("a Change writes nothing"))?;
        // What the log of the request's scope calls the answer. Where nothing happened, that is its last event.
        let mut outcome = answer.resource.sequence();
        let mut first = None;
        for write in &change.writes {
            let Some((event, changed)) = &write.event else { continue };
            let body = write.resource.to_json()?;
            let places = log.append(change, &write.resource, *event, changed, &body);
            self.put(&write.resource, places[0].1, body)?;
            if first.is_none() {
                let scope = change.ctx.request.as_ref().map(|it| it.scope);
                outcome = places.iter().find(|it| Some(it.0) == scope).unwrap_or(&places[0]).1;
                first = Some(places[0].1);
            }
        }
        let at = first.unwrap_or(outcome);
        change.keys.iter().for_each(|it| self.key(it, answer.resource.id(), at, facts));
        for (of, counted, delta) in &change.counts {
            *self.counts.entry((*of, *counted)).or_default() += delta;
        }
        self.sweeps.extend(change.sweep);
        for add in &change.adds {
            let before = self.sums.get(&add.account).or_else(|| facts.sums.get(&add.account));
            let after = before.copied().unwrap_or_default().after(add)?;
            self.sums.insert(add.account.clone(), after);
        }
        if let Some((source, first, addresses)) = &change.pool {
            let places = i64::from(*first)..;
            self.pool.extend(
                places.zip(addresses).map(|(n, it)| [source.as_uuid().into(), n.into(), it.as_str().into()]),
            );
        }
        if let Some(secrets) = &change.secrets {
            let (id, home) = (answer.resource.id(), answer.resource.home());
            self.secrets.add(secrets, id, home, first.unwrap_or(outcome), change.ctx.now_us);
        }
        self.tokens.extend(change.token.iter().map(|it| (answer.resource.id(), it.clone())));
        // One that is there is too old to count: it would have been the answer otherwise.
        let old =
            change.ctx.request.iter().filter(|it| facts.requests.contains_key(&(it.scope, it.id.clone())));
        self.gone_requests.extend(old.map(|it| [it.scope.as_uuid().into(), it.id.as_str().into()]));
        self.requests.extend(change.ctx.request.iter().map(|it| {
            [
                it.scope.as_uuid().into(),
                it.id.as_str().into(),
                it.method.into(),
                it.digest.into(),
                outcome.into(),
                change.ctx.now_us.into(),
            ]
        }));
        if first.is_none() {
            self.answer(change, &answer.resource)?;
        }
        Ok(first.unwrap_or(outcome))
    }

    /// Keeps what a request is answered with that changed nothing: no event holds it.
    fn answer(&mut self, change: &Change, answer: &Resource) -> Result<()> {
        let Some(request) = &change.ctx.request else { return Ok(()) };
        self.answers.extend([[
            request.scope.as_uuid().into(),
            request.id.as_str().into(),
            answer.table().as_str().into(),
            answer.sequence().into(),
            answer.to_json()?.into(),
            answer.customer_id().map(CustomerId::as_uuid).into(),
        ]]);
        Ok(())
    }

    fn put(&mut self, resource: &Resource, sequence: i64, body: String) -> Result<()> {
        if let Resource::Customer(customer) = resource {
            let text = customer.profile.search_text();
            let search = if customer.sequence == 0 { &mut self.new_search } else { &mut self.search };
            search.extend([[customer.id.as_uuid().into(), text.into()]]);
        }
        if let Resource::Wallet(wallet) = resource
            && wallet.sequence == 0
        {
            for address in &wallet.addresses {
                let address = Resource::from(address.clone());
                let body = address.to_json()?;
                self.puts_of(Table::Addresses).push(&address, sequence, body);
            }
        }
        self.puts_of(resource.table()).push(resource, sequence, body);
        Ok(())
    }

    fn puts_of(&mut self, table: Table) -> &mut Puts {
        self.puts.entry(table).or_insert_with(|| Puts::new(table))
    }

    /// A name that is there leaves first, and comes back as it is from now on.
    fn key(&mut self, change: &KeyChange, owner: Uuid, at: i64, facts: &Facts) {
        let UniqueKey { scope, kind, text } = change.key();
        let key = || [Value::from(*scope), kind.as_str().into(), text.as_str().into()];
        if let KeyChange::Share(shared, owner) = change {
            let is_there = facts.keys.get(shared).is_some_and(|it| it.owner == Some(*owner));
            if is_there || !self.shared_keys.insert(shared.clone()) {
                return;
            }
        }
        if let KeyChange::Orphan(held) = change {
            return self.orphan(held, owner, facts);
        }
        let stays = match change {
            KeyChange::Free(_) | KeyChange::Owned(..) => return,
            KeyChange::ReleaseUnless(_, others) => others.iter().any(|it| facts.keys.contains_key(it)),
            _ => false,
        };
        if !stays && facts.keys.contains_key(change.key()) {
            self.gone_keys.extend([key()]);
        }
        let next = change.owner(owner);
        // Whoever had it then can be asked for later.
        let past = facts.keys.get(change.key()).and_then(|it| it.owner);
        if let Some(past) = past.filter(|it| *kind == KeyKind::Alias && Some(*it) != next) {
            let row = [Value::from(*scope), text.as_str().into(), at.into(), past.into()];
            self.past_aliases.extend([row]);
        }
        let Some(owner) = next else { return };
        let held_until_us =
            if let KeyChange::Hold { until_us, .. } = change { Some(*until_us) } else { None };
        let [scope, kind, text] = key();
        self.new_keys.extend([[scope, kind, text, owner.into(), held_until_us.into()]]);
    }

    /// A name on hold for its owner is on hold for nobody; anybody else's stays as it is.
    fn orphan(&mut self, key: &UniqueKey, owner: Uuid, facts: &Facts) {
        let Some(KeyState { owner: Some(of), held_until_us: Some(until_us) }) = facts.keys.get(key) else {
            return;
        };
        if *of == owner {
            let name = || [Value::from(key.scope), key.kind.as_str().into(), key.text.as_str().into()];
            self.gone_keys.extend([name()]);
            let until_us = KeyState::held_for_nobody(*until_us);
            self.new_keys.extend([name().into_iter().chain([Value::Null, until_us.into()])]);
        }
    }

    /// Writes it all, and the events with it, and commits.
    async fn commit(self, mut tx: Tx, log: Appender) -> Result<()> {
        const FREE_KEYS: &str = "
            WITH q(scope, kind, key) AS ({set})
            DELETE FROM unique_keys WHERE (scope, kind, key) IN (SELECT scope, kind, key FROM q)";
        const FORGET_REQUESTS: &str = "
            WITH q(scope, id) AS ({set})
            DELETE FROM requests WHERE (scope, id) IN (SELECT scope, id FROM q)";
        // Plain inserts: where somebody else's commit has made untrue what was judged, the primary key says so.
        const PUT_KEYS: &str = "
            INSERT INTO unique_keys (scope, kind, key, owner, held_until_us)
            SELECT scope, kind, key, owner, held_until_us FROM {q} WHERE scope IS NOT NULL";
        const PUT_PAST_ALIASES: &str = "
            INSERT INTO past_aliases (scope, key, until_sequence, owner)
            SELECT scope, key, until_sequence, owner FROM {q} WHERE scope IS NOT NULL";
        const PUT_REQUESTS: &str = "
            INSERT INTO requests (scope, id, method, digest, sequence, create_us)
            SELECT scope, id, method, digest, sequence, create_us FROM {q} WHERE scope IS NOT NULL";
        const PUT_ANSWERS: &str = "
            INSERT INTO answers (scope, id, resource, sequence, body, customer_id)
            SELECT scope, id, resource, sequence, body, customer_id FROM {q} WHERE scope IS NOT NULL";
        const PUT_COUNTS: &str = "
            INSERT INTO counters (scope, name, value) SELECT scope, name, value FROM {q} WHERE scope IS NOT NULL
            ON CONFLICT (scope, name) DO UPDATE SET value = counters.value + excluded.value";
        const NEW_SEARCH: &str = "
            INSERT INTO customer_search (customer_id, text) SELECT customer_id, text FROM {q}
            WHERE customer_id IS NOT NULL";
        const PUT_SEARCH: &str = "
            INSERT INTO customer_search (customer_id, text) SELECT customer_id, text FROM {q}
            WHERE customer_id IS NOT NULL
            ON CONFLICT (customer_id) DO UPDATE SET text = excluded.text";

        const PUT_SUMS: &str = "
            INSERT INTO balances (wallet_id, network, token, sums)
            SELECT wallet_id, network, token, sums FROM {q} WHERE wallet_id IS NOT NULL
            ON CONFLICT (wallet_id, network, token) DO UPDATE SET sums = excluded.sums";
        const PUT_POOL: &str = "
            INSERT INTO address_pool (source_id, position, address)
            SELECT source_id, position, address FROM {q} WHERE source_id IS NOT NULL";

        tx.conn().run(FREE_KEYS, self.gone_keys).await?;
        tx.conn().run(FORGET_REQUESTS, self.gone_requests).await?;
        let counts =
            self.counts.into_iter().map(|((of, it), delta)| [of.into(), it.as_str().into(), delta.into()]);
        let counts = Set::of(&[Type::Uuid, Type::Text, Type::Int], counts);
        let mut parts: Vec<Part<'_>> = self.puts.into_values().flat_map(Puts::parts).collect();
        parts.extend([
            Part::new("scope, kind, key, owner, held_until_us", self.new_keys, PUT_KEYS),
            Part::new("scope, key, until_sequence, owner", self.past_aliases, PUT_PAST_ALIASES),
            Part::new("scope, id, method, digest, sequence, create_us", self.requests, PUT_REQUESTS),
            Part::new("scope, id, resource, sequence, body, customer_id", self.answers, PUT_ANSWERS),
            Part::new("customer_id, text", self.new_search, NEW_SEARCH),
            Part::new("customer_id, text", self.search, PUT_SEARCH),
            Part::new("scope, name, value", counts, PUT_COUNTS),
            Part::new("wallet_id, network, token, sums", balances::set(self.sums), PUT_SUMS),
            Part::new("source_id, position, address", self.pool, PUT_POOL),
            claims::new_tokens(self.tokens.iter().map(|it| (it.0, &it.1))),
        ]);
        parts.extend(self.secrets.parts());
        parts.extend(log.parts());
        for it in self.sweeps {
            sweep::run(&mut tx, it).await?;
        }
        tx.commit(parts).await
    }
}
