//! How the directory remembers: one [`Store`], over SQLite or Postgres. The only SQL there is.
//!
//! A resource's row holds its whole state as JSON, the same text as the payload of its last event, beside the columns
//! that it is found by. Each statement is written once and runs on both databases; rows travel as sets.

mod backend;
mod balances;
mod billing;
mod claims;
mod commit;
mod customers;
mod deliveries;
mod doctor;
mod erasure;
mod events;
mod facts;
mod kept;
mod kept_deliveries;
mod keys;
mod leases;
mod log;
mod lookup;
mod open;
mod past;
mod quotas;
mod requests;
mod retention;
mod row;
mod select;
mod set;
mod sweep;
mod tenants;
mod transaction;
mod wallets;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

pub use billing::{BillingCounts, BillingFilter, Holdings};
pub use claims::{ClaimFilter, ClaimLinkFilter};
pub use commit::Outcome;
pub use customers::{CustomerFilter, TextColumn, Total};
pub use erasure::Rewritten;
pub use keys::{SealedSeed, Sealing};
pub use leases::Enabled;
pub use lookup::Found;
pub use open::{PoolUse, Schema};
pub use past::PastLedger;
pub use wallets::{AddressFilter, TransactionFilter, WalletFilter};
pub use webhooks::KeptSecret;

use backend::{Db, STATEMENT_TIMEOUT};
use set::{Fetched, Set};

use crate::domain::{Error, Result};

/// The directory's memory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    /// Of what couriers write, one at a time: however many they are, a caller's write finds one of theirs before it.
    courier_writes: Arc<Semaphore>,
}

/// How long Postgres has to answer a look-up: two such waits are less than the default deadline of a call.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether another connection may do: this one had died. A database that does not answer at all is not asked again.
fn is_of_dead_connection(error: &Error) -> bool {
    matches!(error, Error::DatabaseUnavailable(cause) if !cause.to_string().contains("timed out"))
}

impl Store {
    /// Runs a read with a set.
    async fn read<T: Fetched>(&self, sql: &str, set: Set<'_>) -> Result<Vec<T>> {
        // What talks to either database is large, and would else be copied from frame to frame.
        self.again(|| self.in_time(LOOK_UP_TIMEOUT, Box::pin(self.read_once(sql, set.clone())))).await
    }

    /// Runs a read. A connection that has died while it lay idle costs another try, not the call.
    async fn again<T, F: Future<Output = Result<T>>>(&self, read: impl Fn() -> F) -> Result<T> {
        const TRIES: u32 = 6;
        let mut tried = 1;
        loop {
            match read().await {
                Err(error) if tried < TRIES && is_of_dead_connection(&error) => tried += 1,
                done => return done,
            }
        }
    }

    /// Gives up on a database that says nothing. Where its machine is gone, nobody closes the connection, and an answer
    /// would be waited for until the system loses patience: a quarter of an hour, or for ever.
    async fn in_time<T>(&self, limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        if self.is_embedded() {
            return work.await;
        }
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            self.db.read.forget_idle();
            self.db.write.forget_idle();
            Err(Error::unavailable("a query timed out"))
        })
    }

    /// Runs one write that is its own transaction and no Change: nothing that a caller sees depends on it.
    async fn write<T: Fetched>(&self, sql: &str, set: Set<'_>) -> Result<Vec<T>> {
        self.in_time(STATEMENT_TIMEOUT, async {
            let mut connection = self.db.write.borrow().await?;
            let found = connection.conn().fetch(sql, set).await?;
            connection.give_back();
            Ok(found)
        })
        .await
    }

    async fn read_once<T: Fetched>(&self, sql: &str, set: Set<'_>) -> Result<Vec<T>> {
        let mut connection = self.db.read.borrow().await?;
        let found = connection.conn().fetch(sql, set).await?;
        connection.give_back();
        Ok(found)
    }
}
