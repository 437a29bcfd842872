//! `purser migrate`: brings the database's schema up to date.

#![expect(clippy::print_stdout, reason = "what the command is for")]

use anyhow::bail;

use crate::config::Database;
use crate::store::{Schema, Store};

/// Brings the database's schema up to date.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  purser migrate --database-url postgres://purser@db/purser
  purser migrate --check     # exit code 0 if there is nothing to do")]
pub struct Args {
    #[command(flatten)]
    database: Database,
    /// Changes nothing; fails if the schema is not current.
    #[arg(long)]
    check: bool,
}

const NEWER: &str = "the schema is newer than this program: install a newer `purser`";

/// Runs the command.
///
/// # Errors
///
/// Where the database cannot be reached, or with `--check` where its schema is not current.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.database.store()?;
    if !args.check {
        refuse_newer(&store).await?;
        store.migrate().await.map_err(explain)?;
    }
    require_current(&store).await?;
    println!("The schema is current.");
    Ok(())
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
pub(super) fn explain(error: crate::domain::Error) -> anyhow::Error {
    use crate::domain::Error;
    match error {
        Error::DatabaseUnavailable(cause) => {
            anyhow::anyhow!("the database cannot be reached: {cause}; check --database-url and that it runs")
        }
        Error::Internal(cause) => anyhow::anyhow!("the database refused: {cause}"),
        other => other.into(),
    }
}
