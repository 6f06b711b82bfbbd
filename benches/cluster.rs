//! What a cluster costs: streams in a pod against the same in one container, gangs that do nothing, files,
//! logs, and what is left of a client that was killed.
//!
//! `KUBECONFIG` names a cluster of `tests/cluster`, and the helper image is in it (the tests of the cluster
//! put it there).
//!
//! ```text
//! cargo bench --bench cluster -- [--rounds 5] [--namespace default] [--image pipe-test/helper:1] [CASE…]
//! ```

#[allow(dead_code, reason = "the speed table needs more of it")]
#[path = "speed/series.rs"]
mod series;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::series::Series;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Bytes of a stream.
const STREAM: u64 = 4 << 30;
/// How long the client may be silent.
const LEASE: u64 = 10;

struct Bench {
    rounds: usize,
    namespace: String,
    image: String,
    only: Vec<String>,
}

/// Measures something, and prints a line.
type Case = fn(&Bench) -> Result<()>;

const CASES: [(&str, Case); 6] = [
    ("streams", streams),
    ("no-op", no_op),
    ("thirty", thirty),
    ("files", files),
    ("log", log),
    ("killed", killed),
];

impl Bench {
    fn from(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut bench = Self {
            rounds: 5,
            namespace: "default".to_owned(),
            image: "pipe-test/helper:1".to_owned(),
            only: Vec::new(),
        };
        let mut arguments = arguments.into_iter();
        while let Some(word) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--rounds" => bench.rounds = value()?.parse::<usize>()?.max(1),
                "--namespace" => bench.namespace = value()?,
                "--image" => bench.image = value()?,
                // From cargo.
                "--bench" => {}
                name if CASES.iter().any(|(known, _)| *known == name) => bench.only.push(word),
                _ => {
                    return Err(
                        format!("there is no `{word}`; there are {:?}", CASES.map(|(name, _)| name)).into()
                    );
                }
            }
        }
        Ok(bench)
    }

    /// `pipe` in a folder with a pipeline of these steps.
    fn command(&self, folder: &Path, steps: &str) -> Result<Command> {
        let head = format!(
            "kubernetes: {{helper_image: '{}', lease: {LEASE}s, workspace: {{limit: 1GiB}}}}\n\
             defaults: {{image: 'debian:bookworm-slim'}}\nmax_parallel: 100\n",
            self.image
        );
        fs::write(folder.join("pipeline.yml"), format!("{head}steps:\n{steps}"))?;
        let arch = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/static/{arch}/pipe"));
        let mut command = Command::new(program);
        command.args(["run", "--on", "kubernetes", "--quiet", "--namespace", &self.namespace]);
        command.current_dir(folder).stdin(Stdio::null());
        Ok(command)
    }

    /// Runs these steps to their end. Returns how long that took, and the journal.
    fn run(&self, folder: &Path, steps: &str) -> Result<(Duration, Vec<Value>)> {
        let _ = fs::remove_dir_all(folder.join(".pipe"));
        let start = Instant::now();
        let output = self.command(folder, steps)?.output()?;
        let took = start.elapsed();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat())
                .into_owned()
                .into());
        }
        Ok((took, journal(folder)?))
    }

    /// Returns what one run took, in seconds.
    fn time(&self, folder: &Path, steps: &str) -> Result<f64> {
        Ok(self.run(folder, steps)?.0.as_secs_f64())
    }

    /// Runs steps of two folders in turns; returns what each took in each round, in seconds.
    fn in_turns(&self, one: (&Path, &str), other: (&Path, &str)) -> Result<(Series, Series)> {
        let round = |_| Ok((self.time(one.0, one.1)?, self.time(other.0, other.1)?));
        let rounds = (0..self.rounds).map(round).collect::<Result<Vec<_>>>()?;
        Ok((rounds.iter().map(|round| round.0).collect(), rounds.iter().map(|round| round.1).collect()))
    }

    /// What of any run is in the namespace.
    fn objects(&self) -> Result<String> {
        let words = [
            "get",
            "jobs,pods,secrets",
            "--selector",
            "app.kubernetes.io/managed-by=pipe",
            "--output",
            "name",
        ];
        let kubectl = Path::new(&std::env::var("KUBECONFIG")?).with_file_name("bin/kubectl");
        let output = Command::new(kubectl).args(["--namespace", &self.namespace]).args(words).output()?;
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// The folder of the only run.
fn run_dir(folder: &Path) -> Result<PathBuf> {
    Ok(fs::read_dir(folder.join(".pipe/runs"))?.next().ok_or("there is no run")??.path())
}

fn journal(folder: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(run_dir(folder)?.join("events.jsonl"))?;
    Ok(text.lines().map(serde_json::from_str).collect::<serde_json::Result<_>>()?)
}

/// How long a step took, in seconds.
fn duration(journal: &[Value], step: &str) -> Result<f64> {
    let is_it = |record: &&Value| record["event"] == "step-finished" && record["step"] == step;
    let end = journal.iter().find(is_it).ok_or("the step has no end")?;
    let millis = end["duration_ms"].as_f64().ok_or_else(|| format!("its end has no duration: {end}"))?;
    Ok(millis / 1000.0)
}

fn spread(figures: &Series) -> String {
    format!("{:.3} ({:.3} – {:.3})", figures.median(), figures.low(), figures.high())
}

/// A stream with one to three readers: as a gang, and by `pipe` in one container.
fn streams(bench: &Bench) -> Result<()> {
    for readers in 1..=3 {
        let readers: String = (0..readers)
            .map(|reader| format!("  - {{name: r{reader}, run: 'cat > /dev/null', input: s}}\n"))
            .collect();
        let make = format!("  - {{name: make, run: 'head -c {STREAM} /dev/zero', output: s}}\n");
        let gang = format!("{make}{readers}");
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("inner.yml"), format!("steps:\n{gang}"))?;
        let one = "  - {name: all, run: '/.pipe/pipe run inner.yml'}\n";
        let round = |_| {
            let in_pod = duration(&bench.run(folder.path(), &gang)?.1, "make")?;
            let in_one = duration(&bench.run(folder.path(), one)?.1, "all")?;
            Ok(in_one / in_pod)
        };
        let ratios: Series = (0..bench.rounds).map(round).collect::<Result<_>>()?;
        println!(
            "a stream with {} readers in a pod: {} × the speed in one container",
            readers.lines().count(),
            spread(&ratios)
        );
    }
    Ok(())
}

/// A gang that does nothing.
fn no_op(bench: &Bench) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let one = "  - {name: a, run: ':'}\n";
    let two = format!("{one}  - {{name: b, run: ':', depends_on: a}}\n");
    let (one, two) = bench.in_turns((folder.path(), one), (folder.path(), &two))?;
    println!("a run of one step that does nothing: {} s", spread(&one));
    println!("each gang after the first: {} s", spread(&two.with(&one, |two, one| two - one)));
    Ok(())
}

/// Thirty gangs of two at once.
fn thirty(bench: &Bench) -> Result<()> {
    let steps: String = (0..30)
        .map(|gang| {
            format!("  - {{name: m{gang}, run: 'seq 1000', output: s{gang}}}\n  - {{name: r{gang}, run: 'wc -l', input: s{gang}}}\n")
        })
        .collect();
    let folder = tempfile::tempdir()?;
    let rounds = (0..bench.rounds).map(|_| bench.time(folder.path(), &steps)).collect::<Result<_>>()?;
    println!("thirty gangs of two at once: {} s", spread(&rounds));
    Ok(())
}

/// Files of 200 MB that go up once.
fn files(bench: &Bench) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut state = 1_u64;
    for file in 0..2000 {
        let bytes: Vec<u8> = (0..12_500)
            .flat_map(|_| {
                // Numbers that nothing compresses, by the generator of Knuth's MMIX.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state.to_le_bytes()
            })
            .collect();
        fs::write(folder.path().join(format!("file-{file}")), bytes)?;
    }
    let empty = tempfile::tempdir()?;
    let steps = "  - {name: a, run: ':'}\n";
    let (all, none) = bench.in_turns((folder.path(), steps), (empty.path(), steps))?;
    let more = all.with(&none, |all, none| all - none);
    println!("2,000 files of 200 MB, to the hub and to one pod: {} s more than none", spread(&more));
    Ok(())
}

/// A log of 100 MB.
fn log(bench: &Bench) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (took, _) = bench.run(folder.path(), "  - {name: a, run: seq 12000000}\n")?;
    let run = run_dir(folder.path())?;
    let mut wanted = Vec::new();
    for number in 1..=12_000_000 {
        wanted.extend(format!("{number}\n").into_bytes());
    }
    let is_whole = fs::read(run.join("logs/a.log"))? == wanted;
    println!(
        "a log of {} MB: {:.1} s, {}",
        wanted.len() / 1_000_000,
        took.as_secs_f64(),
        if is_whole { "whole" } else { "not whole" }
    );
    Ok(())
}

/// What is left of a client that was killed, and for how long.
fn killed(bench: &Bench) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let round = |_| {
        let steps = "  - {name: make, run: 'while echo tick; do sleep 1; done', output: s}\n  - {name: read, run: 'cat > /dev/null', input: s}\n";
        let mut client =
            bench.command(folder.path(), steps)?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        // Longer than the lease: a gang has to outlive it first.
        sleep(Duration::from_secs(LEASE + 8));
        if client.try_wait()?.is_some() {
            return Err("the run has ended by itself".into());
        }
        client.kill()?;
        client.wait()?;
        let start = Instant::now();
        while !bench.objects()?.is_empty() {
            sleep(Duration::from_millis(200));
        }
        Ok(start.elapsed().as_secs_f64())
    };
    let figures = (0..bench.rounds).map(round).collect::<Result<_>>()?;
    println!(
        "a client that was killed: nothing is left {} s later, with a lease of {LEASE} s",
        spread(&figures)
    );
    Ok(())
}

fn main() -> Result<()> {
    let bench = Bench::from(std::env::args().skip(1))?;
    for (name, case) in CASES {
        if bench.only.is_empty() || bench.only.iter().any(|only| only == name) {
            case(&bench)?;
        }
    }
    Ok(())
}
