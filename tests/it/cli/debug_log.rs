//! `PIPE_LOG`: what `pipe` says about itself, and where.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::typist::Typist;
use crate::support::{Place, Ran};

const HELLO: &str = "steps: [{name: hello, run: echo hello}]";
const STARTED: &str = " DEBUG host: process started step=\"hello\" attempt=1 pid=";

fn run(place: &Place, variables: &[(&str, &str)]) -> Ran {
    Ran::of(place.command(&["run"]).envs(variables.iter().copied()).output().unwrap())
}

#[test]
fn messages_go_to_stderr_or_to_a_file_of_the_owner() {
    let place = Place::with(HELLO);
    let ran = run(&place, &[("PIPE_LOG", "debug")]).code(0);
    assert!(ran.stderr.contains(STARTED) && !ran.stdout.contains("DEBUG"), "{}{}", ran.stdout, ran.stderr);
    for _ in 0..2 {
        let ran = run(&place, &[("PIPE_LOG", "debug"), ("PIPE_LOG_FILE", "log")]).code(0);
        assert!(!ran.stderr.contains("DEBUG"), "{}", ran.stderr);
    }
    assert_eq!(place.read("log").matches(STARTED).count(), 2);
    assert_eq!(place.join("log").metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn there_are_none_unless_they_are_asked_for() {
    let place = Place::with(HELLO);
    for level in ["", "off", "info"] {
        let ran = run(&place, &[("PIPE_LOG", level)]).code(0);
        assert!(!ran.stderr.contains("DEBUG"), "{level}: {}", ran.stderr);
    }
}

#[test]
fn an_unknown_level_and_a_file_that_cannot_be_made_are_refused() {
    let place = Place::with(HELLO);
    run(&place, &[("PIPE_LOG", "loud")]).code(2).says("`PIPE_LOG` is `loud`").says("`debug`");
    let file = [("PIPE_LOG", "debug"), ("PIPE_LOG_FILE", "no/log")];
    run(&place, &file).code(2).says("`PIPE_LOG_FILE`: cannot write to no/log");
    assert!(!place.has(".pipe"));
}

#[test]
fn on_a_terminal_they_do_not_tear_the_live_view() {
    let place = Place::with(HELLO);
    let (code, shown) = Typist::of(&place, "PIPE_LOG=debug PIPE run").end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains(STARTED), "{shown}");
    // The live view erases lines.
    assert!(!shown.contains("\u{1b}[2K"), "{shown:?}");
    for line in shown.lines().filter(|line| line.contains(" DEBUG ")) {
        assert!(line.starts_with(|first: char| first.is_ascii_digit()), "{line:?}");
    }
}
