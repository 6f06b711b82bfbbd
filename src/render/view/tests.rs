//! The live view at single moments.

use super::*;
use crate::event::EventKind;
use crate::event::sample::*;
use crate::pipeline::{Failure, Pipeline, SkipReason, StepId};

fn drawn(pipeline: Pipeline, kinds: Vec<EventKind>, lines: usize, columns: usize) -> String {
    let EventKind::RunStarted(started) = run_started(pipeline) else { unreachable!() };
    let mut report = Report::new(&started);
    kinds.into_iter().for_each(|kind| report.event(&at(100, kind)));
    let now = Duration::from_millis(12_340);
    View::new(&report, now, Palette::NONE).rows(lines, columns).join("\n")
}

fn under_way() -> Vec<EventKind> {
    let mut stats = stats(1288490189, 3.1 * 1073741824.0, &[(COMPRESS, 9), (CHECKSUM, 9), (COUNT, 9)]);
    stats.edges[2].left = true;
    vec![
        started(TAR, 1),
        started(COMPRESS, 1),
        started(CHECKSUM, 2),
        started(COUNT, 1),
        EventKind::StreamProgress(vec![stats]),
        finished(COUNT, Outcome::Succeeded, 1, 850),
    ]
}

#[test]
fn what_fits_is_shown_whole() {
    insta::assert_snapshot!(drawn(backup(), Vec::new(), 24, 80), @r"
    ⠸ backup             12.3 s  0 done, 0 running, 6 waiting
      · create-archive
          archive
      · compress
      · checksum
      · count
      · manifest
      · upload
    ");
    insta::assert_snapshot!(drawn(backup(), under_way(), 24, 80), @r"
    ⠸ backup             12.3 s  1 done, 3 running, 2 waiting
      ⠸ create-archive   12.2 s
          archive       1.2 GiB   3.1 GiB/s → compress, checksum, count (left)
      ⠸ compress         12.2 s
      ⠸ checksum         12.2 s  attempt 2
      ✓ count            850 ms
      · manifest
      · upload
    ");
}

#[test]
fn a_progress_bar_is_shown_beside_its_step() {
    let bar = [
        started(TAR, 2),
        output(TAR, "begin\n"),
        output(TAR, "10%\r"),
        output(TAR, "\x1b[1m99% \x1b[0m of it\r"),
    ];
    let row = |events: Vec<EventKind>| drawn(backup(), events, 24, 80).lines().nth(1).unwrap().to_owned();
    assert_eq!(row(bar.to_vec()), "  ⠸ create-archive   12.2 s  attempt 2  99%  of it");
    let begun = EventKind::StepLine { step: StepId::new(TAR), bytes: b"100%, almost".as_slice().into() };
    let with_begun = row(bar.iter().cloned().chain([begun]).collect());
    assert_eq!(with_begun, "  ⠸ create-archive   12.2 s  attempt 2  100%, almost");
    let over = bar.into_iter().chain([output(TAR, "\n")]);
    assert_eq!(row(over.collect()), "  ⠸ create-archive   12.2 s  attempt 2");
}

#[test]
fn retries_and_ends() {
    let mut ended = ended(stats(1 << 20, 1e6, &[]));
    ended.complete = false;
    insta::assert_snapshot!(drawn(backup(), vec![
        started(TAR, 1),
        EventKind::StepRetrying {
            step: StepId::new(TAR),
            attempt: 1,
            failure: Failure::Exit(28),
            delay: Duration::from_secs(20),
            restarting: vec![StepId::new(TAR), StepId::new(COMPRESS)],
        },
        EventKind::StreamFinished(ended),
        started(COMPRESS, 1),
        finished(COMPRESS, Outcome::Tainted { producer: StepId::new(TAR) }, 1, 10),
        finished(CHECKSUM, Outcome::Failed(Failure::Exit(2)), 3, 61_000),
        finished(COUNT, Outcome::TimedOut, 1, 61_000),
        finished(MANIFEST, Outcome::Skipped(SkipReason::Dependency(StepId::new(CHECKSUM))), 0, 0),
        finished(UPLOAD, Outcome::Cancelled, 1, 900),
    ], 24, 80), @r"
    ⠸ backup             12.3 s  0 done, 2 failed, 1 running, 0 waiting, 1 tainted,…
      ↻ create-archive   12.2 s  exit code 28, starts again in 7.7 s
          archive       1.0 MiB   977 KiB/s → compress, checksum, count
      ~ compress          10 ms  tainted
      ✗ checksum         1m 01s  exit code 2
      ✗ count            1m 01s  timed out
      - manifest                 skipped
      ■ upload           900 ms  cancelled
    ");
}

#[test]
fn no_row_is_wider_than_the_terminal() {
    insta::assert_snapshot!(drawn(backup(), under_way(), 24, 40), @r"
    ⠸ backup             12.3 s  1 done, 3 …
      ⠸ create-archive   12.2 s
          archive       1.2 GiB   3.1 GiB/s…
      ⠸ compress         12.2 s
      ⠸ checksum         12.2 s  attempt 2
      ✓ count            850 ms
      · manifest
      · upload
    ");
    for columns in 1..60 {
        for row in drawn(backup(), under_way(), 24, columns).lines() {
            assert!(console::measure_text_width(row) <= columns, "{row}");
        }
    }
}

#[test]
fn of_what_does_not_fit_the_running_is_shown() {
    insta::assert_snapshot!(drawn(backup(), under_way(), 7, 80), @r"
    ⠸ backup             12.3 s  1 done, 3 running, 2 waiting
      ⠸ create-archive   12.2 s
          archive       1.2 GiB   3.1 GiB/s → compress, checksum, count (left)
      ⠸ compress         12.2 s
      … 1 more running
    ");
    let many_running = (10..30).map(|step| started(step, 1)).chain([finished(0, Outcome::Succeeded, 1, 1)]);
    insta::assert_snapshot!(drawn(many(100), many_running.collect(), 10, 80), @r"
    ⠸ many         12.3 s  1 done, 20 running, 79 waiting
      ⠸ step-10    12.2 s
      ⠸ step-11    12.2 s
      ⠸ step-12    12.2 s
      ⠸ step-13    12.2 s
      ⠸ step-14    12.2 s
      ⠸ step-15    12.2 s
      … 14 more running
    ");
    for lines in 0..40 {
        let all = (0..100).map(|step| started(step, 1)).collect();
        assert!(drawn(many(100), all, lines, 80).lines().count() <= lines.saturating_sub(1).max(1));
    }
}

#[test]
fn the_reader_that_holds_up_a_stream_is_named_while_it_does() {
    let after = |ms: u64, blocked: u64, starved: u64| {
        let mut stats = stats(ms << 20, 1e9, &[(COMPRESS, 9), (CHECKSUM, 9), (COUNT, 9)]);
        stats.lasted = Duration::from_millis(ms);
        stats.starved = Duration::from_millis(starved);
        stats.edges[1].blocked = Duration::from_millis(blocked);
        EventKind::StreamProgress(vec![stats])
    };
    let row = |kinds: &[EventKind]| {
        let kinds = [started(TAR, 1)].into_iter().chain(kinds.iter().cloned()).collect();
        drawn(backup(), kinds, 24, 90).lines().nth(2).unwrap().trim().to_owned()
    };
    let readers = "→ compress, checksum, count";
    let slow = [after(500, 0, 0), after(1_000, 400, 0)];
    assert!(row(&slow).ends_with("→ compress, checksum (holds the pace), count"), "{}", row(&slow));
    let over = [slow.to_vec(), vec![after(1_500, 400, 100), after(2_100, 400, 900)]].concat();
    assert!(row(&over).ends_with(&format!("{readers} (all wait for more)")), "{}", row(&over));
    assert!(row(&[over, vec![after(3_200, 400, 900)]].concat()).ends_with(readers));
}

#[test]
fn a_feed_is_a_stream_from_somewhere() {
    let feeding =
        vec![started(0, 1), started(1, 1), EventKind::StreamProgress(vec![stats(4096, 1e6, &[(0, 4096)])])];
    insta::assert_snapshot!(drawn(fed(), feeding, 24, 80), @r"
    ⠸ fed          12.3 s  0 done, 1 running, 0 waiting
      ⠸ sum        12.2 s
          data    4.0 KiB   977 KiB/s standard input → sum
    ");
}

#[test]
fn services_stand_above_the_steps() {
    let mut events = vec![started(DB, 1), started(CI, 1), ready(CI, 0)];
    insta::assert_snapshot!(drawn(served(), events.clone(), 24, 80), @r"
    ⠸ served       12.3 s  0 done, 0 running, 2 waiting
      ⠸ db         12.2 s  not ready yet
      · test
      · lint
    ");
    events.extend([ready(DB, 1_200), started(TEST, 1)]);
    insta::assert_snapshot!(drawn(served(), events.clone(), 24, 80), @r"
    ⠸ served       12.3 s  0 done, 1 running, 1 waiting
      ● db         12.2 s  ready
      ⠸ test       12.2 s
      · lint
    ");
    events.push(finished(DB, Outcome::Failed(Failure::Exit(1)), 1, 4_000));
    events.push(finished(CI, Outcome::Failed(Failure::Signal(9)), 1, 4_000));
    insta::assert_snapshot!(drawn(served(), events.clone(), 24, 80), @r"
    ⠸ served       12.3 s  0 done, 1 running, 1 waiting
      ✗ db          4.0 s  exit code 1
      ✗ ci          4.0 s  killed by SIGKILL
      ⠸ test       12.2 s
      · lint
    ");
    assert_eq!(drawn(served(), events, 4, 80).lines().count(), 3);
}
