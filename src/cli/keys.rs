//! `purser keys`: the master key, and the seeds that it seals.

#![expect(clippy::print_stdout, reason = "what the command is for")]

use std::io::{BufRead, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Subcommand;
use zeroize::Zeroizing;

use super::{admin, database};
use crate::app::{App, Chains};
use crate::chain::keys::{KeyRing, MasterKeys};
use crate::chain::node::Nodes;
use crate::config::{Database, MasterKey};
use crate::domain::{Caller, Domain, DomainName};
use crate::store::Sealing;

/// The master key, and the seeds that it seals.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  purser keys rotate                       # a new master key; every seed is sealed with it, while servers run on
  purser keys export --domain acme         # asks, then writes purser-acme.mnemonic: 24 words, for its owner only")]
pub struct Args {
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    master_key: MasterKey,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a new master key and seals every seed, webhook secret and claim token with it. The old ones stay in the file, for backups of the database.
    /// Without a file it makes the first one.
    #[command(after_help = "Example:
  purser keys rotate --database-url postgres://purser@db/purser --master-key-file /etc/purser/master.key")]
    Rotate,
    /// Writes the words of a domain's seed to a file, so that its funds can be reached with another wallet. Whoever has
    /// the words has the funds.
    #[command(after_help = "Example:
  purser keys export --domain acme --out /media/safe/acme.mnemonic")]
    Export {
        /// The domain: its id or its name.
        #[arg(long, value_name = "ID|NAME")]
        domain: String,
        /// Does not ask.
        #[arg(long)]
        yes: bool,
        /// Where to write. Without it: `purser-<domain>.mnemonic` in the working directory. Never over a file.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Runs the command.
///
/// # Errors
///
/// Where the database or the file of the master keys is not there or not good.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.database.store()?;
    if store.is_embedded() {
        database::refuse_newer(&store).await?;
        store.migrate().await.map_err(database::explain)?;
    } else {
        database::require_current(&store).await?;
    }
    let path = args.master_key.path(&store);
    if matches!(args.command, Command::Rotate) && !path.exists() {
        if database::has_seeds(&store).await? {
            bail!(
                "the master key at {} is gone, and seeds are sealed with it: restore the file",
                path.display()
            );
        }
        MasterKeys::create(&path)?;
        println!("made the first master key, in {}", path.display());
        store.close().await;
        return Ok(());
    }
    let version = match args.command {
        Command::Rotate => Some(MasterKeys::add_version(&path)?),
        Command::Export { .. } => None,
    };
    let ring = Arc::new(KeyRing::read(&path)?);
    let app = App::start(store, Chains { ring: Some(ring), nodes: Nodes::default() });
    let done = match args.command {
        Command::Rotate => rotate(&app, version.unwrap_or_default()).await,
        Command::Export { domain, yes, out } => export(&app, &domain, yes, out).await,
    };
    app.store().close().await;
    done
}

async fn rotate(app: &App, version: u32) -> anyhow::Result<()> {
    let seeds = app.reseal(Sealing::Seeds, version).await.map_err(database::explain)?;
    let secrets = app.reseal_webhook_secrets(version).await.map_err(database::explain)?;
    let tokens = app.reseal(Sealing::ClaimTokens, version).await.map_err(database::explain)?;
    println!(
        "master key {version} seals from now on; {seeds} seeds, {secrets} webhook secrets and {tokens} claim tokens \
         were sealed anew"
    );
    Ok(())
}

async fn export(app: &App, domain: &str, yes: bool, out: Option<PathBuf>) -> anyhow::Result<()> {
    let caller = Caller::cli(admin::user());
    let domain = find(app, &caller, domain).await?;
    let path = out.unwrap_or_else(|| format!("purser-{}.mnemonic", domain.name.as_str()).into());
    if path.exists() {
        bail!("{} is there already: name another file with --out", path.display());
    }
    if !yes && !is_sure(&domain)? {
        bail!("nothing was exported");
    }
    let words = app.export_seed(&caller, domain.id).await.map_err(database::explain)?;
    write_secret(&path, &words)?;
    println!("{}", path.display());
    Ok(())
}

async fn find(app: &App, caller: &Caller, domain: &str) -> anyhow::Result<Domain> {
    let found = match domain.parse() {
        Ok(id) => app.get_domain(caller, id).await,
        Err(_) => app.get_domain_named(caller, &DomainName::try_from(domain.to_owned())?).await,
    };
    Ok(Domain::clone(&*found?))
}

fn is_sure(domain: &Domain) -> anyhow::Result<bool> {
    print!(
        "Whoever has the words of {} has the funds of its customers. Write them to a file? [y/N] ",
        domain.name.as_str()
    );
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn write_secret(path: &PathBuf, words: &Zeroizing<String>) -> anyhow::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("create {}", path.display()))?;
    file.write_all(words.as_bytes())?;
    file.write_all(b"\n")?;
    Ok(file.sync_all()?)
}
