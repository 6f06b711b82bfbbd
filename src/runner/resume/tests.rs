//! Random histories against a plain model: runs of one pipeline, one after another, each with its choice.
//!
//! No process runs. A run here is what the ready set lets start, and some steps fail.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::pipeline::testing::{links, numbered};
use crate::plan::{Asked, Decision, EdgeKind, Foreseen, Plan, ReadySet};

/// What is asked of one run.
#[derive(Debug, Clone)]
struct Round {
    only: Vec<prop::sample::Index>,
    from: Vec<prop::sample::Index>,
    to: Vec<prop::sample::Index>,
    resumes: bool,
    /// By step: whether it fails.
    fails: Vec<bool>,
    /// By step: whether its text has been changed before this run.
    edited: Vec<bool>,
}

fn round() -> impl Strategy<Value = Round> {
    let names = || prop::collection::vec(any::<prop::sample::Index>(), 1..3);
    let choice = prop_oneof![
        2 => Just((Vec::new(), Vec::new(), Vec::new())),
        2 => names().prop_map(|only| (only, Vec::new(), Vec::new())),
        1 => names().prop_map(|from| (Vec::new(), from, Vec::new())),
        2 => names().prop_map(|to| (Vec::new(), Vec::new(), to)),
        1 => (names(), names()).prop_map(|(from, to)| (Vec::new(), from, to)),
    ];
    let flags = |often| prop::collection::vec(prop::bool::weighted(often), 9);
    (choice, any::<bool>(), flags(0.15), flags(0.1)).prop_map(|((only, from, to), resumes, fails, edited)| {
        Round { only, from, to, resumes, fails, edited }
    })
}

/// The pipeline, and all that has happened so far.
struct World {
    pipeline: Pipeline,
    plan: Plan,
    /// The oldest first.
    runs: Vec<PastRun>,
    /// By step: what its text is.
    texts: Vec<usize>,
    /// By step: the run in which it was started last, whether it succeeded, and with which text.
    last: Vec<Option<(usize, bool, usize)>>,
    /// By step: the run in which it succeeded last.
    value: Vec<Option<usize>>,
}

impl World {
    fn asked(&self, round: &Round) -> Option<Asked> {
        let set = |names: &[prop::sample::Index]| -> BTreeSet<StepId> {
            names.iter().map(|name| StepId::new(name.index(self.pipeline.steps.len()))).collect()
        };
        let of = |names: &[prop::sample::Index], asked: fn(&Pipeline, &BTreeSet<StepId>) -> Asked| {
            (!names.is_empty()).then(|| asked(&self.pipeline, &set(names)))
        };
        match (
            of(&round.only, |_, steps| Asked::only(steps)),
            of(&round.from, Asked::from),
            of(&round.to, Asked::to),
        ) {
            (None, Some(from), Some(to)) => Some(to.and(&from)),
            (only, from, to) => only.or(from).or(to),
        }
    }

    fn past(&self, round: &Round) -> Past {
        let mut past = Past::default();
        self.runs.iter().rev().for_each(|run| past.add(run.clone()));
        past.resumed = (round.resumes && !self.runs.is_empty()).then(|| "past".to_owned());
        past
    }

    /// Decides as the program does, but for texts and files, which there are none of.
    fn decide(&self, past: &Past, asked: Option<&Asked>) -> Decisions {
        let own = |(id, step): (StepId, &crate::pipeline::Step)| {
            let is_question = past.resumed.is_some() && asked.is_none_or(|asked| !asked.is_forced());
            if !is_question {
                return Some(String::new());
            }
            stale(&self.pipeline, past, id).or_else(|| {
                let before = &past.done(&step.name)?.fingerprint["command"];
                (*before != self.texts[id.index()].to_string()).then(|| "changed".to_owned())
            })
        };
        let own = self.pipeline.steps().map(own).collect();
        let is_kept = |stream| self.is_kept(past, stream);
        plan::decide(&self.pipeline, &self.plan, asked, own, is_kept, |_, _| Foreseen::Holds)
    }

    fn is_kept(&self, past: &Past, stream: crate::pipeline::StreamId) -> bool {
        past.resumed.is_some() && past.streams.contains_key(&self.pipeline.stream(stream).name)
    }

    /// Runs what was decided: every step starts or is passed over once, and nothing before what it needs.
    fn run(&mut self, round: &Round, past: &Past, decisions: &Decisions) -> BTreeMap<usize, bool> {
        let number = self.runs.len();
        let mut ready = ReadySet::parted(&self.plan, &self.pipeline, |step| decisions.runs(step));
        let (mut ended, mut started) = (BTreeSet::new(), BTreeMap::new());
        let mut traces: Vec<Trace> = vec![Trace::Nothing; self.pipeline.steps.len()];
        let mut begin = |step: StepId, ended: &BTreeSet<StepId>| {
            let name = &self.pipeline.step(step).name;
            let live: Vec<StepId> = self.live_producers(step).collect();
            for need in needs(&self.pipeline, step) {
                let together = live.contains(&need) && decisions.runs(step);
                assert!(together || ended.contains(&need), "{name} starts too early");
            }
            let index = step.index();
            let outputs = |run: usize| Arc::new([("v".to_owned(), run.to_string())].into());
            traces[index] = match decisions.of(step) {
                Decision::Run(_) => {
                    let is_tainted = live.iter().any(|need| started.get(&need.index()) == Some(&false));
                    let is_good = !round.fails[index] && !is_tainted;
                    assert!(started.insert(index, is_good).is_none(), "{name} starts twice");
                    let fingerprint = [("command".to_owned(), self.texts[index].to_string())].into();
                    let result = StepResult { outputs: outputs(number), products: Vec::new(), fingerprint };
                    if is_good { Trace::Succeeded(result) } else { Trace::Spoiled }
                }
                Decision::Reuse => Trace::Reused(past.done(name).unwrap().clone()),
                Decision::LeftOut => {
                    let values = past.values.get(name);
                    Trace::LeftOut(values.map(|it| it.outputs.clone()).unwrap_or_default())
                }
                Decision::PassOver(_) => Trace::PassedOver,
            };
            started.get(&index).copied().unwrap_or(true)
        };
        loop {
            for step in ready.take_passed() {
                begin(step, &ended);
                assert!(ended.insert(step));
            }
            let Some((_, steps)) = ready.pop(usize::MAX, true) else { break };
            let mut results = Vec::new();
            for &step in &steps {
                results.push(begin(step, &ended));
                assert!(ended.insert(step));
            }
            for (step, is_good) in steps.into_iter().zip(results) {
                ready.finish(step, is_good);
            }
        }
        assert!(ready.is_done(), "the run hangs");
        for (&step, &is_good) in &started {
            self.last[step] = Some((number, is_good, self.texts[step]));
            self.value[step] = if is_good { Some(number) } else { self.value[step] };
        }
        let kept = self.pipeline.streams().filter(|(_, stream)| stream.store);
        let kept = kept.filter(|(_, stream)| started.get(&stream.producer.index()) == Some(&true));
        let kept = kept.map(|(_, stream)| {
            let at = PastStream { path: number.to_string().into(), sha256: String::new() };
            (self.pipeline.step(stream.producer).name.clone(), stream.name.clone(), at)
        });
        let streams = kept.collect();
        let names = self.pipeline.steps.iter().map(|step| step.name.clone());
        self.runs.push(PastRun { run: number.to_string(), steps: names.zip(traces).collect(), streams });
        started
    }

    /// Returns the steps whose streams a step reads live.
    fn live_producers(&self, step: StepId) -> impl Iterator<Item = StepId> {
        let inputs = &self.pipeline.step(step).inputs;
        let live = move |stream| matches!(self.plan.edge(stream, step), EdgeKind::Live);
        inputs
            .iter()
            .map(|input| input.port.stream)
            .filter(move |stream| live(*stream))
            .map(|stream| self.pipeline.stream(stream).producer)
    }

    /// Returns the steps that run, by rules that are applied until nothing changes.
    fn model(&self, round: &Round, asked: Option<&Asked>) -> BTreeSet<usize> {
        let resumes = round.resumes && !self.runs.is_empty();
        let is_asked = |step: usize| asked.is_none_or(|asked| asked.why(StepId::new(step)).is_some());
        let forced = asked.is_some_and(Asked::is_forced) || !resumes;
        let is_fresh = |step: usize| match self.last[step] {
            Some((run, true, text)) => {
                let is_older = |need: &StepId| self.last[need.index()].is_none_or(|(other, ..)| other <= run);
                text == self.texts[step] && needs(&self.pipeline, StepId::new(step)).iter().all(is_older)
            }
            Some((_, false, _)) | None => false,
        };
        let all = 0..self.pipeline.steps.len();
        let mut runs: BTreeSet<usize> =
            all.clone().filter(|step| is_asked(*step) && (forced || !is_fresh(*step))).collect();
        loop {
            let mut more = BTreeSet::new();
            for step in all.clone() {
                let id = StepId::new(step);
                let needs = needs(&self.pipeline, id);
                if is_asked(step) && needs.iter().any(|need| runs.contains(&need.index())) {
                    more.insert(step);
                }
                for input in self.pipeline.step(id).inputs.iter().filter(|_| runs.contains(&step)) {
                    let stream = self.pipeline.stream(input.port.stream);
                    let producer = stream.producer.index();
                    let is_live = |reader: &StepId| {
                        runs.contains(&reader.index())
                            && matches!(self.plan.edge(input.port.stream, *reader), EdgeKind::Live)
                    };
                    let is_kept =
                        resumes && stream.store && self.last[producer].is_some_and(|(_, good, _)| good);
                    if stream.readers.iter().any(is_live) || !is_kept {
                        more.insert(producer);
                    }
                }
                if is_asked(step) && self.live_producers(id).any(|need| runs.contains(&need.index())) {
                    more.insert(step);
                }
            }
            if more.is_subset(&runs) {
                return runs;
            }
            runs.extend(more);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn choices_follow_the_model(
        links in links(9, 2, true),
        stored in prop::collection::vec(prop::bool::weighted(0.4), 9),
        rounds in prop::collection::vec(round(), 1..6),
    ) {
        let mut pipeline = numbered(&links);
        pipeline.streams.iter_mut().zip(stored).for_each(|(stream, stored)| stream.store = stored);
        let plan = Plan::new(&pipeline).unwrap();
        let steps = pipeline.steps.len();
        let mut world = World {
            pipeline, plan, runs: Vec::new(), texts: vec![0; steps], last: vec![None; steps], value: vec![None; steps],
        };
        for round in rounds {
            let edited = world.texts.iter_mut().zip(&round.edited).filter(|(_, edited)| **edited);
            edited.for_each(|(text, _)| *text += 1);
            let asked = world.asked(&round);
            if asked.as_ref().is_some_and(Asked::is_empty) {
                continue;
            }
            let past = world.past(&round);
            let decisions = world.decide(&past, asked.as_ref());
            let runs: BTreeSet<usize> = (0..steps).filter(|step| decisions.runs(StepId::new(*step))).collect();
            prop_assert_eq!(&runs, &world.model(&round, asked.as_ref()));
            for step in 0..steps {
                let id = StepId::new(step);
                let is_asked = asked.as_ref().is_none_or(|asked| asked.why(id).is_some());
                let left_out = *decisions.of(id) == Decision::LeftOut;
                prop_assert_eq!(left_out, !is_asked && !runs.contains(&step));
                if left_out {
                    let value = past.values.get(&world.pipeline.step(id).name);
                    let value = value.and_then(|it| it.outputs["v"].parse().ok());
                    prop_assert_eq!(value, world.value[step], "the newest run that has it");
                }
            }
            let started = world.run(&round, &past, &decisions);
            prop_assert!(started.keys().all(|step| runs.contains(step)), "a step that was not asked for");
            if !round.fails.contains(&true) {
                prop_assert_eq!(started.len(), runs.len());
            }
        }
    }
}
