//! Runs that an earlier version has left are read as those of this one. The journals are that version's own
//! (d439b83), of one run that failed in most of the ways there were, and of one whose disk was full.

use std::path::Path;

use crate::support::Place;
use serde_json::Value;

const FAILED: &str = "20261128-193307-49d2";
/// What this version calls aborted ended by the word `engine`.
const ABORTED: &str = "20261128-193320-8416";

/// A folder with the runs of the earlier version.
fn place() -> Place {
    let place = Place::new();
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journals/d439b83");
    for run in [FAILED, ABORTED] {
        let into = place.join(".pipe/runs").join(run);
        std::fs::create_dir_all(into.join("logs")).unwrap();
        std::fs::copy(runs.join(run).join("events.jsonl"), into.join("events.jsonl")).unwrap();
    }
    for step in ["flaky.log", "head.log"] {
        let log = runs.join(FAILED).join("logs").join(step);
        std::fs::copy(log, place.join(".pipe/runs").join(FAILED).join("logs").join(step)).unwrap();
    }
    place
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn runs_lists_them() {
    let ran = place().pipe(&["runs", "--json"]).code(0);
    assert_eq!(ran.stderr, "");
    let runs: Vec<Value> = ran.stdout.lines().map(json).collect();
    let ends: Vec<_> = runs.iter().map(|run| (run["run"].as_str(), run["end"].as_str())).collect();
    assert_eq!(ends, [(Some(ABORTED), Some("engine")), (Some(FAILED), Some("failed"))]);
    let table = place().pipe(&["runs"]).code(0);
    assert!(table.stdout.contains("aborted  cannot keep a stream: "), "{}", table.stdout);
}

#[test]
fn show_prints_how_they_ended() {
    let place = place();
    let failed = place.pipe(&["show", FAILED]).code(0);
    assert_eq!(failed.stderr, "");
    insta::assert_snapshot!(failed.stdout);
    insta::assert_snapshot!(place.pipe(&["show", ABORTED]).code(0).stdout);
}

#[test]
fn show_has_all_details_for_programs() {
    let place = place();
    let details = |run| json(&place.pipe(&["show", "--json", run]).code(0).stdout);
    insta::assert_snapshot!(serde_json::to_string_pretty(&details(FAILED)).unwrap());
    let aborted = details(ABORTED);
    assert_eq!((&aborted["v"], &aborted["end"]), (&1.into(), &"engine".into()));
    assert_eq!(aborted["streams"][0]["out"], "/dev/full");
}

#[test]
fn logs_prints_what_steps_wrote() {
    let place = place();
    let all = place.pipe(&["logs", FAILED]).code(0);
    assert_eq!(
        (all.stdout.as_str(), all.stderr.as_str()),
        ("head  | 1\nflaky * attempt 1\nflaky | try 1\nflaky * attempt 2\nflaky | try 2\n", "")
    );
    assert_eq!(place.pipe(&["logs", FAILED, "flaky"]).code(0).stdout, "try 1\ntry 2\n");
    let lines = place.pipe(&["logs", "--json", FAILED]).code(0).stdout;
    let lines: Vec<Value> = lines.lines().map(json).collect();
    assert_eq!((lines.len(), &lines[0]["step"]), (3, &"head".into()), "{lines:?}");
}
