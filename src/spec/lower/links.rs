//! `depends_on`, and the steps whose outputs a step reads: names → steps.

use std::collections::HashSet;

use crate::pipeline::{Dependency, StepId};

use crate::spec::Code;

use super::Lowering;
use super::steps::Steps;

impl Lowering<'_> {
    pub(super) fn depend(&mut self, steps: &mut Steps<'_>) {
        for (index, raw) in steps.raw.iter().enumerate() {
            let mut named = HashSet::new();
            let mut dependencies = Vec::new();
            for (name, at) in raw.depends_on.entries() {
                if !named.insert(name) {
                    continue;
                }
                match steps.by_name.get(name.as_str()) {
                    Some(step) if *step == StepId::new(index) => {
                        let problem =
                            self.at(Code::SelfDependency, at, format!("the step `{name}` depends on itself"));
                        self.report(problem.help("remove it from `depends_on`"));
                    }
                    Some(step) => dependencies.push(Dependency { step: *step, at }),
                    None => {
                        let names = steps.list.iter().map(|step| step.name.as_str());
                        let help = self.nearest.help(name, names);
                        let problem = self
                            .at(Code::UnknownStep, at, format!("there is no step `{name}`"))
                            .maybe_help(help);
                        self.report(problem);
                    }
                }
            }
            for (read, at) in self.reads(StepId::new(index), steps) {
                if !dependencies.iter().any(|dependency| dependency.step == read) {
                    dependencies.push(Dependency { step: read, at });
                }
            }
            if let Some(step) = steps.list.get_mut(index) {
                step.depends_on = dependencies;
            }
        }
    }
}
