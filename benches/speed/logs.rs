//! A step that has much to say.

use std::fs;

use super::Bench;
use super::measure::Candidate;
use super::problem::Result;
use super::row::{Measured, Row};

pub fn rows(bench: &Bench) -> Vec<Row> {
    let what = "a step that prints 5 million lines, in the plain format to a file";
    vec![Row::new(what, "the same command with `> file`", "× time").at_most(1.5).measured(lines(bench))]
}

fn lines(bench: &Bench) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let command = format!("seq {}", bench.count(5_000_000));
    let steps = format!("steps:\n  - {{name: count, run: {command}}}\n");
    fs::write(dir.path().join("lines.yml"), steps)?;
    let candidates = vec![
        Candidate::pipe("pipe", &["run", "lines.yml", "--format", "plain"]).into_file(),
        Candidate::bash("the command", &command).into_file(),
    ];
    Ok(bench.contest("lines of log", dir.path(), candidates)?.time())
}
