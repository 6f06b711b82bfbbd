//! Streams across the border of a file: what it makes has the caller's name before its own, and what it reads and does
//! not make is what the caller's `inputs` say.

use std::collections::HashMap;

use super::Lowering;
use crate::file::Code;
use crate::file::lower::edges::Bound;
use crate::file::lower::matrix::slugged;
use crate::file::lower::steps::Steps;
use crate::file::lower::streams::Streams;
use crate::file::raw::{RawInput, RawInputKeys, RawStep};
use crate::file::unroll::{Shift, join};
use crate::pipeline::{Span, Step, StepId, StreamId};

impl Lowering<'_> {
    /// Takes up the streams that a call makes.
    pub(in crate::file::lower) fn streams_of_call<'r>(
        &mut self,
        steps: &mut Steps<'r>,
        position: usize,
        streams: &mut Streams<'r>,
    ) {
        let Some(splice) = steps.splices.get_mut(position) else { return };
        splice.streams = streams.list.len();
        let Some(call) = steps.calls.get(splice.call.index()) else { return };
        let caller = &call.caller;
        let shift = Shift {
            caller: &caller.name,
            call: splice.call,
            group: call.group,
            steps: splice.steps.start,
            groups: 0,
            calls: 0,
        };
        let outer = caller.member.as_ref().and_then(|member| steps.groups.get(member.group.index()));
        for inner in &splice.of.lowered.pipeline.streams {
            let stream = shift.stream(inner);
            if let Some(first) =
                streams.by_name.get(stream.name.as_str()).and_then(|id| streams.list.get(id.index()))
            {
                self.two_producers(&stream.name, caller.at, first.at);
            }
            let id = StreamId::new(streams.list.len());
            if let Some(outer) = outer {
                streams.groups.entry(format!("{}.{}", outer.name, inner.name)).or_default().push(id);
            }
            streams.by_name.insert(stream.name.clone().into(), id);
            streams.list.push(stream);
        }
        for (name, members) in &splice.of.lowered.stream_groups {
            let shifted = members.iter().map(|id| StreamId::new(splice.streams + id.index()));
            streams.groups.entry(format!("{}.{name}", caller.name)).or_default().extend(shifted);
        }
    }

    /// What the caller gives to a call, by its `inputs`. What is missing or too much is reported.
    pub(in crate::file::lower) fn bound(&mut self, steps: &mut Steps<'_>, position: usize) -> Vec<Bound> {
        let Some(splice) = steps.splices.get(position) else { return Vec::new() };
        let (raw, of) = (splice.raw, std::rc::Rc::clone(&splice.of));
        let Some(caller) = steps.calls.get(splice.call.index()).map(|call| call.caller.clone()) else {
            return Vec::new();
        };
        let path = of.file.path.display();
        let mut bound = Vec::new();
        for (name, input) in raw.inputs.value().into_iter().flat_map(|inputs| &inputs.0) {
            let (Some((name, at)), Some((input, input_at))) = (name.get(), input.get()) else { continue };
            let Some(free) = of.lowered.free.iter().position(|(free, _)| free == name) else {
                let names = of.lowered.free.iter().map(|(free, _)| free.as_str());
                let help = match of.lowered.free.is_empty() {
                    true => Some("it makes all streams that it reads: take it out".to_owned()),
                    false => self.nearest.help(name, names),
                };
                let message = format!("`{path}` reads no stream `{name}` from outside");
                let problem = self.at(Code::UnusedInput, at, message);
                self.report(problem.maybe_help(help));
                continue;
            };
            let Some((from, at)) = self.named_by(input, input_at) else { continue };
            let is_plain = !(from.contains("{{") || from.contains("{%")) || caller.member.is_none();
            let from = match is_plain {
                true => Some(from.to_owned()),
                false => self.name_with(&slugged(&caller), &mut steps.texts, from, at),
            };
            bound.extend(from.map(|from| Bound { free, from, at }));
        }
        self.all_bound(raw, &of.lowered.free, &path.to_string(), &caller.name);
        bound
    }

    /// The stream that an entry of `inputs` names. What else it says belongs to the reader.
    fn named_by<'r>(&mut self, input: &'r RawInput, whole: Span) -> Option<(&'r str, Span)> {
        let keys = match input {
            RawInput::From(from) => return Some((from.text.as_str(), whole)),
            RawInput::Full(keys) => keys,
        };
        let RawInputKeys { from, buffer, early_exit } = &**keys;
        for (key, at) in [("buffer", buffer.at()), ("early_exit", early_exit.at())] {
            if let Some(at) = at {
                let message = format!("`{key}` belongs to the step in that file that reads the stream");
                let problem = self.at(Code::UsesKey, at, message);
                self.report(problem.help("write it there; here stands the name of the stream alone"));
            }
        }
        from.get().map(|(from, at)| (from.as_str(), at))
    }

    /// Reports streams that the file reads and nothing gives it.
    fn all_bound(&mut self, raw: &RawStep, free: &[(String, Span)], path: &str, caller: &str) {
        let entries = raw.inputs.value().map(|inputs| inputs.0.as_slice()).unwrap_or_default();
        for (name, read_at) in free {
            if entries.iter().any(|(given, _)| given.value() == Some(name)) {
                continue;
            }
            let at = raw.uses.at().unwrap_or_default();
            let message = format!("`{path}` reads the stream `{name}`, and `{caller}` does not give it");
            let problem = self.at(Code::NoProducer, at, message).also(*read_at, "read here");
            self.report(problem.help(format!("name the stream that it is: `inputs: {{{name}: …}}`")));
        }
    }

    /// Joins the steps of a call to its streams, and to those that it is given.
    pub(in crate::file::lower) fn join_call(
        &mut self,
        steps: &mut Steps<'_>,
        position: usize,
        bound: &[Bound],
        streams: &mut Streams<'_>,
    ) {
        let Some(splice) = steps.splices.get(position) else { return };
        let (range, base) = (splice.steps.clone(), splice.streams);
        let of = std::rc::Rc::clone(&splice.of);
        let given = self.given_streams(bound, streams);
        for index in range {
            let Some(step) = steps.list.get_mut(index) else { continue };
            join(step, &of.lowered.pipeline, base, |free| given.get(&free).copied());
            self.read_twice(step, bound, &given);
            for input in &step.inputs {
                let is_given = given.values().any(|stream| *stream == input.port.stream);
                if let Some(stream) = streams.list.get_mut(input.port.stream.index()).filter(|_| is_given) {
                    stream.readers.push(StepId::new(index));
                }
            }
        }
    }

    /// Reports a step that gets one stream of the caller under two names.
    fn read_twice(&mut self, step: &Step, bound: &[Bound], given: &HashMap<usize, StreamId>) {
        for Bound { free, from, at } in bound {
            let Some(stream) = given.get(free) else { continue };
            if step.inputs.iter().filter(|input| input.port.stream == *stream).count() > 1 {
                let message = format!("the step `{}` would read the stream `{from}` twice", step.name);
                let problem = self.at(Code::ReadTwice, *at, message);
                self.report(
                    problem.help("give it another stream, or let the file read it once, and use `tee`"),
                );
                return;
            }
        }
    }

    /// The streams that a caller gives, by their positions among those that the file does not make.
    fn given_streams(&mut self, bound: &[Bound], streams: &mut Streams<'_>) -> HashMap<usize, StreamId> {
        let mut given: HashMap<usize, StreamId> = HashMap::new();
        for Bound { free, from, at } in bound {
            if streams.groups.contains_key(from) {
                let message = format!("several steps make `{from}`, each a stream of its own");
                let problem = self.at(Code::GroupStream, *at, message);
                self.report(problem.help("name one of them: a file reads a stream as one"));
                continue;
            }
            match streams.by_name.get(from.as_str()) {
                Some(stream) => {
                    given.insert(*free, *stream);
                }
                None if streams.open.iter().any(|open| from.starts_with(open.as_str())) => {}
                // The caller of this file gives it.
                None if self.place.is_called() => {
                    given.insert(*free, streams.free_stream(from, *at));
                }
                None => {
                    let problem = self.no_producer(from, *at, streams);
                    self.report(problem);
                }
            }
        }
        given
    }
}
