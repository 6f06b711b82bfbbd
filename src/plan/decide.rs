//! Which steps run, which an earlier run has done, and which are left out. Pure, and decided before anything
//! starts.
//!
//! - A step that was asked for runs, or is reused. A producer whose stream a running step reads comes along,
//!   if that stream is not kept from an earlier run. All others are left out: they keep their places in the
//!   order, and nothing more.
//! - Running steps that live streams join are reused together or not at all. A reader that is left out is
//!   none of them, and its producer runs without it.
//! - A step is reused only if all that it needs is.
//! - `finally` steps always run again, after what was asked for. They bring no producer along: what they read
//!   of a stream is what there is.

use std::collections::{BTreeMap, HashMap};

use petgraph::unionfind::UnionFind;

use super::asked::{Asked, needs};
use super::{EdgeKind, Gang, Plan};
use crate::pipeline::{Pipeline, Role, Step, StepId, StreamId};

/// What becomes of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It runs, and why; an empty text where all do.
    Run(String),
    /// An earlier run has done it.
    Reuse,
    /// It was not asked for.
    LeftOut,
}

/// What becomes of all steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decisions {
    by_step: Vec<Decision>,
    /// Streams that running steps read and an earlier run has kept; their producers do not run.
    pub taken: Vec<StreamId>,
}

impl Decisions {
    /// Returns the decision about a step; where nothing was decided, all run.
    pub fn of(&self, step: StepId) -> &Decision {
        static ALL_RUN: Decision = Decision::Run(String::new());
        self.by_step.get(step.index()).unwrap_or(&ALL_RUN)
    }

    /// Returns the steps that run, those that start together side by side: by stage, in the order of the plan.
    pub fn gangs(&self, pipeline: &Pipeline, plan: &Plan) -> Vec<Vec<StepId>> {
        let parts = |gang: &Gang| parts(plan, pipeline, &gang.steps, |step| self.runs(step));
        let mut gangs: Vec<Vec<StepId>> = plan.gangs().iter().flat_map(parts).collect();
        gangs.sort_by_key(|gang| gang.first().map(|step| plan.stage(*step)));
        gangs
    }

    /// Takes a step back that was to run, of a pipeline with so many.
    pub fn leave_out(&mut self, step: StepId, count: usize) {
        self.by_step.resize(count, Decision::Run(String::new()));
        if let Some(decision) = self.by_step.get_mut(step.index()) {
            *decision = Decision::LeftOut;
        }
    }

    /// Returns whether a step runs.
    pub fn runs(&self, step: StepId) -> bool {
        match self.of(step) {
            Decision::Run(_) => true,
            Decision::Reuse | Decision::LeftOut => false,
        }
    }
}

/// Decides. `own` says by step why it has to run whatever becomes of the others (an empty text where that is
/// no question), and nothing of a step that can be reused. `is_kept` says whether an earlier run has kept a
/// stream whole.
pub fn decide(
    pipeline: &Pipeline,
    plan: &Plan,
    asked: Option<&Asked>,
    own: Vec<Option<String>>,
    is_kept: impl Fn(StreamId) -> bool,
) -> Decisions {
    let mut decider = Decider { pipeline, plan, asked, own, pulled: BTreeMap::new() };
    let mut kept = HashMap::new();
    loop {
        let mut decisions = Decisions { by_step: decider.by_gang(), taken: Vec::new() };
        let mut is_kept = |stream| *kept.entry(stream).or_insert_with(|| is_kept(stream));
        if !decider.find_streams(&mut decisions, &mut is_kept) {
            return decisions;
        }
    }
}

struct Decider<'a> {
    pipeline: &'a Pipeline,
    plan: &'a Plan,
    asked: Option<&'a Asked>,
    own: Vec<Option<String>>,
    /// Steps whose streams running steps read, and why they run.
    pulled: BTreeMap<StepId, String>,
}

impl Decider<'_> {
    fn name(&self, step: StepId) -> &str {
        &self.pipeline.step(step).name
    }

    /// Returns whether a step is left out unless its stream is needed.
    fn is_chosen(&self, step: StepId) -> bool {
        if self.is_finally(step) && self.asks_for_a_body() {
            return true;
        }
        self.asked.is_none_or(|asked| asked.why(step).is_some()) || self.pulled.contains_key(&step)
    }

    fn is_finally(&self, step: StepId) -> bool {
        self.pipeline.step(step).role == Role::Finally
    }

    /// Returns whether an ordinary step was asked for; else `finally` steps run by hand.
    fn asks_for_a_body(&self) -> bool {
        let is_asked = |(id, step): (StepId, &Step)| {
            step.role == Role::Ordinary && self.asked.is_none_or(|asked| asked.why(id).is_some())
        };
        self.pipeline.steps().any(is_asked)
    }

    fn by_gang(&self) -> Vec<Decision> {
        let mut decisions = vec![Decision::LeftOut; self.pipeline.steps.len()];
        for gang in self.plan.gangs() {
            for part in parts(self.plan, self.pipeline, &gang.steps, |step| self.is_chosen(step)) {
                let reasons: Vec<Option<String>> =
                    part.iter().map(|step| self.reason(*step, &part, &decisions)).collect();
                let first = part.iter().zip(&reasons).find(|(_, reason)| reason.is_some());
                let with =
                    first.map(|(&first, _)| format!("`{}`, with which it starts, runs", self.name(first)));
                for (step, reason) in part.iter().zip(reasons) {
                    decisions[step.index()] =
                        reason.or_else(|| with.clone()).map_or(Decision::Reuse, Decision::Run);
                }
            }
        }
        decisions
    }

    /// Returns why a step runs, as far as that does not come from the steps that start with it.
    fn reason(&self, step: StepId, part: &[StepId], decisions: &[Decision]) -> Option<String> {
        if self.is_finally(step) {
            return Some(String::new());
        }
        let asked = self.asked.and_then(|asked| Some((asked.why(step)?, asked.is_forced())));
        if let Some((why, true)) = asked {
            return Some(why.to_owned());
        }
        if let Some(why) = self.pulled.get(&step) {
            return Some(why.clone());
        }
        match (&self.own[step.index()], asked) {
            (Some(own), Some((why, _))) if own.is_empty() => return Some(why.to_owned()),
            (Some(own), _) => return Some(own.clone()),
            (None, _) => {}
        }
        let runs =
            |need: &StepId| !part.contains(need) && matches!(decisions[need.index()], Decision::Run(_));
        let need = needs(self.pipeline, step).into_iter().find(runs)?;
        Some(format!("`{}`, which it depends on, runs", self.name(need)))
    }

    /// Finds the streams that running steps read and that are made by steps that do not run. Returns whether
    /// a producer has to run for one of them.
    fn find_streams(
        &mut self,
        decisions: &mut Decisions,
        is_kept: &mut impl FnMut(StreamId) -> bool,
    ) -> bool {
        let mut has_pulled = false;
        for (id, stream) in self.pipeline.streams() {
            let reader = stream.readers.iter().find(|reader| decisions.runs(**reader));
            let Some(&reader) = reader.filter(|_| !decisions.runs(stream.producer)) else { continue };
            let is_later = stream.readers.iter().all(|id| !decisions.runs(*id) || self.is_finally(*id));
            let is_later = is_later && !self.is_finally(stream.producer);
            let is_stored = matches!(self.plan.edge(id, reader), EdgeKind::Stored(_));
            let live = |reader: &StepId| {
                decisions.runs(*reader) && matches!(self.plan.edge(id, *reader), EdgeKind::Live)
            };
            if is_stored && !stream.readers.iter().any(live) && is_kept(id) {
                decisions.taken.push(id);
                continue;
            }
            if is_later {
                continue;
            }
            let why = match decisions.of(stream.producer) {
                Decision::LeftOut => format!("`{}` reads its stream `{}`", self.name(reader), stream.name),
                Decision::Reuse | Decision::Run(_) => {
                    format!("its stream `{}` has to be made again for `{}`", stream.name, self.name(reader))
                }
            };
            self.pulled.insert(stream.producer, why);
            has_pulled = true;
        }
        has_pulled
    }
}

/// Splits the steps of a gang that are chosen into those that live streams join, each part in the order of
/// the gang: producers before their readers.
pub(super) fn parts(
    plan: &Plan,
    pipeline: &Pipeline,
    gang: &[StepId],
    is_chosen: impl Fn(StepId) -> bool,
) -> Vec<Vec<StepId>> {
    let chosen: Vec<StepId> = gang.iter().copied().filter(|step| is_chosen(*step)).collect();
    if chosen.len() == gang.len() || chosen.len() < 2 {
        return if chosen.is_empty() { Vec::new() } else { vec![chosen] };
    }
    let place: HashMap<StepId, usize> = chosen.iter().enumerate().map(|(at, step)| (*step, at)).collect();
    let mut sets = UnionFind::new(chosen.len());
    for (at, &reader) in chosen.iter().enumerate() {
        for input in &pipeline.step(reader).inputs {
            let stream = input.port.stream;
            let producer = place.get(&pipeline.stream(stream).producer);
            if let (Some(&producer), EdgeKind::Live) = (producer, plan.edge(stream, reader)) {
                sets.union(producer, at);
            }
        }
    }
    let mut parts: Vec<(usize, Vec<StepId>)> = Vec::new();
    for (part, step) in sets.into_labeling().into_iter().zip(chosen) {
        match parts.iter_mut().find(|(name, _)| *name == part) {
            Some((_, steps)) => steps.push(step),
            None => parts.push((part, vec![step])),
        }
    }
    parts.into_iter().map(|(_, steps)| steps).collect()
}
