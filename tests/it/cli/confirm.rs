//! `confirm`: a question before a step.

use crate::support::Place;
use crate::support::typist::Typist;

const PIPELINE: &str = r#"
steps:
  - {name: build, run: 'echo version=7 >> "$PIPE_OUTPUT"'}
  - {name: deploy, run: echo deployed > deployed, confirm: "Deploy {{ steps.build.outputs.version }}?"}
  - {name: tell, run: echo told > told, depends_on: deploy}
"#;

#[test]
fn a_yes_on_the_terminal_starts_it_and_a_no_passes_it_over() {
    for format in ["plain", "tty"] {
        let place = Place::with(PIPELINE);
        let mut typist = Typist::of(&place, &format!("PIPE run --format {format}"));
        typist.asked("Deploy 7? [y/N] ", "y\n");
        let (code, shown) = typist.end();
        assert_eq!((code, place.has("deployed")), (Some(0), true), "{shown}");
        let place = Place::with(PIPELINE);
        let mut typist = Typist::of(&place, &format!("PIPE run --format {format}"));
        typist.asked("Deploy 7? [y/N] ", "\n");
        let (code, shown) = typist.end();
        assert_eq!((code, place.has("deployed"), place.has("told")), (Some(0), false, true), "{shown}");
        assert!(shown.contains("the answer is no"), "{shown}");
    }
}

#[test]
fn without_a_terminal_it_is_passed_over_unless_yes_is_given() {
    let place = Place::with(PIPELINE);
    place.pipe(&["run"]).code(0).says("there is no terminal to ask on");
    assert!(!place.has("deployed") && place.has("told"));
    place.pipe(&["run", "--yes"]).code(0);
    assert!(place.has("deployed"));
}

#[test]
fn plans_show_the_question() {
    let place = Place::with(PIPELINE);
    let question = "asks `Deploy {{ steps.build.outputs.version }}?` before it starts";
    place.pipe(&["plan"]).code(0).says(&format!("deploy {question}"));
    place.pipe(&["run", "--dry-run"]).code(0).says(question);
}
