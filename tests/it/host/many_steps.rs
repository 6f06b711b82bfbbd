//! Much at once, in short forms; `cargo bench --bench load` has the long ones. And the limit on open files.

#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

use crate::support::machine::Turn;
use crate::support::processes::eventually;
use crate::support::{Place, Ran};

/// Runs `pipe` here under limits on open files, the soft and the hard one.
fn limited(place: &Place, soft: u32, hard: u32, args: &str) -> Ran {
    let script =
        format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec {} {args}", env!("CARGO_BIN_EXE_pipe"));
    Ran::of(Command::new("bash").args(["-c", &script]).current_dir(place.path()).output().unwrap())
}

/// Steps that all run at the same time: each waits for the last one.
fn steps(count: usize) -> Place {
    let mut text = format!("max_parallel: {count}\nsteps:\n");
    for step in 0..count {
        let wait = format!("touch at-{step}; until test -e at-{}; do sleep 0.05; done", count - 1);
        text += &format!("  - {{name: s{step}, shell: sh, run: '{wait}'}}\n");
    }
    Place::with(&text)
}

#[test]
fn many_steps_run_at_once() {
    let _turn = Turn::take();
    steps(100).pipe(&["run"]).code(0).says("succeeded: 100 steps");
}

#[test]
fn the_soft_limit_is_raised() {
    let _turn = Turn::take();
    limited(&steps(100), 64, 4096, "run").code(0);
}

#[test]
fn steps_have_the_limit_that_pipe_was_started_with() {
    // They get it in the moment after they were started.
    let script = "until test $(ulimit -Sn) = 200; do sleep 0.01; done; ulimit -Hn";
    let place = Place::with(&format!("steps:\n  - {{name: tell, timeout: 20s, run: '{script}'}}\n"));
    limited(&place, 200, 4096, "run").code(0).says("| 4096\n");
}

#[test]
fn a_run_that_needs_too_many_files_does_not_begin() {
    let _turn = Turn::take();
    let place = steps(100);
    let ran = limited(&place, 180, 180, "run").code(3).says("the limit is 180").says("-j");
    assert!(!place.has(".pipe/runs") && !place.has("at-0"), "{}", ran.stderr);
    let needed = ran.stderr.split("`ulimit -n ").nth(1).unwrap().split('`').next().unwrap();
    let needed: u32 = needed.parse().unwrap();
    limited(&place, needed, needed, "run").code(0);
    let one_by_one = Place::with("steps:\n  - {name: a, run: ':'}\n  - {name: b, run: ':'}\n");
    limited(&one_by_one, 180, 180, "run -j 1").code(0);
}

/// What is open at the same time stays below what was reckoned with.
#[test]
fn no_more_files_are_open_than_was_reckoned_with() {
    let _turn = Turn::take();
    let mut text = "max_parallel: 60\nsteps:\n  - {name: make, run: 'until test -e go; do sleep 0.05; done; echo x', output: bytes}\n".to_owned();
    for reader in 0..40 {
        text += &format!("  - {{name: r{reader}, shell: sh, run: 'echo ready; cat', input: bytes}}\n");
    }
    let place = Place::with(&text);
    let mut running = place.follow(&["run"]);
    for _ in 0..40 {
        running.wait_for("| ready");
    }
    let open = std::fs::read_dir(format!("/proc/{}/fd", running.id())).unwrap().count();
    place.write("go", "");
    running.end().code(0);
    let ran = limited(&place, 100, 100, "run").code(3);
    let needed = ran.stderr.split("may need ").nth(1).unwrap().split(',').next().unwrap();
    assert!(open <= needed.parse().unwrap(), "{open} were open, {needed} were reckoned with");
}

#[test]
fn a_long_chain_of_steps() {
    let _turn = Turn::take();
    let mut text = "steps:\n  - {name: s0, shell: sh, run: ':'}\n".to_owned();
    for step in 1..200 {
        text += &format!("  - {{name: s{step}, shell: sh, run: ':', depends_on: [s{}]}}\n", step - 1);
    }
    Place::with(&text).pipe(&["run"]).code(0).says("succeeded: 200 steps");
}

/// A log without a newline, and one of many lines, are on disk byte for byte, and take little memory.
#[test]
fn long_logs_take_little_memory() {
    let _turn = Turn::take();
    for (script, log) in [
        ("head -c 100000000 /dev/zero | tr \"\\\\0\" x", "head -c 100000000 /dev/zero | tr '\\0' x"),
        ("seq 500000", "seq 500000"),
    ] {
        let place = Place::with(&format!(
            "
steps:
  - {{name: talk, run: '{script}'}}
  - {{name: wait, run: 'touch done; until test -e go; do sleep 0.05; done', depends_on: [talk]}}
"
        ));
        let mut child = place.command(&["run"]).stdout(Stdio::null()).spawn().unwrap();
        eventually(|| place.has("done"), || "the log is not written".into());
        let status = place.sh(&format!("cat /proc/{}/status", child.id()));
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let peak: u64 = peak.unwrap().parse().unwrap();
        place.write("go", "");
        assert!(child.wait().unwrap().success());
        let run = place.run_dir();
        place.sh(&format!("{log} | cmp - {}", run.join("logs/talk.log").display()));
        assert!(peak < 100_000, "{peak} KiB for {script}");
    }
}
