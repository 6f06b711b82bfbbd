//! Steps that read several streams under one name, and run as long as one of them is made.

use super::{Phase, ReadySet, StepState};
use crate::pipeline::{Pipeline, StepId};

/// Notes for each step that runs the producers of what it gathers, those that run.
pub(super) fn gather(pipeline: &Pipeline, steps: &mut [StepState], runs: &impl Fn(StepId) -> bool) {
    if pipeline.groups.is_empty() {
        return;
    }
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
        steps[id.index()].gathers = names.into_iter().map(running).collect();
    }
}

impl ReadySet {
    /// Returns whether a reader runs without what a step that is passed over would have made: it gathers more. The reader
    /// then stands behind that step's place in the order.
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
            state.missing += 1;
            self.gangs[state.gang].missing += 1;
            let passed = &mut self.steps[passed.index()];
            passed.live_readers.retain(|other| *other != reader);
            passed.dependents.push(reader);
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
    fn gangs_that_are_held_let_others_go_first() {
        let pipeline = testing::pipeline("a\nb\nc");
        let mut ready = ReadySet::new(&Plan::new(&pipeline).unwrap(), &pipeline);
        ready.hold(|steps| steps.iter().all(|step| step.index() < 2));
        assert_eq!(popped(&pipeline, &mut ready), ["c"]);
        ready.release_held();
        assert_eq!(popped(&pipeline, &mut ready), ["a", "b"]);
    }
}
