//! The schema and the reader agree on defaults and on words.

use super::*;
use crate::file::words::{DURATION, IDENTIFIER, NAME};
use crate::file::{LoadOptions, load, words};
use crate::pipeline::{Pipeline, Source, Span};

/// What a file means, apart from where things stand in it.
fn meaning(text: &str) -> String {
    let pipeline = load(Source::new("p.yml", text), &LoadOptions::default());
    let Pipeline { params, steps, max_parallel, keep_runs, .. } =
        pipeline.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let all = format!("{params:?} {steps:?} {max_parallel:?} {keep_runs:?}");
    let is_span = regex::Regex::new(r"Span \{ start: \d+, end: \d+ \}").expect("a pattern");
    is_span.replace_all(&all, format!("{:?}", Span::default())).into_owned()
}

/// Where each key with a default stands: a file with `KEY` in it.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("", "on_error", "KEY\nsteps: [{name: a, run: make}]\n"),
    ("retry", "count", "steps:\n  - name: a\n    run: make\n    retry:\n      delay: 5s\n      KEY\n"),
    ("retry", "backoff", "steps:\n  - name: a\n    run: make\n    retry:\n      delay: 5s\n      KEY\n"),
    ("retry", "jitter", "steps:\n  - name: a\n    run: make\n    retry:\n      delay: 5s\n      KEY\n"),
    ("retry", "then", "steps:\n  - name: a\n    run: make\n    retry:\n      delay: 5s\n      KEY\n"),
    ("param", "exists", "params:\n  x:\n    type: path\n    KEY\nsteps: [{name: a, run: make}]\n"),
    ("param", "access", "params:\n  x:\n    type: path\n    KEY\nsteps: [{name: a, run: make}]\n"),
];

#[test]
fn a_default_written_out_changes_nothing() {
    let schema = schema();
    let mut seen = 0;
    for (of, place) in
        [("", "/properties"), ("retry", "/$defs/retry/properties"), ("param", "/$defs/param/properties")]
    {
        let properties = schema.pointer(place).and_then(Value::as_object).expect("keys");
        for (key, property) in properties {
            let Some(default) = property.get("default") else { continue };
            let (.., file) = DEFAULTS
                .iter()
                .find(|(its, name, _)| (*its, *name) == (of, key))
                .unwrap_or_else(|| panic!("no file shows the default of `{key}` of {of}"));
            let written = file.replace("KEY", &format!("{key}: {default}").replace('"', ""));
            assert_eq!(meaning(&written), meaning(&file.replace("KEY", "")), "{written}");
            seen += 1;
        }
    }
    assert_eq!(seen, DEFAULTS.len());
}

#[test]
fn patterns_take_what_the_reader_takes() {
    let duration = regex::Regex::new(DURATION).expect("a pattern");
    for text in ["5s", "1h 30m", "1h30m", " 500ms ", "1d 2h", "2w", "7ns", "0s", "1m  1s"] {
        assert_eq!(words::duration(text).is_ok(), duration.is_match(text), "{text:?}");
    }
    for text in ["5 sec", "5", "10MB", "", "1.5", "five", "-5s", "5s 3"] {
        assert!(words::duration(text).is_err() && !duration.is_match(text), "{text:?}");
    }
    let name = regex::Regex::new(NAME).expect("a pattern");
    for text in ["a", "0", "a.b_c-d", "", "-a", "a b", "ä", "in:x"] {
        assert_eq!(words::is_name(text), name.is_match(text), "{text:?}");
    }
    let identifier = regex::Regex::new(IDENTIFIER).expect("a pattern");
    for text in ["a", "_0", "A_b", "", "0a", "a-b", "ä"] {
        assert_eq!(words::is_identifier(text), identifier.is_match(text), "{text:?}");
    }
}

#[test]
fn every_example_of_a_message_is_in_the_schema() {
    let schema = schema().to_string();
    for (key, _) in EXAMPLES {
        assert!(schema.contains(&format!("\"{key}\":")), "the schema has no key `{key}`");
    }
}
