//! Who may import whom, read from the sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every source file: its path from `src`, and its code without comments.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let code = std::fs::read_to_string(&path).unwrap();
                let code = code
                    .lines()
                    .filter(|it| !it.trim_start().starts_with("//"))
                    .collect::<Vec<_>>()
                    .join("\n");
                files.push((path.strip_prefix(&root).unwrap().to_owned(), code));
            }
        }
    }
    assert!(files.len() > 50, "the sources are where they were");
    files
}

/// The layer of a file: `domain`, `store`, … or a file's own name.
fn layer(path: &Path) -> String {
    path.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// What a file names: `crate::<first segment>` for what is ours, and the first segment of every other path.
fn named(path: &Path, code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let is_word = |it: char| it.is_alphanumeric() || it == '_';
    for (at, _) in code.match_indices("::") {
        let before = code[..at].trim_end();
        let first = before.rsplit(|it: char| !is_word(it)).next().unwrap_or_default();
        let lead = &before[..before.len() - first.len()];
        if !first.is_empty() && !lead.ends_with("::") && !first.starts_with(char::is_uppercase) {
            if matches!(first, "crate" | "super") {
                named.extend(ours(path, code, at, first));
            } else {
                named.insert(first.to_owned());
            }
        }
    }
    named
}

/// The modules of the crate's root that a path from `crate` or `super` leads to.
fn ours(path: &Path, code: &str, at: usize, first: &str) -> Vec<String> {
    // `mod.rs` stands for its folder; a file of a folder is one step further from the root.
    let depth = path.components().count() - usize::from(path.ends_with("mod.rs"));
    let mut rest = code[at + 2..].trim_start();
    let mut steps = 1;
    while let Some(further) = rest.strip_prefix("super::") {
        (rest, steps) = (further, steps + 1);
    }
    // Tests within a file are one step deeper than it, so a `super` of theirs leads less far than is thought here.
    if first == "super" && steps < depth {
        return Vec::new();
    }
    let word = |text: &str| {
        text.trim().split(|it: char| !(it.is_alphanumeric() || it == '_')).next().unwrap().to_owned()
    };
    match rest.strip_prefix('{') {
        None => vec![format!("crate::{}", word(rest))],
        Some(group) => {
            let (mut open, mut members, mut member) = (0, Vec::new(), String::new());
            for it in group.chars() {
                match it {
                    '}' if open == 0 => break,
                    '{' => open += 1,
                    '}' => open -= 1,
                    ',' if open == 0 => members.push(std::mem::take(&mut member)),
                    _ => {}
                }
                member.push(it);
            }
            members.push(member);
            members.iter().map(|it| format!("crate::{}", word(it.trim_start_matches(',')))).collect()
        }
    }
}

/// The files of a layer that name something they must not.
fn trespasses(layers: &[&str], banned: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, code) in sources().iter().filter(|it| layers.contains(&layer(&it.0).as_str())) {
        let named = named(path, code);
        found.extend(
            banned
                .iter()
                .filter(|it| named.contains(**it))
                .map(|it| format!("{} names {it}", path.display())),
        );
    }
    found
}

fn none(found: Vec<String>) {
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_sources_are_read_as_they_are_meant() {
    let code = "use crate::{clock, grpc::{a, b}, store};\nuse crate::domain::Error;\nuse super::super::http;\n\
                fn f() { tokio::spawn(g()); sqlx :: query(); std::sync::Arc::new(Type::new(x::y::z())) }";
    let found = named(Path::new("app/auth.rs"), code);
    // A member of a group is read as a crate's name too, which is stricter and not laxer.
    let ours = ["crate::clock", "crate::domain", "crate::grpc", "crate::http", "crate::store"];
    let expected = [&ours[..], &["grpc", "sqlx", "std", "tokio", "x"]].concat();
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert!(named(Path::new("app/x/y.rs"), "use super::super::auth;").is_empty());
}

#[test]
fn the_domain_knows_nothing_of_ours_and_no_io() {
    let ours: BTreeSet<String> = sources()
        .iter()
        .map(|it| format!("crate::{}", layer(&it.0)))
        .chain(["crate::api".to_owned()])
        .collect();
    let ours: Vec<&str> = ours.iter().map(String::as_str).filter(|it| *it != "crate::domain").collect();
    none(trespasses(&["domain"], &ours));
    none(trespasses(
        &["domain"],
        &["sqlx", "tonic", "axum", "tokio", "prost", "prost_types", "hyper", "http", "rand", "tracing"],
    ));
}

#[test]
fn the_store_knows_the_domain_and_no_wire() {
    let banned = [
        "tonic",
        "axum",
        "prost",
        "crate::api",
        "crate::app",
        "crate::grpc",
        "crate::cli",
        "crate::http",
        "crate::config",
    ];
    none(trespasses(&["store"], &banned));
}

#[test]
fn operations_know_no_sql_and_no_wire() {
    let banned = [
        "sqlx",
        "tonic",
        "axum",
        "prost",
        "crate::api",
        "crate::grpc",
        "crate::cli",
        "crate::http",
        "crate::config",
    ];
    none(trespasses(&["app"], &banned));
}

#[test]
fn what_is_delivered_knows_no_sql_and_no_api() {
    let banned = [
        "sqlx",
        "tonic",
        "axum",
        "prost",
        "crate::api",
        "crate::grpc",
        "crate::cli",
        "crate::http",
        "crate::config",
    ];
    none(trespasses(&["webhook"], &banned));
    none(trespasses(&["app", "store", "domain", "chain"], &["crate::webhook"]));
}

#[test]
fn what_is_offered_knows_no_sql() {
    none(trespasses(&["grpc"], &["sqlx", "crate::cli", "crate::config"]));
    none(trespasses(&["telemetry", "http", "health"], &["sqlx", "crate::store"]));
    // The page of a claim link is a face of the directory as gRPC is one, and has no more of it.
    let banned = [
        "sqlx",
        "tonic",
        "prost",
        "crate::api",
        "crate::store",
        "crate::chain",
        "crate::grpc",
        "crate::cli",
        "crate::config",
    ];
    none(trespasses(&["claim_page"], &banned));
}

#[test]
fn rest_knows_operations_and_the_api_and_no_other_wire() {
    let banned = [
        "sqlx",
        "tonic",
        "crate::chain",
        "crate::webhook",
        "crate::grpc",
        "crate::cli",
        "crate::http",
        "crate::config",
    ];
    none(trespasses(&["rest"], &banned));
    none(trespasses(&["app", "store", "domain", "chain", "webhook", "grpc"], &["crate::rest"]));
}

#[test]
fn only_the_clock_tells_the_time_and_makes_ids_of_it() {
    for (path, code) in sources() {
        for call in ["SystemTime::now", "Uuid::now_v7", "Utc::now", "Uuid::new_v4"] {
            assert!(path == Path::new("clock.rs") || !code.contains(call), "{} calls {call}", path.display());
        }
    }
}
