//! Steps that read several streams under one name, and run as long as one of them is made.

use std::collections::HashSet;

use super::{Phase, ReadySet, StepState};
use crate::pipeline::{Pipeline, StepId};
use crate::plan::{EdgeKind, Plan};

/// Notes for each step that runs the producers of what it gathers, those that run. Returns whether there are any.
pub(super) fn gather(
    plan: &Plan,
    pipeline: &Pipeline,
    steps: &mut [StepState],
    runs: &impl Fn(StepId) -> bool,
) -> bool {
    if pipeline.groups.is_empty() {
        return false;
    }
    let mut has_any = false;
    for (id, step) in pipeline.steps().filter(|(id, _)| runs(*id)) {
        let mut names: Vec<(Option<&str>, Vec<StepId>)> = Vec::new();
        for input in step.inputs.iter().filter(|input| input.is_gathered) {
            let producer = pipeline.stream(input.port.stream).producer;
            let name = input.name.as_deref();
            match names.last_mut().filter(|(last, _)| *last == name) {
                Some((_, producers)) => producers.push(producer),
                None => names.push((name, vec![producer])),
            }
        }
        let running = |(_, producers): (Option<&str>, Vec<StepId>)| {
            producers.into_iter().filter(|producer| runs(*producer)).collect()
        };
        has_any |= !names.is_empty();
        steps[id.index()].gathers = names.into_iter().map(running).collect();
    }
    if has_any {
        pipeline.steps().for_each(|(id, _)| note_before(plan, pipeline, id, &mut steps[id.index()]));
    }
    has_any
}

/// Notes what a step stands behind, by order and over streams.
fn note_before(plan: &Plan, pipeline: &Pipeline, id: StepId, state: &mut StepState) {
    let step = pipeline.step(id);
    state.before.extend(step.depends_on.iter().map(|dependency| dependency.step));
    for input in &step.inputs {
        let producer = pipeline.stream(input.port.stream).producer;
        match plan.edge(input.port.stream, id) {
            EdgeKind::Live => state.sources.push(producer),
            EdgeKind::Stored(_) => state.before.push(producer),
        }
    }
}

/// Returns what a reader that gathers waits for in place of a step that is passed over: what that one would have waited
/// for before its start, and so those of its live producers that are passed over too. It does not wait for the end of
/// what the step would have read live: it would have started with that, and may start with it now.
pub(super) fn stood_before(steps: &[StepState], passed: StepId) -> Vec<StepId> {
    let is_due =
        |step: &StepId| matches!(steps[step.index()].phase, Phase::Waiting | Phase::Keeping | Phase::Started);
    let mut before = Vec::new();
    let mut open = vec![passed];
    let mut seen = HashSet::from([passed]);
    while let Some(step) = open.pop() {
        let StepState { before: own, sources, .. } = &steps[step.index()];
        before.extend(own.iter().copied().filter(is_due));
        let is_passed = |source: &StepId| matches!(steps[source.index()].phase, Phase::Keeping);
        open.extend(sources.iter().copied().filter(is_passed).filter(|source| seen.insert(*source)));
    }
    before
}

impl ReadySet {
    /// Returns whether a reader runs without what a step that is passed over would have made: it gathers more. The reader
    /// then waits for what that step would have waited for.
    pub(super) fn can_do_without(&mut self, reader: StepId, passed: StepId) -> bool {
        let needs_values = self.steps[passed.index()].in_need.contains(&reader);
        let state = &mut self.steps[reader.index()];
        let gather = state.gathers.iter_mut().find(|gather| gather.contains(&passed));
        let Some(gather) = gather.filter(|_| !needs_values) else { return false };
        gather.retain(|producer| *producer != passed);
        if gather.is_empty() {
            return false;
        }
        if state.phase == Phase::Waiting && state.live_producers.contains(&passed) {
            state.live_producers.retain(|producer| *producer != passed);
            self.steps[passed.index()].live_readers.retain(|other| *other != reader);
            let before = stood_before(&self.steps, passed);
            let state = &mut self.steps[reader.index()];
            state.missing += before.len();
            self.gangs[state.gang].missing += before.len();
            for step in before {
                self.steps[step.index()].dependents.push(reader);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Plan;
    use super::*;
    use crate::pipeline::{Group, Span, testing};

    /// A pipeline in which `r` gathers all that it reads.
    fn gathering(text: &str) -> Pipeline {
        let mut pipeline = testing::pipeline(text);
        let (members, at) = (vec![StepId::new(0)], Span::default());
        pipeline.groups.push(Group::of_matrix("g", at, members));
        for step in pipeline.steps.iter_mut().filter(|step| step.name.starts_with('r')) {
            for input in &mut step.inputs {
                (input.name, input.is_gathered) = (Some("parts".into()), true);
            }
        }
        pipeline
    }

    fn id(pipeline: &Pipeline, name: &str) -> StepId {
        StepId::new(pipeline.steps.iter().position(|step| step.name == name).unwrap())
    }

    fn popped(pipeline: &Pipeline, ready: &mut ReadySet) -> Vec<String> {
        let names = |steps: Vec<StepId>| {
            steps.iter().map(|step| pipeline.step(*step).name.as_str()).collect::<Vec<_>>().join(" ")
        };
        std::iter::from_fn(|| ready.pop(99, false)).map(|(_, steps)| names(steps)).collect()
    }

    const TEXT: &str = "p > x\nq > y\nr < x < y\nend after r";

    #[test]
    fn a_reader_runs_with_what_is_left_and_goes_with_the_last() {
        let pipeline = gathering(TEXT);
        let mut ready = ReadySet::new(&Plan::new(&pipeline).unwrap(), &pipeline);
        assert!(ready.pass_over(id(&pipeline, "p")).is_empty());
        assert_eq!(popped(&pipeline, &mut ready), ["q r"]);
        let mut ready = ReadySet::new(&Plan::new(&pipeline).unwrap(), &pipeline);
        assert!(ready.pass_over(id(&pipeline, "p")).is_empty());
        let without = ready.pass_over(id(&pipeline, "q"));
        assert_eq!(without, [(id(&pipeline, "r"), id(&pipeline, "q"))]);
        assert_eq!(popped(&pipeline, &mut ready), ["end"]);
        assert!(ready.is_done());
    }

    #[test]
    fn what_is_passed_over_early_makes_no_difference() {
        let pipeline = gathering(TEXT);
        let plan = Plan::new(&pipeline).unwrap();
        let mut ready = ReadySet::parted(&plan, &pipeline, |step| step != id(&pipeline, "p"));
        assert_eq!(popped(&pipeline, &mut ready), ["q r"]);
    }

    #[test]
    fn the_reader_stands_behind_the_place_of_what_is_passed_over() {
        for early in [true, false] {
            let pipeline = gathering("slow\np > x after slow\nq > y\nr < x < y");
            let plan = Plan::new(&pipeline).unwrap();
            let p = id(&pipeline, "p");
            let mut ready = ReadySet::parted(&plan, &pipeline, |step| !early || step != p);
            if !early {
                assert!(ready.pass_over(p).is_empty());
            }
            assert_eq!(popped(&pipeline, &mut ready), ["slow"], "early: {early}");
            let mut fails = ReadySet::parted(&plan, &pipeline, |step| !early || step != p);
            assert!(ready.finish(id(&pipeline, "slow"), true).is_empty());
            assert_eq!(popped(&pipeline, &mut ready), ["q r"], "early: {early}");
            if !early {
                assert!(fails.pass_over(p).is_empty());
            }
            assert_eq!(popped(&pipeline, &mut fails), ["slow"]);
            let skipped: Vec<StepId> =
                fails.finish(id(&pipeline, "slow"), false).into_iter().map(|(step, _)| step).collect();
            assert_eq!(skipped, [p, id(&pipeline, "r")], "early: {early}");
            assert_eq!(popped(&pipeline, &mut fails), ["q"]);
        }
    }

    #[test]
    fn the_reader_starts_with_what_it_would_have_started_with() {
        for (text, passed) in [
            ("rows > o\na < o > x\nc < o > y\nr < x < y", "c"),
            ("rows > o\na < o > x\nb < o > m\nc < m > y\nr < x < y", "b"),
            ("rows > o\na < o > x\nb < o > m\nc < m > y\nr < x < y", "c"),
        ] {
            for early in [true, false] {
                let pipeline = gathering(text);
                let plan = Plan::new(&pipeline).unwrap();
                let needs = |name: &str| name == passed || (passed == "b" && name == "c");
                let runs = |step| !early || !needs(&pipeline.step(step).name);
                let mut ready = ReadySet::parted(&plan, &pipeline, runs);
                if !early {
                    ready.pass_over(id(&pipeline, passed));
                }
                let b = if text.contains('b') && passed == "c" { " b" } else { "" };
                assert_eq!(popped(&pipeline, &mut ready), [format!("rows a{b} r")], "{text}, early: {early}");
                for step in ["rows", "a", "b", "r"].iter().filter(|name| text.contains(**name)) {
                    ready.finish(id(&pipeline, step), true);
                }
                assert!(ready.is_done(), "{text}, early: {early}");
            }
        }
    }

    #[test]
    fn the_reader_waits_for_what_stood_before_the_producers_of_what_is_passed_over() {
        for early in [true, false] {
            let pipeline = gathering("slow\nrows > o\na < o > x\nb < o > m after slow\nc < m > y\nr < x < y");
            let plan = Plan::new(&pipeline).unwrap();
            let runs = |step| !early || !["b", "c"].contains(&&*pipeline.step(step).name);
            let mut ready = ReadySet::parted(&plan, &pipeline, runs);
            if !early {
                let without = ready.pass_over(id(&pipeline, "b"));
                assert_eq!(without, [(id(&pipeline, "c"), id(&pipeline, "b"))]);
            }
            assert_eq!(popped(&pipeline, &mut ready), ["slow"], "early: {early}");
            assert!(ready.finish(id(&pipeline, "slow"), true).is_empty());
            assert_eq!(popped(&pipeline, &mut ready), ["rows a r"], "early: {early}");
        }
    }

    #[test]
    fn gangs_that_are_held_let_others_go_first() {
        let pipeline = testing::pipeline("a\nb\nc");
        let mut ready = ReadySet::new(&Plan::new(&pipeline).unwrap(), &pipeline);
        ready.hold(|steps| steps.iter().all(|step| step.index() < 2));
        assert_eq!(popped(&pipeline, &mut ready), ["c"]);
        ready.release_held();
        assert_eq!(popped(&pipeline, &mut ready), ["a", "b"]);
    }
}
