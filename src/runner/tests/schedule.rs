//! Who starts when.

use super::{Act, Scene, retry};

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

#[tokio::test(start_paused = true)]
async fn a_step_that_waits_for_its_next_attempt_gives_its_place_back() {
    let scene = Scene::of("flaky\nother")
        .max_parallel(1)
        .with("flaky", |step| step.policy.retry = Some(retry(1, 10)));
    let scene = scene.act("flaky", [Act::exit(1), Act::exit(0)]).act("other", [Act::exit(0).takes(30.0)]);
    let played = scene.play().await;
    assert_eq!(played.letters(), "SS");
    assert_eq!(
        (played.log.started, played.log.most),
        (vec!["flaky".into(), "other".into(), "flaky".into()], 1)
    );
    assert_eq!(played.took.as_secs(), 32, "it comes back only once there is a place");
}

#[tokio::test(start_paused = true)]
async fn a_gang_that_waits_gives_its_places_back_and_comes_back_whole() {
    let retried = |step: &mut crate::pipeline::Step| step.policy.retry = Some(retry(1, 10));
    let scene = Scene::of("p > s\nr < s\none\ntwo\nthree").max_parallel(2).with("r", retried);
    let scene = scene.act("r", [Act::exit(1), Act::exit(0)]);
    let played = scene.play().await;
    assert_eq!((played.letters().as_str(), played.log.most), ("SSSSS", 2));
    let at = |name: &str| played.log.started.iter().position(|it| it == name);
    assert!(at("three") < played.log.started.iter().rposition(|it| it == "r"), "{:?}", played.log.started);
}

#[tokio::test(start_paused = true)]
async fn a_gang_larger_than_the_limit_comes_back_alone() {
    let retried = |step: &mut crate::pipeline::Step| step.policy.retry = Some(retry(1, 10));
    let scene = Scene::of("p > s\nr < s\nother").max_parallel(1).with("r", retried);
    let scene = scene.act("r", [Act::exit(1), Act::exit(0)]).act("other", [Act::exit(0).takes(30.0)]);
    let played = scene.play().await;
    assert_eq!((played.letters().as_str(), played.log.most), ("SSS", 2));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_does_not_wait_for_what_rests() {
    let scene = Scene::of("flaky\nother")
        .max_parallel(1)
        .with("flaky", |step| step.policy.retry = Some(retry(1, 1000)));
    let scene = scene.act("flaky", [Act::exit(1)]).act("other", [Act::exit(0).takes(500.0)]);
    let played = scene.signal(5.0, 15).play().await;
    assert_eq!((played.letters().as_str(), played.took.as_secs()), ("CC", 5));
}
