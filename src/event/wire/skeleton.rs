//! The part of a pipeline that a journal has: names, links and lines. Enough to show a run, not to run it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::plain::plain;
use super::{CONTAINER, FINALLY, MatrixRecord, SERVICE, StepRecord, StreamRecord};
use crate::pipeline::{
    Action, Condition, Dependency, Destination, Exec, Feed, Group, GroupId, Input, MatrixValue, Member, Need,
    Pipeline, Port, Role, Source, SourceFile, Span, Step, StepId, Stream, StreamId, Template, Usage,
};

/// The lines of a file beyond which none is looked for.
const MOST_LINES: usize = 1_000_000;

/// The ids behind the names of a pipeline.
#[derive(Debug, Default)]
pub(super) struct Ids {
    steps: HashMap<String, StepId>,
    streams: HashMap<String, StreamId>,
}

impl Ids {
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let steps = pipeline.steps().map(|(id, step)| (step.name.clone(), id)).collect();
        let streams = pipeline.streams().map(|(id, stream)| (stream.name.clone(), id)).collect();
        Self { steps, streams }
    }

    pub(super) fn step(&self, name: &str) -> Option<StepId> {
        self.steps.get(plain(name).as_ref()).copied()
    }

    /// Returns those of the names that there are.
    pub(super) fn steps(&self, names: &[String]) -> Vec<StepId> {
        names.iter().filter_map(|name| self.step(name)).collect()
    }

    pub(super) fn stream(&self, name: &str) -> Option<StreamId> {
        self.streams.get(plain(name).as_ref()).copied()
    }
}

/// Returns the pipeline of a `run-started`, with the ids that its names stand for. What names something that
/// there is not is left out, so that every id of the pipeline points at something.
pub(super) fn pipeline(
    name: &str,
    file: &str,
    steps: &[StepRecord],
    streams: &[StreamRecord],
) -> (Pipeline, Ids) {
    let source = source(file, steps);
    let mut pipeline = Pipeline {
        steps: steps.iter().map(|record| step(record, &source)).collect(),
        ..Pipeline::new(plain(name), source.clone())
    };
    let mut ids = Ids::of(&pipeline);
    pipeline.streams = streams.iter().filter_map(|record| stream(record, &ids)).collect();
    ids = Ids::of(&pipeline);
    for (index, (step, record)) in pipeline.steps.iter_mut().zip(steps).enumerate() {
        link(step, record, &ids);
        step.member = join(&mut pipeline.groups, StepId::new(index), step.at, record).map(Box::new);
    }
    (pipeline, ids)
}

/// Returns files of empty lines, as many as the steps need: a line number is all that is known of where a
/// step stands.
fn source(file: &str, steps: &[StepRecord]) -> Source {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for step in steps {
        let most = lines.entry(step.file.as_deref().unwrap_or(file)).or_default();
        *most = step.line.min(MOST_LINES).max(*most);
    }
    let top = Source::new(plain(file).as_ref(), "\n".repeat(lines.remove(file).unwrap_or(0)));
    let (mut others, mut end) = (Vec::with_capacity(lines.len()), top.end());
    for (file, lines) in lines {
        let other = Source::starting_at(end, plain(file).as_ref(), "\n".repeat(lines));
        end = other.end();
        others.push(other);
    }
    top.with(&others)
}

/// Returns where a line of a file starts.
fn line(source: &Source, file: Option<&str>, line: usize) -> Span {
    let file = file.map(plain);
    let files =
        source.files().iter().filter(|known| file.as_deref().is_none_or(|file| known.shown() == file));
    let start =
        files.map(SourceFile::start).next().unwrap_or_default() + line.saturating_sub(1).min(MOST_LINES);
    Span::new(start, start + 1)
}

fn step(record: &StepRecord, source: &Source) -> Step {
    // `link` needs the ids of all steps, and does the rest.
    let StepRecord {
        name,
        description,
        line: number,
        file,
        role,
        group: _,
        matrix: _,
        condition,
        depends_on: _,
        services: _,
        container: _,
        input: _,
        inputs: _,
        gathers: _,
        output: _,
        feed,
        terminal,
    } = record;
    // Of a later version, another role says nothing here.
    let role = match role.as_deref() {
        Some(FINALLY) => Role::Finally,
        Some(SERVICE) => Role::Service,
        Some(CONTAINER) => Role::Container,
        Some(_) | None => Role::Ordinary,
    };
    let condition = condition.as_deref().map(|text| {
        Box::new(Condition { text: Template::literal(plain(text), Span::default()), is_early: false })
    });
    let feed = feed.as_deref().map(|from| match from {
        "-" => Feed::Stdin,
        path => Feed::File(PathBuf::from(plain(path).as_ref())),
    });
    let exec = Exec { entrypoint: None, args: Vec::new() };
    let at = line(source, file.as_deref(), *number);
    let action = feed.map_or(Action::Exec(exec), Action::Feed);
    let description = description.as_deref().map(|text| plain(text).into_owned());
    Step { description, role, condition, terminal: *terminal, ..Step::new(plain(name), at, action) }
}

fn link(step: &mut Step, record: &StepRecord, ids: &Ids) {
    let at = step.at;
    let port = |name: &Option<String>| Some(Port { stream: ids.stream(name.as_deref()?)?, at });
    step.inputs = port(&record.input).map(Input::stdin).into_iter().collect();
    for (name, stream) in &record.inputs {
        let input = ids.stream(stream).map(|stream| Input::stdin(Port { stream, at }));
        step.inputs.extend(input.map(|input| Input { name: Some(plain(name).into_owned()), ..input }));
    }
    for (name, streams) in &record.gathers {
        let known = streams.iter().filter_map(|stream| ids.stream(stream));
        step.inputs.extend(known.map(|stream| Input {
            name: Some(plain(name).into_owned()),
            is_gathered: true,
            ..Input::stdin(Port { stream, at })
        }));
    }
    step.output = port(&record.output);
    step.services = ids.steps(&record.services).into_iter().map(|step| Usage { step, at }).collect();
    step.shared = record.container.as_deref().and_then(|name| ids.step(name)).map(|step| Usage { step, at });
    step.depends_on = ids
        .steps(&record.depends_on)
        .into_iter()
        .map(|step| Dependency { step, at, need: Need::Order })
        .collect();
}

/// Puts a step into the group that it names, which begins with its first member.
fn join(groups: &mut Vec<Group>, step: StepId, at: Span, record: &StepRecord) -> Option<Member> {
    let name = plain(record.group.as_deref()?);
    let index = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
        groups.push(Group::of_matrix(name, at, Vec::new()));
        groups.len() - 1
    });
    groups.get_mut(index)?.members.push(step);
    let value = |(axis, value): (&String, &MatrixRecord)| {
        let value = match value {
            MatrixRecord::Bool(bool) => MatrixValue::Bool(*bool),
            MatrixRecord::Int(value) => MatrixValue::Int { text: value.to_string(), value: *value },
            MatrixRecord::Text(text) => MatrixValue::Text(plain(text).into_owned()),
        };
        (plain(axis).into_owned(), value)
    };
    Some(Member { group: GroupId::new(index), matrix: record.matrix.iter().map(value).collect() })
}

fn stream(record: &StreamRecord, ids: &Ids) -> Option<Stream> {
    let StreamRecord { name, producer, readers, out } = record;
    Some(Stream {
        readers: ids.steps(readers),
        out: out.as_deref().map(|out| match out {
            "-" => Destination::Stdout,
            path => Destination::File(PathBuf::from(plain(path).as_ref())),
        }),
        ..Stream::new(plain(name), Span::default(), ids.step(producer)?)
    })
}
