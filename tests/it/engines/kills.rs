//! SIGKILL of `pipe` at random moments, on the engines that people have: nothing of the run is left on any.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::fleet::{Fleet, IMAGE};
use crate::support::long_form::{long_form, share};
use crate::support::processes::{comes_to_be, eventually, lives};
use crate::support::{Place, Ran, Running};

const LANES: [&str; 2] = ["fifo", "attach"];

#[test]
#[ignore = "needs root, Docker and Podman"]
fn docker() {
    nothing_is_left(&Fleet::docker());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn newer_docker() {
    nothing_is_left(&Fleet::newer_docker());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn remapped_docker() {
    nothing_is_left(&Fleet::remapped_docker());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn rootless_docker() {
    nothing_is_left(&Fleet::rootless_docker());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn podman() {
    nothing_is_left(&Fleet::podman());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn newer_podman() {
    nothing_is_left(&Fleet::newer_podman());
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn rootless_podman() {
    nothing_is_left(&Fleet::rootless_podman());
}

/// Kills runs at random moments between their first and a bit after the last of their steps is ready. The
/// usual number of kills is small; `PIPE_KILL_ROUNDS=100` is the long form.
fn nothing_is_left(fleet: &Fleet) {
    let before = fleet.stock();
    let scene = Scene { network: fleet.network(), has_commands: fleet.builds_have_a_network() };
    let whole = LANES.map(|lane| time_to_ready(fleet, &scene, lane)).into_iter().max().unwrap_or_default();
    let began = Instant::now();
    let rounds = long_form("PIPE_KILL_ROUNDS", 3);
    for round in 0..rounds {
        // A round has one lane and one builder; every combination comes up.
        let (lane, builder) = (LANES[round % 2], ["1", "0"][round / 2 % 2]);
        let place = place(&scene, round);
        let after = whole.mul_f64(share() * 1.2);
        let context = format!("{}, {lane} lane, builder {builder}, after {after:?}", fleet.name());
        killed(start(fleet, &place, lane, builder), after);
        // The engine may still be at what it was asked for last.
        let is_clean = || {
            Ran::of(fleet.command(&place, &["clean", "--images"]).output().unwrap()).code(0);
            // These builders keep what they have made so far as layers without a name, which is their cache.
            if builder == "0" || fleet.name().starts_with("Podman") {
                fleet.prune();
            }
            fleet.stock() == before
        };
        eventually(|| fleet.left().is_empty(), || format!("{context}: left are {}", fleet.left()));
        assert!(comes_to_be(is_clean), "{context}: from {before:#?} to {:#?}", fleet.stock());
        place.is_deserted();
        assert_eq!(place.litter(), [] as [std::path::PathBuf; 0], "{context}");
        // Through the engine, a reader may see an end before it is killed.
        assert!(lane == "attach" || !place.has("saw-eof"), "{context}: a reader has seen an end");
    }
    eprintln!("{}: {rounds} kills within {whole:?}, {:?}", fleet.name(), began.elapsed());
}

/// Lets a run come to where all its steps are ready, and returns how long that took.
fn time_to_ready(fleet: &Fleet, scene: &Scene, lane: &str) -> Duration {
    let place = place(scene, usize::MAX);
    let began = Instant::now();
    let mut running = start(fleet, &place, lane, "1");
    for _ in 0..4 {
        running.wait_for("| ready");
    }
    let took = began.elapsed();
    killed(running, Duration::ZERO);
    eventually(|| fleet.left().is_empty(), || format!("left: {}", fleet.left()));
    Ran::of(fleet.command(&place, &["clean", "--images"]).output().unwrap()).code(0);
    took
}

/// What an engine can do of a run that is killed.
struct Scene {
    network: &'static str,
    /// Whether its builder runs commands.
    has_commands: bool,
}

/// A fan-out, and beside it a build that takes a moment, of an image that has a volume.
fn place(scene: &Scene, round: usize) -> Place {
    let place = Place::with(
        &"
steps:
  - {name: make, IMAGE, run: head -c 100000 /dev/zero; sleep 1000, output: bytes}
  - {name: one, IMAGE, run: echo ready >&2; sha256sum > one; touch saw-eof, input: bytes}
  - {name: two, IMAGE, run: trap '' TERM; echo ready >&2; wc -c > two; touch saw-eof, input: bytes}
  - {name: here, run: echo ready >&2; wc -c > here; touch saw-eof, input: bytes}
  - {name: built, build: context, network: NETWORK, run: echo ready; sleep 1000}
"
        .replace("IMAGE", &format!("image: '{IMAGE}', network: NETWORK"))
        .replace("NETWORK", scene.network),
    );
    place.write("context/stamp", round.to_string());
    place.write("context/much", vec![b'x'; 4 << 20]);
    let commands = if scene.has_commands { "RUN seq 100000 > /one\nRUN rm /one\n" } else { "" };
    place.write(
        "context/Dockerfile",
        format!("FROM {IMAGE}\nVOLUME /data\nCOPY stamp /stamp\nCOPY much /data/much\n{commands}"),
    );
    place
}

fn start(fleet: &Fleet, place: &Place, lane: &str, builder: &str) -> Running {
    let mut command = fleet.command(place, &["run", "--format", "plain", "--stream-lane", lane]);
    command.env("DOCKER_BUILDKIT", builder).stdout(Stdio::piped());
    Running::of(command.spawn().unwrap())
}

/// Kills `pipe` after a time, and waits for the end of its reaper.
fn killed(running: Running, after: Duration) {
    std::thread::sleep(after);
    let reaper = running.kill();
    eventually(|| reaper.is_none_or(|reaper| !lives(reaper)), || "the reaper is still there".into());
}
