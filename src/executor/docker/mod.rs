//! Steps as containers of a Docker engine, or of one that speaks its language.
//!
//! A container is created, its three standard streams are joined to pipes, it is started, waited for and removed. Which
//! way the bytes go is its *lane*:
//!
//! - `fifo`: named pipes, mounted into the container and opened by its shell, so that bytes never touch the engine. Only
//!   for an engine on this kernel, and for steps with a shell. The container proves that it has opened the pipes by a
//!   single byte before its script runs; one that does not falls back to the other lane.
//! - `attach`: through the engine, multiplexed on one connection. Works everywhere.
//!
//! On the first lane a container tells by itself how its program ended; on the second the engine does, when it has taken the
//! container apart. Steps that run one after another use a network namespace again (`sandbox`).
//!
//! Every container has the label `pipe.run`. Removal happens in the background; [`Executor::close`] waits for it, and looks
//! once more for anything with the run's label.

mod attach;
mod auth;
mod build;
mod container;
mod create;
mod digest;
mod engine;
mod fifo;
mod image;
mod init;
mod labels;
mod network;
mod orphans;
mod paths;
mod pull;
mod reach;
mod sandbox;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::task::JoinSet;

pub use self::create::SECRETS;
pub use self::digest::{Digest, DigestError};
pub use self::engine::Engine;
use self::image::Images;
use self::labels::Labels;
pub use self::labels::{Leftover, LeftoverKind, leftovers, remove_all};
use self::network::Networks;
use self::sandbox::Sandboxes;
use super::{
    EngineError, Executor, ImageSource, ImageSpec, Presence, Program, RunningStep, StartError, StepSpec,
    shell,
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

/// What happens that belongs to no step; shown to people.
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
    /// Told what goes on.
    pub notify: Notify,
    /// Whose care everything is given into.
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
    sandboxes: Sandboxes,
    lane: LaneChoice,
    /// Named pipes were tried, and nobody opened them.
    fifo_failed: AtomicBool,
    /// An existing folder for named pipes.
    fifo_dir: PathBuf,
    /// Removals, and images that are fetched ahead.
    background: Mutex<JoinSet<()>>,
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
        reaper.labels(&labels.own()).for_good();
        reaper.path(&pipes).for_good();
        let images = Images::new(engine.clone(), locked, Arc::clone(&notify));
        let shared = Shared {
            engine,
            labels,
            images,
            networks: Networks::default(),
            sandboxes: Sandboxes::default(),
            lane,
            fifo_failed: AtomicBool::new(false),
            fifo_dir: pipes,
            background: Mutex::new(JoinSet::new()),
            left: Mutex::new(Vec::new()),
            notify,
            reaper,
        };
        Self { shared: Arc::new(shared) }
    }

    async fn begin(
        shared: Arc<Shared>,
        spec: StepSpec,
        presence: Presence,
    ) -> Result<RunningStep, StartError> {
        let Some(container) = &spec.container else {
            return Err(EngineError::new("cannot start a container", "the step has none").into());
        };
        let image = shared.images.ensure(&container.image).await?;
        let needs_fifo = !spec.inputs.is_empty();
        if needs_fifo || shared.lane.wants_fifo(&shared, &spec.program) {
            match fifo::start(&shared, &spec, container, &image, &presence).await {
                Ok(running) => return Ok(running),
                Err(fifo::Failure::Start(error)) => return Err(error),
                Err(fifo::Failure::Lane(why)) if needs_fifo => {
                    return Err(StartError::Step(format!(
                        "it reads several inputs, for which a container needs named pipes: {why}"
                    )));
                }
                Err(fifo::Failure::Lane(why)) if shared.lane == LaneChoice::Fifo => {
                    return Err(StartError::Step(format!("its named pipes cannot be used: {why}")));
                }
                Err(fifo::Failure::Lane(why)) => {
                    if !shared.fifo_failed.swap(true, Ordering::Relaxed) {
                        (shared.notify)(format!("streams of containers go through the engine: {why}"));
                    }
                }
            }
        }
        attach::start(&shared, &spec, container, &image, &presence).await
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
    /// Does something in the background, which [`Executor::close`] waits for.
    fn later(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        background.spawn(work);
    }

    /// Waits for everything in the background, and for what that brings about.
    async fn settled(&self) {
        loop {
            let mut background =
                std::mem::take(&mut *self.background.lock().unwrap_or_else(PoisonError::into_inner));
            if background.join_next().await.is_none() {
                return;
            }
            while background.join_next().await.is_some() {}
        }
    }

    /// Kills the processes of a container whose engine cannot be asked to, if they are processes of this kernel.
    fn kill_orphans(&self, id: &str) {
        if self.engine.is_on_this_kernel() {
            orphans::kill(id);
        }
    }

    /// A path of this machine as the engine knows it.
    fn translate(&self, path: &std::path::Path) -> Result<PathBuf, StartError> {
        self.engine.paths().translate(path).map_err(StartError::Step)
    }
}

impl Executor for DockerExecutor {
    fn start(&self, spec: StepSpec, presence: Presence) -> BoxFuture<'_, Result<RunningStep, StartError>> {
        Box::pin(Self::begin(Arc::clone(&self.shared), spec, presence))
    }

    fn prepare(&self, images: Vec<ImageSpec>) {
        self.shared.sandboxes.expect(images.len());
        // What is built may be made of what earlier steps make.
        let named: HashSet<ImageSpec> =
            images.into_iter().filter(|image| matches!(image.source, ImageSource::Named(_))).collect();
        for image in named {
            let shared = Arc::clone(&self.shared);
            self.shared.images.ahead(async move {
                // What goes wrong is told again by the step that needs it.
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

    fn close(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async move {
            self.shared.images.stop();
            self.shared.sandboxes.clear();
            self.shared.settled().await;
            let swept = self.shared.labels.sweep(&self.shared.engine).await;
            let left = std::mem::take(&mut *self.shared.left.lock().unwrap_or_else(PoisonError::into_inner));
            match swept {
                // What could not be removed the first time is gone now.
                Ok(()) => Ok(()),
                Err(why) if left.is_empty() => {
                    Err(EngineError::new("cannot look for containers left behind", why))
                }
                Err(why) => Err(EngineError::new(
                    format!("containers are left behind ({}); `pipe clean` removes them", left.join(", ")),
                    why,
                )),
            }
        })
    }
}

/// Who a container's program runs as if its step says nothing: `pipe`'s own user and group.
pub fn caller() -> String {
    format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw())
}

/// What a container is called: the run, the step, the attempt.
fn container_name(labels: &Labels, spec: &StepSpec, suffix: &str) -> String {
    format!("pipe-{}-{}-{}{suffix}", labels.run(), spec.name, spec.attempt)
}

/// The words that run a script in an image. What shells it has is not known before, but for the one that all have.
fn script_words(program: &Program) -> Option<Vec<String>> {
    let Program::Script { shell: named, text } = program else { return None };
    Some(shell::words(named, false).into_iter().chain([text.clone()]).collect())
}
