//! What a run may leave, and what it must not.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::case::Case;
use crate::support::Place;

/// The variable that all processes of a case have.
pub const MARK: &str = "TORTURE_PLACE";

/// What of a run is still there, and must not be.
pub fn after(case: &Case, place: &Place, host: Option<&str>) -> Vec<String> {
    let mut left = processes(place);
    if left.is_empty() {
        let files = place.litter().into_iter().chain(named_pipes(place.path()));
        left.extend(files.map(|file| file.display().to_string()));
    }
    if left.is_empty() && case.has_containers() {
        left.extend(containers(place, host));
    }
    left
}

/// Processes of a case, wherever they are: what they run.
pub fn processes(place: &Place) -> Vec<String> {
    let mark = format!("{MARK}={}", place.path().display());
    let of_case = |process: &PathBuf| {
        let environ = fs::read(process.join("environ")).unwrap_or_default();
        environ.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let command = |process: PathBuf| {
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        format!("{}: {}", process.display(), String::from_utf8_lossy(&line).replace('\0', " "))
    };
    all.filter(of_case).map(command).collect()
}

/// Containers of a case, on the machine's engine or on another.
fn containers(place: &Place, host: Option<&str>) -> Vec<String> {
    let runs = runs(place);
    let list = |run: &PathBuf| {
        let label = format!("label=pipe.run={}", run.file_name().unwrap().display());
        let mut docker = Command::new("docker");
        docker.envs(host.map(|host| ("DOCKER_HOST", host)));
        let output = docker.args(["ps", "-aq", "--filter", &label]).output().unwrap();
        assert!(output.status.success(), "these tests need Docker");
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|id| format!("container {id}"))
            .collect::<Vec<_>>()
    };
    runs.iter().flat_map(list).collect()
}

/// The run directories of a case: one, or none if it did not come to that.
pub fn runs(place: &Place) -> Vec<PathBuf> {
    let runs = fs::read_dir(place.join(".pipe/runs")).into_iter().flatten().flatten();
    runs.map(|run| run.path()).filter(|run| run.is_dir()).collect()
}

/// Named pipes in a folder, however deep.
fn named_pipes(folder: &Path) -> Vec<PathBuf> {
    below(folder, |kind| kind.is_fifo())
}

/// Files in a folder, however deep.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    below(folder, fs::FileType::is_file)
}

fn below(folder: &Path, wanted: fn(&fs::FileType) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if wanted(&kind) => found.push(entry.path()),
            Ok(kind) if kind.is_dir() => found.extend(below(&entry.path(), wanted)),
            _ => {}
        }
    }
    found
}
