//! Who starts when.

use super::{Act, Scene};

#[tokio::test(start_paused = true)]
async fn independent_steps_run_at_once() {
    let names: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let played = Scene::of(&names.join("\n")).play().await;
    assert_eq!(played.took.as_millis(), 1000);
    assert_eq!(played.log.most, 10);
}

#[tokio::test(start_paused = true)]
async fn no_more_run_than_may() {
    let names: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let played = Scene::of(&names.join("\n")).max_parallel(3).play().await;
    assert_eq!((played.log.most, played.took.as_secs()), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn the_longest_remaining_path_goes_first() {
    let played =
        Scene::of("short\nlong\nlonger after long\nlongest after longer").max_parallel(1).play().await;
    assert_eq!(played.log.started, ["long", "longer", "short", "longest"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_an_unrelated_sibling() {
    let scene = Scene::of("slow\nquick\nafter-quick after quick").act("slow", [Act::exit(0).takes(60.0)]);
    let played = scene.play().await;
    assert_eq!(played.took.as_secs(), 60);
    assert_eq!(played.log.started, ["quick", "slow", "after-quick"]);
}

#[tokio::test(start_paused = true)]
async fn a_gang_is_admitted_whole_and_a_larger_one_runs_alone() {
    let text = "p > s\nr1 < s\nr2 < s\nother";
    let played = Scene::of(text).max_parallel(3).play().await;
    assert_eq!(played.log.most, 3);
    let played = Scene::of(text).max_parallel(2).play().await;
    assert_eq!((played.letters().as_str(), played.log.most), ("SSSS", 3));
}
