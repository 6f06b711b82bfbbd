//! The house: a module imports only modules of lower floors, never a sibling; each third-party crate has one
//! home; and `lib.rs` shows the table that this test holds it to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

mod circles;
mod scan;
mod shape;

/// Module, floor, what it may import.
const FLOORS: &[(&str, u8, &[&str])] = &[
    ("pipeline", 0, &[]),
    ("processes", 0, &[]),
    ("event", 1, &["pipeline"]),
    ("reaper", 1, &["processes"]),
    ("template", 1, &["pipeline"]),
    ("file", 2, &["pipeline", "template"]),
    ("plan", 2, &["pipeline"]),
    ("executor", 2, &["pipeline", "processes", "reaper"]),
    ("stream", 2, &["pipeline"]),
    ("runner", 3, &["pipeline", "processes", "event", "reaper", "template", "plan", "executor", "stream"]),
    ("render", 3, &["pipeline", "event"]),
    ("history", 3, &["pipeline", "event"]),
    (
        "cluster",
        4,
        &[
            "pipeline",
            "processes",
            "event",
            "reaper",
            "template",
            "file",
            "plan",
            "executor",
            "stream",
            "runner",
        ],
    ),
    (
        "cli",
        5,
        &[
            "pipeline",
            "processes",
            "event",
            "reaper",
            "template",
            "file",
            "plan",
            "executor",
            "stream",
            "runner",
            "render",
            "history",
            "cluster",
        ],
    ),
];

/// Crate, the only modules that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("minijinja", &["template"]),
    ("serde_yaml", &["file", "cluster"]),
    ("annotate_snippets", &["file"]),
    ("schemars", &["file"]),
    ("aho_corasick", &["event"]),
    ("petgraph", &["plan", "file"]),
    ("bollard", &["executor"]),
    ("h2", &["executor"]),
    ("http", &["executor", "cluster"]),
    ("http_body_util", &["executor", "cluster"]),
    ("hyper", &["executor", "cluster"]),
    ("hyper_util", &["executor", "cluster"]),
    ("prost", &["executor"]),
    ("serde_urlencoded", &["executor", "cluster"]),
    ("tar", &["executor"]),
    ("rustix", &["processes", "reaper", "stream", "executor", "history", "cluster", "cli"]),
    ("nix", &["processes", "executor", "cli"]),
    ("tokio_stream", &["stream", "runner", "executor"]),
    ("indicatif", &["render"]),
    ("quick_xml", &["render"]),
    ("rustls", &["cluster"]),
    ("tokio_rustls", &["cluster"]),
    ("getrandom", &["render", "history", "executor", "cluster"]),
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

/// Every source file below a folder of the repository, by its path from there.
fn texts(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    files(&root, &mut found);
    found.sort();
    let name = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    found.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
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

/// What a file of a module imports against the table, by `crate::` or otherwise.
fn upward(module: &str, code: &str) -> Vec<String> {
    let allowed = FLOORS.iter().find(|(name, ..)| *name == module).map_or(&[][..], |(.., allowed)| allowed);
    let known = |name: &String| FLOORS.iter().any(|(floor, ..)| floor == name);
    let imports = imported(code).into_iter().filter(known);
    imports.filter(|import| import != module && !allowed.contains(&import.as_str())).collect()
}

#[test]
fn a_module_imports_only_modules_of_lower_floors() {
    let mut wrong = Vec::new();
    for (module, files) in sources() {
        for (path, code) in files {
            wrong.extend(upward(module, &code).iter().map(|up| format!("{} imports {up}", path.display())));
        }
    }
    // A path that climbs by `super::` names no `crate`.
    let sources = texts("src");
    let floor = |path: &str| path.split(['/', '.']).next().unwrap_or_default().to_owned();
    let graph =
        circles::Crate::new(sources.iter().map(|(path, code)| (path.as_str(), code.as_str()))).edges();
    for (from, to, line) in graph.iter() {
        let code = format!("crate::{}", floor(to));
        wrong.extend(upward(&floor(from), &code).iter().map(|up| format!("{line} imports {up}")));
    }
    wrong.sort();
    assert!(wrong.is_empty(), "against the floor table:\n{}", wrong.join("\n"));
}

#[test]
fn an_upward_import_and_one_from_a_sibling_are_found() {
    assert_eq!(upward("plan", "use crate::pipeline::Step;\nuse crate::runner::Job;"), ["runner"]);
    assert_eq!(upward("stream", "use crate::{executor::Stop, pipeline};"), ["executor"]);
    assert_eq!(upward("cli", "use crate::runner::Job;"), Vec::<String>::new());
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

/// Whether code names a crate: `nix::`, and not `unix::`, `a::nix::` or a text.
fn names(code: &str, name: &str) -> bool {
    let tokens = scan::tokens(code);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let is_first = |at: usize| at.checked_sub(1).is_none_or(|before| text(before) != "::");
    (0..tokens.len()).any(|at| text(at) == name && text(at + 1) == "::" && is_first(at))
}

#[test]
fn third_party_crates_stay_at_home() {
    let mut wrong = Vec::new();
    for (module, files) in sources() {
        for (path, code) in files {
            for (name, homes) in HOMES {
                if !homes.contains(&module) && names(&code, name) {
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
