//! What the static program costs in instructions. Unlike seconds, they do not depend on how busy the machine
//! is, so that a change that makes `pipe` slower is seen on any machine.
//!
//! ```text
//! .ci/static target/static/amd64                # or arm64
//! cargo bench --bench instructions              # compares with benches/instructions/figures.txt
//! cargo bench --bench instructions -- --update  # writes it anew, to be committed
//! ```
//!
//! It needs valgrind. More than a tenth over a committed figure is a failure.

pub(crate) mod figures;

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

/// What is counted: a name, the file that is made for it, and the arguments of `pipe` there.
type Work = (&'static str, fn() -> String, &'static [&'static str]);

const WORKS: [Work; 2] = [
    ("run-100-steps", idle_steps, &["run", "--format", "plain", "-j", "1"]),
    ("validate-1000-steps", joined_steps, &["validate"]),
];

/// A hundred steps that do nothing.
fn idle_steps() -> String {
    let steps = (0..100).map(|step| format!("  - {{name: step-{step}, run: ':'}}\n"));
    format!("steps:\n{}", steps.collect::<String>())
}

/// A thousand steps, each with three edges: two orders and a stream.
fn joined_steps() -> String {
    let mut text = String::from("params: {level: 9}\nenv: {LC_ALL: C}\nsteps:\n");
    for step in 0..1_000_usize {
        let _ = writeln!(text, "  - name: step-{step}\n    run: tool --level {{{{.level}}}} --step {step}");
        let _ = writeln!(text, "    output: stream-{step}");
        if let Some(first) = step.checked_sub(3) {
            let (a, b) = (step / 2, step / 3);
            let _ = writeln!(text, "    depends_on: [step-{a}, step-{b}]\n    input: stream-{first}");
        }
    }
    text
}

/// The instructions of `pipe` itself, without the processes that it starts.
fn count(pipe: &Path, (name, text, args): Work) -> Result<u64, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("pipeline.yml"), text())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=no"]);
    valgrind.arg(pipe).args(args).current_dir(folder.path());
    // Neither what the environment holds nor how many processors there are.
    valgrind.env_clear().env("PATH", "/usr/bin:/bin").env("TOKIO_WORKER_THREADS", "1");
    let output = valgrind.output().map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let total = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match total {
        Some(total) if output.status.success() => Ok(total),
        _ => Err(format!("{name}: {} under valgrind:\n{said}", output.status).into()),
    }
}

/// Counts everything and compares it with the committed figures, or replaces them; `false` if something costs
/// too much.
fn run(update: bool) -> Result<bool, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kind = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let pipe = root.join("target/static").join(kind).join("pipe");
    if !pipe.is_file() {
        let path = pipe.display();
        return Err(format!("{path} is missing: `.ci/static target/static/{kind}` builds it").into());
    }
    let file = root.join("benches/instructions/figures.txt");
    let mut committed = std::fs::read_to_string(&file)?;
    let mut holds = true;
    for work in WORKS {
        let key = format!("{} {}", std::env::consts::ARCH, work.0);
        let counted = count(&pipe, work)?;
        if update {
            committed = figures::updated(&committed, &key, counted);
            continue;
        }
        let judged = figures::judged(figures::figure(&committed, &key), counted);
        holds &= judged.is_ok();
        println!("{key}: {}", judged.unwrap_or_else(|reason| reason));
    }
    if update {
        std::fs::write(&file, committed)?;
    }
    Ok(holds)
}

fn main() -> ExitCode {
    match run(std::env::args().any(|argument| argument == "--update")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::from(2)
        }
    }
}
