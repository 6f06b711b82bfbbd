//! A model of plans that is slow and plain.

use super::super::{EdgeKind, Plan};
use crate::pipeline::{Pipeline, StepId, StreamId};

/// Links, from and to.
pub(in crate::plan) type Pairs = Vec<(usize, usize)>;

/// Everything about a pipeline and its plan that tests compare with, found the slow way.
pub(in crate::plan) struct Model {
    pub(in crate::plan) steps: usize,
    pub(in crate::plan) order: Pairs,
    /// Stream, producer, reader.
    pub(in crate::plan) streams: Vec<(StreamId, usize, usize)>,
}

impl Model {
    pub(in crate::plan) fn new(pipeline: &Pipeline) -> Self {
        let order = pipeline
            .steps()
            .flat_map(|(id, step)| step.depends_on.iter().map(move |on| (on.step.index(), id.index())));
        let streams = pipeline.streams().flat_map(|(id, stream)| {
            stream.readers.iter().map(move |it| (id, stream.producer.index(), it.index()))
        });
        Self { steps: pipeline.steps.len(), order: order.collect(), streams: streams.collect() }
    }

    pub(in crate::plan) fn links(&self) -> Vec<(usize, usize)> {
        self.order.iter().copied().chain(self.streams.iter().map(|&(_, from, to)| (from, to))).collect()
    }

    /// Stream edges as the plan has them: (live, stored).
    pub(in crate::plan) fn split(&self, plan: &Plan) -> (Pairs, Pairs) {
        let ends = |live: bool| {
            let chosen = self.streams.iter().filter(move |(stream, _, reader)| {
                (*plan.edge(*stream, StepId::new(*reader)) == EdgeKind::Live) == live
            });
            chosen.map(|&(_, from, to)| (from, to)).collect()
        };
        (ends(true), ends(false))
    }

    /// Returns whether gangs made by these live edges can be put in an order, with all other links between
    /// them.
    pub(in crate::plan) fn orderable(&self, live: &[(usize, usize)], stored: &[(usize, usize)]) -> bool {
        let gang = gangs(self.steps, live);
        let mut links: Vec<_> = self.order.iter().map(|&(from, to)| (gang[from], gang[to])).collect();
        let between = stored.iter().map(|&(from, to)| (gang[from], gang[to])).filter(|(from, to)| from != to);
        links.extend(between);
        let reach = reach(self.steps, &links);
        (0..self.steps).all(|gang| !reach[gang][gang])
    }
}

/// For each step the least step of its gang.
pub(in crate::plan) fn gangs(steps: usize, live: &[(usize, usize)]) -> Vec<usize> {
    let both: Vec<_> = live.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
    let reach = reach(steps, &both);
    (0..steps).map(|step| (0..steps).find(|&other| other == step || reach[step][other]).unwrap()).collect()
}

/// Returns which step leads to which by one link or more (Warshall).
pub(in crate::plan) fn reach(steps: usize, links: &[(usize, usize)]) -> Vec<Vec<bool>> {
    let mut reach = vec![vec![false; steps]; steps];
    links.iter().for_each(|&(from, to)| reach[from][to] = true);
    for via in 0..steps {
        let onward = reach[via].clone();
        for from in reach.iter_mut().filter(|from| from[via]) {
            from.iter_mut().zip(&onward).for_each(|(to, onward)| *to |= onward);
        }
    }
    reach
}

/// What is random in a run with conditions.
#[derive(Debug, Clone)]
pub(in crate::plan) struct Fate {
    /// Its condition is false, and known to be before anything starts.
    pub(in crate::plan) early: bool,
    /// Its condition is false, which is known in its turn.
    pub(in crate::plan) late: bool,
    pub(in crate::plan) fails: bool,
    /// Its failure is ignored.
    pub(in crate::plan) ignored: bool,
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Verdict {
    Ran,
    PassedOver,
    Skipped,
}

/// The links of a run with conditions.
pub(in crate::plan) struct Links {
    pub(in crate::plan) order: Pairs,
    /// Those order links that need values.
    pub(in crate::plan) values: Pairs,
    pub(in crate::plan) live: Pairs,
    pub(in crate::plan) stored: Pairs,
}

impl Links {
    /// Returns the steps that are passed over before anything starts: those whose early condition is false,
    /// and those that need what they would have made.
    pub(in crate::plan) fn early(&self, fates: &[Fate]) -> Vec<bool> {
        let mut passed: Vec<bool> = fates.iter().map(|fate| fate.early).collect();
        for _ in fates {
            for &(from, to) in self.values.iter().chain(&self.live).chain(&self.stored) {
                passed[to] |= passed[from];
            }
        }
        passed
    }

    /// Returns what becomes of each step, whatever the schedule: the rules of conditions, word by word.
    pub(in crate::plan) fn verdicts(&self, fates: &[Fate]) -> Vec<Verdict> {
        let early = self.early(fates);
        let mut verdicts: Vec<Option<Verdict>> = vec![None; fates.len()];
        let before = |links: &Pairs, step: usize| -> Vec<usize> {
            links.iter().filter(|link| link.1 == step).map(|link| link.0).collect()
        };
        while verdicts.contains(&None) {
            for step in 0..fates.len() {
                let [order, values, live, stored] =
                    [&self.order, &self.values, &self.live, &self.stored].map(|links| before(links, step));
                let known = |it: &usize| verdicts[*it].is_some();
                if ![&order, &live, &stored].into_iter().flatten().all(known) {
                    continue;
                }
                let is = |it: &usize, verdict: Verdict| verdicts[*it] == Some(verdict);
                // It has not ended well, as a step that comes after it sees it.
                let bad = |it: &usize| {
                    is(it, Verdict::Skipped)
                        || (is(it, Verdict::Ran) && fates[*it].fails && !fates[*it].ignored)
                };
                let broken = |it: &usize| bad(it) || (is(it, Verdict::Ran) && fates[*it].fails);
                let lacks =
                    [&values, &live, &stored].into_iter().flatten().any(|it| is(it, Verdict::PassedOver));
                // What it waits for as long as it is to run: a live producer starts with it.
                let is_blocked = order.iter().any(bad)
                    || stored.iter().any(broken)
                    || live.iter().any(|it| is(it, Verdict::Skipped));
                // What it stands behind once it is passed over.
                let falls = match early[step] {
                    true => order.iter().chain(&live).chain(&stored).any(bad),
                    false => order.iter().chain(&live).any(bad) || stored.iter().any(broken),
                };
                let is_passed = early[step] || lacks || (fates[step].late && !is_blocked);
                verdicts[step] = Some(match (is_passed, falls, is_blocked) {
                    (true, true, _) | (false, _, true) => Verdict::Skipped,
                    (true, false, _) => Verdict::PassedOver,
                    (false, _, false) => Verdict::Ran,
                });
            }
        }
        verdicts.into_iter().flatten().collect()
    }
}
