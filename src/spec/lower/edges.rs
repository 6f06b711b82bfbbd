//! The long forms of `input` and `output`: what is said about a stream beside its name.

use bytesize::ByteSize;

use crate::pipeline::{EarlyExit, Span};
use crate::spec::Code;
use crate::spec::raw::{RawEarlyExit, RawInput, RawOutput, RawStep};
use crate::spec::words::{self, shown};
use crate::spec::yaml::Field;

use super::Lowering;

/// What `output` says.
pub(super) struct Made<'r> {
    pub name: &'r str,
    pub at: Span,
    pub store: bool,
    pub checksum: bool,
}

/// What `input`, or an entry of `inputs`, says.
pub(super) struct Read<'r> {
    /// Its name among `inputs`.
    pub name: Option<&'r str>,
    /// The stream.
    pub from: &'r str,
    pub at: Span,
    pub buffer: Option<u64>,
    pub early_exit: EarlyExit,
}

impl Lowering<'_> {
    pub(super) fn made<'r>(&mut self, field: &'r Field<RawOutput>) -> Option<Made<'r>> {
        let (output, whole) = field.get()?;
        match output {
            RawOutput::Name(name) => {
                Some(Made { name: &name.text, at: whole, store: false, checksum: false })
            }
            RawOutput::Full(keys) => {
                let Some((name, at)) = keys.name.get() else {
                    self.missing("output", "name", keys.name.is_missing(), whole);
                    return None;
                };
                let store = keys.store.value().copied().unwrap_or_default();
                Some(Made { name, at, store, checksum: keys.checksum.value().is_some() })
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

    fn read<'r>(&mut self, name: Option<&'r str>, input: &'r RawInput, whole: Span) -> Option<Read<'r>> {
        let plain = |from, at| Read { name, from, at, buffer: None, early_exit: EarlyExit::Allow };
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
