//! What CI services differ in.

use std::io;
use std::time::SystemTime;

use crate::pipeline::StepId;
use crate::render::Report;

/// How the log of a CI service marks what folds, and what else it reads there. Each text it gives is of whole
/// lines.
pub trait Dialect: Send {
    /// Returns what has to be said before anything else.
    fn prelude(&self) -> String {
        String::new()
    }

    /// Appends what a step wrote in the form in which it may be shown.
    fn clean(&self, chunk: &[u8], out: &mut Vec<u8>) -> Cleaned;

    /// From here on nothing is taken for more than text.
    ///
    /// # Errors
    /// The system has no random numbers to give.
    fn shield(&mut self) -> io::Result<String> {
        Ok(String::new())
    }

    /// Returns the end of that.
    fn unshield(&mut self) -> String {
        String::new()
    }

    /// Returns the beginning of a group, under a title of one line.
    fn open(&mut self, title: &str, folded: bool, at: SystemTime) -> String;

    /// Returns its end.
    fn close(&mut self, at: SystemTime) -> String;

    /// Returns what marks a failed step in the file that it comes from; also one whose failure is ignored.
    fn failure(&self, _report: &Report, _step: StepId) -> String {
        String::new()
    }

    /// Returns a warning about the run, where the service has a form of its own for it.
    fn warning(&self, _report: &Report, _message: &str) -> Option<String> {
        None
    }

    /// Returns what marks a run that was ended by no step.
    fn ended(&self, _report: &Report) -> String {
        String::new()
    }
}

/// What is known of cleaned lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// The service could take one of them for more than text, if it is not shielded.
    pub risky: bool,
    /// The last one is a piece of a line.
    pub goes_on: bool,
}
