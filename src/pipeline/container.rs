//! The container of a step.

use super::{Access, EnvVar, Span, Template};

/// The container that a step runs in.
#[derive(Debug, Clone)]
pub struct Container {
    /// What it is made of.
    pub image: Image,
    /// Where the file says so.
    pub at: Span,
    /// Whether it stands in for this machine: the step names no image of its own, and `--docker` has it run
    /// in one. An absolute working directory is then one of this machine, and not of the image.
    pub stands_in: bool,
    /// When the image is fetched.
    pub pull: Pull,
    /// Such as `linux/arm64`; `None` is the engine's own.
    pub platform: Option<String>,
    /// Name or number, with a group after a colon or without; `None` is the caller's own number and group.
    pub user: Option<Template>,
    /// `none`, `bridge`, `host` or the name of a network; `None` is the engine's default.
    pub network: Option<Template>,
    /// What it sees beside the working directory and the params of type `path`.
    pub mounts: Vec<Mount>,
    /// What it may use.
    pub resources: Resources,
}

impl Container {
    /// Returns every text of it that may have expressions.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let Self { image, at: _, stands_in: _, pull: _, platform: _, user, network, mounts, resources: _ } =
            self;
        let (name, build) = match image {
            Image::Named(name) => (Some(name), None),
            Image::Built(build) => (None, Some(build)),
        };
        let build = build.into_iter().flat_map(|build| {
            let args = build.args.iter().map(|arg| &arg.value);
            std::iter::once(&build.context).chain(&build.dockerfile).chain(args)
        });
        let mounts = mounts.iter().flat_map(|mount| {
            let source = match &mount.source {
                MountSource::Path(text) | MountSource::Volume(text) => Some(text),
                MountSource::Tmpfs => None,
            };
            source.into_iter().chain([&mount.target])
        });
        name.into_iter().chain(build).chain(user).chain(network).chain(mounts)
    }
}

/// What a container is made of.
#[derive(Debug, Clone)]
pub enum Image {
    /// An image by its name.
    Named(Template),
    /// One that is built first.
    Built(Box<Build>),
}

/// How an image is built.
#[derive(Debug, Clone)]
pub struct Build {
    /// The folder that the build sees, relative to the pipeline's.
    pub context: Template,
    /// The file with the instructions, relative to the context; `Dockerfile` if left out.
    pub dockerfile: Option<Template>,
    /// Build arguments.
    pub args: Vec<EnvVar>,
    /// The stage to stop at.
    pub target: Option<String>,
}

/// When an image is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Pull {
    /// Only if the engine does not have it.
    #[default]
    Missing,
    /// Every time: a name may mean another image today.
    Always,
    /// Never: if the engine does not have it, the step fails.
    Never,
}

/// How the bytes of a container travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// By named pipes that the container has opened; the engine never sees them.
    Fifo,
    /// Through the engine.
    Attach,
}

impl Lane {
    /// Returns its name on the command line, in journals and in summaries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Attach => "attach",
        }
    }
}

/// Something that a container sees.
#[derive(Debug, Clone)]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// The path in the container, absolute.
    pub target: Template,
    /// What the container may do to it.
    pub access: Access,
}

/// What is mounted.
#[derive(Debug, Clone)]
pub enum MountSource {
    /// A file or folder of this machine, relative to the pipeline's folder.
    Path(Template),
    /// A volume of the engine, by its name.
    Volume(Template),
    /// Memory that goes with the container.
    Tmpfs,
}

/// What a container may use; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Resources {
    /// Processors, in parts as well: 1.5.
    pub cpus: Option<f64>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

/// A program in exec form: no shell reads it. The image's own entrypoint and arguments stand for what is left
/// out.
#[derive(Debug, Clone)]
pub struct Exec {
    /// The program and its first arguments.
    pub entrypoint: Option<Vec<Template>>,
    /// The arguments after them.
    pub args: Vec<Template>,
}
