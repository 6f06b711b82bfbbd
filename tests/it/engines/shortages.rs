//! Engines that lack something, or lose it in the middle of a run: networks, room, an image, a registry,
//! themselves.

use std::net::TcpListener;
use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::relay::{Hold, Relay};
use crate::support::server::{Server, signal};
use crate::support::{Place, Ran};

const LANES: [&str; 2] = ["fifo", "attach"];

/// `pipe run` on an engine, with plain lines.
fn command(place: &Place, host: &str) -> Command {
    let mut command = place.command(&["run", "--format", "plain"]);
    command.env("DOCKER_HOST", host).env_remove("DOCKER_CONTEXT").env("DOCKER_CONFIG", place.join("config"));
    command
}

/// Steps need not say that they want no network, and are joined by streams all the same.
#[test]
#[ignore = "needs root and Docker"]
fn an_engine_without_networks_runs_what_needs_none() {
    let daemon = Daemon::inside("", &["--bridge=none"]);
    for lane in LANES {
        let place = Place::with(
            "
steps:
  - {name: make, image: 'alpine:3.20', run: ls /sys/class/net >&2; seq 1000, output: numbers}
  - {name: count, image: 'alpine:3.20', run: wc -l > count, input: numbers}
",
        );
        let ran = Ran::of(command(&place, &daemon.host()).args(["--stream-lane", lane]).output().unwrap());
        assert!(!ran.code(0).stdout.contains("eth0"));
        assert_eq!(place.read("count").trim(), "1000");
    }
    assert_eq!(daemon.left(), "");
}

#[test]
#[ignore = "needs root and Docker"]
fn a_full_disk_of_the_engine_ends_the_run() {
    let daemon = Daemon::inside("mkdir $DIR/data; mount -t tmpfs -o size=48m tmpfs $DIR/data", &[]);
    let fill = |bytes: &str| {
        let file = daemon.seen("data/fill");
        // As much as there is; `dd` says that it is full.
        let _ = Command::new("dd")
            .args(["if=/dev/zero", &format!("of={file}"), "bs=64k", bytes])
            .output()
            .unwrap();
    };
    let image = "steps: [{name: full, image: 'alpine:3.20', retry: 2, run: echo ready}]";
    let build = "steps: [{name: full, build: ., retry: 2, run: echo ready}]";
    for (pipeline, builder, attempted) in [
        (image, "1", "the container of step `full` cannot be created"),
        (build, "0", "cannot be built"),
        (build, "1", "cannot be built"),
    ] {
        let place = Place::with(pipeline);
        place.write("Dockerfile", format!("FROM alpine:3.20\nRUN echo {builder} > /stamp\n"));
        let before = daemon.left();
        fill("count=1000000");
        let ran = Ran::of(command(&place, &daemon.host()).env("DOCKER_BUILDKIT", builder).output().unwrap());
        std::fs::remove_file(daemon.seen("data/fill")).unwrap();
        ran.code(3).says(attempted).says("is full").says("no space left on device").says("make room");
        assert_eq!(daemon.left(), before);
        let mut clean = place.command(&["clean", "--images"]);
        Ran::of(clean.env("DOCKER_HOST", daemon.host()).output().unwrap()).code(0);
        assert_eq!(daemon.docker(&["images", "--all", "--format", "{{.Repository}}"]), "alpine");
    }
}

/// An engine that is restarted ends its containers first, which looks as if they had ended by themselves.
#[test]
#[ignore = "needs root and Docker"]
fn an_engine_that_restarts_ends_the_run() {
    for lane in LANES {
        let mut daemon = Daemon::start();
        let place = Place::with(
            "
steps:
  - {name: make, image: 'alpine:3.20', run: echo ready >&2; cat /dev/zero, output: zeros}
  - {name: read, image: 'alpine:3.20', run: cat > /dev/null; touch saw-the-end, input: zeros}
  - {name: wait, run: exec sleep 1000}
",
        );
        let mut command = command(&place, &daemon.host());
        let run = Server::start(command.args(["--stream-lane", lane]), &["make | ready"]);
        daemon.restart();
        let ran = run.end();
        assert!(matches!(ran.code, Some(1 | 3)), "{}", ran.stdout);
        assert!(
            !place.has("saw-the-end") || lane == "attach",
            "a broken stream was taken for a finished one"
        );
        let mut clean = place.command(&["clean"]);
        Ran::of(clean.env("DOCKER_HOST", daemon.host()).output().unwrap()).code(0);
        assert_eq!(daemon.left(), "");
    }
}

/// What this machine can clean up by itself, it does.
#[test]
#[ignore = "needs root and Docker"]
fn an_engine_that_dies_leaves_the_clean_up_of_this_machine() {
    let mut daemon = Daemon::start();
    let place = Place::with(
        "
steps:
  - {name: work, image: 'alpine:3.20', run: echo ready; exec sleep 1000}
  - {name: tell, finally: true, run: 'echo $PIPE_OUTCOME > told'}
  - {name: down, finally: true, image: 'alpine:3.20', run: touch down}
",
    );
    let run = Server::start(&mut command(&place, &daemon.host()), &["work | ready"]);
    daemon.kill();
    let ran = run.end().code(3);
    assert!(
        ran.stdout.contains("down failed: could not start") || ran.stdout.contains("down * "),
        "{}",
        ran.stdout
    );
    assert_eq!(place.read("told"), "error\n");
    assert!(!place.has("down"));
}

#[test]
#[ignore = "needs root and Docker"]
fn an_image_that_is_removed_before_its_container_is_made_is_had_again_by_the_next_attempt() {
    let daemon = Daemon::start();
    for lane in LANES {
        for (retry, code) in [("0", 1), ("1", 0)] {
            let relay = Relay::holding(Hold::Request, "name=pipe-", &daemon.socket());
            let place = Place::with(&format!(
                "steps: [{{name: only, build: ., network: none, retry: {retry}, run: cat /stamp}}]"
            ));
            place.write("Dockerfile", "FROM alpine:3.20\nCOPY stamp /\n");
            place.write("stamp", "stamped");
            let mut command = command(&place, &relay.host());
            command.env("DOCKER_BUILDKIT", "0");
            let run = Server::start(command.args(["--stream-lane", lane]), &[]);
            relay.wait();
            let id = daemon.docker(&["images", "--quiet", "pipe-build"]);
            daemon.docker(&["rmi", "--force", &id]);
            relay.release();
            let ran = run.end().code(code).says("was removed after the run had found it");
            assert!(code == 1 || ran.stdout.contains("| stamped"), "{}", ran.stdout);
            assert_eq!(daemon.left(), "");
            let mut clean = place.command(&["clean", "--images"]);
            Ran::of(clean.env("DOCKER_HOST", daemon.host()).output().unwrap()).code(0);
        }
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn a_registry_that_does_not_answer_is_named_and_a_time_limit_ends_the_wait() {
    let daemon = Daemon::start();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = silent.local_addr().unwrap();
    let pipeline =
        |more: &str| format!("steps: [{{name: wait, image: '{registry}/quiet:1', {more} run: echo ready}}]");
    let place = Place::with(&pipeline("timeout: 1s,"));
    let ran = Ran::of(command(&place, &daemon.host()).output().unwrap()).code(1);
    ran.says("`wait` timed out").says(&format!("pulling {registry}/quiet:1"));
    assert_eq!(daemon.left(), "");

    let place = Place::with(&pipeline(""));
    let waiting = format!("still waiting for the registry {registry}");
    let run = Server::start(&mut command(&place, &daemon.host()), &[&waiting]);
    signal("INT", run.pid());
    run.end().code(130);
    assert_eq!(daemon.left(), "");
}
