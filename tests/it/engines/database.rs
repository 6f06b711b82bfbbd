//! The example with a database, on three engines, ended at random moments: nothing of it is left, and after
//! an interrupt its clean-up has run.

use std::cell::Cell;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::fleet::Fleet;
use crate::support::long_form::{long_form, share};
use crate::support::processes::{eventually, lives};
use crate::support::{Place, Ran, Running};

#[test]
#[ignore = "needs root, Docker and Podman"]
fn docker() {
    ended_at_random_moments(&Fleet::docker());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn newer_docker() {
    ended_at_random_moments(&Fleet::newer_docker());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn podman() {
    ended_at_random_moments(&Fleet::podman());
}

/// The usual number of ends of each kind is small; `PIPE_KILL_ROUNDS=100` is the long form.
fn ended_at_random_moments(fleet: &Fleet) {
    fleet.load("postgres:17");
    let begun = Instant::now();
    tests_and_saves(fleet, &example(fleet)).code(0);
    let whole = begun.elapsed();
    let rounds = long_form("PIPE_KILL_ROUNDS", 1);
    for _ in 0..rounds {
        interrupted(fleet, whole);
        killed(fleet, whole);
    }
    eprintln!("{}: {rounds} interrupts and kills within {whole:?}, {:?}", fleet.name(), begun.elapsed());
}

/// A test that fails does not keep the database from being saved.
#[test]
#[ignore = "needs root, Docker and Podman"]
fn it_is_saved_when_a_test_fails() {
    let fleet = Fleet::docker();
    fleet.load("postgres:17");
    let place = Place::with(&text().replace("SELECT sum(n)", "SELECT sum(m)"));
    tests_and_saves(&fleet, &place).code(1).says("test-in-container").says("column \"m\" does not exist");
}

#[track_caller]
fn tests_and_saves(fleet: &Fleet, place: &Place) -> Ran {
    let ran = Ran::of(fleet.command(place, &RUN).output().unwrap());
    assert_eq!(fleet.left(), "", "{}", ran.stdout);
    let dump = dump(place);
    assert!(dump.contains("COPY public.numbers") && dump.contains("\n1000\n"), "{dump}\n{}", ran.stdout);
    ran
}

fn interrupted(fleet: &Fleet, whole: Duration) {
    let (place, run, after) = started(fleet, whole);
    run.signal("INT");
    let since = Instant::now();
    let ran = run.end();
    let context = format!("{}, after {after:?}:\n{}", fleet.name(), ran.stdout);
    assert!(matches!(ran.code, Some(0 | 130)), "{:?} {context}", ran.code);
    assert_eq!(fleet.left(), "", "{context}");
    assert!(dump(&place).contains("PostgreSQL database dump complete"), "{context}");
    assert_eq!(place.outcome("db"), "succeeded", "{context}");
    eprintln!("{}: interrupted after {after:?}: it has ended after {:?}", fleet.name(), since.elapsed());
}

fn killed(fleet: &Fleet, whole: Duration) {
    let (_place, run, after) = started(fleet, whole);
    let since = Instant::now();
    let reaper = run.kill();
    // The reaper stays for a while to see whether the engine still carries something out.
    let last_seen = Cell::new(Duration::ZERO);
    let is_over = || {
        let is_empty = fleet.left().is_empty();
        if !is_empty {
            last_seen.set(since.elapsed());
        }
        is_empty && reaper.is_none_or(|reaper| !lives(reaper))
    };
    eventually(is_over, || format!("{}, after {after:?}: left are {}", fleet.name(), fleet.left()));
    eprintln!("{}: killed after {after:?}: something was left for {:?}", fleet.name(), last_seen.get());
}

const RUN: [&str; 3] = ["run", "--format", "plain"];

/// The example. Where containers can join no network, they share that of the machine.
fn example(fleet: &Fleet) -> Place {
    let mut text = text();
    if fleet.network() == "none" {
        text = text.replace("image: postgres:17", "image: postgres:17\n    network: host");
    }
    Place::with(&text)
}

fn text() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/services.yml")).unwrap()
}

/// What the clean-up has saved.
fn dump(place: &Place) -> String {
    place.sh("gunzip -c out/numbers.sql.gz")
}

/// Starts a run, and waits for a random moment of it.
fn started(fleet: &Fleet, whole: Duration) -> (Place, Running, Duration) {
    let place = example(fleet);
    let mut run = Running::of(fleet.command(&place, &RUN).stdout(Stdio::piped()).spawn().unwrap());
    run.wait_for("* services: ");
    let after = whole.mul_f64(share());
    std::thread::sleep(after);
    (place, run, after)
}
