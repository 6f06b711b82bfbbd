//! Streams on disk: those without a reader, and those that are read later.

use std::fs;
use std::time::Duration;

use super::gangs::{lines, streams};
use super::{Act, Scene};
use crate::event::RunEnd;
use crate::pipeline::{Destination, OnError, Retry, StepId, Template};
use crate::runner::testing::retry;

#[tokio::test]
async fn an_unread_stream_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let played = Scene::of("p > s").scripts([("p", "printf abc")]).play_in(dir.path()).await;
    let kept = streams(&played)[0].kept.clone().unwrap();
    assert_eq!((kept.bytes, fs::read_to_string(&kept.path).unwrap().as_str()), (3, "abc"));
    assert_eq!(kept.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[tokio::test]
async fn a_broken_unread_stream_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let played = Scene::of("p > s").scripts([("p", "printf abc; exit 1")]).play_in(dir.path()).await;
    assert_eq!(played.letters(), "F");
    assert!(!dir.path().join("s").exists());
}

#[tokio::test]
async fn a_stored_stream_is_read_once_its_producer_has_succeeded() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = [("p", "seq 100000"), ("gate", "touch gate"), ("r", "[ -e gate ]; cat > got")];
    let played =
        Scene::of("p > s\ngate after p\nr < s after gate").scripts(scripts).play_in(dir.path()).await;
    assert_eq!(played.letters(), "SSS");
    assert_eq!(lines(&dir.path().join("got")), 100_000);
    assert!(!dir.path().join("s").exists(), "it is removed when no reader needs it any more");
}

#[tokio::test]
async fn an_unread_stream_of_a_step_that_starts_late_is_kept_too() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("p > s").scripts([("p", "printf abc")]);
    let scene = scene.with("p", |step| step.working_dir = Some(Template::literal("late", step.at)));
    let retry = retry(200, 0);
    let retry = Retry { delay: Duration::from_millis(1), ..retry };
    let scene = scene.with("p", |step| step.policy.retry = Some(retry));
    let late = dir.path().join("late");
    let played = tokio::join!(scene.play_in(dir.path()), async { fs::create_dir(late).unwrap() }).0;
    assert_eq!(played.letters(), "S");
    assert_eq!(fs::read_to_string(streams(&played)[0].kept.clone().unwrap().path).unwrap(), "abc");
}

#[tokio::test]
async fn a_broken_stream_is_not_read_from_disk_either() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = [("p", "seq 100000; exit 1"), ("gate", "true"), ("r", "cat > got")];
    let scene = Scene::of("p > s\ngate after p\nr < s after gate").scripts(scripts);
    let played = scene.with("p", |step| step.policy.on_error = OnError::Ignore).play_in(dir.path()).await;
    assert_eq!(played.letters(), "ISD");
    assert!(!dir.path().join("got").exists());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing of the stream is left");
}

/// The gang's last word ends the run, and only then does the gang let go of its files: of many, so that it
/// takes a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_over_only_when_no_file_that_is_not_whole_is_left() {
    let readers: String = (1..100).map(|step| format!("\nr{step} < s{} > s{step}", step - 1)).collect();
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::of(&format!("p > s0{readers}")).act("p", [Act::exit(1).takes(0.01)]);
    for step in 1..100 {
        scene = scene.act(&format!("r{step}"), [Act::until_stopped()]);
    }
    for stream in &mut scene.pipeline.streams {
        stream.out = Some(Destination::File(format!("{}.out", stream.name).into()));
    }
    let played = scene.play_in(dir.path()).await;
    assert_eq!(
        (played.letters(), played.end.clone()),
        (format!("F{}", "X".repeat(99)), RunEnd::Failed { cause: Some(StepId::new(0)) })
    );
    let left = fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.file_name());
    assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
}

/// Whether the step ends of the broken pipe before the run is stopped, or the other way round, is chance.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_whose_stream_has_found_no_room_has_not_succeeded() {
    for _ in 0..100 {
        let mut scene = Scene::of("p > s").scripts([("p", "exec yes")]);
        scene.pipeline.streams[0].out = Some(Destination::File("/dev/full".into()));
        let played = scene.play().await;
        assert!(matches!(played.end, RunEnd::Aborted(_)), "{:?}", played.end);
        assert_eq!(played.letters(), "C");
    }
}
