//! What a group was decided on, as it is stored now.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::backend::Tx;
use super::set::{Set, Type, Value};
use super::{requests, sweep};
use crate::domain::{Change, Facts, KeyChange, KeyState, Result, Sweep, Table, UniqueKey};

/// Reads it under the locks of the logs, so that it stays true until the transaction ends.
pub(super) async fn read(tx: &mut Tx, group: &[Change]) -> Result<Facts> {
    let marks = group.iter().filter_map(|it| it.ctx.request.as_ref());
    let mut shared_emails = HashSet::new();
    for change in group {
        if let Some(Sweep::TakeEmails(domain)) = change.sweep
            && sweep::emails_are_shared(tx, domain).await?
        {
            shared_emails.insert(domain);
        }
    }
    Ok(Facts {
        requests: requests::read(tx.conn(), marks).await?,
        keys: keys(tx, group).await?,
        rows: rows(tx, group).await?,
        shared_emails,
    })
}

async fn keys(tx: &mut Tx, group: &[Change]) -> Result<HashMap<UniqueKey, KeyState>> {
    const READ: &str = "
        WITH q(scope, kind, key) AS ({set})
        SELECT k.scope, k.kind, k.key, k.owner, k.held_until_us FROM q CROSS JOIN unique_keys AS k
        WHERE k.scope = q.scope AND k.kind = q.kind AND k.key = q.key";
    let touched: BTreeSet<_> = group.iter().flat_map(|it| &it.keys).map(KeyChange::key).collect();
    if touched.is_empty() {
        return Ok(HashMap::new());
    }
    let set = Set::of(
        &[Type::Uuid, Type::Text, Type::Text],
        touched.into_iter().map(|it| [Value::from(it.scope), it.kind.as_str().into(), it.text.as_str().into()]),
    );
    let rows: Vec<(Uuid, String, String, Option<Uuid>, Option<i64>)> = tx.conn().fetch(READ, set).await?;
    rows.into_iter()
        .map(|(scope, kind, text, owner, held_until_us)| {
            let kind = kind.parse().map_err(crate::domain::Error::internal)?;
            Ok((UniqueKey { scope, kind, text }, KeyState { owner, held_until_us }))
        })
        .collect()
}

async fn rows(tx: &mut Tx, group: &[Change]) -> Result<HashMap<(Table, Uuid), i64>> {
    let expected: BTreeSet<_> = group.iter().flat_map(Change::decided_on).map(|it| (it.table, it.id)).collect();
    let mut versions = HashMap::with_capacity(expected.len());
    for table in Table::ALL {
        let ids: Vec<_> = expected.iter().filter(|it| it.0 == *table).map(|it| [it.1.into()]).collect();
        if ids.is_empty() {
            continue;
        }
        let sql = format!(
            "WITH q(id) AS ({{set}}) SELECT t.id, t.sequence FROM q CROSS JOIN {table} AS t WHERE t.id = q.id"
        );
        let rows: Vec<(Uuid, i64)> = tx.conn().fetch(&sql, Set::of(&[Type::Uuid], ids)).await?;
        versions.extend(rows.into_iter().map(|(id, sequence)| ((*table, id), sequence)));
    }
    Ok(versions)
}
