//! The processes of this machine, as `/proc` shows them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Place, Running};

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so; fails, with what is said then, if it does not come to that.
#[track_caller]
pub fn eventually(is_so: impl FnMut() -> bool, otherwise: impl Fn() -> String) {
    assert!(comes_to_be(is_so), "{}", otherwise());
}

/// Waits until something is so; tells whether it came to that.
pub fn comes_to_be(is_so: impl FnMut() -> bool) -> bool {
    comes_to_be_within(PATIENCE, is_so)
}

/// The same, for something that may take so long.
pub fn comes_to_be_within(patience: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let since = Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if since.elapsed() >= patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process lives; a zombie does not.
pub fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z") && !rest.starts_with(" X"))
}

/// Sends a signal, such as `KILL`, to a process, or with a minus before the number to a group.
#[track_caller]
pub fn signal(name: &str, to: &str) {
    assert!(try_signal(name, to));
}

/// The same, for one that may have ended. Returns whether it was there.
pub fn try_signal(name: &str, to: &str) -> bool {
    Command::new("kill")
        .args([&format!("-{name}"), "--", to])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn words(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The processes that were started with these words, one after another, whichever process started them.
pub fn started_with(wanted: &[&str]) -> Vec<u32> {
    started_like(|words| words.windows(wanted.len()).any(|words| words == wanted))
}

/// The processes whose words are such.
pub fn started_like(is_it: impl Fn(&[String]) -> bool) -> Vec<u32> {
    pids().into_iter().filter(|pid| is_it(&words(*pid))).collect()
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The reaper that a running `pipe` has started.
#[track_caller]
pub fn reaper_of(pipe: u32) -> Option<u32> {
    let children = || pids().into_iter().filter(|pid| parent(*pid) == Some(pipe));
    // For a moment after it has become another program, a process has no words, and the process that started
    // it goes on already.
    let is_nameless = |pid: u32| lives(pid) && words(pid).concat().is_empty();
    eventually(|| !children().any(is_nameless), || "a child does not say what it is".into());
    children().find(|pid| words(*pid).get(1).is_some_and(|word| word == "__reaper"))
}

impl Running {
    /// The reaper of this run; waits until there is one.
    #[track_caller]
    pub fn reaper(&self) -> u32 {
        let mut found = None;
        eventually(
            || {
                found = reaper_of(self.id());
                found.is_some()
            },
            || "there is no reaper".into(),
        );
        found.unwrap()
    }
}

impl Place {
    /// Processes that run in this folder, whichever process started them, as numbers and commands.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let here = fs::canonicalize(self.path()).unwrap();
        let is_here = |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == here);
        pids().into_iter().filter(is_here).map(|pid| (pid, words(pid).join(" "))).collect()
    }

    /// Waits until no process runs in this folder.
    #[track_caller]
    pub fn is_deserted(&self) {
        eventually(|| self.processes().is_empty(), || format!("still here: {:?}", self.processes()));
    }

    /// What of a run must not outlive it: named pipes, files for values, and files that are not whole. An
    /// empty folder is nothing, nor is the one of a run that was not yet there: it goes with the old runs.
    pub fn litter(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        litter(self.path(), &mut found);
        found
    }
}

fn litter(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_own = [".pipe", ".gitignore"].contains(&name.as_str());
        if name.starts_with('.') && !is_own {
            if !(is_dir && folder.ends_with(".pipe/runs") && is_unborn(&path)) {
                found.push(path);
            }
        } else if is_dir && ["pipes", "outputs"].contains(&name.as_str()) {
            found.extend(fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if is_dir {
            litter(&path, found);
        }
    }
}

/// Whether there is nothing in a run's folder but other folders, its locks, and the `.gitignore` that it is
/// about to put in place.
fn is_unborn(folder: &Path) -> bool {
    let is_nothing = |entry: fs::DirEntry| {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            is_unborn(&entry.path())
        } else {
            ["lock", "cleanup", "gitignore"].contains(&entry.file_name().to_string_lossy().as_ref())
        }
    };
    fs::read_dir(folder).into_iter().flatten().flatten().all(is_nothing)
}
