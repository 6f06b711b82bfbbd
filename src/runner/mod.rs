//! The run itself: from a plan to outcomes.
//!
//! ```text
//! signals ──▶ dispatcher ──▶ gang task ──▶ attempt task ──▶ executor
//!             owns the run    owns one gang   owns one process
//!                 ▲               │                │
//!                 └── Message ────┘◀──── Signal ───┘
//! ```
//!
//! One loop, the `dispatcher`, owns the state of the run: who is ready, who runs, how everybody ended. It starts a
//! task for each gang it admits. A `gang` owns its members' attempts and the streams between them, keeps the stream
//! guarantees, and retries; it tells the dispatcher how each member ended for good. An `attempt` owns one process:
//! its log, its time limit, and the way from TERM to KILL.
//!
//! Two kinds of failure never mix: a step's, which is an [`Outcome`](crate::pipeline::Outcome), and the engine's own,
//! an [`EngineError`](crate::executor::EngineError), which ends the run.

mod attempt;
mod container;
mod demand;
mod dispatcher;
mod feed;
mod files;
mod gang;
mod outputs;
mod produce;
mod resume;
mod retry;
mod secrets;
mod spec;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

pub use self::container::Placing;
pub use self::demand::descriptors;
pub use self::produce::Partial;
pub use self::resume::{Past, PastStep, PastStream};
use crate::event::{RunEnd, channel::Sender};
use crate::executor::Executor;
use crate::pipeline::{Pipeline, StepId, Values};
use crate::plan::Plan;
use crate::reaper::Reaper;
use crate::stream::{Engine, PipeBudget};
use crate::template::Renderer;

/// Everything that a run needs, and nothing that it could still get wrong.
pub struct Job {
    /// What to run.
    pub pipeline: Arc<Pipeline>,
    /// In which order. Made of `pipeline`.
    pub plan: Arc<Plan>,
    /// The checked values of its params.
    pub values: Values,
    /// Renders its templates, with the same values.
    pub templates: Renderer,
    /// Where its steps run.
    pub executor: Arc<dyn Executor>,
    /// Where everything that happens is told.
    pub events: Sender,
    /// Its id and folders.
    pub place: RunPlace,
    /// What it goes on from.
    pub past: Option<Past>,
    /// The steps that were asked for, where not all are.
    pub chosen: Option<BTreeSet<StepId>>,
    /// How it runs.
    pub settings: Settings,
    /// Whose care its files are given into.
    pub reaper: Reaper,
}

/// Where a run happens.
#[derive(Debug, Clone)]
pub struct RunPlace {
    /// The run's id.
    pub id: String,
    /// The folder that steps run in, absolute.
    pub working_dir: PathBuf,
    /// The run directory, where it is shown to users.
    pub run_dir: PathBuf,
    /// An existing folder for streams that are stored or kept.
    pub streams_dir: PathBuf,
    /// An existing folder that nobody else can enter, for the values that steps give.
    pub outputs_dir: PathBuf,
    /// With which fingerprints are made: the same for all runs of a folder, and known to its owner alone.
    pub key: Vec<u8>,
    /// The same for secrets that steps get as files, best in memory; needed only if a step wants some.
    pub secrets_dir: Option<PathBuf>,
}

/// How a run runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Steps running at once; a gang larger than this runs alone.
    pub max_parallel: NonZeroUsize,
    /// Between TERM and KILL.
    pub grace: Duration,
    /// How long a process that outlives its step may hold the step's output open.
    pub leak_grace: Duration,
    /// How live streams are moved.
    pub engine: Engine,
    /// Whether a gang that stands still because one step reads several of its streams is helped on, over disk.
    pub relieve: bool,
    /// What becomes of files that a step has promised, and not finished.
    pub partial: Partial,
}

impl Default for Settings {
    fn default() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            max_parallel: NonZeroUsize::new(16.max(2 * cpus)).unwrap_or(NonZeroUsize::MIN),
            grace: Duration::from_secs(10),
            leak_grace: Duration::from_millis(500),
            engine: Engine::Auto,
            relieve: true,
            partial: Partial::Remove,
        }
    }
}

/// Runs a job to its end. Every number that arrives on `signals` is a signal sent to `pipe`: the first makes the run end
/// with grace, the second at once. When this returns, no process of the run is left but those that a successful step
/// put in the background.
pub async fn run(job: Job, signals: mpsc::UnboundedReceiver<i32>) -> RunEnd {
    dispatcher::run(job, signals).await
}

/// What the tasks of a run share.
struct Shared {
    pipeline: Arc<Pipeline>,
    plan: Arc<Plan>,
    values: Values,
    templates: Renderer,
    executor: Arc<dyn Executor>,
    events: Sender,
    place: RunPlace,
    settings: Settings,
    reaper: Reaper,
    budget: Arc<PipeBudget>,
}

/// How far the run's end has been called for. It only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Halt {
    /// Not at all.
    #[default]
    Never,
    /// TERM, grace, KILL.
    Gently,
    /// KILL.
    Now,
}
