//! Going on from an earlier run: which steps need not be done again, and why the others are.
//!
//! All of it is known before anything starts. What need not be done again hangs on nothing but such steps, whose values are
//! those of the earlier run; so every text can be rendered with them, and compared by its fingerprint.

mod fingerprint;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub(super) use self::fingerprint::{add_image, fingerprint};
use super::{Shared, produce, spec};
use crate::pipeline::{Fingerprint, Outputs, Product, Step, StepId, StreamId};
use crate::plan::EdgeKind;
use crate::template::StepOutputs;

/// What there is of an earlier run to go on from.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Its id.
    pub run: String,
    /// The steps that succeeded in it, or did so in the run that it went on from.
    pub steps: BTreeMap<String, PastStep>,
    /// The streams that it has kept.
    pub streams: BTreeMap<String, PastStream>,
}

/// A step that succeeded.
#[derive(Debug, Clone, Default)]
pub struct PastStep {
    /// The values that it gave.
    pub outputs: Outputs,
    /// The files that it left behind.
    pub products: Vec<Product>,
    /// What it did.
    pub fingerprint: Fingerprint,
}

/// A stream in a file.
#[derive(Debug, Clone)]
pub struct PastStream {
    /// The file.
    pub path: PathBuf,
    /// Its checksum, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// What becomes of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It runs, and why; no word where all do.
    Run(String),
    /// It need not be done again.
    Reuse,
    /// It was not asked for.
    LeftOut,
}

/// What becomes of all steps.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    by_step: Vec<Verdict>,
    /// Streams of steps that do not run, to be taken over from where they were kept.
    pub(super) streams: Vec<(StreamId, PathBuf)>,
}

impl Verdicts {
    /// A step's; where nothing was decided, all run.
    pub(super) fn of(&self, step: StepId) -> Verdict {
        self.by_step.get(step.index()).cloned().unwrap_or(Verdict::Run(String::new()))
    }
}

/// Decides. `chosen` are the steps that were asked for by name, if any were.
pub(super) async fn decide(
    shared: &Shared,
    past: Option<&Past>,
    chosen: Option<&BTreeSet<StepId>>,
) -> Verdicts {
    if past.is_none() && chosen.is_none() {
        return Verdicts::default();
    }
    let past_outputs = |past: &Past| -> StepOutputs {
        past.steps.iter().map(|(name, step)| (name.clone(), step.outputs.clone().into())).collect()
    };
    let given = past.map(past_outputs).unwrap_or_default();
    let mut own = Vec::new();
    for (id, step) in shared.pipeline.steps() {
        own.push(match (chosen, past) {
            (Some(chosen), _) if chosen.contains(&id) => Some("it was asked for".to_owned()),
            (_, None) => Some("it did not run before".to_owned()),
            (_, Some(past)) => changed(shared, past, &given, step).await,
        });
    }
    let mut decision =
        Decision { shared, past, chosen, own, pulled: BTreeSet::new(), verdicts: Verdicts::default() };
    // A stream that has to be made again makes its whole gang run, and whoever depends on that.
    loop {
        decision.verdicts.by_step = decision.by_gang();
        if !decision.find_streams() {
            return decision.verdicts;
        }
    }
}

struct Decision<'a> {
    shared: &'a Shared,
    past: Option<&'a Past>,
    chosen: Option<&'a BTreeSet<StepId>>,
    /// By step: why it has to run by itself.
    own: Vec<Option<String>>,
    /// Steps whose stream somebody needs who runs.
    pulled: BTreeSet<StepId>,
    verdicts: Verdicts,
}

impl Decision<'_> {
    /// A gang is reused whole or not at all, and only if all that it depends on is.
    fn by_gang(&self) -> Vec<Verdict> {
        let pipeline = &self.shared.pipeline;
        let mut verdicts = vec![Verdict::Reuse; pipeline.steps.len()];
        for gang in self.shared.plan.gangs() {
            let runs = |step: &StepId, verdicts: &[Verdict]| {
                let needs = needs(self.shared, *step);
                needs.into_iter().find(|need| {
                    !gang.steps.contains(need) && matches!(verdicts[need.index()], Verdict::Run(_))
                })
            };
            let own = |step: &StepId| self.own[step.index()].clone();
            let because = |step: &StepId| {
                let name = |id: StepId| &pipeline.step(id).name;
                own(step).or_else(|| {
                    Some(format!("`{}`, which it depends on, runs", name(runs(step, &verdicts)?)))
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
                verdicts[step.index()] =
                    if wanted { Verdict::Run(reason.unwrap_or(with)) } else { Verdict::LeftOut };
            }
        }
        verdicts
    }

    /// Looks for the streams that are read from disk by steps that run, and made by steps that do not. Tells whether one
    /// has to be made again.
    fn find_streams(&mut self) -> bool {
        self.verdicts.streams.clear();
        for (id, stream) in self.shared.pipeline.streams() {
            let runs = |step: &StepId| matches!(self.verdicts.of(*step), Verdict::Run(_));
            let reads = |reader: &&StepId| {
                runs(reader) && matches!(self.shared.plan.edge(id, **reader), EdgeKind::Stored(_))
            };
            let Some(&reader) = stream.readers.iter().find(reads) else { continue };
            if runs(&stream.producer) {
                continue;
            }
            let kept = self.past.and_then(|past| past.streams.get(&stream.name));
            match kept.filter(|kept| produce::sha256(&kept.path).is_ok_and(|sum| sum == kept.sha256)) {
                Some(kept) => self.verdicts.streams.push((id, kept.path.clone())),
                None => {
                    let reader = &self.shared.pipeline.step(reader).name;
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

/// The steps that a step depends on, by order or by what it reads.
fn needs(shared: &Shared, step: StepId) -> Vec<StepId> {
    let step = shared.pipeline.step(step);
    let producers = step.inputs.iter().map(|input| shared.pipeline.stream(input.port.stream).producer);
    step.depends_on.iter().map(|dependency| dependency.step).chain(producers).collect()
}

/// Why a step cannot be taken as done, whatever becomes of others; nothing if it can. `given` are the values of the earlier
/// run.
async fn changed(shared: &Shared, past: &Past, given: &StepOutputs, step: &Step) -> Option<String> {
    let Some(before) = past.steps.get(&step.name) else {
        return Some(format!("it has not succeeded in run {}", past.run));
    };
    if step.action.is_feed() {
        return Some("what it reads comes from outside".into());
    }
    if let Some(port) = step.output
        && shared.pipeline.stream(port.stream).out.is_some()
    {
        return Some("its stream is sent out".into());
    }
    let rendered = match spec::render(shared, step, given) {
        Ok(rendered) => rendered,
        Err(why) => return Some(format!("what it would do is not known: {why}")),
    };
    let mut now = fingerprint(shared, step, &rendered);
    if let Some(container) = &rendered.container {
        add_image(shared, &container.image, &mut now).await;
    }
    let parts: BTreeSet<&String> = now.keys().chain(before.fingerprint.keys()).collect();
    if let Some(part) = parts.into_iter().find(|part| now.get(*part) != before.fingerprint.get(*part)) {
        return Some(format!("its {part} has changed"));
    }
    let (folder, products) = (rendered.working_dir, before.products.clone());
    let look = move || products.iter().find_map(|product| produce::differs(&folder, product));
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| Some(error.to_string()))
}
