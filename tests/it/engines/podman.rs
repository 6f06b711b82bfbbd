//! Podman in Docker's place: what runs there, runs here.
//!
//! Known to be otherwise in Podman 4.3: it does not tell that memory ran out, so that such a step ends with
//! exit code 137; and a step attached through the engine that leaves a stream early ends the run, because the
//! connection is reset.

use std::process::Command;

use crate::support::podman::Podman;
use crate::support::server::{Server, signal};
use crate::support::{Place, Ran};

const LANES: [&str; 2] = ["fifo", "attach"];

/// `pipe run` on Podman, with plain lines.
fn command(place: &Place, podman: &Podman, args: &[&str]) -> Command {
    let mut command = place.command(&["run", "--format", "plain"]);
    command.args(args).env("DOCKER_HOST", podman.host()).env("DOCKER_CONFIG", place.join("config"));
    command
}

fn run(place: &Place, podman: &Podman, args: &[&str]) -> Ran {
    Ran::of(command(place, podman, args).output().unwrap())
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn the_backup_example_runs_on_podman() {
    let podman = Podman::start();
    podman.load("debian:bookworm-slim");
    let place = Place::new();
    place.write("backup.yml", include_str!("../../../examples/backup.yml"));
    place.write("src/a file", "some text");
    let ran = run(&place, &podman, &["backup.yml", "--docker", "--image", "debian:bookworm-slim"]).code(0);
    assert!(place.read("backup/src-full.count").trim() == "2", "{}", ran.stdout);
    let check = "gunzip -c src-full.tar.gz | sha256sum -c src-full.tar.sha256";
    let check = Command::new("sh").args(["-c", check]).current_dir(place.join("backup")).output();
    Ran::of(check.unwrap()).code(0);
    assert_eq!(podman.containers(), "");
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn every_reader_gets_the_same_bytes() {
    let podman = Podman::start();
    for lane in LANES {
        let place = Place::with(
            "
steps:
  - {name: make, image: 'alpine:3.20', run: head -c 16777216 /dev/zero, output: zeros}
  - {name: one, image: 'alpine:3.20', run: sha256sum > one, input: zeros}
  - {name: two, image: 'alpine:3.20', run: sha256sum > two, input: zeros}
  - {name: here, run: sha256sum > here, input: zeros}
",
        );
        run(&place, &podman, &["--stream-lane", lane]).code(0);
        let sum = "080acf35a507ac9849cfcba47dc2ad83e01b75663a516279c8b9d243b719643e  -\n";
        assert_eq!([place.read("one"), place.read("two"), place.read("here")], [sum; 3]);
    }
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn a_producer_that_fails_taints_its_readers() {
    let podman = Podman::start();
    for lane in LANES {
        let place = Place::with(
            "
steps:
  - {name: make, image: 'alpine:3.20', run: head -c 1000000 /dev/zero; exit 7, output: zeros}
  - {name: one, image: 'alpine:3.20', run: cat > /dev/null; touch saw-eof, input: zeros}
  - {name: here, run: cat > /dev/null; touch saw-eof, input: zeros}
",
        );
        run(&place, &podman, &["--stream-lane", lane]).code(1).says("`make` failed: exit code 7");
        assert!(!place.has("saw-eof"), "{lane}");
        assert_eq!([place.outcome("one"), place.outcome("here")], ["tainted"; 2]);
        assert_eq!(podman.containers(), "");
    }
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn a_reader_may_leave_early() {
    let podman = Podman::start();
    let place = Place::with(
        "
steps:
  - {name: endless, image: 'alpine:3.20', run: cat /dev/zero, output: zeros}
  - {name: head, image: 'alpine:3.20', run: head -c 1000000 | wc -c > size, input: zeros}
",
    );
    run(&place, &podman, &[]).code(0);
    assert_eq!(place.read("size").trim(), "1000000");
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn an_interrupt_leaves_nothing_on_podman() {
    let podman = Podman::start();
    for lane in LANES {
        let place = Place::with(
            "
steps:
  - {name: make, image: 'alpine:3.20', run: echo ready >&2; cat /dev/zero, output: zeros}
  - {name: one, image: 'alpine:3.20', run: cat > /dev/null; touch saw-eof, input: zeros}
",
        );
        let run = Server::start(&mut command(&place, &podman, &["--stream-lane", lane]), &["make | ready"]);
        signal("INT", run.pid());
        run.end().code(130);
        assert!(!place.has("saw-eof"), "{lane}");
        assert_eq!(podman.containers(), "");
    }
}

#[test]
#[ignore = "needs root, Docker and Podman"]
fn an_image_is_built_of_a_folder_and_removed_when_asked() {
    let podman = Podman::start();
    let step = |build: &str| {
        format!("steps: [{{name: look, network: none, build: {build}, run: 'cd /all && find . -type f'}}]")
    };
    let place = Place::with(&step("folder"));
    let said = |place: &Place| {
        let ran = run(place, &podman, &[]).code(0);
        let mut said: Vec<String> =
            ran.stdout.lines().filter_map(|line| line.strip_prefix("look | ")).map(str::to_owned).collect();
        said.sort();
        said
    };
    let text = "FROM localhost/alpine:3.20\nCOPY . /all/\n";
    place.write("folder/Dockerfile", text);
    place.write("folder/.dockerignore", "Dockerfile\n.dockerignore\nsecrets/\n!secrets/pub\n");
    for file in ["secrets/key", "secrets/pub", "a", "keep/b", ".pipe/key"] {
        place.write(&format!("folder/{file}"), "");
    }
    assert_eq!(said(&place), ["./a", "./keep/b", "./secrets/pub"]);
    place.write("other/Up", text);
    place.write("other/Up.dockerignore", "*\n!keep\n");
    place.write("pipeline.yml", step("{context: folder, dockerfile: ../other/Up}"));
    assert_eq!(said(&place), ["./keep/b"]);

    let clean = |args: &[&str]| {
        let args: Vec<&str> = ["clean", "--images"].iter().chain(args).copied().collect();
        let mut command = place.command(&args);
        Ran::of(command.env("DOCKER_HOST", podman.host()).output().unwrap()).code(0)
    };
    clean(&["-n"]).says("pipe-build:").says("images: 2 would be removed");
    clean(&[]).says("images: 2 removed");
    clean(&[]).says("images: 0 removed");
}
