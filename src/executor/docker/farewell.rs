//! The end of what a container says through the engine.
//!
//! An engine that is busy may lose the last words of a container that ends at once after them. So the
//! container's shell marks the end of each output when the step's program has ended, and stops itself until
//! the marks have come.

use std::borrow::Cow;
use std::io;

use memchr::memmem;

use super::hex;
use crate::executor::{Program, StdoutSpec, StepSpec};
use crate::pipeline::Shell;

/// What the mark begins with: a character that texts do not have.
const FIRST: u8 = 1;

/// The mark of a container.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    text: String,
}

/// Runs the rest of its words, marks the end, and waits to be told to go on. A program that is not there is
/// told of, as the engine would tell of the first one. A signal to all is for the program to heed.
const RUN: &str = r#"mark=$1; shift; command -v "$1" >/dev/null || { echo "$0" >&2; exit 127; }; trap : HUP INT QUIT TERM PIPE; "#;
/// Where both outputs are log, they share a pipe.
const LOG: &str = r#""$@" 2>&1; code=$?; printf %s "$mark"; "#;
const STREAM: &str = r#""$@"; code=$?; printf %s "$mark"; printf %s "$mark" >&2; "#;
const WAIT: &str = "kill -s STOP $$; exit $code";

impl Mark {
    /// A mark for a container that runs a script of a shell. Other interpreters may be in an image without
    /// one.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub(super) fn of(spec: &StepSpec) -> io::Result<Option<Self>> {
        let has_shell = match &spec.program {
            Program::Script { shell: Shell::Auto | Shell::Posix(_), .. } => true,
            Program::Script { shell: Shell::Other(_), .. } | Program::Exec { .. } | Program::Wait => false,
        };
        if !has_shell {
            return Ok(None);
        }
        Self::new().map(Some)
    }

    /// A mark.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub(super) fn new() -> io::Result<Self> {
        let digits = hex::random().map_err(io::Error::other)?;
        Ok(Self { text: format!("{}{digits}", char::from(FIRST)) })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The words that run these words, and mark their end; `missing` is what there is to say of a program
    /// that is not there.
    pub(super) fn words(&self, words: Vec<String>, stdout: StdoutSpec, missing: &str) -> Vec<String> {
        let outputs = match stdout {
            StdoutSpec::Stream => STREAM,
            StdoutSpec::Log => LOG,
        };
        let script = [RUN, outputs, WAIT].concat();
        let first = ["sh", "-c", &script, missing, &self.text].map(str::to_owned);
        first.into_iter().chain(words).collect()
    }
}

/// Takes the mark out of an output.
#[derive(Debug)]
pub(super) struct Unmark {
    mark: Vec<u8>,
    /// What may be the beginning of the mark.
    held: Vec<u8>,
    /// Whether the end is known: the mark has come, or none is to come.
    pub(super) is_ended: bool,
}

impl Unmark {
    /// An output that ends with a mark, or with the connection.
    pub(super) fn new(mark: Option<&Mark>) -> Self {
        let text = mark.map(|mark| mark.text.clone().into_bytes());
        Self { is_ended: text.is_none(), mark: text.unwrap_or_default(), held: Vec::new() }
    }

    /// What the next piece has in it beside the mark.
    pub(super) fn take<'p>(&mut self, piece: &'p [u8]) -> Cow<'p, [u8]> {
        if self.is_ended {
            return Cow::Borrowed(piece);
        }
        let mut all = match self.held.is_empty() {
            true => Cow::Borrowed(piece),
            false => Cow::Owned([std::mem::take(&mut self.held).as_slice(), piece].concat()),
        };
        if let Some(at) = memmem::find(&all, &self.mark) {
            self.is_ended = true;
            let mut rest = all.into_owned();
            rest.drain(at..at + self.mark.len());
            return Cow::Owned(rest);
        }
        let begun = self.begun(&all);
        self.held = all.get(all.len() - begun..).unwrap_or_default().to_vec();
        match &mut all {
            Cow::Borrowed(bytes) => *bytes = bytes.get(..bytes.len() - begun).unwrap_or_default(),
            Cow::Owned(bytes) => bytes.truncate(bytes.len() - begun),
        }
        all
    }

    /// What was held back, once nothing more comes.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// How many of the last bytes are the beginning of the mark.
    fn begun(&self, bytes: &[u8]) -> usize {
        let tail = bytes.get(bytes.len().saturating_sub(self.mark.len() - 1)..).unwrap_or_default();
        let begins = |at: &usize| tail.get(*at..).is_some_and(|end| self.mark.starts_with(end));
        memchr::memchr_iter(FIRST, tail).find(begins).map_or(0, |at| tail.len() - at)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    fn mark() -> Mark {
        Mark { text: "\u{1}0123456789abcdef".to_owned() }
    }

    fn told(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut unmark = Unmark::new(Some(&mark()));
        let mut all: Vec<u8> = pieces.iter().flat_map(|piece| unmark.take(piece).into_owned()).collect();
        all.extend(unmark.rest());
        (all, unmark.is_ended)
    }

    #[test]
    fn an_output_without_a_mark_goes_through() {
        let mut unmark = Unmark::new(None);
        assert!(unmark.is_ended);
        assert_eq!(unmark.take(mark().text.as_bytes()), mark().text.as_bytes());
        assert_eq!(told(&[b"one\x01", b"0123", b"two"]), (b"one\x010123two".to_vec(), false));
    }

    /// Its state tells that it has stopped itself; it ends when told to go on.
    #[test]
    fn a_shell_marks_the_end_and_waits() {
        let words = ["sh", "-c", "echo said; echo more >&2; exit 7"].map(str::to_owned).to_vec();
        for (stdout, said, warned) in [
            (StdoutSpec::Stream, "said\n\u{1}0123456789abcdef", "more\n\u{1}0123456789abcdef"),
            (StdoutSpec::Log, "said\nmore\n\u{1}0123456789abcdef", ""),
        ] {
            let words = mark().words(words.clone(), stdout, "missing");
            let mut command = Command::new(&words[0]);
            let child =
                command.args(&words[1..]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
            while !state().contains(") T ") {
                std::thread::yield_now();
            }
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(7));
            assert_eq!(String::from_utf8(output.stdout).unwrap(), said);
            assert_eq!(String::from_utf8(output.stderr).unwrap(), warned);
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_told_of() {
        let words = mark().words(vec!["no-such-program".into()], StdoutSpec::Stream, "it is missing");
        let output = Command::new(&words[0]).args(&words[1..]).output().unwrap();
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(127), b"it is missing\n".as_slice())
        );
    }

    proptest! {
        /// Wherever an output is cut, the mark is found, and nothing but the mark goes.
        #[test]
        fn the_mark_is_found_however_it_comes(
            before in "[a\u{1}01]{0,20}",
            after in "[a\u{1}01]{0,5}",
            cuts in prop::collection::vec(1usize..8, 0..12),
        ) {
            let text = [before.as_str(), &mark().text, &after].concat().into_bytes();
            let mut pieces = Vec::new();
            let mut rest = text.as_slice();
            for cut in cuts {
                let (piece, others) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = others;
            }
            pieces.push(rest);
            prop_assert_eq!(told(&pieces), ([before, after].concat().into_bytes(), true));
        }
    }
}
