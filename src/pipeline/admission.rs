//! What is asked before a step, or a run, may begin.

use super::{Span, Template};

/// What a step needs before it starts, beside the steps that come before it.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// `confirm:`, the question that has to be answered with yes.
    pub confirm: Option<Template>,
    /// `concurrency:`, the name that only one step or run of this machine holds at a time.
    pub concurrency: Option<Concurrency>,
}

/// `concurrency:` of a pipeline or a step.
#[derive(Debug, Clone)]
pub struct Concurrency {
    /// The text that makes the name when a run begins.
    pub group: Template,
    /// The name; empty until it is made.
    pub name: String,
    /// Where the text stands.
    pub at: Span,
    /// A run that holds the name is stopped. Only of a pipeline.
    pub cancel_in_progress: bool,
}
