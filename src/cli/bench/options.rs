//! What the person who measures may choose.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// The choices; each has a default that gives comparable figures.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Options {
    /// A database to measure on, once for each. It is written to. [default: SQLite in a temporary directory]
    // No environment variable: the one that `serve` reads may name a database that people live in.
    #[arg(long = "database-url", value_name = "URL")]
    pub database_urls: Vec<String>,
    /// How many customers each database has to hold; missing ones are created first.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=99_999_999))]
    pub customers: u64,
    /// How long Purser is measured on each operation; the bare server takes as long again.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How many HTTP/2 connections call at once.
    #[arg(long, default_value = "8")]
    connections: NonZeroUsize,
    /// How many calls are under way on each connection.
    #[arg(long, default_value = "16")]
    in_flight: NonZeroUsize,
    /// Also writes the report here: a page with a plot if it ends with `.html`, else Markdown.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Measures only these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Phase>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Phase {
    /// `ResolveCustomer` of random aliases.
    Resolve,
    /// `GetCustomer` by random ids.
    Get,
    /// GET of a customer over REST by random ids.
    Rest,
    /// `CreateCustomer` with alias, email and request id.
    Create,
    /// `BatchResolveCustomers` of 100 random aliases.
    BatchResolve,
    /// `CreateWallet` on Ethereum for random customers.
    CreateWallet,
    /// `LookupAddress` on Ethereum of random addresses, one of each customer that is asked for.
    LookupAddress,
    /// Latency at half of the peak load, for resolve and for create.
    Latency,
    /// One watcher of the whole log, an event after its commit, and create with 1,000 idle watchers.
    Watch,
    /// Deliveries to one receiver in this process, and create while they go on.
    Deliver,
}

impl Options {
    /// Whether `phase` is to be measured.
    pub(super) fn wants(&self, phase: Phase) -> bool {
        self.only.is_empty() || self.only.contains(&phase)
    }

    /// How long Purser is measured on each operation.
    pub(super) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// How many connections there are.
    pub(super) fn connections(&self) -> usize {
        self.connections.get()
    }

    /// How many calls are under way on each.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        bench: super::super::Args,
    }

    fn parse(line: &str) -> Result<super::super::Args, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.bench)
    }

    #[test]
    fn everything_is_measured_by_default() {
        let options = parse("bench").unwrap().options;
        assert!(options.database_urls.is_empty());
        assert_eq!((options.customers, options.time()), (100_000, Duration::from_secs(8)));
        assert_eq!((options.connections(), options.in_flight()), (8, 16));
        assert!([Phase::Resolve, Phase::Latency].into_iter().all(|phase| options.wants(phase)));
    }

    #[test]
    fn phases_and_databases_are_lists() {
        let line =
            "bench --only resolve,batch-resolve --database-url sqlite:a.db --database-url postgres://b";
        let options = parse(line).unwrap().options;
        assert!(options.wants(Phase::Resolve) && options.wants(Phase::BatchResolve));
        assert!(!options.wants(Phase::Get));
        assert_eq!(options.database_urls, ["sqlite:a.db", "postgres://b"]);
    }

    #[test]
    fn nothing_may_be_none() {
        for line in ["bench --seconds 0", "bench --connections 0", "bench --customers 0", "bench --only all"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_bare_server_takes_no_options() {
        assert!(parse("bench bare-server").unwrap().part.is_some());
        assert!(parse("bench --seconds 1 bare-server").is_err());
    }
}
