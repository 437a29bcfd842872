//! Connections that stay with those who use them all the time.

use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::backend::{Backend, Conn, OwnConn, Pool, on};
use crate::domain::{Error, Result};

/// Connections that stay with those who use them all the time. A pool would test each whenever it comes back, which
/// costs as much as a query.
///
/// One is given back only by whoever has found it sound. Any other is closed when it is dropped: a transaction that was
/// left halfway is never inherited, and a connection that has died is not used again.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) pool: Pool,
    idle: Arc<Mutex<Vec<OwnConn>>>,
    places: Arc<Semaphore>,
}

impl Kept {
    pub(super) fn new(pool: Pool, connections: usize) -> Self {
        Self { pool, idle: Arc::default(), places: Arc::new(Semaphore::new(connections)) }
    }

    pub(super) async fn borrow(&self) -> Result<Borrowed> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(Error::unavailable)?;
        let idle = self.idle.lock().map_err(|_| Error::internal("poisoned"))?.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Borrowed { connection, idle: Arc::clone(&self.idle), place })
    }

    async fn connect(&self) -> Result<OwnConn> {
        Ok(match &self.pool {
            Backend::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                connection.close_on_drop();
                Backend::Postgres(connection)
            }
            Backend::Sqlite(pool) => {
                let mut connection = pool.acquire().await?;
                connection.close_on_drop();
                Backend::Sqlite(connection)
            }
        })
    }

    /// Closes what nobody uses: one did not answer, and these lead to the same machine.
    pub(super) fn forget_idle(&self) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.clear();
        }
    }

    /// Closes what nobody uses, and lets nobody borrow any more.
    pub(super) async fn close(&self) {
        self.places.close();
        self.forget_idle();
        on!(&self.pool, |pool| pool.close().await);
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.lock().map_or(0, |it| it.len())
    }
}

/// A connection in use.
#[derive(Debug)]
pub(super) struct Borrowed {
    connection: OwnConn,
    idle: Arc<Mutex<Vec<OwnConn>>>,
    place: OwnedSemaphorePermit,
}

impl Borrowed {
    pub(super) fn conn(&mut self) -> Conn<'_> {
        match &mut self.connection {
            Backend::Postgres(it) => Backend::Postgres(it),
            Backend::Sqlite(it) => Backend::Sqlite(it),
        }
    }

    /// Gives it back, sound. Once all are being closed, it is closed too.
    pub(super) fn give_back(self) {
        if let Ok(mut idle) = self.idle.lock()
            && !self.place.semaphore().is_closed()
        {
            idle.push(self.connection);
        }
    }
}
