//! Values that steps and whole runs give back.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Span, Template};

/// The values that a step has given, by key.
pub type Outputs = BTreeMap<String, String>;

/// A value that the whole run gives back once it has succeeded.
#[derive(Debug, Clone)]
pub struct RunOutput {
    /// Its name: `[A-Za-z_][A-Za-z0-9_]*`.
    pub name: String,
    /// Where it is named.
    pub at: Span,
    /// Its value.
    pub value: Template,
}

/// Where a text reads an output of a step: `steps.NAME.outputs.KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRef {
    /// The step.
    pub step: String,
    /// The key; `None` where the text reads all outputs of the step.
    pub key: Option<String>,
    /// Byte range in the text's source.
    pub range: Range<usize>,
}
