//! Conditions: whether a step runs.

use super::Template;

/// `if:` of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The expression, which renders as `true` or `false`. Its source is what the user wrote, without braces.
    pub text: Template,
    /// It reads only what is known before anything runs.
    pub is_early: bool,
}
