//! What the program says of itself.

use std::collections::VecDeque;

use crate::process::purser;

async fn help(command: &[String]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<_> = command.iter().map(String::as_str).chain(["--help"]).collect();
    let output = purser(folder.path(), &arguments).output().await.unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names under `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("Commands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|it| it.starts_with("  "));
    let names = lines.filter(|it| !it.starts_with("   ")).filter_map(|it| it.split_whitespace().next());
    names.filter(|it| *it != "help").map(str::to_owned).collect()
}

#[tokio::test]
async fn the_help_of_every_command_shows_an_example_of_it() {
    let mut waiting = VecDeque::from([Vec::new()]);
    let mut seen = Vec::new();
    while let Some(command) = waiting.pop_front() {
        let help = help(&command).await;
        let called = [&["purser".to_owned()], command.as_slice()].concat().join(" ");
        let (_, examples) =
            help.split_once("Example").unwrap_or_else(|| panic!("`{called} --help` has no example"));
        assert!(examples.contains(&format!("  {called}")), "an example of `{called}` in\n{help}");
        for name in commands(&help) {
            waiting.push_back([command.as_slice(), &[name]].concat());
        }
        seen.push(called);
    }
    for command in
        ["purser serve", "purser migrate", "purser doctor", "purser bench", "purser admin key create"]
    {
        assert!(seen.iter().any(|it| it == command), "{command} in {seen:?}");
    }
}

#[tokio::test]
async fn the_help_says_no_secret_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&["serve"][..], &["migrate"], &["doctor"], &["admin"]] {
        let arguments = [command, &["--help"]].concat();
        let mut command = purser(folder.path(), &arguments);
        let output =
            command.env("PURSER_DATABASE_URL", "postgres://me:hunter2@db/purser").output().await.unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains("PURSER_DATABASE_URL") && !help.contains("hunter2"), "{help}");
    }
}

#[tokio::test]
async fn a_command_that_is_none_is_refused_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["sreve"][..], &["admin", "key", "make"], &["serve", "--nonsense"], &[]] {
        let output = purser(folder.path(), arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("Usage:"), "{arguments:?}");
    }
}
