//! `depends_on`, and the steps whose outputs a step reads: names → steps.

use std::collections::HashSet;

use crate::pipeline::{Dependency, Need, Span, StepId};

use crate::file::Code;

use super::Lowering;
use super::steps::Steps;

impl Lowering<'_> {
    pub(super) fn depend(&mut self, steps: &mut Steps<'_>) {
        // By step: which one has named it last.
        let mut named_by = vec![None; steps.list.len()];
        for position in 0..steps.splices.len() {
            self.depend_call(steps, position);
        }
        for index in 0..steps.raw.len() {
            if steps.is_called(StepId::new(index)) {
                continue;
            }
            self.look_at(steps, StepId::new(index));
            let dependencies = self.dependencies(steps, index, &mut named_by);
            if let Some(step) = steps.list.get_mut(index) {
                step.depends_on = dependencies;
            }
        }
        self.said = None;
    }

    fn dependencies(
        &mut self,
        steps: &mut Steps<'_>,
        index: usize,
        named_by: &mut [Option<usize>],
    ) -> Vec<Dependency> {
        let id = StepId::new(index);
        let Some(names) = steps.keys(id).map(|raw| raw.depends_on.entries()) else { return Vec::new() };
        let mut dependencies = Vec::with_capacity(names.len());
        let mut unknown = HashSet::new();
        for (text, at) in names {
            let Some(name) = self.name_for(steps, id, text, at) else { continue };
            let Some(named) = steps.ids(&name) else {
                if !steps.is_open(&name) && unknown.insert(name.clone()) {
                    self.unknown_dependency(&name, at, steps);
                }
                continue;
            };
            if named.contains(&id) {
                let problem = match steps.by_name.contains_key(name.as_ref()) {
                    true => self.at(Code::SelfDependency, at, format!("the step `{name}` depends on itself")),
                    false => self.at(
                        Code::SelfDependency,
                        at,
                        format!("the steps of `{name}` depend on themselves"),
                    ),
                };
                if named_by.get_mut(index).is_some_and(|by| by.replace(index) != Some(index)) {
                    self.report(problem.help("remove it from `depends_on`"));
                }
                continue;
            }
            for step in named {
                let is_repeated =
                    named_by.get_mut(step.index()).is_some_and(|by| by.replace(index) == Some(index));
                if !is_repeated {
                    dependencies.push(Dependency { step: *step, at, need: Need::Order });
                }
            }
        }
        for needed in self.needs(id, steps) {
            let is_named =
                named_by.get_mut(needed.step.index()).is_some_and(|by| by.replace(index) == Some(index));
            match dependencies.iter_mut().find(|known| is_named && known.step == needed.step) {
                Some(known) => known.need = known.need.max(needed.need),
                None => dependencies.push(needed),
            }
        }
        dependencies
    }

    pub(super) fn unknown_dependency(&mut self, name: &str, at: Span, steps: &Steps<'_>) {
        if steps.services.contains_key(name) {
            let problem = self.at(Code::ServiceOrder, at, "a service is not waited for by `depends_on`");
            self.report(
                problem
                    .help(format!("write `services: {name}`: what uses a service starts once that is ready")),
            );
            return;
        }
        let help = match name.contains([',', ' ']) {
            true => Some(format!("several steps are a list: `depends_on: [{}]`", listed(name))),
            false => self.nearest.help(name, steps.names()),
        };
        let problem = self.at(Code::UnknownStep, at, format!("there is no step `{name}`"));
        self.report(problem.maybe_help(help));
    }

    /// Turns to a step. What is wrong with many steps of a matrix alike is said once.
    pub(super) fn look_at(&mut self, steps: &Steps<'_>, id: StepId) {
        let is_member = steps.list.get(id.index()).is_some_and(|step| step.member.is_some());
        match (is_member, &mut self.said) {
            (true, None) => self.said = Some(HashSet::new()),
            (true, Some(_)) | (false, None) => {}
            (false, Some(_)) => self.said = None,
        }
    }
}

/// Names in a row, as a list has them.
fn listed(names: &str) -> String {
    names.split([',', ' ']).filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ")
}
