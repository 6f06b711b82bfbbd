//! The outputs that a text reads, by the names that its own file has for the steps.

use std::sync::Arc;

use super::calls::CallContext;
use super::render::{Scope, StepOutputsMode, TemplateRenderer};
use super::{StepOutputs, TemplateError, TemplateErrorKind};
use crate::pipeline::{CallId, OutputRef, Outputs, RunOutput, Text};

/// The outputs that a text reads, where its names are not those of the run.
pub(super) struct Seen(Option<StepOutputs>);

impl Seen {
    /// Returns where the text finds outputs.
    pub(super) fn mode<'s>(&'s self, all: StepOutputsMode<'s>) -> StepOutputsMode<'s> {
        match (&self.0, all) {
            (None, all) => all,
            (Some(seen), StepOutputsMode::These(_)) => StepOutputsMode::These(seen),
            (Some(seen), StepOutputsMode::Partly(_) | StepOutputsMode::Later) => {
                StepOutputsMode::Partly(seen)
            }
            (Some(_), StepOutputsMode::Nothing) => StepOutputsMode::Nothing,
        }
    }
}

impl TemplateRenderer {
    /// Returns the outputs that a text reads, by its own names for the steps.
    pub(super) fn seen(&self, text: &Text, scope: Scope<'_>) -> Result<Seen, TemplateError> {
        let is_plain = self.calls.is_empty() || text.outputs.is_empty();
        match (is_plain, scope.outputs) {
            (true, _) | (false, StepOutputsMode::Nothing) => Ok(Seen(None)),
            (false, StepOutputsMode::These(_) | StepOutputsMode::Partly(_) | StepOutputsMode::Later) => {
                Ok(Seen(Some(self.outputs_in(text, scope.call(), scope)?)))
            }
        }
    }

    /// Returns the outputs that a text reads, by the names that it has for the steps. Those of a call are rendered.
    fn outputs_in(
        &self,
        text: &Text,
        call: Option<CallId>,
        scope: Scope<'_>,
    ) -> Result<StepOutputs, TemplateError> {
        let given = match scope.outputs {
            StepOutputsMode::These(given) | StepOutputsMode::Partly(given) => Some(given),
            StepOutputsMode::Nothing | StepOutputsMode::Later => None,
        };
        let mut seen = StepOutputs::new();
        for read in &text.outputs {
            let name = self.calls.name_in(call, &read.step);
            match self.calls.by_name.get(&*name) {
                Some(of) => {
                    let outputs = self.outputs_of_call(*of, read, scope)?;
                    let known = seen.entry(read.step.clone()).or_default();
                    Arc::make_mut(known).extend(outputs);
                }
                None => {
                    let outputs = given.and_then(|given| given.get(&*name));
                    seen.extend(outputs.map(|outputs| (read.step.clone(), Arc::clone(outputs))));
                }
            }
        }
        Ok(seen)
    }

    fn outputs_of_call(
        &self,
        call: CallId,
        read: &OutputRef,
        scope: Scope<'_>,
    ) -> Result<Outputs, TemplateError> {
        let mut outputs = Outputs::new();
        let Some(CallContext { name, file, .. }) = self.calls.context(call) else { return Ok(outputs) };
        let is_read = |output: &&RunOutput| read.key.as_ref().is_none_or(|key| *key == output.name);
        let inside =
            Scope { call: Some(call), outputs: scope.outputs, waiter: scope.waiter, ..Scope::default() };
        for output in file.outputs.iter().filter(is_read) {
            match self.render(&output.value, inside) {
                Ok(value) => {
                    outputs.insert(output.name.clone(), value);
                }
                Err(_) if read.is_optional => {}
                Err(error) => {
                    return Err(TemplateError {
                        kind: TemplateErrorKind::Value,
                        range: read.range.clone(),
                        message: format!("the output `{}` of `{name}`: {}", output.name, error.message),
                        help: error.help,
                    });
                }
            }
        }
        Ok(outputs)
    }
}
