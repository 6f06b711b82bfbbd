//! Steps of a matrix: how many run at once.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::{Act, Scene};
use crate::event::RunEnd;
use crate::pipeline::{Group, GroupId, MatrixValue, Member, OnError, Span, Step, StepId};

/// A scene whose steps `t.…` are a group of which so many may run at once.
fn capped(text: &str, most: usize) -> Scene {
    let mut scene = Scene::of(text);
    let mut members = Vec::new();
    for (index, step) in scene.pipeline.steps.iter_mut().enumerate() {
        if let Some(value) = step.name.strip_prefix("t.") {
            let matrix = vec![("v".to_owned(), MatrixValue::Text(value.to_owned()))];
            step.member = Some(Box::new(Member { group: GroupId::new(0), matrix }));
            members.push(StepId::new(index));
        }
    }
    let (at, max_parallel) = (Span::default(), NonZeroUsize::new(most));
    scene.pipeline.groups.push(Group { max_parallel, ..Group::of_matrix("t", at, members) });
    scene
}

#[tokio::test(start_paused = true)]
async fn a_group_has_a_limit_of_its_own_and_holds_up_no_other_step() {
    let played = capped("t.a\nt.b\nt.c\nt.d\nx\ny after x", 2).play().await;
    assert_eq!((played.letters().as_str(), played.log.most), ("SSSSSS", 3));
    assert_eq!(played.took, Duration::from_secs(2));
    let played = capped("t.a\nt.b\nt.c\nt.d", 1).act("t.b", [Act::exit(0).takes(5.0)]).play().await;
    assert_eq!((played.log.most, played.took), (1, Duration::from_secs(8)));
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_run_holds_too() {
    let played = capped("t.a\nt.b\nt.c\nx", 2).max_parallel(1).play().await;
    assert_eq!((played.log.most, played.took), (1, Duration::from_secs(4)));
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_the_others_and_frees_their_places() {
    let played = capped("t.a\nt.b\nt.c\nend after t.a t.b", 1).act("t.a", [Act::exit(3)]).play().await;
    assert_eq!(played.letters(), "FNND");
    let go_on = |step: &mut Step| step.policy.on_error = OnError::Continue;
    let scene = capped("t.a\nt.b\nt.c\nend after t.a", 1).act("t.a", [Act::exit(3)]).with("t.a", go_on);
    let played = scene.play().await;
    assert_eq!(played.letters(), "FSSD");
    assert_eq!(played.end, RunEnd::Failed { cause: Some(StepId::new(0)) });
}

#[tokio::test(start_paused = true)]
async fn retries_keep_their_place_in_the_limit() {
    let scene = capped("t.a\nt.b", 1).act("t.a", [Act::exit(1), Act::exit(0)]).retries("t.a", 1);
    let played = scene.play().await;
    assert_eq!((played.letters().as_str(), played.log.most), ("SS", 1));
}
