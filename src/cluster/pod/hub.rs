//! What a run has once: the Job of its hub, its Secret, and the claim for its store.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::k8s::{
    ClaimSpec, ContainerResources, EmptyDir, JobSpec, Map, Metadata, Object, PodContainer, PodSpec,
    PodTemplate, SecretObject, Volume,
};
use super::manifest::{KEYS, claimed, empty, helper, json, metadata, mount, owner, secret_volume, spec_of};
use super::{HELPER_PROGRAM, names};
use crate::cluster::hubs::START_TIMEOUT;
use crate::pipeline::{HubStore, Kubernetes};

/// The port at which the hub listens in its pod.
pub const PORT: u16 = 4433;
/// The folder of the hub's store.
const STORE: &str = "/store";
/// How long the Job stays when the hub has ended: then all that belongs to it goes.
const STAYS: u64 = 10;

/// The hub of a run.
#[derive(Debug, Clone)]
pub struct HubOrder<'a> {
    /// The id of the run.
    pub run: &'a str,
    /// The image with `pipe` in it.
    pub helper_image: &'a str,
    /// The keys of the run's Secret that the hub reads.
    pub hub_secrets: &'a [String],
    /// What the file says about the cluster.
    pub kubernetes: &'a Kubernetes,
}

/// Returns the manifest of the hub's Job. Nothing starts it again: a run without its hub is over.
pub fn job_manifest(order: &HubOrder<'_>) -> Value {
    let HubOrder { run, helper_image, hub_secrets, kubernetes } = order;
    let name = names::hub(run);
    let secrets = hub_secrets.iter().map(|key| (key.as_str(), key.as_str()));
    let spec = PodSpec {
        node_selector: plain(&kubernetes.pod.node_selector),
        priority_class_name: kubernetes.pod.priority_class.as_ref().map(|class| class.value.clone()),
        containers: vec![container(helper_image, kubernetes.lease)],
        volumes: vec![store(&kubernetes.store, &name), secret_volume("keys", &name, secrets), empty("tmp")],
        ..spec_of(kubernetes)
    };
    let of_pod = Metadata { name: None, ..metadata(run, "hub", name.clone()) };
    let template = PodTemplate { metadata: of_pod, spec };
    let patience = kubernetes.start_timeout.as_secs().saturating_add(1).to_string();
    let annotations = Map::from([(START_TIMEOUT.to_owned(), patience)]);
    let spec = JobSpec { backoff_limit: 0, ttl_seconds_after_finished: STAYS, template };
    json(&Object {
        api_version: "batch/v1",
        kind: "Job",
        metadata: Metadata { annotations, ..metadata(run, "hub", name) },
        spec: Some(spec),
    })
}

fn plain(map: &BTreeMap<String, crate::pipeline::Written<String>>) -> Map {
    map.iter().map(|(key, written)| (key.clone(), written.value.clone())).collect()
}

fn container(image: &str, lease: Duration) -> PodContainer {
    let listen = format!("0.0.0.0:{PORT}");
    let lease = format!("{}ms", lease.as_millis());
    let words = [
        HELPER_PROGRAM,
        "pod",
        "hub",
        "--listen",
        &listen,
        "--keys",
        KEYS,
        "--store",
        STORE,
        "--lease",
        &lease,
    ];
    PodContainer {
        command: words.map(str::to_owned).into(),
        volume_mounts: vec![
            mount("store", STORE, false),
            mount("keys", KEYS, true),
            mount("tmp", "/tmp", false),
        ],
        ..helper("hub", image)
    }
}

fn store(store: &HubStore, name: &str) -> Volume {
    if store.class.is_some() {
        return claimed("store".to_owned(), name);
    }
    let size_limit = store.size.map(|size| size.to_string());
    let empty_dir = EmptyDir { medium: None, size_limit };
    Volume { name: "store".to_owned(), empty_dir: Some(empty_dir), ..Volume::default() }
}

/// Returns the manifest of the claim for the hub's store, if the file asks for a volume. `uid` is that of the Job.
pub fn claim_manifest(run: &str, uid: &str, store: &HubStore) -> Option<Value> {
    let (class, size) = (store.class.as_ref()?, store.size?);
    let requests = Map::from([("storage".to_owned(), size.to_string())]);
    let spec = ClaimSpec {
        access_modes: ["ReadWriteOnce"],
        storage_class_name: class.clone(),
        resources: ContainerResources { requests, limits: Map::new() },
    };
    let metadata = Metadata { owner_references: owner(run, uid), ..metadata(run, "hub", names::hub(run)) };
    Some(json(&Object { api_version: "v1", kind: "PersistentVolumeClaim", metadata, spec: Some(spec) }))
}

/// Returns the manifest of the run's Secret: the keys of its link, and the values of secret params. `uid` is that of the
/// Job.
pub fn secret_manifest(run: &str, uid: &str, data: &BTreeMap<String, Vec<u8>>) -> Value {
    let metadata = Metadata { owner_references: owner(run, uid), ..metadata(run, "hub", names::hub(run)) };
    let data = data.iter().map(|(key, value)| (key.clone(), STANDARD.encode(value)));
    json(&SecretObject {
        api_version: "v1",
        kind: "Secret",
        metadata,
        kind_of_secret: "Opaque",
        data: data.collect(),
    })
}
