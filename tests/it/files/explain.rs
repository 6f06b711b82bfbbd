//! What `pipe explain` says about each class of mistake: its examples are what they claim to be.

use crate::support::Place;
use pipe_runner::file::{Code, LoadOptions, ParamSources, check_gangs, lint, of_defaults, parse, resolve};
use pipe_runner::pipeline::Source;
use pipe_runner::plan::{Plan, crowded};

/// The codes of what is wrong with a file, cycles and defaults included, and warnings if asked for. A part of
/// a file gets a step.
fn codes(text: &str, warnings: bool) -> Vec<Code> {
    let text = match text.trim().is_empty() || text.contains("steps:") {
        true => text.to_owned(),
        false => format!("{text}steps: [{{name: build, run: make}}]\n"),
    };
    // The files that examples use lie beside it.
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/explain/example.yml");
    let parsed = parse(&Source::new(path, text), &LoadOptions::default(), &of_defaults);
    let mut codes: Vec<Code> = parsed.problems.iter().map(|problem| problem.code).collect();
    if let Some(pipeline) = &parsed.pipeline {
        match Plan::new(pipeline) {
            Ok(plan) => {
                codes.extend(crowded(pipeline, &plan).iter().map(|_| Code::MatrixParallel));
                let gangs = plan.gangs().iter().map(|gang| gang.steps.as_slice());
                codes.extend(check_gangs(pipeline, gangs).iter().map(|problem| problem.code));
            }
            Err(_) => codes.push(Code::Cycle),
        }
        let mut given = ParamSources::default();
        given.facts.env.insert("TOKEN".to_owned(), "t".to_owned());
        let wrong = resolve(pipeline, &given).err();
        codes.extend(wrong.iter().flatten().map(|problem| problem.code));
        codes.extend(lint(pipeline).iter().filter(|_| warnings).map(|problem| problem.code));
    }
    codes
}

#[test]
fn examples_are_wrong_and_right_as_they_say() {
    let mut shown = 0;
    for &code in Code::ALL {
        let examples = code.examples();
        let [wrong, right] = examples.as_slice() else {
            assert!(examples.is_empty(), "{code} has {} examples", examples.len());
            continue;
        };
        if code == Code::ScriptSyntax {
            shells_read(wrong, right);
            continue;
        }
        let [wrong_codes, right_codes] = [wrong, right].map(|text| codes(text, code.is_warning()));
        assert!(wrong_codes.contains(&code), "{code}: its example gives {wrong_codes:?}:\n{wrong}");
        assert_eq!(right_codes, [], "{code}: what it says to write:\n{right}");
        shown += 1;
    }
    assert!(shown > 30, "only {shown} codes have examples");
}

/// Only the command has shells read scripts.
fn shells_read(wrong: &str, right: &str) {
    let place = Place::new();
    place.write("wrong.yml", wrong);
    place.write("right.yml", right);
    assert!(place.pipe(&["validate", "wrong.yml"]).stderr.contains("error[script-syntax]"));
    assert_eq!(place.pipe(&["validate", "right.yml"]).code, Some(0));
}

#[test]
fn every_explanation_reads_as_text() {
    for &code in Code::ALL {
        assert!(code.title().ends_with('.') && code.title().len() < 80, "{code}: {}", code.title());
        let text = code.explanation();
        assert!(text.len() > 20, "{code} says nothing");
        assert!(!text.contains("```"), "{code} shows its markup:\n{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 116), "{code} has a long line:\n{text}");
    }
    let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
}

#[test]
fn the_command_explains_one_or_lists_all() {
    let place = Place::new();
    let one = place.pipe(&["explain", "Unknown_Key"]);
    assert_eq!(one.code, Some(0));
    assert!(
        one.stdout.starts_with("unknown-key: A key that does not exist.\n\nThe nearest key"),
        "{}",
        one.stdout
    );
    assert!(
        one.stdout.contains("\n    steps:\n      - {name: build, run: make, depends_on: []}\n"),
        "{}",
        one.stdout
    );
    let all = place.pipe(&["explain"]);
    assert_eq!(all.stdout.lines().count(), Code::ALL.len());
    let none = place.pipe(&["explain", "unknown-kye"]);
    assert_eq!(
        (none.code, none.stderr.as_str()),
        (Some(2), "error: there is no code `unknown-kye`\nhelp: did you mean `unknown-key`?\n")
    );
}
