//! The environment of steps.

use super::Template;

/// One environment variable of a step.
#[derive(Debug, Clone)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value; plain text, never parsed by a shell.
    pub value: Template,
}
