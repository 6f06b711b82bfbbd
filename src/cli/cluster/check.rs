//! `pipe plan --on kubernetes --check`: asks a cluster whether it would take the run. Nothing is made there.

use super::asked::{no_answer, request};
use super::{ClusterPlan, RUN};
use crate::cli::containers::runtime;
use crate::cli::error::CliError;
use crate::cluster::api::{ApiClient, ApiError, ClusterAccess, ObjectKind};
use crate::cluster::helper::helper_image;
use crate::cluster::pod::{HubOrder, PodPlace, gang_name, hub_name, job_manifest, pod_manifest};
use crate::cluster::rights;
use crate::cluster::why;
use crate::executor::SystemError;
use crate::render::human;

/// Stands for an image that is not known: the cluster does not look at it.
const SOME_IMAGE: &str = "pipe";

impl ClusterPlan<'_> {
    /// Asks the cluster for rights, and whether it would take the hub and each pod: quotas, policies and webhooks have a
    /// say. Returns a line that says so.
    pub(in crate::cli) fn check(&self) -> Result<String, CliError> {
        runtime()?.block_on(self.ask())
    }

    async fn ask(&self) -> Result<String, CliError> {
        let access = ClusterAccess::find(&request(self.context.clone(), self.namespace.clone())).await?;
        let (server, context) = (access.server(), access.context().to_owned());
        let namespace = access.namespace().to_owned();
        let client = ApiClient::new(access);
        let version = client.version().await.map_err(no_answer)?;
        let has_volume = self.loaded.pipeline.kubernetes.store.class.is_some();
        let checked = client.check_rights(rights::needed(has_volume)).await.map_err(no_answer)?;
        if let Some((what, help)) = rights::missing(&namespace, &checked.missing) {
            return Err(SystemError::new(what, help).into());
        }
        let refused = self.refused(&client).await?;
        if refused.is_empty() {
            let pods = human::count(self.pods.len(), "pod");
            return Ok(format!(
                "{server} ({version}, context {context}) would take the hub and {pods} in the namespace {namespace}\n"
            ));
        }
        let what = format!("{server} ({version}) would not take the run in the namespace {namespace}");
        Err(SystemError::new(what, refused.join("; ")).into())
    }

    /// Returns why the cluster would refuse the hub and pods, each refusal once.
    async fn refused(&self, client: &ApiClient) -> Result<Vec<String>, CliError> {
        let kubernetes = &self.loaded.pipeline.kubernetes;
        let image = helper_image(kubernetes).unwrap_or_else(|| SOME_IMAGE.to_owned());
        let secrets = ["key".to_owned()];
        let hub = HubOrder { run: RUN, helper_image: &image, hub_secrets: &secrets, kubernetes };
        let mut asked = vec![(ObjectKind::Job, hub_name(RUN), job_manifest(&hub))];
        for pod in &self.pods {
            let place = PodPlace {
                run: RUN,
                round: 1,
                owner: "00000000-0000-0000-0000-000000000000",
                helper_image: &image,
                hub: "127.0.0.1:1",
                conductor_secrets: &secrets,
                kubernetes,
            };
            asked.push((ObjectKind::Pod, gang_name(RUN, pod.first, 1), pod_manifest(pod, &place)));
        }
        let mut refused: Vec<String> = Vec::new();
        for (kind, name, manifest) in asked {
            match client.would_create(kind, &manifest).await {
                Ok(()) => {}
                Err(ApiError::Refused(answer)) => {
                    let sentence = why::refused(&answer).sentence.replace(&name, &super::shown(&name));
                    if !refused.contains(&sentence) {
                        refused.push(sentence);
                    }
                }
                Err(error @ (ApiError::Busy { .. } | ApiError::System(_))) => return Err(no_answer(error)),
            }
        }
        Ok(refused)
    }
}
