//! The image of `pipe`: what is in it, and runs from it with the machine's engine.

use std::process::Command;

use crate::support::release::{image, in_container};
use crate::support::server::{Server, output};
use crate::support::{Place, Ran};

/// What it may weigh, in bytes.
const MOST: u64 = 19_000_000;

/// A user without rights, as `id` tells it.
const PLAIN_USER: &str = "1000:1000";

/// A run that waits to be ended, with a container and without.
const WAITS: &str = "
steps:
  - {name: here, run: echo ready; exec sleep 1000}
  - {name: there, image: 'alpine:3.20', run: echo ready; exec sleep 1000}
";

fn inspected(format: &str) -> String {
    output(Command::new("docker").args(["image", "inspect", "--format", format, image()]))
}

/// Who may talk to the engine: the number of the socket's group.
fn engines_group() -> String {
    output(Command::new("stat").args(["-c", "%g", "/var/run/docker.sock"]))
}

/// `docker run` as a user who may talk to the engine, to be followed by the image; the place is theirs.
fn as_a_plain_user(place: &Place, at: &str) -> Command {
    place.sh(&format!("chown -R {PLAIN_USER} . && chmod 755 ."));
    let mut docker = in_container(place.path(), at);
    docker.args(["--user", PLAIN_USER, "--group-add", &engines_group()]);
    docker
}

/// A run of `WAITS` that has come to where it waits; the name of the container that it is in.
fn waiting(place: &Place, network: &str) -> (Server, String) {
    let name =
        format!("pipe-test-{}", place.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.'));
    let mut docker = as_a_plain_user(place, "/work");
    docker.args(["--name", &name, "--network", network, image(), "run", "--format", "plain"]);
    // Each of the two, in whichever order.
    (Server::start(&mut docker, &["| ready", "| ready"]), name)
}

fn run(docker: &mut Command) -> Ran {
    Ran::of(docker.output().unwrap())
}

#[test]
#[ignore = "needs Docker and the static release"]
fn it_is_small_and_says_what_it_is() {
    let size: u64 = inspected("{{.Size}}").parse().unwrap();
    assert!(size < MOST, "{size} bytes");
    let label =
        |name: &str| inspected(&format!("{{{{index .Config.Labels \"org.opencontainers.image.{name}\"}}}}"));
    assert_eq!(label("version"), "1.2.3");
    assert_eq!(label("revision"), "0123456789abcdef");
    assert_eq!(label("source"), "https://example.org/pipe");
    assert_eq!(label("title"), "pipe");
    assert_eq!(inspected("{{.Config.User}}"), PLAIN_USER);
}

#[test]
#[ignore = "needs Docker and the static release"]
fn without_arguments_it_tells_how_it_is_used() {
    run(Command::new("docker").args(["run", "--rm", image()])).code(0).says("Usage: pipe");
}

#[test]
#[ignore = "needs Docker and the static release"]
fn containers_run_beside_it_and_their_files_are_the_callers() {
    let (here, elsewhere) = (Place::new(), Place::new());
    for (place, at) in [(&here, here.path().to_str().unwrap()), (&elsewhere, "/elsewhere")] {
        place.sh(&format!("cp -R '{0}/src' '{0}/examples' .", env!("CARGO_MANIFEST_DIR")));
        let mut docker = as_a_plain_user(place, at);
        run(docker.args([image(), "run", "examples/containers.yml"])).code(0).says("fifo lane");
        place.sh(
            "mkdir unpacked; tar xzf out/src.tar.gz -C unpacked; diff -r src unpacked/src; rm -r unpacked",
        );
        place.sh("cd out; gunzip -c src.tar.gz | sha256sum -c src.tar.sha256");
        assert_eq!(place.read("out/src.count").trim(), place.sh("tar tzf out/src.tar.gz | wc -l").trim());
        assert_eq!(place.sh("find . ! -uid 1000 -o ! -gid 1000"), "", "files of another user");
        place.no_container_is_left();
    }
}

#[test]
#[ignore = "needs Docker and the static release"]
fn steps_without_an_image_have_a_shell_and_a_home_for_every_user() {
    let place = Place::with("steps: [{name: look, run: 'touch ~/here; tar c ~/here | gzip > mine; id -u'}]");
    place.sh("chmod 777 .");
    let mut docker = in_container(place.path(), "/work");
    docker.args(["--user", "4711:4712", image(), "run", "--format", "plain"]);
    run(&mut docker).code(0).says("look | 4711");
    assert_eq!(place.sh("stat -c %u:%g mine").trim(), "4711:4712");
}

#[test]
#[ignore = "needs Docker and the static release"]
fn who_may_not_use_the_socket_is_told_what_to_do() {
    let place = Place::with("steps: [{name: look, image: 'alpine:3.20', run: 'true'}]");
    place.sh(&format!("chown -R {PLAIN_USER} ."));
    let attempt = |options: &[&str]| {
        let mut docker = in_container(place.path(), "/work");
        run(docker.args(options).args([image(), "run"]))
    };
    let way = format!("--group-add {}", engines_group());
    attempt(&[]).code(3).says("user 1000 is not in it").says(&format!("start this container with `{way}`"));
    attempt(&way.split(' ').collect::<Vec<_>>()).code(0);
    // Another socket, which is not there.
    attempt(&["--env", "DOCKER_HOST=unix:///run/engine.sock"])
        .code(3)
        .says("start it with `--volume /var/run/docker.sock:/run/engine.sock`");
}

#[test]
#[ignore = "needs Docker and the static release"]
fn a_signal_ends_a_run_and_leaves_nothing() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let place = Place::with(WAITS);
        let (run, name) = waiting(&place, "bridge");
        output(Command::new("docker").args(["kill", "--signal", signal, &name]));
        run.end().code(code);
        place.no_container_is_left();
    }
}

#[test]
#[ignore = "needs Docker and the static release"]
fn what_a_killed_one_leaves_is_cleaned_and_a_live_one_is_let_be() {
    // In the network of the machine it has the machine's name as well.
    for network in ["none", "host"] {
        let place = Place::with(WAITS);
        let (run, name) = waiting(&place, network);
        let label = format!("label=pipe.run={}", place.run_dir().file_name().unwrap().to_str().unwrap());
        let left = || output(Command::new("docker").args(["ps", "-q", "--filter", &label]));
        assert_eq!(left().lines().count(), 1);
        place.pipe(&["clean"]).code(0);
        assert_eq!(left().lines().count(), 1, "`pipe clean` took a container from a live run");
        output(Command::new("docker").args(["kill", &name]));
        run.end().code(137);
        assert_eq!(left().lines().count(), 1, "there is nothing to be cleaned");
        place.pipe(&["clean"]).code(0);
        place.no_container_is_left();
    }
}
