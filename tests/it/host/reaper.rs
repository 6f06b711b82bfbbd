//! What is left when `pipe` is killed: nothing that runs, nothing that is half done, and no reader that saw
//! an end.

#![cfg(target_os = "linux")]

use std::hash::{BuildHasher, RandomState};
use std::os::unix::process::CommandExt;
use std::time::Duration;

use crate::support::containers::{IN_CONTAINER, Lane};
use crate::support::long_form::long_form;
use crate::support::machine::Turn;
use crate::support::processes::{eventually, lives, signal};
use crate::support::{Place, Running};

/// Steps that are hard to get rid of, each of which says `ready` when it is as bad as it gets.
const STUBBORN: &str = "
steps:
  - name: deaf
    run: |
      trap '' TERM INT HUP
      echo ready; sleep 1000; sleep 1000
  - name: parent
    run: |
      sleep 1000 & sleep 1000 & bash -c 'sleep 1000 & wait' &
      echo ready; wait
  - name: elsewhere
    run: |
      setsid sleep 1000 &
      env -i setsid sleep 1000 &
      (setsid sleep 1000 &)
      echo ready; wait
";

fn stubborn() -> (Place, Running) {
    let place = Place::with(STUBBORN);
    let mut running = place.follow(&["run"]);
    for _ in 0..3 {
        running.wait_for("| ready");
    }
    (place, running)
}

/// Kills `pipe` and waits until its reaper has done its work.
#[track_caller]
fn kill(running: Running) {
    let reaper = running.reaper();
    running.signal("KILL");
    assert_eq!(running.end().code, None);
    eventually(|| !lives(reaper), || "the reaper does not come to an end".into());
}

#[test]
fn no_process_outlives_a_killed_pipe() {
    let (place, running) = stubborn();
    kill(running);
    assert_eq!(place.processes(), []);
    assert_eq!(place.litter(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn the_reaper_stays_whatever_it_is_asked_to_do() {
    let (place, running) = stubborn();
    let reaper = running.reaper().to_string();
    for name in ["INT", "TERM", "HUP", "QUIT"] {
        signal(name, &reaper);
    }
    kill(running);
    assert_eq!(place.processes(), []);
}

#[test]
fn the_reaper_holds_nothing_of_pipes_own() {
    let (place, running) = stubborn();
    let reaper = running.reaper();
    let link = |name: &str| place.sh(&format!("readlink /proc/{reaper}/{name}")).trim().to_owned();
    assert!(link("fd/0").starts_with("socket:"));
    assert_eq!([link("fd/1"), link("fd/2"), link("cwd")], ["/dev/null", "/dev/null", "/"].map(str::to_owned));
    let session = |pid: u32| place.sh(&format!("ps -o sid= -p {pid}")).trim().to_owned();
    assert_eq!(session(reaper), reaper.to_string());
    kill(running);
}

#[test]
fn a_run_goes_on_without_its_reaper() {
    let place = Place::with(
        "
steps:
  - {name: make, run: 'echo ready >&2; until test -e go; do sleep 0.01; done; echo x', output: bytes}
  - {name: read, run: cat > all, input: bytes}
  - {name: later, run: echo later, depends_on: [read]}
",
    );
    let mut running = place.follow(&["run"]);
    running.wait_for("| ready");
    let reaper = running.reaper();
    signal("KILL", &reaper.to_string());
    eventually(|| !lives(reaper), || "it is not dead".into());
    place.write("go", "");
    running.end().code(0);
    assert_eq!(place.read("all"), "x\n");
}

/// What holds when `pipe` is killed does not depend on the size of the file.
#[test]
fn no_process_of_a_large_run_outlives_a_killed_pipe() {
    let steps = 300;
    let done = (0..steps).map(|n| format!("  - {{name: done-{n}, run: ':'}}\n")).collect::<String>();
    let place = Place::with(&format!(
        "steps:\n{done}  - {{name: make, run: 'echo half; echo ready >&2; sleep 1000', output: bytes}}\n  \
         - {{name: read, run: 'cat > all; touch saw-eof', input: bytes}}\n"
    ));
    let mut running = place.follow(&["run", "-j", "4"]);
    running.wait_for("| ready");
    kill(running);
    assert_eq!(place.processes(), []);
    assert_eq!(place.litter(), [] as [std::path::PathBuf; 0]);
    assert!(!place.has("saw-eof"), "a reader took a broken stream for a complete one");
}

#[test]
fn an_interrupted_terminal_lets_pipe_end_properly() {
    let place = Place::with(
        "
steps:
  - name: tidy
    run: |
      trap 'echo tidied > tidied; exit 1' TERM
      echo ready >&2; while :; do sleep 0.01; done
    output: bytes
  - {name: read, run: cat > all, input: bytes}
",
    );
    let mut command = place.command(&["run"]);
    let child = command.process_group(0).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut running = Running::of(child);
    running.wait_for("| ready");
    let reaper = running.reaper();
    signal("INT", &format!("-{}", running.id()));
    running.end().code(130).says("tidy");
    assert_eq!(place.read("tidied"), "tidied\n");
    eventually(|| !lives(reaper), || "the reaper is still there".into());
    place.is_deserted();
}

#[test]
fn after_a_proper_end_nothing_is_killed() {
    let place = Place::with(
        "
steps:
  - {name: daemon, run: 'sleep 1000 >/dev/null 2>&1 & echo $! > pid'}
  - {name: wait, run: 'echo ready; until test -e go; do sleep 0.01; done', depends_on: [daemon]}
",
    );
    let mut running = place.follow(&["run"]);
    running.wait_for("| ready");
    let reaper = running.reaper();
    place.write("go", "");
    running.end().code(0);
    eventually(|| !lives(reaper), || "the reaper is still there".into());
    let daemon: u32 = place.read("pid").trim().parse().unwrap();
    assert!(lives(daemon), "what a successful step has put in the background goes on");
    signal("KILL", &daemon.to_string());
}

#[test]
fn what_a_finished_step_has_put_in_the_background_outlives_a_killed_pipe() {
    let place = Place::with(
        "
steps:
  - {name: daemon, run: 'sleep 1000 >/dev/null 2>&1 & echo $! > pid'}
  - {name: wait, run: 'echo ready; sleep 1000', depends_on: [daemon]}
",
    );
    let mut running = place.follow(&["run"]);
    running.wait_for("| ready");
    kill(running);
    let daemon: u32 = place.read("pid").trim().parse().unwrap();
    assert_eq!(place.processes().iter().map(|(pid, _)| *pid).collect::<Vec<_>>(), [daemon]);
    signal("KILL", &daemon.to_string());
}

#[test]
fn a_pipeline_in_a_pipeline_is_cleaned_up_too() {
    let place = Place::with(&format!(
        "steps:\n  - {{name: inner, run: 'exec {} run inner.yml'}}\n",
        env!("CARGO_BIN_EXE_pipe")
    ));
    place.write("inner.yml", STUBBORN);
    let mut running = place.follow(&["run"]);
    for _ in 0..3 {
        running.wait_for("| ready");
    }
    kill(running);
    place.is_deserted();
}

#[test]
fn what_is_half_written_goes_and_what_is_whole_stays() {
    let place = Place::with(
        "
steps:
  - {name: first, run: echo whole, output: whole}
  - {name: kept, run: echo kept, output: kept}
  - {name: half, run: 'echo half; echo ready >&2; sleep 1000', output: half, depends_on: [first, kept]}
  - {name: unread, run: 'echo half; echo ready >&2; sleep 1000', output: unread, depends_on: [first, kept]}
",
    );
    let mut running = place.follow(&["run", "--out", "whole=whole", "--out", "half=half"]);
    running.wait_for("| ready");
    running.wait_for("| ready");
    kill(running);
    assert_eq!(place.litter(), [] as [std::path::PathBuf; 0]);
    assert_eq!((place.read("whole"), place.has("half")), ("whole\n".into(), false));
    let kept = place.run_dir().join("streams/kept");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "kept\n");
    // Every line of the journal is one.
    assert!(!place.journal().is_empty());
}

/// Kills `pipe` at a random moment, so often. Whatever that moment is, no reader has seen an end: a reader
/// that has is one that `pipe` has told so.
#[test]
fn no_reader_sees_an_end_when_pipe_is_killed() {
    let _turn = Turn::take();
    for _ in 0..long_form("PIPE_KILL_ROUNDS", 15) {
        let place = Place::with(
            "
steps:
  - {name: make, run: 'head -c 100000 /dev/zero; sleep 1000', output: bytes}
  - {name: sum, run: 'sha256sum > sum; touch saw-eof', input: bytes}
  - {name: count, run: 'wc -c > count; touch saw-eof', input: bytes}
  - {name: relay, run: 'tr a b; touch saw-eof', input: bytes, output: more}
  - {name: last, run: 'cat > last; touch saw-eof', input: more}
",
        );
        let running = place.follow(&["run"]);
        let reaper = killed_at_random(running, 40_000);
        eventually(|| reaper.is_none_or(|reaper| !lives(reaper)), || "the reaper is still there".into());
        place.is_deserted();
        assert!(!place.has("saw-eof"));
        assert_eq!(place.litter(), [] as [std::path::PathBuf; 0]);
    }
}

#[test]
#[ignore = "needs Docker"]
fn no_container_outlives_a_killed_pipe_fifo() {
    no_container_outlives_a_killed_pipe(Lane::Fifo);
}

#[test]
#[ignore = "needs Docker"]
fn no_container_outlives_a_killed_pipe_attach() {
    no_container_outlives_a_killed_pipe(Lane::Attach);
}

/// A stream from a container to two others and to this machine, in a network of the run.
fn fan_out() -> Place {
    let container = IN_CONTAINER.replace("none", "mine");
    Place::with(&format!(
        "
steps:
  - name: make
    run: head -c 100000 /dev/zero; sleep 1000
    output: bytes
{container}
  - name: one
    run: echo ready >&2; sha256sum > one; touch saw-eof
    input: bytes
{container}
  - name: two
    run: trap '' TERM; echo ready >&2; wc -c > two; touch saw-eof
    input: bytes
{container}
  - name: here
    run: echo ready >&2; wc -c > here; touch saw-eof
    input: bytes
"
    ))
}

#[track_caller]
fn no_container_outlives_a_killed_pipe(lane: Lane) {
    let place = fan_out();
    let mut running = place.follow(&["run", "--stream-lane", lane.name()]);
    for _ in 0..3 {
        running.wait_for("| ready");
    }
    kill(running);
    nothing_is_left(&place);
    // The engine itself ends what its containers read when the client that has attached to them is gone.
    assert!(lane == Lane::Attach || !place.has("saw-eof"));
}

#[track_caller]
fn nothing_is_left(place: &Place) {
    place.is_deserted();
    assert_eq!(place.litter(), [] as [std::path::PathBuf; 0]);
    if place.has(".pipe/runs") {
        place.no_container_is_left();
        let id = place.run_dir().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(place.sh(&format!("docker network ls -q --filter label=pipe.run={id}")), "");
    }
}

/// The same at random moments. The usual run is short; `PIPE_KILL_ROUNDS=300` is the long form.
#[test]
#[ignore = "needs Docker"]
fn nothing_is_left_whenever_pipe_is_killed() {
    // Without an engine nothing would be left either.
    Place::new().sh("docker version >/dev/null");
    let _turn = Turn::take();
    for round in 0..long_form("PIPE_KILL_ROUNDS", 3) {
        let place = fan_out();
        let lane = if round % 2 == 0 { Lane::Fifo } else { Lane::Attach };
        let running = place.follow(&["run", "--stream-lane", lane.name()]);
        let reaper = killed_at_random(running, 3_000_000);
        eventually(|| reaper.is_none_or(|reaper| !lives(reaper)), || "the reaper is still there".into());
        nothing_is_left(&place);
        assert!(lane == Lane::Attach || !place.has("saw-eof"), "round {round}");
    }
}

/// Kills `pipe` after so many microseconds at most; its reaper, if it had one by then.
fn killed_at_random(running: Running, most: u64) -> Option<u32> {
    std::thread::sleep(Duration::from_micros(RandomState::new().hash_one(()) % most));
    running.kill()
}

/// A run that comes after a killed one waits for its reaper, which would remove what the new run makes.
#[test]
fn the_next_run_of_a_file_waits_for_the_clean_up() {
    for next in [&["run"][..], &["run", "--resume", "last"]] {
        let place = Place::with(
            "steps:\n  - {name: make, run: 'echo half > out; echo began; : < go; echo whole > out', produces: out}\n",
        );
        place.sh("mkfifo go");
        let mut running = place.follow(&["run"]);
        running.wait_for("| began");
        let reaper = running.reaper();
        signal("STOP", &reaper.to_string());
        running.signal("KILL");
        running.end();
        place.write("other.yml", "steps: [{name: other, run: 'true'}]");
        place.pipe(&["run", "other.yml"]).code(0);
        place.pipe(&["run", "--dry-run"]).code(0);
        let mut next = Running::of(place.command_with_messages(next).spawn().unwrap());
        next.wait_for("waiting for the clean-up of run ");
        place.pipe(&["clean", "--keep", "0"]);
        signal("CONT", &reaper.to_string());
        next.wait_for("| began");
        assert!(!lives(reaper));
        place.sh(": > go");
        next.end().code(0);
        assert_eq!(place.read("out"), "whole\n");
    }
}

/// What a step has promised and not finished goes, and what was there before stays.
#[test]
fn no_half_product_outlives_a_killed_pipe() {
    let place = Place::with(
        "
steps:
  - {name: done, run: echo whole > done.out, produces: '*.out'}
  - name: half
    run: mkdir half; echo half > half/a; echo half > changed; echo began; sleep 1000
    produces: [half, changed, kept]
    depends_on: done
",
    );
    place.write("kept", "yesterday's");
    place.write("changed", "yesterday's");
    let mut running = place.follow(&["run"]);
    running.wait_for("| began");
    kill(running);
    assert!(!place.has("half") && !place.has("changed"));
    assert_eq!((place.read("kept"), place.read("done.out")), ("yesterday's".into(), "whole\n".into()));
}
