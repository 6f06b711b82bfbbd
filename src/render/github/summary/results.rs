//! The outputs of the run, and the files that its steps have produced.

use super::markdown::{plain, sentence};
use super::page::Page;
use super::{PageContext, UNFOLDED};
use crate::render::Report;
use crate::render::human::size;
use crate::render::summary::outputs::shown;

/// Adds a table of each that there is.
pub fn write(report: &Report, context: &PageContext, page: &mut Page) {
    let products = report.steps.iter().flat_map(|step| &step.products).take(UNFOLDED);
    let products = products.map(|product| {
        let note = if product.unchanged { ", unchanged by this run" } else { "" };
        format!("| {}{note} | {} | `{}` |\n", plain(&product.path), size(product.bytes), product.sha256)
    });
    table("| file | bytes | SHA-256 |\n|---|---:|---|\n", products.collect(), page);
    let outputs = report.end.iter().flat_map(|end| &end.outputs);
    let outputs = outputs.map(|(name, value)| {
        format!("| {} | {} |\n", plain(name), sentence(&context.secrets.text(&shown(value))))
    });
    table("| output | value |\n|---|---|\n", outputs.collect(), page);
}

fn table(head: &str, rows: Vec<String>, page: &mut Page) {
    if !rows.is_empty() {
        page.add_between(head, rows, "\n");
    }
}
