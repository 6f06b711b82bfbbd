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
//! - A service, or a shared container, runs if a step runs that uses it.
//! - A step that was asked for, and whose condition is known to be false, is passed over; so is a step that
//!   needs its stream or its values.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::unionfind::UnionFind;

use super::asked::{Asked, needs};
use super::{EdgeKind, Gang, Plan};
use crate::pipeline::{Input, Need, Pipeline, Role, SkipReason, Step, StepId, StreamId};

/// What becomes of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It runs, and why; an empty text where all do.
    Run(String),
    /// An earlier run has done it.
    Reuse,
    /// It was not asked for.
    LeftOut,
    /// Its condition is false, or it needs what such a step would have made: why.
    PassOver(SkipReason),
}

/// What is known of a condition before anything starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreseen {
    /// It is true, or there is none.
    Holds,
    /// It is false: the words for it.
    False(String),
    /// It is asked when the turn of its step comes.
    Open,
}

/// What becomes of all steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decisions {
    by_step: Vec<Decision>,
    /// Streams that running steps read and an earlier run has kept; their producers do not run.
    pub taken: Vec<StreamId>,
    /// Steps that run unless their conditions turn out to be false.
    pub open: BTreeSet<StepId>,
}

impl Decisions {
    /// Returns the decision about a step; where nothing was decided, all run.
    pub fn of(&self, step: StepId) -> &Decision {
        static ALL_RUN: Decision = Decision::Run(String::new());
        self.by_step.get(step.index()).unwrap_or(&ALL_RUN)
    }

    /// Decides that these steps run, in a part of a run where it is known already.
    pub fn known(pipeline: &Pipeline, runs: impl Fn(StepId) -> bool) -> Self {
        let decision = |(id, _)| if runs(id) { Decision::Run(String::new()) } else { Decision::LeftOut };
        let by_step = pipeline.steps().map(decision).collect();
        Self { by_step, taken: Vec::new(), open: BTreeSet::new() }
    }

    /// Returns the steps that run, those that start together side by side: by stage, in the order of the plan.
    pub fn gangs(&self, pipeline: &Pipeline, plan: &Plan) -> Vec<Vec<StepId>> {
        let parts = |gang: &Gang| parts(plan, pipeline, &gang.steps, |step| self.runs(step));
        let mut gangs: Vec<Vec<StepId>> = plan.gangs().iter().flat_map(parts).collect();
        gangs.sort_by_key(|gang| gang.first().map(|step| plan.stage(*step)));
        gangs
    }

    /// Returns whether a step runs.
    pub fn runs(&self, step: StepId) -> bool {
        match self.of(step) {
            Decision::Run(_) => true,
            Decision::Reuse | Decision::LeftOut | Decision::PassOver(_) => false,
        }
    }

    /// Returns what a shared container lacks, in words that follow its name: steps that do not run now come before
    /// some that do, and would have changed it.
    pub fn lacks(&self, pipeline: &Pipeline, container: StepId) -> Option<String> {
        let is_in = |step: StepId| pipeline.step(step).shared.is_some_and(|usage| usage.step == container);
        let mut open: Vec<StepId> =
            pipeline.steps().map(|(id, _)| id).filter(|id| is_in(*id) && self.runs(*id)).collect();
        let mut seen: BTreeSet<StepId> = open.iter().copied().collect();
        while let Some(step) = open.pop() {
            open.extend(needs(pipeline, step).into_iter().filter(|need| seen.insert(*need)));
        }
        let missing = seen.into_iter().filter(|step| is_in(*step) && *self.of(*step) == Decision::LeftOut);
        let names: Vec<String> = missing.map(|step| format!("`{}`", pipeline.step(step).name)).collect();
        let verb = if names.len() == 1 { "does" } else { "do" };
        (!names.is_empty()).then(|| format!("is fresh: what {} {verb} in it is not there", names.join(", ")))
    }

    /// Returns the steps that are passed over, each with why.
    pub fn passed_over(&self) -> impl Iterator<Item = (StepId, &SkipReason)> {
        self.by_step.iter().enumerate().filter_map(|(index, decision)| match decision {
            Decision::PassOver(why) => Some((StepId::new(index), why)),
            Decision::Run(_) | Decision::Reuse | Decision::LeftOut => None,
        })
    }
}

/// Decides. `own` says by step why it has to run whatever becomes of the others (an empty text where that is
/// no question), and nothing of a step that can be reused. `is_kept` says whether an earlier run has kept a
/// stream whole. `foresee` says what is known of a step's condition, when it is known what becomes of the steps
/// before it.
pub fn decide(
    pipeline: &Pipeline,
    plan: &Plan,
    asked: Option<&Asked>,
    own: Vec<Option<String>>,
    is_kept: impl Fn(StreamId) -> bool,
    foresee: impl Fn(StepId, &Decisions) -> Foreseen,
) -> Decisions {
    let is_asked = |(id, step): (StepId, &Step)| {
        step.role == Role::Ordinary && asked.is_none_or(|asked| asked.why(id).is_some())
    };
    let has_body = pipeline.steps().any(is_asked);
    let mut decider = Decider { pipeline, plan, asked, has_body, own, pulled: BTreeMap::new() };
    let mut kept = HashMap::new();
    loop {
        let mut decisions = decider.by_gang(&foresee);
        let mut is_kept = |stream| *kept.entry(stream).or_insert_with(|| is_kept(stream));
        let has_pulled = decider.find_streams(&mut decisions, &mut is_kept);
        if !decider.find_mates(&decisions) && !has_pulled {
            decider.find_services(&mut decisions);
            return decisions;
        }
    }
}

struct Decider<'a> {
    pipeline: &'a Pipeline,
    plan: &'a Plan,
    asked: Option<&'a Asked>,
    /// An ordinary step was asked for; else `finally` steps run by hand.
    has_body: bool,
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
        if self.is_finally(step) && self.has_body {
            return true;
        }
        self.asked.is_none_or(|asked| asked.why(step).is_some()) || self.pulled.contains_key(&step)
    }

    fn is_finally(&self, step: StepId) -> bool {
        self.pipeline.step(step).role == Role::Finally
    }

    fn by_gang(&self, foresee: &impl Fn(StepId, &Decisions) -> Foreseen) -> Decisions {
        let by_step = vec![Decision::LeftOut; self.pipeline.steps.len()];
        let mut decisions = Decisions { by_step, ..Decisions::default() };
        for gang in self.plan.gangs() {
            for &step in gang.steps.iter().filter(|step| self.is_chosen(**step)) {
                let foreseen = if self.pipeline.is_conditional(self.pipeline.step(step)) {
                    foresee(step, &decisions)
                } else {
                    Foreseen::Holds
                };
                let is_open = foreseen == Foreseen::Open;
                let why = match foreseen {
                    Foreseen::False(words) => Some(SkipReason::Condition(words)),
                    Foreseen::Holds | Foreseen::Open => self.lacks(step, &decisions).map(SkipReason::Without),
                };
                match why {
                    Some(why) => decisions.by_step[step.index()] = Decision::PassOver(why),
                    None if is_open => drop(decisions.open.insert(step)),
                    None => {}
                }
            }
            let is_passed = |step: StepId| matches!(decisions.of(step), Decision::PassOver(_));
            let is_left = |step: StepId| self.is_chosen(step) && !is_passed(step);
            for part in parts(self.plan, self.pipeline, &gang.steps, is_left) {
                self.decide_part(&part, &mut decisions);
            }
        }
        decisions
    }

    /// Returns a step that is passed over and whose values or stream this one needs.
    fn lacks(&self, step: StepId, decisions: &Decisions) -> Option<StepId> {
        let declared = self.pipeline.step(step);
        let values = declared.depends_on.iter().filter(|dependency| dependency.need == Need::Values);
        let producer = |input: &Input| self.pipeline.stream(input.port.stream).producer;
        let is_passed = |step: StepId| matches!(decisions.of(step), Decision::PassOver(_));
        // Of what it gathers under one name, some is enough.
        let has_none = |input: &&Input| {
            let same = declared.inputs.iter().filter(|other| other.is_gathered && other.name == input.name);
            !input.is_gathered || same.map(producer).all(is_passed)
        };
        let producers = declared.inputs.iter().filter(has_none).map(producer);
        let mut needed = values.map(|dependency| dependency.step).chain(producers);
        needed.find(|step| is_passed(*step))
    }

    /// Decides about steps that start together.
    fn decide_part(&self, part: &[StepId], decisions: &mut Decisions) {
        let reason = |step: &StepId| {
            let open = || "what its condition says is not known yet".to_owned();
            let reason = self.reason(*step, part, &decisions.by_step);
            reason.or_else(|| decisions.open.contains(step).then(open))
        };
        let reasons: Vec<Option<String>> = part.iter().map(reason).collect();
        let first = part.iter().zip(&reasons).find(|(_, reason)| reason.is_some());
        let with = first.map(|(&first, _)| format!("`{}`, with which it starts, runs", self.name(first)));
        for (step, reason) in part.iter().zip(reasons) {
            decisions.by_step[step.index()] =
                reason.or_else(|| with.clone()).map_or(Decision::Reuse, Decision::Run);
        }
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

    /// Decides about services and shared containers: each runs if a step runs that uses it.
    fn find_services(&self, decisions: &mut Decisions) {
        let mut users: BTreeMap<StepId, Vec<StepId>> = BTreeMap::new();
        for (id, step) in self.pipeline.steps() {
            step.usages().for_each(|usage| users.entry(usage.step).or_default().push(id));
        }
        for service in self.plan.services().rev() {
            let users = users.get(&service).map(Vec::as_slice).unwrap_or_default();
            let is_passed = |user: &StepId| matches!(decisions.of(*user), Decision::PassOver(_));
            let why = |user: StepId| match self.asked {
                Some(_) => format!("`{}` uses it", self.name(user)),
                None => String::new(),
            };
            decisions.by_step[service.index()] = match users.iter().find(|user| decisions.runs(**user)) {
                Some(user) => Decision::Run(why(*user)),
                None if users.iter().any(is_passed) => Decision::PassOver(unused()),
                None => Decision::LeftOut,
            };
        }
    }

    /// Finds steps that would be reused, and whose shared container another step runs in: what they did there has gone
    /// with the old one. Returns whether there are any.
    fn find_mates(&mut self, decisions: &Decisions) -> bool {
        let shared = |(id, step): (StepId, &Step)| Some((id, step.shared?.step));
        let users: Vec<(StepId, StepId)> = self.pipeline.steps().filter_map(shared).collect();
        let running = users.iter().rev().filter(|(user, _)| decisions.runs(*user));
        let running: HashMap<StepId, StepId> = running.map(|(user, container)| (*container, *user)).collect();
        let is_reused = |user: &StepId| *decisions.of(*user) == Decision::Reuse;
        let mut has_found = false;
        for (user, container) in users.into_iter().filter(|(user, _)| is_reused(user)) {
            if let Some(&mate) = running.get(&container) {
                let why = format!("`{}`, which runs in the same container, runs", self.name(mate));
                self.pulled.insert(user, why);
                has_found = true;
            }
        }
        has_found
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
                // Without it, all others that its reader needs are here.
                Decision::PassOver(_) => continue,
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

/// Why a service is not started.
pub(crate) fn unused() -> SkipReason {
    SkipReason::Condition("no step that uses it runs".into())
}

/// Splits the steps of a gang that are chosen into those that live streams join, each part in the order of
/// the gang: producers before their readers.
pub(crate) fn parts(
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
