//! What a cluster cannot do, of what a file asks for: known from the file alone, before anything runs.
//!
//! What hangs on the values of params is looked at where a gang becomes a pod (`pod::shape`). Both make the same kind
//! of diagnostic, which says what to write instead.

mod gang;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::file::{Code, Diagnostic};
use crate::pipeline::{
    Action, Container, Image, Pipeline, Role, Source, Span, Step, StepId, Template, Usage,
};

pub use gang::{GangKeys, gang_keys};

/// Finds what no pod can be made of, among the steps that run: those of these gangs.
pub fn refusals(pipeline: &Pipeline, gangs: &[Vec<StepId>]) -> Vec<Diagnostic> {
    let mut found = Refusals::new(&pipeline.source);
    for gang in gangs {
        for step in gang.iter().map(|id| pipeline.step(*id)).filter(|step| !step.action.is_feed()) {
            step_of(pipeline, step, &mut found);
        }
        found.extend(gang_keys(pipeline, gang).err().into_iter().flatten());
    }
    found.0
}

/// What has been found so far. Steps of a matrix say the same, and it is said once.
pub struct Refusals<'a>(Vec<Diagnostic>, HashSet<(Option<Span>, Option<String>)>, &'a Source);

impl<'a> Refusals<'a> {
    /// Begins a list for a file.
    pub fn new(source: &'a Source) -> Self {
        Self(Vec::new(), HashSet::new(), source)
    }

    /// Adds what a cluster cannot do, and what to write instead.
    pub fn add(&mut self, at: Span, message: impl Into<String>, help: impl Into<String>) {
        let problem = Diagnostic::at(Code::NotOnKubernetes, self.2, at, message).help(help);
        self.extend([problem]);
    }

    /// Adds the same of a place that another one belongs to.
    pub fn add_beside(
        &mut self,
        at: Span,
        message: impl Into<String>,
        help: impl Into<String>,
        also: (Span, &str),
    ) {
        let problem = Diagnostic::at(Code::NotOnKubernetes, self.2, at, message).help(help);
        self.extend([problem.also(also.0, also.1)]);
    }

    /// Adds diagnostics.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = Diagnostic>) {
        for problem in problems {
            if self.1.insert((problem.span, problem.help.clone())) {
                self.0.push(problem);
            }
        }
    }

    /// Returns all of them.
    pub fn into_list(self) -> Vec<Diagnostic> {
        self.0
    }
}

fn step_of(pipeline: &Pipeline, step: &Step, found: &mut Refusals<'_>) {
    let name = &step.name;
    for usage in &step.services {
        service(pipeline, name, usage, found);
    }
    if let Some(usage) = &step.shared {
        let owner = pipeline.step(usage.step);
        let message = format!(
            "`{name}` runs in the container `{}`, which steps share: a pod ends with the steps that start together",
            owner.name
        );
        let help =
            "give the step an `image` of its own; what one step leaves for the next goes through `produces`";
        found.add_beside(usage.at, message, help, (owner.at, "the container"));
        return;
    }
    if step.terminal {
        let help = "let it read what it needs from a param or a secret, or run without `--on kubernetes`";
        found.add(step.at, format!("`{name}` wants the terminal, which no pod has"), help);
        return;
    }
    match &step.container {
        Some(container) => container_of(step, container, found),
        None => found.add(
            step.at,
            format!("`{name}` runs on this machine, and a run in a cluster has pods alone"),
            "add `image` to the step or to `defaults`, or give `--image`",
        ),
    }
}

fn service(pipeline: &Pipeline, name: &str, usage: &Usage, found: &mut Refusals<'_>) {
    let service = pipeline.step(usage.step);
    if service.role != Role::Service {
        return;
    }
    let message = format!(
        "`{name}` uses the service `{}`: this version runs no service in a cluster, as pods of one run do not find each \
         other there by a name",
        service.name
    );
    let help =
        "deploy it in the cluster and hand its address in by a param, or start it inside the step's script";
    found.add_beside(usage.at, message, help, (service.at, "the service"));
}

fn container_of(step: &Step, container: &Container, found: &mut Refusals<'_>) {
    let Container { image, at, stands_in: _, pull: _, platform, user: _, network, mounts: _, resources } =
        container;
    let name = &step.name;
    match image {
        Image::Named(_) => {}
        Image::Built(_) => found.add(
            *at,
            format!("`{name}` builds its image, and a cluster has no builder"),
            "push the image to a registry that the cluster can pull from, and name it by `image`",
        ),
    }
    if let Some(network) = network {
        found.add(network.at, network_message(name, network), network_help(network));
    }
    if resources.pids.is_some() {
        let help = "remove `pids` from its `resources`; the nodes of a cluster have a limit of their own for all pods";
        found.add(
            step.at,
            format!("`{name}` has a limit of processes, and a container of a pod has none"),
            help,
        );
    }
    if let Some(platform) = platform
        && architecture(platform).is_none()
    {
        let message = format!(
            "`{name}` asks for the platform `{platform}`, which nodes of a cluster are not told apart by"
        );
        found.add(step.at, message, "write `linux/amd64`, `linux/arm64` or the like, without a variant");
    }
    if let Action::Exec(exec) = &step.action
        && exec.entrypoint.is_none()
    {
        let message = format!(
            "`{name}` has arguments for the program of its image, and a cluster does not say which that is"
        );
        let at = exec.args.first().map_or(*at, |arg| arg.at);
        found.add(at, message, "name the program: `entrypoint: [PROGRAM]` beside `args`, or a `run`");
    }
}

/// Returns the architecture that a label of nodes has, of a platform that Linux nodes can be chosen by.
pub fn architecture(platform: &str) -> Option<&str> {
    let (system, architecture) = platform.split_once('/')?;
    let is_plain =
        !architecture.is_empty() && architecture.chars().all(|letter| letter.is_ascii_alphanumeric());
    (system == "linux" && is_plain).then_some(architecture)
}

fn network_message(name: &str, network: &Template) -> String {
    match network.is_literally("none") {
        true => format!("`{name}` is to have no network, and a pod always has one"),
        false => format!("`{name}` chooses a network, and all pods of a cluster are in one"),
    }
}

fn network_help(network: &Template) -> &'static str {
    match network.is_literally("none") {
        true => {
            "remove `network`; a NetworkPolicy of the namespace can keep the pods, by their label `pipe.role: gang`, from \
             all but the hub of their run"
        }
        false => "remove `network`; steps that are joined by streams need none",
    }
}
