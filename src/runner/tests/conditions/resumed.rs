//! Conditions of runs that go on from earlier ones.

use std::path::Path;
use std::sync::Arc;

use super::{Scene, asks, early, needs_values};
use crate::event::EventKind;
use crate::runner::{PastRun, StepResult, Trace};

fn resumed(mut scene: Scene, traces: &[(&str, Trace)]) -> Scene {
    let steps = traces.iter().map(|(step, trace)| ((*step).to_owned(), trace.clone())).collect();
    scene.past.add(PastRun { run: "then".into(), steps, streams: Vec::new() });
    scene.past.resumed = Some("then".into());
    scene
}

/// What the steps of a scripted run in this folder did then, so that they can be reused.
async fn done(scene: &Scene, dir: &Path) -> Vec<(&'static str, Trace)> {
    let played = scene.clone().play_in(dir).await;
    let result = |name: &'static str| {
        let fingerprint = played.events.iter().find_map(|event| match &event.kind {
            EventKind::StepFinished(it) if played.pipeline.step(it.step).name == name => {
                Some(it.fingerprint.clone())
            }
            _ => None,
        });
        let outputs = Arc::new([("v".to_owned(), "1".to_owned())].into());
        let fingerprint = fingerprint.unwrap_or_default();
        (name, Trace::Succeeded(StepResult { outputs, fingerprint, ..StepResult::default() }))
    };
    ["a", "b", "c", "d"].map(result).into()
}

#[tokio::test(start_paused = true)]
async fn conditions_are_decided_again_when_a_run_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("a\nb after a\nc after b\nd after b").with("c", needs_values);
    let past = done(&scene, dir.path()).await;
    let scene = resumed(scene, &past);
    let letters = async |scene: Scene| scene.play_in(dir.path()).await.letters();
    assert_eq!(letters(scene.clone()).await, "RRRR", "so that the rest says something");
    // False now and done then; its reader goes with it, and what only comes after it is reused.
    assert_eq!(letters(scene.clone().with("b", early(false))).await, "RPWR");
    // A late one over what is reused is decided from its values of then.
    let of_then = |source| letters(scene.clone().with("b", asks(source)));
    assert_eq!(of_then("steps.a.outputs.v == '2'").await, "RPWR");
    assert_eq!(of_then("steps.a.outputs.v == '1'").await, "RRRR");
    assert_eq!(of_then("skipped('a')").await, "RPWR");
    // Over a step that runs again it is open.
    let again = |source| {
        let mut again = scene.clone().with("b", asks(source));
        again.past.steps.remove("a");
        letters(again)
    };
    assert_eq!(again("success('a')").await, "SSSS");
    assert_eq!(again("skipped('a')").await, "SPWS");
}

#[tokio::test(start_paused = true)]
async fn what_was_passed_over_then_runs_when_its_condition_is_true() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("a\nb after a\nc after b\nd").with("b", early(true));
    let mut past = done(&scene, dir.path()).await;
    past[1].1 = Trace::PassedOver;
    let scene = resumed(scene, &past);
    let played = scene.clone().play_in(dir.path()).await;
    assert_eq!(played.letters(), "RSSR");
    let note = |kind: &EventKind| match kind {
        EventKind::Note(note) => Some(note.clone()),
        _ => None,
    };
    let notes: Vec<String> = played.events.iter().filter_map(|event| note(&event.kind)).collect();
    let expected = ["`b` runs: it has not succeeded in run then", "`c` runs: `b`, which it depends on, runs"];
    assert_eq!(notes, expected);
    assert_eq!(scene.with("b", early(false)).play_in(dir.path()).await.letters(), "RPRR");
}
