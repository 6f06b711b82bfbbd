//! No step can write commands into the log, nor get secrets said by us.

use proptest::prelude::*;

use super::*;

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
