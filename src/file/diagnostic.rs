//! Diagnostics: what is wrong with a file or with the values given for its params.

use std::path::Path;

use super::Code;
use crate::pipeline::{Position, Source, SourceFile, Span};

/// One mistake: where it is, what it is, what to write instead.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Its class.
    pub code: Code,
    /// The files that its places are in; `None` for the command line and the environment.
    pub source: Option<Source>,
    /// Its place.
    pub span: Option<Span>,
    /// What is wrong, as one sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Other places that belong to it, each with a few words.
    pub also: Vec<(Span, String)>,
}

impl Diagnostic {
    /// A problem at a place of a file.
    pub fn at(code: Code, source: &Source, span: Span, message: impl Into<String>) -> Self {
        Self { source: Some(source.clone()), span: Some(span), ..Self::nowhere(code, message) }
    }

    /// A problem that is in no file.
    pub fn nowhere(code: Code, message: impl Into<String>) -> Self {
        Self { code, source: None, span: None, message: message.into(), help: None, also: Vec::new() }
    }

    /// Says what to write instead.
    pub fn help(self, help: impl Into<String>) -> Self {
        self.maybe_help(Some(help.into()))
    }

    /// Says what to write instead, where something is known.
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// Adds another place.
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    /// Line and column, where it has a place.
    pub fn position(&self) -> Option<Position> {
        Some(self.source.as_ref()?.position(self.span?.start))
    }

    /// The file that it is in.
    fn file(&self) -> Option<&SourceFile> {
        Some(self.source.as_ref()?.file_of(self.span.unwrap_or_default()))
    }

    /// What problems are sorted by: those without a place first, then by file and place.
    fn key(&self) -> (Option<(usize, &Path)>, Option<Span>, &str) {
        (self.file().map(|file| (file.start(), file.path())), self.span, &self.message)
    }
}

/// Everything that is wrong: at least one problem, by place, without repeats.
#[derive(Debug, Clone)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Sorts the problems found; `None` if there are none.
    pub fn of(mut found: Vec<Diagnostic>) -> Option<Self> {
        found.sort_by(|a, b| a.key().cmp(&b.key()));
        found.dedup_by(|a, b| a.code == b.code && a.key() == b.key());
        (!found.is_empty()).then_some(Self(found))
    }

    /// The problems, by place.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// `3 problems in backup.yml`, or `3 warnings …` where they are nothing else.
    pub fn count(&self) -> String {
        let all_warn = self.0.iter().all(|problem| problem.code.is_warning());
        let count = match (self.0.len(), if all_warn { "warning" } else { "problem" }) {
            (1, what) => format!("1 {what}"),
            (many, what) => format!("{many} {what}s"),
        };
        let path = |problem: &Diagnostic| problem.file().map(|file| file.path().to_owned());
        match self.0.first().and_then(path) {
            Some(first) if self.0.iter().all(|problem| path(problem).as_ref() == Some(&first)) => {
                format!("{count} in {}", first.display())
            }
            _ => count,
        }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(problem: Diagnostic) -> Self {
        Self(vec![problem])
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
