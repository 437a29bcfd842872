//! Answers without what is never the same twice.

use std::collections::HashMap;

/// The text with each id as how manieth it is, and without times.
pub fn mask(ids: &mut HashMap<String, usize>, text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let is_id = word.rsplit_once('_').is_some_and(|it| it.1.len() == 26);
        let is_of_time = masked.ends_with("seconds: ") || masked.ends_with("nanos: ");
        if is_id {
            let next = ids.len();
            masked.push_str(&format!("#{}", ids.entry(word.to_owned()).or_insert(next)));
        } else if is_of_time {
            masked.push('T');
        } else if let Some(length) = time(rest) {
            masked.push('T');
            rest = &rest[length..];
            continue;
        } else {
            masked.push_str(word);
        }
        let symbol = after.chars().next();
        masked.extend(symbol);
        rest = &after[symbol.map_or(0, char::len_utf8)..];
    }
    masked
}

/// How long the time is that the text begins with, such as `2026-12-22T00:00:00.5Z`.
fn time(text: &str) -> Option<usize> {
    if !text.starts_with("20") {
        return None;
    }
    let length = text.find('Z')? + 1;
    let is_of_it = |it: char| it.is_ascii_digit() || "-:.TZ".contains(it);
    (length >= 20 && text[..length].chars().all(is_of_it)).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_times_are_masked_and_nothing_else() {
        let mut ids = HashMap::new();
        let id = "cust_01h455vb4pex5vsknk084sn02q";
        let text =
            format!("id: {id} at 2026-12-22T00:00:00.5Z, Zoë {id}, Timestamp {{ seconds: 17, nanos: 5 }} v3");
        assert_eq!(mask(&mut ids, &text), "id: #0 at T, Zoë #0, Timestamp { seconds: T, nanos: T } v3");
    }
}
