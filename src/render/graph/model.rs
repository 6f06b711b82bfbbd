//! What is drawn.

use crate::pipeline::{Outcome, StepId};
use crate::render::cut;

/// What stands above the steps that run when all others have ended.
pub const LATER: &str = "finally, when all others have ended";

/// A pipeline as boxes and arrows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// The pipeline's name; any text.
    pub title: String,
    /// The steps and the services, in the order of the file.
    pub nodes: Vec<GraphNode>,
    /// The arrows. An arrow without a node at both ends is not drawn.
    pub edges: Vec<GraphEdge>,
    /// The files that are used and the shared containers. Two of them have no node in common, or all nodes of the later
    /// one.
    pub frames: Vec<GraphFrame>,
}

/// A frame around steps that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphFrame {
    /// What makes them belong together.
    pub kind: FrameKind,
    /// Its name, and its image or its file.
    pub label: String,
    /// The positions of its nodes.
    pub nodes: Vec<usize>,
}

/// What a frame stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A shared container, around the steps that run in it.
    Container,
    /// A file, around its steps.
    File,
}

/// A step, or a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphNode {
    /// The step that it stands for.
    pub step: Option<StepId>,
    /// It is a service.
    pub is_service: bool,
    /// Its name.
    pub label: String,
    /// What it is for, where that is said.
    pub about: Option<String>,
    /// Whether it runs, as the file says it.
    pub condition: Option<String>,
    /// What it waits for beside others, in words that follow its name.
    pub waits: Vec<String>,
    /// Its level: greater than that of every node with an edge to it.
    pub rank: usize,
    /// It runs when all others have ended; its rank is greater than theirs.
    pub is_later: bool,
    /// Its gang, a number that only its members share. A gang of one need not be named.
    pub group: Option<usize>,
    /// How it ended, in the drawing of a run.
    pub class: Option<Class>,
}

/// How a drawn step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It did what it was asked to.
    Succeeded,
    /// It failed, and that was ignored.
    Ignored,
    /// It failed, or took too long.
    Failed,
    /// It was stopped for another's failure, or with the run.
    Stopped,
    /// It never started.
    Skipped,
}

/// An arrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphEdge {
    /// Position of the node that it leaves.
    pub from: usize,
    /// Position of the node that it enters.
    pub to: usize,
    /// What it stands for.
    pub kind: ArrowKind,
}

/// What an arrow stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArrowKind {
    /// The later step starts after the success of the earlier.
    Order,
    /// Bytes, while both run.
    Stream {
        /// The stream's name.
        name: String,
    },
    /// Bytes, from disk.
    Stored {
        /// The stream's name.
        name: String,
    },
    /// The earlier is a service that the later one uses.
    Use,
}

impl Graph {
    /// Returns the edges with both ends in the drawing.
    pub(super) fn drawn(&self) -> impl Iterator<Item = &GraphEdge> {
        self.edges.iter().filter(|edge| edge.from.max(edge.to) < self.nodes.len())
    }

    /// Returns the nodes that run when all others have ended.
    pub(super) fn later(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].is_later).collect()
    }

    /// Returns the steps: all nodes but the services.
    pub(super) fn steps(&self) -> impl Iterator<Item = &GraphNode> {
        self.nodes.iter().filter(|node| !node.is_service)
    }

    /// Returns the gangs of more than one node, in the order of their first nodes, each with its nodes.
    pub(super) fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut place = std::collections::HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(group) = node.group else { continue };
            let at = *place.entry(group).or_insert(groups.len());
            if at == groups.len() {
                groups.push((group, Vec::new()));
            }
            groups[at].1.push(index);
        }
        groups.into_iter().map(|(_, nodes)| nodes).filter(|nodes| nodes.len() > 1).collect()
    }
}

impl Class {
    /// All of them, in the order of legends.
    pub(super) const ALL: [Self; 5] =
        [Self::Succeeded, Self::Ignored, Self::Failed, Self::Stopped, Self::Skipped];

    /// Returns its word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Skipped => "skipped",
        }
    }
}

impl From<&Outcome> for Class {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Succeeded | Outcome::Reused => Self::Succeeded,
            Outcome::Failed(_) | Outcome::TimedOut => Self::Failed,
            Outcome::Tainted { .. } | Outcome::Cancelled => Self::Stopped,
            Outcome::Skipped(_) | Outcome::LeftOut => Self::Skipped,
            Outcome::Ignored(_) => Self::Ignored,
        }
    }
}

impl GraphNode {
    /// Returns its condition behind `if` and what else it waits for, no longer than `columns`.
    pub(super) fn shown_needs(&self, columns: usize) -> Option<String> {
        let needs: Vec<String> = self.needs().collect();
        (!needs.is_empty()).then(|| cut(&needs.join(", "), columns))
    }

    /// Returns what is said of it beside its name: what it is for, whether it runs, and what it waits for.
    pub(super) fn remark(&self) -> Option<String> {
        let parts: Vec<String> = self.about.as_deref().map(plain).into_iter().chain(self.needs()).collect();
        (!parts.is_empty()).then(|| parts.join(" – "))
    }

    fn needs(&self) -> impl Iterator<Item = String> {
        let condition = self.condition.as_deref().map(|condition| format!("if {}", plain(condition)));
        condition.into_iter().chain(self.waits.iter().map(|waits| plain(waits)))
    }
}

/// Returns text on one line, without characters that control a terminal or are not text.
pub(super) fn plain(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|char| !char.is_control() && !matches!(char, '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')).collect()
}
