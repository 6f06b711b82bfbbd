//! Steps that have the terminal.

use super::{Act, Played, Scene, retry};
use crate::event::{CancelReason, EventKind, RunEnd};
use crate::pipeline::{OnError, Outcome, Step};

fn terminal(step: &mut Step) {
    step.terminal = true;
}

/// The steps that are shown to start, in order.
fn shown(played: &Played) -> Vec<&str> {
    let started = played.events.iter().filter_map(|event| match event.kind {
        EventKind::StepStarted { step, .. } => Some(played.pipeline.step(step).name.as_str()),
        _ => None,
    });
    started.collect()
}

#[tokio::test(start_paused = true)]
async fn it_runs_alone_and_never_are_there_two() {
    let names = "build > s\ntest < s\nask after build\nlogin\nagain after login\nother\nlast after other";
    let scene =
        ["ask", "login", "again"].into_iter().fold(Scene::of(names), |scene, it| scene.with(it, terminal));
    let played = scene.play().await;
    assert_eq!((played.letters().as_str(), played.log.most_at_terminal), ("SSSSSSS", 1));
    assert_eq!(played.log.most, 3, "the others run together");
    assert_eq!(played.log.started[..2], ["login", "again"], "a person is there at the start");
}

#[tokio::test(start_paused = true)]
async fn nothing_that_rests_comes_back_beside_it() {
    let scene = Scene::of("flaky\nquick\nask after quick").with("ask", terminal);
    let scene = scene.with("flaky", |step| step.policy.retry = Some(retry(1, 10)));
    let scene = scene.act("flaky", [Act::exit(1), Act::exit(0)]).act("ask", [Act::exit(0).takes(60.0)]);
    let played = scene.play().await;
    assert_eq!((played.letters().as_str(), played.log.most_at_terminal), ("SSS", 1));
    assert_eq!((played.took.as_secs(), played.log.started.last().map(String::as_str)), (62, Some("flaky")));
}

#[tokio::test(start_paused = true)]
async fn while_it_rests_others_run_and_it_comes_back_alone() {
    let rests = |step: &mut Step| {
        terminal(step);
        step.policy.retry = Some(retry(1, 10));
    };
    let scene = Scene::of("ask\nother").with("ask", rests);
    let scene = scene.act("ask", [Act::exit(1), Act::exit(0)]).act("other", [Act::exit(0).takes(30.0)]);
    let played = scene.play().await;
    assert_eq!((played.letters().as_str(), played.log.most_at_terminal), ("SS", 1));
    assert_eq!(
        (played.log.started, played.took.as_secs()),
        (vec!["ask".into(), "other".into(), "ask".into()], 32)
    );
}

#[tokio::test(start_paused = true)]
async fn it_starts_only_once_its_start_has_been_shown() {
    let played = Scene::of("ask\nother after ask").with("ask", terminal).play().await;
    assert_eq!((shown(&played), played.shown_first.as_slice()), (vec!["ask", "other"], &["ask".into()][..]));
    let scene = Scene::of("ask\nother").with("ask", terminal);
    let played = scene.act("ask", [Act::not_started()]).play().await;
    assert_eq!((shown(&played), played.letters().as_str()), (vec!["ask"], "FN"));
}

#[tokio::test(start_paused = true)]
async fn a_run_dies_of_the_signal_that_is_typed_to_it_whatever_its_policy() {
    for signal in [1, 2, 3] {
        for policy in [OnError::Stop, OnError::Continue, OnError::Ignore] {
            let change = |step: &mut Step| {
                terminal(step);
                step.policy.on_error = policy;
                step.policy.retry = Some(retry(3, 0));
            };
            let scene = Scene::of("ask\nother").with("ask", change);
            let played = scene.act("ask", [Act::dies(signal)]).play().await;
            assert_eq!((played.letters().as_str(), &played.end), ("CN", &RunEnd::Signalled(signal)));
            let reason = CancelReason::Signal(signal);
            assert!(played.events.iter().any(
                |event| matches!(event.kind, EventKind::Cancelling { reason: why, now: false, .. } if why == reason)
            ));
        }
    }
    let played = Scene::of("ask").with("ask", terminal).act("ask", [Act::dies(9)]).play().await;
    assert!(matches!(played.outcome("ask"), Outcome::Failed(_)), "that is none of the terminal's");
    let played = Scene::of("plain").act("plain", [Act::dies(2)]).play().await;
    assert!(matches!(played.outcome("plain"), Outcome::Failed(_)), "it has no terminal");
}
