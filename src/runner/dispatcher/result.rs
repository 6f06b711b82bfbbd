//! What the end of the run is, and what it gives back.

use std::sync::Arc;

use super::Dispatcher;
use crate::event::RunEnd;
use crate::pipeline::{RunOutput, Step, StepId};
use crate::plan::EdgeKind;
use crate::runner::gang;
use crate::template::{Scope, StepOutputs, StepOutputsMode};

impl Dispatcher {
    /// Removes the streams that were stored only for a later reader.
    pub(super) fn remove_stored_streams(&self) {
        for (id, stream) in self.job.pipeline.streams().filter(|(_, stream)| !stream.store) {
            let is_stored = |&reader: &StepId| {
                self.decisions.runs(reader) && matches!(self.job.plan.edge(id, reader), EdgeKind::Stored(_))
            };
            if stream.readers.iter().any(is_stored) {
                // It is not there if its producer did not get so far.
                let _ = std::fs::remove_file(gang::stored_path(&self.job, id));
            }
        }
    }

    /// Returns how the run ended, and its outputs.
    pub(super) async fn end(&self) -> (RunEnd, Vec<(String, String)>) {
        let end = match (&self.error, self.signal) {
            (Some(error), _) => RunEnd::Aborted(error.to_string()),
            (None, Some(signal)) => RunEnd::Signalled(signal),
            (None, None) if let Some(limit) = self.phases.timed_out => RunEnd::TimedOut(limit),
            (None, None) if self.failed => RunEnd::Failed { cause: self.cause },
            (None, None) => match self.run_outputs().await {
                Ok(outputs) => return (RunEnd::Succeeded, outputs),
                Err(why) => RunEnd::NoOutput(why),
            },
        };
        (end, Vec::new())
    }

    async fn run_outputs(&self) -> Result<Vec<(String, String)>, String> {
        let job = Arc::clone(&self.job);
        if job.pipeline.outputs.is_empty() {
            return Ok(Vec::new());
        }
        let name = |(id, step): (StepId, &Step)| Some((step.name.clone(), self.outputs_of(id)?));
        let given: StepOutputs = job.pipeline.steps().filter_map(name).collect();
        let left_out = self.outputs_left_out.clone();
        let work = move || {
            let around = Scope { outputs: StepOutputsMode::These(&given), ..Scope::default() };
            let value = |output: &RunOutput| match job.templates.render(&output.value, around) {
                Ok(value) => Ok((output.name.clone(), value)),
                Err(error) => {
                    let why = error.sentence(&job.pipeline.source, &output.value);
                    Err(format!("the output `{}`: {why}", output.name))
                }
            };
            job.pipeline.outputs.iter().filter(|output| !left_out.contains(&output.name)).map(value).collect()
        };
        let broken = |error| Err(format!("the outputs cannot be rendered: {error}"));
        tokio::task::spawn_blocking(work).await.unwrap_or_else(broken)
    }
}
