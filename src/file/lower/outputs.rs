//! Outputs: what the whole run gives back, and which steps' a text reads.

use crate::file::raw::RawPipeline;
use crate::file::yaml::locate;
use crate::file::{Code, words};
use crate::pipeline::{OutputRef, RunOutput, Span, StepId, Template};
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

    /// The steps whose outputs a step reads, in the order of its texts.
    pub(super) fn reads(&mut self, id: StepId, steps: &Steps<'_>) -> Vec<(StepId, Span)> {
        let Some(step) = steps.list.get(id.index()) else { return Vec::new() };
        let mut found = Vec::new();
        for text in step.templates().filter(|text| !text.outputs.is_empty()) {
            found.extend(self.read_by(text, steps));
        }
        if let Some((_, at)) = found.iter().find(|(read, _)| *read == id) {
            let message = format!("the step `{}` reads its own outputs", step.name);
            let problem = self.at(Code::SelfDependency, *at, message);
            self.report(problem.help("they are there once it has run: read them in a later step"));
        }
        found.retain(|(read, _)| *read != id);
        found
    }

    fn read_by(&mut self, text: &Template, steps: &Steps<'_>) -> Vec<(StepId, Span)> {
        let mut found = Vec::new();
        for OutputRef { step: name, range, .. } in &text.outputs {
            let at = locate(self.source, text.at, &text.source, range.clone());
            match steps.by_name.get(name.as_str()) {
                Some(&step) => found.push((step, at)),
                None => {
                    let names = steps.list.iter().map(|step| step.name.as_str());
                    let help = self.nearest.help(name, names);
                    let problem = self.at(Code::UnknownStep, at, format!("there is no step `{name}`"));
                    self.report(problem.maybe_help(help));
                }
            }
        }
        found
    }
}
