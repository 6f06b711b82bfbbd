//! Containers that several steps share.

use crate::support::Place;
use crate::support::containers::Lane;

const LANES: [Lane; 2] = [Lane::Fifo, Lane::Attach];

/// A pipeline whose steps share a container.
fn shared(image: &str, steps: &str) -> Place {
    Place::with(&format!("containers:\n  ci: {{image: '{image}', network: none}}\nsteps:\n{steps}"))
}

#[test]
#[ignore = "needs Docker"]
fn what_one_step_installs_the_next_one_finds() {
    for lane in LANES {
        let place = shared(
            "debian:bookworm-slim",
            "
  - {name: tools, container: ci, user: root, run: 'echo tool > /tool; echo version=7 >> $PIPE_OUTPUT'}
  - {name: test, container: ci, depends_on: tools, run: 'cat /tool > found; echo {{ steps.tools.outputs.version }} >> found'}
",
        );
        place.run_on(lane).code(0);
        assert_eq!(place.read("found"), "tool\n7\n");
    }
}

#[test]
#[ignore = "needs Docker"]
fn streams_go_within_a_shared_container_and_out_of_it() {
    for lane in LANES {
        let place = shared(
            "debian:bookworm-slim",
            "
  - {name: make, container: ci, run: 'head -c 3000000 /dev/zero', output: zeros}
  - {name: within, container: ci, run: 'wc -c > within', input: zeros}
  - {name: here, run: 'wc -c > here', input: zeros, output: nothing}
  - {name: back, container: ci, run: 'wc -c > back', input: nothing}
",
        );
        place.run_on(lane).code(0);
        let counted = ["within", "here", "back"].map(|name| place.read(name).trim().to_owned());
        assert_eq!(counted, ["3000000", "3000000", "0"]);
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_step_that_is_stopped_takes_its_processes_along_and_no_other() {
    for lane in LANES {
        let place = shared(
            "alpine:3.20",
            "
  - {name: server, container: ci, run: 'sleep 4001 >/dev/null 2>&1 &'}
  - {name: slow, container: ci, depends_on: server, on_error: ignore, timeout: 1s, run: 'setsid sleep 4002 & sleep 4003'}
  - {name: look, container: ci, depends_on: slow, run: 'ps -o args > left'}
",
        );
        place.run_on(lane).code(0);
        let left = place.read("left");
        assert!(left.contains("sleep 4001"), "what a successful step leaves lives on: {left}");
        assert!(!left.contains("sleep 4002") && !left.contains("sleep 4003"), "{left}");
    }
}

#[test]
#[ignore = "needs Docker"]
fn the_end_of_a_container_is_the_cause_and_no_reader_sees_an_end() {
    for lane in LANES {
        let place = shared(
            "debian:bookworm-slim",
            "
  - {name: make, container: ci, user: root, run: 'echo some; sleep 1; kill -9 -1; sleep 1000', output: bytes}
  - {name: read, run: 'cat > got; touch saw-eof', input: bytes}
",
        );
        place.run_on(lane).code(1).says("ci");
        assert!(!place.has("saw-eof"));
        assert_eq!((place.outcome("make"), place.outcome("read")), ("tainted".into(), "tainted".into()));
    }
}

#[test]
#[ignore = "needs Docker"]
fn an_image_without_a_shell_cannot_be_shared() {
    let place = shared("pipe-test/no-shell:1", "  - {name: test, container: ci, run: echo hello}\n");
    place
        .run_on(Lane::Fifo)
        .code(1)
        .says("a container without a shell cannot be shared")
        .says("shared-no-shell");
    place.pipe(&["explain", "shared-no-shell"]).code(0).says("A shared container whose image has no shell");
}

#[test]
#[ignore = "needs Docker"]
fn want_of_memory_of_one_step_is_told() {
    for lane in LANES {
        let place = Place::with(
            "
containers: {ci: {image: 'debian:bookworm-slim', network: none, resources: {memory: 32MiB}}}
steps:
  - {name: hungry, container: ci, run: 'tail /dev/zero', on_error: ignore}
  - {name: other, container: ci, depends_on: hungry, run: 'exit 137'}
",
        );
        place.run_on(lane).code(1).says("out of memory").says("exit code 137");
    }
}

/// What a step did in the container has gone with it.
#[test]
#[ignore = "needs root and Docker"]
fn steps_of_one_container_go_on_together() {
    let place = Place::with(
        "
containers: {ci: {image: 'alpine:3.20'}}
steps:
  - {name: tools, container: ci, run: 'touch /tool; echo >> tools'}
  - {name: test, container: ci, depends_on: tools, run: 'test -e /tool && test -e go'}
  - {name: other, run: echo >> other}
",
    );
    place.pipe(&["run"]).code(1);
    place.write("go", "");
    place.pipe(&["run", "--resume", "last"]).code(0).says("which runs in the same container, runs");
    assert_eq!([place.read("tools").lines().count(), place.read("other").lines().count()], [2, 1]);
}
