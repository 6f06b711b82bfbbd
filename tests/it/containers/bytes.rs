//! Every byte arrives, whatever it is and however late it is taken; and what does not want bytes, or has no
//! more, says so in its own way.

use std::fmt::Write;

use crate::support::Place;
use crate::support::containers::{IN_CONTAINER, Lane};
use crate::support::long_form::long_form;

/// The same tests on both lanes.
macro_rules! on_each_lane {
    ($($test:ident)*) => {
        mod named_pipes {
            $(#[test] #[ignore = "needs Docker"] fn $test() { super::$test(super::Lane::Fifo); })*
        }
        mod the_engine {
            $(#[test] #[ignore = "needs Docker"] fn $test() { super::$test(super::Lane::Attach); })*
        }
    };
}

on_each_lane! {
    no_tail_is_lost_on_a_reader_that_is_slow_to_start_and_slow_to_read
    random_bytes_pass_two_containers_in_a_row
    a_reader_that_comes_when_all_is_over_gets_everything
    a_reader_that_never_reads_is_no_failure
    a_reader_of_one_line_is_no_failure
    a_producer_that_takes_no_notice_of_a_broken_pipe_does_not_run_for_ever
    a_stream_that_is_closed_early_ends_with_its_producer
    a_stream_that_is_closed_early_breaks_with_its_producer
    a_log_keeps_the_order_of_both_outputs
    a_shell_that_is_not_in_the_image_is_named
}

/// Between two commands of the shell nothing waits, so that two pipes would come out of order now and then.
fn a_log_keeps_the_order_of_both_outputs(lane: Lane) {
    let place = Place::with(&format!(
        "
steps:
  - name: both
    run: |
      i=0; while [ $i -lt 200 ]; do i=$((i + 1)); echo out $i; echo err $i >&2; done
{IN_CONTAINER}
"
    ));
    place.run_on(lane).code(0);
    let wanted: String = (1..=200).map(|i| format!("out {i}\nerr {i}\n")).collect();
    assert_eq!(place.pipe(&["logs", "last", "both"]).code(0).stdout, wanted);
}

fn a_shell_that_is_not_in_the_image_is_named(lane: Lane) {
    let place =
        Place::with(&format!("steps:\n  - name: a\n    shell: ksh\n    run: echo hi\n{IN_CONTAINER}"));
    let ran = place.run_on(lane).code(1);
    assert!(ran.stdout.contains("has no `ksh`"), "{}", ran.stdout);
}

/// A container that writes 8 MiB, and a reader on the host or in another container that begins only when
/// told, and takes so little at a time that the producer's end finds bytes on their way.
fn no_tail_is_lost_on_a_reader_that_is_slow_to_start_and_slow_to_read(lane: Lane) {
    let rounds = long_form("PIPE_TAIL_ROUNDS", 5);
    let mut pipeline = String::from("max_parallel: 4\nsteps:\n");
    for round in 0..rounds {
        let reader = if round % 2 == 0 { "" } else { IN_CONTAINER };
        let _ = write!(
            pipeline,
            "
  - name: write-{round}
    run: |
      seq 1000
      echo go > gate-{round}
      seq 1001 2000000 | head -c 8384715
    output: bytes-{round}
{IN_CONTAINER}
  - name: read-{round}
    run: |
      read go < gate-{round}
      dd bs=509 2> /dev/null | sha256sum > sum-{round}
    input: bytes-{round}
{reader}
"
        );
    }
    let place = Place::with(&pipeline);
    place.sh(&format!("for round in $(seq 0 {}); do mkfifo gate-$round; done", rounds - 1));
    place.run_on(lane).code(0);
    let sum = place.sh("seq 2000000 | head -c 8388608 | sha256sum");
    let wrong: Vec<u64> = (0..rounds).filter(|round| place.read(&format!("sum-{round}")) != sum).collect();
    assert_eq!(wrong, [0; 0], "of {rounds} rounds");
}

fn random_bytes_pass_two_containers_in_a_row(lane: Lane) {
    let mib = long_form("PIPE_RANDOM_MIB", 64);
    for producer in ["", IN_CONTAINER] {
        let place = Place::with(&format!(
            "
steps:
  - name: make
    run: cat noise
    output: made
{producer}
  - name: first
    run: cat
    input: made
    output: passed
{IN_CONTAINER}
  - name: second
    run: cat
    input: passed
    output: passed-again
{IN_CONTAINER}
  - name: sum
    run: sha256sum > sum
    input: passed-again
"
        ));
        place.sh(&format!("head -c {mib}M /dev/urandom > noise"));
        place.run_on(lane).code(0);
        assert_eq!(place.read("sum"), place.sh("sha256sum < noise"));
    }
}

/// A pipeline of a producer and a reader in a container.
fn pair(producer: &str, producer_keys: &str, reader: &str) -> Place {
    Place::with(&format!(
        "
steps:
  - name: produce
    run: {producer}
    output: bytes
{producer_keys}
  - name: read
    run: {reader}
    input: bytes
{IN_CONTAINER}
"
    ))
}

/// A container opens what it reads when the stream has ended long since: another step says when.
fn a_reader_that_comes_when_all_is_over_gets_everything(lane: Lane) {
    let place = Place::with(&format!(
        "max_parallel: 4
steps:
  - name: write
    run: seq 1000
    output: numbers
  - name: write-nothing
    run: true
    output: nothing
  - name: read
    run: |
      read go < gate
      sha256sum < /dev/stdin > sum
      cat /dev/stdin > rest
    input: numbers
{IN_CONTAINER}
  - name: read-nothing
    run: |
      read go < other-gate
      cat /dev/stdin > nothing
    input: nothing
{IN_CONTAINER}
  - name: tell
    depends_on: [write, write-nothing]
    run: echo go > gate; echo go > other-gate
"
    ));
    place.sh("mkfifo gate other-gate");
    place.run_on(lane).code(0);
    assert_eq!(place.read("sum"), place.sh("seq 1000 | sha256sum"));
    assert_eq!((place.read("rest"), place.read("nothing")), (String::new(), String::new()));
}

fn a_reader_that_never_reads_is_no_failure(lane: Lane) {
    for producer in ["", IN_CONTAINER] {
        for script in ["yes", "head -c 1000 /dev/zero"] {
            let place = pair(script, producer, "touch came");
            place.run_on(lane).code(0);
            assert!(place.has("came"));
            assert_eq!(place.outcome("produce"), "succeeded", "as on the host: {script}");
        }
    }
}

fn a_reader_of_one_line_is_no_failure(lane: Lane) {
    for producer in ["", IN_CONTAINER] {
        let place = pair("yes first", producer, "head -n 1 > line");
        place.run_on(lane).code(0).says("all readers closed early");
        assert_eq!(place.read("line"), "first\n");
    }
}

/// On the host it would fail as well: by what its write says instead of by the signal.
fn a_producer_that_takes_no_notice_of_a_broken_pipe_does_not_run_for_ever(lane: Lane) {
    let place = pair("trap '' PIPE; yes", IN_CONTAINER, "head -n 1 > line");
    place.run_on(lane).code(1).says("`produce` failed: exit code");
    assert_eq!(place.read("line"), "y\n");
}

/// The producer goes on after its last byte: it does more work, and its reader sees the end when that has
/// gone well.
fn a_stream_that_is_closed_early_ends_with_its_producer(lane: Lane) {
    let place = pair(
        "printf all; exec >&-; echo go > gate; echo more > later",
        IN_CONTAINER,
        "read go < gate; cat > got; cat later > seen",
    );
    place.sh("mkfifo gate");
    place.run_on(lane).code(0);
    assert_eq!((place.read("got"), place.read("seen")), ("all".into(), "more\n".into()));
}

fn a_stream_that_is_closed_early_breaks_with_its_producer(lane: Lane) {
    let place = pair(
        "printf all; exec >&-; echo go > gate; exit 3",
        IN_CONTAINER,
        "read go < gate; cat; touch saw-eof",
    );
    place.sh("mkfifo gate");
    place.run_on(lane).code(1).says("exit code 3");
    assert_eq!(place.outcome("read"), "tainted");
    assert!(!place.has("saw-eof"));
}
