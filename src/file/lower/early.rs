//! Numbers and lengths of time that a template makes when a run begins.

use crate::pipeline::{EarlySetting, PolicyKey, Span, Template};
use crate::template::TextContext;

use super::Lowering;

/// A value, or what stands for it until the run begins, with the template that makes it.
#[derive(Debug, Clone)]
pub(super) struct Setting<T> {
    pub value: T,
    pub text: Option<Template>,
}

impl<T> Setting<T> {
    pub fn known(value: T) -> Self {
        Self { value, text: None }
    }

    /// The value, with its template put on the list of what is still to be made.
    pub fn put(self, key: PolicyKey, early: &mut Vec<EarlySetting>) -> T {
        early.extend(self.text.map(|text| EarlySetting { key, text }));
        self.value
    }
}

impl Lowering<'_> {
    /// The template of a value, if it is one. No step has run yet when it is made.
    pub(super) fn early(&mut self, text: &str, at: Span) -> Option<Template> {
        if !text.contains("{{") {
            return None;
        }
        let (steps, inputs) = (self.names.steps, std::mem::take(&mut self.names.inputs));
        let services = std::mem::replace(&mut self.names.services, false);
        self.names.steps = false;
        let template = self.template(text, at, TextContext::Argument);
        self.names.steps = steps;
        self.names.services = services;
        self.names.inputs = inputs;
        Some(template)
    }
}
