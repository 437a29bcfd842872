//! The figures as a table: for a terminal and as Markdown.

use std::time::Duration;

use super::Row;

/// The heads of the columns.
pub(super) const HEAD: [&str; 11] = [
    "database",
    "operation",
    "calls/s",
    "bare calls/s",
    "ratio",
    "p50",
    "p99",
    "CPU µs/call",
    "bare CPU",
    "errors",
    "aim",
];

/// The cells of a row, in the order of [`HEAD`].
pub(super) fn cells(row: &Row) -> [String; HEAD.len()] {
    let known = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |it| format!("{it:.digits$}"))
    };
    let bare = row.bare.as_ref();
    [
        row.database.clone(),
        row.operation.clone(),
        known(Some(row.rate), 0),
        known(bare.map(|it| it.rate), 0),
        known(row.ratio(), 2),
        latency(row.p50),
        latency(row.p99),
        known(row.cpu_us, 1),
        known(bare.and_then(|it| it.cpu_us), 1),
        row.errors.to_string(),
        row.aim.map_or_else(|| "-".to_owned(), |aim| aim.to_string()),
    ]
}

/// Aligned columns.
pub(super) fn text(rows: &[Row]) -> String {
    let lines: Vec<_> = std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let widths: [usize; HEAD.len()] = std::array::from_fn(|column| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)
    });
    lines.iter().map(|line| align(line, &widths)).collect()
}

fn align(line: &[String], widths: &[usize]) -> String {
    let cells = line.iter().zip(widths).enumerate().map(|(column, (cell, &width))| {
        // Words to the left, figures to the right.
        if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    cells.collect::<Vec<_>>().join("  ") + "\n"
}

/// A Markdown table.
pub(super) fn markdown(rows: &[Row]) -> String {
    let rule = std::array::from_fn(|column| if column < 2 { "---".to_owned() } else { "---:".to_owned() });
    let lines = [HEAD.map(str::to_owned), rule].into_iter().chain(rows.iter().map(cells));
    lines.map(|line| format!("| {} |\n", line.join(" | "))).collect::<Vec<_>>().concat()
}

fn latency(latency: Duration) -> String {
    match latency.as_micros() {
        us @ ..1_000 => format!("{us} µs"),
        _ => format!("{:.2} ms", latency.as_secs_f64() * 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rows;
    use super::*;

    #[test]
    fn a_row_says_what_is_known_and_a_dash_for_the_rest() {
        let [full, part] = rows().try_into().ok().unwrap();
        let expected = [
            "SQLite",
            "resolve",
            "75000",
            "100000",
            "0.75",
            "850 µs",
            "4.32 ms",
            "12.3",
            "7.0",
            "2",
            "ratio ≥ 0.70",
        ];
        assert_eq!(cells(&full), expected);
        assert_eq!(cells(&part)[3..5], ["-", "-"]);
        assert_eq!(cells(&part)[7..], ["-", "-", "0", "-"]);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let text = text(&rows());
        let widths: Vec<_> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }

    #[test]
    fn markdown_has_a_head_a_rule_and_the_rows() {
        let text = markdown(&rows());
        assert_eq!(text.lines().count(), 4);
        assert!(text.lines().all(|line| line.matches('|').count() == HEAD.len() + 1), "{text}");
    }
}
