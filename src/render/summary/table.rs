//! Tables with aligned columns.

use std::fmt::Write as _;

use console::measure_text_width;

use crate::render::style::{Sheet, Tone};

/// One row: its cells, and lines that belong under it.
#[derive(Debug, Default)]
pub struct Row {
    cells: Vec<Cell>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Cell {
    text: String,
    tone: Tone,
    right: bool,
}

impl Row {
    /// Adds a cell that is aligned to the left.
    pub fn left(self, tone: Tone, text: impl Into<String>) -> Self {
        self.cell(tone, text.into(), false)
    }

    /// Adds a cell that is aligned to the right.
    pub fn right(self, tone: Tone, text: impl Into<String>) -> Self {
        self.cell(tone, text.into(), true)
    }

    /// Adds a cell: one line of text, without control characters.
    fn cell(mut self, tone: Tone, text: String, right: bool) -> Self {
        let text = if text.contains(char::is_control) { text.replace(char::is_control, "") } else { text };
        self.cells.push(Cell { text, tone, right });
        self
    }

    /// Adds lines below the row.
    pub fn notes(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }
}

/// The columns before a line that belongs under a row.
const INDENT: usize = 7;

/// Appends rows with every column as wide as its widest cell; the last column is not padded.
///
/// Where a row is wider than the sheet, its last cell folds to a line below. A name that leaves no room for
/// what comes after it has a line of its own.
pub fn write(rows: &[Row], sheet: impl Into<Sheet>, out: &mut String) {
    let sheet = sheet.into();
    let widths = widths(rows, sheet.columns);
    for row in rows {
        let mut line = String::new();
        let mut below = Vec::new();
        for (n, (cell, width)) in row.cells.iter().zip(&widths).enumerate() {
            let own = measure_text_width(&cell.text);
            let is_last = n + 1 == widths.len();
            if is_last && sheet.columns.is_some_and(|columns| measure_text_width(&line) + 2 + own > columns) {
                let text = if own > 0 { sheet.fold(&cell.text, INDENT) } else { Vec::new() };
                below.extend(text.into_iter().map(|text| (cell.tone, text)));
                continue;
            }
            let fill = " ".repeat(width.saturating_sub(own));
            let text = sheet.palette.paint(cell.tone, &cell.text);
            let (before, after) = if cell.right { (fill.as_str(), "") } else { ("", fill.as_str()) };
            let _ = write!(line, "  {before}{text}{after}"); // writing to a string cannot fail
            if own > *width {
                let _ = writeln!(out, "{}", line.trim_end());
                line = " ".repeat(widths.iter().take(n + 1).map(|width| width + 2).sum());
            }
        }
        if !line.trim_end().is_empty() {
            let _ = writeln!(out, "{}", line.trim_end());
        }
        let notes = row.notes.iter().flat_map(|note| sheet.fold(note, INDENT));
        for (tone, text) in below.into_iter().chain(notes.map(|note| (Tone::Normal, note))) {
            let _ = writeln!(out, "{:INDENT$}{}", "", sheet.palette.paint(tone, text));
        }
    }
}

/// Returns the width of each column. The widest of the names gives way where the others need the room.
fn widths(rows: &[Row], most: Option<usize>) -> Vec<usize> {
    let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.cells.get(column));
    let width = |column: usize| cells(column).map(|cell| measure_text_width(&cell.text)).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..columns).map(width).collect();
    // The last column can go below the others.
    let fixed = columns.saturating_sub(1);
    let all: usize = widths.iter().take(fixed).map(|width| width + 2).sum();
    if let (Some(most), Some(name)) = (most, widths.get_mut(1)) {
        *name -= all.saturating_sub(most).min(name.saturating_sub(NARROWEST));
    }
    widths
}

/// Columns that a name has at least.
const NARROWEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::style::Palette;

    fn table(columns: usize) -> String {
        let row = |name: &str, note: &str| {
            Row::default()
                .left(Tone::Good, "✓")
                .left(Tone::Normal, name)
                .right(Tone::Normal, "1.2 s")
                .left(Tone::Normal, note)
        };
        let long = "transcode-every-video-of-the-archive-to-the-new-format";
        let rows = [
            row("fetch", "").notes(vec!["a note that is longer than the terminal is wide".into()]),
            row(long, "failed: exit code 22, after the last reader of its output had left"),
            row("test", "2 attempts"),
        ];
        let mut out = String::new();
        write(&rows, Sheet::wide(Palette::NONE, columns), &mut out);
        out
    }

    #[test]
    fn columns_fold_and_never_wrap() {
        insta::assert_snapshot!(table(40), @r"
        ✓  fetch                         1.2 s
             a note that is longer than the
             terminal is wide
        ✓  transcode-every-video-of-the-archive-to-the-new-format
                                         1.2 s
             failed: exit code 22, after the
             last reader of its output had
             left
        ✓  test                          1.2 s
             2 attempts
        ");
        insta::assert_snapshot!(table(80), @r"
        ✓  fetch                                                   1.2 s
             a note that is longer than the terminal is wide
        ✓  transcode-every-video-of-the-archive-to-the-new-format  1.2 s
             failed: exit code 22, after the last reader of its output had left
        ✓  test                                                    1.2 s  2 attempts
        ");
        for columns in 24..160 {
            let long = table(columns).lines().filter(|line| measure_text_width(line) > columns).count();
            assert!(long <= usize::from(columns < 60), "{columns}\n{}", table(columns));
        }
    }
}
