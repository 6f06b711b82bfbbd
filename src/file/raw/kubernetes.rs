//! `kubernetes`: what a run in a cluster has beside the rest of the file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::schema::AnyName;
use crate::file::words::{DURATION, SOMETHING};
use crate::file::yaml::{Entries, Field, Literal, OneOrMany};

/// How the run is in a Kubernetes cluster (`--on kubernetes`); it means nothing elsewhere.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`kubernetes`")]
#[schemars(rename = "kubernetes", deny_unknown_fields)]
pub struct RawKubernetes {
    /// The namespace; that of the kubeconfig, if left out.
    #[schemars(extend("pattern" = SOMETHING))]
    pub namespace: Field<String>,
    /// The image with `pipe` in it, of the version that runs here; that of the release, if left out.
    #[schemars(extend("pattern" = SOMETHING))]
    pub helper_image: Field<String>,
    /// The Secrets with which images are pulled.
    pub image_pull_secrets: Field<OneOrMany<String>>,
    /// The service account of the pods; without one they get no token.
    #[schemars(extend("pattern" = SOMETHING))]
    pub service_account: Field<String>,
    /// How the pods get the files of the run.
    pub workspace: Field<RawWorkspace>,
    /// Where files and streams of the run lie in the cluster.
    pub store: Field<RawHubStore>,
    /// How long the run outlives `pipe` here, if that is killed or cut off.
    #[schemars(extend("pattern" = DURATION, "default" = "1m"))]
    pub lease: Field<String>,
    /// How long a pod may wait for a node and for its images.
    #[schemars(extend("pattern" = DURATION, "default" = "10m"))]
    pub start_timeout: Field<String>,
    /// What every pod of the run has.
    pub pod: Field<RawPod>,
}

/// How pods get the files of the run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`workspace`")]
#[schemars(rename = "workspace", deny_unknown_fields)]
pub struct RawWorkspace {
    /// What is uploaded: files and folders of the working directory; all of it, if left out.
    pub upload: Field<OneOrMany<String>>,
    /// What is not: names, paths, patterns.
    #[schemars(extend("examples" = [[".git", "target", "*.log"]]))]
    pub exclude: Field<OneOrMany<String>>,
    /// The most that is uploaded.
    #[schemars(extend("default" = "1GiB"))]
    pub limit: Field<Literal>,
    /// A PersistentVolumeClaim that has the files already, and which all pods share; nothing is uploaded then.
    #[schemars(extend("pattern" = SOMETHING))]
    pub claim: Field<String>,
}

/// Where files and streams of the run lie in the cluster.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`store`")]
#[schemars(rename = "store", deny_unknown_fields)]
pub struct RawHubStore {
    /// How much room there is; what the node has, if left out.
    pub size: Field<Literal>,
    /// The storage class of a volume that is made for the run; a folder of the node, if left out.
    #[schemars(extend("pattern" = SOMETHING))]
    pub class: Field<String>,
}

/// What a pod has beside its containers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`pod`")]
#[schemars(rename = "pod", deny_unknown_fields)]
pub struct RawPod {
    /// Labels that its node must have.
    #[schemars(with = "AnyName<String>")]
    pub node_selector: Field<Entries<String>>,
    /// Taints of nodes that it bears.
    pub tolerations: Field<Vec<Field<RawToleration>>>,
    /// Its priority class.
    #[schemars(extend("pattern" = SOMETHING))]
    pub priority_class: Field<String>,
    /// Further labels.
    #[schemars(with = "AnyName<String>")]
    pub labels: Field<Entries<String>>,
    /// Further annotations.
    #[schemars(with = "AnyName<String>")]
    pub annotations: Field<Entries<String>>,
}

/// What the pod of a step has, and the step's container in it. Steps that start together share a pod.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "`kubernetes` of a step")]
#[schemars(rename = "step_kubernetes", deny_unknown_fields)]
pub struct RawStepKubernetes {
    /// Labels that the pod's node must have.
    #[schemars(with = "AnyName<String>")]
    pub node_selector: Field<Entries<String>>,
    /// Taints of nodes that the pod bears.
    pub tolerations: Field<Vec<Field<RawToleration>>>,
    /// The pod's priority class.
    #[schemars(extend("pattern" = SOMETHING))]
    pub priority_class: Field<String>,
    /// Further labels of the pod.
    #[schemars(with = "AnyName<String>")]
    pub labels: Field<Entries<String>>,
    /// Further annotations of the pod.
    #[schemars(with = "AnyName<String>")]
    pub annotations: Field<Entries<String>>,
    /// What the container gets beside processors and memory: `{nvidia.com/gpu: 1}`.
    #[schemars(with = "AnyName<String>", extend("examples" = [{"nvidia.com/gpu": 1}]))]
    pub limits: Field<Entries<String>>,
}

/// Taints that a pod bears; what is left out matches all.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename = "a toleration")]
#[schemars(rename = "toleration", deny_unknown_fields)]
pub struct RawToleration {
    /// The taint's key.
    #[schemars(extend("pattern" = SOMETHING))]
    pub key: Field<String>,
    /// How the value is compared: `Exists` takes any.
    pub operator: Field<RawTolerationOperator>,
    /// The taint's value.
    pub value: Field<String>,
    /// What the taint does.
    pub effect: Field<RawTaintEffect>,
}

/// How a taint is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum RawTolerationOperator {
    /// It is there.
    Exists,
    /// It has the value.
    Equal,
}

/// What a taint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum RawTaintEffect {
    /// No new pod comes to the node.
    NoSchedule,
    /// New pods go elsewhere if they can.
    PreferNoSchedule,
    /// Pods that are there leave as well.
    NoExecute,
}
