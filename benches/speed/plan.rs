//! `pipe validate`, the whole process: from a file's text to a plan without faults.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::Bench;
use super::measure::{Candidate, Runs};
use super::problem::Result;
use super::row::{Measured, Row};
use super::series::Series;

/// Steps of the files whose growth is looked at.
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

pub fn rows(bench: &Bench) -> Vec<Row> {
    let small = Row::new("`pipe validate`, 100 steps", "the founding limit of 10 ms", "ms").at_most(3.0);
    let mut rows = vec![small.measured(hundred(bench))];
    let sizes = sizes(bench);
    let of =
        |measured: fn(&[Runs]) -> Measured| sizes.as_ref().map(|runs| measured(runs)).map_err(Clone::clone);
    let what = "`pipe validate`, 100,000 steps of three edges";
    rows.push(Row::new(what, "–", "s").at_most(1.0).measured(of(|runs| plain(&runs[2].seconds))));
    rows.push(Row::new(what, "–", "MiB").at_most(300.0).measured(of(|runs| plain(&runs[2].memory))));
    let n_log_n = |n: usize| n as f64 * (n as f64).ln();
    let growth = |from: usize| n_log_n(SIZES[from + 1]) / n_log_n(SIZES[from]);
    let row = Row::new("the same, 10,000 steps", "1,000 steps; n log n", "× time").at_most(growth(0));
    rows.push(row.measured(of(|runs| grown(&runs[0], &runs[1]))));
    let row = Row::new("the same, 100,000 steps", "10,000 steps; n log n", "× time").at_most(growth(1));
    rows.push(row.measured(of(|runs| grown(&runs[1], &runs[2]))));
    let uses = Row::new("`pipe validate`, 1,000 uses of one file", "–", "ms").at_most(100.0);
    rows.push(uses.measured(thousand_uses(bench)));
    rows
}

fn hundred(bench: &Bench) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let candidates = [validate(dir.path(), 100)?];
    let runs = bench.compare_often("validate 100 steps", 20, dir.path(), &candidates)?;
    let figures = runs[0].seconds.map(|seconds| seconds * 1e3);
    Ok(Measured { note: format!("{} runs", figures.len()), figures })
}

/// Each use has three steps, a value of its own, and streams in and out.
fn thousand_uses(bench: &Bench) -> Result<Measured> {
    let dir = tempfile::tempdir()?;
    let used = "params: {level: {type: int, default: 6}}
steps:
  - {name: squeeze, input: plain, run: 'gzip -{{ level }}', output: packed}
  - {name: check, input: packed, run: gzip -t}
  - {name: size, input: packed, run: wc -c, output: bytes}
";
    let mut top =
        String::from("params: {level: 9}\nsteps:\n  - {name: rows, run: seq 9, output: p0.bytes}\n");
    for number in 1..=bench.count(1_000) {
        let _ =
            writeln!(top, "  - name: p{number}\n    uses: used.yml\n    with: {{level: '{{{{ level }}}}'}}");
        let _ = writeln!(top, "    inputs: {{plain: p{}.bytes}}", number - 1);
    }
    fs::write(dir.path().join("used.yml"), used)?;
    fs::write(dir.path().join("uses.yml"), top)?;
    let candidates = [Candidate::pipe("pipe", &["validate", "uses.yml"])];
    let runs = bench.compare_often("validate 1,000 uses", 20, dir.path(), &candidates)?;
    let figures = runs[0].seconds.map(|seconds| seconds * 1e3);
    Ok(Measured { note: format!("{} runs", figures.len()), figures })
}

fn sizes(bench: &Bench) -> Result<Vec<Runs>> {
    let dir = tempfile::tempdir()?;
    let candidate = |size| Ok(validate(dir.path(), bench.count(size))?.watching_memory());
    let candidates = SIZES.into_iter().map(candidate).collect::<Result<Vec<_>>>()?;
    bench.compare("validate 1,000, 10,000 and 100,000 steps", dir.path(), &candidates)
}

fn plain(figures: &Series) -> Measured {
    Measured { figures: figures.clone(), note: String::new() }
}

fn grown(small: &Runs, large: &Runs) -> Measured {
    let [small, large] = [small, large].map(|runs| runs.seconds.map(|seconds| seconds * 1e3));
    let note = format!("{:.1} ms, {:.1} ms", small.median(), large.median());
    Measured { figures: large.over(&small), note }
}

fn validate(dir: &Path, steps: usize) -> Result<Candidate> {
    let name = format!("{steps}.yml");
    fs::write(dir.join(&name), file(steps))?;
    Ok(Candidate::pipe("pipe", &["validate", &name]))
}

/// A file in which every step from the fourth on has three edges: two orders and a stream, read from an
/// earlier step.
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
