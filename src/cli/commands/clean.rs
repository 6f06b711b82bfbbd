//! `pipe clean`: removes what killed runs have left in the engine or in a cluster, and old runs on disk.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use crate::cli::args::{CleanArgs, OnSite};
use crate::cli::containers::runtime;
use crate::cli::error::CliError;
use crate::cli::stdio::{self, say};
use crate::cli::{cluster, past, secrets_dir};
use crate::executor::SystemError;
use crate::executor::docker::{BuiltImage, Engine, Leftover, built_images, leftovers};
use crate::history::{HistoryError, Runs, StoredRun};
use crate::render::human::{count, size};

pub(in crate::cli) fn run(args: &CleanArgs) -> Result<ExitCode, CliError> {
    match args.on {
        Some(OnSite::Kubernetes) => cluster::clean(args).map(|()| ExitCode::SUCCESS),
        None => this_machine(args),
    }
}

fn this_machine(args: &CleanArgs) -> Result<ExitCode, CliError> {
    if Path::new(".pipe").is_symlink() {
        let hint = "clean in the folder that it points to: `pipe clean -C DIR`".to_owned();
        return Err(CliError::usage(
            "`.pipe` is a symbolic link here, which `pipe clean` does not follow",
            hint,
        ));
    }
    if !args.dry_run {
        killed_runs()?;
    }
    let of_runs = args.keep.is_some() || args.older_than.is_some();
    if !of_runs {
        return runtime()?.block_on(engine(args)).map(|()| ExitCode::SUCCESS);
    }
    directories(args)?;
    match runtime()?.block_on(engine(args)) {
        Err(CliError::System(error)) => {
            say!("warning: containers and networks of dead runs may remain: {error}");
        }
        other => other?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Clears what killed runs have left: files in their directories in this folder, and in memory the secrets of
/// all runs of this user. Prints nothing, since these files have no names that a user knows. An error does
/// not keep the others from being cleared.
fn killed_runs() -> Result<(), CliError> {
    let mut failed = None;
    for run in past::runs()?.newest_first().iter().filter(|run| run.is_over()) {
        failed = run.clear().err().or(failed);
    }
    for path in secrets_dir::left() {
        if let Err(reason) = std::fs::remove_dir_all(&path) {
            failed = Some(HistoryError::Remove { path, reason });
        }
    }
    Ok(failed.map_or(Ok(()), Err)?)
}

/// Removes the containers and networks of dead runs.
async fn engine(args: &CleanArgs) -> Result<(), CliError> {
    let engine = Engine::connect().await?;
    let (live, dead): (Vec<_>, Vec<_>) = leftovers(&engine).await?.into_iter().partition(|left| left.is_live);
    let mut failed = None;
    for left in &dead {
        failed = clean(&engine, left, args.dry_run).await?.or(failed);
    }
    let what = if args.dry_run { "would be removed" } else { "removed" };
    let mut line = format!("containers and networks: {} {what}", dead.len());
    if !live.is_empty() {
        line += &format!(", {} kept: their runs are still going, or belong to another machine", live.len());
    }
    stdio::print(line + "\n")?;
    if args.images {
        failed = images(&engine, args.dry_run).await?.or(failed);
    }
    failed.map_or(Ok(()), |error: SystemError| Err(error.into()))
}

/// Removes the images that builds have made. Returns the last error; an error does not keep the others from
/// being removed.
async fn images(engine: &Engine, dry: bool) -> Result<Option<SystemError>, CliError> {
    let (used, free): (Vec<BuiltImage>, Vec<_>) =
        built_images(engine).await?.into_iter().partition(|image| image.is_used);
    let (mut gone, mut failed) = (0, None);
    for image in &free {
        if !dry && let Err(error) = image.remove(engine).await {
            failed = Some(error);
            continue;
        }
        gone += 1;
        stdio::print(format!("image {}, {}\n", image.name, size(image.size)))?;
    }
    let what = if dry { "would be removed" } else { "removed" };
    let mut line = format!("images: {gone} {what}");
    if !used.is_empty() {
        line += &format!(", {} kept: containers use them", used.len());
    }
    stdio::print(line + "\n")?;
    Ok(failed)
}

/// Removes one container or network and prints its name. Returns the error if it cannot be removed, so that
/// the caller goes on.
async fn clean(engine: &Engine, left: &Leftover, dry: bool) -> Result<Option<SystemError>, CliError> {
    if !dry && let Err(error) = left.remove(engine).await {
        return Ok(Some(error));
    }
    stdio::print(format!("{} {} of the run {}\n", left.kind.noun(), left.name, left.run))?;
    Ok(None)
}

/// Removes the directories of old runs. An error does not keep the others from being removed.
fn directories(args: &CleanArgs) -> Result<(), CliError> {
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
        stdio::print(format!("run {}, {}\n", run.id(), size(size_of_run)))?;
    }
    if !args.dry_run {
        // Removed without a message: their names mean nothing to a user.
        failed = failed.or(runs.remains().filter_map(|run| run.remove().err()).last());
    }
    let (gone, freed) = (count(gone, "run"), size(freed));
    let line = match args.dry_run {
        true => format!("{gone} would be removed, which would free {freed}"),
        false => format!("{gone} removed, {freed} freed"),
    };
    stdio::print(line + "\n")?;
    failed.map_or(Ok(()), |error: HistoryError| Err(error.into()))
}

/// Returns the runs that have ended and that neither `--keep` nor `--older-than` keeps.
fn old<'a>(args: &CleanArgs, runs: &'a Runs) -> Vec<&'a StoredRun> {
    let now = Timestamp::now();
    let is_old = |run: &StoredRun| {
        let age = std::time::Duration::try_from(now.duration_since(run.began())).unwrap_or_default();
        args.older_than.is_none_or(|limit| age > limit)
    };
    let past = runs.newest_first().iter().skip(args.keep.unwrap_or(0));
    past.filter(|run| is_old(run) && run.is_over()).collect()
}
