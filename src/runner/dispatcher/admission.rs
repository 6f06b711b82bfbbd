//! Which gang begins, and which steps need not run.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::{Beside, Conditions, Dispatcher, Phase};
use crate::event::{EventKind, StepFinished};
use crate::executor::SystemError;
use crate::pipeline::{CallId, Outcome, Outputs, Pipeline, SkipReason, Step, StepId, Template};
use crate::plan::{Decision, Decisions, ReadySet, parts};
use crate::runner::resume::{Past, StepResult, outputs_left_out};
use crate::runner::{GangMessage, GangOrder, Job, Shutdown, gang};
use crate::template::StepOutputs;

impl Dispatcher {
    /// Starts every gang that is ready and fits, without the members that are passed over.
    pub(super) fn admit(&mut self) {
        self.ready.release_held();
        loop {
            self.end_places();
            self.tend_services();
            if *self.phases.shutdown().borrow() != Shutdown::None || self.slots.let_back() {
                break;
            }
            if !self.caps.are_none() {
                let (caps, pipeline) = (&self.caps, &self.job.pipeline);
                self.ready.hold(|gang| caps.hold(pipeline, gang));
            }
            if self.ask_conditions() {
                continue;
            }
            let (free, is_idle) = (self.slots.free(), self.slots.is_idle());
            let Some((gang, steps)) = self.ready.pop(free, is_idle) else { break };
            if self.hold_back(gang, &steps) {
                continue;
            }
            self.slots.take(&steps);
            self.caps.start(&self.job.pipeline, &steps);
            self.say_why(&steps);
            self.parts(steps).into_iter().for_each(|part| self.start(part));
        }
    }

    /// Returns the steps of a gang, those that live streams still join side by side.
    fn parts(&self, steps: Vec<StepId>) -> Vec<Vec<StepId>> {
        match steps.first() {
            Some(first) if self.conditions.have_passed_any() => {
                let Job { pipeline, plan, .. } = &*self.job;
                let gang = &plan.gangs()[plan.gang_of(*first).index()].steps;
                parts(plan, pipeline, gang, |step| steps.contains(&step))
            }
            Some(_) | None => vec![steps],
        }
    }

    fn start(&mut self, steps: Vec<StepId>) {
        let (job, decisions) = (Arc::clone(&self.job), Arc::clone(&self.decisions));
        self.note_start();
        let (passed_over, given, body) = (self.passed_beside(&steps), self.given(&steps), self.told());
        let (endpoints, deaths) = (self.beside.endpoints(), self.beside.deaths());
        let round = 1;
        let order = GangOrder { job, given, body, steps, round, decisions, passed_over, endpoints, deaths };
        let (site, shutdown, outbox) =
            (Arc::clone(&self.site), self.phases.shutdown().subscribe(), self.outbox.clone());
        self.gangs.spawn(async move {
            if *shutdown.borrow() == Shutdown::None {
                site.run_gang(order, shutdown, outbox).await;
            } else {
                // The run has been stopped since: nothing starts any more.
                order.steps.into_iter().for_each(|step| never_started(step, &outbox));
            }
        });
    }

    /// Goes by what was decided: takes over the streams that an earlier run has kept, and says where values of
    /// steps that are left out come from.
    pub(super) fn decided(&mut self, decisions: Decisions) {
        let Job { pipeline, plan, templates, past, events, .. } = &*self.job;
        let mut failed = None;
        for &stream in &decisions.taken {
            let Some(kept) = past.streams.get(&pipeline.stream(stream).name) else { continue };
            if let Err(error) = take_over(&kept.path, &gang::stored_path(&self.job, stream)) {
                failed = Some(SystemError::new(format!("cannot take over {}", kept.path.display()), error));
            }
        }
        self.ready = ReadySet::parted(plan, pipeline, |step| decisions.runs(step));
        for note in notes(pipeline, past, &decisions) {
            events.send(EventKind::Note(note));
        }
        let left_out = outputs_left_out(pipeline, templates, past, &decisions);
        for (output, step) in &left_out {
            let why = format!("the output `{output}` is left out: it needs `{step}`, which is left out");
            events.send(EventKind::Note(why));
        }
        self.outputs_left_out = left_out.into_keys().collect();
        self.conditions = Conditions::of(&decisions);
        self.beside = Beside::of(pipeline, |step| decisions.runs(step));
        let unrun = plan.services().filter(|service| !decisions.runs(*service)).collect::<Vec<_>>();
        self.decisions = Arc::new(decisions);
        for service in unrun {
            let finished = self.unrun(service);
            self.finished(finished);
        }
        failed.into_iter().for_each(|error| self.broken(error));
    }

    /// Says why the steps of a gang run, where that was a question.
    fn say_why(&self, gang: &[StepId]) {
        for &step in gang {
            if let Decision::Run(why) = self.decisions.of(step)
                && !why.is_empty()
            {
                let name = &self.job.pipeline.step(step).name;
                self.job.events.send(EventKind::Note(format!("`{name}` runs: {why}")));
            }
        }
    }

    /// Ends the steps that do not run and whose places in the order are taken now: those that are left out or
    /// reused with what an earlier run has of them.
    pub(super) fn end_places(&mut self) {
        for step in self.ready.take_passed() {
            let finished = self.unrun(step);
            self.finished(finished);
        }
    }

    pub(super) fn unrun(&self, step: StepId) -> StepFinished {
        let (name, past) = (&self.job.pipeline.step(step).name, &self.job.past);
        if let Some(why) = self.conditions.passed(step) {
            return StepFinished::unrun(step, Outcome::Skipped(why.clone()));
        }
        match self.decisions.of(step) {
            Decision::Reuse => {
                let StepResult { outputs, products, fingerprint } =
                    past.done(name).cloned().unwrap_or_default();
                StepFinished { outputs, products, fingerprint, ..StepFinished::unrun(step, Outcome::Reused) }
            }
            Decision::LeftOut | Decision::Run(_) | Decision::PassOver(_) => {
                let outputs = past.values.get(name).map(|values| Arc::clone(&values.outputs));
                let outputs = outputs.unwrap_or_default();
                StepFinished { outputs, ..StepFinished::unrun(step, Outcome::LeftOut) }
            }
        }
    }

    /// Returns the values of the steps that any of these depends on; of all, for `finally` steps.
    pub(super) fn given(&self, steps: &[StepId]) -> StepOutputs {
        let pipeline = &self.job.pipeline;
        if self.phases.current == Phase::Finally {
            let named = |(id, step): (StepId, &Step)| Some((step.name.clone(), self.outputs_of(id)?));
            return pipeline.steps().filter_map(named).collect();
        }
        let dependencies = steps.iter().flat_map(|&step| &pipeline.step(step).depends_on);
        let given = |id: StepId| Some((pipeline.step(id).name.clone(), self.outputs_of(id)?));
        dependencies.filter_map(|dependency| given(dependency.step)).collect()
    }

    /// Returns what a step has given, if anything. Of a group each step that has succeeded gives something, if only
    /// that, and none that has failed, ignored or not.
    pub(super) fn outputs_of(&self, step: StepId) -> Option<Arc<Outputs>> {
        let given = self.outputs.get(&step).cloned();
        match self.job.pipeline.step(step).member {
            None => given,
            Some(_) => self.conditions.has_succeeded(step).then(|| given.unwrap_or_default()),
        }
    }
}

/// Returns the texts of a step, each with the call whose file it stands in.
fn texts_of(step: &Step) -> impl Iterator<Item = (Option<CallId>, &Template)> {
    step.templates().map(|text| (step.call, text))
}

/// Returns whose values come from earlier runs, for steps that run and read them, and for the run's outputs.
fn notes(pipeline: &Pipeline, past: &Past, decisions: &Decisions) -> Vec<String> {
    let running = pipeline.steps().filter(|(id, _)| decisions.runs(*id)).flat_map(|(_, step)| texts_of(step));
    let texts = running.chain(pipeline.outputs.iter().map(|output| (None, &output.value)));
    let read = texts.flat_map(|(call, text)| pipeline.outputs_read(call, text));
    let read: BTreeSet<_> = read.map(|read| read.step).collect();
    let left_out = pipeline.steps().filter(|(id, _)| *decisions.of(*id) == Decision::LeftOut);
    let read = left_out.map(|(_, step)| &step.name).filter(|name| read.contains(name.as_str()));
    let note = |name: &String| {
        let run = &past.values.get(name)?.run;
        Some(format!("`{name}` is left out: its values are those of run {run}"))
    };
    read.filter_map(note).collect()
}

fn never_started(step: StepId, outbox: &UnboundedSender<GangMessage>) {
    let why = Outcome::Skipped(SkipReason::Stopped);
    let _ = outbox.send(GangMessage::Finished(StepFinished::unrun(step, why)));
}

/// Makes a kept stream a stored one of this run.
fn take_over(kept: &Path, stored: &Path) -> std::io::Result<()> {
    std::fs::hard_link(kept, stored).or_else(|_| std::fs::copy(kept, stored).map(drop))
}
