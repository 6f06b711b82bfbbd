//! How long `pipe --version` takes from fork to end, against `/bin/true`.
//!
//! Every round runs every candidate once, so that a noisy machine disturbs all alike; the table shows medians, and ratios to
//! `/bin/true` in the same run. The static binary is the one that `.ci/static` has built for the tests, and is left out if
//! there is none.
//!
//! ```text
//! .ci/static target/static/amd64 && cargo bench --bench startup -- [--rounds 500]
//! ```

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let rounds = rounds()?;
    let kind = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let fixed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/static").join(kind).join("pipe");
    let fixed = fixed.display().to_string();
    let mut candidates = vec![
        ("/bin/true", vec!["/bin/true"]),
        ("pipe --version, with the system's libraries", vec![env!("CARGO_BIN_EXE_pipe"), "--version"]),
    ];
    if Path::new(&fixed).exists() {
        candidates.push(("pipe --version, static", vec![&fixed, "--version"]));
    }
    let mut times = vec![Vec::new(); candidates.len()];
    for _ in 0..rounds {
        for ((_, words), times) in candidates.iter().zip(&mut times) {
            times.push(run(words)?);
        }
    }
    println!("{rounds} rounds, medians\n\n| program | ms | × /bin/true |\n|---|---|---|");
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    for ((name, _), own) in candidates.iter().zip(&medians) {
        println!("| {name} | {own:.2} | {:.2} |", own / medians[0]);
    }
    Ok(())
}

fn rounds() -> Result<usize> {
    let mut arguments = std::env::args().skip(1).filter(|flag| flag != "--bench");
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok(500),
        (Some("--rounds"), Some(rounds)) => Ok(rounds.parse()?),
        (Some(flag), _) => Err(format!("unknown flag {flag}, or it wants a value").into()),
    }
}

fn run(words: &[&str]) -> Result<Duration> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let status = command.status()?;
    let time = started.elapsed();
    status.success().then_some(time).ok_or_else(|| format!("{words:?}: {status}").into())
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}
