//! Readers that leave before the end of a stream, and producers that notice.

use std::fs;

use super::gangs::{FAN, reader, streams};
use super::{Act, Scene};
use crate::event::RunEnd;
use crate::pipeline::{Failure, Outcome};

#[tokio::test]
async fn a_reader_may_leave_early() {
    let dir = tempfile::tempdir().unwrap();
    let r1 = reader("r1");
    let scripts = [("p", "head -c 20000000 /dev/zero"), ("r1", r1.as_str()), ("r2", "head -c 1000 > head")];
    let played = Scene::of(FAN).scripts(scripts).play_in(dir.path()).await;
    assert_eq!(played.letters(), "SSS");
    assert_eq!(fs::metadata(dir.path().join("r1.whole")).unwrap().len(), 20_000_000);
    let stream = streams(&played)[0];
    let unread = stream.unread[0].1.unwrap();
    assert_eq!((stream.complete, stream.unread.len()), (true, 1));
    assert!((19_000_000..=19_999_000).contains(&unread), "{unread}");
}

#[tokio::test]
async fn leaving_a_stream_that_fits_its_pipe_is_noticed_too() {
    let scripts = [("p", "head -c 50000 /dev/zero"), ("r1", "cat > all"), ("r2", "head -c 1 > one")];
    let played = Scene::of(FAN).scripts(scripts).play().await;
    let stream = streams(&played)[0];
    assert_eq!((played.letters().as_str(), stream.complete), ("SSS", true));
    assert_eq!(stream.unread.len(), 1);
    assert!(stream.unread[0].1.unwrap() > 0, "{stream:?}");
}

#[tokio::test]
async fn an_endless_producer_ends_when_every_reader_has_enough() {
    let played = Scene::of("p > s\nr < s").scripts([("p", "yes"), ("r", "head -n 3")]).play().await;
    assert_eq!((played.letters().as_str(), played.end), ("SS", RunEnd::Succeeded));
    let scripts = [("p", "yes"), ("r", "head -n 3; exit 4")];
    let played = Scene::of("p > s\nr < s").scripts(scripts).play().await;
    assert_eq!(played.letters(), "CF");
}

/// Takes no notice of SIGPIPE, as Python, node and curl do, and reports the broken pipe by an exit code of
/// its own.
fn unmoved(code: i32) -> String {
    format!("trap '' PIPE; seq 10000000 2>/dev/null || exit {code}")
}

#[tokio::test]
async fn an_exit_code_may_be_how_a_step_reports_a_broken_pipe() {
    let codes = [(23, vec![23], "SS"), (23, vec![1, 23], "SS"), (23, vec![1], "FS"), (23, vec![], "FS")];
    for (code, accepted, letters) in codes {
        let mut scene = Scene::of("p > s\nr < s").scripts([("p", &unmoved(code)), ("r", "head -n 1")]);
        scene.pipeline.streams[0].broken_pipe = accepted;
        let played = scene.play().await;
        assert_eq!(played.letters(), letters);
        if letters == "FS" {
            assert_eq!(played.outcome("p"), Outcome::Failed(Failure::BrokenPipe(code)));
        }
    }
}

#[tokio::test]
async fn an_accepted_exit_code_is_a_failure_while_a_reader_stays() {
    let dir = tempfile::tempdir().unwrap();
    let whole = reader("r2");
    let mut scene =
        Scene::of(FAN).scripts([("p", "seq 100000; exit 23"), ("r1", "head -n 1"), ("r2", &whole)]);
    scene.pipeline.streams[0].broken_pipe = vec![23];
    let played = scene.play_in(dir.path()).await;
    assert_eq!(played.outcome("p"), Outcome::Failed(Failure::Exit(23)));
    assert_eq!(played.letters(), "FSX");
    assert!(!dir.path().join("r2.whole").exists());
}

#[tokio::test]
async fn a_broken_pipe_is_no_success_where_a_reader_failed() {
    let mut scene = Scene::of("p > s\nr < s").scripts([("p", &unmoved(23)), ("r", "head -n 1; exit 4")]);
    scene.pipeline.streams[0].broken_pipe = vec![23];
    let played = scene.play().await;
    assert_eq!(played.outcome("r"), Outcome::Failed(Failure::Exit(4)));
    assert_eq!(played.letters(), "CF");
}

/// The end of the reader and the failure of its producer come together. The reader closes its input by ending: one that
/// closes it before, as `head` does, may be found at work still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_had_enough_has_succeeded_whatever_comes_after() {
    for _ in 0..50 {
        let played =
            Scene::of("p > s\nr < s").scripts([("p", &unmoved(1)), ("r", "read -r line")]).play().await;
        assert_eq!(played.letters(), "FS");
    }
}

/// The files of a process are closed before it can be waited for.
#[tokio::test(start_paused = true)]
async fn a_step_that_is_ending_when_another_fails_is_not_stopped() {
    let scene = |at_work: f64| {
        let ending = Act::exit(0).takes(1.5).ends_for(1.5 - at_work);
        Scene::of("a\nb").act("a", [Act::exit(1).takes(1.0)]).act("b", [ending])
    };
    let played = scene(0.5).play().await;
    assert_eq!((played.letters().as_str(), played.log.stopped.len()), ("FS", 0));
    let played = scene(1.2).play().await;
    assert_eq!(
        (played.letters().as_str(), played.log.stopped.as_slice()),
        ("FC", &["b TERM".to_owned()][..])
    );
}
