//! The table of streams.

use super::markdown::{folded, plain, sentence};
use super::page::Page;
use super::{PageContext, UNFOLDED};
use crate::event::StreamFinished;
use crate::pipeline::{StepId, Stream};
use crate::render::human::{count, rate, size};
use crate::render::summary::streams::{mark, notes, readers};
use crate::render::{Report, words};

const HEAD: &str =
    "| | stream | bytes | rate | lane | from | readers | |\n|---|---|---:|---:|---|---|---|---|\n";

/// Adds the table, in the order of the file.
pub fn write(report: &Report, _facts: &PageContext, page: &mut Page) {
    let ended = report.pipeline.streams.iter().zip(&report.streams);
    let rows: Vec<String> =
        ended.filter_map(|(stream, known)| Some(row(report, stream, known.finished.as_ref()?))).collect();
    if rows.is_empty() {
        return;
    }
    let (before, after) = match rows.len() {
        ..=UNFOLDED => (String::new(), "\n"),
        many => folded(&count(many, "stream")),
    };
    page.add_between(&(before + HEAD), rows, after);
}

fn row(report: &Report, stream: &Stream, finished: &StreamFinished) -> String {
    let stats = &finished.stats;
    let cells = [
        mark(finished).0.to_owned(),
        plain(&stream.name),
        size(stats.bytes),
        rate(stats.rate),
        lanes(report, stream, finished),
        plain(&words::label(&report.pipeline, stream.producer)),
        plain(&readers(report, stream, finished)),
        sentence(&notes(report, finished).join("; ")),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// Returns how the bytes moved, and which way they went into and out of containers.
fn lanes(report: &Report, stream: &Stream, finished: &StreamFinished) -> String {
    let ends = std::iter::once(&stream.producer).chain(&stream.readers);
    let lane = |step: &StepId| Some(report.steps.get(step.index())?.lane?.name());
    let mut lanes = vec![finished.backend];
    for lane in ends.filter_map(lane) {
        if !lanes.contains(&lane) {
            lanes.push(lane);
        }
    }
    lanes.join(", ")
}
