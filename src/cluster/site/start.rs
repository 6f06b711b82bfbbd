//! How the pod of a round comes about, and how it goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::Shared;
use super::gang::Gang;
use super::pods::PodState;
use crate::cluster::api::{ApiError, ObjectKind};
use crate::cluster::order::{Order, OrderError};
use crate::cluster::pod::{GangPod, PodPlace, Shaper, gang_name, pod_manifest};
use crate::cluster::why::{TroubleKind, refused};
use crate::executor::SystemError;
use crate::runner::{ContainerRenderer, Shutdown};
use crate::template::{Scope, StepOutputsMode};

/// How often a cluster is asked again whose quota is used up.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a pod may take to end that has nothing to do any more.
const ENDING: Duration = Duration::from_secs(60);

/// Why there is no pod.
pub(super) enum NoPod {
    /// A step, or the gang, cannot have one: why.
    Unfit(String),
    /// The run is to end.
    Halted,
    /// The cluster is to blame.
    Failed(SystemError),
}

impl Gang<'_> {
    /// Returns the pod of the gang.
    ///
    /// # Errors
    /// What no pod can have, in a sentence.
    pub(super) fn shape(&self) -> Result<GangPod, String> {
        let job = &self.order.job;
        let scope = Scope {
            outputs: StepOutputsMode::These(&self.order.given),
            body: self.order.body.as_deref(),
            ..Scope::default()
        };
        let containers = ContainerRenderer {
            pipeline: &job.pipeline,
            templates: &job.templates,
            working_dir: &job.place.working_dir,
            scope,
        };
        let Shared { kubernetes, caller, locked, .. } = &**self.cluster;
        let shaper = Shaper { containers, kubernetes, caller: *caller };
        let mut pod = shaper.gang(&self.order.steps).map_err(|found| {
            let sentences: Vec<String> = found.into_iter().map(|problem| problem.message).collect();
            sentences.join("; ")
        })?;
        for step in &mut pod.steps {
            if let Some(image) = locked.get(&step.image) {
                step.image.clone_from(image);
            }
        }
        Ok(pod)
    }

    /// Returns the order for the pod.
    ///
    /// # Errors
    /// A member cannot run in a pod.
    pub(super) fn order(&self) -> Result<Order, OrderError> {
        let mut order = Order::of(&self.order, &self.cluster.options)?;
        let left = self.members.iter().filter_map(|member| {
            let left = member.attempts.time_left(self.policy(member.step))?;
            let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            Some((self.name(member.step).to_owned(), millis.max(1)))
        });
        order.time_left = left.collect::<BTreeMap<_, _>>();
        Ok(order)
    }

    /// Makes the pod. Waits while the quota of the namespace is used up.
    pub(super) async fn create(&mut self, pod: &GangPod) -> Result<PodHold, NoPod> {
        let Shared { run, owner, hub, helper_image, kubernetes, conductor_secrets, api, .. } =
            &**self.cluster;
        let place = PodPlace {
            run,
            round: self.order.round,
            owner,
            helper_image,
            hub,
            conductor_secrets,
            kubernetes,
        };
        let name = gang_name(run, pod.first, self.order.round);
        let manifest: Value = pod_manifest(pod, &place);
        let end = Instant::now() + kubernetes.start_timeout;
        let (mut shutdown, mut is_told) = (self.shutdown.clone(), false);
        loop {
            let answer = match api.create(ObjectKind::Pod, &manifest).await {
                Ok(_) => return Ok(PodHold::new(Arc::clone(self.cluster), name)),
                // An answer was lost, and the request sent again.
                Err(error) if error.exists() => return Ok(PodHold::new(Arc::clone(self.cluster), name)),
                Err(ApiError::Refused(answer) | ApiError::Busy { answer, .. }) => answer,
                Err(ApiError::System(error)) => return Err(NoPod::Failed(error)),
            };
            let trouble = refused(&answer);
            match trouble.kind {
                TroubleKind::MayPass if Instant::now() < end => {
                    if !std::mem::replace(&mut is_told, true) {
                        self.warn(format!("{} waits for its pod: {}", self.all(), trouble.sentence));
                    }
                }
                TroubleKind::Engine => {
                    return Err(NoPod::Failed(SystemError::new(
                        format!("cannot make the pod {name}"),
                        trouble.sentence,
                    )));
                }
                TroubleKind::MayPass
                | TroubleKind::NeverStarts
                | TroubleKind::Forbidden
                | TroubleKind::Pull
                | TroubleKind::OutOfMemory
                | TroubleKind::EndedByCluster
                | TroubleKind::TookTooLong => return Err(NoPod::Unfit(trouble.sentence)),
            }
            tokio::select! {
                () = sleep(PAUSE) => {}
                _ = shutdown.wait_for(|shutdown| *shutdown != Shutdown::None) => return Err(NoPod::Halted),
            }
        }
    }

    /// Returns the members by their names, for messages.
    pub(super) fn all(&self) -> String {
        let names: Vec<String> =
            self.members.iter().map(|member| format!("`{}`", self.name(member.step))).collect();
        names.join(", ")
    }
}

/// A pod that was made. Dropping this deletes it, once it has ended if it is about to.
pub(super) struct PodHold {
    cluster: Arc<Shared>,
    pub(super) name: String,
    /// Its conductor has said that nothing runs any more.
    pub(super) is_done: bool,
}

impl PodHold {
    fn new(cluster: Arc<Shared>, name: String) -> Self {
        Self { cluster, name, is_done: false }
    }

    /// Waits until nothing of it can run any more: the cluster says that it has ended, or its conductor has been without
    /// the hub for so long that it has ended the pod by itself.
    pub(super) async fn fence(self) {
        if !self.is_done {
            let lease = self.cluster.lease;
            let over = self.cluster.pods.until(&self.name, lease, |state| state.is_over().then_some(()));
            over.await;
        }
    }
}

impl Drop for PodHold {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (cluster, name) = (Arc::clone(&self.cluster), std::mem::take(&mut self.name));
        let ending = if self.is_done { ENDING } else { Duration::ZERO };
        runtime.spawn(async move {
            // A pod that has ended goes at once, and one that runs takes its time.
            cluster.pods.until(&name, ending, |state: &PodState| state.is_over().then_some(())).await;
            if let Err(error) = cluster.api.delete_pod(&name).await {
                debug!(%error, name, "a pod was not deleted; it goes with the hub");
            }
        });
    }
}
