//! `pipe clean`: what runs have left behind goes, in the engine because they or it were killed, and on disk because it is
//! old.

use std::io::Write as _;
use std::process::ExitCode;

use jiff::Timestamp;

use crate::cli::args::Clean;
use crate::cli::containers::runtime;
use crate::cli::error::CliError;
use crate::cli::past;
use crate::executor::EngineError;
use crate::executor::docker::{Engine, Leftover, leftovers};
use crate::history::{HistoryError, Runs, StoredRun};
use crate::render::human::{count, size};

pub(in crate::cli) fn run(args: &Clean) -> Result<ExitCode, CliError> {
    if !args.dry_run {
        killed_runs()?;
    }
    let of_runs = args.keep.is_some() || args.older_than.is_some();
    if !of_runs {
        return runtime()?.block_on(engine(args)).map(|()| ExitCode::SUCCESS);
    }
    directories(args)?;
    match runtime()?.block_on(engine(args)) {
        Err(CliError::Engine(error)) => {
            eprintln!("warning: containers and networks of dead runs may be left: {error}");
        }
        other => other?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What runs of this folder have left in their directories that were killed. Nobody knows it by name, so nobody is told. One
/// that cannot be cleared does not keep the others.
fn killed_runs() -> Result<(), CliError> {
    let mut failed = None;
    for run in past::runs()?.newest_first().iter().filter(|run| !run.is_live()) {
        failed = run.clear().err().or(failed);
    }
    Ok(failed.map_or(Ok(()), Err)?)
}

/// The containers and networks of runs that are dead.
async fn engine(args: &Clean) -> Result<(), CliError> {
    let engine = Engine::connect().await?;
    let (live, dead): (Vec<_>, Vec<_>) = leftovers(&engine).await?.into_iter().partition(|left| left.is_live);
    let mut failed = None;
    for left in &dead {
        failed = clean(&engine, left, args.dry_run).await?.or(failed);
    }
    let what = if args.dry_run { "would be removed" } else { "removed" };
    let mut line = format!("containers and networks: {} {what}", dead.len());
    if !live.is_empty() {
        line += &format!(", {} left alone: their runs go on, or are another machine's", live.len());
    }
    writeln!(std::io::stdout(), "{line}")?;
    failed.map_or(Ok(()), |error: EngineError| Err(error.into()))
}

/// Removes one and says so. One that cannot be removed does not keep the others.
async fn clean(engine: &Engine, left: &Leftover, dry: bool) -> Result<Option<EngineError>, CliError> {
    if !dry && let Err(error) = left.remove(engine).await {
        return Ok(Some(error));
    }
    writeln!(std::io::stdout(), "{} {} of the run {}", left.kind.noun(), left.name, left.run)?;
    Ok(None)
}

/// The directories of runs that are old. One that cannot be removed does not keep the others.
fn directories(args: &Clean) -> Result<(), CliError> {
    let runs = past::runs()?;
    let (mut gone, mut freed, mut failed) = (0, 0, None);
    for run in old(args, &runs) {
        let size_of_run = run.size();
        if !args.dry_run
            && let Err(error) = run.remove()
        {
            failed = failed.or(Some(error));
            continue;
        }
        (gone, freed) = (gone + 1, freed + size_of_run);
        writeln!(std::io::stdout(), "run {}, {}", run.id(), size(size_of_run))?;
    }
    if !args.dry_run {
        // Nobody knows them by name, so nobody is told.
        failed = failed.or(runs.remains().filter_map(|run| run.remove().err()).last());
    }
    let (gone, freed) = (count(gone, "run"), size(freed));
    let line = match args.dry_run {
        true => format!("{gone} would be removed, which would free {freed}"),
        false => format!("{gone} removed, {freed} freed"),
    };
    writeln!(std::io::stdout(), "{line}")?;
    failed.map_or(Ok(()), |error: HistoryError| Err(error.into()))
}

/// The runs that both `--keep` and `--older-than` let go, and that are over.
fn old<'a>(args: &Clean, runs: &'a Runs) -> Vec<&'a StoredRun> {
    let now = Timestamp::now();
    let is_old = |run: &StoredRun| {
        let age = std::time::Duration::try_from(now.duration_since(run.began())).unwrap_or_default();
        args.older_than.is_none_or(|limit| age > limit)
    };
    let past = runs.newest_first().iter().skip(args.keep.unwrap_or(0));
    past.filter(|run| is_old(run) && !run.is_live()).collect()
}
