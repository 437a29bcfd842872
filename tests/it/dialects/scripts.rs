//! The curl lines of the documents, run by curl.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

/// The folder of the documents.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds")
}

pub fn read(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap()
}

/// A curl line of a script, its name there, and the status it is answered with.
#[derive(Clone, Debug)]
pub struct Step {
    pub name: String,
    pub status: u16,
    pub command: String,
}

/// The steps of a document's script.
pub fn steps(document: &str) -> Vec<Step> {
    let text = read(&format!("{document}.sh"));
    let mut steps = Vec::new();
    for part in text.split("\n\n# ").skip(1) {
        let (head, command) = part.split_once('\n').unwrap();
        let (name, status) = head.split_once(": ").unwrap();
        let command = command.trim_end().to_owned();
        steps.push(Step { name: name.to_owned(), status: status.parse().unwrap(), command });
    }
    steps
}

/// The curl lines of a document, each with the first JSON that follows it before the next.
pub fn documented(document: &str) -> Vec<(String, Option<Value>)> {
    let text = read(&format!("{document}.txt"));
    let mut lines = text.lines().peekable();
    let mut found: Vec<(String, Option<Value>)> = Vec::new();
    let mut rest = text.as_str();
    while let Some(line) = lines.next() {
        if line.starts_with("curl ") {
            let mut command = line.to_owned();
            while command.ends_with('\\') || command.matches('\'').count() % 2 == 1 {
                command.push('\n');
                command.push_str(lines.next().unwrap());
            }
            rest = &text[text.find(&command).unwrap() + command.len()..];
            found.push((command, None));
        } else if let Some((_, answer @ None)) = found.last_mut()
            && line.starts_with(['{', '['])
            && let Some(at) = rest.find(&format!("\n{line}"))
        {
            let value = serde_json::Deserializer::from_str(&rest[at..]).into_iter::<Value>().next();
            *answer = value.and_then(Result::ok);
            // Code in another language may begin with a brace, too.
            rest = &rest[at + 1 + line.len()..];
        }
    }
    found
}

/// What is put in the place of what a document shows.
#[derive(Clone, Debug, Default)]
pub struct Places(Vec<(String, String)>);

impl Places {
    pub fn put(&mut self, shown: &str, meant: &str) {
        self.0.retain(|it| it.0 != shown);
        self.0.push((shown.to_owned(), meant.to_owned()));
    }

    /// Runs a step with curl; answers what came back, and the head of it.
    pub async fn run(&self, step: &Step) -> (Value, String) {
        let command = self.0.iter().fold(step.command.clone(), |it, (shown, meant)| it.replace(shown, meant));
        let token = self.0.iter().find(|it| it.0 == "$TRXN_TOKEN").map_or("", |it| it.1.as_str());
        let folder = tempfile::tempdir().unwrap();
        let (head, body) = (folder.path().join("head"), folder.path().join("body"));
        let quiet =
            format!("curl() {{ command curl -sS -D {} -o {} \"$@\"; }}", head.display(), body.display());
        let mut shell = Command::new("bash");
        let done = shell.arg("-c").arg(format!("{quiet}\n{command}")).env("TRXN_TOKEN", token).output().await;
        let done = done.unwrap();
        assert!(done.status.success(), "{}: {done:?}", step.name);
        let head = std::fs::read_to_string(head).unwrap();
        let body = std::fs::read_to_string(body).unwrap_or_default();
        assert!(head.starts_with(&format!("HTTP/1.1 {} ", step.status)), "{}: {head}{body}", step.name);
        if body.is_empty() {
            return (Value::Null, head);
        }
        assert!(head.contains("content-type: application/json"), "{}: {head}", step.name);
        (serde_json::from_str(&body).unwrap_or_else(|_| panic!("{}: {body}", step.name)), head)
    }
}
