//! The most memory that `pipe` has while much happens.

use std::path::Path;

use super::Bench;
use super::forms::Stream;
use super::host::tree;
use super::measure::Candidate;
use super::problem::{Problem, Result};
use super::row::{Measured, Row};

pub fn rows(bench: &Bench) -> Vec<Row> {
    let stream = Row::new("memory of `pipe`, 20 GiB to 3 readers", "the founding limit of 100 MB", "MiB");
    let steps = Row::new("memory of `pipe`, 10,000 steps", "–", "MiB");
    vec![
        stream.at_most(16.0).measured(in_place(bench, "memory, a stream", |dir| {
            // Ten times the usual 2 GiB.
            let producer = format!("head -c {} /dev/zero", bench.bytes(10.0));
            Stream::drained(&producer, 3).pipe(dir, "stream.yml")
        })),
        steps.at_most(48.0).measured(in_place(bench, "memory, steps", |dir| {
            let all = tree(dir, bench.count(10_000), |step| format!(": {step}"))?;
            all.into_iter().next().ok_or_else(|| Problem::failed("there is no tree"))
        })),
    ]
}

fn in_place(bench: &Bench, title: &str, candidate: impl Fn(&Path) -> Result<Candidate>) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let candidates = [candidate(dir.path())?.watching_memory()];
    let runs = bench.compare(title, dir.path(), &candidates)?;
    Ok(Measured { figures: runs[0].memory.clone(), note: String::new() })
}
