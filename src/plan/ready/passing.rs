//! Runs with conditions: by hand, and random ones against the plain model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::testing::model::{Fate, Links, Model, Verdict};
use super::super::testing::{links, numbered, pipeline};
use super::*;
use crate::pipeline::Need;

fn set(text: &str) -> (Pipeline, ReadySet) {
    without(text, &[])
}

/// A set where some steps are passed over before anything starts.
fn without(text: &str, early: &[&str]) -> (Pipeline, ReadySet) {
    let pipeline = pipeline(text);
    let plan = Plan::new(&pipeline).unwrap();
    let runs = |step| !early.contains(&pipeline.step(step).name.as_str());
    let ready = ReadySet::parted(&plan, &pipeline, runs);
    (pipeline, ready)
}

fn id(pipeline: &Pipeline, name: &str) -> StepId {
    StepId::new(pipeline.steps.iter().position(|step| step.name == name).unwrap())
}

fn names(pipeline: &Pipeline, steps: &[StepId]) -> String {
    steps.iter().map(|step| pipeline.step(*step).name.as_str()).collect::<Vec<_>>().join(" ")
}

fn pairs(pipeline: &Pipeline, pairs: &[(StepId, StepId)]) -> String {
    let pair = |(step, of): &(StepId, StepId)| {
        format!("{} for {}", names(pipeline, &[*step]), names(pipeline, &[*of]))
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
}

fn popped(pipeline: &Pipeline, ready: &mut ReadySet) -> Vec<String> {
    std::iter::from_fn(|| ready.pop(99, false)).map(|(_, steps)| names(pipeline, &steps)).collect()
}

#[test]
fn what_is_passed_over_keeps_its_place() {
    for early in [true, false] {
        let text = "build\nsign after build\nupload after sign";
        let (pipeline, mut ready) = without(text, if early { &["sign"] } else { &[] });
        assert_eq!(popped(&pipeline, &mut ready), ["build"]);
        assert!(ready.finish(id(&pipeline, "build"), true).is_empty());
        if !early {
            assert_eq!(names(&pipeline, &ready.peek().unwrap()), "sign");
            assert!(ready.pass_over(id(&pipeline, "sign")).is_empty());
        }
        assert_eq!(names(&pipeline, &ready.take_passed()), "sign");
        assert_eq!(popped(&pipeline, &mut ready), ["upload"]);
        assert!(ready.is_done() && ready.take_passed().is_empty());
    }
}

#[test]
fn a_failure_falls_through_what_is_passed_over() {
    let (pipeline, mut ready) = without("build\nsign after build\nupload after sign", &["sign"]);
    assert_eq!(popped(&pipeline, &mut ready), ["build"]);
    let skipped = ready.finish(id(&pipeline, "build"), false);
    assert_eq!(pairs(&pipeline, &skipped), "sign for build, upload for sign");
    assert!(ready.is_done() && ready.take_passed().is_empty());
}

#[test]
fn a_reader_that_is_passed_over_holds_up_neither_its_gang_nor_who_comes_after_it() {
    for early in [true, false] {
        let text = "slow\np > s\nr < s after slow\nother < s\nend after r";
        let (pipeline, mut ready) = without(text, if early { &["r"] } else { &[] });
        if early {
            assert_eq!(popped(&pipeline, &mut ready), ["slow", "p other"]);
        } else {
            assert_eq!(popped(&pipeline, &mut ready), ["slow"]);
            assert!(ready.finish(id(&pipeline, "slow"), true).is_empty());
            assert!(ready.pass_over(id(&pipeline, "r")).is_empty());
            assert_eq!(popped(&pipeline, &mut ready), ["p other"]);
        }
        assert!(ready.take_passed().is_empty(), "it stands behind the producer of what it would read");
        assert!(ready.finish(id(&pipeline, "p"), true).is_empty());
        if early {
            assert!(ready.finish(id(&pipeline, "slow"), true).is_empty());
        }
        assert_eq!(names(&pipeline, &ready.take_passed()), "r");
        assert_eq!(popped(&pipeline, &mut ready), ["end"]);
    }
}

#[test]
fn what_needs_its_stream_or_its_values_is_passed_over_with_it() {
    let (mut pipeline, _) = set("p > s\nlive < s > t\nstored < t after live\nreads after p\nend after reads");
    let reads = id(&pipeline, "reads").index();
    pipeline.steps[reads].depends_on[0].need = Need::Values;
    let mut ready = ReadySet::new(&Plan::new(&pipeline).unwrap(), &pipeline);
    let without = ready.pass_over(id(&pipeline, "p"));
    assert_eq!(pairs(&pipeline, &without), "reads for p, live for p, stored for live");
    assert_eq!(names(&pipeline, &ready.take_passed()), "p live stored reads");
    assert_eq!(popped(&pipeline, &mut ready), ["end"]);
    assert!(ready.pass_over(id(&pipeline, "end")).is_empty(), "it has started");
    assert!(ready.is_done());
}

#[test]
fn a_step_that_fails_before_it_starts_takes_its_readers_along() {
    let (pipeline, mut ready) = set("p > s\nr < s\nother < s > t\nlast < t\nend after p");
    assert_eq!(names(&pipeline, &ready.peek().unwrap()), "p r other last");
    ready.withdraw(id(&pipeline, "other"));
    assert_eq!(pairs(&pipeline, &ready.finish(id(&pipeline, "other"), false)), "last for other");
    assert_eq!(popped(&pipeline, &mut ready), ["p r"]);
    let (pipeline, mut ready) = set("p > s\nr < s\nend after p");
    ready.withdraw(id(&pipeline, "p"));
    assert_eq!(pairs(&pipeline, &ready.finish_ignored(id(&pipeline, "p"))), "r for p");
    assert_eq!(popped(&pipeline, &mut ready), ["end"]);
    assert!(ready.is_done());
}

#[test]
fn a_long_chain_is_passed_over_without_a_deep_stack() {
    let chain: Vec<_> =
        (0..200_000).map(|step: usize| (step.checked_sub(1).into_iter().collect(), Vec::new())).collect();
    let mut pipeline = numbered(&chain);
    let plan = Plan::new(&pipeline).unwrap();
    let mut ready = ReadySet::parted(&plan, &pipeline, |step| step.index() == 0);
    assert!(ready.pop(1, true).is_some() && ready.finish(StepId::new(0), true).is_empty());
    assert_eq!(ready.take_passed().len(), 199_999);
    let needs = pipeline.steps.iter_mut().flat_map(|step| &mut step.depends_on);
    needs.for_each(|dependency| dependency.need = Need::Values);
    let mut ready = ReadySet::new(&plan, &pipeline);
    assert_eq!(ready.pass_over(StepId::new(0)).len(), 199_999);
    assert_eq!(ready.take_passed().len(), 200_000);
    assert!(ready.is_done());
}

/// A random run beside what is known of it.
struct Run<'a> {
    ready: ReadySet,
    links: &'a Links,
    fates: &'a [Fate],
    undecided: BTreeSet<usize>,
    running: Vec<usize>,
    started: BTreeSet<usize>,
    /// Those that ended and satisfy who comes after them by order.
    over: BTreeSet<usize>,
    passed: BTreeSet<usize>,
    skipped: BTreeMap<usize, usize>,
}

impl Run<'_> {
    /// Whether all that stands before a step by these links is over.
    fn stands_free(&self, links: &[(usize, usize)], step: usize) -> bool {
        links.iter().filter(|link| link.1 == step).all(|link| self.over.contains(&link.0))
    }

    fn note_passed(&mut self) {
        for step in self.ready.take_passed() {
            let step = step.index();
            assert!(self.passed.insert(step) && !self.skipped.contains_key(&step));
            let Links { order, live, stored, .. } = self.links;
            assert!(
                [order, live, stored].iter().all(|links| self.stands_free(links, step)),
                "{step} too early"
            );
            self.over.insert(step);
        }
    }

    /// Asks the conditions of the gang at the head, and starts it if it fits.
    fn admit(&mut self, limit: usize) {
        loop {
            self.note_passed();
            let Some(head) = self.ready.peek() else { break };
            let undecided: Vec<usize> =
                head.iter().map(|step| step.index()).filter(|step| self.undecided.contains(step)).collect();
            for step in &undecided {
                if self.undecided.remove(step) && self.fates[*step].late {
                    let without = self.ready.pass_over(StepId::new(*step));
                    self.undecided.retain(|step| without.iter().all(|(it, _)| it.index() != *step));
                }
            }
            if !undecided.is_empty() {
                continue;
            }
            let free = limit.saturating_sub(self.running.len());
            let Some((_, steps)) = self.ready.pop(free, self.running.is_empty()) else { break };
            assert_eq!(steps, head);
            for step in steps.iter().map(|step| step.index()) {
                assert!(self.started.insert(step));
                assert!(self.stands_free(&self.links.order, step), "{step} breaks the order");
                assert!(self.stands_free(&self.links.stored, step));
                let mut producers = self.links.live.iter().filter(|link| link.1 == step);
                assert!(producers.all(|link| self.started.contains(&link.0)));
                self.running.push(step);
            }
        }
    }

    fn end(&mut self, step: usize) {
        let Fate { fails, ignored, .. } = self.fates[step];
        let skipped = match (fails, ignored) {
            (true, true) => self.ready.finish_ignored(StepId::new(step)),
            (true, false) => self.ready.finish(StepId::new(step), false),
            (false, _) => self.ready.finish(StepId::new(step), true),
        };
        if !fails || ignored {
            self.over.insert(step);
        }
        self.skipped.extend(skipped.iter().map(|(step, cause)| (step.index(), cause.index())));
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let verdict = |step: usize| match (self.started.contains(&step), self.passed.contains(&step)) {
            (true, _) => Verdict::Ran,
            (false, true) => Verdict::PassedOver,
            (false, false) => Verdict::Skipped,
        };
        (0..self.fates.len()).map(verdict).collect()
    }
}

/// Two thousand; in the long form a hundred thousand, asked for by `PROPTEST_CASES`.
fn cases() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(asked.unwrap_or(2_000))
}

fn fate() -> impl Strategy<Value = Fate> {
    let often = |weight| prop::bool::weighted(weight);
    (often(0.15), often(0.2), often(0.15), any::<bool>()).prop_map(|(early, late, fails, ignored)| Fate {
        early,
        late,
        fails,
        ignored,
    })
}

proptest! {
    #![proptest_config(cases())]

    /// The same steps run, are passed over and are skipped in every schedule, no order is broken, and nothing
    /// hangs.
    #[test]
    fn conditions_do_what_the_model_says(
        pairs in links(10, 2, true),
        in_need in prop::collection::vec(any::<bool>(), 20),
        fates in prop::collection::vec(fate(), 10),
        schedules in prop::collection::vec((1..5usize, prop::collection::vec(any::<prop::sample::Index>(), 10)), 3),
    ) {
        let mut pipeline = numbered(&pairs);
        let mut in_need = in_need.into_iter();
        let mut values = Vec::new();
        for (to, step) in pipeline.steps.iter_mut().enumerate() {
            for dependency in &mut step.depends_on {
                if in_need.next() == Some(true) {
                    dependency.need = Need::Values;
                    values.push((dependency.step.index(), to));
                }
            }
        }
        let fates = &fates[..pipeline.steps.len()];
        let plan = Plan::new(&pipeline).unwrap();
        let model = Model::new(&pipeline);
        let (live, stored) = model.split(&plan);
        let links = Links { order: model.order, values, live, stored };
        let (early, expected) = (links.early(fates), links.verdicts(fates));
        for (limit, picks) in schedules {
            let mut run = Run {
                ready: ReadySet::parted(&plan, &pipeline, |step| !early[step.index()]),
                links: &links, fates,
                undecided: (0..fates.len()).filter(|step| !early[*step]).collect(),
                running: Vec::new(), started: BTreeSet::new(), over: BTreeSet::new(),
                passed: BTreeSet::new(), skipped: BTreeMap::new(),
            };
            let mut picks = picks.into_iter();
            run.admit(limit);
            while !run.running.is_empty() {
                let next = picks.next().unwrap().index(run.running.len());
                let step = run.running.swap_remove(next);
                run.end(step);
                run.admit(limit);
            }
            prop_assert!(run.ready.is_done() && run.ready.waiting().is_empty(), "it hangs");
            prop_assert_eq!(run.started.len() + run.passed.len() + run.skipped.len(), fates.len());
            prop_assert_eq!(run.verdicts(), expected.clone());
            for (step, cause) in &run.skipped {
                let links = [&links.order, &links.live, &links.stored];
                prop_assert!(links.iter().any(|links| links.contains(&(*cause, *step))));
                prop_assert!(run.skipped.contains_key(cause) || fates[*cause].fails);
            }
        }
    }
}
