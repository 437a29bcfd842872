//! The command line: one file a command.

pub mod admin;
pub mod bench;
mod database;
pub mod dev;
pub mod doctor;
pub mod keys;
pub mod migrate;
pub mod serve;

use clap::{Parser, Subcommand};

/// The customer and wallet directory of a payments platform.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Examples:
  purser serve --dev      # to try it out: makes what it needs, and prints lines to paste
  purser admin --help     # organizations, domains and API keys"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Args>),
    Migrate(migrate::Args),
    Admin(admin::Args),
    Keys(keys::Args),
    Doctor(doctor::Args),
    Bench(bench::Args),
}

/// Keeps others from reading this process's memory, in which secrets are: no core is dumped, no debugger attaches.
fn keep_memory_private() -> anyhow::Result<()> {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(rustix::process::Resource::Core, none)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// What went wrong, in one line that names what mends it.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve(args) => {
                keep_memory_private()?;
                serve::run(*args).await
            }
            Command::Migrate(args) => migrate::run(args).await,
            Command::Admin(args) => admin::run(args).await,
            Command::Keys(args) => {
                keep_memory_private()?;
                keys::run(args).await
            }
            Command::Doctor(args) => doctor::run(args).await,
            Command::Bench(args) => bench::run(args).await,
        }
    }
}
