//! What a step in a container can rely on beside its streams: its user, its environment, its end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use support::containers::{IN_CONTAINER, Lane, NO_SHELL};
use support::{Place, Ran};

const LANES: [Lane; 2] = [Lane::Fifo, Lane::Attach];

/// A pipeline of one step in a container.
fn one(script: &str, keys: &str) -> Place {
    let script = script.trim().replace('\n', "\n      ");
    Place::with(&format!("steps:\n  - name: only\n    run: |\n      {script}\n{IN_CONTAINER}{keys}"))
}

#[test]
fn programs_of_an_image_without_a_shell_produce_and_read() {
    for lane in LANES {
        let place = Place::with(&format!(
            "
steps:
  - {{name: produce, image: '{NO_SHELL}', network: none, entrypoint: [/cat], args: [source], output: bytes}}
  - {{name: pass, image: '{NO_SHELL}', network: none, args: '-', input: bytes, output: passed}}
  - {{name: count, image: '{NO_SHELL}', network: none, entrypoint: /wc, args: -c, input: passed, output: size}}
  - {{name: keep, run: cat > size, input: size}}
"
        ));
        place.write("source", vec![0xa5; 3_000_000]);
        place.pipe(&["run", "--stream-lane", lane.name()]).code(0);
        assert_eq!(place.lanes(), ["attach"; 3], "nothing there could open a named pipe");
        place.no_container_is_left();
        assert_eq!(place.read("size").trim(), "3000000");
    }
}

#[test]
fn a_script_in_an_image_without_a_shell_is_told_by_step_and_image() {
    for lane in LANES {
        let place = Place::with(&format!(
            "steps:\n  - {{name: scripted, image: '{NO_SHELL}', network: none, run: echo hello}}\n"
        ));
        let missing = format!("the image `{NO_SHELL}` has no `sh`");
        place.run_on(lane).code(1).says("`scripted` failed").says(&missing);
    }
}

#[test]
fn an_image_without_a_shell_leaves_the_others_their_named_pipes() {
    let place = Place::with(&format!(
        "
on_error: continue
steps:
  - {{name: scripted, image: '{NO_SHELL}', network: none, run: echo hello}}
  - name: after
    run: echo still
{IN_CONTAINER}
"
    ));
    let ran = place.pipe(&["run", "-j", "1"]).code(1);
    assert_eq!(place.outcome("after"), "succeeded");
    assert_eq!(place.lanes(), ["fifo"], "{}", ran.stdout);
    place.no_container_is_left();
}

#[test]
fn want_of_memory_is_told_from_an_exit_code_of_137() {
    for lane in LANES {
        let hungry = one("tail /dev/zero", "    resources: {memory: 16MiB}\n");
        hungry.run_on(lane).code(1).says("out of memory");
        one("exit 137", "    resources: {memory: 16MiB}\n").run_on(lane).code(1).says("exit code 137");
    }
}

#[test]
fn a_signal_reaches_every_process_of_a_container() {
    for lane in LANES {
        let place = one(
            "
sh -c 'trap \"echo child > child; exit\" TERM; echo child is ready >&2; while :; do sleep 1000 & wait; done' &
trap 'wait; echo shell > shell; exit' TERM
echo shell is ready >&2
wait
",
            "",
        );
        let mut running = place.follow(&["run", "--stream-lane", lane.name()]);
        let ready = running.wait_for("is ready") + &running.wait_for("is ready");
        assert!(ready.contains("child") && ready.contains("shell"), "{ready}");
        running.signal("INT");
        running.end().code(130);
        assert_eq!((place.read("child"), place.read("shell")), ("child\n".into(), "shell\n".into()));
        place.no_container_is_left();
    }
}

/// A reader that takes no notice of being stopped must not see an end while it is killed either.
#[test]
fn a_reader_that_must_be_killed_sees_no_end() {
    for lane in LANES {
        let place = Place::with(&format!(
            "
steps:
  - name: produce
    run: echo some; sleep 1000
    output: bytes
{IN_CONTAINER}
  - name: read
    run: trap '' TERM; read some; echo ready >&2; cat; touch saw-eof
    input: bytes
{IN_CONTAINER}
"
        ));
        let mut running = place.follow(&["run", "--stream-lane", lane.name()]);
        running.wait_for("ready");
        running.signal("INT");
        running.wait_for("cancel");
        running.signal("INT");
        running.end().code(130);
        assert!(!place.has("saw-eof"));
        place.no_container_is_left();
    }
}

#[test]
fn who_takes_no_notice_of_its_time_limit_is_killed_in_the_end() {
    let place = one("trap '' TERM; while :; do sleep 1000; done", "    timeout: 1s\n");
    place.run_on(Lane::Fifo).code(1).says("timed out");
}

#[test]
fn what_a_step_leaves_running_ends_with_its_container() {
    for lane in LANES {
        let place = Place::with(&format!(
            "
steps:
  - name: produce
    run: sleep 1000 & printf all
    output: bytes
{IN_CONTAINER}
  - {{name: read, run: cat > got, input: bytes}}
"
        ));
        place.run_on(lane).code(0);
        assert_eq!(place.read("got"), "all");
    }
}

#[test]
fn the_environment_is_what_is_declared() {
    for lane in LANES {
        let place = one("env > vars", "    env: {OWN: \"a b\"}\n");
        let mut command = place.command(&["run", "--stream-lane", lane.name()]);
        Ran::of(command.env("PIPE_TEST_OF_THE_HOST", "leaked").output().unwrap()).code(0);
        let vars = place.read("vars");
        assert!(vars.contains("OWN=a b\n") && !vars.contains("leaked"), "{vars}");
        let names: Vec<&str> = vars.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        let known = [
            "HOME",
            "HOSTNAME",
            "OWN",
            "PATH",
            "PIPE_ATTEMPT",
            "PIPE_OUTPUT",
            "PIPE_RUN_ID",
            "PIPE_STEP",
            "PWD",
            "SHLVL",
            "_",
            "TINI_KILL_PROCESS_GROUP",
        ];
        let unknown: Vec<_> = names.into_iter().filter(|name| !known.contains(name)).collect();
        assert_eq!(unknown, [""; 0]);
        place.no_container_is_left();
    }
}

#[test]
fn files_belong_to_whoever_runs_pipe() {
    for lane in LANES {
        let place = one("mkdir made; id -u > made/uid; touch \"$HOME/note\"; echo \"$HOME\" > made/home", "");
        place.sh("chown 1000:1000 . pipeline.yml");
        std::fs::copy(env!("CARGO_BIN_EXE_pipe"), place.join("pipe")).unwrap();
        let socket = std::fs::metadata("/var/run/docker.sock").expect("these tests need Docker").gid();
        let run = format!(
            "HOME=$PWD exec setpriv --reuid 1000 --regid 1000 --groups {socket} ./pipe run --stream-lane {}",
            lane.name()
        );
        let output = Command::new("sh").args(["-c", &run]).current_dir(place.path()).output().unwrap();
        Ran::of(output).code(0);
        for file in ["made", "made/uid", "made/home"] {
            let meta = std::fs::metadata(place.join(file)).unwrap();
            assert_eq!((meta.uid(), meta.gid()), (1000, 1000), "{file}");
        }
        assert_eq!(place.read("made/uid"), "1000\n");
        assert_eq!(place.sh("find . -user root ! -path ./pipe"), "", "nothing is root's");
        place.no_container_is_left();
    }
}
