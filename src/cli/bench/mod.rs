//! `purser bench`: how near this machine gets to the limit, which is the bare framework.
//!
//! Two servers, children of this process and the same executable, answer in turn the same calls from the
//! same generator: [`bare`], a tonic server that only answers, and Purser itself. The figure to look at is
//! the ratio of the two: a machine that is slower or busier today slows both.
//!
//! [`session`] says what is measured on a database, [`load`] and [`latency`] how calls are made,
//! [`caller`] what a right answer is, [`report`] what is said in the end.

#![expect(clippy::print_stdout, reason = "the table is what the command is for")]

mod bare;
mod caller;
mod client;
mod database;
mod deliver;
mod latency;
mod load;
mod operation;
mod options;
mod population;
mod prefill;
mod process;
mod progress;
mod report;
mod rest;
mod server;
mod session;
mod tally;
mod watch;

use std::path::Path;

use anyhow::{Context, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use database::Database;
use options::Options;
use report::Report;
use server::Server;

/// Measures this machine against the bare framework.
///
/// Each database is filled first, with customers that stay there: name databases that are for this alone.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  purser bench
  purser bench --only resolve,create --seconds 20 --report bench.md"
)]
pub struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    options: Options,
}

/// The parts of a benchmark that are processes of their own.
#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Serves fixed answers, so that there is a limit to compare with.
    #[command(hide = true)]
    BareServer,
}

/// Runs the benchmark. Fails if any call was answered wrong.
pub async fn run(args: Args) -> anyhow::Result<()> {
    if let Some(Part::BareServer) = args.part {
        return bare::serve().await;
    }
    // A signal has to unwind: what is dropped on the way ends the servers and removes their files.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        done = measure(&args.options) => done,
        _ = terminate.recv() => bail!("terminated"),
        _ = interrupt.recv() => bail!("interrupted"),
    }
}

async fn measure(options: &Options) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir().context("make a temporary directory")?;
    let databases = database::all(&options.database_urls, scratch.path())?;
    let mut report = Report::begin(options);
    let measured = measure_all(options, &databases, scratch.path(), &mut report).await;

    // Also when it broke off: what was measured before stays true.
    if !report.rows.is_empty() {
        print!("{}", report.text());
        options.report.as_deref().map_or(Ok(()), |file| report.write(file))?;
    }
    measured?;
    let errors = report.errors();
    ensure!(errors == 0, "{errors} calls were answered wrong");
    Ok(())
}

async fn measure_all(
    options: &Options,
    databases: &[Database],
    scratch: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let bare = Server::bare(scratch).await?;
    for database in databases {
        session::measure(options, database, &bare, report).await.with_context(|| database.label.clone())?;
    }
    bare.stop().await
}
