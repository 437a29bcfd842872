//! `purser migrate`: brings the database's schema up to date.

#![expect(clippy::print_stdout, reason = "what the command is for")]

use super::database;
use crate::config::Database;

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

/// Runs the command.
///
/// # Errors
///
/// Where the database cannot be reached, or with `--check` where its schema is not current.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.database.store()?;
    if !args.check {
        database::refuse_newer(&store).await?;
        store.migrate().await.map_err(database::explain)?;
    }
    database::require_current(&store).await?;
    println!("The schema is current.");
    Ok(())
}
