//! GitHub Actions: workflow commands in the log, and the summary of the job's step.

mod command;
pub mod summary;
mod token;

use std::io;
use std::time::SystemTime;

use self::command::WorkflowCommand;
use super::grouped::{Cleaned, Dialect};
use super::summary::failures;
use super::{FileNames, Report, text, words};
use crate::event::RunEnd;
use crate::event::mask::Masker;
use crate::pipeline::{Outcome, RunOutcome, StepId, took_too_long};

/// Characters of an annotation at most; GitHub takes 64 KiB.
const LONGEST: usize = 16 << 10;

/// The log of a workflow: groups, annotations, masks.
#[derive(Debug)]
pub struct GitHub {
    secrets: Masker,
    files: FileNames,
    token: Option<String>,
}

impl GitHub {
    /// Returns a dialect for GitHub. `files` are the pipeline's files as GitHub knows them, relative to the
    /// repository's root.
    pub fn new(secrets: Masker, files: FileNames) -> Self {
        Self { secrets, files, token: None }
    }

    /// Returns the text of an annotation.
    fn message(&self, text: &str) -> String {
        let mut message = readable(&self.secrets.text(text));
        if let Some((end, _)) = message.char_indices().nth(LONGEST) {
            message.truncate(end);
            message.push('…');
        }
        message
    }

    /// Returns an annotation of the whole run.
    fn about_run(&self, kind: &str, report: &Report, text: &str) -> String {
        WorkflowCommand::new(kind, self.message(text)).with("title", readable(&report.pipeline.name)).line()
    }
}

impl Dialect for GitHub {
    /// The runner of GitHub shows stars for every text that an `add-mask` command has named.
    fn prelude(&self) -> String {
        self.secrets.lines().map(|line| WorkflowCommand::new("add-mask", line).line()).collect()
    }

    fn clean(&self, chunk: &[u8], out: &mut Vec<u8>) -> Cleaned {
        let start = out.len();
        let goes_on = text::coloured_lines(chunk, out);
        command::break_old_marks(out, start);
        Cleaned { risky: command::may_command(out.get(start..).unwrap_or_default()), goes_on }
    }

    fn shield(&mut self) -> io::Result<String> {
        let token = token::random()?;
        let line = WorkflowCommand::new("stop-commands", token.as_str()).line();
        self.token = Some(token);
        Ok(line)
    }

    fn unshield(&mut self) -> String {
        self.token.take().map(|token| WorkflowCommand::new(&token, "").line()).unwrap_or_default()
    }

    /// The page folds every group, and has no way to say otherwise.
    fn open(&mut self, title: &str, _folded: bool, _at: SystemTime) -> String {
        WorkflowCommand::new("group", readable(&text::one_line(title))).line()
    }

    fn close(&mut self, _at: SystemTime) -> String {
        WorkflowCommand::new("endgroup", "").line()
    }

    fn failure(&self, report: &Report, id: StepId) -> String {
        let Some((step, known)) = report.pipeline.steps.get(id.index()).zip(report.steps.get(id.index()))
        else {
            return String::new();
        };
        let beside = failures::beside_log(report, id).filter(|_| known.log.lines().is_empty());
        let tail = self.secrets.text(&beside.unwrap_or_else(|| known.log.lines().join("\n")));
        let message = format!("{}\n{tail}", failures::headline(report, id));
        let is_ignored = matches!(known.outcome(), Some(Outcome::Ignored(_)));
        // The clean-up of a failed run is no second reason for it.
        let is_second = report.is_later(id)
            && report.phase.as_ref().is_some_and(|phase| phase.outcome != RunOutcome::Succeeded);
        let kind = if is_ignored || is_second { "warning" } else { "error" };
        let title = format!("{}: {}", report.pipeline.name, words::label(&report.pipeline, id));
        let at = report.pipeline.source.position(step.at.start);
        WorkflowCommand::new(kind, self.message(&message))
            .with("file", self.files.of(&report.pipeline.source, step.at))
            .with("line", at.line)
            .with("col", at.column)
            .with("title", readable(&title))
            .line()
    }

    fn warning(&self, report: &Report, message: &str) -> Option<String> {
        Some(self.about_run("warning", report, message))
    }

    fn ended(&self, report: &Report) -> String {
        let what = match report.end.as_ref().map(|end| &end.end) {
            Some(RunEnd::Aborted(what)) => format!("aborted: {}", text::one_line(what)),
            Some(RunEnd::NoOutput(why)) => text::one_line(why),
            Some(RunEnd::TimedOut(limit)) => took_too_long(*limit),
            Some(RunEnd::Signalled(signal)) => format!("cancelled by {}", words::signal(*signal)),
            Some(RunEnd::Succeeded | RunEnd::Failed { .. }) | None => return String::new(),
        };
        self.about_run("error", report, &what)
    }
}

/// Returns text without control characters, and without anything that the page could take for a mark.
fn readable(text: &str) -> String {
    let mut lines = Vec::with_capacity(text.len());
    text::prefix_lines(b"", text.as_bytes(), &mut lines);
    command::break_old_marks(&mut lines, 0);
    String::from_utf8_lossy(&lines).trim_end_matches('\n').to_owned()
}
