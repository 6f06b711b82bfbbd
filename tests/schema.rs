//! The JSON schema against a real validator, the examples, the broken fixtures, the README and the pages in `docs/`: none of
//! them may tell another story than the others.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;
use support::markdown::Page;
use support::{Place, pipelines};

/// Broken fixtures that the schema cannot refuse, and why not.
const BEYOND_A_SCHEMA: &[(&str, &str)] = &[
    ("aliases", "aliases are gone before a schema sees the values"),
    ("alias-bomb", "aliases are gone before a schema sees the values"),
    ("bare-template", "this is no YAML"),
    ("bare-template-text", "this is no YAML"),
    ("duplicate-key", "a map of JSON has each key once"),
    ("param-cycle", "a schema knows nothing of what a text names"),
    ("secrets", "a schema knows nothing of what a text names"),
    ("streams", "a schema cannot look from one step to another"),
    ("template", "a schema knows nothing of what a text names"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn schema() -> Value {
    let ran = Place::new().pipe(&["schema"]).code(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

/// A YAML text as the value that an editor checks; `None` if it is none.
fn value(text: &str) -> Option<Value> {
    serde_yaml::from_str(text).ok()
}

fn complaints(validator: &Validator, value: &Value) -> Vec<String> {
    let complaint = |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
    validator.iter_errors(value).map(complaint).collect()
}

#[test]
fn the_schema_takes_what_the_program_takes() {
    let validator = validator();
    let takes = |text: &str, place: &str| {
        let value = value(text).unwrap_or_else(|| panic!("{place} is no YAML:\n{text}"));
        assert_eq!(complaints(&validator, &value), [""; 0], "{place}");
    };
    for path in [pipelines("examples"), pipelines("tests/fixtures/spec")].concat() {
        takes(&fs::read_to_string(&path).unwrap(), &path.display().to_string());
    }
    for page in Page::all() {
        let right = page.pipelines().into_iter().filter(|block| !block.is_wrong());
        right.for_each(|block| takes(block.text, &page.name()));
    }
}

#[test]
fn the_schema_takes_every_way_of_writing() {
    let validator = validator();
    for text in [
        "{name: 5, env: {A: 1, B: true, C: x}, max_parallel: '4', steps: [{name: a, run: make}]}",
        "{env: null, params: null, defaults: null, steps: [{name: 1, run: 2, retry: null}, {name: b, run: c, depends_on: 1}]}",
        "{params: {a: 1, b: [x, 2], c: {type: path, exists: true}, d: {default: 5, min: '1', max: 9}, e: {choices: [1, a]}}, steps: [{name: a, run: x}]}",
        "{steps: [{name: a, run: x, shell: [perl, -e], retry: {on_exit: 7, jitter: 'true', count: '2'}, timeout: 1h 30m}]}",
    ] {
        let place = Place::with(text);
        place.pipe(&["validate"]).code(0);
        assert_eq!(complaints(&validator, &value(text).unwrap()), [""; 0], "{text}");
    }
}

#[test]
fn the_schema_refuses_every_broken_fixture_that_it_can() {
    let validator = validator();
    let mut beyond: BTreeSet<&str> = BEYOND_A_SCHEMA.iter().map(|(name, _)| *name).collect();
    for path in pipelines("tests/fixtures/spec/bad") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let value = value(&fs::read_to_string(&path).unwrap());
        let is_refused = value.is_some_and(|value| !validator.is_valid(&value));
        assert_ne!(is_refused, beyond.remove(name), "{name}: the table of what is beyond a schema is wrong");
    }
    assert_eq!(beyond, BTreeSet::new(), "there are no such fixtures");
}

#[test]
fn mistakes_that_a_schema_can_see_are_refused() {
    let validator = validator();
    let steps = "steps: [{name: a, run: make}]";
    for text in [
        "{}".to_owned(),
        "{steps: []}".to_owned(),
        "{steps: [{name: a}]}".to_owned(),
        "{steps: [{run: a}]}".to_owned(),
        "{steps: [{name: a, run: make, colour: red}]}".to_owned(),
        "{steps: [{name: a b, run: make}]}".to_owned(),
        "{steps: [{name: a, run: ' '}]}".to_owned(),
        "{steps: [{name: a, run: make, timeout: 5 sec}]}".to_owned(),
        "{steps: [{name: a, run: make, timeout: 90}]}".to_owned(),
        "{steps: [{name: a, run: make, retry: {on_exit: [0]}}]}".to_owned(),
        "{steps: [{name: a, run: make, retry: {backoff: slow}}]}".to_owned(),
        "{steps: [{name: a, run: make, on_error: panic}]}".to_owned(),
        format!("{{on_error: ignore, {steps}}}"),
        format!("{{max_parallel: 0, {steps}}}"),
        format!("{{max_parallel: many, {steps}}}"),
        format!("{{env: [A], {steps}}}"),
        format!("{{env: {{A-B: 1}}, {steps}}}"),
        format!("{{params: {{a-b: 1}}, {steps}}}"),
        format!("{{params: {{a: {{description: x}}}}, {steps}}}"),
        format!("{{params: {{a: {{type: choice}}}}, {steps}}}"),
        format!("{{params: {{a: {{type: text}}}}, {steps}}}"),
        format!("{{params: {{a: {{type: string, min: 1, default: x}}}}, {steps}}}"),
        format!("{{params: {{a: {{type: int, min: few, default: 1}}}}, {steps}}}"),
    ] {
        Place::with(&text).pipe(&["validate"]).code(2);
        assert!(!validator.is_valid(&value(&text).unwrap()), "{text}");
    }
}

/// Every key that the schema knows.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let (Some(Value::Object(properties)), true) =
                (map.get("properties"), map.contains_key("additionalProperties"))
            {
                found.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| keys(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

/// The README's reference of the file, containers included.
fn reference() -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = |title: &str| {
        let from = readme.find(&format!("\n## {title}\n")).unwrap() + 1;
        let to = readme[from..].find("\n## ").map_or(readme.len(), |to| from + to);
        readme[from..to].to_owned()
    };
    section("The file") + &section("Containers")
}

#[test]
fn the_readme_names_every_key_and_no_other() {
    let mut known = BTreeSet::new();
    keys(&schema(), &mut known);
    assert!(known.len() > 25, "{known:?}");
    let reference = reference();
    let is_named = |key: &&String| {
        [
            format!("`{key}`"),
            format!("`{key}:"),
            format!("\n{key}:"),
            format!("{{{key}:"),
            format!(", {key}:"),
            format!("  {key}:"),
            format!("- {key}:"),
        ]
        .iter()
        .any(|spelling| reference.contains(spelling))
    };
    let missing: Vec<&String> = known.iter().filter(|key| !is_named(key)).collect();
    assert!(missing.is_empty(), "the README's reference does not name {missing:?}");

    // The first column of the table of keys, and the keys of the example.
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let table = rows.flat_map(|cell| cell.split(['`', ',', ' '])).filter(|word| !word.is_empty());
    let unknown: Vec<&str> = table.filter(|word| !known.contains(*word)).collect();
    assert!(unknown.is_empty(), "the README has keys that the file has not: {unknown:?}");
}

#[test]
fn the_schema_beside_the_examples_is_the_one_that_the_program_prints() {
    let committed = fs::read_to_string(root().join("examples/pipeline.schema.json")).unwrap();
    let printed = Place::new().pipe(&["schema"]).code(0).stdout;
    assert!(committed == printed, "renew it: cargo run -- schema > examples/pipeline.schema.json");
    for path in pipelines("examples") {
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().next();
        assert_eq!(first, Some("# yaml-language-server: $schema=pipeline.schema.json"), "{}", path.display());
    }
}
