//! `depends_on`, and the steps whose outputs a step reads: names → steps.

use std::collections::HashSet;

use crate::pipeline::{Dependency, Need, StepId};

use crate::file::Code;

use super::Lowering;
use super::steps::Steps;

impl Lowering<'_> {
    pub(super) fn depend(&mut self, steps: &mut Steps<'_>) {
        // By step: which one has named it last.
        let mut named_by = vec![None; steps.list.len()];
        for (index, raw) in steps.raw.iter().enumerate() {
            let names = raw.depends_on.entries();
            let mut dependencies = Vec::with_capacity(names.len());
            let mut unknown = HashSet::new();
            for (name, at) in names {
                let step = steps.by_name.get(name.as_str());
                let is_repeated = match step.and_then(|step| named_by.get_mut(step.index())) {
                    Some(by) => by.replace(index) == Some(index),
                    None => !unknown.insert(name),
                };
                match step {
                    _ if is_repeated => {}
                    Some(step) if *step == StepId::new(index) => {
                        let problem =
                            self.at(Code::SelfDependency, at, format!("the step `{name}` depends on itself"));
                        self.report(problem.help("remove it from `depends_on`"));
                    }
                    Some(step) => dependencies.push(Dependency { step: *step, at, need: Need::Order }),
                    None => {
                        let names = steps.list.iter().map(|step| step.name.as_str());
                        let is_list = name.contains([',', ' ']);
                        let help = match is_list {
                            true => {
                                Some(format!("several steps are a list: `depends_on: [{}]`", listed(name)))
                            }
                            false => self.nearest.help(name, names),
                        };
                        let problem = self
                            .at(Code::UnknownStep, at, format!("there is no step `{name}`"))
                            .maybe_help(help);
                        self.report(problem);
                    }
                }
            }
            for needed in self.needs(StepId::new(index), steps) {
                match dependencies.iter_mut().find(|dependency| dependency.step == needed.step) {
                    Some(known) => known.need = known.need.max(needed.need),
                    None => dependencies.push(needed),
                }
            }
            if let Some(step) = steps.list.get_mut(index) {
                step.depends_on = dependencies;
            }
        }
    }
}

/// Names in a row, as a list has them.
fn listed(names: &str) -> String {
    names.split([',', ' ']).filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ")
}
