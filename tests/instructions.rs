//! What the static binary costs: memory, and how many instructions it takes. They do not depend on how busy the machine is,
//! so that a change that makes `pipe` slower is seen in the run of the tests that it lands with.
//!
//! The figures are committed, in `tests/fixtures/instructions.txt`. `PIPE_INSTRUCTIONS=update` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![allow(
    clippy::explicit_write,
    reason = "the test harness shows what `eprintln!` prints only if a test fails"
)]

mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use support::release::binary;
use support::{Place, Ran};

/// By how much of the committed figure a count may differ, in percent.
const ALLOWED: u64 = 10;

/// How the committed figures are replaced.
const UPDATE: &str = "PIPE_INSTRUCTIONS=update cargo test --test instructions";

/// Held by who changes the figures.
static FIGURES: Mutex<()> = Mutex::new(());

#[test]
fn validating_1000_steps() {
    let place = Place::with(&steps(1_000));
    hold("validate-1000-steps", counted(&place, &["validate"]));
}

#[test]
fn running_100_steps_that_do_nothing() {
    let mut text = String::from("steps:\n");
    (0..100).for_each(|step| writeln!(text, "  - {{name: step-{step}, run: ':'}}").unwrap());
    let place = Place::with(&text);
    hold("run-100-steps", counted(&place, &["run", "--format", "plain", "-j", "1"]));
}

/// A file with so many steps, each with three edges: two orders and a stream.
fn steps(count: usize) -> String {
    let mut text = String::from("params: {level: 9}\nenv: {LC_ALL: C}\nsteps:\n");
    for step in 0..count {
        writeln!(text, "  - name: step-{step}\n    run: tool --level {{{{.level}}}} --step {step}").unwrap();
        writeln!(text, "    output: stream-{step}").unwrap();
        if let Some(first) = step.checked_sub(3) {
            let (a, b) = (step / 2, step / 3);
            writeln!(text, "    depends_on: [step-{a}, step-{b}]\n    input: stream-{first}").unwrap();
        }
    }
    text
}

#[test]
fn planning_100_000_steps_takes_less_than_300_mib() {
    let place = Place::with(&steps(100_000));
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -v 307200; exec \"$0\" validate"]).arg(binary()).current_dir(place.path());
    Ran::of(limited.output().unwrap()).code(0).says("100000 steps");
}

/// The instructions of `pipe` itself, without the processes that it starts.
fn counted(place: &Place, args: &[&str]) -> u64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=no"]);
    valgrind.arg(binary()).args(args).current_dir(place.path());
    // Neither what the environment holds nor how many processors there are.
    valgrind.env_clear().env("PATH", "/usr/bin:/bin").env("TOKIO_WORKER_THREADS", "1");
    let output = valgrind.output().unwrap_or_else(|error| panic!("valgrind: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let total = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    total.unwrap_or_else(|| panic!("callgrind has counted nothing:\n{said}"))
}

/// Compares a count with the committed figure, or takes its place there.
fn hold(work: &str, counted: u64) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/instructions.txt");
    let _held = FIGURES.lock();
    let figures = std::fs::read_to_string(&file).unwrap();
    let key = format!("{} {work}", std::env::consts::ARCH);
    if std::env::var_os("PIPE_INSTRUCTIONS").is_some_and(|wish| wish == "update") {
        return std::fs::write(&file, updated(&figures, &key, counted)).unwrap();
    }
    match judged(figure(&figures, &key), counted) {
        Ok(None) => {}
        Ok(Some(note)) => writeln!(std::io::stderr(), "{key}: {note}").unwrap(),
        Err(reason) => panic!("{key}: {reason}"),
    }
}

/// What is to be said of a count, or why it will not do.
fn judged(committed: Option<u64>, counted: u64) -> Result<Option<String>, String> {
    let Some(committed) = committed else {
        return Ok(Some(format!(
            "{counted} instructions, and no figure to hold it to: `{UPDATE}` commits one"
        )));
    };
    let than = format!("{counted} instructions, where {committed} are committed");
    if counted > committed + committed * ALLOWED / 100 {
        return Err(format!(
            "{than}: more than {ALLOWED} % more. Find out why; if it is worth it, `{UPDATE}`"
        ));
    }
    let is_far_less = counted < committed - committed * ALLOWED / 100;
    Ok(is_far_less.then(|| format!("{than}: now hold on to it, with `{UPDATE}`")))
}

fn figure(figures: &str, key: &str) -> Option<u64> {
    figures.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
}

/// The file with another figure, or one more.
fn updated(figures: &str, key: &str, counted: u64) -> String {
    let others = figures.lines().filter(|line| !line.starts_with(&format!("{key} ")));
    let mut lines: Vec<String> = others.map(str::to_owned).collect();
    lines.push(format!("{key} {counted}"));
    lines.sort();
    lines.join("\n") + "\n"
}

#[test]
fn more_than_a_tenth_more_will_not_do() {
    let counted = 1_000_000;
    // As if the figure had been 11 % lower.
    assert!(judged(Some(890_000), counted).unwrap_err().contains("1000000 instructions, where 890000 are"));
    assert!(judged(Some(counted), 1_100_001).is_err());
    assert_eq!(judged(Some(counted), 1_100_000), Ok(None));
    assert_eq!(judged(Some(counted), 900_000), Ok(None));
}

#[test]
fn a_figure_that_is_far_too_high_and_one_that_is_not_there_are_told() {
    assert!(judged(Some(1_000_000), 899_999).unwrap().unwrap().contains("hold on to it"));
    assert!(judged(None, 1).unwrap().unwrap().contains("no figure"));
}

#[test]
fn figures_are_found_and_replaced_by_architecture_and_work() {
    let figures = "# What counts.\naarch64 a 7\nx86_64 a 1\nx86_64 ab 2\n";
    assert_eq!(figure(figures, "x86_64 a"), Some(1));
    assert_eq!(figure(figures, "riscv64 a"), None);
    assert_eq!(updated(figures, "x86_64 a", 3), "# What counts.\naarch64 a 7\nx86_64 a 3\nx86_64 ab 2\n");
    assert_eq!(updated("", "x86_64 b", 3), "x86_64 b 3\n");
}
