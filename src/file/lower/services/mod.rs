//! `services`: what each is, how it says that it is ready, and which steps use it.

mod ports;
mod readiness;
#[cfg(test)]
mod tests;
mod users;

use std::collections::HashMap;

use crate::file::Code;
use crate::file::raw::{RawPipeline, RawRetry, RawService, RawStep};
use crate::pipeline::{
    Action, EarlySetting, Exec, Policy, PolicyKey, Retry, Role, Script, Service, Span, Step, StepId, Template,
};

use super::Lowering;
use super::list::{Steps, Written};
use super::steps::Defaults;

/// The longest name of a service: containers find it by that name.
const LONGEST_NAME: usize = 63;

impl Lowering<'_> {
    /// Puts the services of the file behind its steps.
    pub(super) fn services<'r>(
        &mut self,
        raw: &'r RawPipeline,
        steps: &mut Steps<'r>,
        defaults: &Defaults<'r>,
    ) {
        let entries = raw.services.value().map(|entries| entries.0.as_slice()).unwrap_or_default();
        let mut variables: HashMap<String, &str> = HashMap::new();
        for (name, keys) in entries {
            let Some((name, at)) = name.get() else { continue };
            self.service_name(name, at);
            if let Some(other) = variables.insert(Service::variable(name, "PORT"), name) {
                let message = format!("`{other}` and `{name}` would be found under the same variable");
                let problem = self.at(Code::BadName, at, message);
                self.report(problem.help("let them differ in more than capitals and signs"));
            }
            let id = StepId::new(steps.list.len());
            self.is_new_service(name, at, steps);
            steps.services.entry(name.as_str().into()).or_insert(id);
            let Some((keys, _)) = keys.get() else { continue };
            let service = self.service(name, at, keys, defaults);
            steps.list.push(service);
            steps.raw.push(Written::Here(&keys.step));
        }
    }

    fn is_new_service(&mut self, name: &str, at: Span, steps: &Steps<'_>) {
        let first = steps.ids(name).and_then(|ids| steps.list.get(ids.first()?.index()));
        if let Some(first) = first {
            let message = format!("a step and a service are both called `{name}`");
            let problem = self.at(Code::DuplicateStep, at, message).also(first.at, "the step");
            self.report(problem.help("give one of them another name"));
        }
    }

    /// Reports a name that cannot be that of a host.
    fn service_name(&mut self, name: &str, at: Span) {
        let is_part = |each: char| each.is_ascii_alphanumeric() || "_.-".contains(each);
        let is_host = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(is_part)
            && name.len() <= LONGEST_NAME;
        if !is_host {
            let message =
                format!("`{name}` cannot be the name of a service: containers find it by that name");
            let problem = self.at(Code::BadName, at, message);
            self.report(problem.help(format!(
                "begin with a letter from a to z; letters, digits, `_`, `.` and `-` follow, {LONGEST_NAME} in all"
            )));
        }
    }

    fn service(&mut self, name: &str, at: Span, keys: &RawService, defaults: &Defaults<'_>) -> Step {
        let raw = &keys.step;
        self.names.inputs.clear();
        self.names.gathered.clear();
        self.names.matrix = None;
        self.names.role = Role::Service;
        let mut env = defaults.env.clone();
        env.extend(self.env(&raw.env));
        let action = self.service_action(name, raw, at, defaults);
        let container = self.container(("service", name), raw, at, &defaults.container);
        let ports = self.ports(name, &keys.ports, container.is_some());
        let readiness = self.readiness(name, &keys.healthcheck);
        let (policy, early) = self.service_policy(raw, defaults);
        let is_of_image = container.is_some() && matches!(action, Action::Exec(_));
        let working_dir = self.working_dir(&raw.working_dir);
        Step {
            description: raw.description.value().cloned(),
            role: Role::Service,
            service: Some(Box::new(Service { name: name.to_owned(), ports, readiness })),
            container: container.map(Box::new),
            env,
            secrets: self.secrets(raw),
            // A program of an image starts where its image has it start.
            working_dir: working_dir.or_else(|| defaults.working_dir.clone().filter(|_| !is_of_image)),
            policy,
            early,
            ..Step::new(name, at, action)
        }
    }

    /// What a service runs: as a step does, or, without a script, the program of its image.
    fn service_action(&mut self, name: &str, raw: &RawStep, at: Span, defaults: &Defaults<'_>) -> Action {
        let has_program =
            [raw.run.at(), raw.entrypoint.at(), raw.args.at()].into_iter().flatten().next().is_some();
        let has_image = raw.image.at().is_some() || raw.build.at().is_some();
        if has_program {
            return self.action(name, raw, at, defaults);
        }
        if !has_image {
            let message = format!("the service `{name}` has neither an image nor a script");
            let problem = self.at(Code::MissingKey, at, message);
            self.report(problem.help("add one: `image: \"postgres:16\"` runs the program of an image, `run: ./server` one of yours"));
            let text = Template::literal("", at);
            return Action::Run(Script { shell: defaults.shell.clone(), text });
        }
        Action::Exec(Exec { entrypoint: None, args: Vec::new() })
    }

    /// The policy of a service: no limit holds for what runs as long as others do.
    fn service_policy(&mut self, raw: &RawStep, defaults: &Defaults<'_>) -> (Policy, Vec<EarlySetting>) {
        let (Policy { timeout: _, on_error, retry }, mut early) = self.policy(raw, &defaults.policy);
        if let Some(RawRetry::Full(keys)) = raw.retry.value()
            && let Some(at) = keys.timeout.at()
        {
            let problem =
                self.at(Code::ServiceKey, at, "an attempt of a service has no end to be waited for");
            self.report(problem.help(
                "how long it may take to be ready is `healthcheck: {start_period: 10s, interval: 1s, retries: 60}`",
            ));
        }
        early.retain(|setting| match setting.key {
            PolicyKey::Timeout | PolicyKey::RetryTimeout => false,
            PolicyKey::RetryCount | PolicyKey::RetryDelay | PolicyKey::RetryMaxDelay => true,
        });
        let retry = retry.map(|retry| Retry { timeout: None, ..retry });
        (Policy { timeout: None, on_error, retry }, early)
    }
}
