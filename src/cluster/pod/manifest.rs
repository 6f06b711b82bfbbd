//! The pod of a gang as JSON.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::k8s::{
    Capabilities, ClaimSource, ContainerResources, ContainerSecurity, EmptyDir, Map, Metadata, Name, Object,
    OwnerReference, PodContainer, PodSecurity, PodSpec, PodToleration, SecretItem, SecretSource, Typed,
    Volume, VolumeMount,
};
use super::{
    CONDUCTOR, ContainerUser, GangPod, HELPER_PROGRAM, LEAST, PIPE_FOLDER, Requests, StepContainer,
    StepMount, StepMountSource, names,
};
use crate::cluster::hubs::RUN;
use crate::pipeline::{Kubernetes, Pull, TaintEffect, Toleration, Workspace};

/// Who the parts of `pipe` run as in a pod, and the group of its volumes: a number that no image has a name for.
pub(super) const OWN_USER: ContainerUser = ContainerUser { user: 65_532, group: Some(65_532) };
/// How long Kubernetes waits between SIGTERM and SIGKILL: longer than the conductor does.
const GRACE: u64 = 30;
/// What the conductor needs beyond the limits of steps, to stop them and to say so.
const CONDUCTOR_MARGIN: Duration = Duration::from_secs(20);
/// The folder of the conductor's keys.
pub(super) const KEYS: &str = "/run/pipe-keys";
/// Octal 0400.
const OWNER_READS: u16 = 0o400;

/// The run that a pod belongs to, and where it finds the hub.
#[derive(Debug, Clone)]
pub struct PodPlace<'a> {
    /// The id of the run.
    pub run: &'a str,
    /// From 1.
    pub round: u32,
    /// The `uid` that the hub's Job got when it was created.
    pub owner: &'a str,
    /// The image with `pipe` in it.
    pub helper_image: &'a str,
    /// Where the hub listens: address and port.
    pub hub: &'a str,
    /// The keys of the run's Secret that the conductor reads.
    pub conductor_secrets: &'a [String],
    /// What the file says about the cluster.
    pub kubernetes: &'a Kubernetes,
}

/// Returns the manifest of a gang's pod.
pub fn pod_manifest(pod: &GangPod, place: &PodPlace<'_>) -> Value {
    let spec = PodSpec {
        active_deadline_seconds: pod.limit.map(|limit| deadline(limit, place.kubernetes)),
        node_selector: pod.keys.node_selector.clone(),
        tolerations: pod.keys.tolerations.iter().map(toleration).collect(),
        priority_class_name: pod.keys.priority_class.clone(),
        init_containers: vec![install(place.helper_image)],
        containers: containers(pod, place),
        volumes: volumes(pod, place),
        ..spec_of(place.kubernetes)
    };
    let steps: Vec<&str> = pod.steps.iter().map(|step| step.step.as_str()).collect();
    let mut metadata = metadata(place.run, "gang", names::gang(place.run, pod.first, place.round));
    metadata.annotations = pod.keys.annotations.clone();
    metadata.annotations.insert("pipe.steps".to_owned(), steps.join(", "));
    metadata.annotations.insert("pipe.round".to_owned(), place.round.to_string());
    metadata.labels.extend(pod.keys.labels.clone());
    metadata.owner_references = owner(place.run, place.owner);
    json(&Object { api_version: "v1", kind: "Pod", metadata, spec: Some(spec) })
}

/// What all pods of a run have in common.
pub(super) fn spec_of(kubernetes: &Kubernetes) -> PodSpec {
    let secrets = kubernetes.image_pull_secrets.iter();
    PodSpec {
        restart_policy: "Never",
        automount_service_account_token: kubernetes.service_account.is_some(),
        service_account_name: kubernetes.service_account.clone(),
        termination_grace_period_seconds: GRACE,
        image_pull_secrets: secrets.map(|name| Name { name: name.clone() }).collect(),
        security_context: PodSecurity {
            fs_group: OWN_USER.user,
            fs_group_change_policy: "OnRootMismatch",
            seccomp_profile: Typed { kind: "RuntimeDefault" },
        },
        ..PodSpec::default()
    }
}

/// The name, and the labels by which what a run makes is found.
pub(super) fn metadata(run: &str, role: &str, name: String) -> Metadata {
    let labels = [("app.kubernetes.io/managed-by", "pipe"), (RUN, run), ("pipe.role", role)];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Metadata { name: Some(name), labels: Map::from(labels), ..Metadata::default() }
}

/// Everything that a run makes belongs to its hub, and goes with it.
pub(super) fn owner(run: &str, uid: &str) -> Vec<OwnerReference> {
    vec![OwnerReference { api_version: "batch/v1", kind: "Job", name: names::hub(run), uid: uid.to_owned() }]
}

/// Time to start, and to stop: the conductor keeps the limits of steps itself.
fn deadline(limit: Duration, kubernetes: &Kubernetes) -> u64 {
    let all = limit.saturating_add(kubernetes.start_timeout).saturating_add(CONDUCTOR_MARGIN);
    all.as_secs().saturating_add(1)
}

fn toleration(toleration: &Toleration) -> PodToleration {
    let Toleration { key, value, effect } = toleration;
    PodToleration {
        key: key.clone(),
        operator: if value.is_some() { "Equal" } else { "Exists" },
        value: value.clone(),
        effect: effect.map(|effect| match effect {
            TaintEffect::NoSchedule => "NoSchedule",
            TaintEffect::PreferNoSchedule => "PreferNoSchedule",
            TaintEffect::NoExecute => "NoExecute",
        }),
    }
}

/// Copies `pipe` to where every container finds it.
fn install(image: &str) -> PodContainer {
    PodContainer {
        command: [HELPER_PROGRAM, "pod", "install", PIPE_FOLDER].map(str::to_owned).into(),
        volume_mounts: vec![mount("pipe", PIPE_FOLDER, false)],
        ..helper("install", image)
    }
}

/// A container that runs `pipe` itself.
pub(super) fn helper(name: &str, image: &str) -> PodContainer {
    PodContainer {
        name: name.to_owned(),
        image: image.to_owned(),
        image_pull_policy: "IfNotPresent",
        // So the cluster tells why `pipe` has failed there, and no run needs the right to read logs.
        termination_message_policy: Some("FallbackToLogsOnError"),
        resources: ContainerResources { requests: requests(LEAST), limits: Map::new() },
        security_context: ContainerSecurity {
            read_only_root_filesystem: Some(true),
            ..security(Some(OWN_USER))
        },
        ..PodContainer::default()
    }
}

fn containers(pod: &GangPod, place: &PodPlace<'_>) -> Vec<PodContainer> {
    let socket = format!("{PIPE_FOLDER}/gang.sock");
    let pipe = format!("{PIPE_FOLDER}/pipe");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let gang = names::gang(place.run, pod.first, place.round);
    let mut command = words(&[&pipe, "pod", "gang", "--socket", &socket, "--hub", place.hub]);
    command.extend(words(&["--keys", KEYS, "--secrets", KEYS, "--gang", &gang]));
    let mut conductor = PodContainer {
        command,
        volume_mounts: vec![mount("keys", KEYS, true)],
        ..helper(CONDUCTOR, place.helper_image)
    };
    conductor.volume_mounts.extend(shared_mounts(pod, false));
    let step = |step: &StepContainer| {
        let mut mounts = shared_mounts(pod, true);
        mounts.extend(step.mounts.iter().enumerate().map(|(index, own)| step_mount(pod, step, index, own)));
        PodContainer {
            name: step.name.clone(),
            image: step.image.clone(),
            image_pull_policy: pull_policy(step.pull),
            command: words(&[&pipe, "pod", "step", &step.step, "--socket", &socket]),
            resources: resources(step),
            security_context: security(step.user),
            volume_mounts: mounts,
            ..PodContainer::default()
        }
    };
    std::iter::once(conductor).chain(pod.steps.iter().map(step)).collect()
}

/// What the conductor and the steps have in common.
fn shared_mounts(pod: &GangPod, is_step: bool) -> Vec<VolumeMount> {
    let workspace = mount("workspace", &path(&pod.workspace), false);
    let outside = pod.outside.iter().enumerate();
    let outside = outside.map(|(index, folder)| mount(&names::outside(index), &path(folder), is_step));
    [mount("pipe", PIPE_FOLDER, false), workspace].into_iter().chain(outside).collect()
}

fn step_mount(pod: &GangPod, step: &StepContainer, index: usize, own: &StepMount) -> VolumeMount {
    let StepMount { source, target, read_only } = own;
    let name = match source {
        StepMountSource::Inside(_) => "workspace".to_owned(),
        StepMountSource::Claim(claim) => {
            claim_volume(claims(pod).iter().position(|it| it == claim).unwrap_or_default())
        }
        StepMountSource::Memory => format!("{}-m{index}", step.name),
    };
    let sub_path = match source {
        StepMountSource::Inside(path) if !path.is_empty() => Some(path.clone()),
        StepMountSource::Inside(_) | StepMountSource::Claim(_) | StepMountSource::Memory => None,
    };
    VolumeMount { sub_path, ..mount(&name, target, *read_only) }
}

/// The claims that steps mount, each once.
fn claims(pod: &GangPod) -> Vec<String> {
    let claim = |own: &StepMount| match &own.source {
        StepMountSource::Claim(claim) => Some(claim.clone()),
        StepMountSource::Inside(_) | StepMountSource::Memory => None,
    };
    let all: BTreeSet<String> = pod.steps.iter().flat_map(|step| &step.mounts).filter_map(claim).collect();
    all.into_iter().collect()
}

/// A volume's name is shorter than a claim's may be, so that it has a number.
fn claim_volume(index: usize) -> String {
    format!("claim-{index}")
}

fn volumes(pod: &GangPod, place: &PodPlace<'_>) -> Vec<Volume> {
    let mut volumes = vec![empty("pipe"), workspace(place.kubernetes)];
    volumes.extend((0..pod.outside.len()).map(|index| empty(&names::outside(index))));
    let secret = names::hub(place.run);
    let of_conductor = place.conductor_secrets.iter().map(|key| (key.as_str(), key.as_str()));
    volumes.push(secret_volume("keys", &secret, of_conductor));
    for step in &pod.steps {
        for (index, own) in step.mounts.iter().enumerate() {
            match &own.source {
                StepMountSource::Inside(_) | StepMountSource::Claim(_) => {}
                StepMountSource::Memory => {
                    let memory = EmptyDir { medium: Some("Memory"), size_limit: None };
                    let name = format!("{}-m{index}", step.name);
                    volumes.push(Volume { name, empty_dir: Some(memory), ..Volume::default() });
                }
            }
        }
    }
    volumes.extend(claims(pod).iter().enumerate().map(|(index, claim)| claimed(claim_volume(index), claim)));
    volumes
}

fn workspace(kubernetes: &Kubernetes) -> Volume {
    match &kubernetes.workspace {
        Workspace::Upload(_) => empty("workspace"),
        Workspace::Claim(claim) => claimed("workspace".to_owned(), claim),
    }
}

pub(super) fn empty(name: &str) -> Volume {
    Volume { name: name.to_owned(), empty_dir: Some(EmptyDir::default()), ..Volume::default() }
}

pub(super) fn claimed(name: String, claim: &str) -> Volume {
    let claim = ClaimSource { claim_name: claim.to_owned() };
    Volume { name, persistent_volume_claim: Some(claim), ..Volume::default() }
}

/// A volume with some keys of a Secret, as files.
pub(super) fn secret_volume<'k>(
    name: &str,
    secret: &str,
    items: impl Iterator<Item = (&'k str, &'k str)>,
) -> Volume {
    let items = items.map(|(key, path)| SecretItem { key: key.to_owned(), path: path.to_owned() });
    let secret =
        SecretSource { secret_name: secret.to_owned(), default_mode: OWNER_READS, items: items.collect() };
    Volume { name: name.to_owned(), secret: Some(secret), ..Volume::default() }
}

pub(super) fn mount(name: &str, target: &str, read_only: bool) -> VolumeMount {
    VolumeMount { name: name.to_owned(), mount_path: target.to_owned(), sub_path: None, read_only }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn pull_policy(pull: Pull) -> &'static str {
    match pull {
        Pull::Missing => "IfNotPresent",
        Pull::Always => "Always",
        Pull::Never => "Never",
    }
}

/// What a step asks for is also the most that it gets, where the file says it; the rest is a guess for the scheduler.
fn resources(step: &StepContainer) -> ContainerResources {
    let Requests { millicpus, memory } = step.requests();
    let cpus = step.cpus.map(|_| ("cpu".to_owned(), format!("{millicpus}m")));
    let memory = step.memory.map(|_| ("memory".to_owned(), memory.to_string()));
    let mut limits: Map = cpus.into_iter().chain(memory).collect();
    limits.extend(step.limits.clone());
    ContainerResources { requests: requests(step.requests()), limits }
}

fn requests(Requests { millicpus, memory }: Requests) -> Map {
    Map::from([("cpu".to_owned(), format!("{millicpus}m")), ("memory".to_owned(), memory.to_string())])
}

/// What the standard *restricted* asks for; root keeps the capabilities that images count on.
fn security(user: Option<ContainerUser>) -> ContainerSecurity {
    let is_root = user.is_some_and(|user| user.user == 0);
    ContainerSecurity {
        run_as_user: user.map(|user| user.user),
        run_as_group: user.and_then(|user| user.group),
        run_as_non_root: Some(!is_root),
        allow_privilege_escalation: false,
        read_only_root_filesystem: None,
        capabilities: (!is_root).then_some(Capabilities { drop: ["ALL"] }),
    }
}

/// Turns an object into JSON. Maps with texts for keys, which is all there are, always can be.
pub(super) fn json(object: &impl serde::Serialize) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}
