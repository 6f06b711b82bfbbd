//! The page that GitHub shows beside a job: the outcome of a run and its cause, its steps, its streams, its
//! graph.

mod causes;
mod drawing;
mod markdown;
mod page;
mod results;
mod steps;
mod streams;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use self::markdown::sentence;
use self::page::Page;
use crate::event::mask::Masker;
use crate::event::{Event, EventKind, RunEnd};
use crate::render::graph::Graph;
use crate::render::{FileNames, Renderer, Report, summary};

/// The largest file that GitHub takes, in bytes; it shows nothing of a larger one.
const LIMIT: u64 = 1 << 20;

/// Rows of a table that are not folded away.
const UNFOLDED: usize = 40;

/// Appends the page of a run to a file when the run has ended.
#[derive(Debug)]
pub struct StepSummary {
    path: PathBuf,
    context: PageContext,
    report: Option<Report>,
}

/// What a page needs beside the report.
#[derive(Debug)]
struct PageContext {
    secrets: Masker,
    /// The pipeline's files as they are called in the repository.
    files: FileNames,
    /// The pipeline, its nodes in the order of its steps.
    graph: Graph,
}

impl StepSummary {
    /// Returns a renderer that appends to `path`. `files` are the pipeline's files relative to the repository's
    /// root, and `graph` the pipeline.
    pub fn new(path: PathBuf, secrets: Masker, files: FileNames, graph: Graph) -> Self {
        Self { path, context: PageContext { secrets, files, graph }, report: None }
    }

    fn write(&self, report: &Report) -> io::Result<()> {
        let there = fs::metadata(&self.path).map_or(0, |file| file.len());
        let room = usize::try_from(LIMIT.saturating_sub(there)).unwrap_or(0);
        let page = page(report, &self.context, room)
            .ok_or_else(|| io::Error::other("it has grown to the 1 MiB that GitHub takes"))?;
        OpenOptions::new().append(true).create(true).open(&self.path)?.write_all(page.as_bytes())
    }
}

impl Renderer for StepSummary {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let EventKind::RunStarted(started) = &event.kind {
            self.report = Some(Report::new(started));
        }
        let Some(report) = &mut self.report else { return Ok(()) };
        report.event(event);
        let report = self.report.as_ref().filter(|_| matches!(event.kind, EventKind::RunFinished(_)));
        report.map_or(Ok(()), |report| self.write(report))
    }
}

/// Returns the page of a run that has ended, of at most `room` bytes; none if that is too little for
/// anything.
fn page(report: &Report, context: &PageContext, room: usize) -> Option<String> {
    let mut page = Page::new(room, &rest(report));
    for section in [head, causes::write, steps::write, streams::write, results::write, drawing::write] {
        section(report, context, &mut page);
    }
    page.finish()
}

/// Returns the note at the end of a cut page.
fn rest(report: &Report) -> String {
    let dir = report.dir.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default();
    sentence(&format!(
        "GitHub takes 1 MiB here, and the rest of this page did not fit. The journal in `{dir}` has the whole of it."
    ))
}

/// Adds the outcome of the run.
fn head(report: &Report, context: &PageContext, page: &mut Page) {
    let mark = match report.end.as_ref().map(|end| &end.end) {
        Some(RunEnd::Succeeded) => "✓",
        Some(RunEnd::Signalled(_)) => "■",
        Some(RunEnd::Failed { .. } | RunEnd::TimedOut(_) | RunEnd::NoOutput(_) | RunEnd::Aborted(_))
        | None => "✗",
    };
    let (_, closing) = summary::closing(report);
    let name = sentence(&report.pipeline.name);
    page.add(&format!("## {mark} {name}\n\n{}\n\n", sentence(&context.secrets.text(&closing))));
}

#[cfg(test)]
mod tests;
