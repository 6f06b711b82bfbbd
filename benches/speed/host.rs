//! Steps on the host: many that do nothing, some that only wait, and a stream with one reader.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::Bench;
use super::forms::{DRAIN, Stream, same_bytes};
use super::measure::Candidate;
use super::problem::{Problem, Result};
use super::row::{Measured, Row};

/// How many may run at the same time, for `pipe`, `ninja` and `make` alike: what `pipe` takes on small
/// machines.
const JOBS: &str = "16";

pub fn rows(bench: &Bench) -> Vec<Row> {
    let steps = Row::new("10,000 no-op steps, a binary tree", "the faster of `ninja`, `make`", "× time");
    let waits = Row::new("10 steps of 1 s at the same time", "1 s", "× time");
    let reader =
        |reader| Row::new(format!("a stream with one reader, {reader}"), "a plain shell pipe", "× speed");
    vec![
        steps.at_most(1.0).measured(no_ops(bench)),
        waits.at_most(1.01).measured(sleeps(bench)),
        reader("`cat`").at_least(0.95).measured(one_reader(bench, DRAIN, 2.0)),
        reader("`sha256sum`").measured(one_reader(bench, "sha256sum >/dev/null", 0.5)),
    ]
}

fn no_ops(bench: &Bench) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let steps = bench.count(10_000);
    runs_all(dir.path(), steps.min(100))?;
    // `make` knows that a bare `:` does nothing and starts no shell for it.
    let candidates = tree(dir.path(), steps, |step| format!(": {step}"))?;
    Ok(bench.contest("no-op steps", dir.path(), candidates)?.time())
}

/// Checks that every contestant runs every step of the tree once.
fn runs_all(dir: &Path, steps: usize) -> Result<()> {
    let mut expected: Vec<String> = (0..steps).map(|step| step.to_string()).collect();
    expected.sort();
    let ran = dir.join("ran");
    for candidate in tree(dir, steps, |step| format!("echo {step} >>ran"))? {
        if candidate.lacks().is_some() {
            continue;
        }
        fs::write(&ran, "")?;
        candidate.try_in(dir)?;
        let mut lines: Vec<String> = fs::read_to_string(&ran)?.lines().map(str::to_owned).collect();
        lines.sort();
        if lines != expected {
            return Err(Problem::failed(format!("{} has run other steps", candidate.name)));
        }
    }
    Ok(())
}

/// The same tree for `pipe`, `ninja` and `make`; each gives every command line to `/bin/sh -c`.
pub fn tree(dir: &Path, steps: usize, command: impl Fn(usize) -> String) -> Result<Vec<Candidate>> {
    let mut pipeline = "steps:\n".to_owned();
    let mut ninja = "rule step\n  command = $run\n  description = $out\n".to_owned();
    // Nothing to look for on disk, no built-in rules to try: `make` at its quickest.
    let mut make = "SHELL = /bin/sh\nall:".to_owned();
    (0..steps).try_for_each(|step| write!(make, " s{step}"))?;
    make += "\n.PHONY: all";
    (0..steps).try_for_each(|step| write!(make, " s{step}"))?;
    make += "\n";
    for step in 0..steps {
        let run = command(step);
        let parent = step.checked_sub(1).map_or(String::new(), |before| format!("s{}", before / 2));
        writeln!(pipeline, "  - {{name: s{step}, shell: sh, run: '{run}', depends_on: [{parent}]}}")?;
        writeln!(ninja, "build s{step}: step {parent}\n  run = {run}")?;
        writeln!(make, "s{step}: {parent}\n\t{run}")?;
    }
    fs::write(dir.join("tree.yml"), pipeline)?;
    fs::write(dir.join("build.ninja"), ninja)?;
    fs::write(dir.join("Makefile"), make)?;
    Ok(vec![
        Candidate::pipe("pipe", &["run", "tree.yml", "-j", JOBS, "--format", "plain"]),
        Candidate::program(&["ninja", "-j", JOBS, "--quiet"]).needing(&["ninja"]),
        Candidate::program(&["make", "-j", JOBS, "-r", "-R", "-s"]).needing(&["make"]),
    ])
}

fn sleeps(bench: &Bench) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let seconds = bench.part.clamp(0.1, 1.0);
    let step = |step| format!("  - {{name: s{step}, run: sleep {seconds}}}\n");
    fs::write(dir.path().join("sleep.yml"), format!("steps:\n{}", (0..10).map(step).collect::<String>()))?;
    // What ten shells take by themselves.
    let shells = format!("for n in $(seq 10); do bash -eo pipefail -c 'sleep {seconds}' & done; wait");
    let candidates = [
        Candidate::pipe("pipe", &["run", "sleep.yml", "--format", "plain"]),
        Candidate::bash("ten shells with `&`", &shells),
    ];
    let runs = bench.compare("steps that wait", dir.path(), &candidates)?;
    let took = runs.iter().map(|runs| format!("{} {:.3} s", runs.name, runs.seconds.median()));
    let note = took.collect::<Vec<_>>().join(", ");
    Ok(Measured { figures: runs[0].seconds.map(|took| took / seconds), note })
}

/// A contest over so many times the usual bytes.
fn one_reader(bench: &Bench, reader: &str, times: f64) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    let producer = |bytes: u64| format!("head -c {bytes} /dev/zero");
    let small = Stream::summed(&producer(1_000_000), 1);
    same_bytes(dir, &small, &[small.pipe(dir, "small.yml")?])?;
    let stream = Stream { producer: producer(bench.bytes(times)), readers: vec![reader.to_owned()] };
    let candidates = vec![stream.pipe(dir, "one.yml")?, stream.tee()];
    Ok(bench.contest("one reader", dir, candidates)?.speed())
}
