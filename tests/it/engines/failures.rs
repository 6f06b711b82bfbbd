//! Engines that are elsewhere, that are not there, that go away, or that are slow when an interrupt comes.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::disguise::Disguise;
use crate::support::relay::{Hold, Relay};
use crate::support::server::{Server, output, signal};
use crate::support::{Place, Ran};

/// `pipe run` on an engine, with plain lines.
fn command(place: &Place, host: &str) -> Command {
    let mut command = place.command(&["run", "--format", "plain"]);
    command.env("DOCKER_HOST", host).env_remove("DOCKER_CONTEXT").env("DOCKER_CONFIG", place.join("config"));
    command
}

/// A container that waits to be ended.
const WAITS: &str = "steps: [{name: wait, image: 'alpine:3.20', run: exec sleep 1000}]";

#[test]
fn an_engine_that_is_not_there_ends_the_run_before_it_begins() {
    let place = Place::with(WAITS);
    let context = |name: &str| {
        let mut command = command(&place, "");
        command.env_remove("DOCKER_HOST").env("DOCKER_CONTEXT", name);
        command
    };
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (mut command, says) in [
        (command(&place, "unix:///nonexistent"), "cannot reach Docker at unix:///nonexistent"),
        (command(&place, "/nonexistent"), "cannot reach Docker at /nonexistent"),
        (command(&place, "smoke://signals"), "cannot reach Docker at smoke://signals"),
        (command(&place, &format!("tcp://{closed}")), "Connection refused"),
        (context("elsewhere"), "cannot read the Docker context `elsewhere`"),
    ] {
        Ran::of(command.output().unwrap()).code(3).says(says);
        assert!(!place.has(".pipe"), "{says}: nothing is made");
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn an_engine_that_lets_only_others_in_says_whom() {
    let place = Place::with(WAITS);
    let socket = std::os::unix::net::UnixListener::bind(place.join("engine.sock")).unwrap();
    place.sh("chown -R 1000:1000 . && chmod 755 . && chown 0:4711 engine.sock");
    let attempt = |mode: &str| {
        place.sh(&format!("chmod {mode} engine.sock"));
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            "1000",
            "--regid",
            "1000",
            "--clear-groups",
            env!("CARGO_BIN_EXE_pipe"),
            "run",
        ]);
        command.env("DOCKER_HOST", format!("unix://{}", place.join("engine.sock").display()));
        Ran::of(command.current_dir(place.path()).output().unwrap()).code(3)
    };
    attempt("660").says("its socket is for group 4711, and user 1000 is not in it; join that group");
    attempt("600").says("its socket is for user 0 alone, and this is user 1000");
    drop(socket);
}

#[test]
#[ignore = "needs root and Docker"]
fn an_engine_that_dies_ends_the_run_and_what_it_held_is_cleaned_when_it_is_back() {
    for lane in ["fifo", "attach"] {
        let mut daemon = Daemon::start();
        let place = Place::with(
            "
steps:
  - {name: make, image: 'alpine:3.20', run: echo ready >&2; yes, output: words}
  - {name: read, image: 'alpine:3.20', run: cat > /dev/null; touch saw-the-end, input: words}
  - {name: wait, run: exec sleep 1000}
",
        );
        let mut command = command(&place, &daemon.host());
        let run = Server::start(command.args(["--stream-lane", lane]), &["make | ready"]);
        daemon.kill();
        run.end().code(3).says(&format!("lost the Docker engine at {}", daemon.host()));
        // What goes through an engine ends with it, and its reader cannot tell.
        assert!(
            lane == "attach" || !place.has("saw-the-end"),
            "a broken stream was taken for a finished one"
        );
        daemon.restart();
        let mut clean = place.command(&["clean"]);
        Ran::of(clean.env("DOCKER_HOST", daemon.host()).output().unwrap()).code(0);
        assert_eq!(daemon.containers(), "");
        // What goes through an engine ends with it, and its reader cannot tell.
        assert!(
            lane == "attach" || !place.has("saw-the-end"),
            "a broken stream was taken for a finished one"
        );
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn a_reader_sees_no_end_when_its_removal_fails_before_its_watcher_knows() {
    let mut daemon = Daemon::start();
    let place = Place::with(
        "
steps:
  - {name: make, image: 'alpine:3.20', run: yes, output: words}
  - {name: read, image: 'alpine:3.20', run: echo ready >&2; cat > /dev/null; touch saw-the-end, input: words}
",
    );
    // As if the engine's death were never seen by the task that waits for the reader.
    let relay = Relay::holding(Hold::Answer, "-read-1-f/wait", &daemon.socket());
    let run =
        Server::start(command(&place, &relay.host()).args(["--stream-lane", "fifo"]), &["read | ready"]);
    relay.wait();
    daemon.kill();
    run.end().code(3).says("lost the Docker engine");
    // The engine takes note of those that have ended meanwhile, and ends the others: what they had to write,
    // they have written.
    daemon.restart();
    assert!(!place.has("saw-the-end"), "a broken stream was taken for a finished one");
}

/// Interrupts a run; it has to end, whatever the engine does meanwhile, and to leave nothing.
#[track_caller]
fn interrupt(run: Server, daemon: &Daemon, meanwhile: impl FnOnce(&Server)) {
    signal("INT", run.pid());
    meanwhile(&run);
    run.end().code(130);
    assert_eq!(daemon.containers(), "");
}

#[test]
#[ignore = "needs root and Docker"]
fn an_interrupt_ends_a_pull() {
    let daemon = Daemon::start();
    // It takes calls, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("{}/quiet:1", silent.local_addr().unwrap());
    let place = Place::with(&format!("steps: [{{name: wait, image: '{image}', run: echo ready}}]"));
    let run = Server::start(&mut command(&place, &daemon.host()), &[&format!("pulling {image}")]);
    let _call = silent.accept().unwrap();
    interrupt(run, &daemon, |_| {});
}

#[test]
#[ignore = "needs root and Docker"]
fn an_interrupt_ends_a_gang() {
    let daemon = Daemon::start();
    for lane in ["fifo", "attach"] {
        let place = Place::with(
            "
steps:
  - {name: make, image: 'alpine:3.20', run: echo ready >&2; cat /dev/zero, output: zeros}
  - {name: one, image: 'alpine:3.20', run: cat > /dev/null; touch saw-eof, input: zeros}
  - {name: two, run: cat > /dev/null; touch saw-eof, input: zeros}
",
        );
        let mut command = command(&place, &daemon.host());
        let run = Server::start(command.args(["--stream-lane", lane]), &["make | ready"]);
        interrupt(run, &daemon, |_| {});
        assert!(!place.has("saw-eof"));
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn an_interrupt_while_the_engine_makes_starts_or_removes_a_container_leaves_nothing() {
    let daemon = Daemon::start();
    for (hold, request, called_off) in [
        (Hold::Request, "name=pipe-", "make * cancelled"),
        (Hold::Answer, "name=pipe-", "make * cancelled"),
        (Hold::Request, "/start ", "make * cancelled"),
        (Hold::Answer, "/start ", "make * cancelled"),
        (Hold::Request, "DELETE ", "wait * cancelled"),
        (Hold::Answer, "DELETE ", "wait * cancelled"),
    ] {
        let relay = Relay::holding(hold, request, &daemon.socket());
        let place = Place::with(
            "
steps:
  - {name: make, image: 'alpine:3.20', run: echo made}
  - {name: wait, run: exec sleep 1000}
",
        );
        let run = Server::start(&mut command(&place, &relay.host()), &[]);
        relay.wait();
        interrupt(run, &daemon, |run| {
            run.wait_for(called_off);
            relay.release();
        });
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn a_reader_whose_start_is_called_off_sees_no_end() {
    let daemon = Daemon::start();
    for lane in ["fifo", "attach"] {
        let relay = Relay::holding(Hold::Answer, "/start ", &daemon.socket());
        let place = Place::with(
            "
steps:
  - {name: make, run: cat /dev/zero, output: zeros}
  - {name: read, image: 'alpine:3.20', run: cat > /dev/null; touch saw-eof, input: zeros}
",
        );
        let mut command = command(&place, &relay.host());
        let run = Server::start(command.args(["--stream-lane", lane]), &[]);
        relay.wait();
        interrupt(run, &daemon, |run| {
            run.wait_for("read * cancelled");
            relay.release();
        });
        assert!(!place.has("saw-eof"), "{lane}");
    }
}

/// `pipe` in a container that has the engine's socket, in a folder that is `place` on this machine.
fn in_a_container(daemon: &Daemon, place: &Place, folder: &str, args: &[&str]) -> Ran {
    let mut docker = Command::new("docker");
    docker.args(["--host", &daemon.host(), "run", "--rm", "--workdir", folder]);
    for mount in [
        format!("{}:/var/run/docker.sock", daemon.socket().display()),
        format!("{}:/bin/pipe:ro", env!("CARGO_BIN_EXE_pipe")),
        format!("{}:/elsewhere", place.path().display()),
    ] {
        docker.args(["--volume", &mount]);
    }
    // The image has what a shell needs; `pipe` may need more of this machine's libraries.
    let loads = output(Command::new("ldd").arg(env!("CARGO_BIN_EXE_pipe")));
    for library in loads.split_whitespace().filter(|word| word.starts_with('/')) {
        docker.args(["--volume", &format!("{library}:{library}:ro")]);
    }
    docker.args(["debian:bookworm-slim", "pipe", "run"]).args(args);
    Ran::of(docker.output().unwrap())
}

#[test]
#[ignore = "needs root and Docker"]
fn inside_a_container_paths_are_those_of_the_host() {
    let daemon = Daemon::start();
    daemon.load("debian:bookworm-slim");
    let pipeline = "
steps:
  - {name: make, run: seq 100000, output: numbers}
  - {name: sum, image: 'alpine:3.20', run: sha256sum > sum, input: numbers}
  - {name: count, image: 'alpine:3.20', run: wc -l > count, input: numbers}
";
    for lane in ["fifo", "attach"] {
        let place = Place::with(pipeline);
        in_a_container(&daemon, &place, "/elsewhere", &["--stream-lane", lane]).code(0);
        assert_eq!(place.read("count").trim(), "100000");
        let sum = "b2bc7d3f8b652d2ec96865b68ad8f80e22cca174abe1aed7889e242a747d590f";
        assert_eq!(place.read("sum").split(' ').next(), Some(sum));
    }

    let place = Place::with(pipeline);
    let ran = in_a_container(&daemon, &place, "/tmp", &["/elsewhere/pipeline.yml"]).code(3);
    ran.says("cannot mount the working directory: /tmp").says("on none of its mounts");
    let param = "params: {from: {type: path, default: /etc}}\n";
    place.write(
        "pipeline.yml",
        param.to_owned() + "steps: [{name: look, image: 'alpine:3.20', run: 'ls {{ from }}'}]",
    );
    let ran = in_a_container(&daemon, &place, "/elsewhere", &[]).code(1);
    ran.says("/etc lies in the container that `pipe` runs in, on none of its mounts");
    assert_eq!(daemon.containers(), "");
}

/// The engine here has no SELinux, and takes no notice of labels.
#[test]
#[ignore = "needs root and Docker"]
fn an_engine_with_selinux_is_asked_not_to_label() {
    let docker = Path::new("/var/run/docker.sock");
    for (option, wanted) in [("name=selinux", true), ("name=apparmor", false)] {
        let engine = Disguise::of(docker, option);
        let place =
            Place::with("steps: [{name: only, image: 'alpine:3.20', network: none, run: cat pipeline.yml}]");
        Ran::of(command(&place, &engine.host()).output().unwrap()).code(0).says("| steps:");
        assert_eq!(engine.asked().contains("label=disable"), wanted, "{option}");
    }
}

/// The first of the usual sockets is not for this user, and the next ones are not there.
#[test]
#[ignore = "needs root and Docker"]
fn the_usual_sockets_are_tried_in_order() {
    let place = Place::with("steps: [{name: only, image: 'alpine:3.20', network: none, run: echo hello}]");
    let engine = Disguise::of(Path::new("/var/run/docker.sock"), "name=relay");
    place.sh("mkdir -p runtime/podman && chown -R 1000:1000 .");
    let attempt = |code: i32| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "1000", "--regid", "1000", "--clear-groups"]);
        command.args([env!("CARGO_BIN_EXE_pipe"), "run", "--format", "plain"]).current_dir(place.path());
        for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"] {
            command.env_remove(name);
        }
        command.env("HOME", place.path()).env("XDG_RUNTIME_DIR", place.join("runtime"));
        Ran::of(command.output().unwrap()).code(code)
    };
    let refused = attempt(3).says("cannot reach Docker at unix:///var/run/docker.sock: its socket is for");
    for socket in [
        "runtime/docker.sock",
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        "runtime/podman/podman.sock",
    ] {
        assert!(refused.stderr.contains(&place.join(socket).display().to_string()), "{}", refused.stderr);
    }
    std::os::unix::fs::symlink(engine.socket(), place.join("runtime/podman/podman.sock")).unwrap();
    place.sh(&format!(
        "chmod 755 {0} && chmod 666 {0}/engine.sock",
        engine.socket().parent().unwrap().display()
    ));
    attempt(0).says("| hello");
}
