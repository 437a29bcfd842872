//! What must be true of the database, as questions that count what is not.
//!
//! All are asked in one snapshot, so that what a server writes meanwhile is seen whole or not at all.

mod audit;
mod balances;
mod billing;
mod claims;
mod customers;
mod keys;
mod logs;
mod rows;
mod snapshot;
mod states;
mod wallets;
mod webhooks;

use super::Store;
use crate::domain::{Result, Table};
use snapshot::Snapshot;

/// What must be true, and the query that counts where it is not.
type Check = (&'static str, &'static str);

impl Store {
    /// Checks every invariant, and answers how often each is broken.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn check(&self) -> Result<Vec<(&'static str, i64)>> {
        let mut snapshot = Snapshot::begin(&self.db.scan).await?;
        let mut found = vec![
            ("each balance is the sum of its confirmed transactions", balances::wrong(&mut snapshot).await?),
            ("each row is found by what it says", rows::misplaced(&mut snapshot).await?),
            ("each address that a wallet names has its row", rows::unnamed(&mut snapshot).await?),
        ];
        snapshot.read_whole_tables().await?;
        let checks = [
            logs::CHECKS,
            customers::CHECKS,
            wallets::CHECKS,
            webhooks::CHECKS,
            billing::CHECKS,
            claims::CHECKS,
        ];
        for (what, sql) in checks.into_iter().flatten() {
            found.push((*what, snapshot.count(what, sql).await?));
        }
        let left = snapshot.count(billing::WORDLESS, &billing::left_of_the_erased()).await?;
        found.push((billing::WORDLESS, left));
        for table in Table::ALL.iter().copied() {
            let sql = format!("SELECT count(*) {}", states::differing(table));
            found.push((states::what(table), snapshot.count(states::what(table), &sql).await?));
        }
        for names in keys::CHECKS {
            found.push((names.what, snapshot.count(names.what, &names.sql()).await?));
        }
        found.extend(snapshot.file().await?.map(|broken| ("the file is not corrupt", broken)));
        Ok(found)
    }
}
