//! What a file says about a run in a Kubernetes cluster. All of it means nothing anywhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Span;

/// Where in a cluster the pods of a run are, and what they have in common.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    /// Where the file says so; nothing where it says nothing.
    pub at: Span,
    /// The namespace; `None` leaves it to the command line and the kubeconfig.
    pub namespace: Option<String>,
    /// The image with `pipe` in it; `None` is that of the release.
    pub helper_image: Option<String>,
    /// The Secrets with which images are pulled.
    pub image_pull_secrets: Vec<String>,
    /// The service account of the pods; without one no token is mounted.
    pub service_account: Option<String>,
    /// How the pods get the files of the run.
    pub workspace: Workspace,
    /// Where the hub keeps files and streams.
    pub store: HubStore,
    /// How long a run outlives its client.
    pub lease: Duration,
    /// How long a pod may take until all of its containers run.
    pub start_timeout: Duration,
    /// What every pod has.
    pub pod: PodKeys,
}

/// How long a run outlives its client, where the file does not say.
const LEASE: Duration = Duration::from_secs(60);
/// How long a pod may take to start, where the file does not say.
const START_TIMEOUT: Duration = Duration::from_secs(10 * 60);

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            at: Span::default(),
            namespace: None,
            helper_image: None,
            image_pull_secrets: Vec::new(),
            service_account: None,
            workspace: Workspace::default(),
            store: HubStore::default(),
            lease: LEASE,
            start_timeout: START_TIMEOUT,
            pod: PodKeys::default(),
        }
    }
}

/// How pods get the files of the run.
#[derive(Debug, Clone)]
pub enum Workspace {
    /// They are uploaded.
    Upload(Upload),
    /// They lie on the volume of this PersistentVolumeClaim, which all pods share.
    Claim(String),
}

impl Default for Workspace {
    fn default() -> Self {
        Self::Upload(Upload::default())
    }
}

/// What is uploaded.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Where the file says so; nothing where it says nothing.
    pub at: Span,
    /// Files and folders, seen from the working directory.
    pub paths: Vec<UploadedPath>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// The most bytes.
    pub limit: u64,
}

/// The most bytes that are uploaded, where the file does not say.
const UPLOAD_LIMIT: u64 = 1 << 30;

impl Default for Upload {
    fn default() -> Self {
        let all = UploadedPath { path: ".".to_owned(), at: Span::default() };
        Self { at: Span::default(), paths: vec![all], exclude: Vec::new(), limit: UPLOAD_LIMIT }
    }
}

/// An entry of `upload`.
#[derive(Debug, Clone)]
pub struct UploadedPath {
    /// A file or folder, seen from the working directory.
    pub path: String,
    /// Where the file names it.
    pub at: Span,
}

/// Where the hub keeps files and streams.
#[derive(Debug, Clone, Default)]
pub struct HubStore {
    /// Bytes of the volume; `None` is what the node has.
    pub size: Option<u64>,
    /// The storage class of a volume that is made for the run; `None` is a folder of the node.
    pub class: Option<String>,
}

/// What a pod has beside its containers. Everything is a part of the pod's manifest.
#[derive(Debug, Clone, Default)]
pub struct PodKeys {
    /// Labels that the node must have.
    pub node_selector: BTreeMap<String, Written<String>>,
    /// Taints of nodes that the pod bears.
    pub tolerations: Vec<Toleration>,
    /// Its priority class.
    pub priority_class: Option<Written<String>>,
    /// Further labels.
    pub labels: BTreeMap<String, Written<String>>,
    /// Further annotations.
    pub annotations: BTreeMap<String, Written<String>>,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The value.
    pub value: T,
    /// Where the file has it.
    pub at: Span,
}

/// Taints that a pod bears. What is left out matches all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    /// The taint's key.
    pub key: Option<String>,
    /// The taint's value; `None` is any.
    pub value: Option<String>,
    /// What the taint does.
    pub effect: Option<TaintEffect>,
}

/// What a taint does to pods that do not bear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaintEffect {
    /// No new pod comes to the node.
    NoSchedule,
    /// New pods go elsewhere if they can.
    PreferNoSchedule,
    /// Pods that are there leave as well.
    NoExecute,
}

/// What a step says about the cluster.
#[derive(Debug, Clone, Default)]
pub struct StepKubernetes {
    /// Where.
    pub at: Span,
    /// What the pod of its gang has.
    pub pod: PodKeys,
    /// What its container gets beside processors and memory, such as `nvidia.com/gpu`: amounts as Kubernetes writes
    /// them.
    pub limits: BTreeMap<String, String>,
}
