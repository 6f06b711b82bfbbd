//! Services and shared containers, for the commands that show a plan.

use crate::pipeline::{
    Action, Check, CheckTest, Container, Image, Pipeline, Readiness, Role, Service, Step, StepId, Template,
};
use crate::plan::{Decisions, Plan};
use crate::render::{cut, human, one_line};

/// The most columns of a command or a check.
const COMMAND: usize = 60;

/// Makes the text of a template of a step, or leaves it as it is written.
pub(super) type Shown<'a> = &'a dyn Fn(&Step, &Template) -> String;

/// Returns the services that run, each behind those that it uses, and then the shared containers that do.
pub(super) fn running(pipeline: &Pipeline, plan: &Plan, decisions: &Decisions) -> Vec<StepId> {
    let mut steps: Vec<StepId> = plan.services().filter(|step| decisions.runs(*step)).collect();
    steps.sort_by_key(|step| pipeline.step(*step).role);
    steps
}

/// Returns one in a line: `db: postgres:16, ready by pg_isready; for test, dump`.
pub(super) fn line(pipeline: &Pipeline, decisions: &Decisions, id: StepId, shown: Shown<'_>) -> String {
    let step = pipeline.step(id);
    let users: Vec<StepId> = pipeline
        .steps()
        .filter(|(user, step)| step.uses(id) && decisions.runs(*user))
        .map(|(user, _)| user)
        .collect();
    let users = super::groups::names(pipeline, &users).join(", ");
    let what = what(step, shown);
    let ready = match &step.service {
        Some(service) if step.role == Role::Service => format!(", {}", ready_by(step, service, shown)),
        Some(_) | None => String::new(),
    };
    let shares = if step.role == Role::Container { "shared by" } else { "for" };
    format!("{}: {what}{ready}; {shares} {users}", step.name)
}

/// Returns a shared container as a drawing names it: `ci (rust:1.90)`.
pub(super) fn label(step: &Step, shown: Shown<'_>) -> String {
    format!("{} ({})", step.name, what(step, shown))
}

/// Returns the image of a service, or its command on this machine.
fn what(step: &Step, shown: Shown<'_>) -> String {
    match &step.container {
        Some(container) => image(step, container, shown),
        None => command(step, shown),
    }
}

fn image(step: &Step, container: &Container, shown: Shown<'_>) -> String {
    match &container.image {
        Image::Named(name) => one_line(&shown(step, name)),
        Image::Built(build) => format!("built from {}", one_line(&shown(step, &build.context))),
    }
}

fn command(step: &Step, shown: Shown<'_>) -> String {
    match &step.action {
        Action::Run(script) => cut(&one_line(shown(step, &script.text).trim()), COMMAND),
        Action::Exec(exec) => {
            let words = exec.entrypoint.iter().flatten().chain(&exec.args);
            cut(&words.map(|word| one_line(&shown(step, word))).collect::<Vec<_>>().join(" "), COMMAND)
        }
        Action::Wait | Action::Feed(_) => String::new(),
    }
}

/// Returns what says that a service is ready.
fn ready_by(step: &Step, service: &Service, shown: Shown<'_>) -> String {
    let test = match &service.readiness {
        Readiness::AtOnce => return "ready at once".to_owned(),
        Readiness::Check(check) => {
            let Check { test, interval: _, timeout: _, retries: _, start_period: _ } = &**check;
            test.as_ref()
        }
        Readiness::Found => None,
    };
    match test {
        Some(CheckTest::Shell(text)) => {
            format!("ready by {}", cut(&one_line(shown(step, text).trim()), COMMAND))
        }
        Some(CheckTest::Words(words)) => {
            let words: Vec<String> = words.iter().map(|word| one_line(&shown(step, word))).collect();
            format!("ready by {}", cut(&words.join(" "), COMMAND))
        }
        None => found(step, service),
    }
}

/// Returns what says that a service is ready of which the file does not say it.
fn found(step: &Step, service: &Service) -> String {
    let ports: Vec<String> = service.ports.iter().map(|port| port.number.to_string()).collect();
    let list = human::list(ports.iter().map(String::as_str));
    let ports = match ports.len() {
        0 => None,
        1 => Some(format!("when port {list} answers")),
        _ => Some(format!("when the ports {list} answer")),
    };
    match (step.container.is_some(), ports) {
        (true, Some(ports)) => format!("ready by the healthcheck of its image, else {ports}"),
        (true, None) => "ready by the healthcheck of its image".to_owned(),
        (false, Some(ports)) => format!("ready {ports}"),
        (false, None) => "with nothing that tells when it is ready".to_owned(),
    }
}

/// Returns what a step finds if it is tried again, in words that follow its name.
pub(super) fn state_kept(pipeline: &Pipeline, step: &Step) -> Option<String> {
    let used: Vec<&str> = step.usages().map(|usage| pipeline.step(usage.step).name.as_str()).collect();
    let is_tried_again = step.policy.retry.is_some() && !used.is_empty() && !step.role.is_beside();
    let state = if used.len() == 1 { "it is" } else { "they are" };
    is_tried_again
        .then(|| format!("is tried again with {} as {state} by then", human::list(used.into_iter())))
}
