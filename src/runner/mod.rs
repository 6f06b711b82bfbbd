//! The run itself: from a plan to outcomes.
//!
//! ```text
//! signals ──▶ dispatcher ── GangOrder ──▶ site ──▶ gang ──▶ attempt ──▶ executor
//!             owns the run                         owns     owns
//!                 ▲                                a gang   a process
//!                 └──────── GangMessage ────────────┘ ▲         │
//!                                                     └─ Signal ┘
//! ```
//!
//! One loop, the `dispatcher`, owns the state of the run: which gangs are ready, which run, how each step
//! ended. It hands each gang that it admits to a [`Site`]. [`Here`] is the site that is this machine: there a
//! task for each `gang` owns its members' attempts and the streams between them, keeps the stream guarantees,
//! and retries; it sends the dispatcher the final end of each member. An `attempt` owns one process: its log,
//! its time limit, and the way from TERM to KILL.
//!
//! Two kinds of failure never mix: a step's, which is an [`Outcome`](crate::pipeline::Outcome), and that of
//! `pipe` or of what it runs on, an [`SystemError`](crate::executor::SystemError), which ends the run.

#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants))]

mod attempt;
mod conditions;
mod consent;
mod container;
mod dispatcher;
mod end;
mod fd_estimate;
mod feed;
mod files;
mod gang;
mod here;
mod links;
mod log;
mod names;
mod outputs;
mod produce;
mod resume;
mod retry;
mod script;
mod secret_files;
mod service;
pub mod site;
mod slots;
mod spec;
mod supervise;
mod variables;
mod workplace;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

pub use self::consent::{Asker, Consent};
pub use self::container::ContainerRenderer;
pub use self::fd_estimate::descriptors;
pub use self::gang::final_outcome;
pub use self::here::Here;
pub use self::links::plain_path;
pub use self::log::until;
pub use self::names::{Holder, NameFolder, Ticket};
pub use self::produce::{Partial, produced_folders, undo};
pub use self::resume::{
    MissingValue, Past, PastRun, PastStep, PastStream, PastValues, StepResult, Trace, decide, missing_values,
    outputs_left_out,
};
pub use self::retry::next as next_retry;
pub use self::site::{DEATH_NEWS, Deaths, GangMessage, GangOrder, ServiceOrder, Shutdown, Site};
pub use self::slots::SlotRequest;
pub use self::spec::first_attempt;
use crate::event::{RunEnd, channel::Sender};
use crate::pipeline::{Endpoint, Endpoints, Pipeline};
use crate::plan::{Asked, Plan};
use crate::reaper::Reaper;
use crate::stream::BackendChoice;
use crate::template::TemplateRenderer;

/// Everything that a run needs, checked.
pub struct Job {
    /// What to run.
    pub pipeline: Arc<Pipeline>,
    /// In which order. Made of `pipeline`.
    pub plan: Arc<Plan>,
    /// Renders its templates, and has the checked values of its params.
    pub templates: TemplateRenderer,
    /// Takes the events of the run.
    pub events: Sender,
    /// Its id and folders.
    pub place: RunPaths,
    /// What earlier runs have done, where it goes on from them or needs their values.
    pub past: Past,
    /// The steps that were asked for, where not all are.
    pub asked: Option<Asked>,
    /// How it runs.
    pub settings: Settings,
    /// Cleans up its files if `pipe` is killed.
    pub reaper: Reaper,
}

/// Where a run happens.
#[derive(Debug, Clone)]
pub struct RunPaths {
    /// The run's id.
    pub id: String,
    /// The folder that steps run in, absolute.
    pub working_dir: PathBuf,
    /// The run directory, where it is shown to users.
    pub run_dir: PathBuf,
    /// An existing folder for streams that are stored or kept.
    pub streams_dir: PathBuf,
    /// An existing folder that no other user can enter, for the values that steps give.
    pub outputs_dir: PathBuf,
    /// The key of fingerprints: the same for all runs of a folder, and known to its owner alone.
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
    pub backend: BackendChoice,
    /// Whether a gang that is deadlocked because one step reads several of its streams spills to disk.
    pub break_deadlocks: bool,
    /// What becomes of the artifacts of a failed step.
    pub partial: Partial,
    /// Whether the log of each attempt begins with what it runs.
    pub trace: bool,
    /// Where the answers to the questions of steps come from.
    pub consent: Consent,
    /// Where names are held that only one step or run has at a time.
    pub names: NameFolder,
}

impl Default for Settings {
    fn default() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            max_parallel: NonZeroUsize::new(16.max(2 * cpus)).unwrap_or(NonZeroUsize::MIN),
            grace: Duration::from_secs(10),
            leak_grace: Duration::from_millis(500),
            backend: BackendChoice::Auto,
            break_deadlocks: true,
            partial: Partial::Remove,
            trace: false,
            consent: Consent::default(),
            names: NameFolder::of_user(),
        }
    }
}

/// Runs a job to its end, its gangs at a site. Every number that arrives on `signals` is a signal sent to
/// `pipe`: the first makes the run end with grace, the second at once. When this returns, no process of the
/// run is left but those that a successful step put in the background.
pub async fn run(job: Job, site: Arc<dyn Site>, signals: mpsc::UnboundedReceiver<i32>) -> RunEnd {
    dispatcher::run(Arc::new(job), site, signals).await
}
