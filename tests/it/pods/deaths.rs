//! What dies in a pod, and that no reader sees an end that it must not.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use pipe_runner::cluster::order::message::FromPod;
use pipe_runner::event::wire::Body;

use crate::support::long_form::long_form;
use crate::support::pod::{Pod, kill};
use crate::support::processes::{eventually, lives, signal};

/// A producer without an end, and two readers that say when they see one.
const ENDLESS: &str = "steps:\n\
    \x20 - {name: make, run: 'echo $$ > make.pid; exec cat /dev/zero', output: s}\n\
    \x20 - {name: one, run: 'echo $$ > one.pid; cat > /dev/null; touch saw-end', input: s}\n\
    \x20 - {name: two, run: 'echo $$ > two.pid; cat > /dev/null; touch saw-end', input: s}\n";

/// Starts it and waits until all of it runs.
fn endless() -> Pod {
    let mut pod = Pod::with(ENDLESS);
    pod.gathered();
    // A step writes its id before its wrapper has said that it runs, so that alone would be too early.
    for file in ["make.pid", "one.pid", "two.pid"] {
        pod.pid(file);
        pod.until(|message| {
            matches!(message, FromPod::Event { record } if matches!(record.body, Body::StepStarted { .. }))
        });
    }
    pod
}

#[track_caller]
fn nothing_saw_an_end(pod: &Pod) {
    pod.place.is_deserted();
    assert!(!pod.place.has("saw-end"), "a reader took a broken stream for a complete one: {:#?}", pod.said);
}

#[test]
fn a_producer_that_fails_stops_its_readers() {
    let mut pod = Pod::with(
        "steps:\n\
         \x20 - {name: make, run: 'head -c 100000000 /dev/zero; exit 7', output: s}\n\
         \x20 - {name: one, run: 'cat > /dev/null; touch saw-end', input: s}\n\
         \x20 - {name: two, run: 'cat > /dev/null; touch saw-end', input: s}\n",
    );
    assert_eq!(pod.done(), "make: Exit(7), one: tainted, two: tainted");
    assert_eq!(pod.code("make").code(), Some(7));
    nothing_saw_an_end(&pod);
}

#[test]
fn a_program_that_is_missing_stops_its_readers() {
    let mut pod = Pod::with(
        "steps:\n\
         \x20 - {name: make, image: x, entrypoint: [/no/such/program], output: s}\n\
         \x20 - {name: read, run: 'cat > all; touch saw-end', input: s}\n",
    );
    let ends = pod.done();
    assert_eq!(ends, "make: Start(\"there is no `/no/such/program` in its image\"), read: tainted");
    assert_eq!(pod.code("make").code(), Some(127));
    nothing_saw_an_end(&pod);
}

#[test]
fn without_its_conductor_a_container_ends() {
    let mut pod = endless();
    pod.conductor.kill().unwrap();
    assert_eq!(pod.codes(), "make=125 one=125 two=125");
    nothing_saw_an_end(&pod);
}

#[test]
fn without_its_client_a_conductor_ends_the_gang() {
    let mut pod = endless();
    pod.leave();
    assert_eq!(pod.conductor.wait().unwrap().code(), Some(3));
    pod.codes();
    nothing_saw_an_end(&pod);
}

#[test]
fn a_client_that_talks_nonsense_is_as_good_as_gone() {
    let mut pod = endless();
    pod.tell_raw(b"what?\n");
    assert_eq!(pod.conductor.wait().unwrap().code(), Some(3));
    pod.codes();
    nothing_saw_an_end(&pod);
}

#[test]
fn a_wrapper_that_is_killed_is_lost_with_its_step() {
    for victim in ["make", "one"] {
        let mut pod = endless();
        let step = pod.pid(&format!("{victim}.pid"));
        pod.wrappers.get_mut(victim).unwrap().kill().unwrap();
        pod.until(|message| *message == FromPod::Lost { step: victim.into() });
        let ends = pod.done();
        assert!(ends.contains(&format!("{victim}: Signal(9)")), "{ends}");
        eventually(|| !lives(step), || format!("the step of the wrapper `{victim}` goes on"));
        nothing_saw_an_end(&pod);
    }
}

#[test]
fn a_step_that_is_killed_is_told_by_its_signal() {
    for victim in ["make", "one"] {
        let mut pod = endless();
        kill(pod.pid(&format!("{victim}.pid")));
        let ends = pod.done();
        assert!(ends.contains(&format!("{victim}: Signal(9)")), "{ends}");
        assert_eq!(pod.code(victim).code(), Some(137));
        assert!(!pod.said.iter().any(|message| matches!(message, FromPod::Lost { .. })));
        nothing_saw_an_end(&pod);
    }
}

#[test]
fn a_container_that_is_told_to_end_tells_its_step() {
    let mut pod = Pod::with(
        "steps:\n\
         \x20 - {name: make, run: \"trap 'echo tidied >&2; exit 9' TERM; echo $$ > make.pid; while :; do echo x; done\", output: s}\n\
         \x20 - {name: read, run: 'cat > /dev/null; touch saw-end', input: s}\n",
    );
    pod.pid("make.pid");
    signal("TERM", &pod.wrappers["make"].id().to_string());
    pod.until(|message| *message == FromPod::Terminated { step: Some("make".into()), signal: 15 });
    assert_eq!(pod.done(), "make: Exit(9), read: tainted");
    assert_eq!(pod.logs["make"], b"tidied\n");
    nothing_saw_an_end(&pod);
}

#[test]
fn a_conductor_that_is_told_to_end_ends_the_gang_and_says_so() {
    let mut pod = endless();
    signal("TERM", &pod.conductor.id().to_string());
    pod.until(|message| *message == FromPod::Terminated { step: None, signal: 15 });
    assert_eq!(pod.done(), "make: cancelled, one: cancelled, two: cancelled");
    nothing_saw_an_end(&pod);
}

/// `PIPE_POD_KILL_ROUNDS=300` is the long form.
#[test]
fn no_reader_sees_an_end_whatever_is_killed_when() {
    let rounds = long_form("PIPE_POD_KILL_ROUNDS", 10);
    for _ in 0..rounds {
        round(RandomState::new().hash_one(()));
    }
}

/// Kills something at a moment that `random` says. The stream is short enough to be whole before that at
/// times.
fn round(random: u64) {
    let pipeline = ENDLESS.replace("exec cat /dev/zero", "head -c 50000000 /dev/zero; touch made");
    let mut pod = Pod::with(&pipeline);
    pod.gathered();
    let pids = ["make", "one", "two"].map(|step| (step, pod.pid(&format!("{step}.pid"))));
    let victims = pids.len() as u64 * 2 + 1;
    std::thread::sleep(Duration::from_micros(random / victims % 150_000));
    let victim = random % victims;
    match usize::try_from(victim).unwrap() {
        0 => pod.conductor.kill().unwrap(),
        victim @ 1..=3 => pod.wrappers.get_mut(pids[victim - 1].0).unwrap().kill().unwrap(),
        // It may have ended before.
        victim => {
            drop(std::process::Command::new("kill").args(["-KILL", &pids[victim - 4].1.to_string()]).output())
        }
    }
    let mut ends = String::new();
    if victim > 0 {
        ends = pod.done();
    }
    let codes = pod.codes();
    pod.place.is_deserted();
    let is_whole = pod.place.has("made");
    assert!(is_whole || !pod.place.has("saw-end"), "random {random}, victim {victim}: {ends}; {codes}");
}
