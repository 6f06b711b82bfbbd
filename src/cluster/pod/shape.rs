//! What the pod of a gang has, once the values of params are known; and what no pod can have.

mod mounts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ContainerUser, GangPod, SECRETS_PREFIX, StepContainer, names};
use crate::cluster::refusal::{Refusals, gang_keys};
use crate::executor::{ContainerSpec, ImageSource};
use crate::file::Diagnostic;
use crate::pipeline::{CallId, Container, Kubernetes, Policy, Span, Step, StepId, Template};
use crate::runner::{ContainerRenderer, plain_path};
use crate::template::Scope;

/// Makes pods of gangs.
#[derive(Clone, Copy)]
pub struct Shaper<'a> {
    /// Has the pipeline, and renders its containers.
    pub containers: ContainerRenderer<'a>,
    /// What the file says about the cluster.
    pub kubernetes: &'a Kubernetes,
    /// Who `pipe` runs as here, and a step that names no user in the cluster.
    pub caller: ContainerUser,
}

impl Shaper<'_> {
    /// Returns the pod of a gang.
    ///
    /// # Errors
    /// What no pod can have. What can be seen from the file alone is left to
    /// [`refusals`](crate::cluster::refusal::refusals).
    pub fn gang(&self, gang: &[StepId]) -> Result<GangPod, Vec<Diagnostic>> {
        let pipeline = self.containers.pipeline;
        let mut found = Refusals::new(&pipeline.source);
        let mut pod = GangPod {
            first: gang.first().map_or(0, |id| id.index()),
            steps: Vec::new(),
            keys: gang_keys(pipeline, gang).unwrap_or_default(),
            workspace: self.containers.working_dir.to_owned(),
            outside: Vec::new(),
            limit: limit(gang.iter().map(|id| &pipeline.step(*id).policy)),
        };
        for (id, step) in gang.iter().map(|id| (*id, pipeline.step(*id))) {
            let Some(container) = step.container.as_deref().filter(|_| !step.action.is_feed()) else {
                continue;
            };
            match self.containers.container(step, container) {
                Ok(spec) => self.step((id, step), container, spec, &mut pod, &mut found),
                Err(why) => found.add(
                    container.at,
                    format!("`{}` gets no pod: {why}", step.name),
                    "the message names what is missing; `pipe plan` without `--on` says the same of other containers",
                ),
            }
        }
        mounts::keep_outermost(&mut pod.outside);
        let found = found.into_list();
        if found.is_empty() { Ok(pod) } else { Err(found) }
    }

    fn step(
        &self,
        (id, step): (StepId, &Step),
        container: &Container,
        spec: ContainerSpec,
        pod: &mut GangPod,
        found: &mut Refusals<'_>,
    ) {
        let ContainerSpec { image, user: _, network: _, mounts, resources } = spec;
        let name = match image.source {
            ImageSource::Named(name) => name,
            // Refused already.
            ImageSource::Built { .. } => return,
        };
        self.check_products(step, found);
        let declared = mounts.len().saturating_sub(container.mounts.len());
        let (own, given) = mounts.split_at(declared.min(mounts.len()));
        self.own_mounts(step, own, &mut pod.outside, found);
        let mounts = self.given_mounts(step, container, given, found);
        let secret = |name: &String| (name.clone(), secret_key(step.call, name));
        pod.steps.push(StepContainer {
            step: step.name.clone(),
            name: names::container(id.index(), &step.name),
            image: name,
            pull: image.pull,
            user: self.user(step, container, found),
            cpus: resources.cpus,
            memory: resources.memory,
            limits: step.kubernetes.as_ref().map(|own| own.limits.clone()).unwrap_or_default(),
            mounts,
            secrets: step.secrets.iter().map(secret).collect::<BTreeMap<_, _>>(),
        });
    }

    /// Who a step runs as. Only numbers can be given to a cluster, which does not look into images.
    fn user(&self, step: &Step, container: &Container, found: &mut Refusals<'_>) -> Option<ContainerUser> {
        let Some(template) = &container.user else { return Some(self.caller) };
        let text = self.text(step, template)?;
        let user = parse_user(&text);
        if user.is_none() && template.outputs.is_empty() {
            let message = format!(
                "`{}` runs as `{text}`, and a cluster knows users by their numbers: it does not look into the image",
                step.name
            );
            found.add(
                template.at,
                message,
                "write the number, with that of a group or without: `user: \"1000:1000\"`",
            );
        }
        user
    }

    /// What a step leaves behind has to be where the conductor finds it.
    fn check_products(&self, step: &Step, found: &mut Refusals<'_>) {
        let workspace = self.containers.working_dir;
        let own = step.working_dir.as_ref().and_then(|dir| self.text(step, dir));
        let base = workspace.join(own.unwrap_or_default());
        for template in &step.produces {
            let Some(pattern) = self.text(step, template).filter(|_| template.outputs.is_empty()) else {
                continue;
            };
            let path = plain_path(&base.join(&pattern));
            if !path.starts_with(workspace) {
                let message = format!(
                    "`{}` leaves `{pattern}` behind, which is not in {}, and only that is brought back from the cluster",
                    step.name,
                    workspace.display()
                );
                found.add(template.at, message, "write it to a path in the working directory");
            }
        }
    }

    /// Returns the text of a template; nothing where it cannot be rendered, or not yet. Its step says why.
    fn text(&self, step: &Step, template: &Template) -> Option<String> {
        let scope = Scope { step: Some(step), ..self.containers.scope };
        self.containers.templates.render(template, scope).ok()
    }

    /// Returns where the file names a param of a step's file.
    fn param_at(&self, step: &Step, path: &Path) -> Option<(String, Span)> {
        let values = self.containers.templates.values_in(step.call);
        let is_it = |name: &String| match values.get(name) {
            Some(crate::pipeline::ParamValue::Text(value)) => {
                plain_path(&self.containers.working_dir.join(value)) == path
            }
            Some(_) | None => false,
        };
        let params = self.containers.pipeline.params_in(step.call);
        params.iter().find(|param| is_it(&param.name)).map(|param| (param.name.clone(), param.at))
    }
}

/// Returns the key that a secret param has in the Secret of the run. Each use of a file has params of its own.
pub fn secret_key(call: Option<CallId>, param: &str) -> String {
    match call {
        None => format!("{SECRETS_PREFIX}{param}"),
        Some(call) => format!("{SECRETS_PREFIX}{}.{param}", call.index()),
    }
}

/// Reads `1000` or `1000:1000`.
pub fn parse_user(text: &str) -> Option<ContainerUser> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group.parse().ok()?)),
        None => (text, None),
    };
    let is_number = user.chars().all(|digit| digit.is_ascii_digit());
    Some(ContainerUser { user: user.parse().ok().filter(|_| is_number)?, group })
}

/// The longest that members may take, where each has a limit.
fn limit<'p>(policies: impl Iterator<Item = &'p Policy>) -> Option<Duration> {
    let of_one = |policy: &Policy| {
        let attempt = policy.retry.as_ref().and_then(|retry| retry.timeout);
        attempt.into_iter().chain(policy.timeout).min()
    };
    policies.map(of_one).try_fold(Duration::ZERO, |longest, limit| Some(longest.max(limit?)))
}

/// A folder of this machine, for messages.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Returns the folder that a file lies in.
fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}
