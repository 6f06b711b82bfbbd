//! The stream guarantees, on real processes and pipes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Scene;
use crate::event::{CancelReason, EventKind, RunEnd, StreamFinished};
use crate::pipeline::{Failure, OnError, Outcome, StepId};
use crate::runner::testing::Played;

/// A producer with two readers that write what they read to files of their own, whole or not at all.
pub(super) const FAN: &str = "p > s\nr1 < s\nr2 < s";

/// Reads to the end of stdin, and only then makes a file; counts its starts.
pub(super) fn reader(name: &str) -> String {
    format!("echo x >> {name}.starts; cat > {name}.part; mv {name}.part {name}.whole")
}

pub(super) fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

pub(super) fn streams(played: &Played) -> Vec<&StreamFinished> {
    let finished = played.events.iter().filter_map(|event| match &event.kind {
        EventKind::StreamFinished(finished) => Some(finished),
        _ => None,
    });
    finished.collect()
}

pub(super) async fn play_fan(producer: &str, retries: u32, dir: &Path) -> Played {
    let (r1, r2) = (reader("r1"), reader("r2"));
    let scene = Scene::of(FAN).scripts([("p", producer), ("r1", &r1), ("r2", &r2)]);
    scene.retries("p", retries).play_in(dir).await
}

#[tokio::test]
async fn every_reader_gets_everything() {
    let dir = tempfile::tempdir().unwrap();
    let played = play_fan("seq 100000", 0, dir.path()).await;
    assert_eq!((played.letters().as_str(), &played.end), ("SSS", &RunEnd::Succeeded));
    assert_eq!(lines(&dir.path().join("r1.whole")), 100_000);
    assert_eq!(lines(&dir.path().join("r2.whole")), 100_000);
    let stream = streams(&played)[0];
    assert!(stream.complete && stream.unread.is_empty());
    assert_eq!(stream.stats.bytes, 588_895);
    assert!(stream.stats.edges.iter().all(|edge| edge.bytes == 588_895));
}

#[tokio::test]
async fn no_reader_sees_the_end_of_a_broken_stream() {
    for (how, failure) in
        [("exit 3", Outcome::Failed(Failure::Exit(3))), ("kill -9 $$", Outcome::Failed(Failure::Signal(9)))]
    {
        let dir = tempfile::tempdir().unwrap();
        let played = play_fan(&format!("seq 100000; {how}"), 0, dir.path()).await;
        assert_eq!(played.outcome("p"), failure);
        assert_eq!(played.letters(), "FXX");
        assert!(!dir.path().join("r1.whole").exists() && !dir.path().join("r2.whole").exists());
        assert!(!streams(&played)[0].complete);
    }
}

#[tokio::test]
async fn a_timeout_breaks_the_stream_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let (r1, r2) = (reader("r1"), reader("r2"));
    let limit = std::time::Duration::from_millis(300);
    let scene = Scene::of(FAN).scripts([("p", "seq 100000; sleep 1000"), ("r1", &r1), ("r2", &r2)]);
    let played = scene.with("p", |step| step.policy.timeout = Some(limit)).play_in(dir.path()).await;
    assert_eq!(played.letters(), "TXX");
    assert!(!dir.path().join("r1.whole").exists() && !dir.path().join("r2.whole").exists());
}

#[tokio::test]
async fn a_reader_of_a_tainted_step_is_tainted_too() {
    let scene = Scene::of("p > s\nm < s > t\nr < t");
    let scene = scene.scripts([("p", "echo one; exit 1"), ("m", "cat"), ("r", "cat; touch whole")]);
    let dir = tempfile::tempdir().unwrap();
    let played = scene.play_in(dir.path()).await;
    assert_eq!(played.letters(), "FXX");
    assert!(!dir.path().join("whole").exists());
}

#[tokio::test]
async fn an_ignored_producer_still_taints_its_readers() {
    let dir = tempfile::tempdir().unwrap();
    let (r1, r2) = (reader("r1"), reader("r2"));
    let scene = Scene::of(FAN).scripts([("p", "seq 10; exit 1"), ("r1", &r1), ("r2", &r2)]);
    let played = scene.with("p", |step| step.policy.on_error = OnError::Ignore).play_in(dir.path()).await;
    assert_eq!(played.letters(), "IXX");
    assert!(!dir.path().join("r1.whole").exists());
    // What is told is the cause, not the reader that it stopped.
    let producer = StepId::new(0);
    assert_eq!(played.end, RunEnd::Failed { cause: Some(producer) });
    let reasons = played.events.iter().filter_map(|event| match event.kind {
        EventKind::Cancelling { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), [CancelReason::StepFailed(producer)]);
}

#[tokio::test]
async fn an_ignored_producer_is_the_cause_if_a_later_reader_cannot_run() {
    let scene = Scene::of("p > s\nq after p\nr < s after q");
    let scene = scene.scripts([("p", "echo x; exit 1"), ("r", "cat"), ("q", "true")]);
    let played = scene.with("p", |step| step.policy.on_error = OnError::Ignore).play().await;
    assert_eq!(played.end, RunEnd::Failed { cause: Some(StepId::new(0)) });
}

#[tokio::test]
async fn what_outlives_its_step_does_not_hang_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let leaky = "echo said; sleep 1000 & echo $! > pid";
    let scene = Scene::of("p > s\nr < s").scripts([("p", leaky), ("r", "cat > got")]);
    let played = scene.play_in(dir.path()).await;
    assert_eq!(played.letters(), "SS");
    let is_leaky =
        |event: &crate::event::Event| matches!(&event.kind, EventKind::StepFinished(it) if it.leaky);
    assert!(played.events.iter().any(is_leaky));
    assert_eq!(fs::read_to_string(dir.path().join("got")).unwrap(), "said\n");
    let pid: i32 = fs::read_to_string(dir.path().join("pid")).unwrap().trim().parse().unwrap();
    let kill = std::process::Command::new("kill").arg(pid.to_string()).status().unwrap();
    assert!(kill.success(), "a successful step's background process is left alone");
}

/// What a step leaves behind may hold its input and its log open when its producer fails.
#[tokio::test]
async fn a_reader_that_has_ended_but_for_its_log_hands_no_broken_stream_on() {
    let dir = tempfile::tempdir().unwrap();
    let p = "until [ -e gone ]; do sleep 0.01; done; exit 3";
    let r = "exec 3<&0; echo half
        { while grep -q '^State:.[^Z]' /proc/$$/status; do sleep 0.01; done; touch gone
          until [ -e stopped ]; do sleep 0.01; done; } <&3 &";
    let q = "trap 'touch stopped; exit 0' TERM; exec 3<&0; cat <&3 > got & wait; touch whole";
    let mut scene = Scene::of("p > s\nr < s > t\nq < t").scripts([("p", p), ("r", r), ("q", q)]);
    scene.settings.leak_grace = Duration::from_secs(3600);
    let scene = scene.with("p", |step| step.policy.on_error = OnError::Continue);
    assert_eq!(scene.play_in(dir.path()).await.letters(), "FXX");
    assert!(!dir.path().join("whole").exists());
}

#[tokio::test]
async fn a_failed_step_leaves_nothing_running() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("held");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = std::thread::spawn(move || fs::read(fifo).unwrap());
    let scene = Scene::of("p").scripts([("p", "sleep 1000 > held & exit 1")]);
    assert_eq!(scene.play_in(dir.path()).await.letters(), "F");
    let read = tokio::task::spawn_blocking(move || reader.join().unwrap()).await.unwrap();
    assert_eq!(read, b"", "the pipe ends because the sleep was killed");
}

#[tokio::test]
async fn every_stream_has_its_end_told_before_the_run_ends() {
    for _ in 0..20 {
        let played = Scene::of("p > s\nr < s").scripts([("p", "echo x"), ("r", "cat")]).play().await;
        assert_eq!(streams(&played).len(), 1);
    }
}

#[tokio::test]
async fn a_log_that_is_held_open_is_cut_and_nothing_of_it_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("p").scripts([("p", "echo said; sleep 1000 & echo $! > pid")]);
    let played = scene.play_in(dir.path()).await;
    assert_eq!(played.letters(), "S");
    let leaky = |event: &&crate::event::Event| matches!(&event.kind, EventKind::StepFinished(it) if it.leaky);
    assert_eq!(played.events.iter().filter(leaky).count(), 1);
    let said = |event: &&crate::event::Event| match &event.kind {
        EventKind::StepOutput { bytes, .. } => &bytes[..] == b"said\n",
        _ => false,
    };
    assert_eq!(played.events.iter().filter(said).count(), 1);
    let pid = fs::read_to_string(dir.path().join("pid")).unwrap();
    assert!(std::process::Command::new("kill").arg(pid.trim()).status().unwrap().success());
}

/// One step reads what comes of a stream by two ways, the first to its end before the second.
fn diamond() -> Scene {
    let limited = |step: &mut crate::pipeline::Step| step.policy.timeout = Some(Duration::from_secs(3));
    Scene::of("a > a\n b < a > b\n c < a > c\n d < b < c")
        .scripts([
            ("a", "head -c 5000000 /dev/zero"),
            ("b", "cat"),
            ("c", "cat"),
            ("d", "[ $(cat - /dev/fd/20 | wc -c) = 10000000 ]"),
        ])
        .with("d", limited)
}

#[tokio::test]
async fn a_gang_that_would_stand_still_is_helped_on() {
    let played = diamond().play().await;
    assert_eq!(played.letters(), "SSSS");
    let mut without = diamond();
    without.settings.break_deadlocks = false;
    let played = without.play().await;
    assert_eq!(played.outcome("d"), Outcome::TimedOut, "without help it waits for ever");
}
