//! Earlier runs of a pipeline, as an account that a run goes on from.

use std::path::Path;
use std::sync::Arc;

use super::error::CliError;
use super::load::Loaded;
use super::past;
use crate::cli::stdio::say;
use crate::event::wire::OutcomeRecord;
use crate::history::{RunDetails, Runs, StepDetails, StoredRun};
use crate::pipeline::Artifact;
use crate::runner::{Past, PastRun, PastStream, StepResult, Trace};

/// Waits until the reapers of killed runs of the file have cleaned up: what they remove must not be what this run
/// makes.
pub(super) fn wait_for_cleanups(loaded: &Loaded, quiet: bool) {
    let runs = Runs::being_cleaned_up(&loaded.working_dir.join(past::home()));
    for run in runs.iter().filter(|run| is_of(run, loaded)) {
        if !quiet {
            say!("waiting for the clean-up of run {}, which was killed", run.id());
        }
        run.wait_for_cleanup();
    }
}

/// Returns what `--resume RUN` goes on from: that run and all before it. Refuses a run that is still going.
pub(super) fn resumed(name: &str, loaded: &Loaded) -> Result<Past, CliError> {
    let runs = past::runs()?;
    let named = past::find_in(&runs, name)?;
    let mut of_file = runs.newest_first().iter().filter(|run| is_of(run, loaded)).peekable();
    if name == "last" && of_file.peek().is_none() {
        let file = loaded.pipeline.source.path().display();
        let hint = "leave `--resume` out, or name a run of another file: `pipe runs` lists all".to_owned();
        return Err(CliError::usage(format!("there is no run of {file} here"), hint));
    }
    let of_file: Vec<&StoredRun> = match name {
        "last" => of_file.collect(),
        // The file may have had another name then.
        _ => {
            let older = runs.newest_first().iter().skip_while(|run| run.id() != named.id()).skip(1);
            [named].into_iter().chain(older.filter(|run| is_of(run, loaded))).collect()
        }
    };
    if let Some(run) = of_file.first().filter(|run| run.is_live()) {
        let hint = "wait for it, or stop it".to_owned();
        return Err(CliError::usage(format!("run {} is still running", run.id()), hint));
    }
    let mut account = Past::default();
    read(&of_file, &mut account, |account| {
        loaded.pipeline.steps.iter().all(|step| account.is_settled(&step.name))
    })?;
    let with_something = account.steps.values().find(|step| step.done.is_some());
    let newest = of_file.first().map(|run| run.id().to_owned());
    account.resumed = with_something.map(|step| step.run.clone()).or(newest);
    Ok(account)
}

/// Returns the values of these steps, each from the newest run that has them.
pub(super) fn values(steps: &[&str], loaded: &Loaded) -> Result<Past, CliError> {
    let mut account = Past::default();
    if steps.is_empty() {
        return Ok(account);
    }
    let runs = past::runs()?;
    let ended = runs.newest_first().iter().filter(|run| is_of(run, loaded) && !run.is_live());
    let ended: Vec<&StoredRun> = ended.collect();
    read(&ended, &mut account, |account| steps.iter().all(|step| account.values.contains_key(*step)))?;
    Ok(account)
}

/// Reads runs, the newest first, until they have said enough. A run that cannot be read says nothing.
fn read(runs: &[&StoredRun], account: &mut Past, is_enough: impl Fn(&Past) -> bool) -> Result<(), CliError> {
    for (place, run) in runs.iter().enumerate() {
        match run.details() {
            Ok(details) => {
                if place == 0 {
                    past::warn_of(details.skipped);
                }
                account.add(told_by(&details));
            }
            Err(error) if place == 0 => return Err(error.into()),
            Err(error) => {
                say!("warning: skipping the run {}: {}", run.id(), past::one_line(&error.to_string()));
            }
        }
        if is_enough(account) {
            break;
        }
    }
    Ok(())
}

/// Returns whether a run was one of the file that is loaded.
pub(super) fn is_of(run: &StoredRun, loaded: &Loaded) -> bool {
    let ours = loaded.pipeline.source.path();
    let same = |theirs: &Path| {
        theirs == ours
            || ours.canonicalize().is_ok_and(|ours| theirs.canonicalize().is_ok_and(|it| it == ours))
    };
    run.file().is_some_and(|theirs| same(Path::new(&theirs)))
}

/// Returns what a run says of its steps.
pub(super) fn told_by(details: &RunDetails) -> PastRun {
    let steps = details.steps.iter().map(|step| (step.step.name.clone(), trace(step)));
    let streams = details.streams.iter().filter_map(|stream| {
        let kept = stream.ended.as_ref()?.kept.clone()?;
        let kept = PastStream { path: kept.path.into(), sha256: kept.sha256 };
        Some((stream.stream.producer.clone(), stream.stream.name.clone(), kept))
    });
    PastRun { run: details.run.clone(), steps: steps.collect(), streams: streams.collect() }
}

fn trace(step: &StepDetails) -> Trace {
    let result = || StepResult {
        outputs: Arc::new(step.outputs.clone()),
        products: step.products.iter().map(Artifact::from).collect(),
        fingerprint: step.fingerprint.clone(),
    };
    match &step.outcome {
        Some(OutcomeRecord::Succeeded) => Trace::Succeeded(result()),
        Some(OutcomeRecord::Reused) => Trace::Reused(result()),
        Some(
            OutcomeRecord::Skipped { dependency: None, condition: Some(_), without: _ }
            | OutcomeRecord::Skipped { dependency: None, condition: None, without: Some(_) },
        ) => Trace::PassedOver,
        Some(OutcomeRecord::LeftOut) => Trace::LeftOut(Arc::new(step.outputs.clone())),
        Some(
            OutcomeRecord::Failed { .. }
            | OutcomeRecord::TimedOut
            | OutcomeRecord::Tainted { .. }
            | OutcomeRecord::Cancelled
            | OutcomeRecord::Skipped { .. }
            | OutcomeRecord::Ignored { .. },
        )
        | None => {
            if step.attempts > 0 {
                Trace::Spoiled
            } else {
                Trace::Nothing
            }
        }
    }
}
