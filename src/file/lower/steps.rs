//! Steps, each by itself: name, script, environment, policy.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::file::paths::unexpanded;
use crate::file::raw::{RawDefaults, RawPipeline, RawStep};
use crate::file::words::{self, ValueError};
use crate::file::yaml::{Entries, Field};
use crate::file::{Code, LoadOptions};
use crate::pipeline::{
    Action, Container, EnvVar, Group, GroupId, Role, Script, Shell, Span, Step, StepId, Template,
};
use crate::template::{Names, TextContext, runs_in_environment};

use super::Lowering;
use super::calls::names;
use super::container::ContainerDefaults;
use super::containers::SharedContainers;
pub(super) use super::list::Steps;
use super::list::{Written, stream_groups};
use super::policy::PolicyDefaults;
use super::shell;

/// What holds for steps that say nothing.
pub(super) struct Defaults<'r> {
    pub(super) shell: Shell,
    pub(super) working_dir: Option<Template>,
    pub(super) env: Vec<EnvVar>,
    pub(super) policy: PolicyDefaults,
    pub(super) container: ContainerDefaults,
    containers: SharedContainers<'r>,
}

impl Lowering<'_> {
    pub(super) fn steps<'r>(&mut self, raw: &'r RawPipeline, options: &LoadOptions) -> Steps<'r> {
        let defaults = self.defaults(raw, options);
        let entries = raw.steps.value().map(Vec::as_slice).unwrap_or_default();
        if entries.is_empty() && (raw.steps.is_missing() || raw.steps.value().is_some()) {
            let at = raw.steps.at().unwrap_or_default();
            let problem = self.at(Code::NoSteps, at, "the pipeline has no steps");
            self.report(problem.help("add at least one: `steps: [{name: build, run: make}]`"));
        }
        let count = entries.len();
        let mut steps = Steps {
            list: Vec::with_capacity(count),
            raw: Vec::with_capacity(count),
            by_name: HashMap::with_capacity(count),
            groups: Vec::new(),
            groups_by_name: HashMap::new(),
            services: HashMap::new(),
            calls: Vec::new(),
            calls_by_name: HashMap::new(),
            splices: Vec::new(),
            open: Vec::new(),
            texts: Vec::new(),
        };
        self.names.steps = true;
        self.names.services = true;
        self.stream_groups = stream_groups(entries.iter().filter_map(Field::value));
        self.stream_groups.extend(names::of_calls(self.place.files, entries.iter().filter_map(Field::value)));
        for (raw, at) in entries.iter().filter_map(Field::get) {
            if !raw.uses.is_missing() {
                self.call(raw, at, &mut steps, options);
                continue;
            }
            self.only_with_uses(raw);
            if !raw.matrix.is_missing() {
                self.unroll(raw, at, &mut steps, &defaults);
                continue;
            }
            let name = self.step_name(raw, at, &mut steps);
            let step = self.step(name, raw, at, &defaults);
            steps.list.push(step);
            steps.raw.push(Written::Here(raw));
        }
        self.services(raw, &mut steps, &defaults);
        self.add_containers(defaults.containers, &mut steps);
        self.names.services = false;
        self.names.inputs.clear();
        self.names.gathered.clear();
        self.names.role = Role::Ordinary;
        steps
    }

    fn defaults<'r>(&mut self, raw: &'r RawPipeline, options: &LoadOptions) -> Defaults<'r> {
        let nothing = RawDefaults::default();
        let defaults = raw.defaults.value().unwrap_or(&nothing);
        let container = self.container_defaults(&defaults.image, options);
        Defaults {
            shell: self.shell(&defaults.shell).unwrap_or_default(),
            working_dir: self.working_dir(&defaults.working_dir),
            env: self.env(&raw.env),
            policy: self.policy_defaults(raw),
            containers: self.shared_containers(raw, &container),
            container,
        }
    }

    /// The name, put on the list of names; empty if there is none.
    pub(super) fn step_name<'r>(&mut self, raw: &'r RawStep, at: Span, steps: &mut Steps<'r>) -> &'r str {
        let Some((name, at)) = raw.name.get() else {
            if raw.name.is_missing() {
                let problem = self.at(Code::MissingKey, at, "this step has no `name`");
                self.report(problem.help("add one, such as `name: build`"));
            }
            return "";
        };
        self.check_name("a step", name, at);
        if raw.matrix.is_missing() && raw.uses.is_missing() {
            self.add_name(name.into(), at, StepId::new(steps.list.len()), steps);
        } else if self.is_new_name(name, at, steps) {
            steps.groups_by_name.insert(name.into(), GroupId::new(steps.groups.len()));
        }
        name
    }

    /// Puts the name of a step on the list of names.
    pub(super) fn add_name<'r>(&mut self, name: Cow<'r, str>, at: Span, id: StepId, steps: &mut Steps<'r>) {
        if self.is_new_name(&name, at, steps) {
            steps.by_name.insert(name, id);
        }
    }

    /// Takes up a group that a call has brought. Where names that are written stand, its name is taken like theirs.
    pub(super) fn add_called_group(&mut self, group: Group, is_named: bool, steps: &mut Steps<'_>) {
        let name = group.name.clone();
        // A call without a matrix is on the list already.
        let is_listed = steps.groups_by_name.get(name.as_str()) == Some(&GroupId::new(steps.groups.len()));
        if is_named && !is_listed && self.is_new_name(&name, group.at, steps) {
            steps.groups_by_name.insert(name.into(), GroupId::new(steps.groups.len()));
        }
        steps.add_group(group, Names::default());
    }

    /// Whether no step and no group has a name so far; else it is reported.
    pub(super) fn is_new_name(&mut self, name: &str, at: Span, steps: &Steps<'_>) -> bool {
        let step = |id: &StepId| steps.list.get(id.index()).map(|step| step.at);
        let service = steps.services.get(name).and_then(step);
        let group = || steps.groups_by_name.get(name).and_then(|id| steps.groups.get(id.index()));
        let first = steps.by_name.get(name).and_then(step).or_else(|| group().map(|group| group.at));
        let first = first.or(service);
        match first {
            Some(first) if service.is_some() => {
                let problem =
                    self.at(Code::DuplicateStep, at, format!("a service is called `{name}` as well"));
                self.report(problem.also(first, "the service").help("give one of them another name"));
            }
            Some(first) if first == at => {
                let problem = self.at(
                    Code::DuplicateStep,
                    at,
                    format!("an alias repeats the step `{name}`, its name too"),
                );
                self.report(
                    problem.help("merge it into a step with a name of its own: `{<<: *alias, name: other}`"),
                );
            }
            Some(first) => {
                let problem =
                    self.at(Code::DuplicateStep, at, format!("there are two steps called `{name}`"));
                self.report(problem.also(first, "the first one").help("give one of them another name"));
            }
            None => {}
        }
        first.is_none()
    }

    pub(super) fn step(&mut self, name: &str, raw: &RawStep, whole: Span, defaults: &Defaults<'_>) -> Step {
        let at = raw.name.at().unwrap_or(whole);
        self.name_inputs(raw);
        let role = self.role(raw);
        let shared = self.shared(name, raw, &defaults.containers);
        let mut env = defaults.env.clone();
        env.extend_from_slice(defaults.containers.env(shared));
        env.extend(self.env(&raw.env));
        let action = self.action(name, raw, at, defaults);
        let policy = self.policy(raw, &defaults.policy);
        let (policy, early) = self.in_role(raw, role, policy);
        Step {
            description: raw.description.value().cloned(),
            role,
            condition: self.condition(raw),
            admission: self.admission(raw),
            container: self.own_container(name, raw, at, &defaults.container),
            kubernetes: self.step_kubernetes(raw),
            shared,
            user: if raw.container.is_missing() { None } else { self.plain(&raw.user) },
            env,
            secrets: self.secrets(raw),
            working_dir: self.working_dir(&raw.working_dir).or_else(|| defaults.working_dir.clone()),
            produces: self.produces(raw),
            terminal: self.terminal(name, raw, &defaults.container),
            policy,
            early,
            ..Step::new(name, at, action)
        }
    }

    /// The container of a step that shares none.
    fn own_container(
        &mut self,
        name: &str,
        raw: &RawStep,
        at: Span,
        defaults: &ContainerDefaults,
    ) -> Option<Box<Container>> {
        if !raw.container.is_missing() {
            return None;
        }
        self.container(("step", name), raw, at, defaults).map(Box::new)
    }

    /// What the step does: its script, or the program of its container.
    pub(super) fn action(&mut self, name: &str, raw: &RawStep, at: Span, defaults: &Defaults<'_>) -> Action {
        match self.exec(raw) {
            Some(exec) if raw.run.is_missing() => Action::Exec(exec),
            Some(_) => {
                let (key, key_at) = match raw.entrypoint.at() {
                    Some(at) => ("entrypoint", at),
                    None => ("args", raw.args.at().unwrap_or(at)),
                };
                let problem =
                    self.at(Code::TwoPrograms, key_at, format!("`run` and `{key}` both say what runs"));
                self.report(
                    problem
                        .also(raw.run.at().unwrap_or(at), "the script")
                        .help("remove one: `run` goes through a shell, `entrypoint` and `args` do not"),
                );
                Action::Run(self.script(name, raw, at, defaults))
            }
            None => Action::Run(self.script(name, raw, at, defaults)),
        }
    }

    fn script(&mut self, name: &str, raw: &RawStep, at: Span, defaults: &Defaults<'_>) -> Script {
        let shell = self.shell(&raw.shell).unwrap_or_else(|| defaults.shell.clone());
        let text = match raw.run.get() {
            Some((text, at)) if text.trim().is_empty() => {
                let problem =
                    self.at(Code::MissingKey, at, format!("the step `{name}` runs nothing: `run` is empty"));
                self.report(problem.help("write the command, such as `run: make`"));
                Template::literal("", at)
            }
            Some((text, at)) => self.template(text, at, shell::place(&shell)),
            None => {
                if raw.run.is_missing() {
                    let which =
                        if name.is_empty() { "this step".to_owned() } else { format!("the step `{name}`") };
                    let problem = self.at(Code::MissingKey, at, format!("{which} has no `run`"));
                    self.report(problem.help("add the command, such as `run: make`"));
                }
                Template::literal("", at)
            }
        };
        Script { shell, text }
    }

    pub(super) fn working_dir(&mut self, field: &Field<String>) -> Option<Template> {
        let (text, at) = field.get()?;
        if text.is_empty() {
            let problem = self.at(Code::BadPath, at, "`working_dir` is empty");
            self.report(problem.help("name a folder, or leave it out"));
            return None;
        }
        self.path("working_dir", text, at);
        Some(self.template(text, at, TextContext::Plain))
    }

    /// Reports a path with something in it that only a shell replaces.
    pub(super) fn path(&mut self, key: &str, text: &str, at: Span) {
        if let Some(ValueError { message, help }) = unexpanded(text) {
            let problem = self.at(Code::BadPath, at, format!("`{key}`: {message}")).maybe_help(help);
            self.report(problem);
        }
    }

    fn produces(&mut self, raw: &RawStep) -> Vec<Template> {
        let mut patterns = Vec::new();
        for (text, at) in raw.produces.entries() {
            if text.trim().is_empty() {
                let problem = self.at(Code::BadPath, at, "`produces` names nothing");
                self.report(problem.help("name a file, a folder or a pattern, such as `out/*.tar.gz`"));
            } else {
                self.path("produces", text, at);
                patterns.push(self.template(text, at, TextContext::Argument));
            }
        }
        patterns
    }

    pub(super) fn env(&mut self, field: &Field<Entries<String>>) -> Vec<EnvVar> {
        let entries = field.value().map(|entries| entries.0.as_slice()).unwrap_or_default();
        let mut variables = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            if let Some((name, at)) = name.get() {
                self.env_name(name, at);
                if let Some((value, at)) = value.get() {
                    let place =
                        if runs_in_environment(name) { TextContext::Commands } else { TextContext::Plain };
                    variables.push(EnvVar { name: name.clone(), value: self.template(value, at, place) });
                }
            }
        }
        variables
    }

    /// Whether a name can be an environment variable's; if not, it is reported.
    pub(super) fn env_name(&mut self, name: &str, at: Span) -> bool {
        let good = words::is_identifier(name);
        if !good {
            let message = words::no_identifier("an environment variable", name);
            let mended = words::as_identifier(name);
            let help = (!mended.is_empty()).then(|| format!("write `{mended}`"));
            let problem = self.at(Code::BadName, at, message).maybe_help(help);
            self.report(problem);
        }
        good
    }

    /// Reports a name of a step or a stream that is not made of what such names are made of.
    pub(super) fn check_name(&mut self, what: &str, name: &str, at: Span) {
        if !words::is_name(name) {
            let message = words::no_name(what, name);
            let mended = words::as_name(name);
            let help = match name.contains("{{") {
                true => Some("a name is the same in every run, and has no templates".to_owned()),
                false if mended.is_empty() => Some("name it after what it does, such as `build`".to_owned()),
                false => Some(format!("write `{mended}`")),
            };
            let problem = self.at(Code::BadName, at, message).maybe_help(help);
            self.report(problem);
        }
    }
}
