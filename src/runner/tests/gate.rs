//! Gangs that wait for an answer (`confirm`), or for a name that one step holds at a time (`concurrency`).

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;

use super::{Act, Played, Scene, retry};
use crate::event::{EventKind, RunEnd};
use crate::pipeline::{Admission, Concurrency, Outcome, Role, SkipReason, Span, Step, Template};
use crate::runner::{Asker, Consent, Holder, NameFolder};

fn holds(name: &str) -> impl FnOnce(&mut Step) {
    let group = Template::literal(name, Span::default());
    let concurrency =
        Concurrency { group, name: name.into(), at: Span::default(), cancel_in_progress: false };
    move |step| step.admission.get_or_insert_default().concurrency = Some(concurrency)
}

fn asks(question: &str) -> impl FnOnce(&mut Step) {
    let confirm = Template::literal(question, Span::default());
    move |step| step.admission = Some(Box::new(Admission { confirm: Some(confirm), concurrency: None }))
}

/// A scene whose names are held in a folder of its own.
fn scene(text: &str) -> (tempfile::TempDir, Scene) {
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::of(text);
    scene.settings.names = NameFolder::at(dir.path().join("locks"));
    (dir, scene)
}

/// Answers after some time, and notes what it is asked.
struct Answers {
    yes: bool,
    seconds: u64,
    asked: Mutex<Vec<String>>,
}

impl Asker for Answers {
    fn ask<'a>(&'a self, step: &'a str, question: &'a str) -> BoxFuture<'a, Result<bool, String>> {
        self.asked.lock().unwrap().push(format!("{step}: {question}"));
        Box::pin(async {
            tokio::time::sleep(std::time::Duration::from_secs(self.seconds)).await;
            Ok(self.yes)
        })
    }
}

fn answers(yes: bool, seconds: u64) -> (Arc<Answers>, Consent) {
    let answers = Arc::new(Answers { yes, seconds, asked: Mutex::default() });
    (Arc::clone(&answers), Consent::Ask(answers))
}

fn notes(played: &Played) -> Vec<&str> {
    let events = played.events.iter();
    events
        .filter_map(|event| if let EventKind::Note(note) = &event.kind { Some(note.as_str()) } else { None })
        .collect()
}

fn passed(played: &Played, step: &str) -> String {
    match played.outcome(step) {
        Outcome::Skipped(SkipReason::Condition(why)) => why,
        other => panic!("{step}: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn of_five_steps_with_one_name_never_do_two_run() {
    let (_dir, mut it) = scene("a\nb\nc\nd\ne\nfree");
    for step in ["a", "b", "c", "d", "e"] {
        it = it.with(step, holds("db"));
    }
    let played = it.max_parallel(16).play().await;
    assert_eq!(played.letters(), "SSSSSS");
    assert_eq!(played.log.most, 2, "one that holds the name, and the free one");
    assert!(
        notes(&played).iter().any(|note| note.contains("which has `db`; 1 before it")),
        "{:?}",
        notes(&played)
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_name_holds_up_no_other_and_takes_no_slot() {
    let (_dir, it) = scene("first\nsecond\nother\nmore after other");
    let it = it.with("first", holds("db")).with("second", holds("db")).max_parallel(2);
    let played = it.act("first", [Act::exit(0).takes(60.0)]).play().await;
    assert_eq!(played.letters(), "SSSS");
    assert_eq!(played.log.started.last().map(String::as_str), Some("second"));
    assert_eq!(played.took.as_secs(), 61, "`other` and `more` run beside `first`");
}

#[tokio::test(start_paused = true)]
async fn two_names_in_opposite_order_in_two_gangs_do_not_lock_each_other_out() {
    let (_dir, it) = scene("p1 > s\nc1 < s\np2 > t\nc2 < t");
    let it = it.with("p1", holds("x")).with("c1", holds("y")).with("p2", holds("y")).with("c2", holds("x"));
    assert_eq!(it.play().await.letters(), "SSSS");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_kept_between_attempts() {
    let (_dir, it) = scene("flaky\nother after quick\nquick");
    let it = it.with("flaky", holds("db")).with("other", holds("db"));
    let it = it.with("flaky", |step| step.policy.retry = Some(retry(1, 30)));
    let played = it.act("flaky", [Act::exit(1), Act::exit(0)]).play().await;
    assert_eq!(played.letters(), "SSS");
    assert_eq!(played.log.started.last().map(String::as_str), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_name_is_no_part_of_the_time_limit_of_a_step() {
    let (_dir, it) = scene("long\nlimited");
    let it = it.with("long", holds("db")).with("limited", holds("db"));
    let it = it.with("limited", |step| step.policy.timeout = Some(std::time::Duration::from_secs(5)));
    assert_eq!(it.act("long", [Act::exit(0).takes(60.0)]).play().await.letters(), "SS");
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_wait_and_the_name_is_free_then() {
    let (_dir, it) = scene("waits");
    let names = it.settings.names.clone();
    let held = names.queue("db", &Holder::this("other", "")).unwrap();
    let played = it.with("waits", holds("db")).signal(2.0, 15).play().await;
    assert_eq!((played.end.clone(), played.letters().as_str()), (RunEnd::Signalled(15), "N"));
    assert!(notes(&played)[0].starts_with("`waits` waits for run other (pid "), "{:?}", notes(&played));
    drop(held);
    assert_eq!(names.queue("db", &Holder::this("next", "")).unwrap().before().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_cannot_be_made_ends_the_run_and_is_named() {
    let (dir, mut it) = scene("a");
    std::fs::write(dir.path().join("file"), "").unwrap();
    it.settings.names = NameFolder::at(dir.path().join("file/locks"));
    let RunEnd::Aborted(why) = it.with("a", holds("db")).play().await.end else { panic!() };
    assert!(why.contains("file/locks"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_yes_starts_the_step_and_is_asked_for_once() {
    let (_dir, mut it) = scene("build\ndeploy after build\nother");
    let (asked, consent) = answers(true, 100);
    it.settings.consent = consent;
    let it = it.with("deploy", asks("Deploy?")).with("deploy", |step| step.policy.retry = Some(retry(1, 0)));
    let played = it.act("deploy", [Act::exit(1), Act::exit(0)]).play().await;
    assert_eq!(played.letters(), "SSS");
    // Once for each of the two sites that the scene is played at.
    assert_eq!(*asked.asked.lock().unwrap(), ["deploy: Deploy?", "deploy: Deploy?"]);
    assert_eq!(played.took.as_secs(), 103);
}

#[tokio::test(start_paused = true)]
async fn a_no_passes_the_step_over_and_who_reads_from_it() {
    let (_dir, mut it) = scene("dump > s\nload < s\nlater after dump\nother > t\nreads < t");
    it.settings.consent = answers(false, 1).1;
    let played = it.with("dump", asks("Dump all?")).play().await;
    assert_eq!((played.letters().as_str(), played.end.clone()), ("PWSSS", RunEnd::Succeeded));
    assert_eq!(passed(&played, "dump"), "Dump all? the answer is no");
}

#[tokio::test(start_paused = true)]
async fn without_a_terminal_it_is_passed_over_unless_consent_is_given() {
    let (_dir, it) = scene("deploy\nother");
    let it = it.with("deploy", asks("Deploy?"));
    let played = it.clone().play().await;
    assert_eq!(played.letters(), "PS");
    assert_eq!(passed(&played, "deploy"), "Deploy? there is no terminal to ask on (`--yes` answers yes)");
    let mut it = it;
    it.settings.consent = Consent::Given;
    assert_eq!(it.play().await.letters(), "SS");
}

#[tokio::test(start_paused = true)]
async fn a_signal_takes_the_question_back() {
    let (_dir, mut it) = scene("deploy\nclean");
    it.settings.consent = answers(true, 1_000).1;
    let it = it.with("deploy", asks("Deploy?")).with("clean", |step| step.role = Role::Finally);
    let played = it.signal(5.0, 2).play().await;
    assert_eq!(played.end, RunEnd::Signalled(2));
    assert_eq!(played.took.as_secs(), 5, "the answer is not waited for");
}

#[tokio::test(start_paused = true)]
async fn a_gang_that_waits_for_one_of_its_names_leaves_the_others_free() {
    let (_dir, it) = scene("long\nquick\np > s\nc < s\nq after quick");
    let it = it.with("long", holds("y")).with("p", holds("x")).with("c", holds("y")).with("q", holds("x"));
    let played = it.act("long", [Act::exit(0).takes(60.0)]).play().await;
    assert_eq!(played.letters(), "SSSSS");
    let at = |name: &str| played.log.started.iter().position(|it| it == name).unwrap();
    assert!(at("q") < at("p"), "{:?}", played.log.started);
    let waits = notes(&played).into_iter().filter(|note| note.contains("`y`")).count();
    assert_eq!(waits, 1, "{:?}", notes(&played));
}

#[tokio::test(start_paused = true)]
async fn clean_up_asks_and_waits_as_other_steps_do() {
    for (yes, expected) in [(true, "FSS"), (false, "FPS")] {
        let (_dir, mut it) = scene("work\ndrop\ntell after drop");
        it.settings.consent = answers(yes, 5).1;
        let it = it.finally(["drop", "tell"]).with("drop", asks("Drop it?")).with("drop", holds("db"));
        let names = it.settings.names.clone();
        let played = it.with("tell", holds("db")).act("work", [Act::exit(1)]).play().await;
        assert_eq!(played.letters(), expected);
        assert_eq!(played.took.as_secs(), if yes { 8 } else { 7 });
        assert_eq!(names.queue("db", &Holder::this("next", "")).unwrap().before().unwrap(), None);
    }
}
