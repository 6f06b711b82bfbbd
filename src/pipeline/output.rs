//! Outputs of steps and of whole runs.

use std::collections::BTreeMap;

use super::{Span, Template};

/// The outputs of a step, by key.
pub type Outputs = BTreeMap<String, String>;

/// An output of the whole run, set once the run has succeeded.
#[derive(Debug, Clone)]
pub struct RunOutput {
    /// Its name: `[A-Za-z_][A-Za-z0-9_]*`.
    pub name: String,
    /// Where it is named.
    pub at: Span,
    /// Its value.
    pub value: Template,
}
