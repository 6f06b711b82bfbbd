//! Steps: what runs, and which streams join it to others.

use super::{
    Admission, CallId, Condition, Container, EarlySetting, EnvVar, Exec, GroupId, Input, InputPlaces, Member,
    Policy, Port, Service, Span, StepId, StepKubernetes, StreamId, Template, Usage,
};

/// One step, with the defaults of the pipeline already applied.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique; letters and digits of any script, `_`, `.` and `-`.
    pub name: String,
    /// `description:`, for people.
    pub description: Option<String>,
    /// Where its name stands in the file (of a feed: where its first reader names the stream).
    pub at: Span,
    /// When it runs.
    pub role: Role,
    /// The call that it comes from; `None` is the top file.
    pub call: Option<CallId>,
    /// What makes it a member of the group of a matrix.
    pub member: Option<Box<Member>>,
    /// Whether it runs.
    pub condition: Option<Box<Condition>>,
    /// What makes it a service; there if that is its role.
    pub service: Option<Box<Service>>,
    /// The services that it uses, in the order written, without repeats.
    pub services: Vec<Usage>,
    /// The shared container that it runs in. It has no container of its own then.
    pub shared: Option<Usage>,
    /// Who its program runs as in a shared container; `None` is the container's user.
    pub user: Option<Template>,
    /// What it needs before it starts.
    pub admission: Option<Box<Admission>>,
    /// What it does.
    pub action: Action,
    /// The container that it runs in; `None` is a process of this machine.
    pub container: Option<Box<Container>>,
    /// What its pod has in a cluster.
    pub kubernetes: Option<Box<StepKubernetes>>,
    /// Environment beside what the process inherits; later entries win. The pipeline's `env` comes first.
    pub env: Vec<EnvVar>,
    /// The secret params that it gets as files, each once.
    pub secrets: Vec<String>,
    /// The folder it runs in, relative to the pipeline's; `None` is the pipeline's own.
    pub working_dir: Option<Template>,
    /// Steps that come before it, in the order written, without repeats.
    pub depends_on: Vec<Dependency>,
    /// What it reads; stdin first, each stream once.
    pub inputs: Vec<Input>,
    /// The stream that its stdout is.
    pub output: Option<Port>,
    /// Files that it has to produce: paths and globs, relative to its working directory.
    pub produces: Vec<Template>,
    /// It has the terminal while it runs, and runs alone. It is a process of this machine, reads nothing on
    /// stdin and makes no stream.
    pub terminal: bool,
    /// What happens when it takes long or fails.
    pub policy: Policy,
    /// What of the policy a template makes when the run begins.
    pub early: Vec<EarlySetting>,
}

impl Step {
    /// A step with nothing but what every step has.
    pub fn new(name: impl Into<String>, at: Span, action: Action) -> Self {
        Self {
            name: name.into(),
            description: None,
            at,
            role: Role::Ordinary,
            call: None,
            member: None,
            condition: None,
            service: None,
            services: Vec::new(),
            shared: None,
            user: None,
            admission: None,
            action,
            container: None,
            kubernetes: None,
            env: Vec::new(),
            secrets: Vec::new(),
            working_dir: None,
            depends_on: Vec::new(),
            inputs: Vec::new(),
            output: None,
            produces: Vec::new(),
            terminal: false,
            policy: Policy::default(),
            early: Vec::new(),
        }
    }

    /// Returns what it reads on its stdin.
    pub fn stdin(&self) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name.is_none())
    }

    /// Returns the number of the descriptor that an input is for the step, by its position: 0 is stdin.
    /// Scripts use small numbers themselves; the shells of containers know no others.
    pub fn input_number(&self, position: usize) -> u32 {
        let first = if self.is_in_container() { 3 } else { 20 };
        let others = self.inputs.iter().take(position).filter(|input| input.name.is_some()).count();
        match self.inputs.get(position) {
            Some(Input { name: Some(_), .. }) => first + u32::try_from(others).unwrap_or(u32::MAX),
            _ => 0,
        }
    }

    /// Returns where the step finds each input beside stdin, by its name.
    /// What `is_there` says nothing makes has none.
    pub fn input_places(&self, is_there: impl Fn(StreamId) -> bool) -> Vec<(&str, InputPlaces)> {
        let mut places: Vec<(&str, InputPlaces)> = Vec::new();
        for (position, input) in self.inputs.iter().enumerate() {
            let Some(name) = input.name.as_deref().filter(|_| is_there(input.port.stream)) else { continue };
            let path = format!("/dev/fd/{}", self.input_number(position));
            match places.last_mut() {
                // The streams that a name gathers stand in a row.
                Some((last, InputPlaces::Gathered(paths))) if *last == name => paths.push(path),
                _ if input.is_gathered => places.push((name, InputPlaces::Gathered(vec![path]))),
                _ => places.push((name, InputPlaces::One(path))),
            }
        }
        places
    }

    /// Returns the group that a matrix has made it a member of.
    pub fn group(&self) -> Option<GroupId> {
        self.member.as_ref().map(|member| member.group)
    }

    /// Returns whether it runs a program that can print something.
    pub fn can_print(&self) -> bool {
        match self.action {
            Action::Run(_) | Action::Exec(_) => true,
            Action::Feed(_) | Action::Wait => false,
        }
    }

    /// Returns whether it runs in a container, its own or a shared one.
    pub fn is_in_container(&self) -> bool {
        self.container.is_some() || self.shared.is_some()
    }

    /// Returns whether it is a service that runs the program of an image, which the image says who runs and where.
    pub fn is_of_image(&self) -> bool {
        self.service.is_some() && self.container.is_some() && matches!(self.action, Action::Exec(_))
    }

    /// Returns what it uses: its services, and the shared container that it runs in.
    pub fn usages(&self) -> impl Iterator<Item = Usage> + '_ {
        self.services.iter().copied().chain(self.shared)
    }

    /// Returns whether it uses a service, or a shared container.
    pub fn uses(&self, service: StepId) -> bool {
        self.usages().any(|usage| usage.step == service)
    }

    /// Returns how it reads a stream, if it does.
    pub fn reads(&self, stream: StreamId) -> Option<&Input> {
        self.inputs.iter().find(|input| input.port.stream == stream)
    }

    /// Returns every text of it that may have expressions.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let Self {
            name: _,
            description: _,
            at: _,
            role: _,
            call: _,
            member: _,
            condition,
            service,
            services: _,
            shared: _,
            user,
            admission,
            action,
            container,
            kubernetes: _,
            env,
            secrets: _,
            working_dir,
            depends_on: _,
            inputs: _,
            output: _,
            produces,
            terminal: _,
            policy: _,
            early,
        } = self;
        let (script, exec) = match action {
            Action::Run(script) => (Some(&script.text), None),
            Action::Exec(exec) => (None, Some(exec)),
            Action::Feed(_) | Action::Wait => (None, None),
        };
        let words = exec.into_iter().flat_map(|exec| exec.entrypoint.iter().flatten().chain(&exec.args));
        let container = container.iter().flat_map(|container| container.templates());
        let env = env.iter().map(|variable| &variable.value);
        let early = early.iter().map(|setting| &setting.text);
        let condition = condition.iter().map(|condition| &condition.text);
        let service = service.iter().flat_map(|service| service.templates());
        let confirm = admission.iter().filter_map(|admission| admission.confirm.as_ref());
        let group = admission.iter().filter_map(|admission| admission.concurrency.as_ref());
        let group = group.map(|concurrency| &concurrency.group);
        script
            .into_iter()
            .chain(words)
            .chain(container)
            .chain(user)
            .chain(working_dir)
            .chain(env)
            .chain(produces)
            .chain(early)
            .chain(condition)
            .chain(confirm)
            .chain(group)
            .chain(service)
    }
}

/// One name under `depends_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// The step that comes first.
    pub step: StepId,
    /// Where it is named.
    pub at: Span,
    /// What is needed of it.
    pub need: Need,
}

/// What a step needs of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// That it comes first: a step that is passed over keeps its place in the order.
    Order,
    /// Values that it gives: without them the step cannot run.
    Values,
}

/// When a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Role {
    /// In its turn.
    #[default]
    Ordinary,
    /// After all ordinary steps have ended, however they have.
    Finally,
    /// Beside the steps that use it, from before the first to after the last: a service.
    Service,
    /// The same, and the steps that use it run in it: a shared container.
    Container,
}

impl Role {
    /// Returns whether it is no step in the order of the others, but goes on beside those that use it.
    pub fn is_beside(self) -> bool {
        match self {
            Self::Ordinary | Self::Finally => false,
            Self::Service | Self::Container => true,
        }
    }
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Runs a script.
    Run(Script),
    /// Runs a program of its container.
    Exec(Exec),
    /// Waits, while other steps run in its container: what a shared container does.
    Wait,
    /// Brings a stream in from outside (`--in`); has an output, and neither input nor dependencies.
    Feed(Feed),
}

impl Action {
    /// Returns whether the step stands for a stream from outside, and is none that the file declares.
    pub fn is_feed(&self) -> bool {
        matches!(self, Self::Feed(_))
    }

    /// Returns the script, where there is one.
    pub fn script(&self) -> Option<&Script> {
        match self {
            Self::Run(script) => Some(script),
            Self::Exec(_) | Self::Feed(_) | Self::Wait => None,
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
    /// Any other interpreter that takes a script as its last argument, such as `python3 -c`: name and
    /// arguments.
    Other(Vec<String>),
}
