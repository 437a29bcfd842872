//! The database as a command meets it: reached, judged, and its errors told.

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::app::App;
use crate::chain::keys::{KeyRing, MasterKeys};
use crate::config;
use crate::domain::Error;
use crate::store::{Schema, Sealing, Store};

const NEWER: &str = "the schema is newer than this program: install a newer `purser`";

/// Reaches the database, patiently, and lets callers in if it is safe and its schema current.
pub(super) async fn open(app: &App, config: &config::Serve) -> anyhow::Result<()> {
    let store = app.store();
    let schema = reach(store, config.connect_timeout).await?;
    match schema {
        Schema::Newer => bail!(NEWER),
        Schema::Older if !(config.auto_migrate || config.dev || store.is_embedded()) => {
            bail!("the schema is older than this program: run `purser migrate`, or give --auto-migrate")
        }
        Schema::Older => store.migrate().await.map_err(explain)?,
        Schema::Current => {}
    }
    let faults = store.unsafe_storage().await.map_err(explain)?;
    if !faults.is_empty() {
        bail!("the database is not safe to keep records in: {}; set it on", faults.join("; "));
    }
    if let Err(error) = app.check_master_keys().await {
        bail!(
            "the master key file is not the one that this database's seeds are sealed with: {}",
            explain(error)
        );
    }
    app.open();
    Ok(())
}

/// The master keys that seeds are sealed with. For whoever tries it out they are made, unless seeds were sealed before.
pub(super) async fn master_keys(store: &Store, config: &config::Serve) -> anyhow::Result<KeyRing> {
    let path = config.master_key.path(store);
    if !path.exists() {
        if !config.dev {
            bail!(
                "there is no master key at {}: make one with `purser keys rotate`, or name it with --master-key-file",
                path.display()
            );
        }
        reach(store, config.connect_timeout).await?;
        if has_seeds(store).await? {
            bail!(
                "the master key at {} is gone, and seeds are sealed with it: restore the file",
                path.display()
            );
        }
        MasterKeys::create(&path)?;
    }
    Ok(KeyRing::read(path)?)
}

/// Whether anything is sealed.
pub(super) async fn has_seeds(store: &Store) -> anyhow::Result<bool> {
    // Whatever the schema's version: a newer program's seeds are seeds, too.
    if !store.has_table("seeds").await.map_err(explain)? {
        return Ok(false);
    }
    for sealing in Sealing::ALL {
        let is_there = store.has_table(sealing.table()).await.map_err(explain)?;
        if is_there && !store.sealed_before(sealing, i64::MAX).await.map_err(explain)?.is_empty() {
            return Ok(true);
        }
    }
    let has_secrets = store.has_table("webhook_secrets").await.map_err(explain)?;
    Ok(has_secrets && !store.webhook_secrets_sealed_before(i64::MAX).await.map_err(explain)?.is_empty())
}

async fn reach(store: &Store, patience: Duration) -> anyhow::Result<Schema> {
    let start = Instant::now();
    loop {
        match store.schema().await {
            Err(Error::DatabaseUnavailable(cause)) if start.elapsed() < patience => {
                tracing::warn!(%cause, "the database cannot be reached yet");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            found => return found.map_err(explain),
        }
    }
}

/// Refuses a schema that is not this program's.
pub(super) async fn require_current(store: &Store) -> anyhow::Result<()> {
    match store.schema().await.map_err(explain)? {
        Schema::Current => Ok(()),
        Schema::Older => bail!("the schema is older than this program: run `purser migrate`"),
        Schema::Newer => bail!(NEWER),
    }
}

/// Refuses a schema that a newer program has made.
pub(super) async fn refuse_newer(store: &Store) -> anyhow::Result<()> {
    match store.schema().await.map_err(explain)? {
        Schema::Newer => bail!(NEWER),
        Schema::Older | Schema::Current => Ok(()),
    }
}

/// An error of the database with its cause, for whoever operates it.
pub(super) fn explain(error: Error) -> anyhow::Error {
    match error {
        Error::DatabaseUnavailable(cause) => {
            anyhow::anyhow!("the database cannot be reached: {cause}; check --database-url and that it runs")
        }
        Error::Internal(cause) => anyhow::anyhow!("the database refused: {cause}"),
        other => other.into(),
    }
}
