//! Going on from earlier runs: which steps are reused, which run, and why.
//!
//! All of it is decided before anything starts. A reused step depends on reused steps only, whose values are
//! those of earlier runs; so every text can be rendered with them, and compared by its fingerprint.

mod fingerprint;
mod missing;
mod past;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::fingerprint::IMAGE;
pub(super) use self::fingerprint::{add_image, fingerprint};
pub use self::missing::{MissingValue, missing_values, outputs_left_out};
pub use self::past::{Past, PastRun, PastStep, PastStream, PastValues, StepResult, Trace};
use super::conditions::{self, Circumstances, asks_of};
use super::spec::{self, Seen};
use super::{Job, Site, produce};
use crate::pipeline::{Pipeline, Role, Step, StepId, StreamId, Verdict};
use crate::plan::{self, Decision, Decisions, Foreseen, needs};
use crate::template::StepOutputs;

/// Decides, by the runs that this one goes on from, by which steps were asked for, and by conditions. Without
/// a site, nothing is to run: then what the names of images mean today is not asked.
pub async fn decide(job: &Arc<Job>, site: Option<&dyn Site>) -> Decisions {
    let has_conditions = job.pipeline.steps.iter().any(|step| job.pipeline.is_conditional(step));
    if job.past.resumed.is_none() && job.asked.is_none() && !has_conditions {
        return Decisions::default();
    }
    let is_question = |id: StepId| match (&job.past.resumed, &job.asked) {
        (None, _) => false,
        (Some(_), None) => true,
        // Those that were asked for run in any case, and those that were not are left out.
        (Some(_), Some(asked)) => asked.why(id).is_some() && !asked.is_forced(),
    };
    let is_question = |id: StepId| match job.pipeline.step(id).role {
        Role::Ordinary => is_question(id),
        // It runs in any case.
        Role::Finally => false,
        // It runs if a step runs that uses it.
        Role::Service | Role::Container => false,
    };
    let is_kept = |stream| job.past.has_kept(&job.pipeline.stream(stream).name);
    let mut gone: BTreeSet<StepId> = BTreeSet::new();
    loop {
        let given = Arc::new(done(job, &gone));
        let absent = Arc::new(made_by(&job.pipeline, &gone));
        let mut own = Vec::new();
        for (id, _) in job.pipeline.steps() {
            own.push(match is_question(id) {
                true => changed(job, site, (&given, &absent), id).await,
                false => Some(String::new()),
            });
        }
        let seen = conditions_of(job, &given).await;
        let foresee = |step: StepId, decisions: &Decisions| match seen.get(&step) {
            Some(foreseen) => foreseen.clone(),
            None => foresee(job, &given, step, decisions),
        };
        let decisions = plan::decide(&job.pipeline, &job.plan, job.asked.as_ref(), own, is_kept, foresee);
        let passed: BTreeSet<StepId> = decisions.passed_over().map(|(step, _)| step).collect();
        // What they did in an earlier run is no value for the texts that read it with a default.
        if passed.is_subset(&gone) || job.past.resumed.is_none() {
            return decisions;
        }
        gone.extend(passed);
    }
}

/// Returns the values that steps gave in earlier runs, but those that are passed over now.
fn done(job: &Job, gone: &BTreeSet<StepId>) -> StepOutputs {
    let steps = job.pipeline.steps().filter(|(id, _)| !gone.contains(id));
    let outputs = |name: &String| Some((name.clone(), Arc::clone(&job.past.done(name)?.outputs)));
    steps.filter_map(|(_, step)| outputs(&step.name)).collect()
}

/// Returns the streams that steps which are passed over would have made.
fn made_by(pipeline: &Pipeline, gone: &BTreeSet<StepId>) -> BTreeSet<StreamId> {
    pipeline.streams().filter(|(_, stream)| gone.contains(&stream.producer)).map(|(id, _)| id).collect()
}

/// Asks all early conditions, on a thread of their own: there may be many.
async fn conditions_of(job: &Arc<Job>, given: &Arc<StepOutputs>) -> BTreeMap<StepId, Foreseen> {
    if !job.pipeline.steps.iter().any(|step| is_early(&job.pipeline, step)) {
        return BTreeMap::new();
    }
    let (job, given) = (Arc::clone(job), Arc::clone(given));
    let work = move || {
        let early = |step: &Step| is_early(&job.pipeline, step);
        let early = job.pipeline.steps().filter(|(_, step)| early(step));
        early.map(|(id, _)| (id, foreseen(ask(&job, id, &given, &BTreeMap::new())))).collect()
    };
    // A condition that was not asked is asked in the turn of its step.
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}

/// Returns whether all conditions of a step, of which it has some, are known before anything runs.
fn is_early(pipeline: &Pipeline, step: &Step) -> bool {
    pipeline.is_conditional(step) && pipeline.conditions(step).iter().all(|(_, condition)| condition.is_early)
}

fn ask(
    job: &Job,
    step: StepId,
    given: &StepOutputs,
    verdicts: &BTreeMap<String, Verdict>,
) -> Result<Option<String>, String> {
    conditions::ask(job, step, Circumstances { given, verdicts, body: None })
}

/// A condition that cannot be evaluated is asked again in the turn of its step, which then fails.
fn foreseen(answer: Result<Option<String>, String>) -> Foreseen {
    match answer {
        Ok(None) => Foreseen::Holds,
        Ok(Some(words)) => Foreseen::False(words),
        Err(_) => Foreseen::Open,
    }
}

/// Returns what is known of a late condition, before anything has started: all, if it reads only what earlier
/// runs have said.
fn foresee(job: &Job, done: &StepOutputs, step: StepId, decisions: &Decisions) -> Foreseen {
    let declared = job.pipeline.step(step);
    if !job.pipeline.is_conditional(declared) {
        return Foreseen::Holds;
    }
    if is_early(&job.pipeline, declared) || declared.role != Role::Ordinary {
        return Foreseen::Open;
    }
    let sources = conditions::read_by(&job.pipeline, step);
    if sources.is_empty() {
        return Foreseen::Open;
    }
    let mut given = StepOutputs::new();
    for &source in &sources {
        let name = &job.pipeline.step(source).name;
        let outputs = match decisions.of(source) {
            Decision::Run(_) => return Foreseen::Open,
            Decision::Reuse => done.get(name).cloned(),
            Decision::LeftOut => job.past.values.get(name).map(|values| Arc::clone(&values.outputs)),
            Decision::PassOver(_) => None,
        };
        given.extend(outputs.map(|outputs| (name.clone(), outputs)));
    }
    let verdict = |step: StepId| {
        Some(match decisions.of(step) {
            Decision::Run(_) => return None,
            Decision::Reuse | Decision::LeftOut => Verdict::Success,
            Decision::PassOver(_) => Verdict::Skipped,
        })
    };
    foreseen(ask(job, step, &given, &asks_of(&job.pipeline, step, verdict)))
}

/// Returns why a step cannot be reused, regardless of what becomes of other steps; nothing if it can. `given`
/// are the values of earlier runs, `absent` the streams that nothing makes.
async fn changed(
    job: &Arc<Job>,
    site: Option<&dyn Site>,
    (given, absent): (&Arc<StepOutputs>, &Arc<BTreeSet<StreamId>>),
    id: StepId,
) -> Option<String> {
    let step = job.pipeline.step(id);
    if let Some(why) = stale(&job.pipeline, &job.past, id) {
        return Some(why);
    }
    let before = job.past.done(&step.name)?;
    if let Some(port) = step.output
        && job.pipeline.stream(port.stream).out.is_some()
    {
        return Some("its stream is sent out".into());
    }
    let seen = Seen { given: Arc::clone(given), absent: Arc::clone(absent), ..Seen::default() };
    let rendered = match spec::render(job, id, &seen).await {
        Ok(rendered) => rendered,
        Err(why) => return Some(format!("what it would do is not known: {why}")),
    };
    let mut now = fingerprint(job, step, &rendered);
    if let (Some(container), Some(site)) = (&rendered.container, site) {
        add_image(job, site.image_id(&container.image).await, &mut now);
    }
    let is_asked = |part: &&String| site.is_some() || *part != IMAGE;
    let parts: BTreeSet<&String> = now.keys().chain(before.fingerprint.keys()).filter(is_asked).collect();
    if let Some(part) = parts.into_iter().find(|part| now.get(*part) != before.fingerprint.get(*part)) {
        return Some(format!("its {part} has changed"));
    }
    let (folder, products) = (rendered.products_dir, before.products.clone());
    let look = move || products.iter().find_map(|product| produce::differs(&folder, product));
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| Some(error.to_string()))
}

/// Returns why the last start of a step does not do for this run, whatever the step is to do now.
fn stale(pipeline: &Pipeline, past: &Past, id: StepId) -> Option<String> {
    let step = pipeline.step(id);
    if let Some(run) = past.passed_over.get(&step.name) {
        return Some(format!("it has not succeeded in run {run}"));
    }
    let Some(last) = past.steps.get(&step.name) else { return Some("it was not done before".to_owned()) };
    if last.done.is_none() {
        return Some(format!("it has not succeeded in run {}", last.run));
    }
    if step.action.is_feed() {
        return Some("what it reads comes from outside".into());
    }
    let has_run_since =
        |need: &StepId| past.steps.get(&pipeline.step(*need).name).is_some_and(|need| need.age < last.age);
    let need = needs(pipeline, id).into_iter().find(has_run_since)?;
    Some(format!("`{}`, which it depends on, has run since", pipeline.step(need).name))
}
