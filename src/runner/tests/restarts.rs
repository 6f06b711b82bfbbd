//! Retries in a gang: a member alone, or the gang afresh, on real processes and pipes.

use std::fs;
use std::time::Duration;

use super::Scene;
use super::gangs::{FAN, lines, play_fan, streams};
use crate::pipeline::{OnError, Retry, Span, Template};
use crate::runner::testing::retry;

#[tokio::test]
async fn a_failure_before_the_first_byte_restarts_the_producer_alone() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = "echo x >> p.starts; [ $(wc -l < p.starts) = 3 ] || exit 1; seq 100000";
    let played = play_fan(flaky, 2, dir.path()).await;
    assert_eq!(played.letters(), "SSS");
    assert_eq!((played.attempts("p"), played.attempts("r1"), played.attempts("r2")), (3, 1, 1));
    assert_eq!(lines(&dir.path().join("r1.starts")), 1);
    assert_eq!(lines(&dir.path().join("r2.whole")), 100_000);
}

#[tokio::test]
async fn a_producer_that_cannot_start_does_not_leave_its_readers_waiting() {
    for (retries, attempts) in [(0, 1), (2, 3)] {
        let nowhere = Template::literal("nowhere", Span::default());
        let scene = Scene::of(FAN).scripts([("p", "seq 3"), ("r1", "cat"), ("r2", "cat")]);
        let scene = scene.with("p", |step| step.working_dir = Some(nowhere)).retries("p", retries);
        let played = scene.play().await;
        assert_eq!((played.letters().as_str(), played.attempts("p")), ("FXX", attempts));
    }
}

#[tokio::test]
async fn a_failure_after_the_first_byte_restarts_the_gang() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = "echo x >> p.starts; seq 100000; [ $(wc -l < p.starts) = 3 ]";
    let played = play_fan(flaky, 2, dir.path()).await;
    assert_eq!(played.letters(), "SSS");
    assert_eq!((played.attempts("p"), played.attempts("r1")), (3, 3));
    assert_eq!(lines(&dir.path().join("r1.starts")), 3);
    assert_eq!(lines(&dir.path().join("r1.whole")), 100_000, "not a mixture of attempts");
    assert_eq!(lines(&dir.path().join("r2.whole")), 100_000);
}

#[tokio::test]
async fn a_reader_that_is_tried_again_gets_the_stream_from_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = "echo x >> starts; head -n 1 > /dev/null; cat > got; [ $(wc -l < starts) = 2 ]";
    let scene = Scene::of(FAN).scripts([("p", "seq 100000"), ("r1", "cat > r1.whole"), ("r2", flaky)]);
    let played = scene.retries("r2", 1).play_in(dir.path()).await;
    assert_eq!((played.letters().as_str(), played.attempts("p"), played.attempts("r1")), ("SSS", 2, 2));
    assert_eq!(lines(&dir.path().join("r1.whole")), 100_000);
}

#[tokio::test]
async fn a_restart_of_the_gang_takes_the_place_of_a_members_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::of("p > s\nm < s > t\nr < t").scripts([
        ("p", "echo x >> p.starts; [ $(wc -l < p.starts) -gt 1 ] || exit 1; seq 10"),
        ("m", "trap '' TERM; cat"),
        ("r", "[ -e once ] || { touch once; exit 1; }; cat > whole"),
    ]);
    // The gang is still being stopped when the producer's own wait is over.
    scene.settings.grace = Duration::from_secs(3);
    let delay = Duration::from_secs(1);
    let own = Retry { delay, ..retry(1, 0) };
    let scene = scene.retries("r", 1).with("p", |step| step.policy.retry = Some(own));
    let played = scene.play_in(dir.path()).await;
    assert_eq!((played.letters().as_str(), played.attempts("p")), ("SSS", 2));
    assert_eq!(lines(&dir.path().join("whole")), 10);
}

#[tokio::test]
async fn a_stream_that_was_whole_is_made_again_with_its_gang() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("p > s\nm < s > t\nr < s").scripts([
        ("p", "echo x >> p.starts; wc -l < p.starts"),
        ("m", "cat"),
        ("r", "cat > got; [ $(wc -l < p.starts) = 2 ]"),
    ]);
    let played = scene.retries("r", 1).play_in(dir.path()).await;
    assert_eq!(played.letters(), "SSS");
    let kept = streams(&played).into_iter().find_map(|stream| stream.kept.clone()).unwrap();
    assert_eq!(
        fs::read_to_string(kept.path).unwrap().trim(),
        "2",
        "the stream of the last attempt is the one kept"
    );
}

/// `f` fails for good, and then `x` has the gang start again: what reads `f` has nothing to wait for.
#[tokio::test]
async fn who_reads_a_step_that_has_failed_for_good_does_not_start_again_without_it() {
    let f = "echo $$ > pid; echo one; until [ -e left ]; do :; done; exit 1";
    let q = "head -c 1 > /dev/null; exec <&-; touch left";
    let x = "[ $PIPE_ATTEMPT = 1 ] || exec cat; until [ -s pid ]; do :; done; while kill -0 $(cat pid) 2>/dev/null; do :; done; exit 1";
    let scene = Scene::of("p > s\nf < s > u\nq < u\nx < s");
    let scene = scene.scripts([("p", "seq 10"), ("f", f), ("q", q), ("x", x)]).retries("x", 1);
    let played = scene.with("f", |step| step.policy.on_error = OnError::Continue).play().await;
    assert_eq!(played.letters(), "SFXS");
    assert_eq!((played.attempts("p"), played.attempts("f"), played.attempts("q")), (2, 1, 1));
}

/// `f` fails, which is ignored, and takes `q` along; then `x` has the gang start again, without the two.
#[tokio::test]
async fn an_ignored_failure_that_has_taken_a_reader_along_does_not_start_again() {
    let q = "echo $$ > pid; exec cat > /dev/null";
    let f = "echo one; until [ -s pid ]; do :; done; exit 1";
    let x = "[ $PIPE_ATTEMPT = 1 ] || exec cat; until [ -s pid ]; do :; done; while kill -0 $(cat pid) 2>/dev/null; do :; done; exit 1";
    let scene = Scene::of("p > s\nf < s > u\nq < u\nx < s");
    let scene = scene.scripts([("p", "seq 10"), ("f", f), ("q", q), ("x", x)]).retries("x", 1);
    let scene = scene.with("f", |step| step.policy.on_error = OnError::Ignore);
    let played = scene.with("q", |step| step.policy.on_error = OnError::Continue).play().await;
    assert_eq!(played.letters(), "SIXS");
    assert_eq!((played.attempts("p"), played.attempts("f"), played.attempts("q")), (2, 1, 1));
}
