//! What conditions mean for the order of steps.

use crate::support::Place;

#[test]
fn a_step_runs_after_those_that_its_condition_asks_about() {
    let place = Place::with("steps: [{name: tell, if: skipped('tests'), run: x}, {name: tests, run: x}]");
    let plan = place.pipe(&["plan"]).code(0).stdout;
    assert!(plan.find("1. tests") < plan.find("2. tell"), "{plan}");

    let circle =
        "steps: [{name: tell, if: skipped('tests'), run: x}, {name: tests, run: x, depends_on: tell}]";
    Place::with(circle).pipe(&["validate"]).code(2).says("these steps wait for each other");

    let live = "steps: [{name: p, run: x, output: s}, {name: r, if: success('p'), run: x, input: s}]";
    Place::with(live).pipe(&["plan"]).code(0).says("`r` runs after `p` (p → r by depends_on)");
}
