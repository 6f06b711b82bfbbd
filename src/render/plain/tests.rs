//! What a log of a run looks like.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::event::sample::*;
use crate::event::{CancelReason, RunEnd, StepFinished};
use crate::pipeline::{Failure, Outcome, Pipeline, RunOutcome, SkipReason, StepId};
use crate::render::Palette;

/// Keeps what was written, each write by itself.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<Vec<u8>>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn told(pipeline: Pipeline, palette: Palette, kinds: impl IntoIterator<Item = EventKind>) -> String {
    let written = Written::default();
    let mut plain = Plain::new(Box::new(written.clone()), palette);
    plain.event(&at(0, run_started(pipeline))).unwrap();
    for kind in kinds {
        plain.event(&at(10, kind)).unwrap();
    }
    let writes = written.0.lock().unwrap();
    String::from_utf8(writes.concat()).unwrap()
}

#[test]
fn the_phase_of_the_finally_steps_has_a_line() {
    let line = |outcome, cause: &str| {
        let said = told(with_clean_up(), Palette::NONE, [phase(outcome, cause)]);
        said.lines().last().unwrap_or_default().trim_start().to_owned()
    };
    assert_eq!(line(RunOutcome::Succeeded, ""), "* finally: upload");
    assert_eq!(line(RunOutcome::Failed, "compress"), "* finally: upload (the run failed: compress)");
    assert_eq!(line(RunOutcome::Cancelled, ""), "* finally: upload (the run was cancelled)");
    assert_eq!(line(RunOutcome::Error, ""), "* finally: upload (the run is aborted)");
}

#[test]
fn a_run_in_lines() {
    let tainted = Outcome::Tainted { producer: StepId::new(TAR) };
    let skipped = Outcome::Skipped(SkipReason::Dependency(StepId::new(COMPRESS)));
    insta::assert_snapshot!(told(backup(), Palette::NONE, [
        started(TAR, 1),
        started(COMPRESS, 1),
        output(TAR, "\x1b[33mtar: removing leading `/'\x1b[0m\n10%\r100%\r\n"),
        EventKind::StepRetrying {
            step: StepId::new(TAR),
            attempt: 1,
            failure: Failure::Signal(9),
            delay: Duration::from_millis(1500),
            restarting: vec![StepId::new(TAR), StepId::new(COMPRESS)],
        },
        started(TAR, 2),
        started(COMPRESS, 2),
        EventKind::Warning("the pipes of this machine are small".into()),
        finished(TAR, Outcome::Failed(Failure::Exit(2)), 2, 1250),
        EventKind::Cancelling { reason: CancelReason::StepFailed(StepId::new(TAR)), now: false, grace: GRACE },
        finished(COMPRESS, tainted, 2, 1250),
        finished(CHECKSUM, Outcome::Cancelled, 1, 65_000),
        finished(MANIFEST, skipped, 0, 0),
        finished(UPLOAD, Outcome::Skipped(SkipReason::Stopped), 0, 0),
        EventKind::Cancelling { reason: CancelReason::Signal(2), now: true, grace: GRACE },
    ]), @r"
                   * backup: 6 steps, run 20261122-231500-1a2b, in .pipe/runs/20261122-231500-1a2b
    create-archive * started
    compress       * started
    create-archive | tar: removing leading `/'
    create-archive | 100%
    create-archive * attempt 1 failed: killed by SIGKILL; starts again, with compress, in 1.5 s
    create-archive * started again, attempt 2
    compress       * started again, attempt 2
                   * warning: the pipes of this machine are small
    create-archive * failed: exit code 2, after 1.2 s, 2 attempts
                   * `create-archive` failed: stopping every step
    compress       * tainted by `create-archive`, after 1.2 s, 2 attempts
    checksum       * cancelled, after 1m 05s
    manifest       * skipped: `compress` did not succeed
    upload         * skipped: the run was stopped
                   * SIGINT: killing every step
    ");
}

#[test]
fn a_feed_goes_by_where_it_comes_from() {
    let leaky = StepFinished {
        step: StepId::new(0),
        outcome: Outcome::Succeeded,
        attempts: 1,
        duration: Duration::from_millis(20),
        leaky: true,
        outputs: Default::default(),
        products: Vec::new(),
        fingerprint: Default::default(),
        circumstances: Default::default(),
    };
    insta::assert_snapshot!(told(fed(), Palette::NONE, [
        started(1, 1),
        started(0, 1),
        finished(1, Outcome::Succeeded, 1, 10),
        EventKind::StepFinished(leaky),
        run_finished(RunEnd::Succeeded, 20),
    ]), @r"
            * fed: 1 step, run 20261122-231500-1a2b, in .pipe/runs/20261122-231500-1a2b
    sum     * started
    sum     * succeeded in 20 ms; a process that it left behind held its output open

      ✓  sum  20 ms  left a process behind

    succeeded: 1 step in 20 ms
    ");
}

#[test]
fn colours_are_for_prefixes_and_own_lines() {
    insta::assert_debug_snapshot!(told(backup(), Palette::COLOURED, [
        output(UPLOAD, "\x1b[1mbold\n"),
        finished(UPLOAD, Outcome::Succeeded, 1, 10),
    ]), @r#""\u{1b}[2m               * \u{1b}[0m\u{1b}[1mbackup: 6 steps, run 20261122-231500-1a2b, in .pipe/runs/20261122-231500-1a2b\u{1b}[0m\n\u{1b}[2mupload         | \u{1b}[0mbold\n\u{1b}[2mupload         * \u{1b}[0m\u{1b}[32msucceeded in 10 ms\u{1b}[0m\n""#);
}

#[test]
fn a_progress_bar_is_one_line() {
    let bar = (0..=100).map(|percent| output(TAR, format!("get {percent}%\r")));
    let events =
        [output(TAR, "begin\n")].into_iter().chain(bar).chain([output(TAR, "\n"), output(TAR, "end\n")]);
    assert_eq!(
        told(backup(), Palette::NONE, events).lines().skip(1).collect::<Vec<_>>(),
        ["create-archive | begin", "create-archive | get 100%", "create-archive | end"]
    );
    // The last drawing comes with the end of the attempt, and none of one that was wiped out.
    let unended =
        [output(TAR, "get 7%\r"), retrying(TAR, 1, 2), output(TAR, "get 9%\r"), output(TAR, "      \r")];
    let told =
        told(backup(), Palette::NONE, unended.into_iter().chain([finished(TAR, Outcome::Succeeded, 2, 10)]));
    let lines: Vec<&str> = told.lines().filter(|line| line.contains('|')).collect();
    assert_eq!(lines, ["create-archive | get 7%"], "{told}");
}

#[test]
fn many_lines_are_one_write() {
    let written = Written::default();
    let mut plain = Plain::new(Box::new(written.clone()), Palette::NONE);
    plain.event(&at(0, run_started(backup()))).unwrap();
    plain.event(&at(1, output(TAR, "a line\n".repeat(9_000)))).unwrap();
    let writes = written.0.lock().unwrap();
    assert_eq!(writes.len(), 2);
    assert_eq!(writes[1].iter().filter(|byte| **byte == b'\n').count(), 9_000);
}

#[test]
fn a_closed_output_is_an_error_and_no_more() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut plain = Plain::new(Box::new(Closed), Palette::NONE);
    for event in [at(0, run_started(backup())), at(1, started(TAR, 1))] {
        assert_eq!(plain.event(&event).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn what_is_passed_over_says_why() {
    let condition =
        Outcome::Skipped(SkipReason::Condition("branch == 'main' is false (branch is dev)".into()));
    let without = Outcome::Skipped(SkipReason::Without(StepId::new(TAR)));
    let text =
        told(backup(), Palette::NONE, [finished(TAR, condition, 0, 0), finished(COMPRESS, without, 0, 0)]);
    assert!(
        text.contains("create-archive * passed over: branch == 'main' is false (branch is dev)\n"),
        "{text}"
    );
    assert!(
        text.contains("compress       * passed over: it needs `create-archive`, which did not run\n"),
        "{text}"
    );
}

#[test]
fn a_service_is_told_when_it_is_ready_and_its_log_is_not() {
    let starting = Duration::from_millis(364);
    insta::assert_snapshot!(told(served(), Palette::NONE, [
        started(DB, 1),
        output(DB, "LOG: database system is ready\n"),
        EventKind::StepStarted { step: StepId::new(CI), attempt: 1, lane: None, starting },
        ready(CI, 0),
        ready(DB, 1_234),
        started(TEST, 1),
        output(TEST, "ok\n"),
        finished(TEST, Outcome::Succeeded, 1, 700),
        finished(LINT, Outcome::Succeeded, 1, 700),
        finished(CI, Outcome::Succeeded, 1, 1_100),
        finished(DB, Outcome::Succeeded, 1, 2_000),
    ]), @r"
         * served: 2 steps, run 20261122-231500-1a2b, in .pipe/runs/20261122-231500-1a2b
    db   * started
    ci   * started in 364 ms
    db   * ready in 1.2 s
    test * started
    test | ok
    test * succeeded in 700 ms
    lint * succeeded in 700 ms
    ci   * stopped after 1.1 s
    db   * stopped after 2.0 s
    ");
}
