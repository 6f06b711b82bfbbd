//! An estimate of the descriptors that a run needs, made before it begins.

use std::num::NonZeroUsize;

use crate::pipeline::{Action, Pipeline, Step, StepId};
use crate::plan::{EdgeKind, Plan};

/// Open in any run: standard streams, the runtime, the journal and its logs, the reaper's socket, the
/// engine's connections, and the pipe ends of children that are just being started.
const ALWAYS: u64 = 120;
/// The reading end of a step's log.
const LOG: u64 = 1;
/// The writing end of a reader's pipe, and a reading end, to count the bytes left unread.
const READER: u64 = 2;
/// A spool: another pipe, a wake-up for its thread, and a file.
const LAG: u64 = 4;
/// A fan-out: the reading end of the producer's stdout, a wake-up for its thread, and a
/// sink for bytes that every reader has.
const STREAM: u64 = 3;
/// A stream's way into a file: a pipe, and the file.
const KEPT: u64 = 3;
/// What a container needs beside a process: the other ends of its pipes until it has opened them, and its
/// requests to the engine.
const CONTAINER: u64 = 7;
/// In a shared container, a hold on the named pipes of its log and its output; each input has one more.
const SHARED: u64 = 2;
/// A feed: a file, the other end of its pipe, and a wake-up to stop it.
const FEED: u64 = 3;

/// Returns an upper bound of the descriptors that a run has open at once: when the steps run together that
/// need most.
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
    let mut need = LOG;
    for input in &step.inputs {
        need += if is_woven || input.buffer.is_some() { READER + LAG } else { READER };
    }
    if step.is_in_container() {
        need += CONTAINER;
    }
    if step.shared.is_some() {
        need += SHARED + step.inputs.len() as u64;
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
    use crate::pipeline::{Span, Usage};

    fn need(text: &str, max_parallel: usize) -> u64 {
        let pipeline = pipeline(text);
        let plan = Plan::new(&pipeline).unwrap();
        descriptors(&pipeline, &plan, max_parallel.try_into().unwrap()) - ALWAYS
    }

    #[test]
    fn steps_count_as_far_as_they_may_run_together() {
        assert_eq!(need("a\nb\nc", 2), 2 * LOG);
        assert_eq!(need("a\nb\nc", 16), 3 * LOG);
    }

    #[test]
    fn those_count_that_need_most() {
        let stream = LOG + STREAM + (LOG + READER);
        assert_eq!(need("plain\nmake > s\nread < s", 2), stream);
        assert_eq!(need("plain\nmake > s\nread < s", 3), stream + LOG);
    }

    #[test]
    fn a_large_gang_counts_whole() {
        let gang = "make > s\none < s\ntwo < s\nthree < s";
        assert_eq!(need(gang, 1), LOG + STREAM + 3 * (LOG + READER));
        assert_eq!(need(gang, 1), need(gang, 4));
    }

    #[test]
    fn named_pipes_of_a_shared_container_are_held() {
        let mut pipeline = pipeline("make > s\nread < s");
        let plan = Plan::new(&pipeline).unwrap();
        for step in &mut pipeline.steps {
            step.shared = Some(Usage { step: StepId::new(0), at: Span::default() });
        }
        let own = 2 * (LOG + CONTAINER + SHARED) + STREAM + READER + 1;
        assert_eq!(descriptors(&pipeline, &plan, NonZeroUsize::MIN) - ALWAYS, own);
    }

    #[test]
    fn kept_streams_are_files_too() {
        assert_eq!(need("make > s", 1), LOG + STREAM + KEPT);
        assert_eq!(need("make > s\nread < s after make", 1), LOG + STREAM + KEPT);
    }
}
