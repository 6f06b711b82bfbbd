//! What is shown of services, and what of them is kept.

use crate::support::Place;

/// A service of this machine that says something, and two steps that use it.
const LOUD: &str = r#"
params: {password: {type: secret, env: PASSWORD}}
services:
  db:
    run: |
      echo "listening for {{ password }}"
      exec sleep 1000
    healthcheck: {test: test -e up}
steps:
  - {name: build, run: touch up}
  - {name: test, services: db, depends_on: build, run: test -e good}
  - {name: dump, finally: true, services: db, run: echo dumped}
"#;

fn run(place: &Place, args: &[&str]) -> crate::support::Ran {
    let mut command = place.command(&[&["run", "--format", "plain"], args].concat());
    crate::support::Ran::of(command.env("PASSWORD", "hunter-2").output().unwrap())
}

#[test]
fn a_service_is_loud_in_its_log_alone() {
    let place = Place::with(LOUD);
    place.write("good", "");
    let ran = run(&place, &[]).code(0).says("db    * ready in").says("db    * stopped after");
    assert!(!ran.stdout.contains("listening"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n  ✓  db  "), "{}", ran.stdout);
    assert_eq!(place.pipe(&["logs", "last", "db"]).code(0).stdout, "listening for ***\n");
    place.pipe(&["show"]).code(0).says("✓  db  ");
    assert_eq!(place.outcome("db"), "succeeded");
    let ready = place.journal().into_iter().find(|record| record["event"] == "service-ready").unwrap();
    assert_eq!(ready["step"], "db");
}

#[test]
fn the_end_of_its_log_stands_with_a_step_that_failed() {
    let place = Place::with(LOUD);
    let told = "✗ `test` failed: exit code 1";
    let said = "the service `db` said at last:\n  | listening for ***\n";
    run(&place, &[]).code(1).says(told).says(said);
    place.pipe(&["show"]).code(0).says(told).says(said);
}

#[test]
fn a_service_that_ends_is_the_cause_with_the_end_of_its_log() {
    let place = Place::with(
        "
services: {db: {run: 'seq 30; until test -e begun; do sleep 0.01; done; exit 4', healthcheck: none}}
steps:
  - {name: test, services: db, run: touch begun; exec sleep 1000}
",
    );
    let ran = run(&place, &[]).code(1).says("✗ `db` failed: exit code 4").says("test * tainted by `db`");
    let tail: String = (11..=30).map(|line| format!("  | {line}\n")).collect();
    assert!(ran.stdout.contains(&format!("{tail}  … 10 lines more: pipe logs last db\n")), "{}", ran.stdout);
    place.pipe(&["runs"]).code(0).says("`db`: exit code 4");
}

#[test]
fn its_attempts_are_counted() {
    let place = Place::with(
        "
services:
  db:
    run: test -e again || { touch again; exit 1; }; touch up; exec sleep 1000
    healthcheck: {test: test -e up}
    retry: {count: 2, delay: 1ms}
steps: [{name: test, services: db, run: 'true'}]
",
    );
    let ran = run(&place, &[]).code(0).says("db   * started again, attempt 2");
    let row = ran.stdout.lines().find(|line| line.contains("✓  db")).unwrap();
    assert!(row.ends_with(", 2 attempts"), "{row}");
}

#[test]
fn commands_that_show_a_plan_say_what_a_service_is() {
    let place = Place::with(LOUD);
    let plan = place.pipe(&["plan"]).code(0).stdout;
    assert!(plan.starts_with("pipeline: 3 steps in 3 gangs\n"), "{plan}");
    let line = |check: &str| {
        format!("db: echo \"listening for {check}\" exec sleep 1000, ready by test -e up; for test, dump")
    };
    assert!(plan.contains(&line("{{ password }}")), "{plan}");
    let graph = place.pipe(&["graph"]).code(0).stdout;
    assert!(graph.contains("●  db\n     ··▶ test, dump\n"), "{graph}");
    let dry = run(&place, &["--dry-run"]).code(0).stdout;
    assert!(dry.starts_with("# db: echo"), "{dry}");
    assert!(dry.contains("ready by test -e up; for test, dump\necho \"listening"), "{dry}");
    assert!(dry.contains("# 2. test (after build; uses db)"), "{dry}");
    assert!(!dry.contains("hunter-2"), "{dry}");
}

#[test]
fn a_part_of_a_run_counts_no_service() {
    let place = Place::with(LOUD);
    run(&place, &["--only", "build"]).code(0);
    let runs = place.pipe(&["runs"]).code(0).stdout;
    assert!(runs.contains("2 of 3 steps"), "`finally` steps run as well: {runs}");
}

#[test]
fn in_the_logs_of_ci_services_its_log_is_a_group_at_the_end() {
    let place = Place::with(LOUD);
    place.write("good", "");
    for (format, group) in
        [("github", "::group::db (service)\n"), ("gitlab", "[collapsed=true]\r\u{1b}[0Kdb (service)\n")]
    {
        let mut command = place.command(&["run", "--format", format]);
        let ran = crate::support::Ran::of(command.env("PASSWORD", "hunter-2").output().unwrap()).code(0);
        let (before, after) = ran.stdout.split_once(group).unwrap_or_else(|| panic!("{}", ran.stdout));
        assert!(!before.contains("listening") && after.starts_with("listening for ***\n"), "{}", ran.stdout);
    }
}
