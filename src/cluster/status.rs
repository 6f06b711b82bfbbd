//! What a cluster says of a pod, and of a request: the fields that are read, of all that there are.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A pod, as far as it is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodObject {
    /// Its name, and whether it is about to go.
    pub metadata: ObjectMeta,
    /// Where it is.
    pub spec: PodSpecRead,
    /// How it is.
    pub status: PodStatus,
}

/// What every object has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// The name.
    pub name: String,
    /// What tells it from an earlier object of the name.
    pub uid: String,
    /// Where a watch goes on.
    pub resource_version: String,
    /// What it is found by.
    pub labels: BTreeMap<String, String>,
    /// What else was noted on it.
    pub annotations: BTreeMap<String, String>,
    /// When it was made.
    pub creation_timestamp: Option<String>,
    /// When it was asked to go.
    pub deletion_timestamp: Option<String>,
}

impl ObjectMeta {
    /// Whether it has been asked to go.
    pub fn is_going(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

impl PodObject {
    /// Whether nothing runs in it any more, or will.
    pub fn is_over(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }
}

/// A Job, as far as it is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobObject {
    /// Its name, and which run it is the hub of.
    pub metadata: ObjectMeta,
    /// How it is.
    pub status: JobStatus,
}

/// How many pods of a Job have ended.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    /// Well.
    pub succeeded: u32,
    /// Otherwise.
    pub failed: u32,
}

/// What was decided about a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpecRead {
    /// The node.
    pub node_name: Option<String>,
}

/// How a pod is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// Why the whole pod is so: `Evicted`, `DeadlineExceeded`, `NodeLost`.
    pub reason: Option<String>,
    /// The same in words.
    pub message: Option<String>,
    /// Its address.
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
    /// What is true of it.
    pub conditions: Vec<PodCondition>,
    /// Its init containers.
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Its containers.
    pub container_statuses: Vec<ContainerStatus>,
}

/// Something that is true of a pod, or not.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodCondition {
    /// What: `PodScheduled`, `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// The same in words.
    pub message: Option<String>,
}

/// How a container is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// Its name in the pod.
    pub name: String,
    /// Its image, as the pod names it or as the node does.
    pub image: String,
    /// The image's digest, once it runs.
    #[serde(rename = "imageID")]
    pub image_id: String,
    /// What it does.
    pub state: ContainerState,
}

/// What a container does: one of three.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerState {
    /// It has not started.
    pub waiting: Option<WaitingState>,
    /// It runs.
    pub running: Option<RunningState>,
    /// It has ended.
    pub terminated: Option<TerminatedState>,
}

/// Why a container has not started.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WaitingState {
    /// Such as `ErrImagePull`.
    pub reason: Option<String>,
    /// The same in words.
    pub message: Option<String>,
}

/// That a container runs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunningState {
    /// Since when.
    pub started_at: Option<String>,
}

/// How a container has ended.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TerminatedState {
    /// Its exit code; 128 and a signal's number are one as well.
    pub exit_code: i32,
    /// Such as `OOMKilled`.
    pub reason: Option<String>,
    /// The same in words.
    pub message: Option<String>,
}

/// What an API server answers in place of what was asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiAnswer {
    /// The code of HTTP.
    pub code: u16,
    /// Such as `Forbidden`.
    pub reason: String,
    /// The same in words.
    pub message: String,
}
