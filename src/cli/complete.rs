//! What a shell may complete beside flags: names of steps, params and runs.
//!
//! A file that cannot be read completes nothing, and says nothing.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap_complete::{ArgValueCompleter, CompletionCandidate};

use super::default_file::default_file;
use super::past;
use crate::file::LoadOptions;
use crate::history::StoredRun;
use crate::pipeline::{Group, Param, Pipeline, Step};

/// How many runs are offered.
const RUNS: usize = 20;

/// Completes names of steps, and of groups of them.
pub(super) fn steps() -> ArgValueCompleter {
    let is_named = |step: &Step| !step.action.is_feed() && !step.role.is_beside();
    let of = move |step: &Step| is_named(step).then(|| CompletionCandidate::new(&step.name));
    let all = |group: &Group| (group.members.len() > 1).then(|| CompletionCandidate::new(&group.name));
    ArgValueCompleter::new(move |typed: &OsStr| {
        let pipeline = pipeline();
        let groups = pipeline.iter().flat_map(|it| &it.groups).filter_map(all);
        beginning(typed, groups.chain(pipeline.iter().flat_map(|it| &it.steps).filter_map(of)))
    })
}

/// Completes names of params, each with its `=`.
pub(super) fn params() -> ArgValueCompleter {
    let of = |param: &Param| CompletionCandidate::new(format!("{}=", param.name));
    ArgValueCompleter::new(move |typed: &OsStr| {
        let pipeline = pipeline();
        beginning(typed, pipeline.iter().flat_map(|it| &it.params).map(of))
    })
}

/// Completes ids of runs, the newest first.
pub(super) fn runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        enter();
        let runs = past::runs();
        let ids = runs.iter().flat_map(|runs| runs.newest_first()).map(StoredRun::id).take(RUNS);
        beginning(typed, ["last"].into_iter().chain(ids).map(CompletionCandidate::new))
    })
}

/// Completes names of the steps that a run had: the one that was typed before, or the last.
pub(super) fn steps_of_run() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        enter();
        let runs = past::runs().ok();
        let named = words().into_iter().rev().filter_map(|word| word.into_string().ok());
        let run = runs.as_ref().and_then(|runs| {
            named.into_iter().find_map(|name| runs.find(&name).ok()).or_else(|| runs.find("last").ok())
        });
        let details = run.and_then(|run| run.details().ok());
        let steps = details.iter().flat_map(|details| &details.steps).map(|step| &step.step.name);
        beginning(typed, steps.map(CompletionCandidate::new))
    })
}

fn beginning(
    typed: &OsStr,
    candidates: impl Iterator<Item = CompletionCandidate>,
) -> Vec<CompletionCandidate> {
    let typed = typed.as_encoded_bytes();
    candidates.filter(|it| it.get_value().as_encoded_bytes().starts_with(typed)).collect()
}

/// Returns the words that were typed, without the program.
fn words() -> Vec<OsString> {
    std::env::args_os().skip_while(|word| word != "--").skip(2).collect()
}

/// Goes to the folder of `-C`, if one was typed.
fn enter() {
    let words = words();
    let folder = words.windows(2).find(|pair| pair[0] == "-C" || pair[0] == "--directory");
    if let Some([_, folder]) = folder {
        // A folder that is not there has nothing to complete.
        let _ = std::env::set_current_dir(folder);
    }
}

/// Returns the pipeline of the file that was typed, or of the one that is meant without.
fn pipeline() -> Option<Pipeline> {
    enter();
    let is_pipeline = |word: &PathBuf| {
        word.extension().is_some_and(|it| it == "yml" || it == "yaml") && Path::new(word).is_file()
    };
    let typed = words().into_iter().map(PathBuf::from).find(is_pipeline);
    let source = crate::file::read(&typed.or_else(|| default_file().ok())?).ok()?;
    crate::file::parse(&source, &LoadOptions::default(), &crate::file::of_defaults).pipeline
}
