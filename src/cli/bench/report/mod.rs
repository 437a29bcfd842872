//! What a benchmark has to say in the end.

mod page;
mod table;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::load::Slice;
use super::operation::Aim;
use super::options::Options;
use super::process::{self, Memory};
use super::tally::float;

/// The figures, and where they were measured.
pub(super) struct Report {
    /// One for each operation and database.
    pub rows: Vec<Row>,
    /// One for each database.
    pub served: Vec<Served>,
    setting: String,
}

/// What one operation came to on one database.
pub(super) struct Row {
    /// The database.
    pub database: String,
    /// The operation.
    pub operation: String,
    /// Calls per second, or what else the operation counts.
    pub rate: f64,
    /// The latency of half of the calls.
    pub p50: Duration,
    /// The latency of 99 of 100 calls.
    pub p99: Duration,
    /// The server's processor time for each call, in microseconds.
    pub cpu_us: Option<f64>,
    /// The same of the bare server, and its rate.
    pub bare: Option<Bare>,
    /// What was aimed at.
    pub aim: Option<Aim>,
    /// How many calls were answered wrong, by either server.
    pub errors: u64,
    /// The first of these.
    pub first_error: Option<String>,
}

/// The bare server at the same operation.
pub(super) struct Bare {
    /// Calls per second.
    pub rate: f64,
    /// Its processor time for each call, in microseconds.
    pub cpu_us: Option<f64>,
}

/// How a database was served.
pub(super) struct Served {
    /// The database.
    pub database: String,
    /// From the start of the process to its first right answer.
    pub start: Duration,
    /// The memory of the process after the load.
    pub memory: Option<Memory>,
    /// What a thousand idle watchers cost of it, in KiB.
    pub watchers_kib: Option<u64>,
}

impl Row {
    /// What Purser did.
    pub(super) fn new(database: &str, operation: &str, slice: &Slice) -> Self {
        Self {
            database: database.to_owned(),
            operation: operation.to_owned(),
            rate: slice.rate(),
            p50: slice.tally.quantile(0.5),
            p99: slice.tally.quantile(0.99),
            cpu_us: slice.cpu_us(),
            bare: None,
            aim: None,
            errors: slice.tally.errors,
            first_error: slice.tally.first_error.clone(),
        }
    }

    /// Adds what the bare server did.
    pub(super) fn with_bare(mut self, slice: &Slice) -> Self {
        self.bare = Some(Bare { rate: slice.rate(), cpu_us: slice.cpu_us() });
        self.errors += slice.tally.errors;
        self.first_error =
            self.first_error.or_else(|| Some(format!("bare: {}", slice.tally.first_error.as_ref()?)));
        self
    }

    /// Adds what was aimed at.
    pub(super) fn with_aim(self, aim: Aim) -> Self {
        Self { aim: Some(aim), ..self }
    }

    /// The share of the bare server's rate.
    fn ratio(&self) -> Option<f64> {
        self.bare.as_ref().map(|bare| bare.rate).filter(|&rate| rate > 0.0).map(|bare| self.rate / bare)
    }
}

impl Report {
    /// An empty one, that says what the machine is like before there is any load.
    pub(super) fn begin(options: &Options) -> Self {
        let cores = std::thread::available_parallelism().map_or_else(|_| "?".to_owned(), |it| it.to_string());
        let setting = format!(
            "{cores} cores ({} {}), load average before {}; generator on the same machine, \
             {} connections × {} calls in flight; {} customers, {} s each",
            std::env::consts::OS,
            std::env::consts::ARCH,
            process::load_average().as_deref().unwrap_or("-"),
            options.connections(),
            options.in_flight(),
            options.customers,
            options.time().as_secs(),
        );
        Self { rows: Vec::new(), served: Vec::new(), setting }
    }

    /// How many calls were answered wrong.
    pub(super) fn errors(&self) -> u64 {
        self.rows.iter().map(|row| row.errors).sum()
    }

    /// For a terminal.
    pub(super) fn text(&self) -> String {
        format!("{}\n{}\n", table::text(&self.rows), self.notes().join("\n"))
    }

    /// Writes a page if `file` is to be one, else Markdown.
    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let html = file.extension().is_some_and(|it| it.eq_ignore_ascii_case("html"));
        let text = if html { page::html(&self.rows, &self.notes()) } else { self.markdown() };
        std::fs::write(file, text).with_context(|| format!("write {}", file.display()))
    }

    fn markdown(&self) -> String {
        format!("# purser bench\n\n{}\n- {}\n", table::markdown(&self.rows), self.notes().join("\n- "))
    }

    fn notes(&self) -> Vec<String> {
        let served = self.served.iter().map(Served::note);
        let errors = self.rows.iter().filter_map(|row| {
            Some(format!(
                "{}, {}: the first error: {}",
                row.database,
                row.operation,
                row.first_error.as_ref()?
            ))
        });
        errors.chain(served).chain([self.setting.clone()]).collect()
    }
}

impl Served {
    fn note(&self) -> String {
        let memory = self.memory.map_or_else(
            || "memory -".to_owned(),
            |it| {
                format!(
                    "{} MiB resident after the load, {} MiB at most",
                    it.resident_kib >> 10,
                    it.peak_kib >> 10
                )
            },
        );
        let watchers = self.watchers_kib.map_or_else(String::new, |kib| {
            format!("; 1,000 idle watchers cost {:.1} MiB (aim ≤ 50 MiB)", float(kib) / 1024.0)
        });
        let start = self.start.as_millis();
        format!("{}: first answer {start} ms after the start, {memory}{watchers}", self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows with and without everything that may be missing.
    pub(super) fn rows() -> Vec<Row> {
        let row = Row {
            database: "SQLite".to_owned(),
            operation: "resolve".to_owned(),
            rate: 75_000.4,
            p50: Duration::from_micros(850),
            p99: Duration::from_micros(4_321),
            cpu_us: Some(12.34),
            bare: Some(Bare { rate: 100_000.0, cpu_us: Some(7.0) }),
            aim: Some(Aim::Ratio(0.7)),
            errors: 2,
            first_error: Some("NotFound: <nobody>".to_owned()),
        };
        let bare = Row {
            operation: "batch-resolve, aliases".to_owned(),
            cpu_us: None,
            bare: None,
            aim: None,
            errors: 0,
            first_error: None,
            database: "SQLite".to_owned(),
            ..row
        };
        vec![row, bare]
    }

    fn report() -> Report {
        let memory = Some(Memory { resident_kib: 50 << 10, peak_kib: 60 << 10 });
        let start = Duration::from_millis(42);
        let served = Served { database: "SQLite".to_owned(), start, memory, watchers_kib: Some(2_048) };
        Report { rows: rows(), served: vec![served], setting: "2 cores".to_owned() }
    }

    #[test]
    fn the_text_has_the_figures_the_errors_and_the_machine() {
        let text = report().text();
        assert!(text.contains("75000") && text.contains("0.75"), "{text}");
        assert!(text.contains("the first error: NotFound: <nobody>"), "{text}");
        assert!(
            text.contains(
                "first answer 42 ms after the start, 50 MiB resident after the load, 60 MiB at most"
            )
        );
        assert!(text.ends_with("2 cores\n"));
        assert_eq!(report().errors(), 2);
    }

    #[test]
    fn the_files_name_decides_on_its_form() {
        let directory = tempfile::tempdir().unwrap();
        for (name, begin) in [("a.html", "<!doctype html>"), ("a.md", "# purser bench")] {
            let file = directory.path().join(name);
            report().write(&file).unwrap();
            assert!(std::fs::read_to_string(file).unwrap().starts_with(begin), "{name}");
        }
    }

    #[test]
    fn nothing_is_divided_by_a_server_that_answered_nothing() {
        let mut row = rows().remove(0);
        row.bare = Some(Bare { rate: 0.0, cpu_us: None });
        assert_eq!(row.ratio(), None);
    }
}
