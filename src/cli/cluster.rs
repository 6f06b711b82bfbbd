//! A run in a cluster, as far as it is known before a cluster is asked: its pods, what is uploaded, and what no cluster can
//! do. What a command shows of it is the same as what a run would be refused for.

#[cfg(feature = "kubernetes")]
mod asked;
#[cfg(feature = "kubernetes")]
mod check;
#[cfg(feature = "kubernetes")]
mod clean;
#[cfg(not(feature = "kubernetes"))]
mod nowhere;
#[cfg(feature = "kubernetes")]
mod run;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::args::ClusterArgs;
use super::containers::ResolvedPipeline;
use super::error::CliError;
use super::load::Loaded;
use crate::cluster::helper::helper_image;
use crate::cluster::pod::{
    ContainerUser, GangPod, Requests, Shaper, StepContainer, StepMountSource, gang_name, hub_name,
};
use crate::cluster::refusal::refusals;
use crate::cluster::upload::{UploadSurvey, survey, upload_problems};
use crate::file::Diagnostics;
use crate::pipeline::{StepId, Workspace};
use crate::render::human;
use crate::template::StepOutputsMode;

#[cfg(feature = "kubernetes")]
pub(super) use self::clean::clean;
#[cfg(not(feature = "kubernetes"))]
pub(super) use self::nowhere::{ClusterRun, clean};
#[cfg(feature = "kubernetes")]
pub(super) use self::run::ClusterRun;

/// The pods of a run, and what they get.
pub(super) struct ClusterPlan<'a> {
    loaded: &'a Loaded,
    namespace: Option<String>,
    context: Option<String>,
    pods: Vec<GangPod>,
    /// Nothing where the files lie on a claim.
    upload: Option<UploadSurvey>,
}

impl<'a> ClusterPlan<'a> {
    /// Makes the pods of these gangs. Everything that a cluster cannot do is an error, in one go.
    pub(super) fn of(
        loaded: &'a Loaded,
        gangs: &[Vec<StepId>],
        args: &ClusterArgs,
    ) -> Result<Self, CliError> {
        let pipeline = &*loaded.pipeline;
        let mut problems = refusals(pipeline, gangs);
        let resolved = ResolvedPipeline::of(loaded, StepOutputsMode::Later)?;
        let caller = caller();
        let shaper = Shaper { containers: resolved.renderer(), kubernetes: &pipeline.kubernetes, caller };
        let mut pods = Vec::with_capacity(gangs.len());
        for gang in gangs {
            match shaper.gang(gang) {
                Ok(pod) => pods.push(pod),
                Err(found) => problems.extend(found),
            }
        }
        let upload = match &pipeline.kubernetes.workspace {
            Workspace::Claim(_) => None,
            Workspace::Upload(upload) => {
                let outside: BTreeSet<PathBuf> = pods.iter().flat_map(|pod| pod.outside.clone()).collect();
                let outside: Vec<PathBuf> = outside.into_iter().collect();
                let survey = survey(&loaded.working_dir, upload, &outside)?;
                problems.extend(upload_problems(pipeline, &loaded.working_dir, upload, &survey));
                Some(survey)
            }
        };
        match Diagnostics::of(problems) {
            Some(problems) => Err(problems.into()),
            None => {
                let namespace = args.namespace.clone().or_else(|| pipeline.kubernetes.namespace.clone());
                Ok(Self { loaded, namespace, context: args.kube_context.clone(), pods, upload })
            }
        }
    }

    /// Appends what holds for the whole run; first of all what steps see.
    pub(super) fn describe(&self, text: &mut String) {
        let kubernetes = &self.loaded.pipeline.kubernetes;
        let folder = self.loaded.working_dir.display();
        let _ = match &kubernetes.workspace {
            Workspace::Upload(_) => writeln!(
                text,
                "a step sees what is uploaded, and what the steps before it list under `produces`; no other file travels \
                 between pods"
            ),
            Workspace::Claim(claim) => {
                writeln!(text, "a step sees the files of the claim {claim}, as {folder}; nothing is uploaded")
            }
        };
        let namespace = self.namespace.as_ref().map_or_else(
            || "the namespace of the kubeconfig".to_owned(),
            |namespace| format!("the namespace {namespace}"),
        );
        let context = self.context.as_ref().map_or_else(String::new, |context| format!(" of {context}"));
        let _ = writeln!(text, "pods are in {namespace}{context}");
        if let Some(upload) = &self.upload {
            let left_out = match upload.excluded {
                0 => String::new(),
                excluded => format!("; {excluded} left out"),
            };
            let (files, size) = (human::count(usize_of(upload.files), "file"), human::size(upload.bytes));
            let _ = writeln!(text, "uploaded from {folder}: {files}, {size}{left_out}");
        }
        let lease = human::duration(kubernetes.lease);
        let _ = writeln!(
            text,
            "the hub is the pod of {}, which outlives `pipe` by {lease}",
            shown(&hub_name(RUN))
        );
        let _ = match helper_image(kubernetes) {
            Some(image) => writeln!(text, "`pipe` comes into the pods from {image}"),
            None => writeln!(
                text,
                "`pipe` comes into the pods from an image that is not known: this program is not from a release, so add \
                 `kubernetes: {{helper_image: …}}`"
            ),
        };
    }

    /// Appends the pod of a gang.
    pub(super) fn describe_gang(&self, text: &mut String, gang: &[StepId]) {
        let Some(pod) =
            gang.first().and_then(|first| self.pods.iter().find(|pod| pod.first == first.index()))
        else {
            return;
        };
        let _ = writeln!(
            text,
            "   the pod {} asks for {}",
            shown(&gang_name(RUN, pod.first, 1)),
            asked(pod.requests())
        );
        for (key, value) in &pod.keys.node_selector {
            let _ = writeln!(text, "     on a node with {key}={value}");
        }
        for step in &pod.steps {
            let _ = writeln!(text, "     {}", container(step));
            describe_mounts(text, step);
        }
        for folder in &pod.outside {
            let _ = writeln!(text, "     reads {}, which is uploaded", folder.display());
        }
        if pod.has_root() {
            let _ = writeln!(
                text,
                "     a step runs as root, which namespaces with the standard `restricted` refuse"
            );
        }
    }
}

/// Stands for the id of the run.
const RUN: &str = "run";

/// Returns a name with a placeholder for the id of the run.
fn shown(name: &str) -> String {
    name.replacen(&format!("-{RUN}"), "-RUN", 1)
}

/// Who runs `pipe`.
fn caller() -> ContainerUser {
    ContainerUser {
        user: rustix::process::getuid().as_raw(),
        group: Some(rustix::process::getgid().as_raw()),
    }
}

fn container(step: &StepContainer) -> String {
    let user = match step.user {
        None => "a user that an output names".to_owned(),
        Some(ContainerUser { user, group: Some(group) }) => format!("{user}:{group}"),
        Some(ContainerUser { user, group: None }) => user.to_string(),
    };
    let limits = step.limits.iter().map(|(name, amount)| format!(", {amount} {name}"));
    let limits: String = limits.collect();
    format!("{} is {} of {} as {user}, {}{limits}", step.step, step.name, step.image, asked(step.requests()))
}

fn describe_mounts(text: &mut String, step: &StepContainer) {
    for mount in &step.mounts {
        let what = match &mount.source {
            StepMountSource::Inside(path) if path.is_empty() => "the working directory".to_owned(),
            StepMountSource::Inside(path) => format!("{path} of the working directory"),
            StepMountSource::Claim(claim) => format!("the claim {claim}"),
            StepMountSource::Memory => "memory".to_owned(),
        };
        let access = if mount.read_only { "reads" } else { "reads and writes" };
        let _ = writeln!(text, "       {access} {}, which is {what}", mount.target);
    }
    for secret in step.secrets.keys() {
        let _ = writeln!(text, "       reads $PIPE_SECRETS/{secret}, a secret");
    }
}

fn asked(requests: Requests) -> String {
    let cpus = requests.millicpus as f64 / 1000.0;
    format!("{cpus} CPU and {}", human::size(requests.memory))
}

fn usize_of(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
