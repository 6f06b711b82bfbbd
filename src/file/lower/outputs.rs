//! Outputs: what the whole run gives back, and which steps' a text reads.

use crate::file::raw::RawPipeline;
use crate::file::yaml::locate;
use crate::file::{Code, words};
use crate::pipeline::{Dependency, Need, OutputRef, RunOutput, Span, StatusRef, StepId, Template};
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
        for text in step.templates().filter(|text| !text.outputs.is_empty() || !text.asks.is_empty()) {
            let before = found.len();
            found.extend(self.read_by(text, steps));
            let itself = found.get(before..).unwrap_or_default().iter().find(|needed| needed.step == id);
            if let Some(Dependency { at, .. }) = itself {
                let message = format!("the step `{}` reads its own outputs", step.name);
                let problem = self.at(Code::SelfDependency, *at, message);
                self.report(problem.help("they are there once it has run: read them in a later step"));
            }
            found.retain(|needed| needed.step != id);
            found.extend(self.asked_by(id, text, steps));
        }
        self.never(step, steps);
        found
    }

    fn read_by(&mut self, text: &Template, steps: &Steps<'_>) -> Vec<Dependency> {
        let mut found = Vec::new();
        for OutputRef { step: name, key: _, range, is_optional } in &text.outputs {
            let at = locate(self.source, text.at, &text.source, range.clone());
            let need = if *is_optional { Need::Order } else { Need::Values };
            let step = self.step_named(name, at, steps);
            found.extend(step.map(|step| Dependency { step, at, need }));
        }
        found
    }

    /// The steps that a text asks about.
    fn asked_by(&mut self, id: StepId, text: &Template, steps: &Steps<'_>) -> Vec<Dependency> {
        let mut found = Vec::new();
        for StatusRef { verdict: _, step: name, range } in &text.asks {
            let Some(name) = name else { continue };
            let at = locate(self.source, text.at, &text.source, range.clone());
            match self.step_named(name, at, steps) {
                Some(step) if step == id => {
                    let message = format!("the step `{name}` asks how it has ended itself");
                    let problem = self.at(Code::SelfDependency, at, message);
                    self.report(problem.help("that is known once it has run: ask in a later step"));
                }
                step => found.extend(step.map(|step| Dependency { step, at, need: Need::Order })),
            }
        }
        found
    }

    /// The step of a name; if there is none, that is reported.
    fn step_named(&mut self, name: &str, at: Span, steps: &Steps<'_>) -> Option<StepId> {
        let step = steps.by_name.get(name).copied();
        if step.is_none() {
            let names = steps.list.iter().map(|step| step.name.as_str());
            let help = self.nearest.help(name, names);
            let problem = self.at(Code::UnknownStep, at, format!("there is no step `{name}`"));
            self.report(problem.maybe_help(help));
        }
        step
    }
}
