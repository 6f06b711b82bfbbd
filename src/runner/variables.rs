//! The environment of a step: the variables that it has beside those that its processes inherit.

use std::ffi::OsString;

use super::Job;
use crate::pipeline::{
    Address, Addresses, BodyEnd, EnvVar, Input, Param, ParamKind, Pipeline, Service, Step,
};
use crate::template::{Scope, TemplateRenderer};

/// Returns the variables for what a step reads, from files, for its services, of its own `env`, for how the other steps
/// have ended, and for secrets; later entries win. `scope` is what its texts see.
///
/// # Errors
/// What is wrong with its `env`, in a sentence.
pub(super) fn of(job: &Job, step: &Step, scope: Scope<'_>) -> Result<Vec<(OsString, OsString)>, String> {
    let pipeline = &job.pipeline;
    let is_there = |stream| !scope.absent.is_some_and(|absent| absent.contains(&stream));
    let places = step.input_places(is_there).into_iter();
    let mut env: Vec<(OsString, OsString)> =
        places.map(|(name, places)| (Input::variable(name).into(), places.lines().into())).collect();
    env.extend(from_files(pipeline, step));
    env.extend(of_services(pipeline, step, scope.addresses));
    for EnvVar { name, value } in &step.env {
        let rendered = job.templates.render(value, scope);
        let rendered = rendered.map_err(|error| error.sentence(&pipeline.source, value))?;
        env.push((name.into(), rendered.into()));
    }
    if let Some(BodyEnd { outcome, cause, steps: _ }) = scope.body {
        env.push(("PIPE_OUTCOME".into(), outcome.word().into()));
        env.push(("PIPE_CAUSE".into(), cause.into()));
    }
    // Scripts read secrets from variables, the checks of services as well.
    let script = step.action.script().map(|script| &script.text);
    let checks = step.service.iter().flat_map(|service| service.templates());
    for param in script.into_iter().chain(checks).flat_map(|text| &text.secrets) {
        if let Some(secret) = job.templates.secret(step.call, param) {
            env.push((TemplateRenderer::secret_variable(param).into(), secret.reveal().into()));
        }
    }
    Ok(env)
}

/// Returns the variables that tell a step where the services are that it reaches.
fn of_services(pipeline: &Pipeline, step: &Step, addresses: Option<&Addresses>) -> Vec<(OsString, OsString)> {
    let mut found = Vec::new();
    for service in pipeline.services_of(step).filter_map(|usage| pipeline.step(usage.step).service.as_ref()) {
        let name = &service.name;
        let (host, port) = match addresses.and_then(|addresses| addresses.get(name)) {
            Some(Address { host, ports }) => (host.clone(), ports.first().map(|(_, port)| port.to_string())),
            None => (
                TemplateRenderer::later_address(name, "host"),
                Some(TemplateRenderer::later_address(name, "port")),
            ),
        };
        found.push((Service::variable(name, "HOST").into(), host.into()));
        found.extend(port.map(|port| (Service::variable(name, "PORT").into(), port.into())));
    }
    found
}

/// Returns the variables that a step gets from files, which its own `env` may set anew. One that a secret
/// param takes reaches a container only where the step asks for the secret: engines show the environment.
fn from_files<'p>(pipeline: &'p Pipeline, step: &Step) -> impl Iterator<Item = (OsString, OsString)> + 'p {
    let in_container = step.is_in_container();
    let params = pipeline.params_in(step.call);
    let is_secret = move |name: &str| {
        let takes = |param: &Param| param.kind == ParamKind::Secret && param.env.as_deref() == Some(name);
        params.iter().any(takes)
    };
    let variables = pipeline.environment_in(step.call).variables.iter();
    variables
        .filter(move |(name, _)| !(in_container && is_secret(name)))
        .map(|(name, value)| (name.into(), value.into()))
}
