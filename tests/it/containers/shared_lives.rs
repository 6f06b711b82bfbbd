//! From when to when a shared container lives, and what its steps find in it.

use std::os::unix::fs::MetadataExt as _;

use crate::support::containers::Lane;
use crate::support::processes::eventually;
use crate::support::{Place, Running};

const LANES: [Lane; 2] = [Lane::Fifo, Lane::Attach];

/// A pipeline with a container `ci` of a small image.
fn shared(steps: &str) -> Place {
    Place::with(&format!("containers: {{ci: {{image: 'alpine:3.20', network: none}}}}\nsteps:\n{steps}"))
}

fn follow(place: &Place, lane: Lane) -> Running {
    place.follow(&["run", "--stream-lane", lane.name()])
}

/// The containers of the only run, running or not.
fn containers(place: &Place) -> String {
    let run = place.run_dir();
    let id = run.file_name().unwrap().to_str().unwrap();
    place.sh(&format!("docker ps -aq --filter label=pipe.run={id}"))
}

#[test]
#[ignore = "needs Docker"]
fn a_container_that_is_killed_from_outside_is_the_cause() {
    for lane in LANES {
        let place = shared(
            "
  - {name: make, container: ci, run: 'echo some; echo ready >&2; exec sleep 1000', output: bytes}
  - {name: beside, container: ci, run: 'touch began; exec sleep 1000'}
  - {name: read, run: 'cat > got; touch saw-eof', input: bytes}
",
        );
        let mut run = follow(&place, lane);
        run.wait_for("make   | ready");
        eventually(|| place.has("began"), || "`beside` does not start".into());
        place.sh(&format!("docker kill {}", containers(&place)));
        run.end().code(1).says("✗ `ci` failed: exit code 137");
        let outcomes = ["ci", "make", "beside", "read"].map(|step| place.outcome(step));
        assert_eq!(outcomes, ["failed", "tainted", "tainted", "tainted"], "{lane:?}");
        assert!(!place.has("saw-eof"), "{lane:?}");
        place.no_container_is_left();
    }
}

#[test]
#[ignore = "needs Docker"]
fn nothing_is_left_when_pipe_is_killed() {
    for lane in LANES {
        let place = shared(
            "
  - {name: server, container: ci, run: 'sleep 1000 >/dev/null 2>&1 &'}
  - {name: make, container: ci, depends_on: server, run: 'echo ready >&2; exec cat /dev/zero', output: bytes}
  - {name: read, container: ci, run: 'cat > /dev/null; touch saw-eof', input: bytes}
",
        );
        let mut run = follow(&place, lane);
        run.wait_for("make   | ready");
        run.signal("KILL");
        eventually(|| containers(&place).is_empty(), || format!("left: {}", containers(&place)));
        run.end();
        eventually(|| place.litter().is_empty(), || format!("left: {:?}", place.litter()));
        place.no_container_is_left();
        // On the other lane the engine learns of the end first.
        assert!(lane == Lane::Attach || !place.has("saw-eof"));
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_container_that_no_step_uses_is_not_started_and_its_image_not_pulled() {
    let place = Place::with(
        "
containers: {ci: {image: 'pipe-test/there-is-none:1', network: none}}
params: {slow: {type: bool, default: false}}
steps:
  - {name: never, container: ci, if: slow, run: 'true'}
  - {name: here, run: echo here}
",
    );
    let ran = place.pipe(&["run", "--format", "plain"]).code(0).says("here  | here");
    assert!(!ran.stdout.contains("pulling") && !ran.stdout.contains("ci    * started"), "{}", ran.stdout);
    assert_eq!([place.outcome("never"), place.outcome("ci")], ["skipped"; 2]);
}

#[test]
#[ignore = "needs Docker"]
fn the_members_of_a_matrix_share_one_container() {
    for lane in LANES {
        let place = shared(
            "
  - {name: test, container: ci, matrix: {n: '{{ range(8) }}'}, run: 'hostname > name.{{ matrix.n }}'}
",
        );
        place.run_on(lane).code(0);
        let names: std::collections::BTreeSet<String> =
            (0..8).map(|n| place.read(&format!("name.{n}"))).collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_finally_step_finds_the_container_after_an_interrupt() {
    for lane in LANES {
        let place = shared(
            "
  - {name: work, container: ci, user: root, run: 'touch /made; echo ready; exec sleep 1000'}
  - {name: down, container: ci, finally: true, run: 'test -e /made && touch done'}
",
        );
        let mut run = follow(&place, lane);
        run.wait_for("| ready");
        run.signal("INT");
        run.end().code(130);
        assert!(place.has("done"), "{lane:?}");
        assert_eq!(place.outcome("down"), "succeeded");
        place.no_container_is_left();
    }
}

#[test]
#[ignore = "needs Docker"]
fn steps_of_a_gang_run_in_two_containers() {
    for lane in LANES {
        let place = Place::with(
            "
containers:
  one: {image: 'alpine:3.20', network: none, env: {WHERE: small}}
  two: {image: 'debian:bookworm-slim', network: none, env: {WHERE: large}}
steps:
  - {name: make, container: one, run: 'echo $WHERE; cat /proc/sys/kernel/hostname >&2', output: first}
  - {name: add, container: two, run: 'read line; echo $line $WHERE; cat /proc/sys/kernel/hostname >&2', input: first, output: second}
  - {name: keep, container: one, run: 'cat > got', input: second}
",
        );
        place.run_on(lane).code(0);
        assert_eq!(place.read("got"), "small large\n", "{lane:?}");
        let logs = ["make", "add"].map(|step| place.pipe(&["logs", "last", step]).code(0).stdout);
        assert_ne!(logs[0], logs[1], "each has the name of its container");
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_retry_finds_the_container_as_the_attempt_before_has_left_it() {
    for lane in LANES {
        let place = shared(
            "
  - {name: flaky, container: ci, user: root, retry: {count: 2, delay: 1ms}, run: 'echo >> /tries; test $(wc -l < /tries) = 3'}
",
        );
        place.run_on(lane).code(0).says("3 attempts");
        place.pipe(&["plan"]).code(0).says("flaky is tried again with ci as it is by then");
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_step_that_fails_leaves_the_container_to_those_that_go_on() {
    for (on_error, outcomes, code) in [
        ("continue", ["failed", "succeeded", "skipped"], 1),
        ("ignore", ["ignored", "succeeded", "succeeded"], 0),
        ("stop", ["failed", "cancelled", "skipped"], 1),
    ] {
        // In a run that goes on, `beside` waits for what `first` has left; in one that stops, for ever.
        let steps = format!(
            "
  - {{name: first, container: ci, on_error: {on_error}, run: 'until test -e /tmp/here; do sleep 0.1; done; touch /tmp/left; exit 3'}}
  - {{name: beside, container: ci, run: 'touch /tmp/here; until test -e /tmp/left; do sleep 0.1; done; test {on_error} != stop || sleep 1000'}}
  - {{name: after, container: ci, depends_on: first, run: test -e /tmp/left}}
"
        );
        let place = shared(&steps);
        place.pipe(&["run"]).code(code);
        assert_eq!(["first", "beside", "after"].map(|step| place.outcome(step)), outcomes, "{on_error}");
        place.no_container_is_left();
    }
}

#[test]
#[ignore = "needs Docker"]
fn a_server_that_a_step_leaves_serves_the_next_and_is_gone_at_the_end() {
    for lane in LANES {
        let place = shared(
            "
  - name: server
    container: ci
    run: |
      mkfifo /tmp/asked
      (read -r asked < /tmp/asked; echo \"got $asked\" > /tmp/answer.new; mv /tmp/answer.new /tmp/answer; exec sleep 4011) >/dev/null 2>&1 &
  - name: ask
    container: ci
    depends_on: server
    run: |
      echo hello > /tmp/asked
      until test -e /tmp/answer; do sleep 0.01; done
      cp /tmp/answer answer
",
        );
        place.run_on(lane).code(0);
        assert_eq!(place.read("answer"), "got hello\n", "{lane:?}");
        let left = place.sh("ps -eo args");
        assert!(!left.contains("sleep 4011"), "{left}");
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn each_step_has_its_own_user() {
    for lane in LANES {
        let place = shared(
            "
  - {name: root, container: ci, user: root, run: 'touch of-root; echo who=$(id -u) >> $PIPE_OUTPUT'}
  - {name: other, container: ci, user: '1234:1234', run: 'touch of-other; echo who=$(id -u) >> $PIPE_OUTPUT', output: text}
  - {name: caller, container: ci, run: 'cat > of-caller', input: text}
  - {name: tell, run: 'echo {{ steps.root.outputs.who }} {{ steps.other.outputs.who }} > who'}
",
        );
        place.sh("chmod 777 .");
        place.run_on(lane).code(0);
        let owner = |file: &str| place.join(file).metadata().unwrap().uid();
        assert_eq!(["of-root", "of-other", "of-caller"].map(owner), [0, 1234, 0], "{lane:?}");
        assert_eq!(place.read("who"), "0 1234\n");
    }
}

/// `tools` is not asked for, so that what it does in the container is not there, and that is told.
#[test]
#[ignore = "needs Docker"]
fn a_step_that_is_asked_for_alone_runs_in_a_fresh_container() {
    let place = shared(
        "
  - {name: tools, container: ci, user: root, run: touch /tool}
  - {name: test, container: ci, depends_on: tools, run: 'test ! -e /tool'}
  - {name: lint, container: ci, run: 'true'}
",
    );
    let fresh = "`ci` is fresh: what `tools` does in it is not there";
    place.pipe(&["run", "--format", "plain", "--only", "test"]).code(0).says(fresh);
    place.pipe(&["plan", "--only", "test"]).code(0).says(&fresh.replacen("`ci`", "ci", 1));
    let ran = place.pipe(&["run", "--format", "plain", "--only", "lint"]).code(0);
    assert!(!ran.stdout.contains("fresh"), "{}", ran.stdout);
}

#[test]
#[ignore = "needs Docker"]
fn a_secret_reaches_a_step_and_no_log_and_the_container_takes_no_slot() {
    for lane in LANES {
        let place = Place::with(
            "
params: {password: {type: secret, env: PASSWORD}}
containers: {ci: {image: 'alpine:3.20', network: none}}
steps:
  - {name: tell, container: ci, secrets: [password], run: 'test \"$(cat \"$PIPE_SECRETS/password\")\" = hunter-2 && echo {{.password}}'}
  - {name: other, container: ci, run: 'test ! -e \"${PIPE_SECRETS:-/none}/password\"'}
",
        );
        let mut command =
            place.command(&["run", "--format", "plain", "-j", "1", "--stream-lane", lane.name()]);
        let ran = crate::support::Ran::of(command.env("PASSWORD", "hunter-2").output().unwrap()).code(0);
        assert!(ran.stdout.contains("| ***") && !ran.stdout.contains("hunter-2"), "{}", ran.stdout);
        place.no_container_is_left();
    }
}

#[test]
#[ignore = "needs Docker"]
fn each_use_of_a_file_has_containers_of_its_own() {
    let place = Place::with(
        "
steps:
  - {name: one, uses: ./lib.yml, with: {to: one}}
  - {name: two, uses: ./lib.yml, with: {to: two}}
",
    );
    place.write(
        "lib.yml",
        "
params: {to: {type: string, required: true}}
containers: {ci: {image: 'alpine:3.20', network: none}}
steps:
  - {name: first, container: ci, run: touch /tmp/first}
  - {name: then, container: ci, depends_on: first, run: 'test -e /tmp/first && hostname > {{ to }}'}
",
    );
    place.pipe(&["run"]).code(0).says("in one.ci").says("in two.ci");
    assert_ne!(place.read("one"), place.read("two"));
    place.no_container_is_left();
}

#[test]
#[ignore = "needs Docker"]
fn a_container_whose_last_step_is_passed_over_late_goes_away() {
    let place = shared(
        "
  - {name: look, container: ci, run: 'echo changed=no >> $PIPE_OUTPUT'}
  - {name: build, container: ci, if: steps.look.outputs.changed == 'yes', run: 'true'}
",
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.outcome("build"), "skipped");
    place.no_container_is_left();
}
