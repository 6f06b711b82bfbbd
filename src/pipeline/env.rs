//! The environment of steps.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::{Span, Template};

/// One environment variable of a step.
#[derive(Debug, Clone)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value; plain text, never parsed by a shell.
    pub value: Template,
}

/// One entry under `env_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// The file, relative to the folder of the pipeline file.
    pub path: PathBuf,
    /// Where it is named.
    pub at: Span,
    /// Whether it has to be there.
    pub is_required: bool,
}

/// The variables that `env_file` adds to the environment of `pipe`.
#[derive(Clone, Default)]
pub struct FileEnvironment {
    /// By name; a variable that the environment has already keeps the value of the environment.
    pub variables: BTreeMap<String, String>,
}

impl fmt::Debug for FileEnvironment {
    /// Shows no value, which may be secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.variables.keys()).finish()
    }
}
