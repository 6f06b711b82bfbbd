//! `timeout` of the run.

use std::time::Duration;

use super::{Act, Scene, retry};
use crate::event::{CancelReason, EventKind, RunEnd};
use crate::pipeline::{OnError, Span, Template};

const LIMIT: f64 = 5.0;

fn too_long() -> RunEnd {
    RunEnd::TimedOut(Duration::from_secs_f64(LIMIT))
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_is_stopped_and_cleaned_up() {
    let scene = Scene::of("a\nb after a\ndown").finally(["down"]).at_most(LIMIT);
    let played = scene.act("a", [Act::until_stopped()]).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (too_long(), "CNS"));
    let phase = played.events.iter().find_map(|event| match &event.kind {
        EventKind::PhaseStarted(phase) => Some(phase.cause.clone()),
        _ => None,
    });
    assert_eq!(phase.as_deref(), Some("the run took longer than 5 s"));
    let reason = played.events.iter().find_map(|event| match &event.kind {
        EventKind::Cancelling { reason, now, .. } => Some((*reason, *now)),
        _ => None,
    });
    assert_eq!(reason, Some((CancelReason::TimedOut(Duration::from_secs(5)), false)));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_come_too_late_is_not_waited_for() {
    let scene = Scene::of("a").act("a", [Act::exit(1)]).at_most(LIMIT);
    let scene = scene.with("a", |step| step.policy.retry = Some(retry(1, 3600)));
    let played = scene.play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (too_long(), "C"));
    assert_eq!(played.took.as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_at_the_same_moment_is_not_too_long() {
    for _ in 0..20 {
        let played = Scene::of("a\nb").act("a", [Act::exit(0).takes(LIMIT)]).at_most(LIMIT).play().await;
        assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Succeeded, "SS"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_beside_it_counts() {
    let scene = || Scene::of("a").act("a", [Act::until_stopped().obeys_after(3)]).at_most(LIMIT);
    assert_eq!(scene().signal(4.0, 2).play().await.end, RunEnd::Signalled(2));
    let played = scene().signal(6.0, 2).play().await;
    assert_eq!(
        (played.end.clone(), played.log.stopped.as_slice()),
        (RunEnd::Signalled(2), &["a TERM".to_owned()][..])
    );
}

#[tokio::test(start_paused = true)]
async fn the_clean_up_is_not_cut() {
    let scene = Scene::of("a\ndown").finally(["down"]).at_most(LIMIT);
    let played = scene.act("down", [Act::exit(0).takes(60.0)]).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Succeeded, "SS"));
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_a_step_may_come_first() {
    let scene = |seconds| {
        let limit =
            move |step: &mut crate::pipeline::Step| step.policy.timeout = Some(Duration::from_secs(seconds));
        Scene::of("a").act("a", [Act::until_stopped()]).with("a", limit).at_most(LIMIT)
    };
    assert_eq!(scene(3).play().await.letters(), "T");
    assert_eq!(scene(30).play().await.letters(), "C");
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_it_stays_the_cause() {
    let scene = Scene::of("a\nb").act("a", [Act::exit(1)]).act("b", [Act::until_stopped()]).at_most(LIMIT);
    let played = scene.with("a", |step| step.policy.on_error = OnError::Continue).play().await;
    assert_eq!(played.letters(), "FC");
    assert!(matches!(played.end, RunEnd::Failed { cause: Some(_) }), "{:?}", played.end);
}

#[tokio::test(start_paused = true)]
async fn no_reader_sees_the_end_of_a_stream_that_is_cut() {
    let scene = Scene::of("p > s\nr < s").at_most(LIMIT);
    let scene = scene.act("p", [Act::until_stopped()]).act("r", [Act::until_stopped().obeys_after(2)]);
    let played = scene.play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (too_long(), "CC"));
    assert!(played.log.stopped.iter().all(|it| !it.contains("at its end")), "{:?}", played.log.stopped);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("a").act("a", [Act::lingers("made").takes(7.0)]).at_most(LIMIT);
    let played = scene.play_in(dir.path()).await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (too_long(), "C"));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_ignores_term_is_killed_after_its_grace() {
    let scene = Scene::of("a").act("a", [Act::until_stopped().obeys_after(100)]).at_most(LIMIT);
    let played = scene.play().await;
    assert_eq!(
        (played.end.clone(), played.log.stopped.as_slice()),
        (too_long(), &["a TERM".to_owned(), "a KILL".into()][..])
    );
    assert_eq!(played.took.as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_is_not_ignored_and_its_artifacts_go() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("a").act("a", [Act::lingers("made").takes(7.0)]).at_most(LIMIT);
    let scene = scene.with("a", |step| {
        step.policy.on_error = OnError::Ignore;
        step.produces = vec![Template::literal("made", Span::default())];
    });
    let played = scene.play_in(dir.path()).await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (too_long(), "C"));
    assert!(!dir.path().join("made").exists());
}
