//! Services as real processes.

use std::fs;
use std::time::Duration;

use super::super::gangs::{lines, reader};
use super::{Scene, failed_by, tainted};
use crate::pipeline::{Check, CheckTest, Readiness, Service, Span, Template};

/// A check that runs a script.
fn asks(script: &str) -> Check {
    Check::new(Some(CheckTest::Shell(Template::literal(script, Span::default()))))
}

/// Gives the service `db` a check.
fn checked(scene: Scene, check: Check) -> Scene {
    let readiness = Readiness::Check(Box::new(check));
    let service = Service { name: "db".into(), ports: Vec::new(), readiness };
    scene.with("db", |step| step.service = Some(Box::new(service)))
}

/// No reader takes a stream for finished that a user was making whose service has ended.
#[tokio::test]
async fn the_end_of_a_service_breaks_the_streams_of_its_users() {
    let dir = tempfile::tempdir().unwrap();
    let text = "db\nmake > s\nread < s";
    let scene = Scene::of(text).services(["db"]).uses("make", ["db"]);
    // The check and the service talk by files, so that no time is waited for.
    let scene = checked(scene, Check { interval: Duration::from_millis(10), ..asks("test -e up") });
    let read = reader("read");
    let scene = scene.scripts([
        ("db", "touch up; until test -e written; do sleep 0.01; done; kill -9 $$"),
        ("make", "seq 1000; touch written; exec sleep 1000"),
        ("read", &read),
    ]);
    let played = scene.play_in(dir.path()).await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FXX"));
    assert_eq!(played.outcome("read"), tainted(&played, "db"));
    assert!(!dir.path().join("read.whole").exists(), "no end was seen");
    assert_eq!(lines(&dir.path().join("read.starts")), 1);
}

/// What a user leaves behind may hold its log open when the service dies: the user has ended, and what it was making
/// is broken.
#[tokio::test]
async fn a_user_whose_log_is_open_when_its_service_dies_hands_no_stream_on() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::of("db\nuse > s\nread < s").services(["db"]).uses("use", ["db"]);
    let mut scene = checked(scene, Check { interval: Duration::from_millis(10), ..asks("test -e up") });
    let left = "while grep -q '^State:.[^Z]' /proc/$$/status; do sleep 0.01; done; touch gone
          until [ -e stopped ]; do sleep 0.01; done";
    scene = scene.scripts([
        ("db", "touch up; until test -e gone; do sleep 0.01; done; exit 9"),
        ("use", &format!("{{ {left}; }} &")),
        ("read", "trap 'touch stopped; exit 0' TERM; exec 3<&0; cat <&3 > got & wait; touch whole"),
    ]);
    scene.settings.leak_grace = Duration::from_secs(3600);
    let played = scene.play_in(dir.path()).await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FXX"));
    assert_eq!(played.outcome("use"), tainted(&played, "db"));
    assert!(!dir.path().join("whole").exists(), "no end was seen");
}

#[tokio::test]
async fn a_check_that_hangs_is_cut_and_leaves_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let short = Duration::from_millis(50);
    let check =
        Check { timeout: short, interval: short, retries: 2, ..asks("echo $$ >> checks; exec sleep 1000") };
    let scene = checked(Scene::of("db\nuser").services(["db"]).uses("user", ["db"]), check);
    let scene = scene.scripts([("db", "exec sleep 1000"), ("user", "true")]);
    let played = scene.play_in(dir.path()).await;
    assert_eq!(played.letters(), "FD");
    for pid in fs::read_to_string(dir.path().join("checks")).unwrap().lines() {
        let alive = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!alive.contains("1000"), "{pid}: {alive}");
    }
}
