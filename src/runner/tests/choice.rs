//! Runs of a part of the pipeline: what is left out runs nothing, and keeps its place in the order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Act, Played, Scene};
use crate::event::{EventKind, RunEnd};
use crate::pipeline::StepId;
use crate::plan::Asked;
use crate::runner::{PastRun, StepResult, Trace};

fn only(mut scene: Scene, names: &[&str]) -> Scene {
    let chosen = scene.pipeline.steps().filter(|(_, step)| names.contains(&step.name.as_str()));
    let chosen: BTreeSet<StepId> = chosen.map(|(id, _)| id).collect();
    scene.asked = Some(Asked::only(&chosen));
    scene
}

fn notes(played: &Played) -> Vec<String> {
    let note = |kind: &EventKind| match kind {
        EventKind::Note(note) => Some(note.clone()),
        _ => None,
    };
    played.events.iter().filter_map(|event| note(&event.kind)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_not_asked_for_leaves_its_gang() {
    let text = "make > s\nread < s\nother < s\nend after other";
    let played = only(Scene::of(text), &["make"]).play().await;
    assert_eq!((played.letters().as_str(), &played.end), ("SLLL", &RunEnd::Succeeded));
    assert_eq!(notes(&played), ["`make` runs: it was asked for"]);
    let played = only(Scene::of(text), &["read"]).play().await;
    assert_eq!(played.letters(), "SSLL");
    assert_eq!(notes(&played), ["`make` runs: `read` reads its stream `s`", "`read` runs: it was asked for"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_keeps_its_place() {
    let text = "a\nb after a\nc after b";
    let played = only(Scene::of(text), &["a", "c"]).play().await;
    assert_eq!((played.letters().as_str(), played.took.as_secs()), ("SLS", 2));
    let text = "make > s\nread < s\nend after read";
    let played = only(Scene::of(text), &["make", "end"]).play().await;
    assert_eq!(played.letters(), "SLS");
    let at = |is: fn(&EventKind) -> bool| played.events.iter().position(|event| is(&event.kind)).unwrap();
    let made = at(|kind| matches!(kind, EventKind::StepFinished(it) if it.step == StepId::new(0)));
    let end = at(|kind| matches!(kind, EventKind::StepStarted { step, .. } if *step == StepId::new(2)));
    assert!(made < end, "the last step waits for the producer of what the left out one would have read");
    let played = only(Scene::of(text).act("make", [Act::exit(1)]), &["make", "end"]).play().await;
    assert_eq!(played.letters(), "FDD", "it stands in for what it would have waited for");
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_gang_that_nothing_joins_do_not_share_their_fate() {
    let text = "one > x\ntwo > y\nboth < x < y";
    let scene = only(Scene::of(text).act("one", [Act::exit(1)]), &["one", "two"]);
    let scene = scene.with("one", |step| step.policy.on_error = crate::pipeline::OnError::Continue);
    assert_eq!(scene.play().await.letters(), "FSD");
}

#[tokio::test(start_paused = true)]
async fn what_was_done_before_is_taken_from_the_run_that_did_it() {
    let mut scene = Scene::of("a\nb after a");
    let run = |run: &str, a: Trace, b: Trace| PastRun {
        run: run.into(),
        steps: vec![("a".into(), a), ("b".into(), b)],
        streams: Vec::new(),
    };
    let outputs = Arc::new([("v".to_owned(), "1".to_owned())].into());
    let done = StepResult { outputs, ..StepResult::default() };
    scene.past.add(run("new", Trace::LeftOut(Arc::default()), Trace::Spoiled));
    scene.past.add(run("old", Trace::Succeeded(done.clone()), Trace::Succeeded(done)));
    scene.past.resumed = Some("new".into());
    let played = scene.play().await;
    // The scripted steps have fingerprints, and what was done has none.
    assert_eq!(
        notes(&played),
        ["`a` runs: its command has changed", "`b` runs: it has not succeeded in run new"]
    );
}
