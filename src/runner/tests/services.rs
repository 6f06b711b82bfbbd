//! Services: how long they live, who waits for them, and what their end means.

mod processes;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Act, Played, Scene, retry};
use crate::event::{EventKind, RunEnd};
use crate::pipeline::{Condition, Failure, OnError, Outcome, Role, SkipReason, Span, Step, StepId, Template};
use crate::plan::Asked;

const SIGINT: i32 = 2;

/// A service that works: it is ready after so many seconds, and runs until it is stopped.
fn up(ready_after: f64) -> Act {
    Act::until_stopped().ready_after(ready_after)
}

/// `db`, ready at once, and steps that use it.
fn with_db<const N: usize>(text: &str, users: [&str; N]) -> Scene {
    let scene = Scene::of(text).services(["db"]).act("db", [up(0.0)]);
    users.into_iter().fold(scene, |scene, user| scene.uses(user, ["db"]))
}

fn id(played: &Played, name: &str) -> StepId {
    StepId::new(played.pipeline.steps.iter().position(|step| step.name == name).unwrap())
}

fn failed_by(played: &Played, name: &str) -> RunEnd {
    RunEnd::Failed { cause: Some(id(played, name)) }
}

/// When a step's first attempt started, in milliseconds.
fn started(played: &Played, name: &str) -> Option<u128> {
    let of = id(played, name);
    at(played, |kind| matches!(kind, EventKind::StepStarted { step, .. } if *step == of))
}

/// When a step ended, in milliseconds.
fn ended(played: &Played, name: &str) -> u128 {
    let of = id(played, name);
    at(played, |kind| matches!(kind, EventKind::StepFinished(it) if it.step == of)).unwrap()
}

fn at(played: &Played, is: impl Fn(&EventKind) -> bool) -> Option<u128> {
    let at = played.events.iter().position(|event| is(&event.kind))?;
    Some(played.times[at].as_millis())
}

fn tainted(played: &Played, name: &str) -> Outcome {
    Outcome::Tainted { producer: id(played, name) }
}

fn condition(says: bool) -> impl FnOnce(&mut Step) {
    let text = Template::literal(if says { "true" } else { "false" }, Span::default());
    move |step| step.condition = Some(Box::new(Condition { text, is_early: false }))
}

#[tokio::test(start_paused = true)]
async fn a_user_starts_when_its_service_is_ready() {
    let played = with_db("db\nuser", ["user"]).act("db", [up(0.25)]).play().await;
    assert_eq!((played.letters().as_str(), &played.end), ("SS", &RunEnd::Succeeded));
    // Looks at 0, 100 and 300 ms; stopped once the user has ended.
    assert_eq!((started(&played, "db"), started(&played, "user")), (Some(0), Some(300)));
    assert_eq!((ended(&played, "db"), played.log.stopped.as_slice()), (1_300, &["db TERM".to_owned()][..]));
    let ready = played.events.iter().find_map(|event| match event.kind {
        EventKind::ServiceReady { after, .. } => Some(after.as_millis()),
        _ => None,
    });
    assert_eq!(ready, Some(300));
}

#[tokio::test(start_paused = true)]
async fn others_do_not_wait_for_a_service() {
    let played = with_db("db\nuser\nother", ["user"]).act("db", [up(5.0)]).max_parallel(1).play().await;
    assert_eq!(played.letters(), "SSS");
    assert_eq!((started(&played, "other"), started(&played, "user")), (Some(0), Some(5_500)));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_gets_ready_is_the_cause() {
    let scene = with_db("db\nuser\nend after user", ["user"]).act("db", [up(1e6)]);
    let played = scene.play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FDD"));
    assert_eq!(played.outcome("user"), Outcome::Skipped(SkipReason::Dependency(id(&played, "db"))));
    assert!((59_000..=60_000).contains(&played.took.as_millis()), "{:?}", played.took);
    assert_eq!(played.log.stopped, ["db TERM"]);
    let words = "not ready within 1m; the last check said: no response";
    assert_eq!(played.outcome("db"), Outcome::Failed(Failure::NotReady(words.into())));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ends_before_it_is_ready_fails_at_once() {
    let played = with_db("db\nuser", ["user"]).act("db", [Act::exit(1).ready_after(1e6)]).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FD"));
    assert_eq!((played.outcome("db"), played.took.as_secs()), (Outcome::Failed(Failure::Exit(1)), 1));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ends_while_it_is_used_is_the_cause_whatever_its_exit_code() {
    for (act, failure) in [
        (Act::exit(0).takes(2.0), Failure::EndedEarly),
        (Act::exit(3).takes(2.0), Failure::Exit(3)),
        (Act::dies(9).takes(2.0), Failure::Signal(9)),
    ] {
        let text = "db\nuser\nlater after user\nwaits after later";
        let scene = with_db(text, ["user", "waits"]).act("db", [act]).act("user", [Act::until_stopped()]);
        let played = scene.play().await;
        assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FXDD"));
        assert_eq!(played.outcome("db"), Outcome::Failed(failure));
        assert_eq!((played.outcome("user"), played.took.as_secs()), (tainted(&played, "db"), 2));
        assert_eq!(played.log.stopped, ["user TERM"]);
    }
}

/// It may see its connection break before the end of the service is known here.
#[tokio::test(start_paused = true)]
async fn a_user_that_notices_the_end_of_a_service_first_is_not_the_cause() {
    let scene = with_db("db\nuser", ["user"]).act("db", [Act::dies(9).takes(2.0)]);
    let played = scene.act("user", [Act::exit(1).takes(1.9)]).retries("user", 2).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FX"));
    assert_eq!(played.attempts("user"), 1);

    // One that fails by itself is told of a moment later.
    let played = with_db("db\nuser", ["user"]).act("user", [Act::exit(1)]).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "user"), "SF"));
    assert_eq!(played.took.as_millis(), 1_500);
}

#[tokio::test(start_paused = true)]
async fn on_error_of_a_service_decides_about_the_others() {
    let scene = || {
        let scene =
            with_db("db\nuser\nother\nend after other", ["user"]).act("db", [Act::exit(1).takes(2.0)]);
        scene.act("user", [Act::until_stopped()]).act("other", [Act::exit(0).takes(5.0)])
    };
    let played = scene().play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FXCN"));
    let goes_on = |step: &mut Step| step.policy.on_error = OnError::Continue;
    let played = scene().with("db", goes_on).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FXSS"));
}

#[tokio::test(start_paused = true)]
async fn one_service_serves_all_its_users() {
    for (text, took) in [("db\na\nb after a", 2), ("db\na\nb", 1)] {
        let played = with_db(text, ["a", "b"]).play().await;
        assert_eq!((played.letters().as_str(), played.took.as_secs()), ("SSS", took));
        assert_eq!(played.log.started.iter().filter(|name| *name == "db").count(), 1);
        assert_eq!(played.log.stopped, ["db TERM"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_users_are_passed_over_is_not_started() {
    let early = |step: &mut Step| {
        let text = Template::literal("false", Span::default());
        step.condition = Some(Box::new(Condition { text, is_early: true }));
    };
    let played = with_db("db\nuser\nother", ["user"]).with("user", early).play().await;
    assert_eq!((played.letters().as_str(), &played.end), ("PPS", &RunEnd::Succeeded));
    assert_eq!(played.log.started, ["other"]);
    let words = "no step that uses it runs".to_owned();
    assert_eq!(played.outcome("db"), Outcome::Skipped(SkipReason::Condition(words)));
    // One that no step names.
    let played = with_db("db\nother", []).play().await;
    assert_eq!((played.letters().as_str(), &played.end), ("PS", &RunEnd::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_last_user_is_passed_over_while_it_starts_is_stopped_without_a_failure() {
    // The stream that the user would read is not made.
    let scene = with_db("db\nslow\nmake > s after slow\nuser < s", ["user"]).with("make", condition(false));
    let played = scene.act("db", [up(30.0)]).play().await;
    assert_eq!((played.letters().as_str(), &played.end), ("SSPW", &RunEnd::Succeeded));
    assert_eq!((ended(&played, "db"), played.log.stopped.as_slice()), (1_000, &["db TERM".to_owned()][..]));
}

#[tokio::test(start_paused = true)]
async fn services_use_services() {
    let scene = || {
        let scene =
            Scene::of("db\napi\nuser").services(["db", "api"]).uses("api", ["db"]).uses("user", ["api"]);
        scene.act("db", [up(1.0)]).act("api", [up(1.0)])
    };
    let played = scene().play().await;
    assert_eq!(played.letters(), "SSS");
    assert_eq!(played.log.started, ["db", "api", "user"]);
    assert_eq!(played.log.stopped, ["api TERM", "db TERM"]);

    // With the first all that stand on it fall.
    let scene = scene().act("db", [Act::exit(1).takes(5.0)]).act("user", [Act::until_stopped()]);
    let played = scene.play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FXX"));
    assert_eq!(played.outcome("user"), tainted(&played, "db"));
}

#[tokio::test(start_paused = true)]
async fn a_service_waits_for_a_step_and_falls_with_it() {
    let scene = || with_db("build\ndb after build\nuser\nother", ["user"]);
    let played = scene().play().await;
    assert_eq!((played.letters().as_str(), started(&played, "db")), ("SSSS", Some(1_000)));
    let goes_on = |step: &mut Step| step.policy.on_error = OnError::Continue;
    let played = scene().act("build", [Act::exit(1)]).with("build", goes_on).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "build"), "FDDS"));
    let because = || Outcome::Skipped(SkipReason::Dependency(id(&played, "build")));
    assert_eq!((played.outcome("db"), played.outcome("user")), (because(), because()));
}

#[tokio::test(start_paused = true)]
async fn a_service_waits_for_the_place_of_what_is_passed_over() {
    let scene = with_db("slow\nbuild after slow\ndb after build\nuser", ["user"]);
    let played = scene.with("build", condition(false)).play().await;
    assert_eq!((played.letters().as_str(), started(&played, "db")), ("SPSS", Some(1_000)));
}

#[tokio::test(start_paused = true)]
async fn signals_stop_services_last() {
    let scene = || with_db("db\nuser", ["user"]);
    let played = scene().act("db", [up(1e6)]).signal(3.0, SIGINT).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&RunEnd::Signalled(SIGINT), "CN"));
    assert_eq!((played.log.stopped.as_slice(), played.took.as_secs()), (&["db TERM".to_owned()][..], 3));

    let played = scene().act("user", [Act::until_stopped().obeys_after(4)]).signal(3.0, SIGINT).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&RunEnd::Signalled(SIGINT), "SC"));
    assert_eq!(
        (played.log.stopped.as_slice(), played.took.as_secs()),
        (&["user TERM".to_owned(), "db TERM".into()][..], 7)
    );

    // The second signal leaves no time to services either.
    let stubborn = || Act::until_stopped().obeys_after(1_000);
    let scene = scene().act("user", [stubborn()]).act("db", [stubborn()]);
    let played = scene.signal(3.0, SIGINT).signal(1.0, SIGINT).play().await;
    assert_eq!((played.letters().as_str(), played.took.as_secs()), ("SC", 4));
    assert_eq!(played.log.stopped, ["user TERM", "user KILL", "db KILL"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ignores_its_stop_is_killed_and_has_succeeded() {
    let scene = with_db("db\nuser", ["user"]).act("db", [Act::until_stopped().obeys_after(1_000)]);
    let played = scene.play().await;
    assert_eq!((played.letters().as_str(), played.took.as_secs()), ("SS", 11));
    assert_eq!(played.log.stopped, ["db TERM", "db KILL"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_is_tried_again_until_it_has_been_ready() {
    let scene = || with_db("db\nuser", ["user"]).with("db", |step| step.policy.retry = Some(retry(2, 3)));
    let played = scene().act("db", [Act::exit(1).ready_after(9.0), up(0.0)]).play().await;
    assert_eq!((played.letters().as_str(), played.attempts("db")), ("SS", 2));
    assert_eq!(started(&played, "user"), Some(4_000));

    let scene = scene().act("db", [Act::exit(1).takes(2.0), up(0.0)]).act("user", [Act::until_stopped()]);
    let played = scene.play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FX"));
    assert_eq!(played.attempts("db"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_user_is_tried_again_with_the_service_as_it_is() {
    let scene = with_db("db\nuser", ["user"]).act("user", [Act::exit(1), Act::exit(1), Act::exit(0)]);
    let played = scene.retries("user", 2).play().await;
    assert_eq!((played.letters().as_str(), played.attempts("user")), ("SS", 3));
    assert_eq!(played.log.started, ["db", "user", "user", "user"]);
}

#[tokio::test(start_paused = true)]
async fn finally_steps_keep_their_services_up() {
    let scene = || with_db("db\nuser\ndump", ["user", "dump"]).finally(["dump"]);
    let played = scene().play().await;
    assert_eq!((played.letters().as_str(), played.took.as_secs()), ("SSS", 2));
    assert_eq!(played.log.started, ["db", "user", "dump"]);
    let stopped = scene().act("user", [Act::until_stopped()]).signal(5.0, SIGINT).play().await;
    assert_eq!((stopped.letters().as_str(), stopped.took.as_secs()), ("SCS", 6));
    assert_eq!(stopped.log.stopped, ["user TERM", "db TERM"]);

    // One that is not up is not waited for.
    let played = scene().act("db", [Act::exit(1).ready_after(9.0)]).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FDW"));
    // One that ends in the phase is a failure, and its users in it are stopped.
    let scene = scene().act("db", [Act::exit(1).takes(3.0)]).act("dump", [Act::until_stopped()]);
    let played = scene.play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FSX"));
}

#[tokio::test(start_paused = true)]
async fn a_service_of_finally_steps_alone_starts_in_their_phase() {
    let scene = || with_db("db\nother\ndump", ["dump"]).finally(["dump"]);
    let played = scene().play().await;
    assert_eq!((played.letters().as_str(), started(&played, "db")), ("SSS", Some(1_000)));
    let played = scene().act("db", [Act::exit(1).ready_after(9.0)]).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FSW"));
    // If the phase does not begin, nor does the service.
    let played = scene().with("other", condition(false)).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&RunEnd::Succeeded, "PPP"));
}

#[tokio::test(start_paused = true)]
async fn services_run_with_the_steps_that_were_asked_for() {
    let only = |name: &str| {
        let mut scene = with_db("build\ndb\nuser", ["user"]);
        let at = scene.pipeline.steps.iter().position(|step| step.name == name).unwrap();
        scene.asked = Some(Asked::only(&BTreeSet::from([StepId::new(at)])));
        scene
    };
    assert_eq!(only("user").play().await.letters(), "LSS");
    assert_eq!(only("build").play().await.letters(), "SLL");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_cannot_start_is_the_cause() {
    let played = with_db("db\nuser", ["user"]).act("db", [Act::not_started()]).play().await;
    assert_eq!((&played.end, played.letters().as_str()), (&failed_by(&played, "db"), "FD"));
    assert_eq!(played.outcome("db"), Outcome::Failed(Failure::Start("it is not there".into())));
}

/// What is random in a run with services: for each step which services it uses, and how it goes.
#[derive(Debug, Clone)]
struct Fate {
    uses: Vec<prop::sample::Index>,
    takes: u8,
    fails: bool,
    is_finally: bool,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = (prop::collection::vec(any::<prop::sample::Index>(), 0..3), 1..6u8, 0..6u8, 0..5u8);
    let fate = fate.prop_map(|(uses, takes, fails, role)| Fate {
        uses,
        takes,
        fails: fails == 0,
        is_finally: role == 0,
    });
    prop::collection::vec(fate, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, each step ends once, no service outlives its users by more than its end takes, and none
    /// starts without one.
    #[test]
    fn services_live_as_long_as_their_users(
        users in fates(),
        // How long each service takes to get ready, and its life where that is not long enough.
        services in prop::collection::vec((0..4u8, prop::option::of(1..9u8)), 1..4),
        signal in prop::option::of(1..8u8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let count = services.len();
        let text: String = (0..count).map(|at| format!("s{at}\n")).chain((0..users.len()).map(|at| format!("u{at}\n"))).collect();
        let mut scene = Scene::of(&text);
        for (at, (ready, life)) in services.iter().enumerate() {
            let act = life.map_or_else(Act::until_stopped, |life| Act::exit(0).takes(f64::from(life) + 0.37 + 0.013 * at as f64));
            scene = scene.services([&*format!("s{at}")]).act(&format!("s{at}"), [act.ready_after(f64::from(*ready))]);
            if at > 0 && ready % 2 == 0 {
                scene = scene.uses(&format!("s{at}"), [&*format!("s{}", at - 1)]);
            }
        }
        for (at, fate) in users.iter().enumerate() {
            let name = format!("u{at}");
            let used: BTreeSet<usize> = fate.uses.iter().map(|index| index.index(count)).collect();
            // No two end at the same moment, of which the first would be the cause.
            let act = Act::exit(i32::from(fate.fails)).takes(f64::from(fate.takes) + 0.011 * (at + 1) as f64);
            scene = scene.act(&name, [act]).with(&name, |step| {
                step.role = if fate.is_finally { Role::Finally } else { Role::Ordinary };
                step.services = used.iter().map(|at| crate::pipeline::Usage { step: StepId::new(*at), at: Span::default() }).collect();
            });
        }
        let scene = signal.into_iter().fold(scene, |scene, at| scene.signal(f64::from(at) + 0.53, SIGINT));
        let played = runtime.block_on(scene.play());
        prop_assert_eq!(played.letters().len(), count + users.len());
        for (service, step) in played.pipeline.steps().filter(|(_, step)| step.role == Role::Service) {
            let users = played.pipeline.steps().filter(|(_, user)| user.uses(service));
            let ends: Vec<u128> = users.map(|(_, user)| ended(&played, &user.name)).collect();
            match started(&played, &step.name) {
                Some(_) => prop_assert!(ended(&played, &step.name) <= ends.into_iter().max().unwrap() + 1),
                None => prop_assert!(!played.log.started.contains(&step.name)),
            }
            if played.outcome(&step.name) == Outcome::Succeeded {
                for (_, user) in played.pipeline.steps().filter(|(_, user)| user.uses(service)) {
                    let broken = Outcome::Tainted { producer: service };
                    prop_assert_ne!(played.outcome(&user.name), broken);
                }
            }
        }
    }
}
