//! Outputs: what the whole run gives back, and which steps' a text reads.

use crate::file::raw::RawPipeline;
use crate::file::yaml::locate;
use crate::file::{Code, words};
use crate::pipeline::{
    Dependency, Group, GroupId, GroupKind, MembersRef, Need, OutputRef, RunOutput, Span, StatusRef, StepId,
    Template,
};
use crate::template::TextContext;

use super::Lowering;
use super::steps::Steps;

impl Lowering<'_> {
    /// The pipeline's `outputs`.
    pub(super) fn run_outputs(&mut self, raw: &RawPipeline, steps: &Steps<'_>) -> Vec<RunOutput> {
        let entries = raw.outputs.value().map(|entries| entries.0.as_slice()).unwrap_or_default();
        let mut outputs = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let (Some((name, at)), Some((text, text_at))) = (name.get(), value.get()) else { continue };
            self.output_name(name, at);
            let value = self.template(text, text_at, TextContext::Argument);
            self.read_by(&value, steps);
            outputs.push(RunOutput { name: name.clone(), at, value });
        }
        outputs
    }

    fn output_name(&mut self, name: &str, at: Span) {
        if !words::is_identifier(name) {
            let mended = words::as_identifier(name);
            let help = (!mended.is_empty()).then(|| format!("write `{mended}`"));
            let problem = self.at(Code::BadName, at, words::no_identifier("an output", name));
            self.report(problem.maybe_help(help));
        }
    }

    /// The steps that the texts of a step need, in the order of its texts: those whose outputs it reads, and those
    /// that it asks about.
    pub(super) fn needs(&mut self, id: StepId, steps: &Steps<'_>) -> Vec<Dependency> {
        let Some(step) = steps.list.get(id.index()) else { return Vec::new() };
        let mut found = Vec::new();
        let is_plain = |text: &Template| text.outputs.is_empty() && text.members.is_empty();
        for text in step.templates().filter(|text| !is_plain(text)) {
            found.extend(self.read_by(text, steps));
        }
        if let Some(Dependency { at, .. }) = found.iter().find(|needed| needed.step == id) {
            let message = format!("the step `{}` reads its own outputs", step.name);
            let problem = self.at(Code::SelfDependency, *at, message);
            self.report(problem.help("they are there once it has run: read them in a later step"));
        }
        found.retain(|needed| needed.step != id);
        if let Some(condition) = &step.condition {
            self.never(step, steps);
            found.extend(self.asked_by(Some(id), &condition.text, steps));
        }
        found
    }

    /// The steps that a condition asks about.
    pub(super) fn asked_by(
        &mut self,
        id: Option<StepId>,
        text: &Template,
        steps: &Steps<'_>,
    ) -> Vec<Dependency> {
        let mut found = Vec::new();
        for StatusRef { verdict: _, step: name, range } in &text.asks {
            let Some(name) = name else { continue };
            let at = locate(self.source, text.at, &text.source, range.clone());
            match steps.ids(name) {
                Some(asked) if id.is_some_and(|id| asked.contains(&id)) => {
                    let message = format!("the step asks how `{name}` has ended, and is that itself");
                    let problem = self.at(Code::SelfDependency, at, message);
                    self.report(problem.help("that is known once it has run: ask in a later step"));
                }
                Some(asked) => {
                    found.extend(asked.iter().map(|step| Dependency { step: *step, at, need: Need::Order }));
                }
                None if steps.is_open(name) => {}
                None => self.no_step(name, at, steps),
            }
        }
        found
    }

    pub(super) fn read_by(&mut self, text: &Template, steps: &Steps<'_>) -> Vec<Dependency> {
        let mut found = Vec::new();
        for OutputRef { step: name, key, range, is_optional } in &text.outputs {
            let at = locate(self.source, text.at, &text.source, range.clone());
            if let Some(call) = steps.calls_by_name.get(name.as_str()) {
                found.extend(self.outputs_of_call(*call, key.as_deref(), (at, *is_optional), steps));
                continue;
            }
            match steps.by_name.get(name.as_str()) {
                Some(&step) if steps.is_called(step) => self.inside(step, at, steps),
                Some(&step) => {
                    let need = if *is_optional { Need::Order } else { Need::Values };
                    found.push(Dependency { step, at, need });
                }
                None if steps.is_open(name) => {}
                None => match steps.groups_by_name.get(name.as_str()) {
                    Some(group) => self.outputs_of_group(*group, at, steps),
                    None => self.no_step(name, at, steps),
                },
            }
        }
        for MembersRef { group: name, range } in &text.members {
            let at = locate(self.source, text.at, &text.source, range.clone());
            let group = steps.groups_by_name.get(name.as_str()).and_then(|id| steps.groups.get(id.index()));
            match group {
                Some(Group { kind: GroupKind::Files, .. }) => {
                    let call = steps.calls_called(name).next().unwrap_or(name);
                    let message = format!("`{name}` is no matrix of one step: it uses a file");
                    let problem = self.at(Code::UnknownStep, at, message);
                    self.report(problem.help(format!("a value of it is `{}`", value_of(call))));
                }
                Some(Group { members, .. }) if members.first().is_some_and(|step| steps.is_called(*step)) => {
                    members.first().into_iter().for_each(|step| self.inside(*step, at, steps));
                }
                // A member that was passed over is one without outputs.
                Some(group) => {
                    let need = Need::Order;
                    found.extend(group.members.iter().map(|member| Dependency { step: *member, at, need }));
                }
                None if steps.by_name.contains_key(name.as_str()) => {
                    let problem = self.at(
                        Code::UnknownStep,
                        at,
                        format!("`{name}` is one step, and no group of several"),
                    );
                    self.report(problem.help(format!("a value of it is `steps.{name}.outputs.KEY`")));
                }
                None if steps.is_open(name) => {}
                None => self.no_step(name, at, steps),
            }
        }
        found
    }

    fn no_step(&mut self, name: &str, at: Span, steps: &Steps<'_>) {
        let help = self.nearest.help(name, steps.names());
        let problem = self.at(Code::UnknownStep, at, format!("there is no step `{name}`"));
        self.report(problem.maybe_help(help));
    }

    /// Several steps have outputs of the same names.
    fn outputs_of_group(&mut self, group: GroupId, at: Span, steps: &Steps<'_>) {
        let Some(Group { name, members, .. }) = steps.groups.get(group.index()) else { return };
        let first = members.first().and_then(|id| steps.list.get(id.index()));
        if let Some(call) = steps.calls_called(name).next() {
            let message = format!("`{name}` uses its file {} times", steps.calls_called(name).count());
            let problem = self.at(Code::GroupOutputs, at, message);
            self.report(problem.help(format!("each use has its own outputs: write `{}`", value_of(call))));
            return;
        }
        if let Some(step) = members.first().filter(|step| steps.is_called(**step)) {
            self.inside(*step, at, steps);
            return;
        }
        let first = first.map_or(name.as_str(), |step| step.name.as_str());
        let message = match members.len() {
            1 => format!("`{name}` has a matrix, and its steps have names of their own"),
            count => format!("{count} steps are called `{name}`, and each has its own outputs"),
        };
        let problem = self.at(Code::GroupOutputs, at, message);
        self.report(problem.help(format!(
            "write `steps['{first}'].outputs.KEY`, or go through `steps.{name}.members`, of which each has `name`, `matrix` and \
             `outputs`"
        )));
    }
}

/// How a text reads a value of a step.
fn value_of(step: &str) -> String {
    match words::is_identifier(step) {
        true => format!("steps.{step}.outputs.KEY"),
        false => format!("steps['{step}'].outputs.KEY"),
    }
}
