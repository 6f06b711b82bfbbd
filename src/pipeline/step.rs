//! Steps: what runs, and what it is joined to.

use super::{Container, Exec, Input, Policy, Span, StreamId, Template};

/// A step's position in its pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(u32);

impl StepId {
    /// The id of the step at `index`.
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The position that it stands for.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One step, with the defaults of the pipeline already applied.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique; `[A-Za-z0-9][A-Za-z0-9_.-]*`.
    pub name: String,
    /// Where its name stands in the file (of a feed: where its first reader names the stream).
    pub at: Span,
    /// What it does.
    pub action: Action,
    /// The container that it runs in; `None` is a process of this machine.
    pub container: Option<Box<Container>>,
    /// Environment beside what the process inherits; later entries win. The pipeline's `env` comes first.
    pub env: Vec<EnvVar>,
    /// The secret params that it gets as files, each once.
    pub secrets: Vec<String>,
    /// The folder it runs in, relative to the pipeline's; `None` is the pipeline's own.
    pub working_dir: Option<Template>,
    /// Steps that must have succeeded before it starts, in the order written, without repeats.
    pub depends_on: Vec<Dependency>,
    /// What it reads; stdin first, each stream once.
    pub inputs: Vec<Input>,
    /// The stream that its stdout is.
    pub output: Option<Port>,
    /// Files that it has to leave behind: paths and globs, relative to its working directory.
    pub produces: Vec<Template>,
    /// What happens when it takes long or fails.
    pub policy: Policy,
}

impl Step {
    /// What it reads on its stdin.
    pub fn stdin(&self) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name.is_none())
    }

    /// The number of the descriptor that an input is for the step, by its position: 0 is stdin. Scripts use small numbers
    /// themselves; the shells of containers know no others.
    pub fn input_number(&self, position: usize) -> u32 {
        let first = if self.container.is_some() { 3 } else { 20 };
        let others = self.inputs.iter().take(position).filter(|input| input.name.is_some()).count();
        match self.inputs.get(position) {
            Some(Input { name: Some(_), .. }) => first + u32::try_from(others).unwrap_or(u32::MAX),
            _ => 0,
        }
    }

    /// Where the step finds each input beside stdin: name and path.
    pub fn input_paths(&self) -> impl Iterator<Item = (&str, String)> {
        let path = |(position, input): (usize, &'_ Input)| {
            (input.name.is_some()).then(|| format!("/dev/fd/{}", self.input_number(position)))
        };
        let named = self.inputs.iter().enumerate();
        named.filter_map(move |(position, input)| Some((input.name.as_deref()?, path((position, input))?)))
    }

    /// How it reads a stream, if it does.
    pub fn reads(&self, stream: StreamId) -> Option<&Input> {
        self.inputs.iter().find(|input| input.port.stream == stream)
    }

    /// Every text of it that may have expressions.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let (script, exec) = match &self.action {
            Action::Run(script) => (Some(&script.text), None),
            Action::Exec(exec) => (None, Some(exec)),
            Action::Feed(_) => (None, None),
        };
        let words = exec.into_iter().flat_map(|exec| exec.entrypoint.iter().flatten().chain(&exec.args));
        let container = self.container.iter().flat_map(|container| container.templates());
        let env = self.env.iter().map(|variable| &variable.value);
        script
            .into_iter()
            .chain(words)
            .chain(container)
            .chain(&self.working_dir)
            .chain(env)
            .chain(&self.produces)
    }
}

/// One name under `depends_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// The step that must have succeeded.
    pub step: StepId,
    /// Where it is named.
    pub at: Span,
}

/// A step's end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// The stream.
    pub stream: StreamId,
    /// Where the step names it.
    pub at: Span,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Runs a script.
    Run(Script),
    /// Runs a program of its container.
    Exec(Exec),
    /// Brings a stream in from outside (`--in`); has an output, and neither input nor dependencies.
    Feed(Feed),
}

impl Action {
    /// Whether the step stands for a stream from outside, and is none that the file declares.
    pub fn is_feed(&self) -> bool {
        matches!(self, Self::Feed(_))
    }

    /// The script, where there is one.
    pub fn script(&self) -> Option<&Script> {
        match self {
            Self::Run(script) => Some(script),
            Self::Exec(_) | Self::Feed(_) => None,
        }
    }
}

/// Where a fed stream comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// `pipe`'s own standard input.
    Stdin,
    /// A file, device or named pipe.
    File(std::path::PathBuf),
}

/// A script and what interprets it.
#[derive(Debug, Clone)]
pub struct Script {
    /// The interpreter.
    pub shell: Shell,
    /// The text, with values escaped for the shell's grammar.
    pub text: Template,
}

/// What interprets a script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Shell {
    /// `bash -eo pipefail` where bash exists, else `sh -e`.
    #[default]
    Auto,
    /// A shell of the POSIX family by name: `sh`, `bash`, `dash`, `ash`, `ksh`, `zsh`.
    Posix(String),
    /// Any other interpreter that takes a script as its last argument, such as `python3 -c`: name and arguments.
    Other(Vec<String>),
}

/// One environment variable of a step.
#[derive(Debug, Clone)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value; plain text, never parsed by a shell.
    pub value: Template,
}
