//! Services and shared containers in the summary.

use super::*;

fn all_goes_well() -> Vec<EventKind> {
    vec![
        started(DB, 1),
        output(DB, "LOG: one\n"),
        ready(DB, 1_200),
        started(TEST, 1),
        started(LINT, 1),
        finished(TEST, Outcome::Succeeded, 1, 700),
        finished(LINT, Outcome::Succeeded, 1, 650),
    ]
}

fn summed_up_at(kinds: impl IntoIterator<Item = (u64, EventKind)>) -> String {
    let EventKind::RunStarted(started) = served_started() else { unreachable!() };
    let mut report = Report::new(&started);
    kinds.into_iter().for_each(|(ms, kind)| report.event(&at(ms, kind)));
    text(&report, Palette::NONE)
}

#[test]
fn a_service_was_ready_and_up() {
    let events = all_goes_well().into_iter().map(|kind| (1_200, kind));
    let ends = [
        (15_300, finished(CI, Outcome::Succeeded, 1, 2_000)),
        (15_400, finished(DB, Outcome::Succeeded, 2, 15_400)),
        (15_500, run_finished(RunEnd::Succeeded, 15_500)),
    ];
    insta::assert_snapshot!(summed_up_at(events.chain(ends)), @r"
      ✓  test  700 ms  in ci
      ✓  lint  650 ms  in ci

      ✓  db  ready in 1.2 s, up 14.2 s, 2 attempts

    succeeded: 2 steps in 15.5 s
    ");
}

#[test]
fn a_container_that_took_long_to_start_is_told() {
    let starting = Duration::from_millis(3_400);
    let begun = EventKind::StepStarted { step: step(CI), attempt: 1, lane: None, starting };
    let events = [
        (3_400, begun),
        (3_400, ready(CI, 0)),
        (4_000, finished(LINT, Outcome::Succeeded, 1, 600)),
        (4_100, finished(CI, Outcome::Succeeded, 1, 4_100)),
        (4_200, run_finished(RunEnd::Succeeded, 4_200)),
    ];
    insta::assert_snapshot!(summed_up_at(events), @r"
      ✓  lint  600 ms  in ci

      ✓  ci  started in 3.4 s, up 700 ms

    succeeded: 1 step in 4.2 s
    ");
}

#[test]
fn the_end_of_its_log_stands_with_a_user_that_failed() {
    let mut events = all_goes_well();
    events[5] = finished(TEST, Outcome::Failed(Failure::Exit(101)), 1, 700);
    events.extend((2..=24).map(|line| output(DB, format!("LOG: line {line}\n"))));
    events.extend([
        finished(CI, Outcome::Succeeded, 1, 2_000),
        finished(DB, Outcome::Succeeded, 1, 15_400),
        run_finished(RunEnd::Failed { cause: Some(step(TEST)) }, 15_500),
    ]);
    insta::assert_snapshot!(summed_up(served(), events), @r"
      ✗  test  700 ms  failed: exit code 101, in ci
      ✓  lint  650 ms  in ci

      ✓  db  ready in 1.2 s, up 0 ms

    ✗ `test` failed: exit code 101
      at served.yml:6
      it printed nothing
      the service `db` said at last:
      | LOG: line 5
      | LOG: line 6
      | LOG: line 7
      | LOG: line 8
      | LOG: line 9
      | LOG: line 10
      | LOG: line 11
      | LOG: line 12
      | LOG: line 13
      | LOG: line 14
      | LOG: line 15
      | LOG: line 16
      | LOG: line 17
      | LOG: line 18
      | LOG: line 19
      | LOG: line 20
      | LOG: line 21
      | LOG: line 22
      | LOG: line 23
      | LOG: line 24
      … 4 lines more: pipe logs last db

    failed: `test` exit code 101, in 15.5 s
    ");
}

#[test]
fn one_that_ends_is_the_cause_and_its_log_is_told_once() {
    let mut events = all_goes_well();
    events.truncate(5);
    events.extend([
        output(DB, "PANIC: no space left\n"),
        finished(DB, Outcome::Failed(Failure::Exit(1)), 1, 4_000),
        finished(TEST, Outcome::Failed(Failure::Exit(3)), 1, 700),
        finished(LINT, Outcome::Tainted { producer: step(CI) }, 1, 650),
        finished(CI, Outcome::Failed(Failure::Signal(9)), 1, 4_000),
        run_finished(RunEnd::Failed { cause: Some(step(DB)) }, 15_500),
    ]);
    insta::assert_snapshot!(summed_up(served(), events), @r"
      ✗  test  700 ms  failed: exit code 3, in ci
      ~  lint  650 ms  tainted by `ci`, in ci

      ✗  db  failed: exit code 1, ready in 1.2 s, up 0 ms
      ✗  ci  failed: killed by SIGKILL

    ✗ `ci` failed: killed by SIGKILL
      at served.yml:4
      1 step was tainted because of it: lint
    ✗ `test` failed: exit code 3
      at served.yml:6
      it printed nothing
    ✗ `db` failed: exit code 1
      at served.yml:2
      | LOG: one
      | PANIC: no space left

    failed: `db` exit code 1, 2 more failed, 1 tainted, in 15.5 s
    ");
}

#[test]
fn one_that_never_got_ready_and_one_that_was_not_needed() {
    let late = Failure::NotReady("not ready within 1m; the last check said: no response".into());
    let unused = Outcome::Skipped(SkipReason::Condition("no step that uses it runs".into()));
    let because = Outcome::Skipped(SkipReason::Dependency(step(DB)));
    insta::assert_snapshot!(summed_up(served(), [
        started(DB, 1),
        finished(DB, Outcome::Failed(late), 1, 61_000),
        finished(TEST, because, 0, 0),
        finished(CI, unused.clone(), 0, 0),
        run_finished(RunEnd::Failed { cause: Some(step(DB)) }, 61_500),
    ]), @r"
      -  test    skipped: `db` did not succeed

      ✗  db  failed: not ready within 1m; the last check said: no response

    ✗ `db` failed: not ready within 1m; the last check said: no response
      at served.yml:2
      it printed nothing
      1 step was skipped because of it: test

    failed: `db` not ready within 1m; the last check said: no response, 1 skipped, in 1m 01s
    ");
    insta::assert_snapshot!(summed_up(served(), [
        finished(DB, unused.clone(), 0, 0),
        finished(CI, unused, 0, 0),
        finished(TEST, Outcome::Skipped(SkipReason::Condition("slow is false".into())), 0, 0),
        run_finished(RunEnd::Succeeded, 1),
    ]), @r"
      -  test    skipped: slow is false

      -  db  skipped: no step that uses it runs

    succeeded: 0 steps in 1 ms, 1 skipped by condition
    ");
    insta::assert_snapshot!(summed_up(served(), [
        started(DB, 1),
        finished(DB, Outcome::Succeeded, 1, 100),
        run_finished(RunEnd::Succeeded, 101),
    ]), @r"
      ✓  db  not needed any more before it was ready

    succeeded: 0 steps in 101 ms
    ");
}
