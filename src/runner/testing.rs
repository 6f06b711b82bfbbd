//! A scripted executor: what each attempt of each step does is said beforehand, and takes no real time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Job, Past, RunPlace, Settings, run};
use crate::event::mask::Masker;
use crate::event::{Event, EventKind, RunEnd, channel};
use crate::executor::host::HostExecutor;
use crate::executor::{
    EngineError, Executor, Exit, Inlet, Presence, RunningStep, StartError, StdinSpec, StepHandle, StepSpec,
    Stop,
};
use crate::pipeline::{
    Action, Backoff, Outcome, Pipeline, Retry, Script, Shell, SkipReason, Span, StepId, Template, Values,
};
use crate::plan::Plan;
use crate::reaper::{Charge, Reaper};
use crate::stream::pipe;
use crate::template::{Facts, Renderer};

/// What one attempt does.
#[derive(Debug, Clone)]
pub(super) struct Act {
    takes: Duration,
    end: ActEnd,
    /// How long it goes on after TERM.
    obeys_after: Duration,
}

#[derive(Debug, Clone)]
enum ActEnd {
    Exit(Exit),
    NotStarted,
    EngineFails,
    Lost(Option<&'static str>),
    Panics,
    Lingers(&'static str),
}

impl Act {
    fn ending(end: ActEnd) -> Self {
        Self { takes: Duration::from_secs(1), end, obeys_after: Duration::ZERO }
    }

    pub(super) fn exit(code: i32) -> Self {
        Self::ending(ActEnd::Exit(Exit::Code(code)))
    }

    pub(super) fn not_started() -> Self {
        Self::ending(ActEnd::NotStarted)
    }

    pub(super) fn engine_fails() -> Self {
        Self::ending(ActEnd::EngineFails)
    }

    /// Nothing can be known of it any more, though it runs on until it is killed. It may have made a file.
    pub(super) fn lost(made: Option<&'static str>) -> Self {
        Self::ending(ActEnd::Lost(made))
    }

    pub(super) fn panics() -> Self {
        Self::ending(ActEnd::Panics)
    }

    /// It never starts, and has made this file at its end, whoever waits for it.
    pub(super) fn lingers(file: &'static str) -> Self {
        Self::ending(ActEnd::Lingers(file))
    }

    pub(super) fn takes(self, seconds: f64) -> Self {
        Self { takes: Duration::from_secs_f64(seconds), ..self }
    }

    pub(super) fn obeys_after(self, seconds: u64) -> Self {
        Self { obeys_after: Duration::from_secs(seconds), ..self }
    }
}

/// The executor. A step without a script succeeds after a second.
#[derive(Debug, Default)]
pub(super) struct Fake {
    acts: Mutex<BTreeMap<String, VecDeque<Act>>>,
    log: Arc<Mutex<Log>>,
}

/// What the executor saw.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Names of attempts, in the order in which they were started.
    pub(super) started: Vec<String>,
    /// `NAME TERM` and `NAME KILL`, in order, for processes that still ran; with `at its end` for one whose stdin had ended.
    pub(super) stopped: Vec<String>,
    running: usize,
    /// The most that ever ran at once.
    pub(super) most: usize,
}

impl Executor for Fake {
    fn start(&self, spec: StepSpec, presence: Presence) -> BoxFuture<'_, Result<RunningStep, StartError>> {
        let act = self.acts.lock().unwrap().get_mut(&spec.name).and_then(VecDeque::pop_front);
        let act = act.unwrap_or_else(|| Act::exit(0));
        Box::pin(async move {
            match act.end {
                ActEnd::NotStarted => Err(StartError::Step("it is not there".into())),
                ActEnd::EngineFails => Err(EngineError::new("cannot start anything", "no luck").into()),
                ActEnd::Panics => panic!("a bug in an executor"),
                ActEnd::Lingers(file) => {
                    tokio::spawn(async move {
                        sleep(act.takes).await;
                        std::fs::write(spec.working_dir.join(file), "half").unwrap();
                        drop(presence);
                    });
                    std::future::pending().await
                }
                ActEnd::Lost(made) => {
                    made.iter().for_each(|made| std::fs::write(spec.working_dir.join(made), "half").unwrap());
                    Ok(self.running(spec, act, None))
                }
                ActEnd::Exit(exit) => Ok(self.running(spec, act, Some(exit))),
            }
        })
    }
}

impl Fake {
    fn running(&self, spec: StepSpec, act: Act, exit: Option<Exit>) -> RunningStep {
        let ((stdout, _), (stderr, _)) = (pipe().unwrap(), pipe().unwrap());
        let stdin = (spec.stdin == StdinSpec::Pipe).then(|| pipe().unwrap());
        let (stdin_end, stdin) = stdin.map_or((None, None), |(reader, writer)| {
            (Some(Receiver::from_owned_fd(reader).unwrap()), Some(writer))
        });
        let (stops, mut asked) = mpsc::unbounded_channel();
        let (ended, end) = watch::channel(None);
        let (log, name) = (Arc::clone(&self.log), spec.name);
        {
            let mut log = log.lock().unwrap();
            log.started.push(name.clone());
            log.running += 1;
            log.most = log.most.max(log.running);
        }
        tokio::spawn(async move {
            let mut until = Instant::now() + act.takes;
            let (mut exit, mut ended) = (exit, Some(ended));
            loop {
                tokio::select! {
                    () = sleep_until(until), if ended.is_some() => match exit {
                        Some(_) => break,
                        None => ended = None,
                    },
                    Some(how) = asked.recv() => {
                        let word = if how == Stop::Kill { "KILL" } else { "TERM" };
                        let at_end = if stdin_end.as_ref().is_some_and(has_ended) { " at its end" } else { "" };
                        log.lock().unwrap().stopped.push(format!("{name} {word}{at_end}"));
                        if ended.is_none() {
                            break;
                        }
                        exit = Some(Exit::Signal(if how == Stop::Kill { 9 } else { 15 }));
                        let patience = if how == Stop::Kill { Duration::ZERO } else { act.obeys_after };
                        until = Instant::now() + patience;
                    }
                }
            }
            drop(stdin_end);
            log.lock().unwrap().running -= 1;
            if let Some(ended) = ended {
                ended.send_replace(exit);
            }
        });
        let stdin = stdin.map(|end| Inlet { end, held: Charge::default() });
        let handle = Box::new(FakeHandle { stops, end });
        RunningStep { stdin, inputs: Vec::new(), stdout, stderr, lane: None, handle }
    }
}

/// Whether nobody can write to this pipe any more. Reads what there is.
fn has_ended(end: &Receiver) -> bool {
    loop {
        match end.try_read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

struct FakeHandle {
    stops: mpsc::UnboundedSender<Stop>,
    end: watch::Receiver<Option<Exit>>,
}

impl StepHandle for FakeHandle {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, EngineError>> {
        let mut end = self.end.clone();
        Box::pin(async move {
            let end = end.wait_for(Option::is_some).await.map(|end| *end);
            end.ok().flatten().ok_or_else(|| EngineError::new("cannot wait", "the process is lost"))
        })
    }

    fn stop(&self, how: Stop) -> BoxFuture<'_, Result<(), EngineError>> {
        let _ = self.stops.send(how);
        Box::pin(async { Ok(()) })
    }
}

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
pub(super) struct Scene {
    pub(super) pipeline: Pipeline,
    pub(super) executor: Arc<dyn Executor>,
    fake: Arc<Fake>,
    pub(super) settings: Settings,
    signals: Vec<(Duration, i32)>,
    pub(super) past: Option<Past>,
    pub(super) chosen: Option<BTreeSet<StepId>>,
}

/// What a run did.
pub(super) struct Played {
    pub(super) end: RunEnd,
    pub(super) events: Vec<Event>,
    pub(super) took: Duration,
    pub(super) log: Log,
    pub(super) pipeline: Arc<Pipeline>,
}

impl Scene {
    /// A scene from lines as [`crate::pipeline::testing::pipeline`] reads them.
    pub(super) fn of(text: &str) -> Self {
        let fake = Arc::new(Fake::default());
        let executor = Arc::clone(&fake) as Arc<dyn Executor>;
        let pipeline = crate::pipeline::testing::pipeline(text);
        Self {
            pipeline,
            executor,
            fake,
            settings: Settings::default(),
            signals: Vec::new(),
            past: None,
            chosen: None,
        }
    }

    /// Says what a step's attempts do, first to last.
    pub(super) fn act(self, step: &str, acts: impl IntoIterator<Item = Act>) -> Self {
        self.fake.acts.lock().unwrap().insert(step.into(), acts.into_iter().collect());
        self
    }

    /// Changes a step.
    pub(super) fn with(mut self, step: &str, change: impl FnOnce(&mut crate::pipeline::Step)) -> Self {
        change(self.pipeline.steps.iter_mut().find(|it| it.name == step).unwrap());
        self
    }

    /// Runs real processes instead: each named step a script for `sh`.
    pub(super) fn scripts<const N: usize>(mut self, scripts: [(&str, &str); N]) -> Self {
        self.executor = Arc::new(HostExecutor::new(Reaper::default()));
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

    /// Makes the run in a folder of its own.
    pub(super) async fn play(self) -> Played {
        let dir = tempfile::tempdir().unwrap();
        self.play_in(dir.path()).await
    }

    /// Makes the run.
    pub(super) async fn play_in(self, dir: &Path) -> Played {
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
        let place = RunPlace {
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
            values: Values::new(),
            templates: Renderer::new(Facts::default()),
            executor: self.executor,
            events,
            place,
            past: self.past,
            chosen: self.chosen,
            settings: self.settings,
            reaper: Reaper::default(),
        };
        let started = Instant::now();
        let end = run(job, signals).await;
        let took = started.elapsed();
        let mut events = Vec::new();
        while let Some(event) = receiver.recv().await {
            let last = matches!(event.kind, EventKind::RunFinished(_));
            events.push(event);
            if last {
                break;
            }
        }
        let log = std::mem::take(&mut *self.fake.log.lock().unwrap());
        Played { end, events, took, log, pipeline }
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

    fn finished(&self, step: &str) -> (Outcome, u32) {
        let mut found = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::StepFinished(it) if self.pipeline.step(it.step).name == step => {
                Some((it.outcome.clone(), it.attempts))
            }
            _ => None,
        });
        let first = found.next().unwrap_or_else(|| panic!("{step} has no end"));
        assert!(found.next().is_none(), "{step} has two ends");
        first
    }

    /// All outcomes in the order of the file, a letter each: Succeeded, Failed, Timed out, tainted (X), Cancelled,
    /// skipped for a Dependency, skipped as the run stopped (N: never started), Ignored.
    pub(super) fn letters(&self) -> String {
        let letter = |outcome| match outcome {
            Outcome::Succeeded => 'S',
            Outcome::Failed(_) => 'F',
            Outcome::TimedOut => 'T',
            Outcome::Tainted { .. } => 'X',
            Outcome::Cancelled => 'C',
            Outcome::Skipped(SkipReason::Dependency(_)) => 'D',
            Outcome::Skipped(SkipReason::Stopped) => 'N',
            Outcome::Ignored(_) => 'I',
            Outcome::Reused => 'R',
            Outcome::LeftOut => 'L',
        };
        self.pipeline.steps.iter().map(|step| letter(self.outcome(&step.name))).collect()
    }
}
