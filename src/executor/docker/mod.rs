//! Steps as containers of a Docker engine, or of one that speaks its language.
//!
//! A container is created, its three standard streams are joined to pipes, it is started, waited for and
//! removed. The way that its bytes take is its *lane*:
//!
//! - `fifo`: named pipes, mounted into the container and opened by its shell, so that bytes never touch the
//!   engine. Only for an engine on this kernel, and for steps with a shell. The container reports by a single
//!   byte that it has opened the pipes, before its script runs; if that byte does not arrive, the step is
//!   started on the other lane.
//! - `attach`: through the engine, multiplexed on one connection. Works everywhere.
//!
//! On the first lane the container itself reports how its program has ended; on the second the engine does,
//! once it has taken the container apart.
//!
//! Every container has the label `pipe.run`. Removal happens in the background; [`Executor::close`] waits for
//! it, and then removes anything else with the run's label.

mod attach;
mod auth;
mod build;
mod container;
mod create;
mod digest;
mod endpoint;
mod engine;
mod farewell;
mod fifo;
mod hex;
mod image;
mod init;
mod inside;
mod labels;
mod leftovers;
mod mountpoints;
mod network;
mod orphans;
mod paths;
mod publish;
mod pull;
mod reach;
mod refusal;
mod service;
mod shared;
mod sight;
mod users;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

pub use self::build::{BuiltImage, built_images};
pub use self::create::SECRETS;
pub use self::digest::Digest;
pub use self::engine::Engine;
use self::image::Images;
use self::labels::Labels;
pub use self::leftovers::{Leftover, LeftoverKind, leftovers, remove_all};
use self::network::Networks;
use super::finder::Finder;
use super::{
    ContainerSpec, Executor, HoldGuard, ImageSource, ImageSpec, Program, RunningStep, StartError, StepSpec,
    SystemError,
};
use crate::pipeline::Lane;
use crate::reaper::Reaper;

/// Which way the bytes of containers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LaneChoice {
    /// By named pipes where that works, else through the engine.
    #[default]
    Auto,
    /// By named pipes, or not at all.
    Fifo,
    /// Through the engine.
    Attach,
}

/// Shows a message that belongs to no step.
pub type Notify = Arc<dyn Fn(String) + Send + Sync>;

/// How a run uses an engine.
pub struct Setup {
    /// The run's id.
    pub run: String,
    /// A folder of the run, where named pipes can be made.
    pub pipes: PathBuf,
    /// Which way bytes go.
    pub lane: LaneChoice,
    /// What to use in place of an image's name.
    pub locked: HashMap<String, String>,
    /// Gets messages about images and lanes.
    pub notify: Notify,
    /// Cleans up if `pipe` is killed.
    pub reaper: Reaper,
}

/// Runs steps in containers.
pub struct DockerExecutor {
    shared: Arc<Shared>,
}

/// What the containers of a run share.
struct Shared {
    engine: Engine,
    labels: Labels,
    images: Images,
    networks: Networks,
    lane: LaneChoice,
    /// Named pipes were tried, and a container did not open them.
    fifo_failed: AtomicBool,
    /// An existing directory for named pipes.
    fifo_dir: PathBuf,
    /// Started with the first named pipes; `None` if it cannot be.
    closings: OnceLock<Option<fifo::Closings>>,
    /// The shared containers that run, by the steps that they are.
    kept: Mutex<HashMap<String, Arc<shared::SharedContainer>>>,
    /// The attempts in them that read streams.
    readers: Mutex<Vec<Arc<shared::Processes>>>,
    /// Started with the first step in a shared container.
    finder: OnceLock<Finder>,
    /// Removals, and images that are fetched ahead.
    background: TaskTracker,
    /// Removals that failed.
    left: Mutex<Vec<String>>,
    notify: Notify,
    reaper: Reaper,
}

impl DockerExecutor {
    /// Runs the steps of a run in containers of an engine.
    pub fn new(engine: Engine, setup: Setup) -> Self {
        let Setup { run, pipes, lane, locked, notify, reaper } = setup;
        let labels = Labels::of(&run, engine.paths().container());
        reaper.labels(&labels.own()).leak();
        reaper.path(&pipes).leak();
        let images = Images::new(engine.clone(), locked, Arc::clone(&notify));
        let shared = Shared {
            engine,
            labels,
            images,
            networks: Networks::default(),
            lane,
            fifo_failed: AtomicBool::new(false),
            fifo_dir: pipes,
            closings: OnceLock::new(),
            kept: Mutex::default(),
            readers: Mutex::default(),
            finder: OnceLock::new(),
            background: TaskTracker::new(),
            left: Mutex::new(Vec::new()),
            notify,
            reaper,
        };
        Self { shared: Arc::new(shared) }
    }

    async fn begin(shared: Arc<Shared>, spec: StepSpec, guard: HoldGuard) -> Result<RunningStep, StartError> {
        if let Some(own) = &spec.shared {
            return shared::start(&shared, &spec, own, &guard).await;
        }
        let Some(container) = &spec.container else {
            return Err(SystemError::new("cannot start a container", "the step has none").into());
        };
        let image = shared.images.ensure(&container.image).await?;
        let started = Self::begin_with(&shared, &spec, container, &image, &guard).await;
        if let Err(StartError::Step(_)) = &started {
            shared.images.forget_if_gone(&container.image, &image).await;
        }
        started
    }

    /// Starts an attempt in a container of an image that the engine has.
    async fn begin_with(
        shared: &Arc<Shared>,
        spec: &StepSpec,
        container: &ContainerSpec,
        image: &str,
        guard: &HoldGuard,
    ) -> Result<RunningStep, StartError> {
        if spec.program == Program::Wait {
            return shared::keep(shared, spec, container, image, guard).await;
        }
        let needs_fifo = spec.inputs.iter().any(|input| input.fd != 0);
        if needs_fifo || shared.lane.wants_fifo(shared, &spec.program) {
            match fifo::start(shared, spec, container, image, guard).await {
                Ok(running) => return Ok(running),
                Err(fifo::Failure::Start(error)) => return Err(error),
                Err(fifo::Failure::Lane(why)) => shared.without_fifo(needs_fifo, &why)?,
            }
        }
        attach::start(shared, spec, container, image, guard).await
    }
}

impl LaneChoice {
    fn wants_fifo(self, shared: &Shared, program: &Program) -> bool {
        let has_shell = matches!(program, Program::Script { .. });
        let has_failed = self == Self::Auto && shared.fifo_failed.load(Ordering::Relaxed);
        self.expected(&shared.engine, has_shell) == Lane::Fifo && !has_failed
    }

    /// The lane that a step will most likely have.
    pub fn expected(self, engine: &Engine, has_shell: bool) -> Lane {
        let fifo = match self {
            Self::Attach => false,
            Self::Fifo => has_shell,
            Self::Auto => has_shell && engine.is_on_this_kernel(),
        };
        if fifo { Lane::Fifo } else { Lane::Attach }
    }
}

impl Shared {
    /// Runs a task in the background, which [`Executor::close`] waits for.
    fn later(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.background.spawn(work);
    }

    /// Waits for all background tasks, and for those that they start.
    async fn settled(&self) {
        self.background.close();
        self.background.wait().await;
    }

    /// Goes over to the other lane for this and all later steps.
    ///
    /// # Errors
    /// If the step needs named pipes, or they were asked for.
    fn without_fifo(&self, needs_fifo: bool, why: &str) -> Result<(), StartError> {
        if needs_fifo {
            let what = "it reads several inputs, for which a container needs named pipes";
            return Err(StartError::Step(format!("{what}: {why}")));
        }
        if self.lane == LaneChoice::Fifo {
            return Err(StartError::Step(format!("its named pipes cannot be used: {why}")));
        }
        if !self.fifo_failed.swap(true, Ordering::Relaxed) {
            (self.notify)(format!("streams of containers go through the engine: {why}"));
        }
        Ok(())
    }

    fn finder(&self) -> Finder {
        self.finder.get_or_init(Finder::start).clone()
    }

    fn closings(&self) -> Option<&fifo::Closings> {
        self.closings.get_or_init(|| fifo::Closings::start().ok()).as_ref()
    }

    /// Kills the processes of a container whose engine does not answer, if they are processes of this kernel.
    fn kill_orphans(&self, id: &str) {
        if self.engine.is_on_this_kernel() {
            orphans::kill(id);
        }
    }

    /// Translates a path of this machine to the engine's path for it.
    fn translate(&self, path: &std::path::Path) -> Result<PathBuf, StartError> {
        let there = self.engine.paths().translate(path);
        there.map_err(|error| StartError::Step(error.to_string()))
    }
}

impl Executor for DockerExecutor {
    fn start(&self, spec: StepSpec, guard: HoldGuard) -> BoxFuture<'_, Result<RunningStep, StartError>> {
        Box::pin(Self::begin(Arc::clone(&self.shared), spec, guard))
    }

    fn prepare(&self, images: Vec<ImageSpec>) {
        // What is built may be made of what earlier steps make.
        let named: HashSet<ImageSpec> =
            images.into_iter().filter(|image| matches!(image.source, ImageSource::Named(_))).collect();
        for image in named {
            let shared = Arc::clone(&self.shared);
            self.shared.images.ahead(async move {
                // An error comes up again at the step that needs the image.
                let _ = shared.images.ensure(&image).await;
            });
        }
    }

    fn image_id<'a>(&'a self, image: &'a ImageSpec) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let name = self.shared.images.ensure(image).await.ok()?;
            self.shared.engine.docker().inspect_image(&name).await.ok()?.id
        })
    }

    fn sever(&self, pipes: Vec<u64>) -> BoxFuture<'_, ()> {
        Box::pin(async move { shared::sever(&self.shared, &pipes).await })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), SystemError>> {
        Box::pin(async move {
            self.shared.images.stop();
            self.shared.settled().await;
            let swept = leftovers::sweep(&self.shared.engine, &self.shared.labels).await;
            let left = std::mem::take(&mut *self.shared.left.lock());
            match swept {
                // What failed to be removed the first time is gone now.
                Ok(()) => Ok(()),
                Err(why) if left.is_empty() => {
                    Err(SystemError::new("cannot look for containers left behind", why))
                }
                Err(why) => Err(SystemError::new(
                    format!("containers are left behind ({}); `pipe clean` removes them", left.join(", ")),
                    why,
                )),
            }
        })
    }
}

/// Returns the name of a container: run, step, attempt.
fn container_name(labels: &Labels, spec: &StepSpec, suffix: &str) -> String {
    format!("pipe-{}-{}-{}{suffix}", labels.run(), ascii(&spec.name), spec.attempt)
}

/// Returns a step's name in the letters that engines take: any other letter as its number.
fn ascii(name: &str) -> String {
    let letter = |c: char| if c.is_ascii() { c.to_string() } else { format!("_{:x}_", u32::from(c)) };
    name.chars().map(letter).collect()
}
