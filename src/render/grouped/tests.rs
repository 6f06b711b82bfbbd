//! What the log of a CI job looks like.

mod hostile;
mod output;
mod runner;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::runner::Seen;
use super::*;
use crate::event::mask::Masker;
use crate::event::sample::*;
use crate::event::{CancelReason, RunEnd};
use crate::pipeline::{Failure, ParamValue, Pipeline, RunOutcome, Secret, SkipReason, Values};
use crate::render::{GitHub, GitLab};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A run that is being shown.
struct Show {
    renderer: Grouped,
    written: Written,
    now: u64,
}

impl Show {
    fn of(pipeline: Pipeline, dialect: Box<dyn Dialect>) -> Self {
        let written = Written::default();
        let renderer = Grouped::new(Box::new(written.clone()), Palette::NONE, dialect);
        let mut show = Self { renderer, written, now: 0 };
        show.event(run_started(pipeline));
        show
    }

    fn github(pipeline: Pipeline) -> Self {
        Self::of(pipeline, Box::new(github(&[])))
    }

    fn event(&mut self, kind: EventKind) {
        self.renderer.event(&at(self.now, kind)).unwrap();
        self.now += 1_000;
    }

    fn events(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        kinds.into_iter().for_each(|kind| self.event(kind));
        self
    }

    /// Returns what has been written since this was last asked, with its random tokens and control characters
    /// by name.
    fn said(&self) -> String {
        let bytes = std::mem::take(&mut *self.written.0.lock().unwrap());
        let text = String::from_utf8_lossy(&bytes).replace('\x1b', "ESC").replace('\r', "CR");
        regex::Regex::new("[0-9a-f]{32}").unwrap().replace_all(&text, "TOKEN").into_owned()
    }

    /// Returns what the runner makes of all that has been written.
    fn seen(&self) -> Seen {
        let bytes = std::mem::take(&mut *self.written.0.lock().unwrap());
        let seen = Seen::of(&String::from_utf8_lossy(&bytes));
        seen.is_well_formed();
        seen
    }
}

fn github(secrets: &[&str]) -> GitHub {
    let secrets = secrets.iter().enumerate();
    let secrets = secrets.map(|(at, text)| (at.to_string(), ParamValue::Secret(Secret::new(*text))));
    GitHub::new(Masker::new(&secrets.collect::<Values>()).unwrap(), "ci/pipeline.yml".into())
}

fn step(number: usize) -> StepId {
    StepId::new(number)
}

fn skipped(because_of: usize) -> Outcome {
    Outcome::Skipped(SkipReason::Dependency(step(because_of)))
}

fn failed(step: usize, code: i32) -> EventKind {
    finished(step, Outcome::Failed(Failure::Exit(code)), 1, 900)
}

fn succeeded(step: usize) -> EventKind {
    finished(step, Outcome::Succeeded, 1, 900)
}

/// Returns a fan-out in which the producer fails at its second attempt.
fn failing_fan_out() -> Vec<EventKind> {
    let tainted = |reader| finished(reader, Outcome::Tainted { producer: step(TAR) }, 2, 2_200);
    let gang = [TAR, COMPRESS, CHECKSUM, COUNT];
    let retry = EventKind::StepRetrying {
        step: step(TAR),
        attempt: 1,
        failure: Failure::Exit(2),
        delay: Duration::from_secs(1),
        restarting: gang.map(step).to_vec(),
    };
    let mut kinds: Vec<EventKind> = gang.map(|member| started(member, 1)).to_vec();
    kinds.extend([
        output(TAR, "tar: a: cannot read\n"),
        output(COMPRESS, "\x1b[33m90%\r100%\x1b[0m\n"),
        retry,
    ]);
    kinds.extend(gang.map(|member| started(member, 2)));
    kinds.extend([
        output(TAR, "tar: b: cannot read\nstd::error\n"),
        finished(TAR, Outcome::Failed(Failure::Exit(2)), 2, 2_100),
        EventKind::Cancelling { reason: CancelReason::StepFailed(step(TAR)), now: false, grace: GRACE },
        tainted(COMPRESS),
        tainted(CHECKSUM),
        tainted(COUNT),
        finished(MANIFEST, skipped(COMPRESS), 0, 0),
        finished(UPLOAD, skipped(MANIFEST), 0, 0),
        run_finished(RunEnd::Failed { cause: Some(step(TAR)) }, 3_000),
    ]);
    kinds
}

#[test]
fn a_failing_fan_out_on_github() {
    let show = Show::github(backup()).events(failing_fan_out());
    insta::assert_snapshot!(show.said(), @r"
    backup: 6 steps, run 20261122-231500-1a2b, in .pipe/runs/20261122-231500-1a2b
    ::group::✗ create-archive failed: exit code 2, after 2.1 s, 2 attempts
    ::stop-commands::TOKEN
    tar: a: cannot read
    * attempt 1 failed: exit code 2; starts again, with compress, checksum, count, in 1.0 s
    * started again, attempt 2
    tar: b: cannot read
    std::error
    ::TOKEN::
    ::endgroup::
    ::error file=ci/pipeline.yml,line=3,col=5,title=backup%3A create-archive::`create-archive` failed: exit code 2, after 2 attempts%0Atar: b: cannot read%0Astd::error
    `create-archive` failed: stopping every step
    ::group::~ compress tainted by `create-archive`, after 2.2 s, 2 attempts
    100%ESC[0m
    * started again, attempt 2
    ::endgroup::
    ::group::~ checksum tainted by `create-archive`, after 2.2 s, 2 attempts
    * started again, attempt 2
    ::endgroup::
    ::group::count
    * started again, attempt 2
    ::endgroup::
    ~ count tainted by `create-archive`, after 2.2 s, 2 attempts
    - manifest skipped: `compress` did not succeed
    - upload skipped: `manifest` did not succeed
    ::stop-commands::TOKEN

      ✗  create-archive  2.1 s  failed: exit code 2, 2 attempts
      ~  compress        2.2 s  tainted by `create-archive`, 2 attempts
      ~  checksum        2.2 s  tainted by `create-archive`, 2 attempts
      ~  count           2.2 s  tainted by `create-archive`, 2 attempts
      -  manifest               skipped: `compress` did not succeed
      -  upload                 skipped: `manifest` did not succeed

    ✗ `create-archive` failed: exit code 2, after 2 attempts
      at pipeline.yml:3
      | tar: b: cannot read
      | std::error
      3 steps were tainted because of it: compress, checksum, count
      2 steps were skipped because of it: manifest, upload

    failed: `create-archive` exit code 2, 3 tainted, 2 skipped, in 3.0 s
    ::TOKEN::
    ");
}

#[test]
fn a_failing_fan_out_on_gitlab() {
    let show = Show::of(backup(), Box::new(GitLab::new("1a2b"))).events(failing_fan_out());
    let said = show.said();
    let beginning: Vec<&str> = said.split("\n\n").collect();
    insta::assert_snapshot!(beginning[0], @r"
    backup: 6 steps, run 20261122-231500-1a2b, in .pipe/runs/20261122-231500-1a2b
    ESC[0Ksection_start:1795389310:pipe_1a2b_1CRESC[0K✗ create-archive failed: exit code 2, after 2.1 s, 2 attempts
    tar: a: cannot read
    * attempt 1 failed: exit code 2; starts again, with compress, checksum, count, in 1.0 s
    * started again, attempt 2
    tar: b: cannot read
    std::error
    ESC[0Ksection_end:1795389313:pipe_1a2b_1CRESC[0K
    `create-archive` failed: stopping every step
    ESC[0Ksection_start:1795389312:pipe_1a2b_2CRESC[0K~ compress tainted by `create-archive`, after 2.2 s, 2 attempts
    100%ESC[0m
    * started again, attempt 2
    ESC[0Ksection_end:1795389315:pipe_1a2b_2CRESC[0K
    ESC[0Ksection_start:1795389313:pipe_1a2b_3CRESC[0K~ checksum tainted by `create-archive`, after 2.2 s, 2 attempts
    * started again, attempt 2
    ESC[0Ksection_end:1795389316:pipe_1a2b_3CRESC[0K
    ESC[0Ksection_start:1795389316:pipe_1a2b_4CRESC[0Kcount
    * started again, attempt 2
    ESC[0Ksection_end:1795389317:pipe_1a2b_4CRESC[0K
    ~ count tainted by `create-archive`, after 2.2 s, 2 attempts
    - manifest skipped: `compress` did not succeed
    - upload skipped: `manifest` did not succeed
    ");
}

#[test]
fn a_step_that_runs_alone_is_live() {
    let mut show = Show::github(backup());
    show.said();
    show.event(started(MANIFEST, 1));
    assert_eq!(show.said(), "");
    show.event(output(MANIFEST, "one\ntwo\n"));
    insta::assert_snapshot!(show.said(), @r"
    ::group::manifest
    one
    two
    ");
    show.event(output(MANIFEST, "three\n"));
    insta::assert_snapshot!(show.said(), @"three");
    show.event(succeeded(MANIFEST));
    insta::assert_snapshot!(show.said(), @r"
    ::endgroup::
    ✓ manifest succeeded in 900 ms
    ");
    show.event(run_finished(RunEnd::Succeeded, 1));
    show.seen();
}

#[test]
fn a_step_that_is_no_longer_alone_goes_on_in_another_group() {
    let mut show = Show::github(backup());
    show.said();
    for kind in [started(TAR, 1), output(TAR, "alone\n"), started(COMPRESS, 1), output(TAR, "not alone\n")] {
        show.event(kind);
    }
    show.event(output(COMPRESS, "also here\n"));
    insta::assert_snapshot!(show.said(), @r"
    ::group::create-archive
    alone
    ::endgroup::
    ");
    show.event(succeeded(COMPRESS));
    insta::assert_snapshot!(show.said(), @r"
    ::group::✓ compress succeeded in 900 ms
    also here
    ::endgroup::
    ::group::create-archive (continued)
    not alone
    ");
    show.event(output(TAR, "alone again\n"));
    show.event(EventKind::Note("an image is fetched".into()));
    show.event(output(TAR, "still alone\n"));
    show.event(succeeded(TAR));
    insta::assert_snapshot!(show.said(), @r"
    alone again
    ::endgroup::
    an image is fetched
    ::group::create-archive (continued)
    still alone
    ::endgroup::
    ✓ create-archive succeeded in 900 ms
    ");
}

#[test]
fn a_lone_step_that_is_retried() {
    let show = Show::github(backup());
    show.said();
    let show = show.events([
        started(UPLOAD, 1),
        output(UPLOAD, "the server is bu"),
        retrying(UPLOAD, 1, 75),
        started(UPLOAD, 2),
        output(UPLOAD, "done\n"),
        finished(UPLOAD, Outcome::Succeeded, 2, 208),
    ]);
    insta::assert_snapshot!(show.said(), @r"
    ::group::upload
    the server is bu
    * attempt 1 failed: exit code 75; starts again in 5.0 s
    * started again, attempt 2
    done
    ::endgroup::
    ✓ upload succeeded in 208 ms, 2 attempts
    ");
}

#[test]
fn only_causes_and_the_runs_own_end_are_errors() {
    let mut show = Show::github(backup());
    show.event(started(TAR, 1));
    show.event(EventKind::Cancelling { reason: CancelReason::Signal(15), now: false, grace: GRACE });
    show.event(finished(TAR, Outcome::Cancelled, 1, 10));
    for step in COMPRESS..=UPLOAD {
        show.event(finished(step, skipped(TAR), 0, 0));
    }
    show.event(run_finished(RunEnd::Signalled(15), 20));
    let seen = show.seen();
    assert_eq!(seen.data("error"), ["cancelled by SIGTERM"]);
    assert_eq!(seen.data("warning"), [""; 0]);

    let end = RunEnd::Aborted("no space left\non device".into());
    let seen = Show::github(many(1)).events([run_finished(end, 5)]).seen();
    assert_eq!(seen.data("error"), ["aborted: no space left on device"]);
}

#[test]
fn a_failed_clean_up_is_an_error_only_where_it_is_the_cause() {
    let seen = |outcome, cause| {
        let kinds = [phase(outcome, cause), started(UPLOAD, 1), failed(UPLOAD, 7)];
        let end = run_finished(RunEnd::Failed { cause: None }, 20);
        Show::github(with_clean_up()).events(kinds.into_iter().chain([end])).seen()
    };
    let count = |seen: &Seen| (seen.data("error").len(), seen.data("warning").len());
    assert_eq!(count(&seen(RunOutcome::Failed, "compress")), (0, 1));
    assert_eq!(count(&seen(RunOutcome::Succeeded, "")), (1, 0));
}

#[test]
fn what_is_ignored_and_what_is_doubtful_are_warnings() {
    let ignored = Outcome::Ignored(Failure::Exit(7));
    let show = Show::github(backup()).events([
        EventKind::Warning("100% of the pipes: small,\nvery small".into()),
        started(UPLOAD, 1),
        output(UPLOAD, "\x1b[31mno such host\n"),
        finished(UPLOAD, ignored, 1, 10),
        run_finished(RunEnd::Succeeded, 20),
    ]);
    let seen = show.seen();
    assert_eq!(seen.data("error"), [""; 0]);
    let message = "`upload` failed, ignored: exit code 7\nno such host";
    assert_eq!(seen.data("warning"), ["100% of the pipes: small,\nvery small", message]);
    let place = &seen.commands.last().unwrap().properties;
    let place = ["file", "line", "col", "title"].map(|key| place[key].as_str());
    assert_eq!(place, ["ci/pipeline.yml", "13", "5", "backup: upload"]);
}

fn with_a_loud_service() -> Vec<EventKind> {
    vec![
        started(DB, 1),
        output(DB, "LOG: one\n"),
        ready(DB, 1_234),
        started(TEST, 1),
        output(TEST, "testing\n"),
        output(DB, "LOG: ::group::two\n"),
        finished(TEST, Outcome::Succeeded, 1, 700),
        finished(LINT, Outcome::Succeeded, 1, 700),
        finished(DB, Outcome::Succeeded, 1, 2_000),
        run_finished(RunEnd::Succeeded, 2_100),
    ]
}

#[test]
fn the_log_of_a_service_is_a_group_at_the_end() {
    let text = Show::github(served()).events(with_a_loud_service()).said();
    insta::assert_snapshot!(text, @r"
    served: 2 steps, run 20261122-231500-1a2b, in .pipe/runs/20261122-231500-1a2b
    db ready in 1.2 s
    ::group::test
    testing
    ::endgroup::
    ✓ test succeeded in 700 ms
    ✓ lint succeeded in 700 ms
    ::group::db (service)
    ::stop-commands::TOKEN
    LOG: one
    LOG: ::group::two
    ::TOKEN::
    ::endgroup::

      ✓  test  700 ms  in ci
      ✓  lint  700 ms  in ci

      ✓  db  ready in 1.2 s, up 6.0 s

    succeeded: 2 steps in 2.1 s
    ");
    let text = Show::of(served(), Box::new(GitLab::new("r"))).events(with_a_loud_service()).said();
    assert!(text.contains("[collapsed=true]CRESC[0Kdb (service)\nLOG: one\n"), "{text}");
}
