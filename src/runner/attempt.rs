//! One attempt of one step: its process, its log, its time limit, and the way from TERM to KILL.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::StreamExt;

use super::files::{Files, Produced};
use super::{Halt, Settings, Shared, feed, spec};
use crate::event::{EventKind, OutputChannel};
use crate::executor::{
    EngineError, Exit, Inlet, Presence, RunningStep, StartError, StdinSpec, StepHandle, Stop,
};
use crate::pipeline::{Action, Failure, Outputs, StepId};
use crate::stream::Tap;
use crate::template::StepOutputs;

/// A hold on a running attempt; the attempt itself is a task that reports its [`Ended`] by itself.
#[derive(Debug)]
pub(super) struct Attempt {
    halt: watch::Sender<Halt>,
}

impl Attempt {
    /// Asks the attempt to end. It only escalates: asking for less than before changes nothing.
    pub(super) fn stop(&self, how: Halt) {
        self.halt.send_if_modified(|halt| {
            let more = how > *halt;
            *halt = how.max(*halt);
            more
        });
    }
}

/// What a started attempt hands out: its hold, and the pipe ends that streams connect to.
pub(super) struct Started {
    pub(super) attempt: Attempt,
    /// To what the step reads live, by the positions of its inputs.
    pub(super) inputs: Vec<(usize, Inlet)>,
    /// Where the step's stdout is a stream.
    pub(super) stdout: Option<OwnedFd>,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) how: End,
    /// Something that the step left behind held its log open.
    pub(super) leaky: bool,
    /// The values that it gave.
    pub(super) outputs: Outputs,
    /// The files that it left behind, and the promise that they are.
    pub(super) produced: Produced,
}

impl From<End> for Ended {
    /// The end of an attempt that did not get so far as to do anything.
    fn from(how: End) -> Self {
        Self { how, leaky: false, outputs: Outputs::new(), produced: Produced::default() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    Exit(Exit),
    /// It took longer than it may; whether the step as a whole did, or only this attempt.
    TimedOut,
    /// It was asked to.
    Stopped,
    /// It never started; the step is at fault.
    NotStarted(String),
    /// With success, but what it gave or left behind will not do.
    Faulty(Failure),
}

/// Why there is no attempt.
pub(super) enum NotStarted {
    /// It could not be started.
    Failed(StartError),
    /// It was called off before it had started.
    Early(End),
}

impl From<StartError> for NotStarted {
    fn from(error: StartError) -> Self {
        Self::Failed(error)
    }
}

/// What an attempt is started with.
pub(super) struct Request {
    pub(super) step: StepId,
    /// From 1.
    pub(super) number: u32,
    /// What each input of the step is, in order.
    pub(super) inputs: Vec<StdinSpec>,
    /// When it has taken too long.
    pub(super) deadline: Option<Instant>,
    /// What the steps have given that it depends on.
    pub(super) given: Arc<StepOutputs>,
}

/// Starts an attempt. `report` is called once it has ended: the process, its log, and, unless the step succeeded,
/// everything that it left behind.
pub(super) async fn start(
    shared: &Arc<Shared>,
    request: Request,
    mut stop: watch::Receiver<Halt>,
    report: impl FnOnce(Result<Ended, EngineError>) + Send + 'static,
) -> Result<Started, NotStarted> {
    let step = shared.pipeline.step(request.step);
    let (running, files) = match &step.action {
        Action::Feed(from) => (feed::start(&step.name, from)?, None),
        Action::Run(_) | Action::Exec(_) => {
            let mut files = Files::create(shared, step, &request).map_err(StartError::Engine)?;
            let rendered = spec::render(shared, step, &request.given).map_err(StartError::Step)?;
            files.prepare(shared, step, &rendered).map_err(StartError::Step)?;
            let spec = rendered.attempt(shared, step, &request, &files);
            let (presence, absence) = Presence::new();
            // A start may take its time: an image comes from far away.
            let started = tokio::select! {
                biased;
                started = shared.executor.start(spec, presence) => started.map_err(NotStarted::Failed),
                Ok(_) = stop.wait_for(|halt| *halt != Halt::Never) => Err(NotStarted::Early(End::Stopped)),
                () = until(request.deadline) => Err(NotStarted::Early(End::TimedOut)),
            };
            if started.is_err() && files.promise.is_some() {
                // A container may have come so far as to write something, and may do so as long as it is there.
                absence.comes().await;
                files.undo();
            }
            (started?, Some(files))
        }
    };
    let RunningStep { stdin, inputs, stdout, stderr, lane, handle } = running;
    shared.events.send(EventKind::StepStarted { step: request.step, attempt: request.number, lane });
    let mut logs = vec![(OutputChannel::Stderr, stderr)];
    let stdout = if step.output.is_some() {
        Some(stdout)
    } else {
        logs.push((OutputChannel::Stdout, stdout));
        None
    };
    let (halt, halted) = watch::channel(Halt::Never);
    let process = Supervised { shared: Arc::clone(shared), step: request.step, handle, halted, files };
    tokio::spawn(async move { report(process.run(logs, request.deadline).await) });
    let numbered = stdin.map(|end| (0, end)).into_iter().chain(inputs);
    let position = |number| (0..step.inputs.len()).find(|&position| step.input_number(position) == number);
    let inputs = numbered.filter_map(|(number, end)| Some((position(number)?, end))).collect();
    Ok(Started { attempt: Attempt { halt }, inputs, stdout })
}

struct Supervised {
    shared: Arc<Shared>,
    step: StepId,
    handle: Box<dyn StepHandle>,
    halted: watch::Receiver<Halt>,
    files: Option<Files>,
}

impl Supervised {
    /// Sees to it that it has ended when this returns, also when nothing more can be known of it: what it reads is let go
    /// then, and must not look like an end.
    async fn run(
        mut self,
        logs: Vec<(OutputChannel, OwnedFd)>,
        deadline: Option<Instant>,
    ) -> Result<Ended, EngineError> {
        let ended = self.follow(logs, deadline).await;
        if ended.is_err() {
            let Settings { grace, leak_grace, .. } = self.shared.settings;
            // What is lost to this side may still be on its way out.
            let patience = if self.handle.stop(Stop::Kill).await.is_ok() { grace } else { leak_grace };
            let _ = timeout(patience, self.handle.wait()).await;
            self.files.iter().for_each(Files::undo);
        }
        ended
    }

    async fn follow(
        &mut self,
        logs: Vec<(OutputChannel, OwnedFd)>,
        deadline: Option<Instant>,
    ) -> Result<Ended, EngineError> {
        let (cut, cuts) = watch::channel(false);
        let mut taps = JoinSet::new();
        for (channel, fd) in logs {
            taps.spawn(log(Arc::clone(&self.shared), self.step, channel, fd, cuts.clone()));
        }
        let (how, kill_at) = self.exit(deadline).await?;
        // Whoever was asked to end has its whole grace for that; a leak has a short one.
        let leak = Instant::now() + self.shared.settings.leak_grace;
        let patience = kill_at.map_or(leak, |kill_at| kill_at.max(leak));
        let leaky = self.drain(&mut taps, &cut, patience).await?;
        let succeeded = how == End::Exit(Exit::Code(0));
        if !succeeded {
            self.handle.stop(Stop::Kill).await?;
        }
        Ok(self.ended(how, leaky && succeeded).await)
    }

    /// The end, with the values that the step gave and the files that it left behind. How it ended matters more than what is
    /// wrong with them.
    async fn ended(&self, how: End, leaky: bool) -> Ended {
        let succeeded = how == End::Exit(Exit::Code(0));
        let mut ended = Ended { leaky, ..how.into() };
        let Some(files) = &self.files else { return ended };
        ended.produced.promise.clone_from(&files.promise);
        if let End::Exit(_) = ended.how {
            match files.harvest().await {
                Ok((outputs, products)) => {
                    (ended.outputs, ended.produced.products) = (outputs, products);
                    ended.produced.fingerprint = files.fingerprint(&self.shared).await;
                }
                Err(failure) if succeeded => ended.how = End::Faulty(failure),
                Err(_) => ended.outputs = files.outputs.read().unwrap_or_default(),
            }
        }
        ended
    }

    /// Waits for the process, and sees to it that it ends when it has to. Tells how it ended, and until when what it
    /// left behind may still tidy up.
    async fn exit(&mut self, deadline: Option<Instant>) -> Result<(End, Option<Instant>), EngineError> {
        let mut deadline = deadline;
        let mut kill_at = None;
        let mut timed_out = false;
        let exit = loop {
            let halt = *self.halted.borrow_and_update();
            match (if timed_out { halt.max(Halt::Gently) } else { halt }, kill_at) {
                (Halt::Now, _) => self.handle.stop(Stop::Kill).await?,
                (Halt::Gently, None) => {
                    self.handle.stop(Stop::Terminate).await?;
                    kill_at = Some(Instant::now() + self.shared.settings.grace);
                }
                _ => {}
            }
            tokio::select! {
                exit = self.handle.wait() => break exit?,
                Ok(()) = self.halted.changed() => {}
                () = until(kill_at) => {
                    self.handle.stop(Stop::Kill).await?;
                    kill_at = Some(Instant::now() + self.shared.settings.grace);
                }
                () = until(deadline) => {
                    deadline = None;
                    timed_out = true;
                }
            }
        };
        let end = match *self.halted.borrow() {
            _ if timed_out => End::TimedOut,
            Halt::Never => End::Exit(exit),
            _ => End::Stopped,
        };
        Ok((end, kill_at))
    }

    /// Lets the log come to its end, until then at most. Whoever still holds it open is a leak: what has been written so
    /// far is taken, and the rest is not waited for.
    async fn drain(
        &mut self,
        taps: &mut Taps,
        cut: &watch::Sender<bool>,
        patience: Instant,
    ) -> Result<bool, EngineError> {
        let failed = |why: String| EngineError::new("the log of a step was lost", why);
        let mut leaky = false;
        while !taps.is_empty() {
            if *self.halted.borrow_and_update() == Halt::Now {
                self.handle.stop(Stop::Kill).await?;
            }
            tokio::select! {
                Some(tap) = taps.join_next() => leaky |= tap.map_err(|error| failed(error.to_string()))??,
                Ok(()) = self.halted.changed() => {}
                () = sleep_until(patience), if !*cut.borrow() => drop(cut.send_replace(true)),
            }
        }
        Ok(leaky)
    }
}

/// The tasks that pass on a step's outputs; each tells whether it had to be cut off.
type Taps = JoinSet<Result<bool, EngineError>>;

/// Passes on one output of a step as events; tells whether something still held it when it was cut off.
async fn log(
    shared: Arc<Shared>,
    step: StepId,
    channel: OutputChannel,
    fd: OwnedFd,
    mut cut: watch::Receiver<bool>,
) -> Result<bool, EngineError> {
    let name = &shared.pipeline.step(step).name;
    let failed = |error| EngineError::new(format!("cannot read the log of step `{name}`"), error);
    let mut tap = Tap::new(fd).map_err(failed)?;
    let mut output = shared.events.output(step, channel);
    let mut leaky = false;
    loop {
        let piece = tokio::select! {
            piece = tap.next() => piece,
            Ok(()) = cut.changed() => {
                leaky = tap.cut();
                continue;
            }
        };
        match piece {
            Some(bytes) => output.send(bytes.map_err(failed)?).await,
            None => break,
        }
    }
    output.finish().await;
    Ok(leaky)
}

/// Sleeps until then; for ever without a time.
async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// The earlier of two deadlines, each of which may be missing.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// A deadline that long after now.
pub(super) fn deadline_in(length: Option<Duration>) -> Option<Instant> {
    length.and_then(|length| Instant::now().checked_add(length))
}
