//! What an executor starts, as plain data: nothing is left to render or to look up.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::pipeline::{Pull, Resources, Shell};

/// The variable that tells a step where it can write values that later steps read.
pub const OUTPUT_VARIABLE: &str = "PIPE_OUTPUT";
/// The variable that tells a step the folder of the secrets that it gets as files.
pub const SECRETS_VARIABLE: &str = "PIPE_SECRETS";

/// One attempt of a step, rendered and complete.
#[derive(Clone, PartialEq)]
pub struct StepSpec {
    /// The step's name, for labels and messages.
    pub name: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// What runs.
    pub program: Program,
    /// The container that it runs in; `None` is a process of this machine.
    pub container: Option<ContainerSpec>,
    /// Variables to set beside what the place inherits; later entries win.
    pub env: Vec<(OsString, OsString)>,
    /// The folder to run in, absolute.
    pub working_dir: PathBuf,
    /// What its stdin is.
    pub stdin: StdinSpec,
    /// What it reads beside that.
    pub inputs: Vec<InputSpec>,
    /// The file that `$PIPE_OUTPUT` leads to; it exists.
    pub outputs: PathBuf,
    /// The folder that `$PIPE_SECRETS` leads to, if there is one; it exists, and only `pipe`'s own user can enter the one
    /// above it.
    pub secrets: Option<PathBuf>,
}

impl fmt::Debug for StepSpec {
    /// Its environment may have secrets in it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, attempt, .. } = self;
        out.debug_struct("StepSpec").field("name", name).field("attempt", attempt).finish_non_exhaustive()
    }
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A script.
    Script {
        /// What interprets it; which program that is, the executor knows.
        shell: Shell,
        /// Its text.
        text: String,
    },
    /// A program of an image, without a shell. What is left out is the image's own.
    Exec {
        /// The program and its first arguments.
        entrypoint: Option<Vec<String>>,
        /// The arguments after them.
        args: Vec<String>,
    },
}

/// Something that a step reads beside its stdin: an open descriptor, as a shell's `<(…)` would give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputSpec {
    /// The number that the step finds it under.
    pub number: u32,
    /// What it is; never nothing.
    pub from: StdinSpec,
}

/// What a step's stdin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdinSpec {
    /// Nothing: reads end at once.
    Null,
    /// A pipe whose writing end is returned.
    Pipe,
    /// A file, read from its start.
    File(PathBuf),
}

/// The container of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerSpec {
    /// What it is made of.
    pub image: ImageSpec,
    /// Who its program runs as; `None` is the caller.
    pub user: Option<String>,
    /// Its network; `None` is the engine's default.
    pub network: Option<String>,
    /// What it sees.
    pub mounts: Vec<MountSpec>,
    /// What it may use.
    pub resources: Resources,
}

/// An image that a container is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageSpec {
    /// Where it comes from.
    pub source: ImageSource,
    /// When it is fetched.
    pub pull: Pull,
    /// Such as `linux/arm64`; `None` is the engine's own.
    pub platform: Option<String>,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageSource {
    /// Its name.
    Named(String),
    /// It is built.
    Built {
        /// The folder that the build sees, absolute.
        context: PathBuf,
        /// The file with the instructions, in that folder.
        dockerfile: String,
        /// Build arguments.
        args: Vec<(String, String)>,
        /// The stage to stop at.
        target: Option<String>,
    },
}

/// Something that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSpec {
    /// What.
    pub source: MountFrom,
    /// Where, absolute.
    pub target: String,
    /// Whether it can only be read.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountFrom {
    /// A file or folder of this machine, absolute.
    Path(PathBuf),
    /// A volume of the engine.
    Volume(String),
    /// Memory.
    Tmpfs,
}

impl ImageSource {
    /// What messages call it.
    pub fn shown(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Built { context, .. } => format!("the image built in {}", context.display()),
        }
    }
}
