//! Going on from earlier runs: which steps are reused, which run, and why.
//!
//! All of it is decided before anything starts. A reused step depends on reused steps only, whose values are
//! those of earlier runs; so every text can be rendered with them, and compared by its fingerprint.

mod fingerprint;
mod missing;
mod past;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::fingerprint::IMAGE;
pub(super) use self::fingerprint::{add_image, fingerprint};
pub use self::missing::{MissingValue, missing_values, outputs_left_out};
pub use self::past::{Past, PastRun, PastStep, PastStream, PastValues, StepResult, Trace};
use super::{Job, Site, produce, spec};
use crate::pipeline::{Pipeline, Role, StepId};
use crate::plan::{self, Decisions, needs};
use crate::template::StepOutputs;

/// Decides, by the runs that this one goes on from and by which steps were asked for. Without a site, nothing
/// is to run: then what the names of images mean today is not asked.
pub async fn decide(job: &Arc<Job>, site: Option<&dyn Site>) -> Decisions {
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
    };
    if job.past.resumed.is_none() && job.asked.is_none() {
        return Decisions::default();
    }
    let outputs = job
        .past
        .steps
        .iter()
        .filter_map(|(name, step)| Some((name.clone(), Arc::clone(&step.done.as_ref()?.outputs))));
    let given: Arc<StepOutputs> = Arc::new(outputs.collect());
    let mut own = Vec::new();
    for (id, _) in job.pipeline.steps() {
        own.push(match is_question(id) {
            true => changed(job, site, &given, id).await,
            false => Some(String::new()),
        });
    }
    let is_kept = |stream| job.past.has_kept(&job.pipeline.stream(stream).name);
    plan::decide(&job.pipeline, &job.plan, job.asked.as_ref(), own, is_kept)
}

/// Returns why a step cannot be reused, regardless of what becomes of other steps; nothing if it can. `given`
/// are the values of earlier runs.
async fn changed(
    job: &Arc<Job>,
    site: Option<&dyn Site>,
    given: &Arc<StepOutputs>,
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
    let rendered = match spec::render(job, id, given, None).await {
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
