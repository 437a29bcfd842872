//! `purser doctor`: checks what must be true of the database and says what is not.

#![expect(clippy::print_stdout, reason = "what the command is for")]

use anyhow::bail;

use super::database;
use crate::config::Database;
use crate::domain::Finding;

/// Checks every invariant of the database and says what is wrong. Changes nothing; may run beside a server.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  purser doctor
  purser doctor --log --chain     # was anything of the past changed, and where?
  purser doctor --database-url postgres://purser@db/purser")]
pub struct Args {
    #[command(flatten)]
    database: Database,
    /// Audits the logs as well: says which row is not what its last event says, and where a log has a gap or goes back
    /// in time.
    #[arg(long)]
    log: bool,
    /// Verifies the chain of every event of every log as well, and says where it breaks. Reads all of them.
    #[arg(long)]
    chain: bool,
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
    if args.log {
        let found = store.audit_log().await.map_err(database::explain)?;
        faults += tell("the logs are whole, and every row is what its last event says", &found);
    }
    if args.chain {
        let found = store.audit_chain().await.map_err(database::explain)?;
        faults += tell("every event has its digest and its place in the chain of its log", &found);
    }
    store.close().await;
    if faults > 0 {
        bail!("{faults} faults: stop writing to this database and restore or repair it");
    }
    Ok(())
}

/// Says what an audit found, or that it found nothing; answers how much it was.
fn tell(what: &str, found: &[Finding]) -> usize {
    if found.is_empty() {
        println!("ok     {what}");
    }
    for finding in found {
        println!("FAULT  {finding}");
    }
    found.len()
}
