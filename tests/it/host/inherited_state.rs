//! What `pipe` was started with does not reach its steps: blocked and ignored signals, a terminal, foreign
//! orphans, a foreign `/proc`.

#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

use crate::support::typist::Typist;
use crate::support::{Place, Ran};

/// Runs a shell command in which `PIPE` stands for the program, in the folder of a place.
fn sh(place: &Place, script: &str) -> Ran {
    let mut command = Command::new("bash");
    command.args(["-c", &script.replace("PIPE", env!("CARGO_BIN_EXE_pipe"))]).current_dir(place.path());
    command.stdin(Stdio::null()).env_remove("CI").env_remove("GITHUB_ACTIONS");
    Ran::of(command.output().unwrap())
}

/// Each signal of a mask of `/proc/self/status`, as hexadecimal digits, that a program can do something
/// about.
fn mask(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(line.trim(), 16).unwrap() & 0x7fff_ffff
}

#[test]
fn signals_that_were_blocked_or_ignored_are_neither_in_steps() {
    let block = "perl -MPOSIX -e 'my $all = POSIX::SigSet->new; $all->fillset; sigprocmask(SIG_BLOCK, $all); exec @ARGV' \
                 timeout 60 PIPE run";
    let ignore = "trap '' HUP INT QUIT USR1 USR2 PIPE ALRM TERM CHLD TTIN TTOU TSTP XCPU XFSZ; exec PIPE run";
    for start in [block, ignore] {
        // `cat` waits for nothing that a blocked SIGCHLD would withhold; the run does.
        let place = Place::with(
            "steps: [{name: a, run: exec cat /proc/self/status >status}, {name: b, run: 'true', depends_on: a}]",
        );
        sh(&place, start).code(0);
        let status = place.read("status");
        assert_eq!((mask(&status, "SigBlk:"), mask(&status, "SigIgn:")), (0, 0), "{start}");
    }
}

#[test]
fn a_step_has_no_terminal_to_hang_on() {
    let place = Place::with("steps: [{name: asks, run: read -r answer </dev/tty}]");
    let ran = sh(&place, "script -qec 'PIPE run --format plain' /dev/null");
    ran.code(1).says("No such device or address");
}

#[test]
fn a_stopped_step_ends_with_its_time_limit() {
    let place = Place::with(
        "steps: [{name: stopped, run: \"trap 'echo told >told; exit' TERM; kill -STOP $$\", timeout: 200ms}]",
    );
    place.pipe(&["run"]).code(1);
    assert_eq!(place.read("told"), "told\n");
}

#[test]
#[ignore = "needs root"]
fn as_first_process_it_waits_for_orphans() {
    let orphans = "for i in 1 2 3 4 5; do (setsid sleep 0 &); (sleep 0 &); done";
    let count = "for i in $(seq 500); do n=$(ps -eo stat= | grep -c Z || :); [ $n = 0 ] && break; sleep 0.02; done; echo $n >zombies";
    let place = Place::with(&format!(
        "steps: [{{name: a, run: {orphans:?}}}, {{name: b, run: {count:?}, depends_on: a}}]"
    ));
    sh(&place, "exec unshare --pid --fork --mount-proc PIPE run").code(0);
    assert_eq!(place.read("zombies"), "0\n");
}

#[test]
#[ignore = "needs root"]
fn a_session_outside_of_its_namespace_is_no_hindrance() {
    let place = Place::with("steps: [{name: upper, run: tr a-z A-Z, input: src, output: dst}]");
    let run = "run --in src=- --out dst=- 2>said";
    for wrapped in ["PIPE RUN", "setsid PIPE RUN", "bash -c 'set -m; PIPE RUN & wait $!'"] {
        let wrapped = wrapped.replace("RUN", run);
        let ran = sh(&place, &format!("printf a | unshare --pid --fork --mount-proc {wrapped}; exit $?"));
        assert_eq!(ran.code(0).stdout, "A", "{wrapped}");
    }
    // With a terminal whose session is outside as well.
    let place = Place::with(
        "params: {key: {type: secret}}\nsteps: [{name: a, run: 'echo \"$KEY\" >got', env: {KEY: '{{ key }}'}, input: src}]",
    );
    let mut typist =
        Typist::of(&place, "printf a | unshare --pid --fork --mount-proc PIPE run --in src=-; exit $?");
    typist.asked("key: ", "hush\n");
    assert_eq!(typist.end().0, Some(0));
    assert_eq!(place.read("got"), "hush\n");
    let place = Place::with("steps: [{name: a, run: 'true', terminal: true}]");
    sh(&place, "exec unshare --pid --fork --mount-proc PIPE run").code(2).says("started without one");
}

#[test]
#[ignore = "needs root"]
fn numbers_of_a_foreign_proc_are_translated() {
    let place = Place::with(
        "steps: [{name: a, run: 'sleep 1000 & setsid sleep 1000 & env -i setsid sleep 1000 & echo >begun; wait', timeout: 1s}]",
    );
    sh(&place, "exec unshare --pid --fork bash -c 'PIPE run; exit $?'").code(1).says("timed out");
    assert_eq!(place.processes(), []);
    // Killed, with a reaper that is in the namespace as well, which lives on until the reaper has done its
    // work.
    let place = Place::with(&place.read("pipeline.yml").replace("1s", "1h"));
    let wait =
        "for i in $(seq 1000); do kill -0 -1 2>/dev/null && [ -n \"$(jobs -r)\" ] || break; sleep 0.02; done";
    sh(
        &place,
        &format!(
            "exec unshare --pid --fork bash -c 'PIPE run & until [ -e begun ]; do sleep 0.02; done; kill -9 $!; {wait}; \
             for i in $(seq 500); do kill -0 -1 2>/dev/null || exit 0; sleep 0.02; done; exit 1'"
        ),
    )
    .code(0);
}
