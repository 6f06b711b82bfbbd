//! `output` and `input`, `--in` and `--out`: names → streams.

use std::collections::{BTreeMap, HashMap};

use crate::file::{Code, Diagnostic, LoadOptions};
use crate::pipeline::{Action, Destination, Feed, Input, Port, Span, Step, StepId, Stream, StreamId};

use super::Lowering;
use super::edges::{Made, Read};
use super::steps::Steps;

/// The streams so far.
struct Streams<'r> {
    list: Vec<Stream>,
    by_name: HashMap<&'r str, StreamId>,
}

impl<'r> Streams<'r> {
    fn with_capacity(count: usize) -> Self {
        Self { list: Vec::with_capacity(count), by_name: HashMap::with_capacity(count) }
    }

    fn add(&mut self, name: &'r str, stream: Stream) -> Port {
        let (id, at) = (StreamId::new(self.list.len()), stream.at);
        self.list.push(stream);
        self.by_name.insert(name, id);
        Port { stream: id, at }
    }

    fn find(&mut self, name: &str) -> Option<(StreamId, &mut Stream)> {
        let id = *self.by_name.get(name)?;
        Some((id, self.list.get_mut(id.index())?))
    }

    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.list.iter().map(|stream| stream.name.as_str())
    }
}

impl Lowering<'_> {
    pub(super) fn streams<'r>(&mut self, steps: &mut Steps<'r>, options: &'r LoadOptions) -> Vec<Stream> {
        let mut streams = Streams::with_capacity(steps.list.len());
        self.outputs(steps, &mut streams);
        let reads: Vec<Vec<Read<'_>>> = steps.raw.iter().map(|raw| self.reads_of(raw)).collect();
        self.feeds(steps, &mut streams, &options.feeds, &reads);
        self.inputs(steps, &mut streams, reads);
        self.outs(&mut streams, &options.outs);
        streams.list
    }

    fn outputs<'r>(&mut self, steps: &mut Steps<'r>, streams: &mut Streams<'r>) {
        for (index, (step, raw)) in steps.list.iter_mut().zip(&steps.raw).enumerate() {
            let Some(Made { name, at, store, checksum, broken_pipe }) = self.made(&raw.output) else {
                continue;
            };
            self.check_name("a stream", name, at);
            match streams.find(name) {
                Some((_, first)) => {
                    let first = first.at;
                    let problem =
                        self.at(Code::TwoProducers, at, format!("two steps make the stream `{name}`"));
                    self.report(problem.also(first, "the first one").help("give each its own stream"));
                }
                None => {
                    let stream = Stream::new(name, at, StepId::new(index));
                    let port = streams.add(name, Stream { store, checksum, broken_pipe, ..stream });
                    step.output = Some(port);
                }
            }
        }
    }

    fn inputs<'r>(&mut self, steps: &mut Steps<'r>, streams: &mut Streams<'r>, reads: Vec<Vec<Read<'r>>>) {
        // One message for a stream without a producer, however many steps read it.
        let mut missing: HashMap<&'r str, Diagnostic> = HashMap::new();
        for (index, reads) in reads.into_iter().enumerate() {
            let reader = StepId::new(index);
            let Some(step) = steps.list.get_mut(index) else { continue };
            step.inputs.reserve_exact(reads.len());
            for Read { name: as_name, from: name, at, buffer, early_exit } in reads {
                match streams.find(name) {
                    Some((_, stream)) if stream.producer == reader => {
                        let made = stream.at;
                        let problem = self.at(
                            Code::OwnStream,
                            at,
                            format!("the step `{}` reads the stream that it makes", step.name),
                        );
                        self.report(
                            problem.also(made, "made here").help("a step reads what another one makes"),
                        );
                    }
                    Some((stream, _)) if step.reads(stream).is_some() => {
                        let first = step.reads(stream).map_or(at, |input| input.port.at);
                        let message = format!("the step `{}` reads the stream `{name}` twice", step.name);
                        let problem = self.at(Code::ReadTwice, at, message);
                        self.report(
                            problem
                                .also(first, "the first time")
                                .help("read it once, and use `tee` in the script"),
                        );
                    }
                    Some((stream, Stream { readers, .. })) => {
                        readers.push(reader);
                        let (name, port) = (as_name.map(str::to_owned), Port { stream, at });
                        step.inputs.push(Input { name, port, buffer, early_exit });
                    }
                    None => match missing.remove(name) {
                        Some(problem) => {
                            missing.insert(name, problem.also(at, "read here too"));
                        }
                        None => {
                            missing.insert(name, self.no_producer(name, at, streams));
                        }
                    },
                }
            }
        }
        self.problems.extend(missing.into_values());
    }

    fn no_producer(&self, name: &str, at: Span, streams: &Streams<'_>) -> Diagnostic {
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

    /// `--in`: a step of its own for each stream that comes from outside.
    fn feeds<'r>(
        &mut self,
        steps: &mut Steps<'r>,
        streams: &mut Streams<'r>,
        feeds: &'r [(String, Feed)],
        reads: &[Vec<Read<'_>>],
    ) {
        if feeds.is_empty() {
            return;
        }
        let mut first_reader: BTreeMap<&str, Span> = BTreeMap::new();
        for read in reads.iter().flatten() {
            first_reader.entry(read.from).or_insert(read.at);
        }
        let from_stdin = feeds.iter().filter(|(_, feed)| *feed == Feed::Stdin).map(|(name, _)| name.as_str());
        self.one_dash("--in", "standard input can feed one stream only", from_stdin);
        for (name, feed) in feeds {
            let producer = streams.find(name).map(|(_, stream)| stream.producer);
            match (producer.and_then(|id| steps.list.get(id.index())), first_reader.get(name.as_str())) {
                (Some(Step { action: Action::Feed(_), .. }), _) => {
                    self.report(
                        Diagnostic::nowhere(Code::BadFeed, format!("`--in {name}=…` is given twice"))
                            .help("give it once"),
                    );
                }
                (Some(step), _) => {
                    let message =
                        format!("`--in {name}=…`: the step `{}` makes this stream already", step.name);
                    let at = step.output.map_or(step.at, |port| port.at);
                    let problem = self.at(Code::BadFeed, at, message);
                    self.report(problem.help("remove its `output`, or do without `--in`"));
                }
                (None, Some(at)) => {
                    let id = StepId::new(steps.list.len());
                    let output = streams.add(name, Stream::new(name, *at, id));
                    steps.list.push(feed_step(name, feed, output));
                }
                (None, None) => {
                    let near = self.nearest.help(name, first_reader.keys().copied());
                    let message = format!("`--in {name}=…`: no step reads a stream `{name}`");
                    self.report(Diagnostic::nowhere(Code::BadFeed, message).maybe_help(near));
                }
            }
        }
    }

    /// `--out`: where streams go beside their readers.
    fn outs(&mut self, streams: &mut Streams<'_>, outs: &[(String, Destination)]) {
        let to_stdout =
            outs.iter().filter(|(_, out)| *out == Destination::Stdout).map(|(name, _)| name.as_str());
        self.one_dash("--out", "standard output can take one stream only", to_stdout);
        for (name, destination) in outs {
            match streams.find(name) {
                Some((_, Stream { out: Some(_), .. })) => {
                    self.report(
                        Diagnostic::nowhere(Code::BadOut, format!("`--out {name}=…` is given twice"))
                            .help("give it once"),
                    );
                }
                Some((_, stream)) => stream.out = Some(destination.clone()),
                None => {
                    let help = self.nearest.help(name, streams.names());
                    let message = format!("`--out {name}=…`: no step makes a stream `{name}`");
                    self.report(Diagnostic::nowhere(Code::BadOut, message).maybe_help(help));
                }
            }
        }
    }

    fn one_dash<'n>(&mut self, flag: &str, message: &str, names: impl Iterator<Item = &'n str>) {
        let dashes: Vec<String> = names.map(|name| format!("`{flag} {name}=-`")).collect();
        if dashes.len() > 1 {
            let problem = Diagnostic::nowhere(
                Code::TwoDashes,
                format!("{message}: {} cannot go together", dashes.join(" and ")),
            );
            self.report(problem.help("name a file for all but one"));
        }
    }
}

fn feed_step(name: &str, feed: &Feed, output: Port) -> Step {
    let step = Step::new(format!("in:{name}"), output.at, Action::Feed(feed.clone()));
    Step { output: Some(output), ..step }
}
