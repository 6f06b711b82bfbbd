//! `containers`, and the steps that run in them.

use std::collections::HashMap;

use crate::file::Code;
use crate::file::raw::{RawContainer, RawPipeline, RawStep, RawUsedServices};
use crate::file::yaml::Field;
use crate::pipeline::{Action, Container, EnvVar, Role, Span, Step, StepId, Usage};

use super::Lowering;
use super::container::{ContainerDefaults, ContainerKeys};
use super::list::Written;
use super::steps::Steps;

/// The shared containers of a file, in its order.
#[derive(Debug, Default)]
pub(super) struct SharedContainers<'r> {
    list: Vec<SharedContainer<'r>>,
    /// Their positions.
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
struct SharedContainer<'r> {
    name: String,
    at: Span,
    /// Nothing where something is wrong with it.
    container: Option<Container>,
    /// The variables of every step in it.
    env: Vec<EnvVar>,
    /// The services that it uses, and with it the steps in it.
    services: Option<&'r Field<RawUsedServices>>,
}

impl SharedContainers<'_> {
    /// Returns the variables of the steps in a container, by its position.
    pub(super) fn env(&self, usage: Option<Usage>) -> &[EnvVar] {
        usage.and_then(|usage| self.list.get(usage.step.index())).map_or(&[], |it| it.env.as_slice())
    }
}

impl Lowering<'_> {
    /// Lowers `containers`. Their texts are the same for all steps.
    pub(super) fn shared_containers<'r>(
        &mut self,
        raw: &'r RawPipeline,
        defaults: &ContainerDefaults,
    ) -> SharedContainers<'r> {
        let mut all = SharedContainers::default();
        let entries = raw.containers.value().map(|entries| entries.0.as_slice()).unwrap_or_default();
        let nothing = RawContainer::default();
        for (name, keys) in entries {
            let Some((name, at)) = name.get() else { continue };
            self.check_name("a container", name, at);
            let is_told = keys.at().is_some() && keys.value().is_none();
            let services = keys.value().map(|keys| &keys.services);
            let keys = keys.value().unwrap_or(&nothing);
            let container = self.with_image(("container", name), &ContainerKeys::from(keys), at, defaults);
            let has_image = keys.image.at().is_some() || keys.build.at().is_some();
            if container.is_none() && !has_image && !is_told {
                let problem = self.at(Code::NeedsImage, at, format!("the container `{name}` has no image"));
                self.report(problem.help(format!("add one, such as `{name}: {{image: \"alpine:3.20\"}}`")));
            }
            all.by_name.insert(name.clone(), all.list.len());
            self.names.services = services.is_some_and(|services| !services.is_missing());
            let env = self.env(&keys.env);
            self.names.services = false;
            all.list.push(SharedContainer { name: name.clone(), at, container, env, services });
        }
        all
    }

    /// The container that a step shares with others. Its id is the position among the containers, until all steps are
    /// known. Keys that belong to the container are reported.
    pub(super) fn shared(&mut self, name: &str, raw: &RawStep, all: &SharedContainers<'_>) -> Option<Usage> {
        let (wanted, at) = raw.container.get()?;
        let Some(&position) = all.by_name.get(wanted) else {
            self.unknown_container(wanted, at, all);
            return None;
        };
        let keys: Vec<(&str, Span)> = ContainerKeys::from(raw).of_container_alone().collect();
        for (key, key_at) in keys {
            let one = if key == "services" { "the same" } else { "one" };
            let message = format!(
                "the step `{name}` runs in the container `{wanted}`, which has {one} `{key}` for all"
            );
            let problem = self.at(Code::SharedKey, key_at, message).also(at, "it shares the container here");
            self.report(problem.help(match key {
                "image" | "build" => format!("remove `{key}`, or `container`: then the step has a container of its own"),
                _ => format!("move it to `{wanted}` under `containers`, or give the step a container of its own by `image`"),
            }));
        }
        Some(Usage { step: StepId::new(position), at })
    }

    fn unknown_container(&mut self, wanted: &str, at: Span, all: &SharedContainers<'_>) {
        let names = all.list.iter().map(|it| it.name.as_str());
        let near = self.nearest.help(wanted, names);
        let is_image = all.list.is_empty() || wanted.contains([':', '/']);
        let help = match near {
            _ if is_image => {
                format!(
                    "`container` names one of `containers`; a step that shares none has `image: \"{wanted}\"`"
                )
            }
            Some(near) => near,
            None => format!(
                "declare it at the top of the file: `containers: {{{wanted}: {{image: \"alpine:3.20\"}}}}`"
            ),
        };
        let problem = self.at(Code::UnknownContainer, at, format!("there is no container `{wanted}`"));
        self.report(problem.help(help));
    }

    /// Puts the containers behind the steps, and has the steps in them know their ids.
    pub(super) fn add_containers(&mut self, all: SharedContainers<'_>, steps: &mut Steps<'_>) {
        let first = steps.list.len();
        for (step, written) in steps.list.iter_mut().zip(&steps.raw) {
            // Those of other files are known already.
            if let (Some(usage), Written::Here(_)) = (&mut step.shared, written) {
                usage.step = StepId::new(first + usage.step.index());
            }
        }
        for SharedContainer { name, at, container, env: _, services } in all.list {
            self.is_new_name(&name, at, steps);
            let step = Step { role: Role::Container, ..Step::new(name, at, Action::Wait) };
            let services = services.map(|services| self.used(None, services, steps)).unwrap_or_default();
            steps.list.push(Step { container: container.map(Box::new), services, ..step });
        }
    }
}
