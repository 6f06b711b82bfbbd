//! One attempt of one step: how it starts. The process that comes of it is supervised by a task of its own.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::end::{End, Ended};
use super::files::Files;
use super::log::until;
use super::spec::{self, Rendered, Request, Seen};
use super::supervise::Supervised;
use super::{Job, Shutdown, feed, resume, script};
use crate::event::{EventKind, OutputChannel};
use crate::executor::{Executor, HoldGuard, InputPipe, RunningStep, StartError, StepHandle, SystemError};
use crate::pipeline::{Action, Fingerprint, StepId};

/// Stops a running attempt; the attempt is a task of its own, which reports its [`Ended`] by itself.
#[derive(Debug)]
pub(super) struct Attempt {
    halt: watch::Sender<Shutdown>,
    handle: Weak<dyn StepHandle>,
}

impl Attempt {
    /// Asks the attempt to end. It only escalates: asking for less than before changes nothing.
    pub(super) fn stop(&self, how: Shutdown) {
        how.escalate(&self.halt);
    }

    /// Returns what asks its process, as long as that is there.
    pub(super) fn handle(&self) -> Option<Arc<dyn StepHandle>> {
        self.handle.upgrade()
    }
}

/// The pipe ends of a started attempt, which streams connect to.
pub(super) struct PipeEnds {
    /// Of what the step reads, in its order; nothing for a stored stream.
    pub(super) inputs: Vec<Option<InputPipe>>,
    /// Of the step's stdout, where that is a stream.
    pub(super) stdout: Option<OwnedFd>,
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

/// Starts an attempt. Calls `report` once it has ended: the process, its log, and, unless the step succeeded,
/// every process that it left behind.
pub(super) async fn start(
    job: &Arc<Job>,
    executor: &Arc<dyn Executor>,
    request: Request,
    mut stop: watch::Receiver<Shutdown>,
    report: impl FnOnce(Result<Ended, SystemError>) + Send + 'static,
) -> Result<(Attempt, PipeEnds), NotStarted> {
    let Request { step: id, number, deadline, .. } = request;
    let step = job.pipeline.step(id);
    let begun = Instant::now();
    let has_started =
        |lane| EventKind::StepStarted { step: id, attempt: number, lane, starting: begun.elapsed() };
    let (running, files) = match &step.action {
        Action::Feed(from) => (feed::start(&step.name, from)?, None),
        Action::Run(_) | Action::Exec(_) | Action::Wait => {
            let mut files = Files::create(job, &request).map_err(StartError::System)?;
            let rendered = rendered(job, id, &request.seen);
            let rendered = unless_called_off(rendered, &mut stop, deadline).await?;
            let (rendered, fingerprint) = rendered.map_err(StartError::Step)?;
            files.prepare(job, &rendered, fingerprint).map_err(StartError::Step)?;
            files.write_script(job, &request, &rendered).map_err(StartError::System)?;
            let traced = (job.settings.trace && !step.terminal).then(|| script::traced(&rendered.program));
            let spec = rendered.attempt(job, request, files.paths());
            let (guard, released) = HoldGuard::new();
            let start = async {
                if step.terminal {
                    // The views leave the terminal alone from this event on.
                    job.events.show(has_started(None)).await;
                }
                executor.start(spec, guard).await
            };
            // A start may take a while: an image is pulled.
            let started = unless_called_off(start, &mut stop, deadline).await;
            let started = started.and_then(|started| started.map_err(NotStarted::Failed));
            if started.is_err() && files.declared.is_some() {
                // A container may have begun to write, and may go on as long as it is there.
                released.wait().await;
                files.undo();
            }
            (started?, Some((files, traced)))
        }
    };
    let RunningStep { inputs, stdout, log, lane, handle } = running;
    if !step.terminal {
        job.events.send(has_started(lane));
    }
    let (files, traced) = files.map_or((None, None), |(files, traced)| (Some(files), traced));
    let channel = if stdout.is_some() { OutputChannel::Stderr } else { OutputChannel::Both };
    if let Some(traced) = traced {
        let mut log = job.events.output(id, channel);
        log.send(traced.into_bytes().into()).await;
        log.finish().await;
    }
    let (halt, halted) = watch::channel(Shutdown::None);
    let (job, executor) = (Arc::clone(job), Arc::clone(executor));
    let handle: Arc<dyn StepHandle> = Arc::from(handle);
    let attempt = Attempt { halt, handle: Arc::downgrade(&handle) };
    let process = Supervised { job, executor, step: id, handle, halted, files };
    tokio::spawn(async move { report(process.run((channel, log), deadline).await) });
    Ok((attempt, PipeEnds { inputs, stdout }))
}

/// Renders a step. Its fingerprint knows no address of a service, which is another one in each run.
async fn rendered(job: &Arc<Job>, id: StepId, seen: &Seen) -> Result<(Rendered, Fingerprint), String> {
    let step = job.pipeline.step(id);
    let rendered = spec::render(job, id, seen).await?;
    if job.pipeline.services_of(step).next().is_none() {
        let fingerprint = resume::fingerprint(job, step, &rendered);
        return Ok((rendered, fingerprint));
    }
    let unplaced = Seen { endpoints: None, ..seen.clone() };
    let unplaced = spec::render(job, id, &unplaced).await?;
    Ok((rendered, resume::fingerprint(job, step, &unplaced)))
}

/// Does a part of the start, which is dropped where it is when the attempt is called off.
async fn unless_called_off<T>(
    work: impl Future<Output = T>,
    stop: &mut watch::Receiver<Shutdown>,
    deadline: Option<Instant>,
) -> Result<T, NotStarted> {
    tokio::select! {
        // Once the run is being stopped nothing starts, not even what could at once.
        biased;
        Ok(_) = stop.wait_for(|halt| *halt != Shutdown::None) => Err(NotStarted::Early(End::Stopped)),
        done = work => Ok(done),
        () = until(deadline) => Err(NotStarted::Early(End::TimedOut)),
    }
}

/// Returns the earlier of two deadlines, each of which may be missing.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Returns the deadline after a time limit.
pub(super) fn deadline_in(length: Option<Duration>) -> Option<Instant> {
    length.and_then(|length| Instant::now().checked_add(length))
}
