//! What a failure means for the others.

use super::{Act, Played, Scene, retry};
use crate::event::RunEnd;
use crate::pipeline::{Failure, OnError, Outcome};

/// Twelve steps: a root, three branches that meet in two, and a leaf.
const TWELVE: &str = "
    root
    a after root
    b after root
    c after root
    d after a
    e after b
    f after c
    g after d e
    h after f
    i after g
    j after h
    leaf after i j
";

/// Plays the twelve with one that fails a little before its siblings are done.
async fn outcomes(failing: &str, on_error: OnError, retries: Option<u32>, failures: usize) -> String {
    let acts = vec![Act::exit(7).takes(0.5); failures];
    let scene = Scene::of(TWELVE).act(failing, acts).with(failing, |step| {
        step.policy.on_error = on_error;
        step.policy.retry = retries.map(|count| retry(count, 5));
    });
    let played = scene.play().await;
    let fails = failures > retries.unwrap_or(0) as usize && on_error != OnError::Ignore;
    let cause = played.pipeline.steps().find(|(_, step)| step.name == failing).map(|(id, _)| id);
    let expected = if fails { RunEnd::Failed { cause } } else { RunEnd::Succeeded };
    assert_eq!(played.end, expected, "{failing} {on_error:?}");
    played.letters()
}

#[tokio::test(start_paused = true)]
async fn every_policy_at_every_place() {
    // The order of the letters: root, a b c, d e f, g h, i j, leaf.
    let table = [
        ("root", OnError::Stop, None, 1, "F DDD DDD DD DD D"),
        ("root", OnError::Continue, None, 1, "F DDD DDD DD DD D"),
        ("root", OnError::Ignore, None, 1, "I SSS SSS SS SS S"),
        ("root", OnError::Stop, Some(2), 2, "S SSS SSS SS SS S"),
        ("root", OnError::Stop, Some(2), 3, "F DDD DDD DD DD D"),
        ("e", OnError::Stop, None, 1, "S SSS CFC DN DN D"),
        ("e", OnError::Continue, None, 1, "S SSS SFS DS DS D"),
        ("e", OnError::Ignore, None, 1, "S SSS SIS SS SS S"),
        ("e", OnError::Stop, Some(2), 2, "S SSS SSS SS SS S"),
        ("e", OnError::Stop, Some(1), 2, "S SSS SFS DS DS D"),
        ("e", OnError::Continue, Some(1), 2, "S SSS SFS DS DS D"),
        ("leaf", OnError::Stop, None, 1, "S SSS SSS SS SS F"),
        ("leaf", OnError::Continue, None, 1, "S SSS SSS SS SS F"),
        ("leaf", OnError::Ignore, None, 1, "S SSS SSS SS SS I"),
        ("leaf", OnError::Stop, Some(2), 2, "S SSS SSS SS SS S"),
        ("leaf", OnError::Stop, Some(1), 2, "S SSS SSS SS SS F"),
    ];
    for (failing, on_error, retries, failures, expected) in table {
        let got = outcomes(failing, on_error, retries, failures).await;
        let expected: String = expected.split(' ').collect();
        assert_eq!(got, expected, "{failing} fails {failures} times, {on_error:?}, retries {retries:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_cannot_start_fails_like_any_other() {
    let played = Scene::of("a\nb after a").act("a", [Act::not_started()]).play().await;
    assert_eq!(played.outcome("a"), Outcome::Failed(Failure::Start("it is not there".into())));
    assert_eq!(played.letters(), "FD");
}

#[tokio::test(start_paused = true)]
async fn a_failing_executor_is_no_steps_failure() {
    let played = Scene::of("a\nb").act("b", [Act::engine_fails()]).play().await;
    assert_eq!(played.end, RunEnd::Aborted("cannot start anything: no luck".into()));
    assert_eq!(played.letters(), "CC");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_lost_is_killed_before_it_could_see_an_end() {
    let scene = Scene::of("p > s\nr < s").act("p", [Act::exit(0).takes(10.0)]).act("r", [Act::lost(None)]);
    let played = scene.play().await;
    assert_eq!(played.end, RunEnd::Aborted("cannot wait: the process is lost".into()));
    assert_eq!(played.log.stopped, ["r KILL", "p TERM"]);
}

#[tokio::test(start_paused = true)]
async fn a_pipe_is_let_go_at_the_end_of_its_stream_or_of_its_reader() {
    // While a thread moves the stream, paused time jumps: the reader must not end before that.
    let order = |played: &Played| {
        let of_reader = played.log.pipes.iter().filter(|what| what.starts_with("r "));
        of_reader.cloned().collect::<Vec<_>>()
    };
    let scene = || Scene::of("p > s\nr < s").act("r", [Act::exit(0).takes(10_000.0).obeys_after(1)]);
    let played = scene().play().await;
    assert_eq!(
        (played.letters().as_str(), order(&played)),
        ("SS", vec!["r is let go".into(), "r ends".into()])
    );
    let played = scene().act("p", [Act::exit(1)]).play().await;
    assert_eq!(
        (played.letters().as_str(), order(&played)),
        ("FX", vec!["r ends".into(), "r is let go".into()])
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_is_the_cause() {
    let scene = Scene::of("a\nb\nc after b").act("a", [Act::exit(1).takes(2.0)]).act("b", [Act::exit(1)]);
    let go_on = |step: &mut crate::pipeline::Step| step.policy.on_error = OnError::Continue;
    let played = scene.with("a", go_on).with("b", go_on).play().await;
    let cause = played.pipeline.steps().find(|(_, step)| step.name == "b").map(|(id, _)| id);
    assert_eq!(played.end, RunEnd::Failed { cause });
    assert_eq!(played.letters(), "FFD");
}

#[tokio::test(start_paused = true)]
async fn retries_wait_as_long_as_they_say() {
    let scene = Scene::of("a")
        .act("a", vec![Act::exit(7); 2])
        .with("a", |step| step.policy.retry = Some(retry(2, 5)));
    let played = scene.play().await;
    assert_eq!((played.letters().as_str(), played.attempts("a")), ("S", 3));
    assert_eq!(played.took.as_secs(), 3 + 2 * 5);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_come_too_late_is_not_made() {
    let scene = Scene::of("a").act("a", vec![Act::exit(7); 2]).with("a", |step| {
        step.policy.retry = Some(retry(2, 5));
        step.policy.timeout = Some(std::time::Duration::from_secs(6));
    });
    let played = scene.play().await;
    assert_eq!((played.outcome("a"), played.attempts("a")), (Outcome::Failed(Failure::Exit(7)), 1));
}

#[tokio::test(start_paused = true)]
async fn a_bug_in_the_engine_ends_the_run_and_does_not_hang_it() {
    let played = Scene::of("a").act("a", [Act::panics()]).play().await;
    let RunEnd::Aborted(why) = played.end else { panic!("{:?}", played.end) };
    assert!(why.starts_with("a part of `pipe` broke down"), "{why}");
}
