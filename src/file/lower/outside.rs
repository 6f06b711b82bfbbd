//! `--in` and `--out`: streams that come from outside, and those that go there.

use std::collections::BTreeMap;

use crate::file::{Code, Diagnostic};
use crate::pipeline::{Action, Destination, Feed, Port, Span, Step, StepId, Stream};

use super::Lowering;
use super::steps::Steps;
use super::streams::Streams;

impl Lowering<'_> {
    /// `--in`: a step of its own for each stream that comes from outside.
    pub(super) fn feeds<'r>(
        &mut self,
        steps: &mut Steps<'r>,
        streams: &mut Streams<'r>,
        feeds: &'r [(String, Feed)],
        first_reader: &BTreeMap<&str, Span>,
    ) {
        if feeds.is_empty() {
            return;
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
                    let output = streams.add(name.into(), Stream::new(name, *at, id));
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
    pub(super) fn outs(&mut self, streams: &mut Streams<'_>, outs: &[(String, Destination)]) {
        let to_stdout =
            outs.iter().filter(|(_, out)| *out == Destination::Stdout).map(|(name, _)| name.as_str());
        self.one_dash("--out", "standard output can take one stream only", to_stdout);
        for (name, destination) in outs {
            let group = streams.groups.get(name).and_then(|group| streams.list.get(group.first()?.index()));
            if let Some(first) = group {
                let message =
                    format!("`--out {name}=…`: several steps make `{name}`, each a stream of its own");
                let problem = Diagnostic::nowhere(Code::GroupStream, message);
                self.report(problem.help(format!("name one of them: `--out {}=FILE`", first.name)));
                continue;
            }
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
