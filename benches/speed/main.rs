//! The speed table: every figure that the project has set itself, measured on this machine in one go.
//!
//! What can be is a ratio against a strong peer (`tee`, `pee`, `ninja`, `make`, `docker run`), taken within
//! interleaved rounds; the table shows medians, the spread, and whether the aim is met. A peer that is not
//! here is said to be missing. Before anything is timed, every way to move bytes has to give each of its
//! readers the same ones.
//!
//! ```text
//! cargo bench --bench speed -- [--rounds 7] [--only NAME…] [--size 2GiB] [--part 1.0] [--build]
//!     [--markdown FILE] [--json FILE]
//! ```
//!
//! `--size` is that of a stream; `--part 0.001` of all sizes and counts is a trial. `--build` also times the
//! release build. Without a file, both forms go to standard output. All of it takes most of an hour and 6 GB
//! of disk.
//!
//! The static program is measured where `.ci/static target/static/amd64` (or `arm64`) has made it.

mod backup;
mod beside;
mod build;
mod containers;
mod contest;
mod fanout;
mod forms;
mod host;
mod logs;
mod machine;
mod measure;
mod memory;
mod plan;
pub(crate) mod problem;
pub(crate) mod row;
pub(crate) mod series;
mod startup;
mod table;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use bytesize::ByteSize;

use machine::Machine;
use problem::{Problem, Result};
use row::Row;
use table::Report;

/// What gives some rows of the table.
type Subject = fn(&Bench) -> Vec<Row>;

const SUBJECTS: [(&str, Subject); 10] = [
    ("plan", plan::rows),
    ("host", host::rows),
    ("fanout", fanout::rows),
    ("backup", backup::rows),
    ("containers", containers::rows),
    ("beside", beside::rows),
    ("memory", memory::rows),
    ("logs", logs::rows),
    ("startup", startup::rows),
    ("build", build::rows),
];

/// How much is to be done.
pub struct Bench {
    rounds: usize,
    /// Of all sizes and counts; 1 is what the aims are about.
    part: f64,
    /// Bytes of a stream at full size.
    size: u64,
    /// Whether to time the release build too.
    builds: bool,
    only: Vec<String>,
    markdown: Option<PathBuf>,
    json: Option<PathBuf>,
}

impl Bench {
    fn from(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut bench = Self {
            rounds: 7,
            part: 1.0,
            size: 2 << 30,
            builds: false,
            only: Vec::new(),
            markdown: None,
            json: None,
        };
        let mut arguments = arguments.into_iter().peekable();
        while let Some(flag) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| Problem::failed(format!("{flag} wants a value")));
            match flag.as_str() {
                "--rounds" => bench.rounds = value()?.parse::<usize>()?.max(1),
                "--part" => bench.part = value()?.parse()?,
                "--size" => bench.size = value()?.parse::<ByteSize>().map_err(Problem::failed)?.as_u64(),
                "--markdown" => bench.markdown = Some(value()?.into()),
                "--json" => bench.json = Some(value()?.into()),
                "--build" => bench.builds = true,
                "--only" => {
                    while let Some(name) = arguments.next_if(|name| !name.starts_with("--")) {
                        bench.only.push(known(name)?);
                    }
                }
                // From cargo.
                "--bench" => {}
                _ => return Err(Problem::failed(format!("unknown flag {flag}"))),
            }
        }
        Ok(bench)
    }

    /// A count of the full size, cut to the part that is wanted; at least 1.
    fn count(&self, full: usize) -> usize {
        ((full as f64 * self.part) as usize).max(1)
    }

    /// Bytes of a stream that is so many times the usual size; a multiple of all that producers write at
    /// once.
    fn bytes(&self, times: f64) -> u64 {
        const STEP: u64 = 25 * 64 * 1024;
        ((self.size as f64 * self.part * times) as u64 / STEP).max(1) * STEP
    }

    fn report(&self) -> Report {
        let wanted = |name: &str| self.only.is_empty() || self.only.iter().any(|only| only == name);
        let subjects = SUBJECTS.iter().filter(|(name, _)| wanted(name));
        Report {
            machine: Machine::this(),
            date: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%MZ").to_string(),
            commit: machine::commit(),
            rounds: self.rounds,
            part: self.part,
            optimised: !cfg!(debug_assertions),
            rows: subjects.flat_map(|(_, rows)| rows(self)).collect(),
        }
    }

    fn publish(&self, report: &Report) -> Result<()> {
        let json = serde_json::to_string_pretty(report)? + "\n";
        let quiet = self.json.is_some() || self.markdown.is_some();
        for (text, file) in [(report.markdown(), &self.markdown), (json, &self.json)] {
            match file {
                Some(file) => fs::write(file, text)?,
                None if quiet => {}
                None => println!("{text}"),
            }
        }
        Ok(())
    }
}

fn known(name: String) -> Result<String> {
    if SUBJECTS.iter().any(|(known, _)| *known == name) {
        return Ok(name);
    }
    let names = SUBJECTS.map(|(name, _)| name).join(", ");
    Err(Problem::failed(format!("there is no `{name}`; there are {names}")))
}

/// Measures, and shows the table; `false` if something that should have run did not.
pub fn run(arguments: impl IntoIterator<Item = String>) -> Result<bool> {
    let bench = Bench::from(arguments)?;
    let report = bench.report();
    bench.publish(&report)?;
    Ok(report.rows.iter().all(|row| !row.failed))
}

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("speed: {problem}");
            ExitCode::from(2)
        }
    }
}
