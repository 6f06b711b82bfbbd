//! The speed table can be made, a thousandth of everything and once, and it says what it must.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[allow(dead_code, reason = "its `main` is for `cargo bench`")]
#[path = "../benches/speed/main.rs"]
mod speed;

use std::fs;

use serde_json::Value;

use speed::problem::{Problem, Result};
use speed::row::{Measured, Row};
use speed::series::Series;

/// Every row of these subjects is measured, or says what is missing.
fn rows_are_measured(subjects: &[&str], count: usize) {
    let dir = tempfile::tempdir().unwrap();
    let [json, markdown] = ["table.json", "table.md"].map(|name| dir.path().join(name).display().to_string());
    let flags = ["--rounds", "1", "--part", "0.001", "--json", &json, "--markdown", &markdown, "--only"];
    let all_ran = speed::run(flags.iter().chain(subjects).map(ToString::to_string)).unwrap();

    let markdown = fs::read_to_string(markdown).unwrap();
    assert!(all_ran, "{markdown}");
    let report: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), count, "{markdown}");
    for row in rows {
        let measured = row["figure"].as_f64().is_some_and(f64::is_finite) && row["low"].is_f64();
        let note = row["note"].as_str().unwrap();
        assert!(measured || note.starts_with("no ") || note == "only with `--build`", "{row}");
        let what = row["what"].as_str().unwrap();
        assert!(markdown.contains(&format!("| {what} |")), "{what}:\n{markdown}");
    }
    assert!(report["commit"].as_str().is_some_and(|commit| !commit.is_empty()), "{}", report["commit"]);
    for key in ["processor", "cores", "memory", "kernel", "tools"] {
        assert!(!report["machine"][key].is_null(), "{key}");
    }
}

#[test]
fn everything_on_the_host_is_measured() {
    rows_are_measured(&["plan", "host", "fanout", "backup", "memory", "logs", "startup", "build"], 33);
}

#[test]
fn containers_are_measured() {
    rows_are_measured(&["containers"], 5);
}

#[test]
fn an_unknown_subject_is_named_with_the_known_ones() {
    let problem = speed::run(["--only", "plan", "fan-out"].map(str::to_owned)).unwrap_err();
    assert!(problem.to_string().contains("no `fan-out`; there are plan, host, fanout"), "{problem}");
}

fn series(figures: &[f64]) -> Series {
    figures.iter().copied().collect()
}

#[test]
fn the_median_is_in_the_middle() {
    assert_eq!(series(&[9.0, 1.0, 2.0]).median(), 2.0);
    assert_eq!(series(&[9.0, 1.0, 2.0, 4.0]).median(), 3.0);
}

#[test]
fn ratios_are_those_of_each_round() {
    // The second round was disturbed, and both have suffered.
    let ratio = series(&[1.0, 10.0, 1.0]).over(&series(&[2.0, 20.0, 2.0]));
    assert_eq!((ratio.low(), ratio.median(), ratio.high()), (0.5, 0.5, 0.5));
}

fn row() -> Row {
    Row::new("a stream", "`tee`", "× speed")
}

fn figure(figure: f64) -> Result<Measured> {
    Ok(Measured { figures: series(&[figure]), note: "as seen".into() })
}

#[test]
fn a_missed_aim_is_shown_as_missed() {
    let missed = row().at_least(3.0).measured(figure(2.7));
    assert_eq!(missed.met, Some(false));
    let line = "| a stream | `tee` | 2.70 × speed | 2.70 – 2.70 | ≥ 3 | **missed** by 10 % | as seen |";
    assert_eq!(missed.markdown(), line);
    assert_eq!(row().at_most(3.0).measured(figure(3.6)).met, Some(false));
}

#[test]
fn a_met_aim_says_by_how_much() {
    let met = row().at_least(3.0).measured(figure(3.6));
    assert!(met.markdown().contains("| met, 20 % to spare |"));
    let met = row().at_most(100.0).measured(figure(100.0));
    assert!(met.markdown().contains("| ≤ 100 | met, 0 % to spare |"));
}

#[test]
fn what_could_not_be_measured_has_no_verdict() {
    let row = row().at_most(1.0).measured(Err(Problem::missing("`ninja`")));
    assert_eq!((row.met, row.failed), (None, false));
    assert_eq!(row.markdown(), "| a stream | `tee` | not measured |  | ≤ 1 |  | no `ninja` here |");
}

#[test]
fn no_text_breaks_the_table() {
    let row = Row::new("a | b", "c", "s").measured(Err(Problem::failed("so\nit said")));
    assert!(row.failed);
    assert_eq!(row.markdown(), "| a \\| b | c | not measured |  | – |  | failed: so it said |");
}

#[test]
fn a_row_has_the_fields_that_others_read() {
    let json = serde_json::to_value(row().at_least(3.0).measured(figure(3.6))).unwrap();
    assert_eq!(json["aim"]["at_least"], 3.0);
    for field in ["what", "against", "figure", "unit", "low", "high", "aim", "met", "note"] {
        assert!(!json[field].is_null(), "{field}");
    }
}
