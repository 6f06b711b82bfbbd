//! Warnings: each fixture has files that deserve them, near misses, and what a comment silences.

use std::fs;
use std::path::Path;

use crate::support::{Place, pipelines};
use pipe_runner::file::{Diagnostics, LoadOptions, lint, load, render};
use pipe_runner::pipeline::{Pipeline, Source};

fn read(path: &Path) -> Pipeline {
    let name = path.file_name().unwrap();
    load(Source::new(name, fs::read_to_string(path).unwrap()), &LoadOptions::default()).unwrap()
}

#[test]
fn every_warning_and_its_near_misses() {
    let files = pipelines("tests/fixtures/lint");
    assert!(files.len() >= 7);
    for path in files {
        let text =
            Diagnostics::of(lint(&read(&path))).map_or_else(String::new, |found| render(&found, false));
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("snapshots/lint");
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!(path.file_stem().unwrap().to_str().unwrap(), text));
    }
}

#[test]
fn the_examples_and_what_users_write_deserve_none() {
    let corpus = pipelines("tests/fixtures/corpus");
    assert!(corpus.len() >= 50);
    for path in pipelines("examples").into_iter().chain(corpus) {
        let found = Diagnostics::of(lint(&read(&path)));
        assert!(found.is_none(), "{}", found.unwrap());
    }
}

const WORTH_A_LOOK: &str = "\
params: {word: {type: string, required: true}}
steps:
  - name: find
    run: grep {{ word }} notes.txt
    output: found
";

#[test]
fn strict_fails_where_the_plain_form_is_silent() {
    let place = Place::new();
    place.write("a.yml", WORTH_A_LOOK);
    let plain = place.pipe(&["validate", "a.yml"]);
    assert_eq!((plain.code, plain.stdout.as_str()), (Some(0), "a.yml is valid: 1 step, 1 stream, 1 param\n"));
    let strict = place.pipe(&["validate", "--strict", "a.yml"]);
    assert_eq!((strict.code, strict.stdout.as_str()), (Some(2), ""));
    assert!(strict.stderr.contains("warning[leading-dash]: `grep` takes a value"), "{}", strict.stderr);
    assert!(strict.stderr.contains("warning[unused-stream]: nothing reads"), "{}", strict.stderr);
    assert!(
        strict.stderr.ends_with(
            "2 warnings in a.yml\n\
             more: `pipe explain leading-dash`\n\
             to keep it as it is: `# pipe: allow leading-dash` in the step, or above the first key\n"
        ),
        "{}",
        strict.stderr
    );
    place.write("b.yml", format!("# pipe: allow leading-dash, unused-stream\n{WORTH_A_LOOK}"));
    let silenced = place.pipe(&["validate", "--strict", "b.yml"]);
    assert_eq!((silenced.code, silenced.stderr.as_str()), (Some(0), ""));
    assert_eq!(silenced.stdout, "b.yml is valid: 1 step, 1 stream, 1 param\n");
}

#[test]
fn warnings_are_data_too() {
    let place = Place::new();
    place.write("a.yml", WORTH_A_LOOK);
    let strict = place.pipe(&["validate", "--strict", "--format", "json", "a.yml"]);
    assert_eq!(strict.code, Some(2));
    let report: serde_json::Value = serde_json::from_str(&strict.stdout).unwrap();
    assert_eq!(report["valid"], true);
    let codes: Vec<_> = report["problems"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, ["leading-dash", "unused-stream"]);
    assert_eq!(report["problems"][0]["severity"], "warning");
    let plain = place.pipe(&["validate", "--format", "json", "a.yml"]);
    let report: serde_json::Value = serde_json::from_str(&plain.stdout).unwrap();
    assert_eq!((plain.code, report["problems"].as_array().unwrap().len()), (Some(0), 0));
}
