//! Summaries of runs with outputs, and of runs without an end.

use super::*;

#[test]
fn there_is_none_before_the_end() {
    assert_eq!(summed_up(backup(), [finished(TAR, Outcome::Succeeded, 1, 1)]), "");
}

#[test]
fn what_the_run_gives_back_stands_before_the_last_line() {
    let outputs = [
        ("version", "1.2.3".to_owned()),
        ("notes", "first\x1b[31m line\nsecond".to_owned()),
        ("list", "x".repeat(3_000)),
        ("empty", String::new()),
    ];
    let outputs = outputs.map(|(name, value)| (name.to_owned(), value)).into();
    let end = RunFinished { end: RunEnd::Succeeded, duration: Duration::from_millis(50), outputs };
    let kinds = [finished(0, Outcome::Succeeded, 1, 20), EventKind::RunFinished(end)];
    insta::assert_snapshot!(summed_up(many(1), kinds), @r"
      ✓  step-0  20 ms

      →  version  1.2.3
      →  notes    first line … (2 lines)
      →  list     xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx … (2.9 KiB)
      →  empty

    succeeded: 1 step in 50 ms
    ");
}

#[test]
fn an_output_that_cannot_be_given_fails_the_run() {
    let why = "the output `x`: `a` did not set the output `x`; it gave none";
    let kinds = [finished(0, Outcome::Succeeded, 1, 20), run_finished(RunEnd::NoOutput(why.into()), 50)];
    insta::assert_snapshot!(summed_up(many(1), kinds), @r"
      ✓  step-0  20 ms

    failed after 50 ms: the output `x`: `a` did not set the output `x`; it gave none
    ");
}

#[test]
fn a_run_without_an_end() {
    let of = |lives| {
        let EventKind::RunStarted(begun) = run_started(backup()) else { unreachable!() };
        let mut report = Report::new(&begun);
        for kind in [
            started(TAR, 1),
            started(COMPRESS, 1),
            finished(CHECKSUM, Outcome::Failed(Failure::Exit(3)), 1, 70),
        ] {
            report.event(&at(10, kind));
        }
        unfinished(&report, lives, Duration::from_millis(12_340), Palette::NONE)
    };
    insta::assert_snapshot!(of(false), @r"
      ✗  checksum  70 ms  failed: exit code 3

    ✗ `checksum` failed: exit code 3
      at pipeline.yml:7

    died after about 12.3 s: 0 done, 1 failed, 2 running (create-archive, compress), 3 waiting
    ");
    assert!(of(true).ends_with(
        "goes on after 12.3 s: 0 done, 1 failed, 2 running (create-archive, compress), 3 waiting\n"
    ));
}

#[test]
fn a_long_start_is_shown_apart_and_a_silent_failure_says_so() {
    let in_container = |step, ms| EventKind::StepStarted {
        step: StepId::new(step),
        attempt: 1,
        lane: Some(Lane::Fifo),
        starting: Duration::from_millis(ms),
    };
    let EventKind::StepFinished(silent) = finished(CHECKSUM, Outcome::Failed(Failure::Exit(1)), 1, 70) else {
        unreachable!()
    };
    let command = Some("cmp a b".into());
    let silent = crate::event::StepFinished {
        circumstances: crate::event::Circumstances { command, ..Default::default() },
        ..silent
    };
    insta::assert_snapshot!(summed_up(backup(), [
        in_container(TAR, 12_000),
        in_container(COMPRESS, 900),
        started(CHECKSUM, 1),
        finished(TAR, Outcome::Succeeded, 1, 15_000),
        finished(COMPRESS, Outcome::Succeeded, 1, 15_000),
        EventKind::StepFinished(silent),
        run_finished(RunEnd::Failed { cause: Some(step(CHECKSUM)) }, 15_000),
    ]), @r"
      ✓  create-archive  15.0 s  12.0 s of it to start, fifo lane
      ✓  compress        15.0 s  fifo lane
      ✗  checksum         70 ms  failed: exit code 1

    ✗ `checksum` failed: exit code 1
      at pipeline.yml:7
      it printed nothing; the last line of its script: `cmp a b` (`pipe run --trace` logs the script)

    failed: `checksum` exit code 1, in 15.0 s
    ");
}

#[test]
fn readers_that_did_not_run_are_named_so() {
    let skipped = Outcome::Skipped(SkipReason::Stopped);
    let text = summed_up(
        backup(),
        [
            finished(TAR, Outcome::Succeeded, 1, 20),
            EventKind::StreamFinished(archive()),
            finished(COMPRESS, Outcome::LeftOut, 0, 0),
            finished(CHECKSUM, skipped, 0, 0),
            finished(COUNT, Outcome::Reused, 0, 0),
            run_finished(RunEnd::Succeeded, 50),
        ],
    );
    let way = "create-archive → compress (left out), checksum (skipped), count (done before)";
    assert!(text.contains(way), "{text}");
}

#[test]
fn a_failure_says_what_its_step_is_for() {
    let mut pipeline = backup();
    pipeline.steps[CHECKSUM].description = Some("Sees that the archive\nis whole".into());
    let text = summed_up(
        pipeline,
        [
            finished(CHECKSUM, Outcome::Failed(Failure::Exit(1)), 1, 20),
            run_finished(RunEnd::Failed { cause: Some(StepId::new(CHECKSUM)) }, 50),
        ],
    );
    assert!(text.contains("\n  at pipeline.yml:7 (Sees that the archive is whole)\n"), "{text}");
}

fn condition(words: &str) -> Outcome {
    Outcome::Skipped(SkipReason::Condition(words.into()))
}

#[test]
fn steps_that_are_passed_over_spoil_nothing() {
    let without = Outcome::Skipped(SkipReason::Without(step(CHECKSUM)));
    let mut stream = ended(stats(1 << 30, 0.0, &[]));
    stream.discarded = true;
    let kinds = [
        finished(TAR, Outcome::Succeeded, 1, 20),
        EventKind::StreamFinished(stream.clone()),
        finished(COMPRESS, condition("release is false"), 0, 0),
        finished(CHECKSUM, condition("release is false"), 0, 0),
        finished(COUNT, condition("release is false"), 0, 0),
        finished(MANIFEST, without, 0, 0),
        run_finished(RunEnd::Succeeded, 50),
    ];
    let text = summed_up(backup(), kinds);
    for line in [
        "  -  compress               skipped: release is false\n",
        "  -  manifest               skipped: it needs `checksum`, which did not run\n",
        "create-archive → no reader\n       discarded: its readers were skipped\n",
        "\nsucceeded: 1 step in 50 ms, 4 skipped by condition\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    stream.discarded = false;
    let kinds = [
        finished(TAR, Outcome::Succeeded, 1, 20),
        EventKind::StreamFinished(stream),
        finished(COMPRESS, Outcome::Skipped(SkipReason::Stopped), 0, 0),
        finished(CHECKSUM, condition("release is false"), 0, 0),
        finished(COUNT, Outcome::Skipped(SkipReason::Stopped), 0, 0),
        finished(UPLOAD, Outcome::Failed(Failure::Exit(1)), 1, 20),
        run_finished(RunEnd::Failed { cause: Some(step(UPLOAD)) }, 50),
    ];
    let text = summed_up(backup(), kinds);
    let way = "create-archive → no reader (compress, checksum, count were skipped)";
    assert!(text.contains(way) && !text.contains("discarded"), "{text}");
    assert!(text.ends_with("failed: `upload` exit code 1, 2 skipped, in 50 ms\n"), "{text}");
}
