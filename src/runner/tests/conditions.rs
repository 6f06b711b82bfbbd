//! Conditions: who is passed over, who goes with it, and who runs all the same.

mod resumed;

use std::collections::BTreeSet;
use std::fs;

use super::gangs::{lines, reader, streams};
use super::{Act, Played, Scene};
use crate::event::{EventKind, RunEnd};
use crate::pipeline::{
    Condition, Destination, Failure, Need, OnError, Outcome, SkipReason, Span, Step, StepId, Template,
};
use crate::plan::Asked;
use crate::runner::testing::retry;
use crate::template::{Names, condition};

/// Gives a step a condition that says so before anything starts.
fn early(says: bool) -> impl FnOnce(&mut Step) {
    move |step| step.condition = Some(Box::new(Condition { text: literal(says), is_early: true }))
}

/// Gives a step a condition that says so in its turn.
fn late(says: bool) -> impl FnOnce(&mut Step) {
    move |step| step.condition = Some(Box::new(Condition { text: literal(says), is_early: false }))
}

fn literal(says: bool) -> Template {
    Template::literal(if says { "true" } else { "false" }, Span::default())
}

/// Gives a step this condition, which is asked in its turn.
fn asks(source: &'static str) -> impl FnOnce(&mut Step) {
    move |step| {
        let names = Names { steps: true, ..Names::default() };
        let compiled = condition(source, Span::default(), &names).unwrap();
        step.condition = Some(Box::new(Condition { is_early: false, ..compiled }));
    }
}

/// Both: what holds of one has to hold of the other.
const KINDS: [bool; 2] = [true, false];

fn says(is_early: bool, what: bool) -> Box<dyn FnOnce(&mut Step)> {
    if is_early { Box::new(early(what)) } else { Box::new(late(what)) }
}

fn needs_values(step: &mut Step) {
    step.depends_on.iter_mut().for_each(|dependency| dependency.need = Need::Values);
}

fn warnings(played: &Played) -> Vec<&str> {
    let warning = |kind: &'_ EventKind| match kind {
        EventKind::Warning(warning) => Some(warning.clone()),
        _ => None,
    };
    let all: Vec<String> = played.events.iter().filter_map(|event| warning(&event.kind)).collect();
    if all == ["nothing ran: no condition is true"] { vec!["nothing ran"] } else { vec!["?"; all.len()] }
}

/// The place of a step's start or end among the events.
fn at(played: &Played, name: &str, is_start: bool) -> usize {
    let is = |step: StepId| played.pipeline.step(step).name == name;
    let found = played.events.iter().position(|event| match &event.kind {
        EventKind::StepStarted { step, .. } => is_start && is(*step),
        EventKind::StepFinished(finished) => !is_start && is(finished.step),
        _ => false,
    });
    found.unwrap()
}

fn only(mut scene: Scene, names: &[&str]) -> Scene {
    let chosen = scene.pipeline.steps().filter(|(_, step)| names.contains(&step.name.as_str()));
    let chosen: BTreeSet<StepId> = chosen.map(|(id, _)| id).collect();
    scene.asked = Some(Asked::only(&chosen));
    scene
}

#[tokio::test(start_paused = true)]
async fn a_run_in_which_nothing_ran_is_good_and_says_so() {
    for kind in KINDS {
        let played =
            Scene::of("a\nb after a").with("a", says(kind, false)).with("b", says(kind, false)).play().await;
        assert_eq!((played.letters().as_str(), &played.end), ("PP", &RunEnd::Succeeded));
        assert_eq!(warnings(&played), ["nothing ran"]);
        assert_eq!(played.attempts("a"), 0);
    }
    let played = Scene::of("a\nb").with("a", early(false)).play().await;
    assert_eq!((played.letters().as_str(), warnings(&played).len()), ("PS", 0));
}

#[tokio::test(start_paused = true)]
async fn order_passes_through_and_values_do_not() {
    for kind in KINDS {
        // 4: C reads a value of B, which only comes after A.
        let scene = Scene::of("a\nb after a\nc after b").with("a", says(kind, false)).with("c", needs_values);
        assert_eq!(scene.play().await.letters(), "PSS");
        // 5: B reads a value of A, and C comes after B.
        let scene = Scene::of("a\nb after a\nc after b").with("a", says(kind, false)).with("b", needs_values);
        let played = scene.play().await;
        assert_eq!((played.letters().as_str(), &played.end), ("PWS", &RunEnd::Succeeded));
        assert_eq!(played.outcome("b"), Outcome::Skipped(SkipReason::Without(StepId::new(0))));
        // 6: B reads it with a default, which is only order.
        assert_eq!(Scene::of("a\nb after a").with("a", says(kind, false)).play().await.letters(), "PS");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_passed_over_keeps_its_place_in_the_order() {
    for kind in KINDS {
        let scene =
            || Scene::of("build\nsign after build\nupload after sign").with("sign", says(kind, false));
        let played = scene().play().await;
        assert_eq!((played.letters().as_str(), played.took.as_secs()), ("SPS", 2));
        assert!(at(&played, "build", false) < at(&played, "sign", false));
        assert!(at(&played, "sign", false) < at(&played, "upload", true));
        let played = scene().act("build", [Act::exit(1)]).play().await;
        assert_eq!(played.letters(), "FDD");
        assert_eq!(played.end, RunEnd::Failed { cause: Some(StepId::new(0)) });
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_a_reader_waits_for_the_producer() {
    for kind in KINDS {
        let text = "slow\np > s\nr < s\nend after r";
        let scene = || Scene::of(text).with("r", says(kind, false)).act("slow", [Act::exit(0).takes(60.0)]);
        let played = scene().play().await;
        assert_eq!(played.letters(), "SSPS");
        assert!(at(&played, "p", false) < at(&played, "end", true));
        let keep_going = |step: &mut Step| step.policy.on_error = OnError::Continue;
        let played = scene().act("p", [Act::exit(1)]).with("p", keep_going).play().await;
        assert_eq!(played.letters(), "SFDD");
    }
    // An early condition is known before its gang is ready: the producer does not wait for what the reader needs.
    let scene = Scene::of("slow\np > s\nr < s after slow").act("slow", [Act::exit(0).takes(60.0)]);
    let played = scene.with("r", early(false)).play().await;
    assert_eq!(played.letters(), "SSP");
    assert!(at(&played, "p", true) < at(&played, "slow", false));
}

#[tokio::test(start_paused = true)]
async fn no_condition_bridges_a_failure() {
    let keep_going = |step: &mut Step| step.policy.on_error = OnError::Continue;
    // 7: the condition of B is true.
    let scene = Scene::of("a\nb after a").act("a", [Act::exit(1)]).with("a", keep_going);
    let played = scene.with("b", late(true)).play().await;
    assert_eq!(played.letters(), "FD");
    for kind in KINDS {
        // 8: one dependency is passed over, the other fails.
        let scene = Scene::of("a\nf\nb after a f").act("f", [Act::exit(1)]).with("f", keep_going);
        let played = scene.with("a", says(kind, false)).play().await;
        assert_eq!(played.letters(), "PFD");
        assert_eq!(played.outcome("b"), Outcome::Skipped(SkipReason::Dependency(StepId::new(1))));
    }
}

#[tokio::test(start_paused = true)]
async fn readers_go_with_their_producer() {
    for kind in KINDS {
        // 9: R2 comes after R1, so that it reads from disk.
        let scene = Scene::of("p > s\nr1 < s\nr2 < s after r1\nlast after r2").with("p", says(kind, false));
        let played = scene.play().await;
        assert_eq!((played.letters().as_str(), &played.end), ("PWWS", &RunEnd::Succeeded));
        assert!(streams(&played).is_empty());
        assert_eq!(played.log.started, ["last"]);
    }
}

#[tokio::test]
async fn a_reader_that_is_passed_over_leaves_its_gang() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let r2 = reader("r2");
        let scene = Scene::of("p > s\nr1 < s\nr2 < s").with("r1", says(kind, false));
        let scene = scene.scripts([("p", "seq 100000"), ("r1", "touch wrong"), ("r2", &r2)]);
        let played = scene.play_in(dir.path()).await;
        assert_eq!(played.letters(), "SPS");
        assert_eq!(lines(&dir.path().join("r2.whole")), 100_000);
        let stream = streams(&played)[0];
        assert!(stream.complete && stream.unread.is_empty() && !stream.discarded);
        assert_eq!(stream.stats.edges.len(), 1);
    }
}

#[tokio::test]
async fn a_stream_whose_readers_are_all_passed_over_is_thrown_away() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let scene = || Scene::of("p > s\nr < s").scripts([("p", "seq 100000"), ("r", "touch wrong")]);
        let scene = || scene().with("r", says(kind, false));
        let played = scene().play_in(dir.path()).await;
        assert_eq!(played.letters(), "SP");
        let stream = streams(&played)[0];
        assert!(stream.complete && stream.discarded && stream.kept.is_none());
        assert_eq!(stream.stats.bytes, 588_895);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        // 12: the file asks for it, or the command line.
        let dir = tempfile::tempdir().unwrap();
        let mut stored = scene();
        stored.pipeline.streams[0].store = true;
        let played = stored.play_in(dir.path()).await;
        assert_eq!((played.letters().as_str(), lines(&dir.path().join("s"))), ("SP", 100_000));
        assert!(!streams(&played)[0].discarded && streams(&played)[0].kept.is_some());
        let dir = tempfile::tempdir().unwrap();
        let mut sent = scene();
        sent.pipeline.streams[0].out = Some(Destination::File("f".into()));
        let played = sent.play_in(dir.path()).await;
        assert_eq!((played.letters().as_str(), lines(&dir.path().join("f"))), ("SP", 100_000));
        assert!(!streams(&played)[0].discarded && !dir.path().join("s").exists());
    }
}

#[tokio::test]
async fn a_stream_is_thrown_away_although_a_failure_has_skipped_its_reader_since() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = [("bad", "exit 1"), ("p", "seq 10"), ("r", "true")];
    let keep_going = |step: &mut Step| step.policy.on_error = OnError::Continue;
    let scene = Scene::of("bad\np > s\nr < s after bad").scripts(scripts).with("bad", keep_going);
    let played = scene.clone().with("r", early(false)).max_parallel(1).play_in(dir.path()).await;
    assert_eq!(played.letters(), "FSD");
    assert!(streams(&played)[0].discarded && !dir.path().join("s").exists());
    let dir = tempfile::tempdir().unwrap();
    let played = scene.max_parallel(1).play_in(dir.path()).await;
    assert_eq!(played.letters(), "FSD");
    assert!(streams(&played)[0].kept.is_some(), "the reader would have read it");
}

#[tokio::test]
async fn a_stream_that_was_stored_for_a_reader_goes_with_it_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = [("p", "seq 10"), ("gate", "[ -e s ] && touch was-there"), ("r", "touch wrong")];
    let scene = Scene::of("p > s\ngate after p\nr < s after gate").scripts(scripts).with("r", late(false));
    assert_eq!(scene.play_in(dir.path()).await.letters(), "SSP");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["was-there"]);
}

#[tokio::test]
async fn one_input_that_is_missing_takes_the_reader_along() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let scene = Scene::of("a > left\nb > right\nr < left < right").with("b", says(kind, false));
        let scripts = [("a", "seq 10"), ("b", "touch wrong"), ("r", "touch wrong")];
        let played = scene.scripts(scripts).play_in(dir.path()).await;
        assert_eq!(played.letters(), "SPW");
        assert!(streams(&played)[0].discarded);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_member_that_is_passed_over_has_joined_is_apart() {
    let text = "one > x\ntwo > y\nboth < x < y";
    let scene = Scene::of(text).with("both", late(false)).retries("one", 1);
    let played = scene.act("one", [Act::exit(1), Act::exit(0)]).play().await;
    assert_eq!(played.letters(), "SSP");
    assert_eq!((played.attempts("one"), played.attempts("two")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_condition_is_asked_when_its_whole_gang_is_ready() {
    let text = "first\nslow\np > s after slow\nr < s after first";
    let scene = Scene::of(text).with("r", late(false)).act("slow", [Act::exit(0).takes(60.0)]);
    let played = scene.play().await;
    assert_eq!(played.letters(), "SSSP");
    assert!(at(&played, "slow", false) < at(&played, "p", true));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_missing_fails_the_step() {
    // 16.
    let keep_going = |step: &mut Step| step.policy.on_error = OnError::Continue;
    let scene = Scene::of("x\nb after x > s\nr < s\nend after b");
    let scene = scene.with("b", asks("steps.x.outputs.k == '1'"));
    let played = scene.clone().with("b", keep_going).play().await;
    assert_eq!(played.letters(), "SFDD");
    let Outcome::Failed(Failure::Start(why)) = played.outcome("b") else { panic!() };
    assert!(why.contains("`x` did not set the output `k`"), "{why}");
    assert_eq!(played.end, RunEnd::Failed { cause: Some(StepId::new(1)) });
    let played = scene.with("b", |step| step.policy.on_error = OnError::Ignore).play().await;
    assert_eq!(played.letters(), "SIDS");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_ignored_can_be_asked_for() {
    // 17.
    let scene = |lint: Act| {
        let scene = Scene::of("lint\ntell after lint\nelse after lint").act("lint", [lint]);
        let scene = scene.with("lint", |step| step.policy.on_error = OnError::Ignore);
        scene.with("tell", asks("failure('lint')")).with("else", asks("success('lint')"))
    };
    assert_eq!(scene(Act::exit(1)).play().await.letters(), "ISP");
    let played = scene(Act::exit(0)).play().await;
    assert_eq!(played.letters(), "SPS");
    let words = "failure('lint') is false (lint succeeded)";
    assert_eq!(played.outcome("tell"), Outcome::Skipped(SkipReason::Condition(words.into())));
    let scene = Scene::of("a\nb after a\nc after a").with("a", late(false));
    let scene = scene.with("b", asks("skipped('a')")).with("c", asks("success('a')"));
    assert_eq!(scene.play().await.letters(), "PSP");
}

#[tokio::test(start_paused = true)]
async fn a_condition_is_asked_once_whatever_becomes_of_the_attempts() {
    // 18: what it asks about changes nothing any more.
    let scene = Scene::of("a\nb after a").with("b", asks("success('a')"));
    let scene = scene.with("b", |step| step.policy.retry = Some(retry(2, 10)));
    let played = scene.act("b", [Act::exit(1), Act::exit(1), Act::exit(0)]).play().await;
    assert_eq!((played.letters().as_str(), played.attempts("b")), ("SS", 3));
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_was_not_asked_is_not_false() {
    // 20.
    let scene = Scene::of("a\nb after a\nc after b").with("b", late(false)).with("c", needs_values);
    let played = scene.act("a", [Act::until_stopped()]).signal(5.0, 2).play().await;
    assert_eq!((played.letters().as_str(), &played.end), ("CNN", &RunEnd::Signalled(2)));
}

#[tokio::test(start_paused = true)]
async fn what_is_passed_over_takes_no_slot() {
    // 24.
    for kind in KINDS {
        let names: Vec<String> = (0..100).map(|step| format!("s{step}")).collect();
        let mut scene = Scene::of(&format!("a\n{}\nz", names.join("\n"))).max_parallel(1);
        for name in &names {
            scene = scene.with(name, says(kind, false));
        }
        let played = scene.play().await;
        assert_eq!(
            (played.log.started.as_slice(), played.took.as_secs()),
            (["a".into(), "z".into()].as_slice(), 2)
        );
        assert!(at(&played, "s99", false) < at(&played, "a", false), "none waits for a slot");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gang_fits_without_the_members_that_are_passed_over() {
    let scene = Scene::of("long\np > s\nr1 < s\nr2 < s").max_parallel(2);
    let scene = scene.with("r1", late(false)).with("r2", late(false));
    let played = scene.act("long", [Act::exit(0).takes(60.0)]).play().await;
    assert_eq!((played.letters().as_str(), played.log.most), ("SSPP", 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_counts_as_done() {
    let scene = Scene::of("a\nb after a\nc after b").with("b", asks("success('a')"));
    assert_eq!(only(scene, &["b"]).play().await.letters(), "LSL");
    let scene = Scene::of("a\nb after a\nc after b").with("b", late(false));
    assert_eq!(only(scene, &["b", "c"]).play().await.letters(), "LPS");
    // A producer that a chosen reader needs comes along, and is asked.
    let scene = Scene::of("p > s\nr < s").with("p", early(false));
    assert_eq!(only(scene, &["r"]).play().await.letters(), "PW");
}
