//! The tables of `docs/reference/templates.md` against what the template language has: every name, and the
//! result of every example.
//!
//! `PIPE_DOCS=update cargo test --lib reference` writes the results into the page.

use std::collections::BTreeSet;
use std::path::Path;

use crate::pipeline::Span;
use crate::template::known::{FILTERS, FUNCTIONS, TESTS};
use crate::template::*;

fn rendered(source: &str) -> String {
    let started_at = "2026-11-23T18:38:11+01:00[Europe/Berlin]".parse().unwrap();
    let context = RunContext { started_at: Some(started_at), ..RunContext::default() };
    let template = compile(source, Span::default(), TextContext::Plain, &Names::default())
        .unwrap_or_else(|errors| panic!("{source}: {errors:?}"));
    TemplateRenderer::new(context)
        .render(&template, Scope::default())
        .unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// Returns the row with the result of its example, and adds the names in its first cell to `names`.
fn checked(row: &str, names: &mut BTreeSet<String>) -> String {
    let row = row.replace("\\|", "\0");
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let ["", name, example, _, meaning, ""] = cells.as_slice() else {
        panic!("a row of other columns: {row}")
    };
    for name in name.split(", ") {
        assert!(names.insert(name.trim_matches('`').to_owned()), "{name} has two rows");
    }
    let result = rendered(&example.trim_matches('`').replace('\0', "|"));
    format!("| {name} | {example} | `{result}` | {meaning} |").replace('\0', "\\|")
}

/// Returns the section of this title with each row checked, whose names have to be those of the language.
fn section(page: &str, title: &str, known: &[&str]) -> String {
    let from = page.find(&format!("\n## {title}\n")).unwrap() + 1;
    let to = page[from..].find("\n## ").map_or(page.len(), |to| from + to);
    let mut names = BTreeSet::new();
    let lines = page[from..to].lines();
    let lines = lines.map(|line| match line.starts_with("| `") {
        true => checked(line, &mut names),
        false => line.to_owned(),
    });
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    assert_eq!(
        names,
        known.iter().map(ToString::to_string).collect(),
        "{title} of the page, and of the language"
    );
    page[..from].to_owned() + &text + &page[to..]
}

#[test]
fn the_reference_lists_what_the_language_has() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/templates.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let checked = section(&page, "Filters", &FILTERS);
    let checked = section(&checked, "Tests", &TESTS);
    let checked = section(&checked, "Functions", &FUNCTIONS);
    if std::env::var_os("PIPE_DOCS").is_some_and(|value| value == "update") {
        std::fs::write(path, checked).unwrap();
    } else {
        assert!(checked == page, "renew it: PIPE_DOCS=update cargo test --lib reference");
    }
}
