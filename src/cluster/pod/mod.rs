//! From a gang to the pod that runs it: what it has, as data, and that as the JSON that Kubernetes takes.
//!
//! ```text
//! pipeline, values ──▶ shape ──▶ GangPod ──▶ manifest ──▶ JSON
//! ```
//!
//! A pod has an init container that copies `pipe` into a volume, the conductor, and a container for each step, whose
//! first process is `pipe` as well. It meets the standard *restricted* of pod security, unless a step runs as root.
//! Nothing here speaks to a cluster.

mod hub;
mod k8s;
mod manifest;
mod names;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::refusal::GangKeys;
use crate::pipeline::Pull;

pub use hub::{HubOrder, PORT as HUB_PORT, claim_manifest, job_manifest, secret_manifest};
pub use manifest::{PodPlace, pod_manifest};
pub use names::{container as container_name, gang as gang_name, hub as hub_name};
pub use shape::{Shaper, parse_user, secret_key};

/// The folder in every container of a pod that has `pipe` and the conductor's socket.
pub const PIPE_FOLDER: &str = "/.pipe";
/// The container of the conductor.
pub const CONDUCTOR: &str = "conductor";
/// Where the image that brings `pipe` has it.
pub const HELPER_PROGRAM: &str = "/usr/local/bin/pipe";
/// What the keys of secret params in the Secret of a run begin with.
pub const SECRETS_PREFIX: &str = "secret.";
/// What a container asks for that says nothing: without requests it would hardly get a processor beside others.
pub const LEAST: Requests = Requests { millicpus: 100, memory: 64 << 20 };

/// The pod of a gang, complete but for the run's own things.
#[derive(Debug, Clone, PartialEq)]
pub struct GangPod {
    /// The position of its first step, which tells it from other gangs.
    pub first: usize,
    /// The steps in it, in the order of the gang; feeds have no container.
    pub steps: Vec<StepContainer>,
    /// Where it may run, and its labels.
    pub keys: GangKeys,
    /// The folder that steps run in, absolute, and the same as here.
    pub workspace: PathBuf,
    /// Folders outside of the workspace that are uploaded to the same path, to be read.
    pub outside: Vec<PathBuf>,
    /// The longest that the steps may take, where all have a limit.
    pub limit: Option<Duration>,
}

/// The container of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepContainer {
    /// The step's name.
    pub step: String,
    /// The container's name.
    pub name: String,
    /// The image.
    pub image: String,
    /// When it is pulled.
    pub pull: Pull,
    /// Who the step runs as; nothing where that is not known yet.
    pub user: Option<ContainerUser>,
    /// Processors, in parts as well.
    pub cpus: Option<f64>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Other resources.
    pub limits: BTreeMap<String, String>,
    /// What it sees beside the workspace and what is outside.
    pub mounts: Vec<StepMount>,
    /// The secrets that it gets as files: by the name of the file, the key in the run's Secret.
    pub secrets: BTreeMap<String, String>,
}

/// Who a step runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerUser {
    /// The number of the user.
    pub user: u32,
    /// The number of the group.
    pub group: Option<u32>,
}

/// Something that a step's container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMount {
    /// What.
    pub source: StepMountSource,
    /// Where, absolute.
    pub target: String,
    /// Whether it can only be read.
    pub read_only: bool,
}

/// What a step's container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepMountSource {
    /// A folder of the workspace, seen from there.
    Inside(String),
    /// A PersistentVolumeClaim.
    Claim(String),
    /// Memory that goes with the pod.
    Memory,
}

/// What containers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests {
    /// Thousandths of a processor.
    pub millicpus: u64,
    /// Bytes.
    pub memory: u64,
}

impl StepContainer {
    /// Returns what it asks for.
    pub fn requests(&self) -> Requests {
        let Requests { millicpus, memory } = LEAST;
        Requests {
            millicpus: self.cpus.map_or(millicpus, |cpus| (cpus * 1000.0).ceil() as u64),
            memory: self.memory.unwrap_or(memory),
        }
    }
}

impl GangPod {
    /// Returns what the pod asks for, the conductor with it.
    pub fn requests(&self) -> Requests {
        self.steps.iter().map(StepContainer::requests).fold(LEAST, |sum, requests| Requests {
            millicpus: sum.millicpus.saturating_add(requests.millicpus),
            memory: sum.memory.saturating_add(requests.memory),
        })
    }

    /// Returns whether a step runs as root, which the standard *restricted* forbids.
    pub fn has_root(&self) -> bool {
        self.steps.iter().any(|step| step.user.is_some_and(|user| user.user == 0))
    }
}
