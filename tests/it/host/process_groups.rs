//! A step is all of its processes: every end that `pipe` brings about reaches each of them, and no reader,
//! whatever group or session it has moved to, takes the end of a broken stream for that of a whole one.

#![cfg(target_os = "linux")]

use std::hash::{BuildHasher, RandomState};

use crate::support::long_form::long_form;
use crate::support::machine::Turn;
use crate::support::processes::{eventually, signal};
use crate::support::{Place, Ran};

/// Ways for a reader to leave the group that its step was started in. `READ` is a script that reads and gives
/// its verdict.
const WAYS: &[&str] = &[
    "timeout 600 sh -c READ; echo on",
    "timeout --foreground 600 sh -c READ; echo on",
    "setsid -w sh -c READ; echo on",
    "set -m; sh -c READ <&0 & wait; echo on",
    "bash -i -c READ; echo on",
    "env -i PATH=\"$PATH\" setsid -w sh -c READ; echo on",
    "setsid sh -c READ <&0 & wait; echo on",
    "exec 3<&0; (setsid sh -c READ <&3 &); until [ -e verdict ]; do sleep 0.02; done; echo on",
    "exec 3<&0; (env -i PATH=\"$PATH\" setsid sh -c READ <&3 >/dev/null 2>&1 &); until [ -e verdict ]; do sleep 0.02; done; echo on",
    "python3 -c 'import subprocess, sys; subprocess.run([\"sh\", \"-c\", sys.argv[1]], start_new_session=True)' READ; echo on",
    "perl -MPOSIX -e 'if (!fork) { setsid(); if (!fork) { exec \"sh\", \"-c\", $ARGV[0] } exit } sleep 0.02 until -e \"verdict\"' READ; echo on",
    "exec 3<&0; setsid sh -c READ <&3 & exit 0",
];

/// How the stream comes to a bad end, or the run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    ProducerFails,
    ProducerTimesOut,
    ProducerIsRetried,
    SiblingFails,
    ReaderTimesOut,
    Signal(&'static str),
}

const ENDINGS: &[Ending] = &[
    Ending::ProducerFails,
    Ending::ProducerTimesOut,
    Ending::ProducerIsRetried,
    Ending::SiblingFails,
    Ending::ReaderTimesOut,
    Ending::Signal("INT"),
    Ending::Signal("TERM"),
    Ending::Signal("HUP"),
];

/// The steps: the reader says that it has begun, in a file, and what it has read; the others wait for that.
fn pipeline(way: &str, ending: Ending, named: bool) -> String {
    let begun = "until [ -e begun ]; do sleep 0.02; done";
    let script = format!(
        "head -c 6 >/dev/null; echo >begun; cat >got; echo verdict >>verdict{}",
        if named { "; :" } else { "" }
    );
    let read = format!("'{script}'");
    let way = way.replace("READ", &read);
    let way = if named { format!("exec <\"$PIPE_INPUT_SIDE\"\n{way}") } else { way };
    let input = if named { "inputs: {side: s}" } else { "input: s" };
    let lines: String = way.lines().map(|line| format!("      {line}\n")).collect();
    let (tail, policy, reader) = match ending {
        Ending::ProducerFails => ("exit 3", "", ""),
        Ending::ProducerTimesOut => ("sleep 1000", "    timeout: 1s\n", ""),
        Ending::ProducerIsRetried => {
            ("[ -e again ] || { echo >again; exit 3; }", "    retry: {count: 1, delay: 0s}\n", "")
        }
        Ending::ReaderTimesOut => ("sleep 1000", "", "    timeout: 1s\n"),
        Ending::SiblingFails | Ending::Signal(_) => ("sleep 1000", "", ""),
    };
    let sibling = if ending == Ending::SiblingFails {
        format!("  - name: sibling\n    run: {begun}; exit 4\n")
    } else {
        String::new()
    };
    format!(
        "steps:\n  - name: produce\n    run: |\n      echo first; {begun}\n      echo half; {tail}\n    output: s\n{policy}\
         \n  - name: read\n    shell: bash\n    {input}\n{reader}    run: |\n{lines}{sibling}"
    )
}

#[track_caller]
fn check(way: &str, ending: Ending, named: bool) {
    // A step that has succeeded does not time out.
    let ending = if way.ends_with("exit 0") && ending == Ending::ReaderTimesOut {
        Ending::SiblingFails
    } else {
        ending
    };
    let place = Place::with(&pipeline(way, ending, named));
    let case = || format!("{way}\n{ending:?}, named: {named}\n{}", place.read("pipeline.yml"));
    let child = place.start(&["run", "--format", "plain"]);
    if let Ending::Signal(name) = ending {
        eventually(|| place.has("begun"), case);
        signal(name, &child.id().to_string());
    }
    let ran = Ran::of(child.wait_with_output().unwrap());
    let code = ran.code;
    if ending == Ending::ProducerIsRetried {
        // The second attempt alone may be read to its end. A reader that its step has left behind goes on by
        // itself.
        eventually(|| place.has("verdict"), case);
        assert_eq!(place.read("verdict").lines().count(), 1, "{}", case());
        assert_eq!(code, Some(0), "{}{}{}", ran.stdout, ran.stderr, case());
        place.is_deserted();
    } else {
        assert_eq!(place.processes(), [], "left behind: {}", case());
        assert!(!place.has("verdict"), "a reader saw an end: {}{}{}", ran.stdout, ran.stderr, case());
        assert_ne!(code, Some(0), "{}", case());
    }
}

#[test]
fn no_reader_sees_an_end_wherever_it_has_moved() {
    for (at, way) in WAYS.iter().enumerate() {
        let ending = ENDINGS[at % 2];
        check(way, ending, at % 3 == 0);
    }
}

#[test]
fn every_soft_end_reaches_every_process() {
    for (at, &ending) in ENDINGS.iter().enumerate() {
        check(WAYS[(at * 5) % (WAYS.len() - 1)], ending, at % 2 == 0);
    }
}

/// Draws cases; `PIPE_ENDS_ROUNDS=300` is the long form. A case that fails is shown whole.
#[test]
fn random_readers_never_see_an_end() {
    let _turn = Turn::take();
    let rounds: u64 = long_form("PIPE_ENDS_ROUNDS", 8);
    let draw = RandomState::new();
    for round in 0..rounds {
        let dice = usize::try_from(draw.hash_one(round) >> 16).unwrap();
        check(WAYS[dice % WAYS.len()], ENDINGS[dice / 64 % ENDINGS.len()], dice / 1024 % 2 == 0);
    }
}
