//! The project's own checks: `.ci/run` passes when all of them do, and only then.

use std::fs;
use std::process::Command;

use crate::support::published::repository;
use crate::support::{Place, Ran};

/// A checkout whose tools only say what they are asked, and fail when their words have `FAILS` in them.
fn checkout() -> Place {
    let place = Place::new();
    let tool = |name: &str| {
        let script = format!(
            "#!/bin/bash\nwords=\"{name} $*\"\necho \"$words\"\n[[ -z $FAILS || $words != *\"$FAILS\"* ]]\n"
        );
        place.program(name, script);
    };
    for name in ["programs/cargo", ".ci/book", ".ci/lint", ".ci/static"] {
        tool(name);
    }
    for name in ["tests/tools", "tests/run", "tests/cluster/build", "tests/cluster/run"] {
        tool(name);
    }
    place.program(".ci/run", fs::read(repository(".ci/run")).unwrap());
    place.write(".ci/pipeline.yml", fs::read(repository(".ci/pipeline.yml")).unwrap());
    place.sh(&format!("mkdir -p target/debug; ln -s '{}' target/debug/pipe", env!("CARGO_BIN_EXE_pipe")));
    place
}

/// Runs the checks where the tool with these words fails.
fn run(place: &Place, fails: &str) -> Ran {
    let path = format!("{}:{}", place.join("programs").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(place.join(".ci/run"));
    command.env("PATH", path).env("FAILS", fails);
    command.env_remove("GITHUB_ACTIONS").env_remove("GITHUB_OUTPUT");
    Ran::of(command.output().unwrap())
}

#[test]
fn all_checks_are_made() {
    let ran = run(&checkout(), "").code(0);
    for words in
        ["fmt --all --check", "clippy --locked", "doc --locked", "deny --log-level error check", "tests/run"]
    {
        assert!(ran.stdout.contains(words), "`{words}` is not in:\n{}", ran.stdout);
    }
}

#[test]
fn no_check_may_fail() {
    let place = checkout();
    let failures = [
        "cargo test",
        "cargo fmt",
        "cargo clippy",
        "cargo doc",
        "check bans",
        "advisories",
        ".ci/book",
        ".ci/lint",
        ".ci/static",
        "tests/tools",
        "tests/run",
        "tests/cluster/build",
        "tests/cluster/run",
    ];
    for fails in failures {
        let ran = run(&place, fails);
        assert_ne!(ran.code, Some(0), "{fails}:\n{}", ran.stdout);
        assert!(ran.stdout.contains(fails), "`{fails}` is not in:\n{}", ran.stdout);
    }
}

#[test]
fn a_pipe_that_takes_failure_for_success_judges_nothing() {
    let place = checkout();
    place.sh("rm target/debug/pipe; ln -s /bin/true target/debug/pipe");
    run(&place, "").code(1).says("the other checks are worth nothing");
}

#[test]
fn the_pipeline_deserves_no_warning() {
    let pipeline = repository(".ci/pipeline.yml").display().to_string();
    Place::new().pipe(&["validate", "--strict", &pipeline]).code(0);
}
