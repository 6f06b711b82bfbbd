//! The JSON schema against a real validator, the examples, the broken fixtures, the README and the book in
//! `docs/`: none of them may tell another story than the others.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::markdown::Page;
use crate::support::{Place, pipelines};
use jsonschema::Validator;
use regex::Regex;
use serde_json::Value;

/// Broken fixtures that the schema cannot refuse, and why not.
const BEYOND_A_SCHEMA: &[(&str, &str)] = &[
    ("groups", "a schema cannot look from one step to another"),
    ("aliases", "aliases are gone before a schema sees the values"),
    ("alias-bomb", "aliases are gone before a schema sees the values"),
    ("bare-template", "this is no YAML"),
    ("bare-template-text", "this is no YAML"),
    ("duplicate-key", "a map of JSON has each key once"),
    ("finally", "a schema cannot look from one step to another"),
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
    for path in [pipelines("examples"), pipelines("tests/fixtures/file")].concat() {
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
    for path in pipelines("tests/fixtures/file/bad") {
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
        format!("{{services: {{db: {{ports: 5432}}}}, {steps}}}"),
        format!("{{services: {{db: {{image: x, ports: '0.0.0.0:80:80'}}}}, {steps}}}"),
        format!("{{services: {{db: {{image: x, ports: 0}}}}, {steps}}}"),
        format!("{{services: {{db: {{image: x, on_error: ignore}}}}, {steps}}}"),
        format!("{{services: {{db: {{image: x, timeout: 1h}}}}, {steps}}}"),
        format!("{{services: {{db: {{image: x, healthcheck: some}}}}, {steps}}}"),
        format!("{{services: {{db: {{image: x, healthcheck: {{retries: 0}}}}}}, {steps}}}"),
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

/// The sections of `docs/reference/file.md`: title, the schema's name for it, and a file around a map of that
/// kind.
const SECTIONS: [(&str, &str, &str); 23] = [
    ("The whole file", "", r#"{"steps": [{"name": "a", "run": "make"}], …}"#),
    ("`defaults`", "defaults", r#"{"defaults": {…}, "steps": [{"name": "a", "run": "make"}]}"#),
    ("`history`", "history", r#"{"history": {…}, "steps": [{"name": "a", "run": "make"}]}"#),
    (
        "`env_file`",
        "env_file",
        r#"{"env_file": {"path": ".env", …}, "steps": [{"name": "a", "run": "make"}]}"#,
    ),
    (
        "`concurrency`",
        "concurrency",
        r#"{"concurrency": {"group": "deploy", …}, "steps": [{"name": "a", "run": "make"}]}"#,
    ),
    ("A step", "step", r#"{"steps": [{"name": "a", "run": "make", "image": "alpine", …}]}"#),
    ("`input` and `inputs`", "input", r#"{"steps": [{"name": "a", "run": "make", "input": {…}}]}"#),
    ("`output`", "output", r#"{"steps": [{"name": "a", "run": "make", "output": {…}}]}"#),
    ("`matrix`", "matrix", r#"{"steps": [{"name": "a", "run": "make", "matrix": {"os": ["b"], …}}]}"#),
    ("`retry`", "retry", r#"{"steps": [{"name": "a", "run": "make", "retry": {…}}]}"#),
    ("`build`", "build", r#"{"steps": [{"name": "a", "run": "make", "build": {…}}]}"#),
    (
        "A mount",
        "mount",
        r#"{"steps": [{"name": "a", "run": "make", "image": "alpine", "mounts": [{"target": "/t", …}]}]}"#,
    ),
    (
        "`resources`",
        "resources",
        r#"{"steps": [{"name": "a", "run": "make", "image": "alpine", "resources": {…}}]}"#,
    ),
    (
        "A shared container",
        "container",
        r#"{"containers": {"ci": {"image": "alpine", …}}, "steps": [{"name": "a", "run": "make"}]}"#,
    ),
    (
        "A service",
        "service",
        r#"{"services": {"db": {"image": "alpine", …}}, "steps": [{"name": "a", "run": "make"}]}"#,
    ),
    (
        "`healthcheck`",
        "healthcheck",
        r#"{"services": {"db": {"run": "serve", "healthcheck": {…}}}, "steps": [{"name": "a", "run": "make"}]}"#,
    ),
    ("`kubernetes`", "kubernetes", r#"{"kubernetes": {…}, "steps": [{"name": "a", "run": "make"}]}"#),
    (
        "`workspace`",
        "workspace",
        r#"{"kubernetes": {"workspace": {…}}, "steps": [{"name": "a", "run": "make"}]}"#,
    ),
    ("`store`", "store", r#"{"kubernetes": {"store": {…}}, "steps": [{"name": "a", "run": "make"}]}"#),
    ("`pod`", "pod", r#"{"kubernetes": {"pod": {…}}, "steps": [{"name": "a", "run": "make"}]}"#),
    (
        "A toleration",
        "toleration",
        r#"{"kubernetes": {"pod": {"tolerations": [{…}]}}, "steps": [{"name": "a", "run": "make"}]}"#,
    ),
    (
        "`kubernetes` of a step",
        "step_kubernetes",
        r#"{"steps": [{"name": "a", "run": "make", "kubernetes": {…}}]}"#,
    ),
    ("A param", "param", r#"{"params": {"p": {…}}, "steps": [{"name": "a", "run": "make"}]}"#),
];

/// The keys that the schema has for a map of this name; the whole file has none.
fn keys(schema: &Value, name: &str) -> BTreeSet<String> {
    let map = if name.is_empty() { schema } else { &schema["$defs"][name] };
    map["properties"].as_object().unwrap().keys().cloned().collect()
}

/// Whether a template in the value of a key is read as one: then the name in it is not known. The value may
/// be a text, or a list or a map with it.
fn takes_templates(around: &str, key: &str) -> bool {
    let values = [r#""/{{ nothing }}""#, r#"["./{{ nothing }}:/t"]"#, r#"{"A": "{{ nothing }}"}"#];
    values.iter().any(|value| {
        // What the file around it has of the same name makes room.
        let around = Regex::new(&format!(r#""{key}": "[^"]*", "#)).unwrap().replace_all(around, "");
        let place = Place::with(&around.replace('…', &format!("{key:?}: {value}")));
        place.pipe(&["validate", "--format", "json"]).stdout.contains(r#""undefined-name""#)
    })
}

#[test]
fn the_reference_has_every_key_and_says_whether_it_takes_templates() {
    let (schema, page) = (schema(), Page::of_the_book("reference/file.md"));
    let names: BTreeSet<&str> =
        SECTIONS.iter().map(|(_, name, _)| *name).filter(|name| !name.is_empty()).collect();
    assert_eq!(names, schema["$defs"].as_object().unwrap().keys().map(String::as_str).collect());
    for (title, name, around) in SECTIONS {
        let rows = page.rows(title);
        let named: BTreeSet<String> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
        assert_eq!(named, keys(&schema, name), "{title}: the keys of the page, and of the file");
        for row in rows {
            let key = row[0].trim_matches('`');
            let says = row[2].starts_with("yes");
            assert_eq!(says, takes_templates(around, key), "{title}: {key}");
        }
    }
}

#[test]
fn the_reference_has_every_type_of_param() {
    let types = schema()["$defs"]["param"]["properties"]["type"]["oneOf"].clone();
    let types: BTreeSet<String> =
        types.as_array().unwrap().iter().map(|kind| kind["const"].as_str().unwrap().to_owned()).collect();
    let rows = Page::of_the_book("reference/params.md").rows("Types, and how each renders");
    let named: BTreeSet<String> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(named, types);
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
