//! Which gang begins, and which steps need not run.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::Dispatcher;
use crate::event::{EventKind, StepFinished};
use crate::executor::SystemError;
use crate::pipeline::{Outcome, SkipReason, StepId};
use crate::runner::resume::{Decision, Decisions};
use crate::runner::{GangMessage, GangOrder, PreviousStep, Shutdown, gang};
use crate::template::StepOutputs;

impl Dispatcher {
    /// Starts every gang that is ready and fits.
    pub(super) fn admit(&mut self) {
        while *self.shutdown.borrow() == Shutdown::None && !self.slots.let_back() {
            let (free, is_idle) = (self.slots.free(), self.slots.is_idle());
            let Some((_, steps)) = self.ready.pop(free, is_idle) else { break };
            self.slots.take(&steps);
            if !self.runs(&steps) {
                steps.into_iter().for_each(|step| self.pass_over(step));
                continue;
            }
            let order = GangOrder { job: Arc::clone(&self.job), given: self.given(&steps), steps };
            let (site, shutdown, outbox) =
                (Arc::clone(&self.site), self.shutdown.subscribe(), self.outbox.clone());
            self.gangs.spawn(async move {
                if *shutdown.borrow() == Shutdown::None {
                    site.run_gang(order, shutdown, outbox).await;
                } else {
                    // The run has been stopped since: nothing starts any more.
                    order.steps.into_iter().for_each(|step| never_started(step, &outbox));
                }
            });
        }
    }

    /// Takes over the streams that an earlier run has kept, and goes by what was decided.
    pub(super) fn decided(&mut self, decisions: Decisions) {
        for (stream, kept) in &decisions.streams {
            if let Err(error) = take_over(kept, &gang::stored_path(&self.job, *stream)) {
                self.broken(SystemError::new(format!("cannot take over {}", kept.display()), error));
            }
        }
        self.decisions = decisions;
    }

    /// Returns whether the steps of a gang run; notes why, where that was a question.
    fn runs(&self, gang: &[StepId]) -> bool {
        let mut runs = false;
        for &step in gang {
            if let Decision::Run(why) = self.decisions.of(step) {
                runs = true;
                if !why.is_empty() {
                    let name = &self.job.pipeline.step(step).name;
                    self.job.events.send(EventKind::Note(format!("`{name}` runs: {why}")));
                }
            }
        }
        runs
    }

    /// Counts a step that does not run as done, with what an earlier run has of it.
    fn pass_over(&mut self, step: StepId) {
        let name = &self.job.pipeline.step(step).name;
        let previous = self
            .job
            .previous
            .as_ref()
            .and_then(|previous| previous.steps.get(name))
            .cloned()
            .unwrap_or_default();
        let PreviousStep { outputs, products, fingerprint } = previous;
        let outputs = Arc::new(outputs);
        self.finished(match self.decisions.of(step) {
            Decision::Reuse => {
                StepFinished { outputs, products, fingerprint, ..StepFinished::unrun(step, Outcome::Reused) }
            }
            Decision::LeftOut | Decision::Run(_) => {
                StepFinished { outputs, ..StepFinished::unrun(step, Outcome::LeftOut) }
            }
        });
    }

    /// Returns the values of the steps that any of these depends on.
    fn given(&self, steps: &[StepId]) -> StepOutputs {
        let pipeline = &self.job.pipeline;
        let dependencies = steps.iter().flat_map(|&step| &pipeline.step(step).depends_on);
        let given = |id: StepId| Some((pipeline.step(id).name.clone(), Arc::clone(self.outputs.get(&id)?)));
        dependencies.filter_map(|dependency| given(dependency.step)).collect()
    }
}

fn never_started(step: StepId, outbox: &UnboundedSender<GangMessage>) {
    let why = Outcome::Skipped(SkipReason::Stopped);
    let _ = outbox.send(GangMessage::Finished(StepFinished::unrun(step, why)));
}

/// Makes a kept stream a stored one of this run.
fn take_over(kept: &Path, stored: &Path) -> std::io::Result<()> {
    std::fs::hard_link(kept, stored).or_else(|_| std::fs::copy(kept, stored).map(drop))
}
