//! Tables with aligned columns.

use std::fmt::Write as _;

use console::measure_text_width;

use crate::render::style::{Palette, Tone};

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

/// Appends rows with every column as wide as its widest cell; the last column is not padded.
pub fn write(rows: &[Row], palette: Palette, out: &mut String) {
    let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| measure_text_width(&cell.text)).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.cells.iter().zip(&widths) {
            let fill = " ".repeat(width - measure_text_width(&cell.text));
            let text = palette.paint(cell.tone, &cell.text);
            let (before, after) = if cell.right { (fill.as_str(), "") } else { ("", fill.as_str()) };
            let _ = write!(line, "  {before}{text}{after}"); // writing to a string cannot fail
        }
        out.push_str(line.trim_end());
        out.push('\n');
        for note in &row.notes {
            let _ = writeln!(out, "       {note}");
        }
    }
}
