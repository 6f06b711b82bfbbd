//! The pipeline as what is drawn: a node for each step and each service, in their order, the edges between them, and
//! the files that are used and the shared containers as frames.

use std::collections::HashMap;

use super::beside;
use super::load::Loaded;
use crate::pipeline::{CallId, Role, Step, StepId, Template};
use crate::plan::{Decision, Decisions, EdgeKind};
use crate::render::graph::{ArrowKind, FrameKind, Graph, GraphEdge, GraphFrame, GraphNode};

/// What the ranks of nodes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ranks {
    /// Those of one rank can run side by side.
    Stages,
    /// Every arrow leads to a higher rank.
    Levels,
}

pub(super) fn graph(loaded: &Loaded, decisions: &Decisions, by: Ranks) -> Graph {
    let (pipeline, plan) = (&*loaded.pipeline, &*loaded.plan);
    let mut ranks = vec![0; pipeline.steps.len()];
    for (rank, steps) in plan.levels().iter().enumerate() {
        steps.iter().for_each(|step| ranks[step.index()] = rank);
    }
    let is_drawn = |(_, step): &(StepId, &Step)| step.role != Role::Container;
    let drawn: Vec<(StepId, &Step)> = pipeline.steps().filter(is_drawn).collect();
    let place: HashMap<StepId, usize> = drawn.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    let uses =
        |step: &Step, id: StepId| step.uses(id) || pipeline.services_of(step).any(|usage| usage.step == id);
    let users = |id: StepId| drawn.iter().filter(move |(_, step)| uses(step, id));
    let node = |&(id, step): &(StepId, &Step)| GraphNode {
        step: Some(id),
        is_service: step.role == Role::Service,
        about: step.description.clone(),
        is_later: match step.role {
            Role::Ordinary | Role::Container => false,
            Role::Finally => true,
            Role::Service => users(id).all(|(_, user)| user.role == Role::Finally),
        },
        condition: pipeline.condition_text(step),
        waits: super::admission::words(step),
        label: match decisions.of(id) {
            Decision::Run(_) => step.name.clone(),
            Decision::Reuse => format!("{} (done before)", step.name),
            Decision::LeftOut => format!("{} (left out)", step.name),
            Decision::PassOver(_) => format!("{} (passed over)", step.name),
        },
        rank: match (by, step.role) {
            (Ranks::Stages, _) => plan.stage(id),
            (Ranks::Levels, Role::Service) => {
                users(id).map(|(user, _)| ranks[user.index()]).min().unwrap_or_default()
            }
            (Ranks::Levels, Role::Ordinary | Role::Finally | Role::Container) => ranks[id.index()],
        },
        group: (decisions.runs(id) && !step.role.is_beside()).then(|| plan.gang_of(id).index()),
        class: None,
    };
    let nodes = drawn.iter().map(node).collect();
    let mut edges = Vec::new();
    let mut join = |from: StepId, to: StepId, kind: ArrowKind| {
        if let (Some(&from), Some(&to)) = (place.get(&from), place.get(&to)) {
            edges.push(GraphEdge { from, to, kind });
        }
    };
    for (id, step) in &drawn {
        step.depends_on.iter().for_each(|dependency| join(dependency.step, *id, ArrowKind::Order));
        pipeline.services_of(step).for_each(|usage| join(usage.step, *id, ArrowKind::Use));
    }
    for (id, stream) in pipeline.streams() {
        for &reader in &stream.readers {
            let name = stream.name.clone();
            let kind = match plan.edge(id, reader) {
                EdgeKind::Live => ArrowKind::Stream { name },
                EdgeKind::Stored(_) => ArrowKind::Stored { name },
            };
            join(stream.producer, reader, kind);
        }
    }
    let as_written = |_: &Step, text: &Template| text.source.clone();
    let containers = pipeline.steps().filter(|(_, step)| step.role == Role::Container);
    let containers = containers.map(|(id, step)| GraphFrame {
        kind: FrameKind::Container,
        label: beside::label(step, &as_written),
        nodes: users(id).filter_map(|(user, _)| place.get(user).copied()).collect(),
    });
    let files = pipeline.calls.iter().enumerate().map(|(index, call)| {
        let is_around =
            |step: &Step| pipeline.calls_around(step.call).any(|(around, _)| around == CallId::new(index));
        let nodes = drawn.iter().enumerate().filter(|(_, (_, step))| is_around(step)).map(|(at, _)| at);
        GraphFrame { kind: FrameKind::File, label: call.label(), nodes: nodes.collect() }
    });
    let frames = files.chain(containers).collect();
    let graph = Graph { title: pipeline.name.clone(), nodes, edges, frames };
    match by {
        Ranks::Stages => graph,
        Ranks::Levels => graph.with_services_before_users(),
    }
}
