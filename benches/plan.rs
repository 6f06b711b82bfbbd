//! YAML text → pipeline → plan: how long a file of 100 to 100,000 steps takes, every step with three edges.
//!
//! `cargo bench --bench plan` prints a Markdown table; each figure is the median of several runs of the whole way,
//! text in memory to finished value, or pipeline to plan. Under `cargo test` it runs the smallest file once.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use pipe_runner::pipeline::{Pipeline, Source};
use pipe_runner::plan::Plan;
use pipe_runner::spec::{LoadOptions, load};

/// Steps in each file, and runs for its median.
const SIZES: [(usize, usize); 4] = [(100, 101), (1_000, 31), (10_000, 11), (100_000, 5)];

fn main() {
    let full = std::env::args().any(|arg| arg == "--bench");
    let sizes = if full { &SIZES[..] } else { &[(100, 1)] };
    println!("| steps | text | text → pipeline | pipeline → plan | whole way | per step |");
    println!("|------:|-----:|----------------:|----------------:|----------:|---------:|");
    for &(steps, runs) in sizes {
        let text = file(steps);
        let loaded = pipeline(&text);
        let loading = median(runs, || pipeline(&text));
        let planning = median(runs, || plan(&loaded));
        let whole = median(runs, || plan(&pipeline(&text)));
        println!(
            "| {steps} | {} KiB | {} | {} | {} | {:.2} µs |",
            text.len() / 1024,
            shown(loading),
            shown(planning),
            shown(whole),
            whole.as_secs_f64() * 1e6 / steps as f64,
        );
    }
}

/// A file in which every step from the fourth on has three edges: two orders and a stream, read from an earlier step.
fn file(steps: usize) -> String {
    let mut text = String::from("name: bench\nparams: {level: 9}\nenv: {LC_ALL: C}\nsteps:\n");
    for step in 0..steps {
        let _ = writeln!(text, "  - name: step-{step}\n    run: tool --level {{{{.level}}}} --step {step}");
        let _ = writeln!(text, "    output: stream-{step}");
        if let Some(first) = step.checked_sub(3) {
            let (a, b) = (step / 2, step / 3);
            let _ = writeln!(text, "    depends_on: [step-{a}, step-{b}]\n    input: stream-{first}");
        }
    }
    text
}

fn pipeline(text: &str) -> Pipeline {
    match load(Source::new("bench.yml", text), &LoadOptions::default()) {
        Ok(pipeline) => pipeline,
        Err(problems) => panic!("the bench's own file is wrong:\n{problems}"),
    }
}

fn plan(pipeline: &Pipeline) -> Plan {
    match Plan::new(pipeline) {
        Ok(plan) => plan,
        Err(cycles) => panic!("the bench's own file has cycles: {cycles:?}"),
    }
}

fn median<T>(runs: usize, mut work: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            let result = work();
            let time = start.elapsed();
            // Freeing it is no part of the way.
            drop(result);
            time
        })
        .collect();
    times.sort();
    times[runs / 2]
}

fn shown(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
