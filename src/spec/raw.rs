//! The file as it is written, key by key: what serde reads, before anything is checked or filled in.
//!
//! Doc comments here are for the users of the file. A struct's or an enum's serde name is how messages call it.

use serde::Deserialize;

use super::yaml::{Entries, Field, Literal, OneOrMany};

/// How keys are written, for messages.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("name", "backup"),
    ("description", "What it does, in a sentence"),
    ("params", "{source: /data, level: {type: int, default: 9}}"),
    ("env", "{LC_ALL: C}"),
    ("defaults", "{shell: bash, timeout: 1h}"),
    ("on_error", "stop"),
    ("max_parallel", "4"),
    ("steps", "[{name: build, run: make}]"),
    ("run", "make"),
    ("shell", "bash"),
    ("depends_on", "[build, test]"),
    ("input", "archive"),
    ("output", "archive"),
    ("working_dir", "docs"),
    ("timeout", "5m"),
    ("retry", "{count: 3, delay: 5s}"),
    ("count", "3"),
    ("delay", "5s"),
    ("backoff", "exponential"),
    ("max_delay", "1m"),
    ("jitter", "true"),
    ("on_exit", "[7, 28]"),
    ("then", "continue"),
    ("type", "int"),
    ("default", "9"),
    ("required", "true"),
    ("min", "1"),
    ("max", "9"),
    ("pattern", "'[a-z]+'"),
    ("choices", "[full, incremental]"),
    ("exists", "dir"),
    ("access", "rw"),
];

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename = "a pipeline")]
pub struct RawPipeline {
    /// What the pipeline is called; the file's name without its ending, if left out.
    pub name: Field<String>,
    /// What it is for.
    pub description: Field<String>,
    /// What a run can be told.
    pub params: Field<Entries<RawParam>>,
    /// Environment variables of every step.
    pub env: Field<Entries<String>>,
    /// What holds for every step that does not say otherwise.
    pub defaults: Field<RawDefaults>,
    /// What a failed step means for the run, where the step does not say.
    pub on_error: Field<RawOnErrorOfAll>,
    /// How many steps may run at once.
    pub max_parallel: Field<u32>,
    /// The steps.
    pub steps: Field<Vec<Field<RawStep>>>,
}

/// What holds for every step that does not say otherwise.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename = "`defaults`")]
pub struct RawDefaults {
    /// What interprets scripts.
    pub shell: Field<OneOrMany<String>>,
    /// How long a step may take.
    pub timeout: Field<String>,
    /// How a failed step is tried again.
    pub retry: Field<RawRetry>,
    /// What a failed step means for the run.
    pub on_error: Field<RawOnErrorOfAll>,
    /// The folder that steps run in.
    pub working_dir: Field<String>,
}

/// One step.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename = "a step")]
pub struct RawStep {
    /// Its name, unique in the file.
    pub name: Field<String>,
    /// The script.
    pub run: Field<String>,
    /// What interprets the script.
    pub shell: Field<OneOrMany<String>>,
    /// Steps that must have succeeded before it starts.
    pub depends_on: Field<OneOrMany<String>>,
    /// The stream that it reads on its standard input.
    pub input: Field<String>,
    /// The name of the stream that its standard output is.
    pub output: Field<String>,
    /// Environment variables.
    pub env: Field<Entries<String>>,
    /// The folder that it runs in.
    pub working_dir: Field<String>,
    /// How long it may take, retries included.
    pub timeout: Field<String>,
    /// What its failure means for the run.
    pub on_error: Field<RawOnError>,
    /// How it is tried again.
    pub retry: Field<RawRetry>,
}

/// `on_error` of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawOnError {
    /// Cancel what runs, skip the rest.
    Stop,
    /// Let every step that does not depend on it go on; the run still fails.
    Continue,
    /// Try again, then stop or do what `retry.then` says.
    Retry,
    /// Count the failure as success, visibly.
    Ignore,
}

/// `on_error` of the pipeline: a failure can be ignored step by step only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawOnErrorOfAll {
    /// Cancel what runs, skip the rest.
    Stop,
    /// Let every step that does not depend on it go on; the run still fails.
    Continue,
    /// Try again, then stop or do what `retry.then` says.
    Retry,
}

/// `retry: 3`, or all of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename = "$shape")]
pub enum RawRetry {
    /// How often.
    #[serde(rename = "number")]
    Count(u32),
    /// How often, and how.
    #[serde(rename = "map")]
    Full(Box<RawRetryKeys>),
}

/// The keys of `retry`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename = "`retry`")]
pub struct RawRetryKeys {
    /// Retries after the first attempt.
    pub count: Field<u32>,
    /// The wait before the first of them.
    pub delay: Field<String>,
    /// How the wait grows.
    pub backoff: Field<RawBackoff>,
    /// The longest wait.
    pub max_delay: Field<String>,
    /// Whether the wait varies by chance.
    pub jitter: Field<bool>,
    /// Exit codes worth a retry; every failure is, if left out.
    pub on_exit: Field<OneOrMany<i32>>,
    /// How long one attempt may take.
    pub timeout: Field<String>,
    /// What happens when the last retry has failed.
    pub then: Field<RawThen>,
}

/// `retry.backoff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawBackoff {
    /// Always `delay`.
    Constant,
    /// `delay`, twice `delay`, three times `delay`…
    Linear,
    /// `delay`, doubled each time.
    Exponential,
}

/// `retry.then`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawThen {
    /// Cancel what runs, skip the rest.
    Stop,
    /// Let every step that does not depend on it go on.
    Continue,
}

/// `source: /data`, or all of it.
#[derive(Debug, Deserialize)]
#[serde(rename = "$shape")]
pub enum RawParam {
    /// The default, which says the type.
    #[serde(rename = "text")]
    Single(Literal),
    /// A default that is a list.
    #[serde(rename = "list")]
    List(Vec<Field<String>>),
    /// Everything.
    #[serde(rename = "map")]
    Full(Box<RawParamKeys>),
}

/// The keys of a param.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename = "a param")]
pub struct RawParamKeys {
    /// What kind of value it takes.
    #[serde(rename = "type")]
    pub kind: Field<RawType>,
    /// What it is when nobody says anything.
    pub default: Field<RawDefault>,
    /// What it is for.
    pub description: Field<String>,
    /// Whether a run must be told.
    pub required: Field<bool>,
    /// The environment variable that it may come from.
    pub env: Field<String>,
    /// The least number.
    pub min: Field<Literal>,
    /// The greatest number.
    pub max: Field<Literal>,
    /// A regular expression for the whole text.
    pub pattern: Field<String>,
    /// What must be at the path.
    pub exists: Field<RawExists>,
    /// What steps may do to the path.
    pub access: Field<RawAccess>,
    /// The values allowed.
    pub choices: Field<Vec<Field<String>>>,
}

/// A param's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawType {
    /// Any text.
    String,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// True or false.
    Bool,
    /// A path in the file system.
    Path,
    /// One of a list.
    Choice,
    /// Several texts.
    List,
    /// A length of time.
    Duration,
    /// A number of bytes.
    Size,
    /// Text that is not shown.
    Secret,
}

/// A param's default.
#[derive(Debug, Deserialize)]
#[serde(rename = "$shape")]
pub enum RawDefault {
    /// A single value.
    #[serde(rename = "text")]
    Single(Literal),
    /// A list.
    #[serde(rename = "list")]
    List(Vec<Field<String>>),
}

/// What must be at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawExists {
    /// Anything.
    True,
    /// Perhaps nothing.
    False,
    /// A plain file.
    File,
    /// A folder.
    Dir,
}

/// What steps may do to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawAccess {
    /// Read it.
    Ro,
    /// Read and write it.
    Rw,
}
