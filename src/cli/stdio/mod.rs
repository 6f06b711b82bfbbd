//! Standard input, output and error, which may be closed, non-blocking or without a reader.
//!
//! All output of `pipe` goes through this module. Output that was asked for ([`print`], [`Out`]) is complete
//! or an error; messages ([`say`]) are best effort.

mod closed;
mod out;
mod patience;

use std::fmt;
use std::io::{self, Write};

pub(super) use self::out::Out;
pub(super) use self::patience::PATIENCE;

/// A standard stream that is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standard {
    Output,
    Error,
}

impl Standard {
    /// Opens it for writing. A closed stream is an error, before output could be lost.
    pub(super) fn open(self) -> Result<Out, StdioError> {
        match self {
            Self::Output if closed::was_closed(1) => Err(StdioError::OutputClosed),
            Self::Error if closed::was_closed(2) => Err(StdioError::ErrorClosed),
            Self::Output | Self::Error => Ok(Out::of(self, &PATIENCE)?),
        }
    }
}

/// A standard stream that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum StdioError {
    #[error("standard input is closed, and a stream reads from it")]
    InputClosed,
    #[error("standard output is closed, and there is something to write to it")]
    OutputClosed,
    #[error("standard error is closed, and there is something to write to it")]
    ErrorClosed,
    #[error("cannot print: {0}")]
    Write(#[from] io::Error),
}

impl StdioError {
    /// Returns what to do about it, where that can be said.
    pub(super) fn help(&self) -> Option<&'static str> {
        match self {
            Self::InputClosed => Some("redirect it: `< FILE`, or `< /dev/null` for an empty stream"),
            Self::OutputClosed => Some("redirect it: `> FILE`, or `> /dev/null` to discard it"),
            Self::ErrorClosed => Some("redirect it: `2> FILE`, or `2> /dev/null` to discard it"),
            Self::Write(_) => None,
        }
    }
}

/// Refuses a closed standard input if a stream reads from it: the stream would be empty.
pub(super) fn check_input() -> Result<(), StdioError> {
    if closed::was_closed(0) { Err(StdioError::InputClosed) } else { Ok(()) }
}

/// Prints what was asked for, all of it.
pub(super) fn print(text: impl AsRef<[u8]>) -> Result<(), StdioError> {
    Ok(Standard::Output.open()?.write_all(text.as_ref())?)
}

/// Writes a line to standard error, best effort. Called by the macro.
pub(super) fn say_line(line: fmt::Arguments<'_>) {
    let mut text = line.to_string();
    text.push('\n');
    let said = Out::of(Standard::Error, &PATIENCE).and_then(|mut out| out.write_all(text.as_bytes()));
    // The error could only be reported on the same stream.
    let _: io::Result<()> = said;
}

/// Writes a line to standard error. `eprintln!` of the standard library panics if it cannot.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::stdio::say_line(format_args!($($text)*)) };
}
pub(super) use say;
