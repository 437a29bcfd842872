//! Of rows: their bodies are JSON, which is compared here, page by page.

use uuid::Uuid;

use super::snapshot::Snapshot;
use crate::domain::{Error, Resource, Result, Table, Wallet};
use crate::store::row;
use crate::store::set::{Set, Type};

/// SQLite takes 32,766 values in a statement.
const PAGE: i64 = 512;

/// How many rows have a body that is not a resource of their table and id, or columns that are not what it says.
pub(super) async fn misplaced(snapshot: &mut Snapshot) -> Result<i64> {
    let mut wrong = 0;
    for table in Table::ALL.iter().copied() {
        let mut after = Uuid::nil();
        loop {
            let page = snapshot.page(table, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.0;
            wrong += count(page.len())?;
            let said = page.into_iter().filter_map(|(id, sequence, body)| {
                let resource = Resource::from_json(table, &body, sequence).ok()?;
                (resource.id() == id).then_some((resource, body))
            });
            let (sql, said) = row::alike(table, said);
            wrong -= alike(snapshot, &sql, said).await?;
        }
    }
    Ok(wrong)
}

/// How many addresses that a wallet names have no row that says the same.
pub(super) async fn unnamed(snapshot: &mut Snapshot) -> Result<i64> {
    const ALIKE: &str = "
        WITH q(id, body) AS ({set})
        SELECT count(*) FROM q CROSS JOIN addresses AS t WHERE t.id = q.id AND t.body = q.body";
    let mut wrong = 0;
    let mut after = Uuid::nil();
    loop {
        let page = snapshot.page(Table::Wallets, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(wrong) };
        after = last.0;
        let mut named = Vec::new();
        for (_, sequence, body) in &page {
            // One that does not parse is told of by `misplaced`.
            let wallet = Resource::from_json(Table::Wallets, body, *sequence).and_then(Wallet::try_from);
            for address in wallet.map_or_else(|_| Vec::new(), |it| it.addresses) {
                let id = address.id.as_uuid();
                named.push([id.into(), Resource::from(address).to_json()?.into()]);
            }
        }
        wrong += count(named.len())?;
        for some in named.chunks(1_024) {
            let some = Set::of(&[Type::Uuid, Type::Text], some.iter().cloned());
            wrong -= alike(snapshot, ALIKE, some).await?;
        }
    }
}

async fn alike(snapshot: &mut Snapshot, sql: &str, set: Set<'_>) -> Result<i64> {
    if set.is_empty() {
        return Ok(0);
    }
    let rows: Vec<(i64,)> = snapshot.conn().fetch(sql, set).await?;
    Ok(rows.first().map_or(0, |it| it.0))
}

fn count(rows: usize) -> Result<i64> {
    i64::try_from(rows).map_err(Error::internal)
}
