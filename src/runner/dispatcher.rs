//! The one loop that owns the state of a run. Gangs tell it how their members ended; it decides what that means for
//! everybody else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::gang::{self, Message};
use super::resume::{self, Verdict, Verdicts};
use super::{Halt, Job, Past, PastStep, Shared, spec};
use crate::event::{CancelReason, EventKind, RunEnd, RunFinished, RunStarted, StepFinished};
use crate::executor::EngineError;
use crate::pipeline::{Fingerprint, OnError, Outcome, Outputs, RunOutput, SkipReason, StepId, StreamId};
use crate::plan::{EdgeKind, ReadySet};
use crate::stream::PipeBudget;
use crate::template::{Around, Given, StepOutputs};

struct Dispatcher {
    shared: Arc<Shared>,
    ready: ReadySet,
    past: Option<Past>,
    verdicts: Verdicts,
    /// The values that steps have given; of those that gave any.
    outputs: BTreeMap<StepId, Arc<Outputs>>,
    /// Steps admitted and not yet finished.
    running: usize,
    halt: watch::Sender<Halt>,
    outbox: mpsc::UnboundedSender<Message>,
    /// The tasks of all gangs that were admitted.
    gangs: JoinSet<()>,
    /// The first step that failed by itself.
    cause: Option<StepId>,
    /// A step did not succeed.
    failed: bool,
    signal: Option<i32>,
    engine: Option<EngineError>,
}

pub(super) async fn run(job: Job, mut signals: mpsc::UnboundedReceiver<i32>) -> RunEnd {
    let started = tokio::time::Instant::now();
    let (outbox, mut inbox) = mpsc::unbounded_channel();
    let chosen = job.chosen.clone();
    let mut dispatcher = Dispatcher::new(job, outbox);
    let shared = Arc::clone(&dispatcher.shared);
    let past = dispatcher.past.clone();
    tokio::select! {
        verdicts = resume::decide(&shared, past.as_ref(), chosen.as_ref()) => dispatcher.decided(verdicts),
        Some(signal) = signals.recv() => dispatcher.signalled(signal),
    }
    dispatcher.shared.executor.prepare(spec::images(&dispatcher.shared));
    loop {
        dispatcher.admit();
        if dispatcher.running == 0 {
            break;
        }
        tokio::select! {
            Some(message) = inbox.recv() => dispatcher.take(message),
            Some(signal) = signals.recv() => dispatcher.signalled(signal),
            Some(Err(error)) = dispatcher.gangs.join_next() => {
                // Its members will never be told. What still runs dies with the runtime that holds it.
                dispatcher.engine.get_or_insert(EngineError::new("a part of the engine broke down", error));
                break;
            }
        }
    }
    // Gangs that have told everything still hold files that did not become whole.
    dispatcher.gangs.shutdown().await;
    if let Err(error) = dispatcher.shared.executor.close().await {
        dispatcher.engine.get_or_insert(error);
    }
    dispatcher.skip_the_rest();
    dispatcher.remove_stored_streams();
    // Nothing is in it any more.
    let _ = std::fs::remove_dir(&dispatcher.shared.place.outputs_dir);
    let (end, outputs) = dispatcher.end();
    let finished = RunFinished { end: end.clone(), duration: started.elapsed(), outputs };
    dispatcher.shared.events.send(EventKind::RunFinished(finished));
    end
}

impl Dispatcher {
    fn new(job: Job, outbox: mpsc::UnboundedSender<Message>) -> Self {
        let Job {
            pipeline, plan, values, templates, executor, events, place, settings, reaper, past, ..
        } = job;
        for folder in [Some(&place.outputs_dir), place.secrets_dir.as_ref()].into_iter().flatten() {
            reaper.path(folder).for_good();
        }
        events.send(EventKind::RunStarted(RunStarted {
            run: place.id.clone(),
            pipeline: Arc::clone(&pipeline),
            dir: Some(place.run_dir.clone()),
        }));
        for name in events.unmasked() {
            events.send(EventKind::Warning(format!(
                "the secret `{name}` is shorter than 4 characters, too short to be masked where a step prints it"
            )));
        }
        let ready = ReadySet::new(&plan, &pipeline);
        let budget = PipeBudget::new();
        let shared = Arc::new(Shared {
            pipeline,
            plan,
            values,
            templates,
            executor,
            events,
            place,
            settings,
            reaper,
            budget,
        });
        Self {
            shared,
            ready,
            past,
            verdicts: Verdicts::default(),
            outputs: BTreeMap::new(),
            running: 0,
            halt: watch::channel(Halt::Never).0,
            outbox,
            gangs: JoinSet::new(),
            cause: None,
            failed: false,
            signal: None,
            engine: None,
        }
    }

    /// Starts every gang that is ready and fits.
    fn admit(&mut self) {
        let limit = self.shared.settings.max_parallel.get();
        while *self.halt.borrow() == Halt::Never {
            let free = limit.saturating_sub(self.running);
            let Some((_, steps)) = self.ready.pop(free, self.running == 0) else { break };
            self.running += steps.len();
            if !self.runs(&steps) {
                steps.into_iter().for_each(|step| self.pass_over(step));
                continue;
            }
            let given = self.given(&steps);
            let (halt, outbox) = (self.halt.subscribe(), self.outbox.clone());
            let gang = gang::run(Arc::clone(&self.shared), steps, given, halt, outbox);
            self.gangs.spawn(gang);
        }
    }

    /// Takes over the streams that are kept, and goes by what was decided.
    fn decided(&mut self, verdicts: Verdicts) {
        for (stream, kept) in &verdicts.streams {
            let path = gang::stored_path(&self.shared, *stream);
            let taken = std::fs::hard_link(kept, &path).or_else(|_| std::fs::copy(kept, &path).map(|_| ()));
            if let Err(error) = taken {
                let error = EngineError::new(format!("cannot take over {}", kept.display()), error);
                self.engine.get_or_insert(error);
                self.stop(CancelReason::Engine, Halt::Gently);
            }
        }
        self.verdicts = verdicts;
    }

    /// Whether the steps of a gang run; tells why, where that was a question.
    fn runs(&self, gang: &[StepId]) -> bool {
        let mut runs = false;
        for &step in gang {
            if let Verdict::Run(why) = self.verdicts.of(step) {
                runs = true;
                if !why.is_empty() {
                    let name = &self.shared.pipeline.step(step).name;
                    self.shared.events.send(EventKind::Note(format!("`{name}` runs: {why}")));
                }
            }
        }
        runs
    }

    /// A step that does not run counts as done, with what an earlier run has of it.
    fn pass_over(&mut self, step: StepId) {
        let name = &self.shared.pipeline.step(step).name;
        let past = self.past.as_ref().and_then(|past| past.steps.get(name)).cloned().unwrap_or_default();
        let reused = self.verdicts.of(step) == Verdict::Reuse;
        let PastStep { outputs, products, fingerprint } = past;
        self.finished(StepFinished {
            step,
            outcome: if reused { Outcome::Reused } else { Outcome::LeftOut },
            attempts: 0,
            duration: Duration::ZERO,
            leaky: false,
            outputs: Arc::new(outputs),
            products: if reused { products } else { Vec::new() },
            fingerprint: if reused { fingerprint } else { Fingerprint::new() },
        });
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Finished(finished) => self.finished(finished),
            Message::EngineFailed(error) => {
                self.engine.get_or_insert(error);
                self.stop(CancelReason::Engine, Halt::Gently);
            }
        }
    }

    fn finished(&mut self, finished: StepFinished) {
        self.running -= 1;
        let StepFinished { step, outcome, outputs, .. } = &finished;
        let (step, outcome) = (*step, outcome.clone());
        if outcome.is_success() && !outputs.is_empty() {
            self.outputs.insert(step, Arc::clone(outputs));
        }
        self.shared.events.send(EventKind::StepFinished(finished));
        self.failed |= !outcome.is_success();
        let never = match outcome {
            Outcome::Ignored(_) => self.ready.finish_ignored(step),
            _ => self.ready.finish(step, outcome.is_success()),
        };
        match outcome {
            Outcome::Failed(_) | Outcome::TimedOut => drop(self.cause.get_or_insert(step)),
            // Nobody ignores what this failure does to those who needed the stream.
            Outcome::Ignored(_) if !never.is_empty() => drop(self.cause.get_or_insert(step)),
            Outcome::Tainted { producer } => drop(self.cause.get_or_insert(producer)),
            _ => {}
        }
        for (skipped, because) in never {
            // Who waited for a step that was cancelled was stopped by the same cause.
            let cancelled = outcome == Outcome::Cancelled;
            self.skip(skipped, if cancelled { SkipReason::Stopped } else { SkipReason::Dependency(because) });
        }
        if self.stops_the_run(step, &outcome) {
            let culprit = if let Outcome::Tainted { producer } = outcome { producer } else { step };
            self.stop(CancelReason::StepFailed(culprit), Halt::Gently);
        }
    }

    /// What becomes of the others follows the policy of the step that failed by itself. A tainted one follows its
    /// producer, unless that failure is ignored: nobody ignored the reader's.
    fn stops_the_run(&self, step: StepId, outcome: &Outcome) -> bool {
        let policy = |step: StepId| self.shared.pipeline.step(step).policy.on_error;
        match outcome {
            Outcome::Failed(_) | Outcome::TimedOut => policy(step) == OnError::Stop,
            Outcome::Tainted { producer } => match policy(*producer) {
                OnError::Ignore => policy(step) == OnError::Stop,
                of_producer => of_producer == OnError::Stop,
            },
            _ => false,
        }
    }

    fn signalled(&mut self, signal: i32) {
        let how = if self.signal.is_none() { Halt::Gently } else { Halt::Now };
        let first = *self.signal.get_or_insert(signal);
        self.stop(CancelReason::Signal(first), how);
    }

    /// Only escalates.
    fn stop(&mut self, reason: CancelReason, how: Halt) {
        let more = self.halt.send_if_modified(|halt| {
            let more = how > *halt;
            *halt = how.max(*halt);
            more
        });
        if more {
            self.shared.events.send(EventKind::Cancelling { reason, now: how == Halt::Now });
        }
    }

    fn skip(&mut self, step: StepId, why: SkipReason) {
        self.failed = true;
        let outcome = Outcome::Skipped(why);
        let (attempts, duration, leaky, outputs) = (0, Duration::ZERO, false, Arc::default());
        self.shared.events.send(EventKind::StepFinished(StepFinished {
            step,
            outcome,
            attempts,
            duration,
            leaky,
            outputs,
            products: Vec::new(),
            fingerprint: Fingerprint::new(),
        }));
    }

    fn skip_the_rest(&mut self) {
        for step in self.ready.waiting() {
            self.skip(step, SkipReason::Stopped);
        }
    }

    /// Streams that were stored only for a later reader have done their work.
    fn remove_stored_streams(&self) {
        for (id, stream) in self.shared.pipeline.streams().filter(|(_, stream)| !stream.store) {
            let stored = |&reader: &StepId| matches!(self.shared.plan.edge(id, reader), EdgeKind::Stored(_));
            if stream.readers.iter().any(stored) {
                self.remove_stored(id);
            }
        }
    }

    fn remove_stored(&self, stream: StreamId) {
        // It is not there if its producer did not get so far.
        let _ = std::fs::remove_file(gang::stored_path(&self.shared, stream));
    }

    /// The values of the steps that any of these depends on.
    fn given(&self, steps: &[StepId]) -> StepOutputs {
        let pipeline = &self.shared.pipeline;
        let dependencies = steps.iter().flat_map(|&step| &pipeline.step(step).depends_on);
        let given = |id: StepId| Some((pipeline.step(id).name.clone(), Arc::clone(self.outputs.get(&id)?)));
        dependencies.filter_map(|dependency| given(dependency.step)).collect()
    }

    /// How the run ended, and what it gives back.
    fn end(&self) -> (RunEnd, Vec<(String, String)>) {
        let end = match (&self.engine, self.signal) {
            (Some(error), _) => RunEnd::Engine(error.to_string()),
            (None, Some(signal)) => RunEnd::Signalled(signal),
            (None, None) if self.failed => RunEnd::Failed { cause: self.cause },
            (None, None) => match self.run_outputs() {
                Ok(outputs) => return (RunEnd::Succeeded, outputs),
                Err(why) => RunEnd::NoOutput(why),
            },
        };
        (end, Vec::new())
    }

    fn run_outputs(&self) -> Result<Vec<(String, String)>, String> {
        let Shared { pipeline, templates, .. } = &*self.shared;
        if pipeline.outputs.is_empty() {
            return Ok(Vec::new());
        }
        let name =
            |(&id, outputs): (&StepId, &Arc<Outputs>)| (pipeline.step(id).name.clone(), Arc::clone(outputs));
        let given: StepOutputs = self.outputs.iter().map(name).collect();
        let around = Around { step: None, outputs: Given::These(&given) };
        let value = |output: &RunOutput| match templates.render(&output.value, around) {
            Ok(value) => Ok((output.name.clone(), value)),
            Err(error) => Err(format!("the output `{}`: {error}", output.name)),
        };
        pipeline.outputs.iter().map(value).collect()
    }
}
