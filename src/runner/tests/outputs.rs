//! What steps give reaches those that read it, and no others.

use super::{Played, Scene};
use crate::event::EventKind;
use crate::pipeline::{Failure, OnError, Outcome, Outputs};

/// What a step gave, by its last event.
fn gave(played: &Played, step: &str) -> Outputs {
    let found = played.events.iter().find_map(|event| match &event.kind {
        EventKind::StepFinished(end) if played.pipeline.step(end.step).name == step => Some(&end.outputs),
        _ => None,
    });
    (**found.unwrap()).clone()
}

#[tokio::test]
async fn a_step_gives_what_it_wrote_and_no_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("give\nfail\nquiet");
    let scripts = [
        ("give", "echo a=1 > $PIPE_OUTPUT; echo b=2 >> $PIPE_OUTPUT"),
        ("fail", "echo a=1 > $PIPE_OUTPUT; exit 5"),
        ("quiet", "rm $PIPE_OUTPUT"),
    ];
    let scene = scene.scripts(scripts).with("fail", |step| step.policy.on_error = OnError::Ignore);
    let played = scene.play_in(dir.path()).await;
    assert_eq!(gave(&played, "give"), [("a", "1"), ("b", "2")].map(|(k, v)| (k.into(), v.into())).into());
    assert_eq!(gave(&played, "fail"), [("a".into(), "1".into())].into());
    assert_eq!(gave(&played, "quiet"), Outputs::new());
    assert_eq!(std::fs::read_dir(dir.path()).map_or(0, Iterator::count), 0);
}

#[tokio::test]
async fn how_a_step_failed_matters_more_than_what_it_wrote() {
    let keep_going = |step: &mut crate::pipeline::Step| step.policy.on_error = OnError::Continue;
    let scene = Scene::of("bad\nworse").with("bad", keep_going).with("worse", keep_going);
    let played = scene
        .scripts([("bad", "echo nonsense > $PIPE_OUTPUT"), ("worse", "echo nonsense > $PIPE_OUTPUT; exit 5")])
        .play()
        .await;
    let why = "line 1 in $PIPE_OUTPUT is neither `key=value` nor `key<<WORD`";
    assert_eq!(played.outcome("bad"), Outcome::Failed(Failure::Outputs(why.into())));
    assert_eq!(played.outcome("worse"), Outcome::Failed(Failure::Exit(5)));
}
