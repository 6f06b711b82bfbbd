//! Which steps run: `--only`, `--to`, `--from`; and what is kept of runs.

use std::fs;

use crate::support::{Place, Ran};

/// A live gang with two readers, a diamond behind it, and values. Each step notes that it ran.
const PIPELINE: &str = "
params: {key: {type: string, env: KEY}}
steps:
  - {name: dump, run: 'echo dump >> ran; seq 5', output: rows}
  - {name: pack, run: 'echo pack >> ran; cat > packed', input: rows}
  - {name: load, run: 'echo load >> ran; cat > loaded', input: rows, depends_on: check}
  - {name: check, run: 'echo check >> ran; echo n=5 >> \"$PIPE_OUTPUT\"'}
  - {name: left, run: echo left >> ran, depends_on: pack}
  - {name: right, run: 'echo right >> ran; echo {{ steps.check.outputs.n }} {{ key }}', depends_on: pack}
  - {name: end, run: echo end >> ran, depends_on: [left, right]}
outputs: {n: '{{ steps.check.outputs.n }}'}
";

/// Runs with these arguments; returns which steps ran, sorted, and the rest.
fn run(place: &Place, args: &[&str]) -> (String, Ran) {
    place.ran();
    let ran = Ran::of(place.command(&[&["run"], args].concat()).env_remove("KEY").output().unwrap());
    (place.ran(), ran)
}

#[test]
fn a_choice_runs_what_was_asked_for_and_what_that_needs() {
    let place = Place::with(PIPELINE);
    for (args, expected) in [
        (&["--only", "dump"][..], "dump"),
        (&["--only", "pack"], "dump pack"),
        (&["--only", "left"], "left"),
        (&["--only", "dump", "check"], "check dump"),
        (&["--to", "pack"], "dump pack"),
        (&["--to", "left"], "dump left pack"),
        (&["--to", "load"], "check dump load"),
        (&["--to", "left", "check"], "check dump left pack"),
        (&["--from", "left", "--to", "left"], "left"),
        (&["--from", "pack", "--to", "end", "-p", "key=x"], "dump end left pack right"),
        (&["--to", "end", "-p", "key=x"], "check dump end left pack right"),
    ] {
        let (ran, shown) = run(&place, args);
        shown.code(0);
        assert_eq!(ran, expected, "{args:?}");
    }
    let streams = |place: &Place| fs::read_dir(place.run_dir().join("streams")).unwrap().count();
    let fresh = || Place::with(PIPELINE);
    let place = fresh();
    run(&place, &["--only", "dump"]).1.code(0).says("the output `n` is left out: it needs `check`");
    assert_eq!(streams(&place), 1, "no reader runs: the stream is kept");
    let place = fresh();
    run(&place, &["--only", "pack"]).1.code(0);
    assert_eq!(streams(&place), 0, "it is not kept for a reader that does not run");
    let place = fresh();
    run(&place, &["--to", "load"]).1.code(0);
    assert_eq!(streams(&place), 0, "nor longer than its reader needs it");
}

#[test]
fn values_of_others_come_from_the_newest_run_or_nothing_begins() {
    let place = Place::with(PIPELINE);
    let (ran, shown) = run(&place, &["--only", "right", "-p", "key=x"]);
    shown.code(2).says("`check` is left out, and no earlier run has its value `n`").says("`--to right`");
    assert_eq!(ran, "");
    assert!(!place.has(".pipe"));
    run(&place, &["--only", "right"]).1.code(2).says("the param `key`");
    run(&place, &["--only", "check"]).1.code(0);
    let (ran, shown) = run(&place, &["--only", "right", "-p", "key=x"]);
    shown.code(0).says("`check` is left out: its values are those of run ").says("5 x");
    assert_eq!(ran, "right");
    place.pipe(&["show"]).code(0).says("n").says("6 left out");
}

#[test]
fn a_stream_from_outside_that_no_step_needs_is_not_read() {
    let place = Place::with("steps: [{name: a, run: cat, input: x}, {name: b, run: cat <&0}]\n");
    let args = ["run", "--in", "x=-", "--only", "b"];
    let mut command = place.command(&args);
    let ran = Ran::of(command.stdin(std::process::Stdio::null()).output().unwrap());
    ran.code(0).says("1 left out");
    place.pipe(&["run", "--in", "x=pipeline.yml", "--only", "a"]).code(0).says("steps: [");
}

#[test]
fn settings_of_steps_that_do_not_run_need_no_values() {
    let place = Place::with(
        "
params: {limit: {type: duration}}
steps:
  - {name: quick, run: echo hi}
  - {name: slow, run: sleep 60, timeout: '{{ limit }}'}
",
    );
    place.pipe(&["run", "--only", "quick"]).code(0);
    place.pipe(&["run", "--only", "slow"]).code(2).says("the param `limit`");
    place.pipe(&["run", "--only", "slow", "-p", "limit=50ms"]).code(1).says("timed out");
}

#[test]
fn plans_drawings_and_dry_runs_number_alike() {
    let place = Place::with(PIPELINE);
    let numbers = |text: &str| -> Vec<(String, String)> {
        let line = |line: &str| {
            let (number, names) = line.trim_start_matches("# ").split_once(". ")?;
            let number = number.parse::<u32>().ok()?.to_string();
            let names = names.split(" (").next()?.to_owned();
            Some(names.split(", ").map(|name| (name.to_owned(), number.clone())).collect::<Vec<_>>())
        };
        let mut all: Vec<_> = text.lines().filter_map(line).flatten().collect();
        all.sort();
        all
    };
    let plan = numbers(&place.pipe(&["plan"]).code(0).stdout);
    assert_eq!(plan.len(), 7);
    assert_eq!(plan, numbers(&place.pipe(&["run", "--dry-run", "-p", "key=x"]).code(0).stdout));
    let mut number = String::new();
    let mut drawn = Vec::new();
    // Steps with the same arrows share a line.
    let each = |names: &str, number: &str| -> Vec<(String, String)> {
        names.split(", ").map(|name| (name.to_owned(), number.to_owned())).collect()
    };
    for line in place.pipe(&["graph"]).code(0).stdout.lines().filter(|line| !line.contains('▶')) {
        match line.trim().split_once("  ") {
            Some((first, name)) if first.parse::<u32>().is_ok() => {
                number = first.to_owned();
                drawn.extend(each(name, &number));
            }
            _ if line.starts_with("   ") => drawn.extend(each(line.trim(), &number)),
            _ => {}
        }
    }
    drawn.sort();
    assert_eq!(drawn, plan);
}

#[test]
fn old_runs_go_at_the_end_of_a_run() {
    let text = "
history: {keep: 2}
steps:
  - {name: make, run: 'echo make >> ran; seq 9', output: {name: rows, store: true}}
  - {name: read, run: 'cat > rows; [ ! -e broken ]', input: rows}
";
    let place = Place::with(text);
    place.write("other.yml", "steps: [{name: a, run: 'true'}]\n");
    place.pipe(&["run", "other.yml"]).code(0);
    let runs = || fs::read_dir(place.join(".pipe/runs")).unwrap().count();
    place.write("broken", "");
    run(&place, &[]).1.code(1);
    for _ in 0..4 {
        let (ran, shown) = run(&place, &["--resume", "last"]);
        shown.code(1);
        assert_eq!(ran, "", "the run with the stream stays as long as others go on from it");
    }
    assert_eq!(runs(), 4, "two, the one with the stream, and one of another file");
    for _ in 0..3 {
        run(&place, &[]).1.code(1);
    }
    assert_eq!(runs(), 3);
    let keep = |number: &str| {
        Ran::of(place.command(&["run", "other.yml"]).env("PIPE_KEEP_RUNS", number).output().unwrap())
    };
    keep("1").code(0);
    assert_eq!(runs(), 3);
    keep("none").code(2).says("`PIPE_KEEP_RUNS` is `none`");
    keep("0").code(2);
    Place::with("history: {keep: 0}\nsteps: [{name: a, run: 'true'}]\n").pipe(&["validate"]).code(2);
}

#[test]
fn runs_may_be_kept_elsewhere() {
    let (place, elsewhere) = (Place::with("steps: [{name: a, run: echo hi}]\n"), Place::new());
    let home = elsewhere.join("runs of a");
    let pipe = |args: &[&str]| Ran::of(place.command(args).env("PIPE_DIR", &home).output().unwrap());
    pipe(&["run"]).code(0);
    pipe(&["run", "--resume", "last"]).code(0).says("1 done before");
    pipe(&["logs"]).code(0);
    pipe(&["show"]).code(0).says("done before");
    assert_eq!(pipe(&["runs"]).code(0).stdout.lines().count(), 2);
    pipe(&["clean", "--keep", "1"]).says("1 run removed");
    assert!(!place.has(".pipe"));
}

#[test]
fn a_log_that_is_followed_ends_with_the_outcome() {
    let place =
        Place::with("steps: [{name: good, run: echo hi}, {name: bad, run: exit 3, depends_on: good}]\n");
    place.pipe(&["run"]).code(1);
    let all = place.pipe(&["logs", "-f"]).code(1);
    assert_eq!(all.stdout, "good | hi\n");
    all.says("failed: `bad` exit code 3");
    place.pipe(&["logs", "-f", "last", "good"]).code(0).says("`good` succeeded");
    place.pipe(&["logs", "-f", "last", "bad"]).code(1).says("`bad` failed: exit code 3");
}

#[test]
fn shells_complete_steps_params_and_runs() {
    let place = Place::with(PIPELINE);
    run(&place, &["--only", "check"]).1.code(0);
    let id = place.run_dir().file_name().unwrap().to_str().unwrap().to_owned();
    let complete = |words: &[&str]| {
        let mut command = place.command(&[&["--", "pipe"], words].concat());
        command.env("_PIPE_COMPLETE", "zsh").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
        Ran::of(command.output().unwrap()).code(0).stdout
    };
    assert_eq!(complete(&["run", "--only", "l"]), "load\nleft");
    assert_eq!(complete(&["run", "pipeline.yml", "--to", "en"]), "end");
    assert_eq!(complete(&["run", "-p", "k"]), "key=");
    assert_eq!(complete(&["run", "--resume", ""]), format!("last\n{id}"));
    assert!(complete(&["show", ""]).contains(&id));
    assert!(complete(&["logs", "last", "du"]).contains("dump"));
    assert_eq!(complete(&["run", "none.yml", "--only", "x"]), "");
    for shell in ["bash", "zsh", "fish"] {
        place.pipe(&["completions", shell]).code(0).says("_PIPE_COMPLETE");
    }
}
