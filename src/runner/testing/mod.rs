//! Scripted runs: what each attempt of each step does is said beforehand, and takes no real time.
//!
//! A scene is played [`Here`], over a scripted [executor](executor), and where nothing in it needs this
//! machine once more at a scripted [site](site), which has no executor at all. The dispatcher must not notice
//! the difference.

mod act;
mod executor;
mod perform;
mod service;
mod site;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use self::act::Scripts;
pub(super) use self::act::{Act, Log};
use self::executor::Fake;
use self::site::ScriptedSite;
use super::{Here, Job, Past, RunPaths, Settings, Site, run};
use crate::event::mask::Masker;
use crate::event::{Event, EventKind, RunEnd, channel};
use crate::executor::Executor;
use crate::executor::host::HostExecutor;
use crate::pipeline::{
    Action, Backoff, Check, CheckTest, Outcome, Pipeline, Readiness, Retry, Role, Script, Service, Shell,
    SkipReason, Span, StepId, Template, Usage,
};
use crate::plan::{Asked, Plan};
use crate::reaper::Reaper;
use crate::stream::PipeBudget;
use crate::template::{RunContext, TemplateRenderer};

/// So many retries of every failure, with the same wait before each.
pub(super) fn retry(count: u32, delay_seconds: u64) -> Retry {
    Retry {
        count,
        delay: Duration::from_secs(delay_seconds),
        backoff: Backoff::Constant,
        max_delay: None,
        jitter: false,
        on_exit: Vec::new(),
        timeout: None,
    }
}

/// A run to be made, and what it will be made with.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) pipeline: Pipeline,
    scripts: Scripts,
    /// What runs real processes, in place of the scripts.
    executor: Option<Arc<dyn Executor>>,
    pub(super) settings: Settings,
    signals: Vec<(Duration, i32)>,
    pub(super) past: Past,
    pub(super) asked: Option<Asked>,
}

/// What a run did.
pub(super) struct Played {
    pub(super) end: RunEnd,
    pub(super) events: Vec<Event>,
    /// When each of them came, by the paused clock.
    pub(super) times: Vec<Duration>,
    /// Steps that were shown to start before they did.
    pub(super) shown_first: Vec<String>,
    pub(super) took: Duration,
    pub(super) log: Log,
    pub(super) pipeline: Arc<Pipeline>,
}

impl Scene {
    /// A scene from lines as [`crate::pipeline::testing::pipeline`] reads them.
    pub(super) fn of(text: &str) -> Self {
        Self {
            pipeline: crate::pipeline::testing::pipeline(text),
            scripts: Scripts::default(),
            executor: None,
            settings: Settings::default(),
            signals: Vec::new(),
            past: Past::default(),
            asked: None,
        }
    }

    /// Says what a step's attempts do, first to last.
    pub(super) fn act(self, step: &str, acts: impl IntoIterator<Item = Act>) -> Self {
        self.scripts.acts.lock().unwrap().insert(step.into(), acts.into_iter().collect());
        self
    }

    /// Changes a step.
    pub(super) fn with(mut self, step: &str, change: impl FnOnce(&mut crate::pipeline::Step)) -> Self {
        change(self.pipeline.steps.iter_mut().find(|it| it.name == step).unwrap());
        self
    }

    /// Lets steps run when all others have ended.
    pub(super) fn finally<const N: usize>(mut self, steps: [&str; N]) -> Self {
        for name in steps {
            self = self.with(name, |step| step.role = Role::Finally);
        }
        self
    }

    /// Makes steps services, which a check tells to be ready.
    pub(super) fn services<const N: usize>(mut self, steps: [&str; N]) -> Self {
        for name in steps {
            let ask = CheckTest::Shell(Template::literal("ask", Span::default()));
            let readiness = Readiness::Check(Box::new(Check::new(Some(ask))));
            self = self.with(name, |step| {
                step.role = Role::Service;
                step.service = Some(Box::new(Service { name: name.into(), ports: Vec::new(), readiness }));
            });
        }
        self
    }

    /// Lets a step use others.
    pub(super) fn uses<const N: usize>(self, step: &str, used: [&str; N]) -> Self {
        let id = |name: &str| StepId::new(self.pipeline.steps.iter().position(|it| it.name == name).unwrap());
        let used = used.map(|name| Usage { step: id(name), at: Span::default() });
        self.with(step, |step| step.services = used.to_vec())
    }

    /// Limits the run.
    pub(super) fn at_most(mut self, seconds: f64) -> Self {
        self.pipeline.timeout = Some(Duration::from_secs_f64(seconds));
        self
    }

    /// Runs real processes instead: each named step a script for `sh`.
    pub(super) fn scripts<const N: usize>(mut self, scripts: [(&str, &str); N]) -> Self {
        self.executor = Some(Arc::new(HostExecutor::new(Reaper::default())));
        for (name, text) in scripts {
            self = self.with(name, |step| {
                let text = Template::literal(text, Span::default());
                step.action = Action::Run(Script { shell: Shell::Posix("sh".into()), text });
            });
        }
        self
    }

    /// Lets a step be tried again so often, at once.
    pub(super) fn retries(self, step: &str, count: u32) -> Self {
        self.with(step, |step| step.policy.retry = Some(retry(count, 0)))
    }

    pub(super) fn max_parallel(mut self, steps: usize) -> Self {
        self.settings.max_parallel = steps.try_into().unwrap();
        self
    }

    /// Sends a signal to `pipe` after so many seconds.
    pub(super) fn signal(mut self, seconds: f64, signal: i32) -> Self {
        self.signals.push((Duration::from_secs_f64(seconds), signal));
        self
    }

    /// Makes the run here, in a folder of its own. A scripted run is made at the scripted site as well, and
    /// has to come out the same.
    pub(super) async fn play(self) -> Played {
        let folder = || tempfile::tempdir().unwrap();
        let elsewhere =
            self.executor.is_none().then(|| Self { scripts: self.scripts.copy(), ..self.clone() });
        let here = self.play_in(folder().path()).await;
        if let Some(scene) = elsewhere {
            let site = Arc::new(ScriptedSite(scene.scripts.clone()));
            let elsewhere = scene.play_at(site, folder().path()).await;
            assert_eq!(elsewhere.course(), here.course(), "at the scripted site, and here");
        }
        here
    }

    /// Makes the run here.
    pub(super) async fn play_in(self, dir: &Path) -> Played {
        let executor = self.executor.clone().unwrap_or_else(|| Arc::new(Fake(self.scripts.clone())));
        self.play_at(Arc::new(Here { executor, budget: PipeBudget::new() }), dir).await
    }

    async fn play_at(self, site: Arc<dyn Site>, dir: &Path) -> Played {
        let pipeline = Arc::new(self.pipeline);
        let (events, mut receiver) = channel::channel(Masker::default());
        let (sender, signals) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for (after, signal) in self.signals {
                sleep(after).await;
                let _ = sender.send(signal);
            }
            // A closed channel would be no signal, but a pending one is what a real run has.
            std::future::pending::<()>().await;
        });
        let outputs_dir = dir.join("outputs");
        std::fs::create_dir(&outputs_dir).unwrap();
        let place = RunPaths {
            id: "run".into(),
            working_dir: dir.into(),
            run_dir: dir.into(),
            streams_dir: dir.into(),
            outputs_dir,
            key: vec![7; 32],
            secrets_dir: None,
        };
        let job = Job {
            plan: Arc::new(Plan::new(&pipeline).unwrap()),
            pipeline: Arc::clone(&pipeline),
            templates: TemplateRenderer::new(RunContext::default()),
            events,
            place,
            past: self.past,
            asked: self.asked,
            settings: self.settings,
            reaper: Reaper::default(),
        };
        let started = Instant::now();
        let shows = async {
            let (mut events, mut times, mut shown_first) = (Vec::new(), Vec::new(), Vec::new());
            while let Some(event) = receiver.recv().await {
                if let EventKind::StepStarted { step, .. } = event.kind {
                    let name = &pipeline.step(step).name;
                    shown_first.extend(
                        (!self.scripts.log.lock().unwrap().started.contains(name)).then(|| name.clone()),
                    );
                }
                let last = matches!(event.kind, EventKind::RunFinished(_));
                events.push(event);
                times.push(started.elapsed());
                if last {
                    break;
                }
            }
            (events, times, shown_first)
        };
        let (end, (events, times, shown_first)) = tokio::join!(run(job, site, signals), shows);
        let took = started.elapsed();
        let log = std::mem::take(&mut *self.scripts.log.lock().unwrap());
        Played { end, events, times, shown_first, took, log, pipeline }
    }
}

impl Played {
    /// How a step ended.
    pub(super) fn outcome(&self, step: &str) -> Outcome {
        self.finished(step).0
    }

    /// How many attempts a step took.
    pub(super) fn attempts(&self, step: &str) -> u32 {
        self.finished(step).1
    }

    /// What the dispatcher decides: how the run and its steps end, and which attempts begin, in which order
    /// and how many at a time.
    fn course(&self) -> impl PartialEq + std::fmt::Debug {
        let steps = self.pipeline.steps.iter().map(|step| (step.name.clone(), self.ends(&step.name)));
        let Log { started, most, most_at_terminal, .. } = &self.log;
        // Here a stream is moved by a thread in real time, during which paused time may jump.
        let timed = self.pipeline.streams.is_empty().then(|| (self.took, started.clone()));
        // A service ends at the moment at which the next step starts.
        let has_services = self.pipeline.steps.iter().any(|step| step.role.is_beside());
        let began = ((!has_services).then_some(*most), *most_at_terminal, self.shown_first.clone());
        // A panic is told with the number of its task.
        let end = match &self.end {
            RunEnd::Aborted(why) if why.contains("panicked") => RunEnd::Aborted("a panic".into()),
            end => end.clone(),
        };
        (end, timed, steps.collect::<Vec<_>>(), began)
    }

    fn finished(&self, step: &str) -> (Outcome, u32) {
        let ends = self.ends(step);
        let [end] = ends.as_slice() else { panic!("{step} has {} ends", ends.len()) };
        end.clone()
    }

    fn ends(&self, step: &str) -> Vec<(Outcome, u32)> {
        let ends = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::StepFinished(it) if self.pipeline.step(it.step).name == step => {
                Some((it.outcome.clone(), it.attempts))
            }
            _ => None,
        });
        ends.collect()
    }

    /// All outcomes in the order of the file, a letter each: Succeeded, Failed, Timed out, tainted (X),
    /// Cancelled, skipped for a Dependency, skipped as the run stopped (N: never started), Ignored.
    pub(super) fn letters(&self) -> String {
        let letter = |outcome| match outcome {
            Outcome::Succeeded => 'S',
            Outcome::Failed(_) => 'F',
            Outcome::TimedOut => 'T',
            Outcome::Tainted { .. } => 'X',
            Outcome::Cancelled => 'C',
            Outcome::Skipped(SkipReason::Dependency(_)) => 'D',
            Outcome::Skipped(SkipReason::Stopped) => 'N',
            Outcome::Skipped(SkipReason::Condition(_)) => 'P',
            Outcome::Skipped(SkipReason::Without(_)) => 'W',
            Outcome::Ignored(_) => 'I',
            Outcome::Reused => 'R',
            Outcome::LeftOut => 'L',
        };
        self.pipeline.steps.iter().map(|step| letter(self.outcome(&step.name))).collect()
    }
}
