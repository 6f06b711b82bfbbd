//! What steps write, in their groups.

use super::*;

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
    * 1.0 MiB more could not be stored: the whole log is in logs
    ");
}

#[test]
fn a_progress_bar_is_one_line_of_its_group() {
    let show = Show::github(backup());
    show.said();
    let show = show.events([
        started(TAR, 1),
        output(TAR, "10%\r"),
        output(TAR, "\x1b[32m99%\r"),
        output(TAR, "\nnext 1%\r"),
        succeeded(TAR),
    ]);
    insta::assert_snapshot!(show.said(), @r"
    ::group::create-archive
    ESC[32m99%ESC[0m
    next 1%
    ::endgroup::
    ✓ create-archive succeeded in 900 ms
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
