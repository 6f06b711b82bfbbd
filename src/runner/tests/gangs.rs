//! The stream guarantees, on real processes and pipes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{Act, Scene};
use crate::event::{CancelReason, EventKind, RunEnd, StreamFinished};
use crate::pipeline::{Destination, Failure, OnError, Outcome, Span, StepId, Template};
use crate::runner::testing::Played;

/// A producer with two readers that write what they read to files of their own, whole or not at all.
const FAN: &str = "p > s\nr1 < s\nr2 < s";

/// Reads to the end of stdin, and only then makes a file; counts its starts.
fn reader(name: &str) -> String {
    format!("echo x >> {name}.starts; cat > {name}.part; mv {name}.part {name}.whole")
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

fn streams(played: &Played) -> Vec<&StreamFinished> {
    let finished = played.events.iter().filter_map(|event| match &event.kind {
        EventKind::StreamFinished(finished) => Some(finished),
        _ => None,
    });
    finished.collect()
}

async fn play_fan(producer: &str, retries: u32, dir: &Path) -> Played {
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
async fn a_failure_before_the_first_byte_restarts_the_producer_alone() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = "echo x >> p.starts; [ $(wc -l < p.starts) = 3 ] || exit 1; seq 100000";
    let played = play_fan(flaky, 2, dir.path()).await;
    assert_eq!(played.letters(), "SSS");
    assert_eq!((played.attempts("p"), played.attempts("r1"), played.attempts("r2")), (3, 1, 1));
    assert_eq!(lines(&dir.path().join("r1.starts")), 1);
    assert_eq!(lines(&dir.path().join("r2.whole")), 100_000);
}

#[tokio::test]
async fn a_producer_that_cannot_start_does_not_leave_its_readers_waiting() {
    for (retries, attempts) in [(0, 1), (2, 3)] {
        let nowhere = Template::literal("nowhere", Span::default());
        let scene = Scene::of(FAN).scripts([("p", "seq 3"), ("r1", "cat"), ("r2", "cat")]);
        let scene = scene.with("p", |step| step.working_dir = Some(nowhere)).retries("p", retries);
        let played = scene.play().await;
        assert_eq!((played.letters().as_str(), played.attempts("p")), ("FXX", attempts));
    }
}

#[tokio::test]
async fn a_failure_after_the_first_byte_restarts_the_gang() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = "echo x >> p.starts; seq 100000; [ $(wc -l < p.starts) = 3 ]";
    let played = play_fan(flaky, 2, dir.path()).await;
    assert_eq!(played.letters(), "SSS");
    assert_eq!((played.attempts("p"), played.attempts("r1")), (3, 3));
    assert_eq!(lines(&dir.path().join("r1.starts")), 3);
    assert_eq!(lines(&dir.path().join("r1.whole")), 100_000, "not a mixture of attempts");
    assert_eq!(lines(&dir.path().join("r2.whole")), 100_000);
}

#[tokio::test]
async fn a_reader_that_is_tried_again_gets_the_stream_from_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = "echo x >> starts; head -n 1 > /dev/null; cat > got; [ $(wc -l < starts) = 2 ]";
    let scene = Scene::of(FAN).scripts([("p", "seq 100000"), ("r1", "cat > r1.whole"), ("r2", flaky)]);
    let played = scene.retries("r2", 1).play_in(dir.path()).await;
    assert_eq!((played.letters().as_str(), played.attempts("p"), played.attempts("r1")), ("SSS", 2, 2));
    assert_eq!(lines(&dir.path().join("r1.whole")), 100_000);
}

#[tokio::test]
async fn a_reader_may_leave_early() {
    let dir = tempfile::tempdir().unwrap();
    let r1 = reader("r1");
    let scripts = [("p", "head -c 20000000 /dev/zero"), ("r1", r1.as_str()), ("r2", "head -c 1000 > head")];
    let played = Scene::of(FAN).scripts(scripts).play_in(dir.path()).await;
    assert_eq!(played.letters(), "SSS");
    assert_eq!(fs::metadata(dir.path().join("r1.whole")).unwrap().len(), 20_000_000);
    let stream = streams(&played)[0];
    let unread = stream.unread[0].1.unwrap();
    assert_eq!((stream.complete, stream.unread.len()), (true, 1));
    assert!((19_000_000..=19_999_000).contains(&unread), "{unread}");
}

#[tokio::test]
async fn leaving_a_stream_that_fits_its_pipe_is_noticed_too() {
    let scripts = [("p", "head -c 50000 /dev/zero"), ("r1", "cat > all"), ("r2", "head -c 1 > one")];
    let played = Scene::of(FAN).scripts(scripts).play().await;
    let stream = streams(&played)[0];
    assert_eq!((played.letters().as_str(), stream.complete), ("SSS", true));
    assert_eq!(stream.unread.len(), 1);
    assert!(stream.unread[0].1.unwrap() > 0, "{stream:?}");
}

#[tokio::test]
async fn an_endless_producer_ends_when_every_reader_has_enough() {
    let played = Scene::of("p > s\nr < s").scripts([("p", "yes"), ("r", "head -n 3")]).play().await;
    assert_eq!((played.letters().as_str(), played.end), ("SS", RunEnd::Succeeded));
    let scripts = [("p", "yes"), ("r", "head -n 3; exit 4")];
    let played = Scene::of("p > s\nr < s").scripts(scripts).play().await;
    assert_eq!(played.letters(), "CF");
}

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

#[tokio::test]
async fn an_unread_stream_of_a_step_that_starts_late_is_kept_too() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("p > s").scripts([("p", "printf abc")]);
    let scene =
        scene.with("p", |step| step.working_dir = Some(crate::pipeline::Template::literal("late", step.at)));
    let retry = crate::runner::testing::retry(200, 0);
    let retry = crate::pipeline::Retry { delay: std::time::Duration::from_millis(1), ..retry };
    let scene = scene.with("p", |step| step.policy.retry = Some(retry));
    let late = dir.path().join("late");
    let played = tokio::join!(scene.play_in(dir.path()), async { fs::create_dir(late).unwrap() }).0;
    assert_eq!(played.letters(), "S");
    assert_eq!(fs::read_to_string(streams(&played)[0].kept.clone().unwrap().path).unwrap(), "abc");
}

#[tokio::test]
async fn a_restart_of_the_gang_takes_the_place_of_a_members_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::of("p > s\nm < s > t\nr < t").scripts([
        ("p", "echo x >> p.starts; [ $(wc -l < p.starts) -gt 1 ] || exit 1; seq 10"),
        ("m", "trap '' TERM; cat"),
        ("r", "[ -e once ] || { touch once; exit 1; }; cat > whole"),
    ]);
    // The gang is still being stopped when the producer's own wait is over.
    scene.settings.grace = std::time::Duration::from_secs(3);
    let delay = std::time::Duration::from_secs(1);
    let own = crate::pipeline::Retry { delay, ..crate::runner::testing::retry(1, 0) };
    let scene = scene.retries("r", 1).with("p", |step| step.policy.retry = Some(own));
    let played = scene.play_in(dir.path()).await;
    assert_eq!((played.letters().as_str(), played.attempts("p")), ("SSS", 2));
    assert_eq!(lines(&dir.path().join("whole")), 10);
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

#[tokio::test]
async fn a_stream_that_was_whole_is_made_again_with_its_gang() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("p > s\nm < s > t\nr < s").scripts([
        ("p", "echo x >> p.starts; wc -l < p.starts"),
        ("m", "cat"),
        ("r", "cat > got; [ $(wc -l < p.starts) = 2 ]"),
    ]);
    let played = scene.retries("r", 1).play_in(dir.path()).await;
    assert_eq!(played.letters(), "SSS");
    let kept = streams(&played).into_iter().find_map(|stream| stream.kept.clone()).unwrap();
    assert_eq!(
        fs::read_to_string(kept.path).unwrap().trim(),
        "2",
        "the stream of the last attempt is the one kept"
    );
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

/// `f` fails for good, and then `x` has the gang start again: what reads `f` has nothing to wait for.
#[tokio::test]
async fn who_reads_a_step_that_has_failed_for_good_does_not_start_again_without_it() {
    let f = "echo $$ > pid; echo one; until [ -e left ]; do :; done; exit 1";
    let q = "head -c 1 > /dev/null; exec <&-; touch left";
    let x = "[ $PIPE_ATTEMPT = 1 ] || exec cat; until [ -s pid ]; do :; done; while kill -0 $(cat pid) 2>/dev/null; do :; done; exit 1";
    let scene = Scene::of("p > s\nf < s > u\nq < u\nx < s");
    let scene = scene.scripts([("p", "seq 10"), ("f", f), ("q", q), ("x", x)]).retries("x", 1);
    let played = scene.with("f", |step| step.policy.on_error = OnError::Continue).play().await;
    assert_eq!(played.letters(), "SFXS");
    assert_eq!((played.attempts("p"), played.attempts("f"), played.attempts("q")), (2, 1, 1));
}

/// The gang's last word ends the run, and only then does the gang let go of its files: of many, so that it
/// takes a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_over_only_when_no_file_that_is_not_whole_is_left() {
    let readers: String = (1..100).map(|step| format!("\nr{step} < s{} > s{step}", step - 1)).collect();
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::of(&format!("p > s0{readers}")).act("p", [Act::exit(1).takes(0.01)]);
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

/// Takes no notice of SIGPIPE, as Python, node and curl do, and reports the broken pipe by an exit code of
/// its own.
fn unmoved(code: i32) -> String {
    format!("trap '' PIPE; seq 10000000 2>/dev/null || exit {code}")
}

#[tokio::test]
async fn an_exit_code_may_be_how_a_step_reports_a_broken_pipe() {
    let codes = [(23, vec![23], "SS"), (23, vec![1, 23], "SS"), (23, vec![1], "FS"), (23, vec![], "FS")];
    for (code, accepted, letters) in codes {
        let mut scene = Scene::of("p > s\nr < s").scripts([("p", &unmoved(code)), ("r", "head -n 1")]);
        scene.pipeline.streams[0].broken_pipe = accepted;
        let played = scene.play().await;
        assert_eq!(played.letters(), letters);
        if letters == "FS" {
            assert_eq!(played.outcome("p"), Outcome::Failed(Failure::BrokenPipe(code)));
        }
    }
}

#[tokio::test]
async fn an_accepted_exit_code_is_a_failure_while_a_reader_stays() {
    let dir = tempfile::tempdir().unwrap();
    let whole = reader("r2");
    let mut scene =
        Scene::of(FAN).scripts([("p", "seq 100000; exit 23"), ("r1", "head -n 1"), ("r2", &whole)]);
    scene.pipeline.streams[0].broken_pipe = vec![23];
    let played = scene.play_in(dir.path()).await;
    assert_eq!(played.outcome("p"), Outcome::Failed(Failure::Exit(23)));
    assert_eq!(played.letters(), "FSX");
    assert!(!dir.path().join("r2.whole").exists());
}

#[tokio::test]
async fn a_broken_pipe_is_no_success_where_a_reader_failed() {
    let mut scene = Scene::of("p > s\nr < s").scripts([("p", &unmoved(23)), ("r", "head -n 1; exit 4")]);
    scene.pipeline.streams[0].broken_pipe = vec![23];
    let played = scene.play().await;
    assert_eq!(played.outcome("r"), Outcome::Failed(Failure::Exit(4)));
    assert_eq!(played.letters(), "CF");
}

/// The end of the reader and the failure of its producer come together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_had_enough_has_succeeded_whatever_comes_after() {
    for _ in 0..50 {
        let played =
            Scene::of("p > s\nr < s").scripts([("p", &unmoved(1)), ("r", "exec head -n 1")]).play().await;
        assert_eq!(played.letters(), "FS");
    }
}
