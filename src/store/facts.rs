//! What a group was decided on, as it is stored now.

use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use super::set::{Part, Set, Type, Value};
use super::sweep;
use super::transaction::Tx;
use super::{balances, requests};
use crate::domain::{
    Change, CustomerId, DomainId, Error, Facts, KeyChange, KeyState, Network, OnRecord, Result, Sweep, Table,
    TxHash, UniqueKey,
};

/// A row of any of the questions: which one, and what it found.
type Row =
    (String, Uuid, Option<String>, Option<String>, Option<Vec<u8>>, Option<Uuid>, Option<i64>, Option<i64>);

/// Reads it under the locks of the logs, so that it stays true until the transaction ends.
pub(super) async fn read(tx: &mut Tx, group: &[Change]) -> Result<Facts> {
    let mut facts = Facts { shared_emails: shared_emails(tx, group).await?, ..Facts::default() };
    let accounts: BTreeSet<_> = group.iter().flat_map(|it| &it.adds).map(|it| &it.account).collect();
    let mut parts = vec![
        requests_of(group),
        erased_requests_of(group),
        keys_of(group),
        balances::facts(accounts.into_iter()),
        on_record(group),
    ];
    parts.extend([Table::Wallets, Table::ClaimLinks].map(|it| all_of(it, group)));
    let expected: BTreeSet<_> =
        group.iter().flat_map(Change::decided_on).map(|it| (it.table, it.id)).collect();
    parts.extend(Table::ALL.iter().map(|table| rows_of(*table, &expected)));
    for row in tx.conn().fetch_all_of::<Row>(parts).await? {
        note(&mut facts, row)?;
    }
    Ok(facts)
}

fn requests_of(group: &[Change]) -> Part<'static> {
    const READ: &str = "
        SELECT 'request', r.scope, r.id, r.method, r.digest, CAST(NULL AS UUID), r.sequence, r.create_us
        FROM {q} AS q CROSS JOIN requests AS r WHERE r.scope = q.scope AND r.id = q.id";
    Part::new("scope, id, id_sha256", marks_of(group), READ)
}

/// Those of customers who were erased: with what is left of an id in the place of a digest, which is that of no request.
fn erased_requests_of(group: &[Change]) -> Part<'static> {
    const READ: &str = "
        SELECT 'request', q.scope, q.id, '', e.id_sha256, CAST(NULL AS UUID), CAST(0 AS BIGINT), e.create_us
        FROM {q} AS q CROSS JOIN erased_requests AS e WHERE e.scope = q.scope AND e.id_sha256 = q.id_sha256";
    Part::new("scope, id, id_sha256", marks_of(group), READ)
}

fn marks_of(group: &[Change]) -> Set<'static> {
    requests::set(group.iter().filter_map(|it| it.ctx.request.as_ref()))
}

fn keys_of(group: &[Change]) -> Part<'static> {
    const READ: &str = "
        SELECT 'key', k.scope, k.kind, k.key, CAST(NULL AS BYTEA), k.owner, k.held_until_us, CAST(NULL AS BIGINT)
        FROM {q} AS q CROSS JOIN unique_keys AS k WHERE k.scope = q.scope AND k.kind = q.kind AND k.key = q.key";
    let touched: BTreeSet<_> = group.iter().flat_map(|it| &it.keys).flat_map(KeyChange::reads).collect();
    let rows = touched
        .into_iter()
        .map(|it| [Value::from(it.scope), it.kind.as_str().into(), it.text.as_str().into()]);
    Part::new("scope, kind, key", Set::of(&[Type::Uuid, Type::Text, Type::Text], rows), READ)
}

/// Deposits that some of the group are not to find on record.
fn on_record(group: &[Change]) -> Part<'static> {
    const READ: &str = "
        SELECT 'on_record', t.domain_id, t.network, t.tx_hash, CAST(NULL AS BYTEA), CAST(NULL AS UUID),
               CAST(NULL AS BIGINT), CAST(NULL AS BIGINT)
        FROM {q} AS q CROSS JOIN transactions AS t
        WHERE t.domain_id = q.domain_id AND t.network = q.network AND t.tx_hash = q.tx_hash
          AND t.type = 'DEPOSIT' AND t.status <> 'FAILED'";
    let rows = group
        .iter()
        .filter_map(|it| it.unrecorded.as_ref())
        .map(|it| [Value::from(it.domain.as_uuid()), it.network.as_str().into(), it.tx_hash.as_str().into()]);
    Part::new("domain_id, network, tx_hash", Set::of(&[Type::Uuid, Type::Text, Type::Text], rows), READ)
}

fn all_of(table: Table, group: &[Change]) -> Part<'static> {
    let sql = format!(
        "SELECT 'all of', q.customer_id, CAST('{table}' AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS BYTEA),
                CAST(NULL AS UUID), (SELECT count(*) FROM {table} AS t WHERE t.customer_id = q.customer_id),
                CAST(NULL AS BIGINT)
         FROM {{q}} AS q WHERE q.customer_id IS NOT NULL"
    );
    let customers: BTreeSet<_> =
        group.iter().flat_map(|it| &it.all_of).filter(|it| it.0 == table).map(|it| it.1).collect();
    let rows = customers.into_iter().map(|it| [it.as_uuid().into()]);
    Part::new("customer_id", Set::of(&[Type::Uuid], rows), sql)
}

fn rows_of(table: Table, expected: &BTreeSet<(Table, Uuid)>) -> Part<'static> {
    let ids = expected.iter().filter(|it| it.0 == table).map(|it| [it.1.into()]);
    let sql = format!(
        "SELECT '{table}', t.id, CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS BYTEA), CAST(NULL AS UUID),
                t.sequence, CAST(NULL AS BIGINT)
         FROM {{q}} AS q CROSS JOIN {table} AS t WHERE t.id = q.id"
    );
    Part::new("id", Set::of(&[Type::Uuid], ids), sql)
}

fn note(facts: &mut Facts, row: Row) -> Result<()> {
    let broken = || Error::internal("a fact is not whole");
    match row {
        (what, scope, Some(id), Some(method), Some(digest), _, Some(sequence), Some(create_us))
            if what == "request" =>
        {
            let (key, remembered) = requests::parse((scope, id, method, digest, sequence, create_us))?;
            // The newest counts: one of somebody erased may be too old to, and the id another's since.
            let newest = facts.requests.entry(key).or_insert_with(|| remembered.clone());
            if newest.create_us < remembered.create_us {
                *newest = remembered;
            }
        }
        (what, wallet, Some(network), Some(token), Some(sums), ..) if what == "balance" => {
            facts.sums.extend([balances::parse(wallet, &network, token, &sums)?]);
        }
        (what, domain, Some(network), Some(hash), ..) if what == "on_record" => {
            let network: Network = network.parse().map_err(Error::internal)?;
            let parsed = TxHash::parse(network.info().family, &hash);
            let tx_hash = parsed.map_err(|it| Error::internal(it.problem().to_owned()))?;
            facts.on_record.insert(OnRecord { domain: DomainId::from_uuid(domain), network, tx_hash });
        }
        (what, scope, Some(kind), Some(text), _, owner, held_until_us, _) if what == "key" => {
            let kind = kind.parse().map_err(Error::internal)?;
            facts.keys.insert(UniqueKey { scope, kind, text }, KeyState { owner, held_until_us });
        }
        (what, customer, Some(table), .., count, _) if what == "all of" => {
            let table = table.parse().map_err(Error::internal)?;
            facts.all.insert((table, CustomerId::from_uuid(customer)), count.ok_or_else(broken)?);
        }
        (what, id, .., sequence, _) => {
            let table = what.parse().map_err(Error::internal)?;
            facts.rows.insert((table, id), sequence.ok_or_else(broken)?);
        }
    }
    Ok(())
}

async fn shared_emails(tx: &mut Tx, group: &[Change]) -> Result<HashSet<DomainId>> {
    let mut shared = HashSet::new();
    for change in group {
        if let Some(Sweep::TakeEmails(domain)) = change.sweep
            && sweep::emails_are_shared(tx, domain).await?
        {
            shared.insert(domain);
        }
    }
    Ok(shared)
}
