//! `--resume`, `--from` and `--only`: the run that is resumed, and the steps that were asked for.

use std::collections::BTreeSet;

use super::args::RunArgs;
use super::error::CliError;
use super::load::Loaded;
use super::past;
use crate::event::wire::OutcomeRecord;
use crate::file::Nearest;
use crate::history::{RunDetails, StepDetails};
use crate::pipeline::{Artifact, Pipeline, StepId};
use crate::runner::{PreviousRun, PreviousStep, PreviousStream};

/// Returns the run that `--resume` names; none without it. Refuses a run that is still going.
pub(super) fn previous(args: &RunArgs) -> Result<Option<PreviousRun>, CliError> {
    let Some(name) = &args.resume else { return Ok(None) };
    let run = past::find(name)?;
    if run.is_live() {
        let hint = "wait for it, or stop it".to_owned();
        return Err(CliError::usage(format!("run {} is still running", run.id()), hint));
    }
    let details = run.details()?;
    past::warn_of(details.skipped);
    Ok(Some(of(&details)))
}

fn of(details: &RunDetails) -> PreviousRun {
    let done = |step: &&StepDetails| match &step.outcome {
        Some(OutcomeRecord::Succeeded | OutcomeRecord::Reused) => true,
        Some(
            OutcomeRecord::Failed { .. }
            | OutcomeRecord::TimedOut
            | OutcomeRecord::Tainted { .. }
            | OutcomeRecord::Cancelled
            | OutcomeRecord::LeftOut
            | OutcomeRecord::Skipped { .. }
            | OutcomeRecord::Ignored { .. },
        )
        | None => false,
    };
    let step = |step: &StepDetails| PreviousStep {
        outputs: step.outputs.clone(),
        products: step.products.iter().map(Artifact::from).collect(),
        fingerprint: step.fingerprint.clone(),
    };
    let steps = details.steps.iter().filter(done).map(|it| (it.step.name.clone(), step(it)));
    let kept = details.streams.iter().filter_map(|stream| {
        let kept = stream.ended.as_ref()?.kept.clone()?;
        Some((stream.stream.name.clone(), PreviousStream { path: kept.path.into(), sha256: kept.sha256 }))
    });
    PreviousRun { run: details.run.clone(), steps: steps.collect(), streams: kept.collect() }
}

/// Returns the steps that `--only` names, and those of `--from` with all that come after them; none without
/// either.
pub(super) fn chosen(args: &RunArgs, loaded: &Loaded) -> Result<Option<BTreeSet<StepId>>, CliError> {
    if args.only.is_empty() && args.from.is_empty() {
        return Ok(None);
    }
    let pipeline = &loaded.pipeline;
    let mut chosen = BTreeSet::new();
    for name in &args.only {
        chosen.insert(find(pipeline, "--only", name)?);
    }
    for name in &args.from {
        add_with_dependents(pipeline, find(pipeline, "--from", name)?, &mut chosen);
    }
    Ok(Some(chosen))
}

fn find(pipeline: &Pipeline, flag: &str, name: &str) -> Result<StepId, CliError> {
    let found = pipeline.steps().find(|(_, step)| step.name == name);
    found.map(|(id, _)| id).ok_or_else(|| {
        let names = pipeline.steps.iter().map(|step| step.name.as_str());
        let near = Nearest::default().find(name, names).map(|near| format!("did you mean `{near}`?"));
        CliError::usage(format!("`{flag} {name}`: there is no step `{name}`"), near)
    })
}

fn add_with_dependents(pipeline: &Pipeline, first: StepId, chosen: &mut BTreeSet<StepId>) {
    let mut open = vec![first];
    while let Some(step) = open.pop() {
        if !chosen.insert(step) {
            continue;
        }
        let after = |(_, other): &(StepId, &crate::pipeline::Step)| {
            other.depends_on.iter().any(|dependency| dependency.step == step)
                || other.inputs.iter().any(|input| pipeline.stream(input.port.stream).producer == step)
        };
        open.extend(pipeline.steps().filter(after).map(|(id, _)| id));
    }
}
