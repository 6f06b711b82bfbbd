//! Time limits and signals: from TERM to KILL.

use std::time::Duration;

use super::{Act, Scene, retry};
use crate::event::RunEnd;
use crate::pipeline::{Outcome, Retry, Span, Template};

#[tokio::test(start_paused = true)]
async fn a_step_that_takes_too_long_is_asked_and_then_killed() {
    let limit = |step: &mut crate::pipeline::Step| step.policy.timeout = Some(Duration::from_secs(5));
    let stubborn = Act::exit(0).takes(100.0).obeys_after(100);
    let played = Scene::of("a").act("a", [stubborn]).with("a", limit).play().await;
    assert_eq!(played.outcome("a"), Outcome::TimedOut);
    assert_eq!(played.log.stopped, ["a TERM", "a KILL"]);
    assert_eq!(played.took.as_secs(), 15, "the limit and the grace");

    let tidy = Act::exit(0).takes(100.0).obeys_after(2);
    let played = Scene::of("a").act("a", [tidy]).with("a", limit).play().await;
    assert_eq!((played.log.stopped.as_slice(), played.took.as_secs()), (&["a TERM".to_owned()][..], 7));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_a_limit_of_its_own() {
    let limited = Retry { timeout: Some(Duration::from_secs(3)), ..retry(1, 1) };
    let scene = Scene::of("a").act("a", [Act::exit(0).takes(100.0)]);
    let scene = scene.with("a", |step| step.policy.retry = Some(limited));
    let played = scene.play().await;
    assert_eq!((played.outcome("a"), played.attempts("a")), (Outcome::Succeeded, 2));
    assert_eq!(played.took.as_secs(), 3 + 1 + 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_asks_and_the_second_kills() {
    let text = "a\nb after a";
    let stubborn = || Act::exit(0).takes(100.0).obeys_after(100);
    let played = Scene::of(text).act("a", [stubborn()]).signal(1.5, 2).play().await;
    assert_eq!(played.end, RunEnd::Signalled(2));
    assert_eq!((played.letters().as_str(), played.took.as_millis()), ("CN", 11_500));
    assert_eq!(played.log.stopped, ["a TERM", "a KILL"]);

    let played = Scene::of(text).act("a", [stubborn()]).signal(1.0, 15).signal(1.0, 2).play().await;
    assert_eq!(played.end, RunEnd::Signalled(15), "the first signal is the one that ended it");
    assert_eq!((played.letters().as_str(), played.took.as_secs()), ("CN", 2));
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_wait_for_a_retry() {
    let scene = Scene::of("a").act("a", [Act::exit(1)]);
    let scene = scene.with("a", |step| step.policy.retry = Some(retry(1, 3600)));
    let played = scene.signal(10.0, 2).play().await;
    assert_eq!((played.end.clone(), played.took.as_secs()), (RunEnd::Signalled(2), 10));
    assert_eq!(played.letters(), "C");
}

#[tokio::test(start_paused = true)]
async fn what_a_start_that_is_called_off_still_makes_is_taken_back() {
    let promise = |step: &mut crate::pipeline::Step| {
        step.produces = vec![Template::literal("made", Span::default())];
        step.policy.timeout = Some(Duration::from_secs(5));
    };
    let scene = || Scene::of("a\nb").act("a", [Act::lingers("made").takes(7.0)]).with("a", promise);
    for (scene, outcome) in [(scene(), Outcome::TimedOut), (scene().signal(3.0, 2), Outcome::Cancelled)] {
        let dir = tempfile::tempdir().unwrap();
        let played = scene.play_in(dir.path()).await;
        assert_eq!((played.outcome("a"), played.took.as_secs()), (outcome, 7));
        assert!(!dir.path().join("made").exists());
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_has_made_that_the_engine_loses_is_taken_back() {
    let promise = |step: &mut crate::pipeline::Step| {
        step.produces = vec![Template::literal("made", Span::default())];
    };
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("a").act("a", [Act::lost(Some("made"))]).with("a", promise);
    let played = scene.play_in(dir.path()).await;
    assert!(matches!(played.end, RunEnd::Aborted(_)), "{:?}", played.end);
    assert_eq!(played.outcome("a"), Outcome::Cancelled);
    assert!(!dir.path().join("made").exists());
}
