//! Pipelines for tests, from one line a step, from numbers, or random.

use proptest::prelude::*;

use super::{
    Action, Dependency, Input, Need, Pipeline, Port, Script, Shell, Source, Span, Step, StepId, Stream,
    StreamId, Template,
};

/// Builds a pipeline from lines of `NAME [> OUTPUT] [< INPUT]… [after NAME…]`, in any order after the name.
/// Spans point into the text. A step's second input is called `b`, the third `c`.
pub(crate) fn pipeline(text: &str) -> Pipeline {
    let lines: Vec<Vec<(&str, Span)>> =
        text.lines().map(|line| words(text, line)).filter(|it| !it.is_empty()).collect();
    let mut steps: Vec<Step> = lines.iter().map(|line| step(line[0].0, line[0].1)).collect();
    let mut streams = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        for pair in line.windows(2).filter(|pair| pair[0].0 == ">") {
            steps[index].output = Some(Port { stream: StreamId::new(streams.len()), at: pair[1].1 });
            let (name, at) = (pair[1].0.to_owned(), pair[1].1);
            streams.push(Stream::new(name, at, StepId::new(index)));
        }
    }
    for (index, line) in lines.iter().enumerate() {
        for pair in line.windows(2).filter(|pair| pair[0].0 == "<") {
            let stream = streams.iter().position(|stream| stream.name == pair[1].0).unwrap();
            streams[stream].readers.push(StepId::new(index));
            add_input(&mut steps[index], Port { stream: StreamId::new(stream), at: pair[1].1 });
        }
        let after = line
            .iter()
            .skip_while(|word| word.0 != "after")
            .skip(1)
            .take_while(|word| !["<", ">"].contains(&word.0));
        for (name, at) in after {
            let on = lines.iter().position(|line| line[0].0 == *name).unwrap();
            steps[index].depends_on.push(Dependency { step: StepId::new(on), at: *at, need: Need::Order });
        }
    }
    new(text, steps, streams)
}

/// Builds a pipeline from numbers: for each step the steps that it depends on, and those that it reads from.
pub(crate) fn numbered(links: &[(Vec<usize>, Vec<usize>)]) -> Pipeline {
    let at = Span::default();
    let mut steps: Vec<Step> = (0..links.len()).map(|index| step(&format!("s{index}"), at)).collect();
    let mut streams = Vec::new();
    for (index, (after, from)) in links.iter().enumerate() {
        steps[index].depends_on =
            after.iter().map(|&on| Dependency { step: StepId::new(on), at, need: Need::Order }).collect();
        for &producer in from {
            let port = *steps[producer].output.get_or_insert_with(|| {
                let name = format!("from-s{producer}");
                streams.push(Stream::new(name, at, StepId::new(producer)));
                Port { stream: StreamId::new(streams.len() - 1), at }
            });
            streams[port.stream.index()].readers.push(StepId::new(index));
            add_input(&mut steps[index], port);
        }
    }
    new("", steps, streams)
}

/// The first is stdin, others are `b`, `c`, …
fn add_input(step: &mut Step, port: Port) {
    let name = char::from_u32('a' as u32 + step.inputs.len() as u32).map(String::from);
    let name = name.filter(|_| !step.inputs.is_empty());
    step.inputs.push(Input { name, ..Input::stdin(port) });
}

fn new(text: &str, steps: Vec<Step>, streams: Vec<Stream>) -> Pipeline {
    Pipeline { steps, streams, ..Pipeline::new("test", Source::new("test.yml", text)) }
}

fn step(name: &str, at: Span) -> Step {
    let text = Template::literal("true", at);
    Step::new(name, at, Action::Run(Script { shell: Shell::Auto, text }))
}

fn words<'a>(text: &str, line: &'a str) -> Vec<(&'a str, Span)> {
    let offset = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    line.split_whitespace().map(|word| (word, Span::new(offset(word), offset(word) + word.len()))).collect()
}

/// Random links of up to `most` steps. `acyclic` ones lead from earlier to later steps of some random order.
pub(crate) fn links(
    most: usize,
    inputs: usize,
    acyclic: bool,
) -> impl Strategy<Value = Vec<(Vec<usize>, Vec<usize>)>> {
    let step = (
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        prop::collection::vec(any::<prop::sample::Index>(), 0..=inputs),
    );
    let order = prop::collection::vec(step, 1..=most).prop_flat_map(|steps| {
        let places: Vec<usize> = (0..steps.len()).collect();
        (Just(steps), Just(places).prop_shuffle())
    });
    order.prop_map(move |(steps, place)| {
        let mut links = vec![Default::default(); steps.len()];
        for (at, (after, from)) in steps.iter().enumerate() {
            let bound = if acyclic { at } else { steps.len() };
            let pick = |indices: &[prop::sample::Index]| {
                let mut picked: Vec<usize> =
                    indices.iter().filter(|_| bound > 0).map(|index| place[index.index(bound)]).collect();
                picked.sort_unstable();
                picked.dedup();
                picked
            };
            links[place[at]] = (pick(after), pick(from));
        }
        links
    })
}
