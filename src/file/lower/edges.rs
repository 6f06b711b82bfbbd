//! The long forms of `input` and `output`: what is said about a stream beside its name.

use std::borrow::Cow;

use bytesize::ByteSize;

use crate::file::Code;
use crate::file::raw::{RawEarlyExit, RawInput, RawOutput, RawStep};
use crate::file::words::{self, shown};
use crate::file::yaml::{Field, OneOrMany};
use crate::pipeline::{EarlyExit, Span, Step};

use super::Lowering;

/// The streams that a step in a container can read beside stdin: descriptors 3 to 9.
const MOST_IN_CONTAINER: usize = 7;

/// The exit code by which shells report that SIGPIPE has ended a program.
const SIGPIPE: i32 = 141;

/// What `output` says.
pub(super) struct Made<'r> {
    pub name: Cow<'r, str>,
    pub at: Span,
    pub store: bool,
    pub checksum: bool,
    pub broken_pipe: Vec<i32>,
}

/// What `input`, or an entry of `inputs`, says.
pub(super) struct Read<'r> {
    /// Its name among `inputs`.
    pub name: Option<&'r str>,
    /// The stream.
    pub from: Cow<'r, str>,
    pub at: Span,
    pub buffer: Option<u64>,
    pub early_exit: EarlyExit,
}

/// A stream of the caller for one that a file reads and does not make.
pub(super) struct Bound {
    /// Its position among those that the file does not make.
    pub free: usize,
    /// The caller's name for it.
    pub from: String,
    pub at: Span,
}

impl Lowering<'_> {
    /// The exit codes by which a step reports that its readers have left. SIGPIPE needs none.
    fn broken_pipe(&mut self, field: &Field<OneOrMany<i32>>) -> Vec<i32> {
        for (_, at) in field.entries().into_iter().filter(|(code, _)| **code == SIGPIPE) {
            let message =
                format!("exit code {SIGPIPE} always reports a broken pipe: it is how shells report SIGPIPE");
            let problem = self.at(Code::BadNumber, at, message);
            self.report(
                problem.help("leave it out; only the exit codes that a program has of its own go here"),
            );
        }
        self.exit_codes(field)
    }

    pub(super) fn made<'r>(&mut self, field: &'r Field<RawOutput>) -> Option<Made<'r>> {
        let (output, whole) = field.get()?;
        match output {
            RawOutput::Name(name) => {
                let (name, at) = (name.text.as_str(), whole);
                Some(Made { name: name.into(), at, store: false, checksum: false, broken_pipe: Vec::new() })
            }
            RawOutput::Full(keys) => {
                let Some((name, at)) = keys.name.get() else {
                    self.missing("output", "name", keys.name.is_missing(), whole);
                    return None;
                };
                let store = keys.store.value().copied().unwrap_or_default();
                let checksum = keys.checksum.value().is_some();
                let broken_pipe = self.broken_pipe(&keys.broken_pipe);
                Some(Made { name: name.as_str().into(), at, store, checksum, broken_pipe })
            }
        }
    }

    /// All that a step reads: stdin, then the others.
    pub(super) fn reads_of<'r>(&mut self, raw: &'r RawStep) -> Vec<Read<'r>> {
        let entries = raw.inputs.value().map(|entries| entries.0.as_slice()).unwrap_or_default();
        let most = usize::from(!raw.input.is_missing()) + entries.len();
        let mut reads: Vec<Read<'r>> = Vec::with_capacity(most);
        reads.extend(raw.input.get().and_then(|(input, at)| self.read(None, input, at)));
        for (name, input) in entries {
            let (Some((name, at)), Some((input, input_at))) = (name.get(), input.get()) else { continue };
            self.input_name(name, at, &reads);
            reads.extend(self.read(Some(name), input, input_at));
        }
        reads
    }

    /// Notes the names that the texts of a step have for what it reads.
    pub(super) fn name_inputs(&mut self, raw: &RawStep) {
        let entries = raw.inputs.value().map(|entries| entries.0.as_slice()).unwrap_or_default();
        self.names.inputs = entries.iter().filter_map(|(name, _)| name.value().cloned()).collect();
        self.names.gathered.clear();
        if self.stream_groups.is_empty() {
            return;
        }
        for (name, input) in entries {
            let from = match input.value() {
                Some(RawInput::From(from)) => Some(&from.text),
                Some(RawInput::Full(keys)) => keys.from.value(),
                None => None,
            };
            if from.is_some_and(|from| self.stream_groups.contains(from)) {
                self.names.gathered.extend(name.value().cloned());
            }
        }
    }

    fn read<'r>(&mut self, name: Option<&'r str>, input: &'r RawInput, whole: Span) -> Option<Read<'r>> {
        let plain = |from: &'r str, at| Read {
            name,
            from: from.into(),
            at,
            buffer: None,
            early_exit: EarlyExit::Allow,
        };
        match input {
            RawInput::From(from) => Some(plain(from.text.as_str(), whole)),
            RawInput::Full(keys) => {
                let buffer = keys.buffer.get().and_then(|(size, at)| self.buffer(&size.text, at));
                let early_exit = match keys.early_exit.value() {
                    None | Some(RawEarlyExit::Allow) => EarlyExit::Allow,
                    Some(RawEarlyExit::Fail) => EarlyExit::Fail,
                };
                let Some((from, at)) = keys.from.get() else {
                    self.missing("input", "from", keys.from.is_missing(), whole);
                    return None;
                };
                Some(Read { buffer, early_exit, ..plain(from, at) })
            }
        }
    }

    /// Reports a container that could not name all that its step reads.
    pub(super) fn inputs_in_container(&mut self, step: &Step) {
        let named = step.inputs.iter().filter(|input| input.name.is_some());
        let last =
            named.clone().next_back().filter(|_| step.is_in_container() && named.count() > MOST_IN_CONTAINER);
        if let Some(last) = last {
            let message = format!(
                "the step `{}` reads more than {MOST_IN_CONTAINER} streams, and the shells of containers know no more",
                step.name
            );
            let problem = self.at(Code::TooManyInputs, last.port.at, message);
            self.report(problem.help("run it on this machine, or let steps before it join some of them"));
        }
    }

    fn missing(&mut self, key: &str, of: &str, is_missing: bool, at: Span) {
        if is_missing {
            let problem = self.at(Code::MissingKey, at, format!("`{key}` does not name a stream"));
            self.report(problem.help(format!("add `{of}: …`, such as `{key}: {{{of}: archive}}`")));
        }
    }

    fn buffer(&mut self, text: &str, at: Span) -> Option<u64> {
        let bytes = text.trim().parse::<ByteSize>().ok().map(|size| size.as_u64()).filter(|bytes| *bytes > 0);
        if bytes.is_none() {
            let problem = self.at(Code::BadNumber, at, format!("{} is no size for a buffer", shown(text)));
            self.report(problem.help("write it like `256MiB` or `1GB`"));
        }
        bytes
    }

    /// Names become variables in capitals, so two that differ in nothing else are the same.
    fn input_name(&mut self, name: &str, at: Span, earlier: &[Read<'_>]) {
        if !words::is_identifier(name) {
            let mended = words::as_identifier(name);
            let help = (!mended.is_empty()).then(|| format!("write `{mended}`"));
            let problem = self.at(Code::BadName, at, words::no_identifier("an input", name));
            self.report(problem.maybe_help(help));
        } else if let Some(same) =
            earlier.iter().filter_map(|read| read.name).find(|other| other.eq_ignore_ascii_case(name))
        {
            let message = format!("`{same}` and `{name}` would be found under the same variable");
            let problem = self.at(Code::BadName, at, message);
            self.report(problem.help("let them differ in more than capitals"));
        }
    }
}
