//! The release build, from nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::Bench;
use super::problem::{Problem, Result};
use super::row::{Measured, Row};

pub fn rows(bench: &Bench) -> Vec<Row> {
    let row = Row::new("the full release build", "–", "min").at_most(4.0);
    let measured = match bench.builds {
        true => build(),
        false => Err(Problem::Missing("only with `--build`".to_owned())),
    };
    vec![row.measured(measured)]
}

/// Once: it takes minutes, and nothing of it is left for a second time.
fn build() -> Result<Measured> {
    eprintln!("the release build");
    let target = tempfile::tempdir()?;
    // The crates are here before the clock runs.
    cargo(&["fetch", "--locked"], target.path())?;
    let clock = Instant::now();
    cargo(&["build", "--release", "--locked", "--offline", "--bin", "pipe"], target.path())?;
    let minutes = clock.elapsed().as_secs_f64() / 60.0;
    let tree =
        ["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let crates: BTreeSet<String> = cargo(&tree, target.path())?
        .lines()
        .filter_map(|line| Some(line.split(" (").next()?.to_owned()))
        .collect();
    let note = format!("{} crates, once", crates.len());
    Ok(Measured { figures: [minutes].into_iter().collect(), note })
}

fn cargo(words: &[&str], target: &Path) -> Result<String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(words).current_dir(env!("CARGO_MANIFEST_DIR")).env("CARGO_TARGET_DIR", target);
    let output = command.stdin(Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => {
            Err(Problem::failed(format!("cargo {}: {}", words[0], String::from_utf8_lossy(&output.stderr))))
        }
    }
}
