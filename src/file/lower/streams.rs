//! `output` and `input`: names → streams.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::file::{Code, Diagnostic, LoadOptions};
use crate::pipeline::{GroupId, Input, MatrixValue, Port, Span, Step, StepId, Stream, StreamId};

use super::Lowering;
use super::edges::{Bound, Made, Read};
use super::list::Written;
use super::steps::Steps;

/// All streams, the names behind which there are several, and those that a called file does not make.
type AllStreams = (Vec<Stream>, BTreeMap<String, Vec<StreamId>>, Vec<(String, Span)>);

/// The streams so far.
pub(super) struct Streams<'r> {
    pub list: Vec<Stream>,
    pub by_name: HashMap<Cow<'r, str>, StreamId>,
    /// The streams of a matrix by the name that is written, in the order of its steps.
    pub groups: BTreeMap<String, Vec<StreamId>>,
    /// Names of groups of which some values are not known yet.
    pub open: Vec<String>,
    /// The streams that a called file reads and does not make, each with its first reader's place.
    free: Vec<(String, Span)>,
}

impl<'r> Streams<'r> {
    fn with_capacity(count: usize) -> Self {
        Self {
            list: Vec::with_capacity(count),
            by_name: HashMap::with_capacity(count),
            groups: BTreeMap::new(),
            open: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, name: Cow<'r, str>, stream: Stream) -> Port {
        let (id, at) = (StreamId::new(self.list.len()), stream.at);
        self.list.push(stream);
        self.by_name.insert(name, id);
        Port { stream: id, at }
    }

    pub(super) fn find(&mut self, name: &str) -> Option<(StreamId, &mut Stream)> {
        let id = *self.by_name.get(name)?;
        Some((id, self.list.get_mut(id.index())?))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.list.iter().map(|stream| stream.name.as_str())
    }

    /// A stream that the caller of this file gives. It has a number behind all that the file makes.
    pub(super) fn free_stream(&mut self, name: &str, at: Span) -> StreamId {
        let known = self.free.iter().position(|(free, _)| free == name);
        let free = known.unwrap_or_else(|| {
            self.free.push((name.to_owned(), at));
            self.free.len() - 1
        });
        StreamId::new(self.list.len() + free)
    }

    /// Where a name is made already, by a step or by a group.
    fn first(&self, name: &str, group: Option<GroupId>, steps: &Steps<'_>) -> Option<Span> {
        let stream = self.by_name.get(name).and_then(|id| self.list.get(id.index()));
        let of_group = || self.list.get(self.groups.get(name)?.first()?.index());
        let stream = stream.or_else(of_group)?;
        let member = steps.list.get(stream.producer.index()).and_then(|step| step.member.as_ref());
        // Steps of one matrix share the name that is written.
        let is_own = group.is_some() && member.map(|member| member.group) == group && stream.name != name;
        (!is_own).then_some(stream.at)
    }
}

impl Lowering<'_> {
    /// All streams, the names behind which there are several, and the streams that a called file does not make.
    pub(super) fn streams<'r>(&mut self, steps: &mut Steps<'r>, options: &'r LoadOptions) -> AllStreams {
        let mut streams = Streams::with_capacity(steps.list.len());
        streams.open.extend(
            steps
                .open
                .iter()
                .filter(|name| !steps.by_name.contains_key(name.as_str()))
                .map(|name| format!("{name}.")),
        );
        self.outputs(steps, &mut streams);
        let mut reads: Vec<Vec<Read<'_>>> = Vec::with_capacity(steps.raw.len());
        for index in 0..steps.raw.len() {
            reads.push(self.reads_by(steps, StepId::new(index)));
        }
        self.said = None;
        let bound: Vec<Vec<Bound>> =
            (0..steps.splices.len()).map(|position| self.bound(steps, position)).collect();
        let mut first_reader: BTreeMap<&str, Span> = BTreeMap::new();
        let read = reads.iter().flatten().map(|read| (&*read.from, read.at));
        for (from, at) in read.chain(bound.iter().flatten().map(|bound| (&*bound.from, bound.at))) {
            first_reader.entry(from).or_insert(at);
        }
        self.feeds(steps, &mut streams, &options.feeds, &first_reader);
        drop(first_reader);
        self.inputs(steps, &mut streams, reads);
        for (position, bound) in bound.iter().enumerate() {
            self.join_call(steps, position, bound, &mut streams);
        }
        self.outs(&mut streams, &options.outs);
        (streams.list, streams.groups, streams.free)
    }

    /// What a step reads, by the names that it has in its combination.
    fn reads_by<'r>(&mut self, steps: &mut Steps<'r>, id: StepId) -> Vec<Read<'r>> {
        let Some(raw) = steps.keys(id) else { return Vec::new() };
        self.look_at(steps, id);
        let mut reads = self.reads_of(raw);
        if steps.list.get(id.index()).is_none_or(|step| step.member.is_none()) {
            return reads;
        }
        reads.retain_mut(|read| match self.name_for(steps, id, &read.from, read.at).map(Cow::into_owned) {
            Some(from) => {
                read.from = from.into();
                true
            }
            None => false,
        });
        reads
    }

    fn outputs<'r>(&mut self, steps: &mut Steps<'r>, streams: &mut Streams<'r>) {
        for index in 0..steps.raw.len() {
            let id = StepId::new(index);
            let raw = match steps.raw.get(index) {
                Some(Written::Here(raw)) => *raw,
                Some(Written::Called(splice)) => {
                    let splice = *splice;
                    if steps.is_first_of(splice, id) {
                        self.streams_of_call(steps, splice, streams);
                    }
                    continue;
                }
                None => continue,
            };
            self.look_at(steps, id);
            let Some(Made { name, at, store, checksum, broken_pipe }) = self.made(&raw.output) else {
                continue;
            };
            let member = steps.list.get(index).and_then(|step| step.member.as_deref());
            let group = member.map(|member| member.group);
            let is_open =
                member.is_some_and(|member| member.matrix.iter().any(|(_, of)| *of == MatrixValue::Unknown));
            let is_shared = group.is_some() && !name.contains("{{");
            let is_as_written = group.is_none() || is_shared;
            let name = match is_as_written {
                true => name,
                false => match self.name_for(steps, id, &name, at).map(Cow::into_owned) {
                    Some(name) => name.into(),
                    None => {
                        let known = name.split("{{").next().unwrap_or_default();
                        streams.open.extend(is_open.then(|| known.to_owned()));
                        continue;
                    }
                },
            };
            self.check_name("a stream", &name, at);
            if let Some(first) = streams.first(&name, group, steps) {
                self.two_producers(&name, at, first);
                continue;
            }
            let own = match is_shared {
                true => {
                    part_of(steps, id).map(|part| Cow::Owned(format!("{name}{part}"))).unwrap_or(name.clone())
                }
                false => name.clone(),
            };
            if is_shared {
                let next = StreamId::new(streams.list.len());
                streams.groups.entry(name.clone().into_owned()).or_default().push(next);
            }
            streams.open.extend(is_open.then(|| format!("{name}.")));
            let stream = Stream::new(own.clone(), at, id);
            let port = streams.add(own, Stream { store, checksum, broken_pipe, ..stream });
            if let Some(step) = steps.list.get_mut(index) {
                step.output = Some(port);
            }
        }
    }

    fn inputs<'r>(&mut self, steps: &mut Steps<'r>, streams: &mut Streams<'r>, reads: Vec<Vec<Read<'r>>>) {
        // One message for a stream without a producer, however many steps read it.
        let mut missing: HashMap<Cow<'r, str>, Diagnostic> = HashMap::new();
        for (index, reads) in reads.into_iter().enumerate() {
            let reader = StepId::new(index);
            self.look_at(steps, reader);
            let Some(step) = steps.list.get_mut(index) else { continue };
            step.inputs.reserve_exact(reads.len());
            for read in reads {
                if let Some(group) = streams.groups.get(read.from.as_ref()).cloned() {
                    self.gather(step, reader, &read, &group, streams);
                    continue;
                }
                match streams.by_name.get(read.from.as_ref()).copied() {
                    Some(stream) => self.edge(step, reader, &read, stream, streams),
                    None if streams.open.iter().any(|open| read.from.starts_with(open.as_str())) => {}
                    None if self.place.is_called() => self.free_edge(step, &read, streams),
                    None => match missing.remove(read.from.as_ref()) {
                        Some(problem) => {
                            missing.insert(read.from, problem.also(read.at, "read here too"));
                        }
                        None => {
                            let problem = self.no_producer(&read.from, read.at, streams);
                            missing.insert(read.from, problem);
                        }
                    },
                }
            }
            self.inputs_in_container(step);
        }
        self.said = Some(HashSet::new());
        for problem in missing.into_values() {
            self.report(problem);
        }
        self.said = None;
    }

    /// All streams of a group, each on an edge of its own.
    fn gather(
        &mut self,
        step: &mut Step,
        reader: StepId,
        read: &Read<'_>,
        group: &[StreamId],
        streams: &mut Streams<'_>,
    ) {
        if read.name.is_none() {
            let name = &read.from;
            let count = match group.len() {
                1 => "the steps of a matrix make".to_owned(),
                count => format!("{count} steps make"),
            };
            let problem =
                self.at(Code::GroupStream, read.at, format!("{count} `{name}`, each a stream of its own"));
            self.report(problem.help(format!(
                "read one of them, `input: \"{name}.{{{{ matrix.NAME }}}}\"` in a step of the same matrix, or all: \
                 `inputs: {{parts: {name}}}`"
            )));
            return;
        }
        for stream in group {
            let before = step.inputs.len();
            self.edge(step, reader, read, *stream, streams);
            for input in step.inputs.iter_mut().skip(before) {
                input.is_gathered = true;
            }
        }
    }

    /// One edge of a stream.
    fn edge(
        &mut self,
        step: &mut Step,
        reader: StepId,
        read: &Read<'_>,
        stream: StreamId,
        streams: &mut Streams<'_>,
    ) {
        let Some(made) = streams.list.get_mut(stream.index()) else { return };
        if made.producer == reader {
            let message = format!("the step `{}` reads the stream that it makes", step.name);
            let problem = self.at(Code::OwnStream, read.at, message);
            self.report(problem.also(made.at, "made here").help("a step reads what another one makes"));
            return;
        }
        if self.add_input(step, read, (stream, &made.name)) {
            made.readers.push(reader);
        }
    }

    /// Adds a stream, which has this name, to what a step reads. Returns whether it did not read it before.
    fn add_input(&mut self, step: &mut Step, read: &Read<'_>, (stream, called): (StreamId, &str)) -> bool {
        let Read { name, from: _, at, buffer, early_exit } = read;
        if let Some(first) = step.reads(stream) {
            let message = format!("the step `{}` reads the stream `{called}` twice", step.name);
            let problem = self.at(Code::ReadTwice, *at, message).also(first.port.at, "the first time");
            self.report(problem.help("read it once, and use `tee` in the script"));
            return false;
        }
        let (name, port) = (name.map(str::to_owned), Port { stream, at: *at });
        let (buffer, early_exit) = (*buffer, *early_exit);
        step.inputs.push(Input { name, port, buffer, early_exit, is_gathered: false });
        true
    }

    /// The edge of a stream that the caller of this file gives.
    fn free_edge(&mut self, step: &mut Step, read: &Read<'_>, streams: &mut Streams<'_>) {
        let stream = streams.free_stream(&read.from, read.at);
        self.add_input(step, read, (stream, &read.from));
    }

    pub(super) fn two_producers(&mut self, name: &str, at: Span, first: Span) {
        let problem = self.at(Code::TwoProducers, at, format!("two steps make the stream `{name}`"));
        self.report(problem.also(first, "the first one").help("give each its own stream"));
    }

    pub(super) fn no_producer(&self, name: &str, at: Span, streams: &Streams<'_>) -> Diagnostic {
        let help = match self.nearest.find(name, streams.names()) {
            _ if name.contains(',') => {
                "a step has one stream on its standard input; it reads more by `inputs: {left: a, right: b}`"
                    .to_owned()
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                format!("add `output: {name}` to the step that makes it, or feed it with `--in {name}=FILE`")
            }
        };
        self.at(Code::NoProducer, at, format!("no step makes the stream `{name}`")).help(help)
    }
}

/// What the name of a step has behind its group's, with the dot.
fn part_of<'s>(steps: &'s Steps<'_>, id: StepId) -> Option<&'s str> {
    let step = steps.list.get(id.index())?;
    let group = steps.groups.get(step.member.as_ref()?.group.index())?;
    step.name.strip_prefix(group.name.as_str())
}
