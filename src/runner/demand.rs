//! What a run will ask of the system, told before it begins.

use std::num::NonZeroUsize;

use crate::pipeline::{Action, Pipeline, Step, StepId};
use crate::plan::{EdgeKind, Plan};

/// What is open in any run: standard streams, the runtime, the journal and the logs that it keeps open, the reaper's
/// socket, the engine's connections, and the ends of children that are just being started.
const ALWAYS: u64 = 120;
/// The reading ends of a step's stdout and stderr.
const OUTPUTS: u64 = 2;
/// The writing end of a reader's stdin, and a reading end by which is counted what it has left unread.
const READER: u64 = 2;
/// What lets a reader lag: another pipe, a way to wake the thread, and a file.
const LAG: u64 = 4;
/// What a stream is moved with: a way to wake the thread, and a place for what everybody has.
const STREAM: u64 = 2;
/// A stream's way into a file: a pipe, and the file.
const KEPT: u64 = 3;
/// What a container has more than a process: the other ends of its pipes until it has opened them, and its requests to
/// the engine.
const CONTAINER: u64 = 7;
/// What is fed from outside: a file, the other end of its pipe, and a way to stop it.
const FEED: u64 = 3;

/// How many descriptors a run may have open at once, at the most: when those steps run together that need most. Rather
/// too many than too few.
pub fn descriptors(pipeline: &Pipeline, plan: &Plan, max_parallel: NonZeroUsize) -> u64 {
    let limit = max_parallel.get();
    // Where a step reads several streams, any reader may have to lag.
    let is_woven = pipeline.steps.iter().any(|step| step.inputs.len() > 1);
    let need = |&step: &StepId| of_step(pipeline, plan, is_woven, pipeline.step(step));
    let mut needs: Vec<u64> =
        pipeline.steps.iter().map(|step| of_step(pipeline, plan, is_woven, step)).collect();
    needs.sort_unstable_by(|one, other| other.cmp(one));
    let together: u64 = needs.iter().take(limit).sum();
    // A gang larger than the limit runs alone.
    let large = plan.gangs().iter().filter(|gang| gang.steps.len() > limit);
    let largest: u64 = large.map(|gang| gang.steps.iter().map(need).sum()).max().unwrap_or(0);
    ALWAYS + together.max(largest)
}

fn of_step(pipeline: &Pipeline, plan: &Plan, is_woven: bool, step: &Step) -> u64 {
    let mut need = OUTPUTS;
    for input in &step.inputs {
        need += if is_woven || input.buffer.is_some() { READER + LAG } else { READER };
    }
    if step.container.is_some() {
        need += CONTAINER;
    }
    if matches!(step.action, Action::Feed(_)) {
        need += FEED;
    }
    if let Some(port) = step.output {
        let stream = pipeline.stream(port.stream);
        let is_stored = stream.store
            || stream.readers.iter().any(|&reader| *plan.edge(port.stream, reader) != EdgeKind::Live);
        let is_unread = stream.readers.is_empty() && stream.out.is_none();
        let files = u64::from(stream.out.is_some()) + u64::from(is_stored || is_unread);
        need += STREAM + KEPT * files;
    }
    need
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::pipeline;

    fn need(text: &str, max_parallel: usize) -> u64 {
        let pipeline = pipeline(text);
        let plan = Plan::new(&pipeline).unwrap();
        descriptors(&pipeline, &plan, max_parallel.try_into().unwrap()) - ALWAYS
    }

    #[test]
    fn steps_count_as_far_as_they_may_run_together() {
        assert_eq!(need("a\nb\nc", 2), 2 * OUTPUTS);
        assert_eq!(need("a\nb\nc", 16), 3 * OUTPUTS);
    }

    #[test]
    fn those_count_that_need_most() {
        let stream = OUTPUTS + STREAM + (OUTPUTS + READER);
        assert_eq!(need("plain\nmake > s\nread < s", 2), stream);
        assert_eq!(need("plain\nmake > s\nread < s", 3), stream + OUTPUTS);
    }

    #[test]
    fn a_large_gang_counts_whole() {
        let gang = "make > s\none < s\ntwo < s\nthree < s";
        assert_eq!(need(gang, 1), OUTPUTS + STREAM + 3 * (OUTPUTS + READER));
        assert_eq!(need(gang, 1), need(gang, 4));
    }

    #[test]
    fn kept_streams_are_files_too() {
        assert_eq!(need("make > s", 1), OUTPUTS + STREAM + KEPT);
        assert_eq!(need("make > s\nread < s after make", 1), OUTPUTS + STREAM + KEPT);
    }
}
