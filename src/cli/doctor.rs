//! `purser doctor`: checks what must be true of the database and says what is not.

#![expect(clippy::print_stdout, reason = "what the command is for")]

use anyhow::bail;

use super::database;
use crate::config::Database;

/// Checks every invariant of the database and says what is wrong. Changes nothing; may run beside a server.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  purser doctor
  purser doctor --database-url postgres://purser@db/purser")]
pub struct Args {
    #[command(flatten)]
    database: Database,
}

/// Runs the command.
///
/// # Errors
///
/// Where something is wrong; each fault is printed before.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.database.store()?;
    database::require_current(&store).await?;
    let mut faults = 0;
    for fault in store.unsafe_storage().await.map_err(database::explain)? {
        println!("FAULT  {fault}");
        faults += 1;
    }
    for (check, found) in store.check().await.map_err(database::explain)? {
        println!(
            "{}  {check}{}",
            if found == 0 { "ok   " } else { "FAULT" },
            if found == 0 { String::new() } else { format!(": {found}") }
        );
        faults += usize::from(found != 0);
    }
    store.close().await;
    if faults > 0 {
        bail!("{faults} faults: stop writing to this database and restore or repair it");
    }
    Ok(())
}
