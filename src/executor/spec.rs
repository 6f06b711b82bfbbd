//! What an executor starts, as plain data, with nothing left to render or to look up.

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
    /// The container that it runs in; `None` is a process of this machine, or of a shared container.
    pub container: Option<ContainerSpec>,
    /// The shared container that it runs in.
    pub shared: Option<SharedSpec>,
    /// What makes it a service.
    pub service: Option<ServiceSpec>,
    /// The services that its container finds, by the names that they have there. They are ready.
    pub services: Vec<String>,
    /// Variables to set beside the inherited environment; later entries win.
    pub env: Vec<(OsString, OsString)>,
    /// The folder to run in, absolute.
    pub working_dir: PathBuf,
    /// What it reads, in the order of the step. Without an input for descriptor 0, reads of its stdin end at
    /// once.
    pub inputs: Vec<InputSpec>,
    /// Where its stdout goes.
    pub stdout: StdoutSpec,
    /// It has the terminal for its stdin, stdout and stderr while it runs. Then it has no input for its
    /// stdin, and `stdout` is the log, which stays empty; no other step runs.
    pub terminal: bool,
    /// The file that `$PIPE_OUTPUT` leads to; it exists. For [`Program::Wait`] it is the folder in which the steps in
    /// its container have theirs, and their scripts.
    pub outputs: PathBuf,
    /// The file that holds its script, if that is too long to be an argument; it exists, and every user can
    /// read it.
    pub script: Option<PathBuf>,
    /// The folder that `$PIPE_SECRETS` leads to, if there is one; it exists, and only `pipe`'s own user can
    /// enter the one above it. For [`Program::Wait`] it is the folder in which the steps in its container have theirs.
    pub secrets: Option<PathBuf>,
}

impl StepSpec {
    /// Returns what its stdin is; nothing if reads of it end at once.
    pub fn stdin(&self) -> Option<&InputSource> {
        self.inputs.iter().find(|input| input.fd == 0).map(|input| &input.source)
    }
}

impl fmt::Debug for StepSpec {
    /// Its environment may have secrets in it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, attempt, .. } = self;
        out.debug_struct("StepSpec").field("name", name).field("attempt", attempt).finish_non_exhaustive()
    }
}

/// What a service has beside what a step has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    /// The name by which containers that use it find it.
    pub alias: String,
    /// The ports of its container that are published on this machine, by its own; `None` is one that is free.
    pub published: Vec<(u16, Option<u16>)>,
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
    /// Nothing of the file: it waits until it is stopped, while other steps run in its container.
    Wait,
}

/// Something that a step reads: its stdin, or another open descriptor, as a shell's `<(…)` would give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputSpec {
    /// The descriptor that the step finds it under; 0 is its stdin.
    pub fd: u32,
    /// What it is.
    pub source: InputSource,
}

/// Where the bytes of an input come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputSource {
    /// A pipe whose writing end is returned.
    Pipe,
    /// A file, read from its start.
    File(PathBuf),
}

/// Where a step's stdout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StdoutSpec {
    /// Into a pipe of its own: it is a stream.
    Stream,
    /// Into the pipe of its stderr, so that what it writes to both keeps its order.
    Log,
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

/// The shared container of an attempt, which has been started before and has not been dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSpec {
    /// The name of the step that is the container.
    pub name: String,
    /// Who the program runs as; `None` is the caller.
    pub user: Option<String>,
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
        /// The file with the instructions, by its path from that folder.
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
    /// Returns its name in messages.
    pub fn shown(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Built { context, .. } => format!("the image built in {}", context.display()),
        }
    }
}
