//! The report as one self-contained page: a plot of the ratios, the table, the notes.

use std::fmt::Write;

use super::super::operation::Aim;
use super::Row;
use super::table::{HEAD, cells};

/// Of one bar and the space around it, in pixels.
const STEP: usize = 28;
/// Where the bars begin: their names are to the left.
const LEFT: f64 = 200.0;
/// How long a bar is that is as fast as the bare server.
const WHOLE: f64 = 400.0;

const STYLE: &str = "body{font:15px system-ui,sans-serif;max-width:75em;margin:2em auto;padding:0 1em}\
    table{border-collapse:collapse}td,th{padding:.3em .7em;border-bottom:1px solid #ddd;text-align:right}\
    td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}svg{font:13px system-ui,sans-serif}";

/// The whole page.
pub(super) fn html(rows: &[Row], notes: &[String]) -> String {
    let head = line("th", HEAD);
    let body: String = rows.iter().map(|row| line("td", cells(row))).collect();
    let notes = notes.iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect::<Vec<_>>().concat();
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>purser bench</title>\n\
         <style>{STYLE}</style>\n<h1>purser bench</h1>\n\
         <p>Calls per second as a share of what a bare tonic server answers; the mark is the aim.</p>\n\
         {}<table>\n{head}{body}</table>\n<ul>\n{notes}</ul>\n</html>\n",
        plot(rows),
    )
}

fn line<T: AsRef<str>>(tag: &str, cells: impl IntoIterator<Item = T>) -> String {
    let cells = cells.into_iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell.as_ref())));
    format!("<tr>{}</tr>\n", cells.collect::<Vec<_>>().concat())
}

/// A bar for each ratio, with a mark at its aim.
fn plot(rows: &[Row]) -> String {
    let bars: Vec<_> = rows.iter().filter_map(|row| Some((row, row.ratio()?))).collect();
    let (width, height) = (LEFT + WHOLE + 80.0, bars.len() * STEP + 10);
    let mut svg = format!("<svg width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"ratios\">\n");
    for (index, (row, ratio)) in bars.into_iter().enumerate() {
        svg += &bar(row, ratio, index * STEP);
    }
    svg + "</svg>\n"
}

fn bar(row: &Row, ratio: f64, top: usize) -> String {
    let name = escape(&format!("{}, {}", row.database, row.operation));
    // A ratio above 1 is noise; the figure beside the bar says it all the same.
    let (length, middle) = (ratio.min(1.0) * WHOLE, top + STEP / 2 + 5);
    let mut svg = format!(
        "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>\
         <rect x=\"{LEFT}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"#4878a8\"/>\
         <text x=\"{:.1}\" y=\"{middle}\">{ratio:.2}</text>",
        LEFT - 8.0,
        top + 4,
        STEP - 8,
        // Beyond the bar's end and beyond the mark, if that is farther.
        length.max(aim(row).unwrap_or(0.0) * WHOLE) + LEFT + 8.0,
    );
    if let Some(aim) = aim(row) {
        let (x, bottom) = (LEFT + aim * WHOLE, top + STEP - 2);
        let _ = write!(svg, "<path d=\"M{x:.1} {}V{bottom}\" stroke=\"#c33\" stroke-width=\"2\"/>", top + 2);
    }
    svg + "\n"
}

fn aim(row: &Row) -> Option<f64> {
    match row.aim {
        Some(Aim::Ratio(ratio)) => Some(ratio),
        _ => None,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::rows;
    use super::*;

    #[test]
    fn there_is_a_bar_and_a_mark_for_each_ratio() {
        let page = html(&rows(), &[]);
        assert_eq!(page.matches("<rect").count(), 1);
        assert!(page.contains("width=\"300.0\""), "three quarters of the whole: {page}");
        assert!(page.contains("M480.0 "), "the aim of 0.7: {page}");
        assert_eq!(page.matches("<tr>").count(), 3);
    }

    #[test]
    fn what_a_server_said_cannot_be_markup() {
        let page = html(&[], &["<script>".to_owned()]);
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
    }
}
