//! Runs of the ready set by hand, and random ones against the plain model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::testing::model::Model;
use super::super::testing::{links, numbered, pipeline};
use super::*;

fn set(text: &str) -> (Pipeline, ReadySet) {
    let pipeline = pipeline(text);
    let ready = ReadySet::new(&Plan::new(&pipeline).unwrap(), &pipeline);
    (pipeline, ready)
}

fn id(pipeline: &Pipeline, name: &str) -> StepId {
    StepId::new(pipeline.steps.iter().position(|step| step.name == name).unwrap())
}

fn pop(pipeline: &Pipeline, ready: &mut ReadySet, free: usize, idle: bool) -> Option<String> {
    let (_, steps) = ready.pop(free, idle)?;
    Some(steps.iter().map(|&step| pipeline.step(step).name.as_str()).collect::<Vec<_>>().join(" "))
}

fn finish(pipeline: &Pipeline, ready: &mut ReadySet, name: &str, success: bool) -> String {
    let skipped = ready.finish(id(pipeline, name), success).into_iter();
    let name = |step| pipeline.step(step).name.as_str();
    skipped.map(|(step, cause)| format!("{} for {}", name(step), name(cause))).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_longest_remaining_path_goes_first_and_is_not_overtaken() {
    let (pipeline, mut ready) = set("small\na > x\nb < x\nc < x\nend after a");
    assert_eq!(pop(&pipeline, &mut ready, 2, false), None);
    assert_eq!(pop(&pipeline, &mut ready, 2, true).as_deref(), Some("a b c"));
    assert_eq!(pop(&pipeline, &mut ready, 1, false).as_deref(), Some("small"));
    assert_eq!(pop(&pipeline, &mut ready, 9, true), None);
    assert_eq!(ready.waiting(), [id(&pipeline, "end")]);
    assert_eq!(finish(&pipeline, &mut ready, "a", true), "");
    assert_eq!(pop(&pipeline, &mut ready, 1, false).as_deref(), Some("end"));
    assert!(ready.is_done());
}

#[test]
fn what_has_the_terminal_goes_first_and_only_where_nothing_runs() {
    let mut pipeline = pipeline("long\nend after long\nask\nagain\nsmall");
    for step in ["ask", "again"] {
        let index = id(&pipeline, step).index();
        pipeline.steps[index].terminal = true;
    }
    let mut ready = ReadySet::new(&Plan::new(&pipeline).unwrap(), &pipeline);
    assert_eq!(pop(&pipeline, &mut ready, 9, false), None);
    assert_eq!(pop(&pipeline, &mut ready, 9, true).as_deref(), Some("ask"));
    assert_eq!(pop(&pipeline, &mut ready, 9, false), None, "never two");
    assert_eq!(pop(&pipeline, &mut ready, 0, true).as_deref(), Some("again"));
    assert_eq!(pop(&pipeline, &mut ready, 9, false).as_deref(), Some("long"));
}

#[test]
fn a_step_that_needs_a_failed_step_is_skipped_with_its_own_cause() {
    let (pipeline, mut ready) = set("a\nb after a > x\nc < x\nd after c\ne");
    assert_eq!(pop(&pipeline, &mut ready, 9, true).as_deref(), Some("a"));
    assert_eq!(finish(&pipeline, &mut ready, "a", false), "b for a, c for b, d for c");
    assert_eq!(finish(&pipeline, &mut ready, "a", false), "");
    assert_eq!(pop(&pipeline, &mut ready, 9, true).as_deref(), Some("e"));
    assert!(ready.is_done());
}

#[test]
fn a_skipped_member_does_not_hold_back_its_gang() {
    let (pipeline, mut ready) = set("bad\nslow\nproducer > x after slow\nreader < x\nother < x after bad");
    assert_eq!(pop(&pipeline, &mut ready, 1, true).as_deref(), Some("bad"));
    assert_eq!(pop(&pipeline, &mut ready, 1, true).as_deref(), Some("slow"));
    assert_eq!(finish(&pipeline, &mut ready, "slow", true), "");
    assert_eq!(pop(&pipeline, &mut ready, 9, true), None);
    assert_eq!(finish(&pipeline, &mut ready, "bad", false), "other for bad");
    assert_eq!(pop(&pipeline, &mut ready, 2, false).as_deref(), Some("producer reader"));
}

#[test]
fn running_readers_are_not_skipped_but_those_from_disk_are() {
    let (pipeline, mut ready) = set("a > x\nb < x\nc < x after b");
    assert_eq!(pop(&pipeline, &mut ready, 9, true).as_deref(), Some("a b"));
    assert_eq!(finish(&pipeline, &mut ready, "b", true), "");
    assert_eq!(pop(&pipeline, &mut ready, 9, false), None);
    assert_eq!(finish(&pipeline, &mut ready, "a", false), "c for a");
    assert!(ready.is_done());
}

#[test]
fn what_has_not_started_cannot_finish() {
    let (pipeline, mut ready) = set("a\nb after a");
    assert!(ready.finish(id(&pipeline, "b"), false).is_empty());
    assert!(ready.finish(StepId::new(77), false).is_empty());
    assert_eq!(ready.waiting().len(), 2);
}

#[test]
fn a_long_chain_fails_and_finishes_without_a_deep_stack() {
    let chain: Vec<_> =
        (0..200_000).map(|step: usize| (step.checked_sub(1).into_iter().collect(), Vec::new())).collect();
    let pipeline = numbered(&chain);
    let plan = Plan::new(&pipeline).unwrap();
    let mut ready = ReadySet::new(&plan, &pipeline);
    for step in 0..100_000 {
        assert_eq!(ready.pop(1, true).unwrap().1, [StepId::new(step)]);
        assert_eq!(
            ready.finish(StepId::new(step), step < 99_999).len(),
            if step < 99_999 { 0 } else { 100_000 }
        );
    }
    assert!(ready.is_done());
}

/// A run of the ready set beside what the model says of it.
struct Run<'a> {
    plan: &'a Plan,
    model: Model,
    live: Vec<(usize, usize)>,
    /// What must succeed first, and which step needs it.
    needs: Vec<(usize, usize)>,
    fails: Vec<bool>,
    running: Vec<usize>,
    started: BTreeSet<usize>,
    succeeded: BTreeSet<usize>,
    skipped: BTreeMap<usize, usize>,
}

impl Run<'_> {
    /// Returns the steps that can never run, given those that have ended: the plain closure.
    fn closure(&self, ended: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut skipped = BTreeSet::new();
        loop {
            let failed = |step: &usize| (ended.contains(step) && self.fails[*step]) || skipped.contains(step);
            let by_order = self.needs.iter().filter(|(from, _)| failed(from));
            let by_stream = self.live.iter().filter(|(from, _)| skipped.contains(from));
            let more: BTreeSet<usize> = by_order.chain(by_stream).map(|(_, to)| *to).collect();
            if more.is_subset(&skipped) {
                return skipped;
            }
            skipped.extend(more);
        }
    }

    /// Returns the gang that should start next, by the words of the contract: its position and its size.
    fn head(&self) -> Option<(usize, usize)> {
        let unblocked = |step: usize| {
            self.needs.iter().filter(|need| need.1 == step).all(|need| self.succeeded.contains(&need.0))
        };
        let candidates = self.plan.gangs().iter().enumerate().filter_map(|(index, gang)| {
            let waiting =
                gang.steps.iter().map(|step| step.index()).filter(|step| !self.skipped.contains_key(step));
            let waiting: Vec<usize> = waiting.collect();
            let ready = !waiting.is_empty()
                && waiting.iter().all(|&step| unblocked(step) && !self.started.contains(&step));
            let remaining = self.plan.remaining(GangId::new(index));
            ready.then_some((
                std::cmp::Reverse(remaining),
                gang.steps.iter().min().copied(),
                index,
                waiting.len(),
            ))
        });
        candidates.min().map(|(_, _, index, size)| (index, size))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_run_ends_and_respects_everything(
        links in links(12, 2, true),
        limit in 1..6usize,
        fails in prop::collection::vec(prop::bool::weighted(0.2), 12),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let pipeline = numbered(&links);
        let plan = Plan::new(&pipeline).unwrap();
        let mut ready = ReadySet::new(&plan, &pipeline);
        let model = Model::new(&pipeline);
        let (live, stored) = model.split(&plan);
        let needs = model.order.iter().copied().chain(stored).collect();
        let mut run = Run {
            plan: &plan, model, live, needs, fails, running: Vec::new(),
            started: BTreeSet::new(), succeeded: BTreeSet::new(), skipped: BTreeMap::new(),
        };
        let mut ended = BTreeSet::new();
        let mut picks = picks.into_iter();
        loop {
            loop {
                let (free, idle) = (limit.saturating_sub(run.running.len()), run.running.is_empty());
                let expected = run.head().filter(|(_, size)| *size <= free || idle);
                let popped = ready.pop(free, idle);
                prop_assert_eq!(popped.as_ref().map(|(gang, steps)| (gang.index(), steps.len())), expected);
                let Some((gang, steps)) = popped else { break };
                let order: Vec<StepId> = plan.gangs()[gang.index()].steps.iter().copied().filter(|step| steps.contains(step)).collect();
                prop_assert_eq!(&order, &steps);
                for step in steps.iter().map(|step| step.index()) {
                    prop_assert!(run.started.insert(step));
                    prop_assert!(!run.skipped.contains_key(&step));
                    run.running.push(step);
                }
                for &(producer, reader) in run.live.iter().filter(|(_, reader)| steps.contains(&StepId::new(*reader))) {
                    prop_assert!(steps.contains(&StepId::new(producer)), "{} without {}", reader, producer);
                }
            }
            if run.running.is_empty() {
                break;
            }
            let step = run.running.swap_remove(picks.next().unwrap().index(run.running.len()));
            ended.insert(step);
            if !run.fails[step] {
                run.succeeded.insert(step);
            }
            let newly = ready.finish(StepId::new(step), !run.fails[step]);
            prop_assert!(newly.is_sorted());
            run.skipped.extend(newly.iter().map(|(step, cause)| (step.index(), cause.index())));
            prop_assert_eq!(run.skipped.keys().copied().collect::<BTreeSet<_>>(), run.closure(&ended));
        }
        prop_assert!(ready.is_done() && ready.waiting().is_empty());
        prop_assert_eq!(run.started.len() + run.skipped.len(), run.model.steps);
        for (&step, &cause) in &run.skipped {
            let needed = run.needs.contains(&(cause, step)) && !run.succeeded.contains(&cause);
            prop_assert!(needed || (run.live.contains(&(cause, step)) && run.skipped.contains_key(&cause)));
        }
    }
}

#[test]
fn an_ignored_failure_releases_dependents_but_no_stored_reader() {
    let pipeline = pipeline("a > s\nb after a\nr < s after b\nc after r\nd after b");
    let plan = Plan::new(&pipeline).unwrap();
    let mut ready = ReadySet::new(&plan, &pipeline);
    assert!(ready.pop(1, true).is_some());
    let skipped = ready.finish_ignored(id(&pipeline, "a"));
    let (a, r, c) = (id(&pipeline, "a"), id(&pipeline, "r"), id(&pipeline, "c"));
    assert_eq!(skipped, [(r, a), (c, r)]);
    let (_, next) = ready.pop(1, true).unwrap();
    assert_eq!(next, [id(&pipeline, "b")]);
    assert!(ready.finish(next[0], true).is_empty());
    assert_eq!(ready.pop(1, true).unwrap().1, [id(&pipeline, "d")]);
    assert!(ready.is_done());
}
