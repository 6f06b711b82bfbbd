//! Tells the program which commit it is made of: `PIPE_VERSION` is `0.2.0 (abc1234 2026-11-24)`. Two builds
//! of a commit get the same, and where no commit is known it is the version alone.

use std::path::Path;
use std::process::Command;

/// What the program is made of.
const SOURCES: [&str; 4] = ["Cargo.toml", "Cargo.lock", "build.rs", "src"];

fn main() {
    // A file that is not there would make every build run this.
    SOURCES.into_iter().filter(|path| Path::new(path).exists()).for_each(watch);
    let version = env!("CARGO_PKG_VERSION");
    match of_the_package().or_else(of_the_repository) {
        Some(commit) => println!("cargo::rustc-env=PIPE_VERSION={version} ({commit})"),
        None => println!("cargo::rustc-env=PIPE_VERSION={version}"),
    }
}

fn watch(path: &str) {
    println!("cargo::rerun-if-changed={path}");
}

/// What `cargo package` has written down.
fn of_the_package() -> Option<String> {
    let text = std::fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let hash = text.split_once("\"sha1\": \"")?.1.split('"').next()?;
    Some(short(hash)? + mark(text.contains("\"dirty\": true")))
}

/// What git says, if this folder is a repository of its own and not part of another.
fn of_the_repository() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let commit = git(&["log", "-1", "--format=%H %cs"])?;
    let (hash, date) = commit.split_once(' ')?;
    let changed = git(&[&["status", "--porcelain", "--"], &SOURCES[..]].concat())?;
    watch_head();
    Some(format!("{}{} {date}", short(hash)?, mark(!changed.is_empty())))
}

/// Has this run again when another commit is checked out: then HEAD changes or, where it is on a branch, the
/// branch does; a packed branch has no file of its own, and only the log tells.
fn watch_head() {
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "logs/HEAD"].into_iter().chain(branch.as_deref()) {
        let file = git(&["rev-parse", "--git-path", name]);
        file.iter().filter(|path| Path::new(path).exists()).for_each(|path| watch(path));
    }
}

/// The answer of git, if it has one. It takes no locks, so that a build does not disturb a git command at
/// work.
fn git(args: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    // Hooks set these, for a repository that need not be this one.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    let output = command.arg("--no-optional-locks").args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn short(hash: &str) -> Option<String> {
    hash.get(..7).map(str::to_owned)
}

fn mark(is_changed: bool) -> &'static str {
    if is_changed { "-dirty" } else { "" }
}
