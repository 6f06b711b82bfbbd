//! Steps in containers against the shell's `docker run`: one producer to three readers, and the cost of a container that
//! does nothing.
//!
//! Every round runs every candidate once, so that a noisy machine disturbs all alike; the tables show medians, and ratios
//! to the first candidate of each group in the same run. "In flow" is the rate that `pipe` tells of the stream itself, from the
//! moment when everybody has started. The images are those of `docker/test/images`; the shell's
//! containers keep no log, which is `docker run` at its quickest.
//!
//! ```text
//! cargo bench --bench containers -- [--rounds 7] [--size 2GiB]
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use bytesize::ByteSize;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const IMAGE: &str = "debian:bookworm-slim";
const STEPS: usize = 20;
/// A container of the shell's.
const DOCKER_RUN: &str = "docker run --rm --log-driver none";

/// One way to do the work of its group.
struct Candidate {
    name: &'static str,
    command: Vec<String>,
}

/// What one run took.
#[derive(Clone)]
struct Run {
    seconds: f64,
    flow: Option<f64>,
}

fn main() -> Result<()> {
    let (rounds, size) = arguments()?;
    let dir = tempfile::tempdir()?;
    println!("{rounds} rounds, medians\n");
    let fan_out = format!("{} from one container to three", ByteSize(size));
    compare(&fan_out, &fan_out_candidates(dir.path(), size)?, dir.path(), rounds, Some(size))?;
    compare(&format!("{STEPS} containers in a chain"), &chain(dir.path())?, dir.path(), rounds, None)?;
    compare(&format!("{STEPS} independent containers"), &independent(dir.path())?, dir.path(), rounds, None)
}

fn arguments() -> Result<(usize, u64)> {
    let (mut rounds, mut size) = (7, ByteSize::gib(2));
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{flag} wants a value"));
        match flag.as_str() {
            "--rounds" => rounds = value()?.parse()?,
            "--size" => size = value()?.parse()?,
            "--bench" => {}
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    Ok((rounds, size.as_u64()))
}

fn fan_out_candidates(dir: &Path, size: u64) -> Result<Vec<Candidate>> {
    let (produce, consume) = (format!("head -c {size} /dev/zero"), "cat > /dev/null");
    let reader = |name: &str| format!("  - {{name: {name}, run: {consume}, input: bytes}}\n");
    let readers: String = ["one", "two", "three"].map(reader).concat();
    let file = format!("steps:\n  - {{name: make, run: {produce}, output: bytes}}\n{readers}");
    fs::write(dir.join("fan-out.yml"), file)?;
    let docker_reader = format!("{DOCKER_RUN} -i {IMAGE} sh -c '{consume}'");
    let shell = format!(
        "{DOCKER_RUN} {IMAGE} {produce} | tee >({docker_reader}) >({docker_reader}) | {docker_reader}; wait"
    );
    let in_containers = |lane| pipe(&["fan-out.yml", "--docker", "--image", IMAGE, "--stream-lane", lane]);
    Ok(vec![
        Candidate { name: "docker run, tee", command: bash(&shell) },
        Candidate { name: "pipe, fifo lane", command: in_containers("fifo") },
        Candidate { name: "pipe, attach lane", command: in_containers("attach") },
        Candidate { name: "pipe on the host", command: pipe(&["fan-out.yml"]) },
    ])
}

fn chain(dir: &Path) -> Result<Vec<Candidate>> {
    let step = |n: usize| match n {
        0 => "  - {name: s0, run: 'true'}\n".to_owned(),
        n => format!("  - {{name: s{n}, run: 'true', depends_on: s{}}}\n", n - 1),
    };
    steps(&dir.join("chain.yml"), step)?;
    let shell = format!("for n in $(seq {STEPS}); do {DOCKER_RUN} {IMAGE} true; done");
    Ok(vec![
        Candidate { name: "docker run, in a loop", command: bash(&shell) },
        Candidate { name: "pipe", command: pipe(&["chain.yml", "--docker", "--image", IMAGE]) },
    ])
}

fn independent(dir: &Path) -> Result<Vec<Candidate>> {
    steps(&dir.join("independent.yml"), |n| format!("  - {{name: s{n}, run: 'true'}}\n"))?;
    let looped = format!("for n in $(seq {STEPS}); do {DOCKER_RUN} {IMAGE} true; done");
    let parallel = format!("seq {STEPS} | xargs -P 16 -I % {DOCKER_RUN} {IMAGE} true");
    Ok(vec![
        Candidate { name: "docker run, in a loop", command: bash(&looped) },
        Candidate { name: "docker run, xargs -P 16", command: bash(&parallel) },
        Candidate { name: "pipe", command: pipe(&["independent.yml", "--docker", "--image", IMAGE]) },
    ])
}

fn steps(file: &Path, step: impl Fn(usize) -> String) -> Result<()> {
    let steps: String = (0..STEPS).map(step).collect();
    Ok(fs::write(file, format!("steps:\n{steps}"))?)
}

fn bash(script: &str) -> Vec<String> {
    ["bash", "-c", script].map(str::to_owned).to_vec()
}

fn pipe(arguments: &[&str]) -> Vec<String> {
    let own = [env!("CARGO_BIN_EXE_pipe"), "run", "--format", "json"];
    own.iter().chain(arguments).map(|&word| word.to_owned()).collect()
}

/// Runs a group, and prints its table.
fn compare(
    title: &str,
    candidates: &[Candidate],
    dir: &Path,
    rounds: usize,
    size: Option<u64>,
) -> Result<()> {
    let mut runs = vec![Vec::new(); candidates.len()];
    for _ in 0..rounds {
        for (candidate, runs) in candidates.iter().zip(&mut runs) {
            runs.push(run(candidate, dir)?);
        }
    }
    let seconds: Vec<f64> = runs.iter().map(|runs| median(runs.iter().map(|run| run.seconds))).collect();
    println!("| {title} | s | time, × the first | GB/s | GB/s in flow |\n|---|---|---|---|---|");
    for ((candidate, runs), time) in candidates.iter().zip(&runs).zip(&seconds) {
        let rate = |rate: Option<f64>| rate.map_or(String::new(), |rate| format!("{:.2}", rate / 1e9));
        let whole = rate(size.map(|size| size as f64 / time));
        let flow = rate(runs[0].flow.map(|_| median(runs.iter().filter_map(|run| run.flow))));
        println!("| {} | {time:.2} | {:.2} | {whole} | {flow} |", candidate.name, time / seconds[0]);
    }
    println!();
    Ok(())
}

fn run(candidate: &Candidate, dir: &Path) -> Result<Run> {
    let start = Instant::now();
    let mut command = Command::new(&candidate.command[0]);
    let output = command.args(&candidate.command[1..]).current_dir(dir).stdin(Stdio::null()).output()?;
    let seconds = start.elapsed().as_secs_f64();
    match output.status.success() {
        true => Ok(Run { seconds, flow: flow(&output.stdout) }),
        false => {
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            Err(format!("{}: {said}", candidate.name).into())
        }
    }
}

/// The rate of the only stream, in bytes a second, if that is what was printed.
fn flow(printed: &[u8]) -> Option<f64> {
    let lines = printed.split(|byte| *byte == b'\n');
    let records = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    records.filter(|record| record["event"] == "stream-finished").find_map(|record| record["rate"].as_f64())
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
