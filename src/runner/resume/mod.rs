//! Resuming an earlier run: which steps are reused, and why the others run.
//!
//! All of it is decided before anything starts. A reused step depends on reused steps only, whose values are
//! those of the earlier run; so every text can be rendered with them, and compared by its fingerprint.

mod fingerprint;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) use self::fingerprint::{add_image, fingerprint};
use super::{Job, Site, produce, spec};
use crate::pipeline::{Artifact, Fingerprint, Outputs, StepId, StreamId};
use crate::plan::EdgeKind;
use crate::stream::sha256;
use crate::template::StepOutputs;

/// An earlier run that is resumed.
#[derive(Debug, Clone, Default)]
pub struct PreviousRun {
    /// Its id.
    pub run: String,
    /// The steps that succeeded in it, or in the run that it resumed.
    pub steps: BTreeMap<String, PreviousStep>,
    /// The streams that it has kept.
    pub streams: BTreeMap<String, PreviousStream>,
}

/// A step that succeeded.
#[derive(Debug, Clone, Default)]
pub struct PreviousStep {
    /// The values that it gave.
    pub outputs: Outputs,
    /// The files that it left behind.
    pub products: Vec<Artifact>,
    /// What it did.
    pub fingerprint: Fingerprint,
}

/// A stream in a file.
#[derive(Debug, Clone)]
pub struct PreviousStream {
    /// The file.
    pub path: PathBuf,
    /// Its checksum, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// What becomes of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// It runs, and why; an empty text where all do.
    Run(String),
    /// It is reused.
    Reuse,
    /// It was not asked for.
    LeftOut,
}

/// What becomes of all steps.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    by_step: Vec<Decision>,
    /// Kept streams of steps that do not run, and their files.
    pub(super) streams: Vec<(StreamId, PathBuf)>,
}

impl Decisions {
    /// Returns the decision about a step; where nothing was decided, all run.
    pub(super) fn of(&self, step: StepId) -> Decision {
        self.by_step.get(step.index()).cloned().unwrap_or(Decision::Run(String::new()))
    }
}

/// Decides, by the run that this one goes on from and by which steps were asked for.
pub(super) async fn decide(job: &Arc<Job>, site: &dyn Site) -> Decisions {
    let (previous, chosen) = (job.previous.as_ref(), job.chosen.as_ref());
    if previous.is_none() && chosen.is_none() {
        return Decisions::default();
    }
    let past_outputs = |previous: &PreviousRun| -> StepOutputs {
        previous.steps.iter().map(|(name, step)| (name.clone(), step.outputs.clone().into())).collect()
    };
    let given = Arc::new(previous.map(past_outputs).unwrap_or_default());
    let mut own = Vec::new();
    for (id, _) in job.pipeline.steps() {
        own.push(match (chosen, previous) {
            (Some(chosen), _) if chosen.contains(&id) => Some("it was asked for".to_owned()),
            (_, None) => Some("it did not run before".to_owned()),
            (_, Some(previous)) => changed(job, site, previous, &given, id).await,
        });
    }
    let mut decider =
        Decider { job, previous, chosen, own, pulled: BTreeSet::new(), decisions: Decisions::default() };
    // A stream that has to be made again makes its whole gang run, and the steps that depend on that.
    loop {
        decider.decisions.by_step = decider.by_gang();
        if !decider.find_streams() {
            return decider.decisions;
        }
    }
}

struct Decider<'a> {
    job: &'a Job,
    previous: Option<&'a PreviousRun>,
    chosen: Option<&'a BTreeSet<StepId>>,
    /// By step: why it has to run by itself.
    own: Vec<Option<String>>,
    /// Steps whose stream is needed by a step that runs.
    pulled: BTreeSet<StepId>,
    decisions: Decisions,
}

impl Decider<'_> {
    /// Decides for each gang, which is reused whole or not at all, and only if all that it depends on is.
    fn by_gang(&self) -> Vec<Decision> {
        let pipeline = &self.job.pipeline;
        let mut decisions = vec![Decision::Reuse; pipeline.steps.len()];
        for gang in self.job.plan.gangs() {
            let runs = |step: &StepId, decisions: &[Decision]| {
                let needs = needs(self.job, *step);
                needs.into_iter().find(|need| {
                    !gang.steps.contains(need) && matches!(decisions[need.index()], Decision::Run(_))
                })
            };
            let own = |step: &StepId| self.own[step.index()].clone();
            let because = |step: &StepId| {
                let name = |id: StepId| &pipeline.step(id).name;
                own(step).or_else(|| {
                    Some(format!("`{}`, which it depends on, runs", name(runs(step, &decisions)?)))
                })
            };
            let reasons: Vec<Option<String>> = gang.steps.iter().map(because).collect();
            let Some(first) = reasons.iter().position(Option::is_some) else { continue };
            // With some chosen, those that are not run only where a chosen one needs them.
            let wanted = self.chosen.is_none_or(|chosen| {
                gang.steps.iter().any(|step| chosen.contains(step) || self.pulled.contains(step))
            });
            for (&step, reason) in gang.steps.iter().zip(reasons) {
                let with = format!("`{}`, with which it starts, runs", pipeline.step(gang.steps[first]).name);
                decisions[step.index()] =
                    if wanted { Decision::Run(reason.unwrap_or(with)) } else { Decision::LeftOut };
            }
        }
        decisions
    }

    /// Finds the streams that are read from disk by steps that run, and made by steps that do not. Returns
    /// whether one has to be made again.
    fn find_streams(&mut self) -> bool {
        self.decisions.streams.clear();
        for (id, stream) in self.job.pipeline.streams() {
            let runs = |step: &StepId| matches!(self.decisions.of(*step), Decision::Run(_));
            let reads = |reader: &&StepId| {
                runs(reader) && matches!(self.job.plan.edge(id, **reader), EdgeKind::Stored(_))
            };
            let Some(&reader) = stream.readers.iter().find(reads) else { continue };
            if runs(&stream.producer) {
                continue;
            }
            let kept = self.previous.and_then(|previous| previous.streams.get(&stream.name));
            match kept.filter(|kept| sha256(&kept.path).is_ok_and(|sum| sum == kept.sha256)) {
                Some(kept) => self.decisions.streams.push((id, kept.path.clone())),
                None => {
                    let reader = &self.job.pipeline.step(reader).name;
                    let why = format!(
                        "it is needed: its stream `{}` has to be made again for `{reader}`",
                        stream.name
                    );
                    self.own[stream.producer.index()] = Some(why);
                    self.pulled.insert(stream.producer);
                    return true;
                }
            }
        }
        false
    }
}

/// Returns the steps that a step depends on, by order or by what it reads.
fn needs(job: &Job, step: StepId) -> Vec<StepId> {
    let step = job.pipeline.step(step);
    let producers = step.inputs.iter().map(|input| job.pipeline.stream(input.port.stream).producer);
    step.depends_on.iter().map(|dependency| dependency.step).chain(producers).collect()
}

/// Returns why a step cannot be reused, regardless of other steps; nothing if it can. `given` are the values
/// of the earlier run.
async fn changed(
    job: &Arc<Job>,
    site: &dyn Site,
    previous: &PreviousRun,
    given: &Arc<StepOutputs>,
    id: StepId,
) -> Option<String> {
    let step = job.pipeline.step(id);
    let Some(before) = previous.steps.get(&step.name) else {
        return Some(format!("it has not succeeded in run {}", previous.run));
    };
    if step.action.is_feed() {
        return Some("what it reads comes from outside".into());
    }
    if let Some(port) = step.output
        && job.pipeline.stream(port.stream).out.is_some()
    {
        return Some("its stream is sent out".into());
    }
    let rendered = match spec::render(job, id, given).await {
        Ok(rendered) => rendered,
        Err(why) => return Some(format!("what it would do is not known: {why}")),
    };
    let mut now = fingerprint(job, step, &rendered);
    if let Some(container) = &rendered.container {
        add_image(job, site.image_id(&container.image).await, &mut now);
    }
    let parts: BTreeSet<&String> = now.keys().chain(before.fingerprint.keys()).collect();
    if let Some(part) = parts.into_iter().find(|part| now.get(*part) != before.fingerprint.get(*part)) {
        return Some(format!("its {part} has changed"));
    }
    let (folder, products) = (rendered.products_dir, before.products.clone());
    let look = move || products.iter().find_map(|product| produce::differs(&folder, product));
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| Some(error.to_string()))
}
