//! The house: a module imports only modules of lower floors, never a sibling; each third-party crate has one home; and
//! `lib.rs` shows the table that this test holds it to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Module, floor, what it may import.
const FLOORS: &[(&str, u8, &[&str])] = &[
    ("pipeline", 0, &[]),
    ("event", 1, &["pipeline"]),
    ("reaper", 1, &[]),
    ("template", 1, &["pipeline"]),
    ("spec", 2, &["pipeline", "template"]),
    ("plan", 2, &["pipeline"]),
    ("executor", 2, &["pipeline", "reaper"]),
    ("stream", 2, &["pipeline"]),
    ("runner", 3, &["pipeline", "event", "reaper", "template", "plan", "executor", "stream"]),
    ("render", 3, &["pipeline", "event"]),
    ("history", 3, &["pipeline", "event"]),
    (
        "cli",
        4,
        &[
            "pipeline", "event", "reaper", "template", "spec", "plan", "executor", "stream", "runner",
            "render", "history",
        ],
    ),
];

/// Crate, the only modules that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("minijinja", &["template"]),
    ("serde_yaml", &["spec"]),
    ("annotate_snippets", &["spec"]),
    ("schemars", &["spec"]),
    ("aho_corasick", &["event"]),
    ("petgraph", &["plan"]),
    ("bollard", &["executor"]),
    ("ignore", &["executor"]),
    ("tar", &["executor"]),
    ("rustix", &["reaper", "stream", "executor", "cli"]),
    ("tokio_stream", &["stream", "runner"]),
    ("indicatif", &["render"]),
    ("quick_xml", &["render"]),
    ("getrandom", &["render", "history"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
];

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file of a module, as its path and its code without comments.
fn sources() -> BTreeMap<&'static str, Vec<(PathBuf, String)>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let code = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.collect::<Vec<_>>().join("\n")
    };
    FLOORS
        .iter()
        .map(|&(module, ..)| {
            let mut found = Vec::new();
            let file = src.join(format!("{module}.rs"));
            if file.exists() {
                found.push(file);
            }
            if src.join(module).is_dir() {
                files(&src.join(module), &mut found);
            }
            assert!(!found.is_empty(), "the floor table names `{module}`, and there is no such module");
            (module, found.into_iter().map(|path| (path.clone(), code(&path))).collect())
        })
        .collect()
}

/// The first path segments after `crate::`, also inside a `use crate::{…}` group.
fn imported(code: &str) -> Vec<String> {
    let word =
        |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => modules.push(word(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut start = true;
                for (index, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && depth == 0 && !c.is_whitespace() => {
                            modules.push(word(&group[index..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    modules
}

#[test]
fn a_module_imports_only_modules_of_lower_floors() {
    let sources = sources();
    let mut wrong = Vec::new();
    for &(module, _, allowed) in FLOORS {
        for (path, code) in &sources[module] {
            for import in imported(code) {
                let known = FLOORS.iter().any(|(name, ..)| *name == import);
                if known && import != module && !allowed.contains(&import.as_str()) {
                    wrong.push(format!("{} imports {import}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "against the floor table:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_itself_only_points_down() {
    let floor = |name: &str| FLOORS.iter().find(|(module, ..)| *module == name).unwrap().1;
    for &(module, at, allowed) in FLOORS {
        for import in allowed {
            assert!(floor(import) < at, "{module} may not import its sibling or upper {import}");
        }
    }
}

#[test]
fn every_module_of_the_crate_is_in_the_table() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let mut declared: Vec<&str> = declared.collect();
    let mut table: Vec<&str> = FLOORS.iter().map(|(module, ..)| *module).collect();
    declared.sort_unstable();
    table.sort_unstable();
    assert_eq!(declared, table);
}

#[test]
fn lib_rs_shows_the_same_table() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for &(module, floor, allowed) in FLOORS {
        let imports = match allowed.len() {
            0 => "–".to_owned(),
            all if all == FLOORS.len() - 1 => "all".to_owned(),
            _ => allowed.join(", "),
        };
        let row = lib.lines().find(|line| line.starts_with(&format!("//! | {floor} | [`{module}`]")));
        let row = row.unwrap_or_else(|| panic!("lib.rs has no row for {module} on floor {floor}"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[4], imports, "in the row of {module}");
    }
}

#[test]
fn third_party_crates_stay_at_home() {
    let mut wrong = Vec::new();
    for (module, files) in sources() {
        for (path, code) in files {
            for (name, homes) in HOMES {
                if !homes.contains(&module) && code.contains(&format!("{name}::")) {
                    wrong.push(format!("{} uses {name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "away from home:\n{}", wrong.join("\n"));
}

#[test]
fn the_scanner_sees_plain_and_grouped_imports() {
    let code = "use crate::a::B;\nuse crate::{c, d::{E, F}, g};\nlet x = crate::h::i();";
    assert_eq!(imported(code), ["a", "c", "d", "g", "h"]);
}
