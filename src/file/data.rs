//! Diagnostics as data, for editors and CI: the record that `--format json` prints for each.

use serde::Serialize;

use super::Diagnostic;
use crate::pipeline::{Source, Span};

/// One problem. Lines and columns count from 1, columns in characters; the end is the place right after it.
#[derive(Debug, Serialize)]
pub struct DiagnosticRecord<'a> {
    /// Its class: `pipe explain CODE` says more.
    code: &'static str,
    /// `error`, or `warning` for what does not keep the pipeline from running.
    severity: &'static str,
    /// What is wrong.
    message: &'a str,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    /// The file and the place in it; nothing for what the command line and the environment say.
    #[serde(flatten)]
    at: Option<FilePlace>,
    /// Other places that belong to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<Label<'a>>,
}

#[derive(Debug, Serialize)]
struct FilePlace {
    file: String,
    #[serde(flatten)]
    place: Place,
}

#[derive(Debug, Serialize)]
struct Place {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Debug, Serialize)]
struct Label<'a> {
    label: &'a str,
    /// The file, where it is not the problem's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(flatten)]
    place: Place,
}

impl Place {
    fn of(source: &Source, span: Span) -> Self {
        let (start, end) = (source.position(span.start), source.position(span.end));
        Self { line: start.line, column: start.column, end_line: end.line, end_column: end.column }
    }
}

/// Returns the record of a diagnostic.
pub fn record(problem: &Diagnostic) -> DiagnosticRecord<'_> {
    let at = problem.source.as_ref().zip(problem.span).map(|(source, span)| FilePlace {
        file: source.file_of(span).shown().into_owned(),
        place: Place::of(source, span),
    });
    let also = problem.source.iter().flat_map(|source| {
        let own = source.index_of(problem.span.unwrap_or_default().start);
        problem.also.iter().map(move |(span, label)| {
            let is_own = source.index_of(span.start) == own;
            let file = (!is_own).then(|| source.file_of(*span).shown().into_owned());
            Label { label, file, place: Place::of(source, *span) }
        })
    });
    DiagnosticRecord {
        code: problem.code.name(),
        severity: if problem.code.is_warning() { "warning" } else { "error" },
        message: &problem.message,
        help: problem.help.as_deref(),
        at,
        also: also.collect(),
    }
}
