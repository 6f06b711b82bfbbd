//! A failure on the screen while the run goes on, with few steps and with many.

use indicatif::InMemoryTerm;

use super::*;
use crate::event::sample::*;
use crate::event::{CancelReason, EventKind};
use crate::pipeline::{Failure, Outcome};

/// Returns the screen of a run of `steps`, each of which goes on whatever becomes of the others: a tenth of them
/// is done, one has failed, and the rest runs.
fn screen(steps: usize, lines: u16, columns: u16, more: Vec<EventKind>) -> String {
    let term = InMemoryTerm::new(lines, columns);
    let mut progress = Progress::new(term.clone(), Palette::NONE);
    let mut next = |ms, kind| progress.event(&at(ms, kind)).unwrap();
    next(0, run_started(many(steps)));
    (0..steps).for_each(|step| next(10, started(step, 1)));
    (0..steps / 10 + 1).for_each(|step| next(400, finished(step, Outcome::Succeeded, 1, 390)));
    next(900, output(steps / 2, "curl: no route to host\n"));
    next(950, finished(steps / 2, Outcome::Failed(Failure::Exit(7)), 1, 940));
    more.into_iter().for_each(|kind| next(1_000, kind));
    progress.draw(Duration::from_millis(3_100)).unwrap();
    term.contents()
}

#[test]
fn a_failure_is_seen_at_once_and_stays() {
    insta::assert_snapshot!(screen(5, 24, 80, Vec::new()), @r"
    step-2 | curl: no route to host
    step-2 * failed: exit code 7, after 940 ms
    ⠙ many          3.1 s  1 done, 1 failed, 3 running, 0 waiting
      ✓ step-0     390 ms
      ⠙ step-1      3.0 s
      ✗ step-2     940 ms  exit code 7
      ⠙ step-3      3.0 s
      ⠙ step-4      3.0 s
    ");
    insta::assert_snapshot!(screen(30, 24, 80, Vec::new()), @r"
    step-15 | curl: no route to host
    step-15 * failed: exit code 7, after 940 ms
    ⠙ many          3.1 s  4 done, 1 failed, 25 running, 0 waiting
      ✗ step-15    940 ms  exit code 7
      ⠙ step-4      3.0 s
      ⠙ step-5      3.0 s
      ⠙ step-6      3.0 s
      ⠙ step-7      3.0 s
      ⠙ step-8      3.0 s
      ⠙ step-9      3.0 s
      ⠙ step-10     3.0 s
      ⠙ step-11     3.0 s
      ⠙ step-12     3.0 s
      ⠙ step-13     3.0 s
      ⠙ step-14     3.0 s
      ⠙ step-16     3.0 s
      ⠙ step-17     3.0 s
      ⠙ step-18     3.0 s
      ⠙ step-19     3.0 s
      ⠙ step-20     3.0 s
      ⠙ step-21     3.0 s
      ⠙ step-22     3.0 s
      ⠙ step-23     3.0 s
      … 6 more running
    ");
}

#[test]
fn a_failure_is_seen_on_a_large_terminal() {
    insta::assert_snapshot!(screen(200, 50, 200, Vec::new()), @r"
    step-100 | curl: no route to host
    step-100 * failed: exit code 7, after 940 ms
    ⠙ many          3.1 s  21 done, 1 failed, 178 running, 0 waiting
      ✗ step-100   940 ms  exit code 7
      ⠙ step-21     3.0 s
      ⠙ step-22     3.0 s
      ⠙ step-23     3.0 s
      ⠙ step-24     3.0 s
      ⠙ step-25     3.0 s
      ⠙ step-26     3.0 s
      ⠙ step-27     3.0 s
      ⠙ step-28     3.0 s
      ⠙ step-29     3.0 s
      ⠙ step-30     3.0 s
      ⠙ step-31     3.0 s
      ⠙ step-32     3.0 s
      ⠙ step-33     3.0 s
      ⠙ step-34     3.0 s
      ⠙ step-35     3.0 s
      ⠙ step-36     3.0 s
      ⠙ step-37     3.0 s
      ⠙ step-38     3.0 s
      ⠙ step-39     3.0 s
      ⠙ step-40     3.0 s
      ⠙ step-41     3.0 s
      ⠙ step-42     3.0 s
      ⠙ step-43     3.0 s
      ⠙ step-44     3.0 s
      ⠙ step-45     3.0 s
      ⠙ step-46     3.0 s
      ⠙ step-47     3.0 s
      ⠙ step-48     3.0 s
      … 150 more running
    ");
    for steps in [5, 30, 200] {
        for (lines, columns) in [(24, 80), (50, 200)] {
            let screen = screen(steps, lines, columns, Vec::new());
            assert!(screen.contains(" done, 1 failed, "), "{screen}");
            assert!(
                screen.lines().any(|row| row.contains("✗ step-") && row.contains("exit code 7")),
                "{screen}"
            );
        }
    }
}

#[test]
fn many_failures_leave_room_for_what_runs() {
    let failures = (100..140).map(|step| finished(step + 1, Outcome::Failed(Failure::Exit(1)), 1, 900));
    insta::assert_snapshot!(screen(200, 24, 80, failures.collect()), @r"
    step-139 * failed: exit code 1, after 900 ms
    step-140 * failed: exit code 1, after 900 ms
    ⠙ many          3.1 s  21 done, 41 failed, 138 running, 0 waiting
      ✗ step-100   940 ms  exit code 7
      ✗ step-101   900 ms  exit code 1
      ✗ step-102   900 ms  exit code 1
      ✗ step-103   900 ms  exit code 1
      ✗ step-104   900 ms  exit code 1
      ✗ step-105   900 ms  exit code 1
      ✗ step-106   900 ms  exit code 1
      ✗ step-107   900 ms  exit code 1
      ✗ step-108   900 ms  exit code 1
      … 32 more failed
      ⠙ step-21     3.0 s
      ⠙ step-22     3.0 s
      ⠙ step-23     3.0 s
      ⠙ step-24     3.0 s
      ⠙ step-25     3.0 s
      ⠙ step-26     3.0 s
      ⠙ step-27     3.0 s
      ⠙ step-28     3.0 s
      ⠙ step-29     3.0 s
      ⠙ step-30     3.0 s
      … 128 more running
    ");
}

#[test]
fn what_a_signal_stops_says_when_it_is_killed() {
    let stopping = |reason, now| vec![EventKind::Cancelling { reason, now, grace: GRACE }];
    let rows = |kinds| {
        screen(5, 24, 80, kinds).lines().filter(|row| row.contains("3.0 s")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(rows(stopping(CancelReason::Signal(2), false)), @r"
    ⠙ step-1      3.0 s  stopping, killed in 8 s; Ctrl-C again kills now
    ⠙ step-3      3.0 s  stopping, killed in 8 s; Ctrl-C again kills now
    ⠙ step-4      3.0 s  stopping, killed in 8 s; Ctrl-C again kills now
    ");
    insta::assert_snapshot!(rows(stopping(CancelReason::Signal(15), false)), @r"
    ⠙ step-1      3.0 s  stopping, killed in 8 s
    ⠙ step-3      3.0 s  stopping, killed in 8 s
    ⠙ step-4      3.0 s  stopping, killed in 8 s
    ");
    insta::assert_snapshot!(rows(stopping(CancelReason::Signal(2), true)), @r"
    ⠙ step-1      3.0 s  being killed
    ⠙ step-3      3.0 s  being killed
    ⠙ step-4      3.0 s  being killed
    ");
}

#[test]
fn failures_are_counted_in_red() {
    let mut progress = Progress::new(InMemoryTerm::new(24, 80), Palette::COLOURED);
    progress.event(&at(0, run_started(many(3)))).unwrap();
    progress.event(&at(5, started(0, 1))).unwrap();
    progress.event(&at(9, finished(0, Outcome::Failed(Failure::Exit(1)), 1, 4))).unwrap();
    let (report, _) = progress.run.as_ref().unwrap();
    let rows = View::new(report, Duration::from_millis(9), Palette::COLOURED).rows(24, 80);
    assert!(rows[0].contains("0 done, \x1b[31m\x1b[1m1 failed\x1b[0m, 0 running"), "{:?}", rows[0]);
}
