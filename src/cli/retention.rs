//! How many runs are kept: `history.keep` of the file, or `PIPE_KEEP_RUNS`.

use std::num::NonZeroUsize;

use super::earlier::{is_of, told_by};
use super::error::CliError;
use super::load::Loaded;
use super::past;
use crate::cli::stdio::say;
use crate::history::StoredRun;
use crate::runner::Past;

/// The variable that says it for all files.
const KEEP: &str = "PIPE_KEEP_RUNS";

/// Returns how many runs of the file are kept; nothing where all are.
pub(super) fn keep(loaded: &Loaded) -> Result<Option<NonZeroUsize>, CliError> {
    let Some(given) = std::env::var_os(KEEP).filter(|given| !given.is_empty()) else {
        return Ok(loaded.pipeline.keep_runs);
    };
    let number = given.to_str().and_then(|text| text.parse().ok());
    let wrong = || {
        let hint = "it is a whole number of at least 1: how many runs of a file are kept".to_owned();
        CliError::usage(format!("`{KEEP}` is `{}`, which is no number of runs", given.display()), hint)
    };
    number.map(Some).ok_or_else(wrong)
}

/// Removes old runs of the file. What cannot be removed is a warning: the run that has ended is no worse for
/// it.
pub(super) fn tidy(loaded: &Loaded, keep: Option<NonZeroUsize>) {
    let Some(keep) = keep else { return };
    if let Err(error) = remove_old(loaded, keep.get()) {
        say!("warning: old runs stay: {error}");
    }
}

fn remove_old(loaded: &Loaded, keep: usize) -> Result<(), CliError> {
    let runs = past::runs()?;
    let of_file: Vec<&StoredRun> = runs.newest_first().iter().filter(|run| is_of(run, loaded)).collect();
    let (kept, old) = of_file.split_at(keep.min(of_file.len()));
    let mut account = None;
    for run in old.iter().filter(|run| run.is_over()) {
        if run.has_streams() {
            let account = account.get_or_insert_with(|| {
                let mut account = Past::default();
                kept.iter().filter_map(|run| run.details().ok()).for_each(|run| account.add(told_by(&run)));
                account
            });
            account.add(told_by(&run.details()?));
            if is_needed(loaded, account, run) {
                continue;
            }
        }
        run.remove()?;
    }
    Ok(())
}

/// Returns whether a run that goes on from this account would take a stream from a run.
fn is_needed(loaded: &Loaded, account: &Past, run: &StoredRun) -> bool {
    let kept = loaded.pipeline.streams.iter().filter_map(|stream| account.streams.get(&stream.name));
    let in_run = |path: &std::path::Path| path.ancestors().any(|folder| folder.ends_with(run.id()));
    kept.into_iter().any(|stream| in_run(&stream.path) && stream.path.is_file())
}
