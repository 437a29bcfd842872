//! How the directory remembers: one [`Store`], over SQLite or Postgres. The only SQL there is.
//!
//! A resource's row holds its whole state as JSON, the same text as the payload of its last event, beside the columns
//! that it is found by. Each statement is written once and runs on both databases; rows travel as sets.

mod backend;
mod commit;
mod customers;
mod doctor;
mod facts;
mod log;
mod lookup;
mod open;
mod requests;
mod row;
mod select;
mod set;
mod sweep;
mod tenants;

pub use commit::Outcome;
pub use customers::{CustomerFilter, TextColumn, Total};
pub use open::{PoolUse, Schema};

use backend::Db;
use set::{Fetched, Set};

use crate::domain::{Error, Result};

/// The directory's memory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
}

impl Store {
    /// Runs a read with a set. A connection that has died while it lay idle costs another try, not the call.
    async fn read<T: Fetched>(&self, sql: &str, set: Set<'_>) -> Result<Vec<T>> {
        const TRIES: u32 = 6;
        let mut tried = 1;
        loop {
            match self.read_once(sql, set.clone()).await {
                Err(Error::DatabaseUnavailable(cause))
                    if tried < TRIES && !cause.to_string().contains("timed out") =>
                {
                    tried += 1;
                }
                done => return done,
            }
        }
    }

    /// Runs one write that is its own transaction and no Change: nothing that a caller sees depends on it.
    async fn write<T: Fetched>(&self, sql: &str, set: Set<'_>) -> Result<Vec<T>> {
        let mut connection = self.db.write.borrow().await?;
        let found = connection.conn().fetch(sql, set).await?;
        connection.give_back();
        Ok(found)
    }

    async fn read_once<T: Fetched>(&self, sql: &str, set: Set<'_>) -> Result<Vec<T>> {
        let mut connection = self.db.read.borrow().await?;
        let found = connection.conn().fetch(sql, set).await?;
        connection.give_back();
        Ok(found)
    }
}
