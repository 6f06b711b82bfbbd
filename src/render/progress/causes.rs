//! Where the cause of a failure is on a terminal once the run has ended: on the last screen, whatever the number
//! of steps.

use indicatif::InMemoryTerm;

use super::*;
use crate::event::sample::*;
use crate::event::{CancelReason, EventKind, RunEnd};
use crate::pipeline::{Failure, Outcome, SkipReason, StepId};

/// Returns the last screen of a run of `steps`: one in the middle fails, the ones before it have succeeded, four
/// are cancelled with it, and the others never start.
fn last_screen(steps: usize, lines: u16, columns: u16) -> String {
    let term = InMemoryTerm::new(lines, columns);
    let mut progress = Progress::new(term.clone(), Palette::NONE);
    let mut next = |ms, kind| progress.event(&at(ms, kind)).unwrap();
    let bad = steps / 2;
    next(0, run_started(many(steps)));
    for step in 0..bad {
        next(10, started(step, 1));
        next(400, finished(step, Outcome::Succeeded, 1, 390));
    }
    (bad..steps.min(bad + 5)).for_each(|step| next(400, started(step, 1)));
    (1..=220).for_each(|n| next(900, output(bad, format!("curl: try {n}: no route to host\n"))));
    next(950, finished(bad, Outcome::Failed(Failure::Exit(7)), 1, 550));
    let reason = CancelReason::StepFailed(StepId::new(bad));
    next(951, EventKind::Cancelling { reason, now: false, grace: GRACE });
    for step in bad + 1..steps {
        let outcome = if step < bad + 5 { Outcome::Cancelled } else { Outcome::Skipped(SkipReason::Stopped) };
        next(960, finished(step, outcome, 1, 5));
    }
    next(1_000, run_finished(RunEnd::Failed { cause: Some(StepId::new(bad)) }, 1_000));
    term.contents()
}

#[test]
fn the_cause_of_a_small_run_is_on_the_last_screen() {
    insta::assert_snapshot!(last_screen(5, 24, 80), @r"
      ✓  step-0  390 ms
      ✓  step-1  390 ms
      ✗  step-2  550 ms  failed: exit code 7
      ■  step-3    5 ms  cancelled
      ■  step-4    5 ms  cancelled

    ✗ `step-2` failed: exit code 7
      at many.yml:1
      | curl: try 211: no route to host
      | curl: try 212: no route to host
      | curl: try 213: no route to host
      | curl: try 214: no route to host
      | curl: try 215: no route to host
      | curl: try 216: no route to host
      | curl: try 217: no route to host
      | curl: try 218: no route to host
      | curl: try 219: no route to host
      | curl: try 220: no route to host
      … 210 lines more: pipe logs last step-2
      2 steps were cancelled because of it: step-3, step-4

    failed: `step-2` exit code 7, 2 cancelled, in 1.0 s
    ");
}

#[test]
fn the_cause_of_a_large_run_is_on_the_last_screen() {
    insta::assert_snapshot!(last_screen(30, 24, 80), @r"
      ✗  step-15  550 ms  failed: exit code 7
      ✓  15 steps succeeded
      ■  4 cancelled
      -  10 skipped

    ✗ `step-15` failed: exit code 7
      at many.yml:1
      | curl: try 211: no route to host
      | curl: try 212: no route to host
      | curl: try 213: no route to host
      | curl: try 214: no route to host
      | curl: try 215: no route to host
      | curl: try 216: no route to host
      | curl: try 217: no route to host
      | curl: try 218: no route to host
      | curl: try 219: no route to host
      | curl: try 220: no route to host
      … 210 lines more: pipe logs last step-15
      4 steps were cancelled because of it: step-16, step-17, step-18, step-19
      10 steps were skipped because of it: step-20, step-21, step-22, step-23,
      step-24, step-25, step-26, step-27 and 2 more

    failed: `step-15` exit code 7, 4 cancelled, 10 skipped, in 1.0 s
    ");
    insta::assert_snapshot!(last_screen(200, 24, 80), @r"
      ✗  step-100  550 ms  failed: exit code 7
      ✓  100 steps succeeded
      ■  4 cancelled
      -  95 skipped

    ✗ `step-100` failed: exit code 7
      at many.yml:1
      | curl: try 211: no route to host
      | curl: try 212: no route to host
      | curl: try 213: no route to host
      | curl: try 214: no route to host
      | curl: try 215: no route to host
      | curl: try 216: no route to host
      | curl: try 217: no route to host
      | curl: try 218: no route to host
      | curl: try 219: no route to host
      | curl: try 220: no route to host
      … 210 lines more: pipe logs last step-100
      4 steps were cancelled because of it: step-101, step-102, step-103, step-104
      95 steps were skipped because of it: step-105, step-106, step-107, step-108,
      step-109, step-110, step-111, step-112 and 87 more

    failed: `step-100` exit code 7, 4 cancelled, 95 skipped, in 1.0 s
    ");
}

#[test]
fn the_cause_is_on_the_last_screen_of_a_large_terminal() {
    insta::assert_snapshot!(last_screen(30, 50, 200), @r"
    step-15 | curl: try 197: no route to host
    step-15 | curl: try 198: no route to host
    step-15 | curl: try 199: no route to host
    step-15 | curl: try 200: no route to host
    step-15 | curl: try 201: no route to host
    step-15 | curl: try 202: no route to host
    step-15 | curl: try 203: no route to host
    step-15 | curl: try 204: no route to host
    step-15 | curl: try 205: no route to host
    step-15 | curl: try 206: no route to host
    step-15 | curl: try 207: no route to host
    step-15 | curl: try 208: no route to host
    step-15 | curl: try 209: no route to host
    step-15 | curl: try 210: no route to host
    step-15 | curl: try 211: no route to host
    step-15 | curl: try 212: no route to host
    step-15 | curl: try 213: no route to host
    step-15 | curl: try 214: no route to host
    step-15 | curl: try 215: no route to host
    step-15 | curl: try 216: no route to host
    step-15 | curl: try 217: no route to host
    step-15 | curl: try 218: no route to host
    step-15 | curl: try 219: no route to host
    step-15 | curl: try 220: no route to host
    step-15 * failed: exit code 7, after 550 ms
            * `step-15` failed: stopping every step

      ✗  step-15  550 ms  failed: exit code 7
      ✓  15 steps succeeded
      ■  4 cancelled
      -  10 skipped

    ✗ `step-15` failed: exit code 7
      at many.yml:1
      | curl: try 211: no route to host
      | curl: try 212: no route to host
      | curl: try 213: no route to host
      | curl: try 214: no route to host
      | curl: try 215: no route to host
      | curl: try 216: no route to host
      | curl: try 217: no route to host
      | curl: try 218: no route to host
      | curl: try 219: no route to host
      | curl: try 220: no route to host
      … 210 lines more: pipe logs last step-15
      4 steps were cancelled because of it: step-16, step-17, step-18, step-19
      10 steps were skipped because of it: step-20, step-21, step-22, step-23, step-24, step-25, step-26, step-27 and 2 more

    failed: `step-15` exit code 7, 4 cancelled, 10 skipped, in 1.0 s
    ");
    for steps in [5, 30, 200] {
        for (lines, columns) in [(24, 80), (50, 200)] {
            let screen = last_screen(steps, lines, columns);
            let failed = format!("✗ `step-{}` failed: exit code 7", steps / 2);
            assert!(screen.contains(&failed), "{steps} steps on {lines}×{columns}:\n{screen}");
            assert!(screen.lines().last().unwrap().starts_with("failed: "), "{screen}");
        }
    }
}
