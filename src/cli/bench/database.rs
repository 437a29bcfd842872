//! The databases that are measured on.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

/// A database that Purser is started on. No `Debug`: the URL may hold a password.
pub(super) struct Database {
    /// What the report calls it: never the URL.
    pub label: String,
    /// Which kind it is: the aims differ.
    pub kind: Kind,
    /// Where it is.
    pub url: String,
    /// The working directory of the server.
    pub directory: PathBuf,
    /// Where `serve --dev` leaves a key.
    key_file: PathBuf,
}

/// The kinds of database that Purser knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Database {
    /// The key that the server has left. It is there before any port opens.
    pub(super) async fn key(&self) -> anyhow::Result<String> {
        let text = tokio::fs::read_to_string(&self.key_file).await;
        Ok(text.with_context(|| format!("read {}", self.key_file.display()))?.trim().to_owned())
    }
}

/// The databases at `urls`, or one of our own in `scratch`.
pub(super) fn all(urls: &[String], scratch: &Path) -> anyhow::Result<Vec<Database>> {
    if urls.is_empty() {
        let url = format!("sqlite:{}", scratch.join("bench.db").display());
        return Ok(vec![database(&url, scratch)?]);
    }
    let mut seen = HashMap::<Kind, usize>::new();
    let mut databases = urls.iter().map(|url| database(url, scratch)).collect::<anyhow::Result<Vec<_>>>()?;
    for database in &mut databases {
        let count = seen.entry(database.kind).and_modify(|it| *it += 1).or_insert(1);
        if *count > 1 {
            database.label = format!("{} {count}", database.label);
        }
    }
    Ok(databases)
}

fn database(url: &str, scratch: &Path) -> anyhow::Result<Database> {
    // Not part of any message: the URL itself.
    let (scheme, rest) = url.split_once(':').context("a database URL starts with sqlite: or postgres:")?;
    let (kind, url, key_directory) = match scheme {
        "sqlite" => {
            let (url, beside) = sqlite(rest)?;
            (Kind::Sqlite, url, beside)
        }
        "postgres" | "postgresql" => (Kind::Postgres, url.to_owned(), scratch.to_owned()),
        _ => bail!("a database URL starts with sqlite: or postgres:"),
    };
    let label = match kind {
        Kind::Sqlite => "SQLite".to_owned(),
        Kind::Postgres => "Postgres".to_owned(),
    };
    let key_file = key_directory.join("purser-dev.key");
    Ok(Database { label, kind, url, directory: scratch.to_owned(), key_file })
}

/// The URL of a SQLite file for somebody in another working directory, and the directory that it is in.
fn sqlite(rest: &str) -> anyhow::Result<(String, PathBuf)> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (file, options) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    ensure!(!file.is_empty() && file != ":memory:", "the SQLite database has to be a file");
    let file = std::path::absolute(file)?;
    let beside = file.parent().context("the SQLite database has to be a file")?.to_owned();
    Ok((format!("sqlite:{}{options}", file.display()), beside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(urls: &[&str]) -> anyhow::Result<Vec<Database>> {
        let urls: Vec<_> = urls.iter().map(|&url| url.to_owned()).collect();
        all(&urls, Path::new("/scratch"))
    }

    #[test]
    fn sqlite_in_a_temporary_directory_is_the_default() {
        let databases = of(&[]).unwrap();
        assert_eq!(databases[0].url, "sqlite:/scratch/bench.db");
        assert_eq!(databases[0].key_file, Path::new("/scratch/purser-dev.key"));
    }

    #[test]
    fn the_key_is_beside_the_sqlite_file() {
        for url in ["sqlite:/data/a.db?mode=rwc", "sqlite:///data/a.db?mode=rwc"] {
            let databases = of(&[url]).unwrap();
            assert_eq!(databases[0].url, "sqlite:/data/a.db?mode=rwc");
            assert_eq!(databases[0].key_file, Path::new("/data/purser-dev.key"));
        }
    }

    #[test]
    fn a_relative_path_is_ours_not_the_servers() {
        let here = std::env::current_dir().unwrap();
        let databases = of(&["sqlite:a.db"]).unwrap();
        assert_eq!(databases[0].url, format!("sqlite:{}/a.db", here.display()));
    }

    #[test]
    fn labels_differ_and_tell_no_password() {
        let databases =
            of(&["postgres://u:secret@h/a", "sqlite:/a.db", "postgresql://u:secret@h/b"]).unwrap();
        let labels: Vec<_> = databases.iter().map(|it| it.label.as_str()).collect();
        assert_eq!(labels, ["Postgres", "SQLite", "Postgres 2"]);
        assert_eq!(databases[0].key_file, Path::new("/scratch/purser-dev.key"));
    }

    #[test]
    fn what_cannot_be_measured_is_refused_without_being_repeated() {
        for url in ["mysql://u:secret@h", "sqlite::memory:", "sqlite:", "secret"] {
            assert!(!of(&[url]).err().unwrap().to_string().contains("secret"), "{url}");
        }
    }
}
