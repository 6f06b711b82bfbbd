//! What is wrong with a value, as an error of the template engine.

use std::fmt;

use minijinja::{Error, ErrorKind};

/// What is wrong with a value, in words for the user; travels through the engine as an error's source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// An engine's error that carries a problem.
pub(super) fn problem(message: impl Into<String>, help: impl Into<String>) -> Error {
    let problem = Problem { message: message.into(), help: Some(help.into()) };
    Error::new(ErrorKind::InvalidOperation, problem.message.clone()).with_source(problem)
}
