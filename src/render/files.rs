//! What the files of a pipeline are called where a report is read.

use std::path::Path;

use crate::pipeline::{Source, Span};

/// The files of a pipeline as a CI service calls them, such as relative to the repository's root.
#[derive(Debug, Clone)]
pub struct FileNames(Vec<String>);

impl FileNames {
    /// Asks `name` for the name of each file.
    pub fn new(source: &Source, name: impl Fn(&Path) -> String) -> Self {
        Self(source.files().iter().map(|file| name(file.path())).collect())
    }

    /// Returns the name of the file that a span starts in.
    pub fn of(&self, source: &Source, span: Span) -> &str {
        self.0.get(source.index_of(span.start)).map_or("", String::as_str)
    }

    /// Returns `FILE:LINE` of a span's start.
    pub fn place(&self, source: &Source, span: Span) -> String {
        format!("{}:{}", self.of(source, span), source.line(span))
    }
}

#[cfg(test)]
impl From<&str> for FileNames {
    fn from(only: &str) -> Self {
        Self(vec![only.to_owned()])
    }
}
