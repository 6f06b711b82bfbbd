//! The JUnit report: a test suite for the run and one for its `finally` steps, a test case for each step, in
//! the dialect that GitLab and Jenkins read.
//!
//! Only a step that failed by itself is a failure (one that could not even start is an error); what fell with
//! it counts as skipped. A run that was ended by no step has a case of its own, so that it is not taken for a
//! good one.

mod file;
mod xml;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use quick_xml::Writer;

use self::xml::{Attributes, element, empty, text};
use super::summary::failures;
use super::{FileNames, Renderer, Report, StepState, words};
use crate::event::mask::Masker;
use crate::event::{Event, EventKind, RunEnd};
use crate::pipeline::{Failure, Outcome, Span, StepId, took_too_long};

/// Writes the report when the run has ended.
#[derive(Debug)]
pub struct Junit {
    path: PathBuf,
    secrets: Masker,
    files: FileNames,
    run: Option<(Report, SystemTime)>,
}

impl Junit {
    /// Returns a renderer that writes to `path`. `files` are the pipeline's files relative to the
    /// repository's root.
    pub fn new(path: PathBuf, secrets: Masker, files: FileNames) -> Self {
        Self { path, secrets, files, run: None }
    }
}

impl Renderer for Junit {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let EventKind::RunStarted(started) = &event.kind {
            self.run = Some((Report::new(started), event.at));
        }
        let Some((report, began)) = &mut self.run else { return Ok(()) };
        report.event(event);
        if let EventKind::RunFinished(finished) = &event.kind {
            let document =
                Document { secrets: &self.secrets, files: &self.files, report, took: finished.duration };
            file::replace(&self.path, &document.write(*began)?)?;
        }
        Ok(())
    }
}

/// What the report is made from.
struct Document<'a> {
    secrets: &'a Masker,
    files: &'a FileNames,
    report: &'a Report,
    took: Duration,
}

/// A test case.
struct Case {
    /// The group that the step is one of; none of others.
    group: Option<String>,
    name: String,
    took: Duration,
    /// Where the step stands; nothing for the run itself.
    at: Option<Span>,
    result: CaseResult,
    log: String,
}

/// The result of a test case, with a message if it is not a success, and with a word for the kind of failure.
enum CaseResult {
    Passed,
    Failed(&'static str, String),
    Broken(&'static str, String),
    Skipped(String),
}

impl Document<'_> {
    fn write(&self, began: SystemTime) -> io::Result<Vec<u8>> {
        let ids = (0..self.report.steps.len()).map(StepId::new);
        let (later, body): (Vec<_>, Vec<_>) = ids.partition(|id| self.report.is_later(*id));
        let mut body: Vec<Case> = body.into_iter().filter_map(|id| self.case(id)).collect();
        let later: Vec<Case> = later.into_iter().filter_map(|id| self.case(id)).collect();
        body.extend(self.ended());
        let all: Vec<&Case> = body.iter().chain(&later).collect();
        let numbers = numbers(&self.report.pipeline.name, &all, self.took);
        let suite = |name: &str, cases: &[&Case], took| {
            let skipped = cases.iter().filter(|case| matches!(case.result, CaseResult::Skipped(_))).count();
            let numbers = self::numbers(name, cases, took);
            numbers.with("skipped", skipped).with("timestamp", timestamp(began))
        };
        let after = later.iter().map(|case| case.took).sum();
        let suites = [
            (suite(&self.report.pipeline.name, &body.iter().collect::<Vec<_>>(), self.took), body),
            (suite("finally", &later.iter().collect::<Vec<_>>(), after), later),
        ];
        let mut out = Writer::new_with_indent(Vec::new(), b' ', 2);
        xml::declare(&mut out)?;
        element(&mut out, "testsuites", &numbers, |out| {
            suites.iter().take(if suites[1].1.is_empty() { 1 } else { 2 }).try_for_each(|(suite, cases)| {
                element(out, "testsuite", suite, |out| {
                    cases.iter().try_for_each(|case| self.write_case(case, out))
                })
            })
        })?;
        let mut bytes = out.into_inner();
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn write_case(&self, case: &Case, out: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let source = &self.report.pipeline.source;
        let mut attributes = Attributes::default()
            .with("classname", case.group.as_ref().unwrap_or(&self.report.pipeline.name))
            .with("name", &case.name)
            .with("time", seconds(case.took))
            .with("file", self.files.of(source, case.at.unwrap_or_default()));
        if let Some(at) = case.at {
            attributes = attributes.with("line", source.line(at));
        }
        let log = (!case.log.is_empty()).then_some(&case.log);
        if matches!((&case.result, log), (CaseResult::Passed, None)) {
            return empty(out, "testcase", &attributes);
        }
        element(out, "testcase", &attributes, |out| {
            match &case.result {
                CaseResult::Passed => {}
                CaseResult::Skipped(message) => {
                    empty(out, "skipped", &Attributes::default().with("message", message))?;
                }
                CaseResult::Failed(kind, message) => {
                    self.write_failure("failure", kind, message, case, out)?
                }
                CaseResult::Broken(kind, message) => self.write_failure("error", kind, message, case, out)?,
            }
            let log = log.map(|log| element(out, "system-out", &Attributes::default(), |out| text(out, log)));
            log.transpose().map(|_| ())
        })
    }

    fn write_failure(
        &self,
        name: &str,
        kind: &str,
        message: &str,
        case: &Case,
        out: &mut Writer<Vec<u8>>,
    ) -> io::Result<()> {
        let about = Attributes::default().with("message", message).with("type", kind);
        let source = &self.report.pipeline.source;
        let place = case.at.map(|at| format!("\nat {}", self.files.place(source, at))).unwrap_or_default();
        element(out, name, &about, |out| text(out, &format!("{message}{place}\n{}", case.log)))
    }

    /// Returns the end of a step's log, and behind it those of the services that it used if it has failed.
    fn log(&self, id: StepId) -> String {
        let lines =
            |id: StepId| self.report.steps.get(id.index()).map(|known| known.log.lines()).unwrap_or_default();
        let mut log = lines(id);
        let failed = self.report.failures.contains(&id).then_some(id);
        for service in failures::service_logs(self.report, failed.as_slice()).into_iter().flatten() {
            log.push(failures::about_service_log(self.report, service));
            log.append(&mut lines(service));
        }
        self.secrets.text(&log.join("\n"))
    }

    /// Returns a step that has ended. A feed is not one of the user's steps, and shows only when it has
    /// failed.
    fn case(&self, id: StepId) -> Option<Case> {
        let (step, known) =
            self.report.pipeline.steps.get(id.index()).zip(self.report.steps.get(id.index()))?;
        let StepState::Finished { outcome, duration } = &known.state else { return None };
        if !self.report.counts(id) && !outcome.is_failure() {
            return None;
        }
        let message = match words::passed_over(&self.report.pipeline, outcome) {
            Some(why) => format!("condition: {why}"),
            None => failures::headline(self.report, id),
        };
        let message = self.secrets.text(&message);
        let mut log = self.log(id);
        let result = match outcome {
            Outcome::Succeeded => CaseResult::Passed,
            Outcome::Ignored(_) => {
                log = format!("{message}\n{log}");
                CaseResult::Passed
            }
            Outcome::Failed(failure @ Failure::Start(_)) => CaseResult::Broken(kind(failure), message),
            Outcome::Failed(failure) => CaseResult::Failed(kind(failure), message),
            Outcome::TimedOut => CaseResult::Failed(kind(&Failure::Timeout), message),
            Outcome::Tainted { .. }
            | Outcome::Cancelled
            | Outcome::Skipped(_)
            | Outcome::Reused
            | Outcome::LeftOut => CaseResult::Skipped(message),
        };
        let name = words::label(&self.report.pipeline, id).into_owned();
        let pipeline = &self.report.pipeline;
        let group = pipeline.groups_of(step).next().map(|group| pipeline.group(group).name.clone());
        Some(Case { group, name, took: *duration, at: Some(step.at), result, log })
    }

    /// Returns the run itself, if something other than a step ended it. No step can have this name.
    fn ended(&self) -> Option<Case> {
        let (kind, message) = match &self.report.end.as_ref()?.end {
            RunEnd::Succeeded | RunEnd::Failed { .. } => return None,
            RunEnd::TimedOut(limit) => ("timeout", took_too_long(*limit)),
            RunEnd::NoOutput(why) => ("no-output", self.secrets.text(why)),
            RunEnd::Signalled(signal) => ("signal", format!("cancelled by {}", words::signal(*signal))),
            RunEnd::Aborted(what) => ("engine", format!("aborted: {}", self.secrets.text(what))),
        };
        let result = CaseResult::Broken(kind, message);
        Some(Case {
            group: None,
            name: "(the run)".into(),
            took: self.took,
            at: None,
            result,
            log: String::new(),
        })
    }
}

/// Returns what holds of cases together.
fn numbers(name: &str, cases: &[&Case], took: Duration) -> Attributes {
    let count = |kind: fn(&CaseResult) -> bool| cases.iter().filter(|case| kind(&case.result)).count();
    Attributes::default()
        .with("name", name)
        .with("tests", cases.len())
        .with("failures", count(|result| matches!(result, CaseResult::Failed(..))))
        .with("errors", count(|result| matches!(result, CaseResult::Broken(..))))
        .with("time", seconds(took))
}

/// Returns the same words as in `--format json`.
fn kind(failure: &Failure) -> &'static str {
    match failure {
        Failure::Exit(_) | Failure::BrokenPipe(_) => "exit",
        Failure::Signal(_) => "signal",
        Failure::OutOfMemory => "out-of-memory",
        Failure::Timeout => "timeout",
        Failure::Start(_) => "start",
        Failure::Outputs(_) => "outputs",
        Failure::Missing(_) => "missing",
        Failure::LeftEarly => "left-early",
        Failure::NotReady(_) => "not-ready",
        Failure::EndedEarly => "ended-early",
    }
}

fn seconds(length: Duration) -> String {
    format!("{:.3}", length.as_secs_f64())
}

/// Formats a time in UTC without a zone, the form of the schema.
fn timestamp(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests;
