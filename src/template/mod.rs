//! Templates: compiling once, against the text around each expression; rendering many times.
//!
//! Values are data, never code: in a shell script every expression is escaped for the place where it stands.
//!
//! How a text becomes a [`Template`](crate::pipeline::Template): `scan` cuts it into literal text, expressions and
//! statements; `structure` makes a tree of them; `names` finds every name that means nothing; `shell` follows the
//! shell's quoting through the literal text and finds the place of each expression; `compile` writes the engine's
//! text, each expression wrapped in the filter of its place. `render` runs that text; the filters are in `escape`.

mod compile;
mod dotted;
mod emit;
mod engine;
mod escape;
mod filters;
mod interpreter;
mod known;
mod names;
mod outputs;
mod references;
mod render;
mod scan;
mod shell;
mod structure;
mod token;
mod values;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

pub use compile::{compile, outputs as outputs_in};
pub use render::{Around, Given, Renderer};

use crate::pipeline::{Outputs, Values};

/// What a text is used as, which decides how its values are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Plain text: an environment value, a working directory, a param's default. Values go in as they are.
    Plain,
    /// Plain text that anybody may see, such as an argument of a program: no secret may go in.
    Argument,
    /// A script of a POSIX-family shell. Values are quoted for the grammar around them.
    PosixShell,
    /// A script of another interpreter: only `| tojson` and `| raw` may put a value in.
    Interpreter,
}

/// The names that a template may use.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Declared params: name, and whether it is a secret.
    pub params: BTreeMap<String, bool>,
    /// Variables of the environment that secret params come from: name, and the param.
    pub secret_variables: BTreeMap<String, String>,
    /// Whether it may read outputs of steps.
    pub steps: bool,
    /// The names that its step gives to what it reads.
    pub inputs: Vec<String>,
}

/// Kinds of mistakes in templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// It is no template: a tag that is not closed, an expression that cannot be read.
    Syntax,
    /// A name that there is not.
    Undefined,
    /// A filter, test or function that there is not.
    Function,
    /// A place of a script where no way of writing a value keeps it data.
    Place,
    /// A branch that leaves the shell's quoting otherwise than it found it.
    Branch,
    /// A secret that would have to be spelled out.
    Secret,
    /// The value that an expression has will not do: seen only when it is rendered.
    Value,
}

/// A template that cannot be compiled or rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What kind of mistake it is.
    pub mistake: Mistake,
    /// Byte range in the template's source.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// What steps have given, by the step's name.
pub type StepOutputs = BTreeMap<String, Arc<Outputs>>;

/// What templates of one run can see, beside their own step's name.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `pipeline.name`.
    pub pipeline: String,
    /// `run.id`.
    pub run_id: String,
    /// `run.started_at`, and what `now()` stands for when it is called: the run's own clock.
    pub started_at: Option<jiff::Zoned>,
    /// `env.NAME`: the host's environment, as far as it is text.
    pub env: BTreeMap<String, String>,
    /// Variables of that environment that are no UTF-8 text: nothing can be made of them.
    pub not_text: BTreeSet<String>,
    /// The params' values.
    pub values: Values,
}
