//! The steps that run when all others have ended, however they have.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::{Act, Played, Scene, retry};
use crate::event::{EventKind, RunEnd};
use crate::pipeline::{OnError, Outcome, RunOutcome, SkipReason, StepId};
use crate::plan::Asked;

const SIGINT: i32 = 2;

/// What the second phase was told when it began: how the body ended, and its cause.
fn told(played: &Played) -> Option<(RunOutcome, String)> {
    let phases: Vec<_> = played
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::PhaseStarted(phase) => Some((phase.outcome, phase.cause.clone())),
            _ => None,
        })
        .collect();
    assert!(phases.len() <= 1, "{phases:?}");
    phases.into_iter().next()
}

/// What is said of the ladder.
fn notes(played: &Played) -> Vec<&str> {
    let note = |event: &'_ crate::event::Event| match &event.kind {
        EventKind::Note(note) => Some(note.as_str().to_owned()),
        _ => None,
    };
    let notes: Vec<String> = played.events.iter().filter_map(note).collect();
    notes.into_iter().map(|note| &*note.leak()).collect()
}

fn failed_by(played: &Played, step: &str) -> RunEnd {
    let at = played.pipeline.steps.iter().position(|it| it.name == step).unwrap();
    RunEnd::Failed { cause: Some(StepId::new(at)) }
}

fn stubborn() -> Act {
    Act::until_stopped().obeys_after(1_000)
}

#[tokio::test(start_paused = true)]
async fn finally_steps_come_after_a_green_body() {
    let played =
        Scene::of("up\ntests after up\ndown\ntell after down").finally(["down", "tell"]).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Succeeded, "SSSS"));
    assert_eq!(played.log.started, ["up", "tests", "down", "tell"]);
    assert_eq!(told(&played), Some((RunOutcome::Succeeded, String::new())));
    assert!(notes(&played).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_red_body_is_stopped_first_and_stays_the_cause() {
    let scene = Scene::of("up\nother\nlast after up\ndown").finally(["down"]);
    let scene = scene.act("up", [Act::exit(1)]).act("other", [Act::until_stopped()]);
    let played = scene.play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (failed_by(&played, "up"), "FCDS"));
    assert_eq!(told(&played), Some((RunOutcome::Failed, "up".into())));
}

#[tokio::test(start_paused = true)]
async fn one_signal_stops_the_body_and_two_kill_it_and_the_clean_up_is_whole() {
    let scene =
        || Scene::of("a\nb after a\ndown\ntell after down").finally(["down", "tell"]).act("a", [stubborn()]);
    let played = scene().signal(1.5, SIGINT).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Signalled(SIGINT), "CNSS"));
    assert_eq!(told(&played), Some((RunOutcome::Cancelled, String::new())));
    assert_eq!(
        (played.log.stopped.as_slice(), played.took.as_millis()),
        (&["a TERM".to_owned(), "a KILL".into()][..], 13_500)
    );
    let expected = [
        "Ctrl-C again kills what still runs; then comes the clean-up: down, tell",
        "cleaning up: down, tell; Ctrl-C twice more abandons it",
    ];
    assert_eq!(notes(&played), expected);

    let played = scene().signal(1.5, 15).signal(0.5, 15).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Signalled(15), "CNSS"));
    assert_eq!(played.took.as_secs(), 4);
    let expected = [
        "another signal kills what still runs; then comes the clean-up: down, tell",
        "then comes the clean-up: down, tell; another signal abandons it",
        "cleaning up: down, tell; another signal abandons it",
    ];
    assert_eq!(notes(&played), expected);
}

#[tokio::test(start_paused = true)]
async fn a_third_signal_stops_the_clean_up_and_a_fourth_kills_it() {
    let scene = || Scene::of("a\ndown\ntell after down").finally(["down", "tell"]).act("down", [stubborn()]);
    let three = || scene().signal(0.5, SIGINT).signal(0.2, SIGINT).signal(1.0, SIGINT);
    let played = three().play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Signalled(SIGINT), "CCN"));
    assert_eq!(played.log.stopped, ["a TERM", "down TERM", "down KILL"]);
    assert_eq!(played.took.as_millis(), 11_700, "the clean-up has its grace");
    assert_eq!(notes(&played).last(), Some(&"the clean-up is abandoned: down, tell; Ctrl-C again kills it"));

    let played = three().signal(1.0, SIGINT).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Signalled(SIGINT), "CCN"));
    assert_eq!(
        (played.log.stopped.last().map(String::as_str), played.took.as_millis()),
        (Some("down KILL"), 2_700)
    );
}

#[tokio::test(start_paused = true)]
async fn three_signals_in_the_body_leave_no_clean_up() {
    let scene = Scene::of("a\ndown").finally(["down"]).act("a", [Act::until_stopped()]);
    let played = scene.signal(1.0, SIGINT).signal(0.0, SIGINT).signal(0.0, SIGINT).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Signalled(SIGINT), "CN"));
    assert_eq!(told(&played), None);
}

#[tokio::test(start_paused = true)]
async fn a_signal_in_the_phase_after_a_green_body_lets_it_go_on() {
    let played =
        Scene::of("a\ndown\ntell after down").finally(["down", "tell"]).signal(1.5, SIGINT).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Signalled(SIGINT), "SSS"));
    assert_eq!(notes(&played), ["cleaning up: down, tell; Ctrl-C twice more abandons it"]);
    assert!(played.log.stopped.is_empty());
}

#[tokio::test(start_paused = true)]
async fn between_finally_steps_order_means_ended() {
    let scene = Scene::of("a\ndown\ntell after down\nlast after tell").finally(["down", "tell", "last"]);
    let played = scene.act("down", [Act::exit(3)]).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (failed_by(&played, "down"), "SFSS"));
    assert_eq!(played.log.started, ["a", "down", "tell", "last"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_clean_up_does_not_take_the_place_of_the_cause() {
    let scene = Scene::of("a\ndown\ntell").finally(["down", "tell"]);
    let played = scene.act("a", [Act::exit(1)]).act("down", [Act::exit(2)]).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (failed_by(&played, "a"), "FFS"));
}

#[tokio::test(start_paused = true)]
async fn an_ignored_failure_of_the_clean_up_leaves_the_run_green() {
    let scene =
        Scene::of("a\ndown").finally(["down"]).with("down", |step| step.policy.on_error = OnError::Ignore);
    let played = scene.act("down", [Act::exit(2)]).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Succeeded, "SI"));
}

#[tokio::test(start_paused = true)]
async fn retries_of_the_clean_up_are_not_cut_by_the_end_of_the_body() {
    let scene =
        Scene::of("a\nb\ndown").finally(["down"]).act("a", [Act::exit(1)]).act("b", [Act::until_stopped()]);
    let scene = scene.with("down", |step| step.policy.retry = Some(retry(2, 3)));
    let played = scene.act("down", [Act::exit(1), Act::exit(1), Act::exit(0)]).play().await;
    assert_eq!((played.letters().as_str(), played.attempts("down")), ("FCS", 3));
    assert_eq!(played.end, failed_by(&played, "a"));
}

#[tokio::test(start_paused = true)]
async fn an_ignored_failure_of_the_body_is_no_failure_of_the_run() {
    let scene =
        Scene::of("a\ndown").finally(["down"]).with("a", |step| step.policy.on_error = OnError::Ignore);
    let played = scene.act("a", [Act::exit(2)]).play().await;
    assert_eq!(told(&played), Some((RunOutcome::Succeeded, String::new())));
    assert_eq!(played.end, RunEnd::Succeeded);

    // Its reader is tainted, and the run has failed.
    let scene = Scene::of("a > s\nr < s\ndown").finally(["down"]);
    let scene = scene.with("a", |step| step.policy.on_error = OnError::Ignore);
    let played = scene.act("a", [Act::exit(2)]).act("r", [Act::until_stopped()]).play().await;
    assert_eq!(played.letters(), "IXS");
    assert_eq!(told(&played), Some((RunOutcome::Failed, "a".into())));
}

#[tokio::test(start_paused = true)]
async fn a_gang_of_finally_steps_keeps_the_promises_of_streams() {
    let scene = || Scene::of("a\ntar > s\nupload < s\nlast after upload").finally(["tar", "upload", "last"]);
    let scene_of = scene().act("tar", [Act::exit(2)]).act("upload", [Act::until_stopped()]);
    let played = scene_of.play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (failed_by(&played, "tar"), "SFXS"));

    let played = scene().max_parallel(1).play().await;
    assert_eq!((played.letters().as_str(), played.log.most), ("SSSS", 2), "a gang runs alone");
}

#[tokio::test(start_paused = true)]
async fn a_failed_clean_up_skips_the_reader_of_its_stored_stream_alone() {
    let scene = Scene::of("a\ntar > s\nr < s after tar\nlast after r").finally(["tar", "r", "last"]);
    let played = scene.act("tar", [Act::exit(2)]).play().await;
    assert_eq!(played.letters(), "SFDS");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_body_lets_the_clean_up_go_as_far_as_it_can() {
    let scene = Scene::of("a\nb\ndown\ntell").finally(["down", "tell"]).act("a", [Act::engine_fails()]);
    let played = scene.act("b", [Act::until_stopped()]).act("down", [Act::not_started()]).play().await;
    assert!(matches!(played.end, RunEnd::Aborted(_)), "{:?}", played.end);
    assert_eq!(played.letters(), "CCFS");
    assert_eq!(told(&played).map(|(outcome, _)| outcome), Some(RunOutcome::Error));

    let scene =
        Scene::of("a\ndown\ntell after down").finally(["down", "tell"]).act("down", [Act::engine_fails()]);
    let played = scene.play().await;
    assert!(matches!(played.end, RunEnd::Aborted(_)), "{:?}", played.end);
    assert_eq!(played.letters(), "SCS", "the others go on");
}

#[tokio::test(start_paused = true)]
async fn a_clean_up_that_takes_too_long_is_over_and_the_rest_runs() {
    let limit = |step: &mut crate::pipeline::Step| step.policy.timeout = Some(Duration::from_secs(300));
    let scene = Scene::of("a\ndown\ntell after down").finally(["down", "tell"]).with("down", limit);
    let played = scene.act("down", [Act::until_stopped()]).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (failed_by(&played, "down"), "STS"));
    assert_eq!(played.took.as_secs(), 302);
}

#[tokio::test(start_paused = true)]
async fn a_stored_stream_of_the_body_is_read_when_it_is_whole() {
    let scene = || Scene::of("a > s\nb > t < s\ndown < t\ntell after down").finally(["down", "tell"]);
    let played = scene().play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Succeeded, "SSSS"));

    let played = scene().act("a", [Act::exit(1)]).act("b", [Act::until_stopped()]).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (failed_by(&played, "a"), "FXWS"));
    assert_eq!(played.outcome("down"), Outcome::Skipped(SkipReason::Without(StepId::new(1))));
    assert_eq!(played.log.started, ["a", "b", "tell"]);
}

#[tokio::test(start_paused = true)]
async fn who_reads_from_a_step_that_is_passed_over_goes_with_it() {
    let text = "a > s\ndown > t < s\nr < t\nlast after r";
    let played = Scene::of(text).finally(["down", "r", "last"]).act("a", [Act::exit(1)]).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (failed_by(&played, "a"), "FWWS"));
}

#[tokio::test(start_paused = true)]
async fn finally_steps_come_after_what_was_asked_for_or_run_by_hand() {
    let scene = |steps: &[usize]| {
        let mut scene = Scene::of("up\ntests\ndown\ntell after down").finally(["down", "tell"]);
        let steps: BTreeSet<StepId> = steps.iter().map(|step| StepId::new(*step)).collect();
        scene.asked = Some(Asked::only(&steps));
        scene
    };
    assert_eq!(scene(&[1]).play().await.letters(), "LSSS");
    let played = scene(&[2]).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Succeeded, "LLSL"));
    assert_eq!(told(&played), Some((RunOutcome::Succeeded, String::new())));
    assert_eq!(scene(&[0, 2]).act("up", [Act::exit(1)]).play().await.letters(), "FLSS");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_cleaned_up_where_nothing_was_started() {
    let played = Scene::of("a\ndown")
        .finally(["down"])
        .signal(0.0, SIGINT)
        .play_in(tempfile::tempdir().unwrap().path())
        .await;
    assert_eq!(played.end, RunEnd::Signalled(SIGINT));
    let letters = played.letters();
    assert!(["NN", "CS"].contains(&letters.as_str()), "{letters}: the signal came first, or the step did");
}

#[tokio::test(start_paused = true)]
async fn every_step_has_an_end_where_a_part_of_the_program_breaks_down() {
    let scene = Scene::of("a\nb after a\ndown\ntell after down").finally(["down", "tell"]);
    let played = scene.act("down", [Act::panics()]).play_in(tempfile::tempdir().unwrap().path()).await;
    assert!(matches!(played.end, RunEnd::Aborted(_)), "{:?}", played.end);
    assert_eq!(played.outcome("tell"), Outcome::Skipped(SkipReason::Stopped));

    let scene = Scene::of("a\nb after a\ndown").finally(["down"]).act("a", [Act::panics()]);
    let played = scene.play_in(tempfile::tempdir().unwrap().path()).await;
    assert_eq!(played.outcome("down"), Outcome::Skipped(SkipReason::Stopped));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Whatever the body does and whenever signals come: each step has one end, and each `finally` step has run to
    /// its end, or the ladder was climbed.
    #[test]
    fn every_finally_step_ends_or_the_ladder_was_climbed(
        body in prop::collection::vec((0..4u8, 1..30u32), 1..5),
        later in prop::collection::vec((0..4u8, 1..30u32), 1..5),
        signals in prop::collection::vec(1..40u32, 0..5),
        limit in prop::option::of(1..40u32),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let text: String = (0..body.len()).map(|n| format!("b{n}\n")).chain((0..later.len()).map(|n| {
            if n > 0 { format!("f{n} after f{}\n", n - 1) } else { "f0\n".to_owned() }
        })).collect();
        let mut scene = Scene::of(&text);
        let act = |&(kind, tenths): &(u8, u32)| match kind {
            0 => Act::exit(1),
            1 => Act::exit(0).obeys_after(20),
            2 => Act::not_started(),
            _ => Act::exit(0),
        }.takes(f64::from(tenths) / 10.0);
        for (n, it) in body.iter().enumerate() {
            scene = scene.act(&format!("b{n}"), [act(it)]);
        }
        for (n, it) in later.iter().enumerate() {
            let name = format!("f{n}");
            scene = scene.act(&name, [act(it)]).finally([name.as_str()]);
        }
        for tenths in &signals {
            scene = scene.signal(f64::from(*tenths) / 10.0, SIGINT);
        }
        if let Some(tenths) = limit {
            scene = scene.at_most(f64::from(tenths) / 10.0);
        }
        let dir = tempfile::tempdir().unwrap();
        let played = runtime.block_on(scene.play_in(dir.path()));
        // It panics where a step has no end, or two.
        let letters = played.letters();
        let of_later = &letters[body.len()..];
        let expected: String =
            later.iter().map(|(kind, _)| if [0, 2].contains(kind) { 'F' } else { 'S' }).collect();
        prop_assert!(of_later == expected || signals.len() >= 3, "{letters}: {expected} after {} signals", signals.len());
        let at = |name: &str| played.log.started.iter().position(|it| it.starts_with(name));
        let last_of_body = played.log.started.iter().rposition(|it| it.starts_with('b'));
        if let (Some(first), Some(last)) = (at("f"), last_of_body) {
            prop_assert!(last < first, "{:?}", played.log.started);
        }
    }
}
