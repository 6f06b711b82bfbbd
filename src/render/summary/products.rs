//! The files that steps have produced.

use super::table::{self, Row};
use crate::render::human::{self, size};
use crate::render::style::{Sheet, Tone};
use crate::render::{Report, text};

/// Rows at most.
const ROWS: usize = 40;

/// Appends a line for each file, in the order of the steps.
pub fn write(report: &Report, sheet: Sheet, out: &mut String) {
    let products: Vec<_> = report.steps.iter().flat_map(|step| step.products.iter()).collect();
    let rows = products.iter().take(ROWS).map(|product| {
        Row::default()
            .left(Tone::Busy, "◆")
            .left(Tone::Normal, text::one_line(&product.path))
            .right(Tone::Normal, size(product.bytes))
            .left(Tone::Faint, format!("sha256 {}", text::one_line(&product.sha256)))
            .left(Tone::Doubtful, if product.unchanged { "unchanged by this run" } else { "" })
    });
    table::write(&rows.collect::<Vec<_>>(), sheet, out);
    if products.len() > ROWS {
        let rest = human::count(products.len() - ROWS, "more file");
        *out += &format!("  {}\n", sheet.palette.paint(Tone::Faint, format!("… {rest}")));
    }
}
