//! What a run is said to come to.

mod ends;
mod services;

use std::time::Duration;

use super::*;
use crate::event::sample::*;
use crate::event::{CancelReason, EventKind, KeptFile, RunFinished, StreamFinished};
use crate::pipeline::{Failure, Lane, Outcome, Pipeline, RunOutcome, SkipReason};

fn summed_up(pipeline: Pipeline, kinds: impl IntoIterator<Item = EventKind>) -> String {
    let EventKind::RunStarted(started) = run_started(pipeline) else { unreachable!() };
    let mut report = Report::new(&started);
    kinds.into_iter().for_each(|kind| report.event(&at(10, kind)));
    text(&report, Palette::NONE)
}

fn step(number: usize) -> StepId {
    StepId::new(number)
}

fn skipped(because_of: usize) -> Outcome {
    Outcome::Skipped(SkipReason::Dependency(step(because_of)))
}

/// Returns the archive, read to its end by all.
fn archive() -> StreamFinished {
    const GIB: u64 = 1 << 30;
    let mut stats = stats(GIB, 3.1e9, &[(COMPRESS, GIB), (CHECKSUM, GIB), (COUNT, GIB)]);
    stats.lasted = Duration::from_millis(5_200);
    ended(stats)
}

#[test]
fn success() {
    let mut archive = archive();
    archive.stats.edges[0].blocked = Duration::from_millis(4_100);
    archive.stats.edges[1].blocked = Duration::from_millis(20);
    insta::assert_snapshot!(summed_up(backup(), [
        finished(TAR, Outcome::Succeeded, 1, 5_210),
        EventKind::StreamFinished(archive),
        finished(COMPRESS, Outcome::Succeeded, 1, 5_300),
        finished(CHECKSUM, Outcome::Succeeded, 1, 5_220),
        finished(COUNT, Outcome::Succeeded, 1, 5_215),
        finished(MANIFEST, Outcome::Succeeded, 1, 9),
        finished(UPLOAD, Outcome::Succeeded, 3, 65_400),
        run_finished(RunEnd::Succeeded, 70_800),
    ]), @r"
      ✓  create-archive   5.2 s
      ✓  compress         5.3 s
      ✓  checksum         5.2 s
      ✓  count            5.2 s
      ✓  manifest          9 ms
      ✓  upload          1m 05s  3 attempts

      ≡  archive  1.0 GiB  2.9 GiB/s  splice  create-archive → compress, checksum, count
           `compress` held the pace: the stream waited for it 78 % of the time

    succeeded: 6 steps in 1m 10s
    ");
}

#[test]
fn the_lanes_of_containers_and_a_reader_that_never_started() {
    let mut archive = archive();
    archive.complete = false;
    archive.stats.edges.truncate(1);
    let never = Failure::Start("there is no image `x`".into());
    insta::assert_snapshot!(summed_up(backup(), [
        started_in_container(TAR, 1, Lane::Fifo),
        started_in_container(COMPRESS, 2, Lane::Attach),
        started(COUNT, 1),
        finished(CHECKSUM, Outcome::Failed(never), 1, 0),
        EventKind::StreamFinished(archive),
        finished(TAR, Outcome::Cancelled, 1, 700),
        finished(COMPRESS, Outcome::Cancelled, 2, 700),
        run_finished(RunEnd::Failed { cause: Some(step(CHECKSUM)) }, 800),
    ]), @r"
      ■  create-archive  700 ms  cancelled, fifo lane
      ■  compress        700 ms  cancelled, attach lane, 2 attempts
      ✗  checksum          0 ms  failed: could not start: there is no image `x`

      ~  archive  1.0 GiB  2.9 GiB/s  splice  create-archive → compress, checksum, count (from disk)
           incomplete; no reader saw end-of-file

    ✗ `checksum` failed: could not start: there is no image `x`
      at pipeline.yml:7

    failed: `checksum` could not start: there is no image `x`, 2 cancelled, in 800 ms
    ");
}

#[test]
fn a_failure_and_what_fell_with_it() {
    let mut archive = archive();
    archive.complete = false;
    let tainted = |reader| finished(reader, Outcome::Tainted { producer: step(TAR) }, 2, 1_260);
    let mut kinds = vec![started(TAR, 2)];
    kinds.extend((1..=14).map(|n| output(TAR, format!("tar: \x1b[31mfile {n}\x1b[0m: cannot read\n"))));
    kinds.extend([
        finished(TAR, Outcome::Failed(Failure::Exit(2)), 2, 1_250),
        EventKind::Cancelling { reason: CancelReason::StepFailed(step(TAR)), now: false, grace: GRACE },
        EventKind::StreamFinished(archive),
        tainted(COMPRESS),
        tainted(CHECKSUM),
        tainted(COUNT),
        finished(MANIFEST, skipped(COMPRESS), 0, 0),
        finished(UPLOAD, skipped(MANIFEST), 0, 0),
        run_finished(RunEnd::Failed { cause: Some(step(TAR)) }, 1_300),
    ]);
    insta::assert_snapshot!(summed_up(backup(), kinds), @r"
      ✗  create-archive  1.2 s  failed: exit code 2, 2 attempts
      ~  compress        1.2 s  tainted by `create-archive`, 2 attempts
      ~  checksum        1.2 s  tainted by `create-archive`, 2 attempts
      ~  count           1.2 s  tainted by `create-archive`, 2 attempts
      -  manifest               skipped: `compress` did not succeed
      -  upload                 skipped: `manifest` did not succeed

      ~  archive  1.0 GiB  2.9 GiB/s  splice  create-archive → compress, checksum, count
           incomplete; no reader saw end-of-file

    ✗ `create-archive` failed: exit code 2, after 2 attempts
      at pipeline.yml:3
      | tar: file 5: cannot read
      | tar: file 6: cannot read
      | tar: file 7: cannot read
      | tar: file 8: cannot read
      | tar: file 9: cannot read
      | tar: file 10: cannot read
      | tar: file 11: cannot read
      | tar: file 12: cannot read
      | tar: file 13: cannot read
      | tar: file 14: cannot read
      … 4 lines more: pipe logs last create-archive
      3 steps were tainted because of it: compress, checksum, count
      2 steps were skipped because of it: manifest, upload

    failed: `create-archive` exit code 2, 3 tainted, 2 skipped, in 1.3 s
    ");
}

#[test]
fn the_first_failure_is_the_cause_of_its_own_only() {
    insta::assert_snapshot!(summed_up(backup(), [
        finished(COUNT, Outcome::TimedOut, 1, 900),
        finished(TAR, Outcome::Succeeded, 1, 900),
        finished(COMPRESS, Outcome::Succeeded, 1, 900),
        finished(CHECKSUM, Outcome::Failed(Failure::Start("no such folder:\n  /nowhere".into())), 1, 900),
        finished(MANIFEST, skipped(CHECKSUM), 0, 0),
        finished(UPLOAD, skipped(MANIFEST), 0, 0),
        run_finished(RunEnd::Failed { cause: Some(step(COUNT)) }, 1_300),
    ]), @r"
      ✓  create-archive  900 ms
      ✓  compress        900 ms
      ✗  checksum        900 ms  failed: could not start: no such folder: /nowhere
      ✗  count           900 ms  timed out
      -  manifest                skipped: `checksum` did not succeed
      -  upload                  skipped: `manifest` did not succeed

    ✗ `checksum` failed: could not start: no such folder: /nowhere
      at pipeline.yml:7
      2 steps were skipped because of it: manifest, upload
    ✗ `count` timed out
      at pipeline.yml:9

    failed: `count` timed out, 1 more failed, 2 skipped, in 1.3 s
    ");
}

#[test]
fn an_ignored_failure_that_broke_a_stream() {
    let ignored = |code| Outcome::Ignored(Failure::Exit(code));
    insta::assert_snapshot!(summed_up(backup(), [
        finished(TAR, ignored(2), 1, 900),
        EventKind::Cancelling { reason: CancelReason::StepFailed(step(TAR)), now: false, grace: GRACE },
        finished(COMPRESS, Outcome::Tainted { producer: step(TAR) }, 1, 900),
        finished(CHECKSUM, Outcome::Failed(Failure::Exit(1)), 1, 900),
        finished(COUNT, ignored(3), 1, 900),
        finished(MANIFEST, Outcome::Skipped(SkipReason::Stopped), 0, 0),
        finished(UPLOAD, skipped(MANIFEST), 0, 0),
        run_finished(RunEnd::Failed { cause: Some(step(TAR)) }, 1_300),
    ]), @r"
      !  create-archive  900 ms  failed, ignored: exit code 2
      ~  compress        900 ms  tainted by `create-archive`
      ✗  checksum        900 ms  failed: exit code 1
      !  count           900 ms  failed, ignored: exit code 3
      -  manifest                skipped: the run was stopped
      -  upload                  skipped: `manifest` did not succeed

    ✗ `checksum` failed: exit code 1
      at pipeline.yml:7
    ✗ `create-archive` failed, ignored: exit code 2
      at pipeline.yml:3
      1 step was tainted because of it: compress
      2 steps were skipped because of it: manifest, upload

    failed: `create-archive` failed, ignored: exit code 2, 1 more failed, 1 tainted, 2 skipped, in 1.3 s
    ");
}

#[test]
fn an_interruption() {
    insta::assert_snapshot!(summed_up(backup(), [
        finished(TAR, Outcome::Cancelled, 1, 900),
        EventKind::Cancelling { reason: CancelReason::Signal(2), now: false, grace: GRACE },
        finished(COMPRESS, Outcome::Tainted { producer: step(TAR) }, 1, 900),
        finished(CHECKSUM, Outcome::Tainted { producer: step(TAR) }, 1, 900),
        finished(COUNT, Outcome::Cancelled, 1, 900),
        finished(MANIFEST, Outcome::Skipped(SkipReason::Stopped), 0, 0),
        finished(UPLOAD, skipped(MANIFEST), 0, 0),
        run_finished(RunEnd::Signalled(2), 1_300),
    ]), @r"
      ■  create-archive  900 ms  cancelled
      ~  compress        900 ms  tainted by `create-archive`
      ~  checksum        900 ms  tainted by `create-archive`
      ■  count           900 ms  cancelled
      -  manifest                skipped: the run was stopped
      -  upload                  skipped: `manifest` did not succeed

    ■ cancelled by SIGINT
      2 steps were tainted: compress, checksum
      2 steps were cancelled: create-archive, count
      2 steps were skipped: manifest, upload

    cancelled by SIGINT: 2 tainted, 2 cancelled, 2 skipped, after 1.3 s
    ");
}

#[test]
fn finally_steps_are_a_block_of_their_own() {
    let text = summed_up(
        with_clean_up(),
        [
            finished(TAR, Outcome::Failed(Failure::Exit(2)), 1, 500),
            phase(RunOutcome::Failed, "create-archive"),
            finished(UPLOAD, Outcome::Failed(Failure::Exit(7)), 1, 500),
            run_finished(RunEnd::Failed { cause: Some(step(TAR)) }, 1_300),
        ],
    );
    let [of_body, heading, of_later] =
        ["✗  create-archive", "\nfinally\n", "✗  upload"].map(|it| text.find(it));
    assert!(of_body < heading && heading < of_later && of_body.is_some(), "{text}");
    assert!(text.contains("failed: `create-archive` exit code 2, 1 more failed"), "{text}");
}

#[test]
fn an_early_leaver() {
    let mut archive = archive();
    archive.stats.edges[2].left = true;
    archive.unread = vec![(step(COUNT), Some(1023 << 20))];
    archive.stats.starved = Duration::from_millis(3_700);
    let all = (TAR..=UPLOAD).map(|step| finished(step, Outcome::Succeeded, 1, 20));
    let kinds = all.chain([EventKind::StreamFinished(archive), run_finished(RunEnd::Succeeded, 50)]);
    insta::assert_snapshot!(summed_up(backup(), kinds), @r"
      ✓  create-archive  20 ms
      ✓  compress        20 ms
      ✓  checksum        20 ms
      ✓  count           20 ms
      ✓  manifest        20 ms
      ✓  upload          20 ms

      ≡  archive  1.0 GiB  2.9 GiB/s  splice  create-archive → compress, checksum, count
           `count` left 1023 MiB unread
           `create-archive` was waited for, 71 % of the time

    succeeded: 6 steps in 50 ms
    ");
}

#[test]
fn a_lone_leaver_ends_its_producer() {
    let mut data = ended(stats(1 << 20, 1e9, &[(0, 1 << 20)]));
    data.complete = false;
    data.unread = vec![(step(0), None)];
    insta::assert_snapshot!(summed_up(fed(), [
        finished(0, Outcome::Succeeded, 1, 20),
        finished(1, Outcome::Succeeded, 1, 20),
        EventKind::StreamFinished(data),
        run_finished(RunEnd::Succeeded, 50),
    ]), @r"
      ✓  sum  20 ms

      ≡  data  1.0 MiB  954 MiB/s  splice  standard input → sum
           all readers closed early; the rest was not produced

    succeeded: 1 step in 50 ms
    ");
}

#[test]
fn a_kept_stream_and_an_ignored_failure() {
    let mut pipeline = backup();
    pipeline.streams[0].readers.clear();
    let mut archive = ended(stats(1 << 30, 3.1e9, &[]));
    let path = ".pipe/runs/20261122-231500-1a2b/streams/archive".into();
    archive.kept = Some(KeptFile { path, bytes: 1 << 30, sha256: "ab12".repeat(16) });
    archive.backend = "copy";
    insta::assert_snapshot!(summed_up(pipeline, [
        finished(TAR, Outcome::Succeeded, 1, 20),
        finished(UPLOAD, Outcome::Ignored(Failure::Exit(7)), 4, 20),
        EventKind::StreamFinished(archive),
        run_finished(RunEnd::Succeeded, 50),
    ]), @r"
      ✓  create-archive  20 ms
      !  upload          20 ms  failed, ignored: exit code 7, 4 attempts

      ≡  archive  1.0 GiB  2.9 GiB/s  copy  create-archive → (no reader)
           kept in .pipe/runs/20261122-231500-1a2b/streams/archive, 1.0 GiB, sha256 ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12

    succeeded: 2 steps in 50 ms, 1 failure ignored
    ");
}

#[test]
fn an_aborted_run() {
    insta::assert_snapshot!(summed_up(many(2), [
        EventKind::Cancelling { reason: CancelReason::Aborted, now: true, grace: GRACE },
        finished(0, Outcome::Cancelled, 1, 20),
        finished(1, Outcome::Skipped(SkipReason::Stopped), 0, 0),
        run_finished(RunEnd::Aborted("cannot write to the journal: disk full".into()), 50),
    ]), @r"
      ■  step-0  20 ms  cancelled
      -  step-1         skipped: the run was stopped

    ✗ aborted: cannot write to the journal: disk full
      1 step was cancelled: step-0
      1 step was skipped: step-1

    aborted after 50 ms: cannot write to the journal: disk full
    ");
}

#[test]
fn a_large_run_is_folded() {
    let outcome = |n: usize| match n {
        500 => Outcome::Failed(Failure::Exit(1)),
        501.. => skipped(500),
        _ => Outcome::Succeeded,
    };
    let ends = (0..1_000).map(|n| finished(n, outcome(n), u32::from(n <= 500), n as u64));
    let end = run_finished(RunEnd::Failed { cause: Some(step(500)) }, 1_000);
    let text = summed_up(many(1_000), ends.chain([end]));
    assert!(text.lines().count() < 60);
    let closing: Vec<&str> = text.lines().rev().take(6).collect();
    insta::assert_snapshot!(closing.into_iter().rev().collect::<Vec<_>>().join("\n"), @r"
    ✗ `step-500` failed: exit code 1
      at many.yml:1
      499 steps were skipped because of it: step-501, step-502, step-503, step-504, step-505, step-506, step-507, step-508 and 491 more

    failed: `step-500` exit code 1, 499 skipped, in 1.0 s
    ");
    insta::assert_snapshot!(text.lines().take(4).collect::<Vec<_>>().join("\n"), @r"
    ✗  step-500  500 ms  failed: exit code 1
    ✓  500 steps succeeded
    -  499 skipped
    ");
}
