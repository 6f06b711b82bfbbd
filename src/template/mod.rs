//! Templates: compiled once, against the text around each expression, and rendered many times.
//!
//! Values are data, never code: in a shell script every expression is escaped for the place where it stands.
//!
//! How a text becomes a [`Template`]: `scan` cuts it into literal text, expressions and statements;
//! `structure` makes a tree of them; `names` finds every name that means nothing; `shell` follows the shell's
//! quoting through the literal text and finds the place of each expression; `compile` writes minijinja's
//! text, each expression wrapped in the filter of its place. `render` runs that text; the filters are in
//! `escape`.

mod bounds;
mod calls;
mod compile;
mod condition;
mod decide;
mod dotted;
mod emit;
mod ends;
mod environment;
mod escape;
mod expression;
mod file_renderer;
mod filters;
mod foreign;
mod interpreter;
mod jinja;
mod json;
mod kinds;
mod known;
mod members;
mod names;
mod number;
mod outputs;
mod problem;
mod references;
mod render;
mod scan;
mod seen;
mod senses;
mod services;
mod shape;
mod shell;
mod signs;
mod sole;
mod spelling;
mod status;
mod structure;
mod token;
mod values;
mod weight;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

pub use calls::CallContext;
pub use compile::{compile, outputs as outputs_in};
pub use condition::condition;
pub use decide::Decided;
pub use kinds::ExprType;
pub use members::{GroupMember, Groups, groups};
pub use render::{Scope, StepOutputsMode, TemplateRenderer};
pub use shape::shapes;
pub use shell::{Shells, runs_in_environment};
pub use sole::sole_expression;

use crate::pipeline::{Outputs, Role, Source, Template, Values};

/// The longest part of a text, in characters, that an error repeats.
const LONGEST_PLACE: usize = 80;

/// What a text is used as, which decides how its values are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextContext {
    /// Plain text: an environment value, a working directory, a param's default. Values go in as they are.
    Plain,
    /// Plain text that every user may see, such as an argument of a program: no secret may go in.
    Argument,
    /// A script that one of these shells reads. Values are quoted for the grammar around them.
    PosixShell(Shells),
    /// The value of a variable that a shell runs commands from, such as PS4: only values whose type keeps
    /// them from harm.
    Commands,
    /// A condition, which [`condition`] compiles: an expression without braces, which is true or false. Of a secret it may ask only whether it is
    /// empty.
    Condition,
    /// A script of another interpreter: only `| tojson` and `| raw` may put a value in.
    Interpreter,
}

/// The names that a template may use.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Declared params: name, and what kind of value each has.
    pub params: BTreeMap<String, ExprType>,
    /// Variables of the environment that secret params come from: name, and the param.
    pub secret_variables: BTreeMap<String, String>,
    /// Whether it may read outputs of steps.
    pub steps: bool,
    /// Whether it may read addresses of services.
    pub services: bool,
    /// The names that its step gives to what it reads.
    pub inputs: Vec<String>,
    /// Those of them that stand for several streams.
    pub gathered: Vec<String>,
    /// The axes of its step's matrix: name, and what kind of value each has. Nothing where the step has none.
    pub matrix: Option<BTreeMap<String, ExprType>>,
    /// When its step runs.
    pub role: Role,
}

/// Kinds of mistakes in templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateErrorKind {
    /// It is not a template: a tag that is not closed, an expression that cannot be read.
    Syntax,
    /// A name that is not defined.
    Undefined,
    /// A filter, test or function that does not exist.
    Function,
    /// A place of a script where no way of writing a value keeps it data.
    Place,
    /// A branch that leaves the shell's quoting otherwise than it found it.
    Branch,
    /// A condition that is neither true nor false.
    Condition,
    /// A comparison of values that are never equal.
    Comparison,
    /// A condition with braces in it.
    ConditionBraces,
    /// A condition with an operator of another language.
    ConditionOperator,
    /// A condition that asks more of a secret than whether it is empty.
    ConditionSecret,
    /// A secret that would have to be spelled out.
    Secret,
    /// The value of an expression cannot be used here: found only when it is rendered.
    Value,
}

/// A template that cannot be compiled or rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What kind of mistake it is.
    pub kind: TemplateErrorKind,
    /// Byte range in the template's source.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl TemplateError {
    /// Returns what is wrong, and where, in one sentence for messages of a run.
    pub fn sentence(&self, source: &Source, template: &Template) -> String {
        let place = template.source.get(self.range.clone()).unwrap_or_default().trim();
        let line = source.line_words(template.at);
        match place.lines().count() {
            1 if place.chars().count() <= LONGEST_PLACE => {
                format!("{self} (`{place}` in the text at {line})")
            }
            _ => format!("{self} (in the text at {line})"),
        }
    }
}

/// The outputs of steps, by the step's name.
pub type StepOutputs = BTreeMap<String, Arc<Outputs>>;

/// What templates of one run can see, beside their own step's name.
#[derive(Debug, Clone, Default)]
pub struct RunContext {
    /// `pipeline.name`.
    pub pipeline: String,
    /// `pipeline.dir`: the folder of its file.
    pub pipeline_dir: String,
    /// `run.id`.
    pub run_id: String,
    /// `run.started_at`, and what `now()` stands for when it is called: the run's own clock.
    pub started_at: Option<jiff::Zoned>,
    /// `env.NAME`: the host's environment, as far as it is text.
    pub env: BTreeMap<String, String>,
    /// Variables of that environment whose values are not UTF-8 text: templates cannot use them.
    pub not_text: BTreeSet<String>,
    /// The params' values.
    pub values: Values,
    /// The groups of steps.
    pub groups: Groups,
}
