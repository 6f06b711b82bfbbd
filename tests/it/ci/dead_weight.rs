//! What nothing needs: dependencies without a use, empty files, comments that run off the screen.

use std::fs;
use std::path::PathBuf;

use regex::Regex;

use crate::support::published::repository;

/// The dependencies in a section of `Cargo.toml`, each with whether a comment stands above it.
fn dependencies(section: &str) -> Vec<(String, bool)> {
    let text = fs::read_to_string(repository("Cargo.toml")).unwrap();
    let body = text.split(&format!("\n[{section}]\n")).nth(1).unwrap().split("\n[").next().unwrap();
    let mut above = "";
    let mut found = Vec::new();
    for line in body.lines() {
        if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            found.push((name.to_owned(), above.starts_with('#')));
        }
        above = line;
    }
    assert!(found.len() > 3, "[{section}] has only {found:?}");
    found
}

/// Every file below these folders.
fn files(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| repository(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

/// The lines of every Rust file below these folders, each with its place.
fn lines(folders: &[&str]) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for path in files(folders).iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")) {
        for (number, line) in fs::read_to_string(path).unwrap().lines().enumerate() {
            lines.push((format!("{}:{}", path.display(), number + 1), line.to_owned()));
        }
    }
    lines
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[track_caller]
fn are_used(section: &str, folders: &[&str]) {
    let lines = lines(folders).into_iter().map(|(_, line)| line);
    let code = lines.filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n");
    for (name, has_reason) in dependencies(section) {
        let path = Regex::new(&format!(r"(?m)\b{}(::|;| as )", name.replace('-', "_"))).unwrap();
        assert!(path.is_match(&code), "[{section}] {name}: no code in {folders:?} uses it");
        assert!(has_reason, "[{section}] {name}: no comment above it says why it is there");
    }
}

#[test]
fn every_dependency_is_used_and_has_its_reason() {
    are_used("dependencies", &["src"]);
    are_used("dev-dependencies", &["src", "tests", "benches"]);
}

#[test]
fn no_file_is_empty() {
    for path in files(&["src", "tests", "benches", "docs", "examples", "docker", "fuzz/fuzz_targets", ".ci"])
    {
        assert!(path.metadata().unwrap().len() > 0, "{} is empty", path.display());
    }
}

#[test]
fn comments_fit_the_width_of_the_code() {
    // `max_width` in rustfmt.toml, which leaves comments alone.
    const WIDTH: usize = 110;
    let wide: Vec<String> = lines(&["tests", "benches", "fuzz/src", "fuzz/fuzz_targets"])
        .into_iter()
        .filter(|(_, line)| is_comment(line) && line.chars().count() > WIDTH)
        .map(|(place, _)| place)
        .collect();
    assert!(wide.is_empty(), "comments of more than {WIDTH} columns:\n{}", wide.join("\n"));
}
