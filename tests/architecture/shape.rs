//! Sizes and names: files hold one idea, functions fit a screen, and a name means one thing in the whole
//! crate.

use std::collections::{BTreeMap, BTreeSet};

use crate::scan;

/// Half of all files have at most so many lines.
const MEDIAN: usize = 150;
const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 80;

/// Longer files: each is one table, which is read by looking something up.
const TABLES: &[&str] = &["file/code/table.rs", "file/raw.rs"];

/// Longer functions: each is one table, from what something is to what is said of it.
const TABLE_FUNCTIONS: &[(&str, &str)] = &[("file/yaml/syntax.rs", "words")];

/// Types that there are twice: for Linux, and for systems without its `/proc`.
const ALTERNATIVES: &[&str] = &["Fifo", "Found", "Zombie"];

/// Names that still belong to several public types.
const TO_BE_RENAMED: &[&str] = &[];

/// Whether only tests use a file: a list of cases may be long.
fn is_for_tests(path: &str) -> bool {
    path.split(['/', '.']).any(|part| matches!(part, "tests" | "testing"))
}

#[test]
fn files_hold_one_idea() {
    let sources = crate::texts("src");
    let mut lengths: Vec<(usize, &str)> =
        sources.iter().map(|(path, code)| (code.lines().count(), path.as_str())).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2].0;
    assert!(median <= MEDIAN, "half of all files have more than {median} lines");
    let is_long = |(lines, path): &&(usize, &str)| *lines > LONGEST_FILE && !is_for_tests(path);
    let long: BTreeSet<&str> = lengths.iter().filter(is_long).map(|(_, path)| *path).collect();
    assert_eq!(
        long,
        TABLES.iter().copied().collect(),
        "files of more than {LONGEST_FILE} lines, and the list of tables"
    );
}

/// The functions of code that rustfmt has laid out, each with its line and its length in lines.
fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let indentation = line.len() - line.trim_start().len();
        let Some((before, after)) = line.split_once("fn ") else { continue };
        let is_declared = before.split_whitespace().all(|word| {
            matches!(word, "pub" | "async" | "const" | "unsafe" | "extern")
                || word.starts_with("pub(")
                || word.ends_with(')')
        });
        let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        if !is_declared || name.is_empty() || line.trim_start().starts_with("//") {
            continue;
        }
        let is_end = |line: &&str| **line == format!("{}}}", " ".repeat(indentation));
        let has_body = |line: &&str| line.ends_with('{') || line.ends_with('}');
        let head =
            lines[at..].iter().position(|line| has_body(line) || line.ends_with(';')).unwrap_or_default();
        let length = match lines[at + head].ends_with('{') {
            true => lines[at..].iter().position(is_end).map_or(1, |end| end + 1),
            false => head + 1,
        };
        found.push((name, at + 1, length));
    }
    found
}

#[test]
fn functions_fit_a_screen() {
    let mut long = Vec::new();
    for (path, code) in crate::texts("src").iter().filter(|(path, _)| !is_for_tests(path)) {
        let is_table = |name: &str| TABLE_FUNCTIONS.contains(&(path.as_str(), name));
        let over = functions(code)
            .into_iter()
            .filter(|(name, _, length)| *length > LONGEST_FUNCTION && !is_table(name));
        long.extend(over.map(|(name, line, length)| format!("{path}:{line}: {name} has {length} lines")));
    }
    assert!(long.is_empty(), "functions of more than {LONGEST_FUNCTION} lines:\n{}", long.join("\n"));
}

/// Each name of several public types, with where they are.
fn homonyms(sources: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, code) in sources {
        for (name, line) in scan::modules(code).into_values().flat_map(|module| module.public_types) {
            found.entry(name).or_default().push(format!("{path}:{line}"));
        }
    }
    found.retain(|_, places| places.len() > 1);
    found
}

#[test]
fn no_two_public_types_have_one_name() {
    let found = homonyms(&crate::texts("src"));
    let known = |name: &String| [ALTERNATIVES, TO_BE_RENAMED].concat().contains(&name.as_str());
    let mut wrong: Vec<String> = found
        .iter()
        .filter(|(name, _)| !known(name))
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect();
    let idle = ALTERNATIVES.iter().chain(TO_BE_RENAMED).filter(|name| !found.contains_key(**name));
    wrong.extend(idle.map(|name| format!("{name} is the name of one type: take it off the list")));
    assert!(wrong.is_empty(), "public types of one name:\n{}", wrong.join("\n"));
}

#[test]
fn a_second_type_of_a_name_is_found() {
    let file = |path: &str, code: &str| (path.to_owned(), code.to_owned());
    let a = file("a.rs", "pub struct Place;\nimpl Iterator for Place {\n    type Item = u8;\n}\nstruct Own;");
    let b = file("b.rs", "mod inner {\n    pub(crate) enum Place {}\n    pub(super) struct Own;\n}");
    let found = homonyms(&[a, b]);
    assert_eq!(found, BTreeMap::from([("Place".to_owned(), vec!["a.rs:1".to_owned(), "b.rs:2".to_owned()])]));
}

#[test]
fn the_length_of_a_function_is_counted_from_its_name_to_its_brace() {
    let code = "impl A {\n    pub(super) async fn long(\n        a: u8,\n    ) -> u8 {\n        if a {\n        }\n    }\n\n    fn short() {}\n}\n";
    assert_eq!(functions(code), [("long", 2, 6), ("short", 9, 1)]);
}
