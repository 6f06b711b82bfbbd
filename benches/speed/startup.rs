//! What the program itself is: the time from fork to end of `pipe --version`, and its size.

use std::fs;
use std::path::{Path, PathBuf};

use super::Bench;
use super::measure::Candidate;
use super::problem::Result;
use super::row::{Measured, Row};
use super::series::{Series, shown};

pub fn rows(bench: &Bench) -> Vec<Row> {
    vec![
        Row::new("`pipe --version`", "`true`", "ms more").at_most(3.0).measured(version(bench)),
        Row::new("the program, stripped", "–", "MB").at_most(15.0).measured(size()),
    ]
}

/// The static program if `.ci/static` has made it, else the one of this build; and which it is.
fn program() -> (PathBuf, &'static str) {
    let kind = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let fixed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/static").join(kind).join("pipe");
    match fixed.exists() {
        true => (fixed, "the static program"),
        false => (env!("CARGO_BIN_EXE_pipe").into(), "with the system's libraries"),
    }
}

fn version(bench: &Bench) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let (program, kind) = program();
    let program = program.display().to_string();
    let candidates = [Candidate::program(&[&program, "--version"]), Candidate::program(&["true"])];
    let runs = bench.compare_often("pipe --version", 50, dir.path(), &candidates)?;
    let [own, least] = [0, 1].map(|of| runs[of].seconds.map(|seconds| seconds * 1e3));
    let [pipe, nothing] = [&own, &least].map(|times| shown(times.median()));
    let note = format!("pipe {pipe} ms, true {nothing} ms; {kind}; {} runs", own.len());
    Ok(Measured { figures: own.with(&least, |own, least| own - least), note })
}

fn size() -> Result<Measured> {
    let (program, kind) = program();
    let megabytes: Series = [fs::metadata(program)?.len() as f64 / 1e6].into_iter().collect();
    Ok(Measured { figures: megabytes, note: kind.to_owned() })
}
