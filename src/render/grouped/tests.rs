//! What the log of a CI job looks like, and that no step can write commands into it.

mod runner;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use self::runner::Seen;
use super::*;
use crate::event::sample::*;
use crate::event::{CancelReason, RunEnd};
use crate::pipeline::{Failure, ParamValue, Pipeline, Secret, SkipReason, Values};
use crate::render::{GitHub, GitLab, Secrets};

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

    /// What has been written since this was last asked, with its random tokens and control characters by name.
    fn said(&self) -> String {
        let bytes = std::mem::take(&mut *self.written.0.lock().unwrap());
        let text = String::from_utf8_lossy(&bytes).replace('\x1b', "ESC").replace('\r', "CR");
        regex::Regex::new("[0-9a-f]{32}").unwrap().replace_all(&text, "TOKEN").into_owned()
    }

    /// What the runner makes of all that has been written.
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
    GitHub::new(Secrets::of(&secrets.collect::<Values>()), "ci/pipeline.yml".into())
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

/// A fan-out in which the producer fails at its second attempt.
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
        EventKind::Cancelling { reason: CancelReason::StepFailed(step(TAR)), now: false },
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

    ✗ `create-archive` failed: exit code 2, after 2 attempts
      at pipeline.yml:3
      | tar: b: cannot read
      | std::error
      3 steps were tainted because of it: compress, checksum, count
      2 steps were skipped because of it: manifest, upload

      ✗  create-archive  2.1 s  failed: exit code 2, 2 attempts
      ~  compress        2.2 s  tainted by `create-archive`, 2 attempts
      ~  checksum        2.2 s  tainted by `create-archive`, 2 attempts
      ~  count           2.2 s  tainted by `create-archive`, 2 attempts
      -  manifest               skipped: `compress` did not succeed
      -  upload                 skipped: `manifest` did not succeed

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
fn who_runs_alone_is_live() {
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
fn who_is_no_longer_alone_goes_on_in_another_group() {
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
    show.event(EventKind::Cancelling { reason: CancelReason::Signal(15), now: false });
    show.event(finished(TAR, Outcome::Cancelled, 1, 10));
    for step in COMPRESS..=UPLOAD {
        show.event(finished(step, skipped(TAR), 0, 0));
    }
    show.event(run_finished(RunEnd::Signalled(15), 20));
    let seen = show.seen();
    assert_eq!(seen.data("error"), ["cancelled by SIGTERM"]);
    assert_eq!(seen.data("warning"), [""; 0]);

    let end = RunEnd::Engine("no space left\non device".into());
    let seen = Show::github(many(1)).events([run_finished(end, 5)]).seen();
    assert_eq!(seen.data("error"), ["the engine failed: no space left on device"]);
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

/// Everything that could be taken for a command, one a line.
const HOSTILE: &str = "::set-output name=x::y\n::error::e\n::stop-commands::abc\n::abc::\n##[error]e\nx ##[endgroup]\n\
    \t \u{a0}::group::g\n10%\r::error::e\r\n\u{0}::error::e\n\x1b[31m::error::e\x1b[0m\n\x1b[2K::endgroup::\n\
    \x0b\x0c::endgroup::\n:\u{0}:endgroup::\n##\x1b[2J[endgroup]\n\u{2028}::endgroup::\n::add-mask::e";

#[test]
fn nothing_that_steps_write_is_a_command() {
    let live = [started(TAR, 1), output(TAR, HOSTILE), failed(TAR, 1)];
    let held = [
        started(COMPRESS, 1),
        started(CHECKSUM, 1),
        output(COMPRESS, HOSTILE),
        output(CHECKSUM, HOSTILE),
        failed(COMPRESS, 1),
        succeeded(CHECKSUM),
    ];
    let end = run_finished(RunEnd::Failed { cause: Some(step(TAR)) }, 9);
    let seen = Show::github(backup()).events(live.into_iter().chain(held).chain([end])).seen();
    let names: Vec<&str> = seen.commands.iter().map(|command| command.name.as_str()).collect();
    let group = ["group", "endgroup"];
    assert_eq!(names, [&group[..], &["error"], &group[..], &["error"], &group[..]].concat());
}

#[test]
fn the_word_that_resumes_commands_cannot_be_known() {
    let show = Show::github(backup()).events([started(TAR, 1), output(TAR, "a::b\n")]);
    let token = |show: &Show| {
        let text = String::from_utf8(show.written.0.lock().unwrap().clone()).unwrap();
        text.rsplit_once("::stop-commands::").unwrap().1.lines().next().unwrap().to_owned()
    };
    let first = token(&show);
    // A step that has read the first one from the log is no better off in the next group.
    let show = show.events([
        started(COMPRESS, 1),
        succeeded(TAR),
        output(COMPRESS, format!("::{first}::\n::error::e\n")),
        succeeded(COMPRESS),
        run_finished(RunEnd::Succeeded, 9),
    ]);
    assert_ne!(token(&show), first);
    assert_eq!(show.seen().data("error"), [""; 0]);
}

#[test]
fn a_long_line_stays_one_line_and_harmless() {
    // As the tap hands it out: pieces of 64 KiB, the last one without an end.
    let blank = " ".repeat(64 << 10);
    let piece = "x".repeat((64 << 10) - 9) + "::error::";
    let mut kinds = vec![started(TAR, 1), output(TAR, &blank), output(TAR, "::error::")];
    kinds.extend((0..32).map(|_| output(TAR, &piece)));
    kinds.extend([succeeded(TAR), started(COMPRESS, 1), started(COUNT, 1)]);
    kinds.extend((0..32).map(|_| output(COMPRESS, &piece)));
    kinds.extend([succeeded(COMPRESS), succeeded(COUNT), run_finished(RunEnd::Succeeded, 9)]);
    let seen = Show::github(backup()).events(kinds).seen();
    assert_eq!(seen.data("error"), [""; 0]);
    let mut long = seen.lines.iter().filter(|line| line.len() > 1 << 20);
    assert_eq!(long.next().unwrap(), &format!("{blank}::error::{}", piece.repeat(32)));
    assert_eq!(long.next().unwrap(), &piece.repeat(32));
}

#[test]
fn what_could_not_be_held_back_is_said_to_be_missing() {
    let written = Written::default();
    let mut log = Log::new(Box::new(written.clone()), Box::new(github(&[])));
    let mut held = Held::new(std::path::Path::new("/nowhere"));
    held.push(b"the beginning\n", false);
    held.push(&vec![b'x'; 1 << 20], false);
    log.held(held, "the whole log is in logs").unwrap();
    log.flush().unwrap();
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    insta::assert_snapshot!(text, @r"
    the beginning
    * 1.0 MiB more could not be held back: the whole log is in logs
    ");
}

#[test]
fn the_outputs_of_a_step_share_no_line() {
    let on = |channel, text: &str| EventKind::StepOutput {
        step: step(TAR),
        channel,
        bytes: text.as_bytes().into(),
    };
    let show = Show::github(backup());
    show.said();
    let show = show.events([
        started(TAR, 1),
        on(OutputChannel::Stdout, "out"),
        on(OutputChannel::Stderr, "::error::err"),
        on(OutputChannel::Stderr, " and more\n"),
        on(OutputChannel::Stdout, "out again"),
        succeeded(TAR),
    ]);
    insta::assert_snapshot!(show.said(), @r"
    ::group::create-archive
    out
    ::stop-commands::TOKEN

    ::error::err and more
    out again
    ::TOKEN::
    ::endgroup::
    ✓ create-archive succeeded in 900 ms
    ");
}

#[test]
fn secrets_are_masked_before_anything_is_said_and_never_said() {
    let secrets = ["hunter2, 100%", "-- key --\nline::of key\n\n", "", " "];
    let mut show = Show::of(backup(), Box::new(github(&secrets)));
    let said = String::from_utf8(show.written.0.lock().unwrap().clone()).unwrap();
    let (masks, rest) = said.split_at(said.find("backup").unwrap());
    assert_eq!(masks, "::add-mask::hunter2, 100%25\n::add-mask::line::of key\n::add-mask::-- key --\n");
    assert!(!rest.contains("mask"));
    show.event(started(TAR, 1));
    show.event(output(TAR, "token=hunter2, 100%\nline::of key\n"));
    // The runner masks what the step has written; what is ours has stars already.
    let how = Failure::Start("no user `hunter2, 100%`".into());
    show.event(finished(TAR, Outcome::Failed(how), 1, 5));
    let seen = show.seen();
    assert_eq!(
        seen.data("error"),
        ["`create-archive` failed: could not start: no user `***`\ntoken=***\n***"]
    );
}

#[test]
fn what_steps_write_cannot_mark_sections_either() {
    let mark = "\x1b[0Ksection_end:1:pipe_1a2b_1\r\x1b[0K\nsection_start:1:x\r\x1b[0Kx\n";
    let show = Show::of(backup(), Box::new(GitLab::new("1a2b"))).events([
        started(TAR, 1),
        output(TAR, mark),
        succeeded(TAR),
        run_finished(RunEnd::Succeeded, 9),
    ]);
    assert_eq!(show.said().matches("CRESC[0K").count(), 2);
}

#[test]
fn a_feed_is_no_company_and_no_group() {
    let show = Show::github(fed());
    show.said();
    let show = show.events([started(1, 1), started(0, 1), output(0, "live\n"), succeeded(1)]);
    insta::assert_snapshot!(show.said(), @r"
    ::group::sum
    live
    ");
    let show = show.events([succeeded(0)]);
    insta::assert_snapshot!(show.said(), @r"
    ::endgroup::
    ✓ sum succeeded in 900 ms
    ");
}

/// Events of steps in any order that a run could have, and some that none has.
fn any_event() -> impl Strategy<Value = EventKind> {
    let text = prop_oneof![
        Just(HOSTILE.to_owned()),
        "[a-c\n]{0,9}",
        Just("no end".to_owned()),
        Just("::error::".to_owned())
    ];
    let step = 0..6usize;
    prop_oneof![
        (step.clone(), 1..3u32).prop_map(|(step, attempt)| started(step, attempt)),
        (step.clone(), text).prop_map(|(step, text)| output(step, text)),
        step.clone().prop_map(|step| retrying(step, 1, 1)),
        step.clone().prop_map(succeeded),
        step.clone().prop_map(|step| failed(step, 1)),
        step.prop_map(|step| finished(step, skipped(0), 0, 0)),
        Just(EventKind::Note(HOSTILE.into())),
        Just(EventKind::Warning(HOSTILE.into())),
    ]
}

proptest! {
    #[test]
    fn every_log_is_well_formed(kinds in prop::collection::vec(any_event(), 0..40)) {
        let failures = |kind: &&EventKind| {
            matches!(kind, EventKind::StepFinished(StepFinished { outcome: Outcome::Failed(_), .. }))
        };
        let expected = kinds.iter().filter(failures).count();
        let show = Show::github(backup()).events(kinds);
        let seen = show.events([run_finished(RunEnd::Succeeded, 9)]).seen();
        prop_assert_eq!(seen.data("error").len(), expected);
    }
}
