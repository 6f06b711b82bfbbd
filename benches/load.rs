//! Many steps, many readers, much output: what `pipe` itself needs for it.
//!
//! Each case is a pipeline of its own, run by the program as users have it. The table shows the time, the
//! most memory that `pipe` had, and the most descriptors that it had open, as looked at every 20 ms.
//!
//! ```text
//! cargo bench --bench load -- [--part 1.0] [CASE…]      0.01 of everything is a quick look
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A pipeline that grows with a number.
struct Case {
    name: &'static str,
    /// The number at full size.
    full: usize,
    what: &'static str,
    pipeline: fn(usize) -> String,
}

const CASES: [Case; 5] = [
    Case { name: "steps", full: 1_000, what: "steps at once, of this machine", pipeline: steps },
    Case { name: "dag", full: 10_000, what: "steps in layers of 100, each after two others", pipeline: dag },
    Case { name: "readers", full: 200, what: "readers of one stream of 1 GiB", pipeline: readers },
    Case { name: "line", full: 1 << 30, what: "bytes of log without a newline", pipeline: line },
    Case { name: "lines", full: 5_000_000, what: "lines of log", pipeline: lines },
];

/// All of them run at the same time: each waits for the last one.
fn steps(count: usize) -> String {
    let mut text = format!("max_parallel: {count}\nsteps:\n");
    for step in 0..count {
        let wait = format!("touch at-{step}; until test -e at-{}; do sleep 0.2; done", count - 1);
        text += &format!("  - {{name: s{step}, shell: sh, run: '{wait}'}}\n");
    }
    text
}

fn dag(count: usize) -> String {
    const LAYER: usize = 100;
    let mut text = "steps:\n".to_owned();
    for step in 0..count {
        let before = |back: usize| step.checked_sub(back).map(|before| format!("s{before}"));
        let after: Vec<String> = if step < LAYER {
            Vec::new()
        } else {
            [before(LAYER), before(LAYER - 1)].into_iter().flatten().collect()
        };
        text += &format!("  - {{name: s{step}, shell: sh, run: ':', depends_on: [{}]}}\n", after.join(", "));
    }
    text
}

fn readers(count: usize) -> String {
    let mut text = "steps:\n  - {name: make, run: head -c 1073741824 /dev/zero, output: bytes}\n".to_owned();
    for reader in 0..count {
        text += &format!("  - {{name: r{reader}, shell: sh, run: 'exec cat >/dev/null', input: bytes}}\n");
    }
    text
}

fn line(bytes: usize) -> String {
    format!("steps:\n  - {{name: shout, run: 'head -c {bytes} /dev/zero | tr \"\\\\0\" x'}}\n")
}

fn lines(count: usize) -> String {
    format!("steps:\n  - {{name: count, run: seq {count}}}\n")
}

/// What a run needed.
struct Needed {
    wall: Duration,
    memory_kib: u64,
    descriptors: usize,
}

fn main() -> Result<()> {
    let (part, wanted) = arguments()?;
    println!("| case | | seconds | peak memory, MiB | open files |\n|---|---|---|---|---|");
    for case in CASES.iter().filter(|case| wanted.is_empty() || wanted.iter().any(|it| it == case.name)) {
        let count = ((case.full as f64 * part) as usize).max(1);
        let Needed { wall, memory_kib, descriptors } = run(&(case.pipeline)(count))?;
        let (seconds, mib) = (wall.as_secs_f64(), memory_kib as f64 / 1024.0);
        println!("| {} | {count} {} | {seconds:.1} | {mib:.0} | {descriptors} |", case.name, case.what);
    }
    Ok(())
}

fn arguments() -> Result<(f64, Vec<String>)> {
    let (mut part, mut wanted) = (1.0, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--part" => part = arguments.next().ok_or("--part wants a value")?.parse()?,
            "--bench" => {}
            name if CASES.iter().any(|case| case.name == name) => wanted.push(argument),
            other => return Err(format!("there is no case `{other}`").into()),
        }
    }
    Ok((part, wanted))
}

fn run(pipeline: &str) -> Result<Needed> {
    let place = tempfile::tempdir()?;
    File::create(place.path().join("pipeline.yml"))?.write_all(pipeline.as_bytes())?;
    let started = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipe"));
    command.args(["run", "--format", "plain"]).current_dir(place.path());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let (mut memory_kib, mut descriptors) = (0, 0);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        memory_kib = peak_memory_kib(&child).unwrap_or(0).max(memory_kib);
        descriptors = open_files(&child).max(descriptors);
        std::thread::sleep(Duration::from_millis(20));
    };
    let wall = started.elapsed();
    if !status.success() {
        return Err(format!("the run ended with {status}").into());
    }
    Ok(Needed { wall, memory_kib, descriptors })
}

fn peak_memory_kib(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

fn open_files(child: &Child) -> usize {
    fs::read_dir(Path::new("/proc").join(child.id().to_string()).join("fd")).map_or(0, Iterator::count)
}
