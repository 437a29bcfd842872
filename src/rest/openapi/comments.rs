//! The comments of the protos: they are the reference, here as well.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use prost_reflect::{FileDescriptor, MethodDescriptor};

use crate::api;
use crate::rest::transcode::status::CODES;

/// What stands before each name, by file and place.
static COMMENTS: LazyLock<HashMap<(String, Vec<i32>), String>> = LazyLock::new(|| {
    let mut comments = HashMap::new();
    for file in api::POOL.files() {
        let info = file.file_descriptor_proto().source_code_info.as_ref();
        for location in info.into_iter().flat_map(|it| &it.location) {
            let lines = location.leading_comments().lines().map(|it| it.strip_prefix(' ').unwrap_or(it));
            let text = lines.collect::<Vec<_>>().join("\n").trim().to_owned();
            if !text.is_empty() {
                comments.insert((file.name().to_owned(), location.path.clone()), text);
            }
        }
    }
    comments
});

/// What stands before a name; nothing where that is nothing.
pub(super) fn comment(file: &FileDescriptor, path: &[i32]) -> &'static str {
    COMMENTS.get(&(file.name().to_owned(), path.to_vec())).map_or("", String::as_str)
}

/// The first sentence of a text, on one line.
pub(super) fn summary(text: &str) -> String {
    let line = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    line.split_once(". ").map_or(line.clone(), |it| format!("{}.", it.0))
}

/// What a method answers with besides its answer: for each HTTP status, reasons and when, as its comment and that of its
/// service say.
pub(super) fn errors(method: &MethodDescriptor) -> BTreeMap<u16, Vec<String>> {
    let service = method.parent_service();
    let of_method = comment(&service.parent_file(), method.path());
    let of_any = comment(&service.parent_file(), service.path());
    let mut errors = BTreeMap::<u16, Vec<String>>::new();
    for (code, told) in [of_method, of_any].into_iter().flat_map(entries) {
        let Some((_, status)) = CODES.iter().find(|it| it.0 == code) else { continue };
        errors.entry(*status).or_default().push(told);
    }
    errors
}

/// Each `- CODE, REASON or REASON: when.` of a comment, with its reasons in code's letters.
fn entries(comment: &str) -> Vec<(String, String)> {
    let mut entries: Vec<String> = Vec::new();
    let mut is_within = false;
    for line in comment.lines() {
        if let Some(entry) = line.strip_prefix("- ") {
            entries.push(entry.to_owned());
            is_within = true;
        } else if line.starts_with("  ") && is_within {
            entries.iter_mut().next_back().into_iter().for_each(|it| {
                it.push(' ');
                it.push_str(line.trim());
            });
        } else {
            is_within = false;
        }
    }
    entries.iter().filter_map(|it| entry(it)).collect()
}

fn entry(text: &str) -> Option<(String, String)> {
    let (head, when) = text.split_once(": ")?;
    let (code, reasons) = head.split_once(", ")?;
    let marked = reasons.split(' ').map(|word| match word.strip_suffix(',') {
        Some(reason) if is_reason(reason) => format!("`{reason}`,"),
        None if is_reason(word) => format!("`{word}`"),
        _ => word.to_owned(),
    });
    Some((code.to_owned(), format!("{}: {when}", marked.collect::<Vec<_>>().join(" "))))
}

fn is_reason(word: &str) -> bool {
    word.len() > 2 && word.bytes().all(|it| it.is_ascii_uppercase() || it == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_from_comments_across_lines() {
        let comment = "Does it.\n\nErrors:\n- NOT_FOUND, A_B or C_D, E_F: it is\n  gone.\n- INTERNAL, INTERNAL: ours.\nMore.\n  And - not, this: one.";
        let expected =
            [("NOT_FOUND", "`A_B` or `C_D`, `E_F`: it is gone."), ("INTERNAL", "`INTERNAL`: ours.")];
        let expected = expected.map(|(code, told)| (code.to_owned(), told.to_owned()));
        assert_eq!(entries(comment), expected);
        assert_eq!(summary("One thing.\nAnd another. More.\n\nRest."), "One thing.");
    }
}
