//! Typical mistakes, each a file as users type it who come from other tools: the whole answer, as it is read.
//! Each has to say where, what, and what instead.

use crate::support::{Place, pipelines};
use std::fs;

#[test]
fn every_typical_mistake_says_where_what_and_what_instead() {
    let files = pipelines("tests/fixtures/mistakes");
    assert!(files.len() >= 60);
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("snapshots/mistakes");
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let place = Place::new();
        place.write("pipeline.yml", fs::read(&path).unwrap());
        let ran = place.pipe(&["validate", "--strict"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{name}: {}", ran.stderr);
        let count =
            |mark: &str| ran.stderr.lines().filter(|line| line.trim_start().starts_with(mark)).count();
        let told = count("error[") + count("warning[");
        assert_eq!((count("--> "), count("= help: ")), (told, told), "{name}:\n{}", ran.stderr);
        settings.bind(|| insta::assert_snapshot!(name, ran.stderr));
    }
}

#[test]
fn what_users_write_is_valid() {
    for path in pipelines("tests/fixtures/corpus") {
        let place = Place::new();
        place.write("pipeline.yml", fs::read(&path).unwrap());
        let ran = place.pipe(&["validate", "--strict"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", path.display());
    }
}
