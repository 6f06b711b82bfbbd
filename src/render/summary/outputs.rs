//! The outputs of the run.

use super::table::{self, Row};
use crate::render::human;
use crate::render::style::{Sheet, Tone};
use crate::render::{Report, text};

/// The longest value that is shown whole, in characters.
const LONGEST: usize = 60;

/// Appends a line for each output of a run that gave them.
pub fn write(report: &Report, sheet: Sheet, out: &mut String) {
    let outputs = report.end.iter().flat_map(|end| &end.outputs);
    let row = |(name, value): &(String, String)| {
        Row::default()
            .left(Tone::Busy, "→")
            .left(Tone::Normal, name.as_str())
            .left(Tone::Normal, shown(value))
    };
    table::write(&outputs.map(row).collect::<Vec<_>>(), sheet, out);
}

/// Returns a value on one line; if it is too long, its beginning and its size.
pub fn shown(value: &str) -> String {
    let first = text::one_line(value.lines().next().unwrap_or_default());
    let lines = value.lines().count();
    let cut: String = first.chars().take(LONGEST).collect();
    match (lines > 1, cut.len() < first.len()) {
        (false, false) => first,
        (true, _) => format!("{cut} … ({})", human::count(lines, "line")),
        (false, true) => format!("{cut} … ({})", human::size(value.len() as u64)),
    }
}
