//! Time limits and signals: from TERM to KILL.

use std::time::Duration;

use super::{Act, Scene, retry};
use crate::event::{Circumstances, EventKind, RunEnd};
use crate::pipeline::{NotRetried, Outcome, Retry, Span, Template, TimeLimit};

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

/// Forty steps become ready at the moment at which another fails, or a little before or after, and ten wait for a
/// retry: whatever comes first, none begins once the run is being stopped.
#[tokio::test(start_paused = true)]
async fn nothing_starts_once_every_step_is_being_stopped() {
    let waiting: String = (0..40).map(|n| format!("w{n} after gate\n")).collect();
    let again: String = (0..10).map(|n| format!("r{n}\n")).collect();
    for failed_at in [0.999, 1.0, 1.001, 2.0] {
        for text in ["bad\ngate\n", "gate\nbad\n"] {
            let mut scene = Scene::of(&format!("{text}{waiting}{again}")).max_parallel(100);
            scene = scene.act("bad", [Act::exit(1).takes(failed_at)]);
            for n in 0..10 {
                let name = format!("r{n}");
                scene = scene
                    .act(&name, [Act::exit(1)])
                    .with(&name, |step| step.policy.retry = Some(retry(1, 0)));
            }
            let played = scene.play().await;
            let stopping = |kind: &EventKind| matches!(kind, EventKind::Cancelling { .. });
            let at = played.events.iter().position(|event| stopping(&event.kind)).unwrap();
            let late: Vec<_> = played.events[at..]
                .iter()
                .filter(|event| {
                    matches!(event.kind, EventKind::StepStarted { .. } | EventKind::StepRetrying { .. })
                })
                .collect();
            assert!(late.is_empty(), "it fails at {failed_at}: {late:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_names_the_limit_that_was_over_and_why_it_is_not_retried() {
    let circumstances = async |act: Act, change: fn(&mut crate::pipeline::Step)| {
        let played = Scene::of("a")
            .act("a", [act])
            .with("a", change)
            .play_in(tempfile::tempdir().unwrap().path())
            .await;
        let found = played.events.into_iter().find_map(|event| match event.kind {
            EventKind::StepFinished(finished) => Some(finished.circumstances),
            _ => None,
        });
        let Circumstances { limit, not_retried, command } = found.unwrap();
        assert_eq!(command.is_some(), limit.is_none(), "it failed by itself, or ran out of time");
        (limit, not_retried)
    };
    let seconds = Duration::from_secs;
    let long = || Act::exit(0).takes(100.0);
    let whole = circumstances(long(), |step| {
        step.policy.timeout = Some(Duration::from_secs(5));
        step.policy.retry = Some(Retry { timeout: Some(Duration::from_secs(9)), ..retry(3, 1) });
    });
    assert_eq!(whole.await, (Some(TimeLimit::Step(seconds(5))), None));
    let one = circumstances(long(), |step| {
        step.policy.timeout = Some(Duration::from_secs(9));
        step.policy.retry = Some(Retry { timeout: Some(Duration::from_secs(5)), ..retry(3, 60) });
    });
    assert_eq!(one.await, (Some(TimeLimit::Attempt(seconds(5))), Some(NotRetried::NoTime)));
    let picky = circumstances(Act::exit(22), |step| {
        step.policy.retry = Some(Retry { on_exit: vec![7, 28], ..retry(3, 1) });
    });
    assert_eq!(picky.await, (None, Some(NotRetried::OnExit)));
    assert_eq!(circumstances(Act::exit(22), |_| {}).await, (None, None));
}
