//! The speed table: what it says of figures, aims and missing peers.

#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "what measures is for `cargo bench`")]
#[path = "../../../benches/speed/main.rs"]
mod speed;

use speed::problem::{Problem, Result};
use speed::row::{Measured, Row};
use speed::series::Series;

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
