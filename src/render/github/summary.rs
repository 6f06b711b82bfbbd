//! The page that GitHub shows beside a job: what a run came to, why, its steps, its streams, its graph.

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
use crate::event::{Event, EventKind, RunEnd};
use crate::render::graph::Graph;
use crate::render::secrets::Secrets;
use crate::render::{Renderer, Report, summary};

/// Bytes that GitHub takes in one file; of a larger one it shows nothing.
const LIMIT: u64 = 1 << 20;

/// Rows of a table that are not folded away.
const UNFOLDED: usize = 40;

/// Appends the page of a run to a file when the run has ended.
#[derive(Debug)]
pub struct StepSummary {
    path: PathBuf,
    facts: Facts,
    report: Option<Report>,
}

/// What a page is made from beside the report.
#[derive(Debug)]
struct Facts {
    secrets: Secrets,
    /// The pipeline's file as it is called in the repository.
    file: String,
    /// The pipeline, its nodes in the order of its steps.
    graph: Graph,
}

impl StepSummary {
    /// Appends to `path`. `file` is the pipeline's file relative to the repository's root, and `graph` the pipeline with
    /// its steps as nodes, in their order.
    pub fn new(path: PathBuf, secrets: Secrets, file: String, graph: Graph) -> Self {
        Self { path, facts: Facts { secrets, file, graph }, report: None }
    }

    fn write(&self, report: &Report) -> io::Result<()> {
        let there = fs::metadata(&self.path).map_or(0, |file| file.len());
        let room = usize::try_from(LIMIT.saturating_sub(there)).unwrap_or(0);
        let page = page(report, &self.facts, room)
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
        match (&event.kind, &self.report) {
            (EventKind::RunFinished(_), Some(report)) => self.write(report),
            _ => Ok(()),
        }
    }
}

/// The page of a run that has ended, of at most `room` bytes; none if that is too little for anything.
fn page(report: &Report, facts: &Facts, room: usize) -> Option<String> {
    let mut page = Page::new(room, &rest(report));
    for section in [head, causes::write, steps::write, streams::write, results::write, drawing::write] {
        section(report, facts, &mut page);
    }
    page.finish()
}

/// Where everything is that a cut page leaves out.
fn rest(report: &Report) -> String {
    let dir = report.dir.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default();
    sentence(&format!(
        "GitHub takes 1 MiB here, and the rest of this page did not fit. The journal in `{dir}` has all."
    ))
}

/// What the run came to.
fn head(report: &Report, facts: &Facts, page: &mut Page) {
    let mark = match report.end.as_ref().map(|end| &end.end) {
        Some(RunEnd::Succeeded) => "✓",
        Some(RunEnd::Signalled(_)) => "■",
        _ => "✗",
    };
    let (_, closing) = summary::closing(report);
    let name = sentence(&report.pipeline.name);
    page.add(&format!("## {mark} {name}\n\n{}\n\n", sentence(&facts.secrets.hide(&closing))));
}

#[cfg(test)]
mod tests;
