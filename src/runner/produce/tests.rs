//! Promises, with real files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;

/// A folder for a step, and beside it a file that is made when an attempt begins.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(site.path("")).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    /// Writes a file, with the folders that it lies in.
    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn link(&self, to: &str, name: &str) {
        symlink(to, self.path(name)).unwrap();
    }

    /// A promise that is made after all that is there now: when the clock of the file system has gone on.
    fn promise(&self, patterns: &[&str], partial: Partial) -> DeclaredArtifacts {
        let made = |name: &str| {
            let path = self.dir.path().join(name);
            let _ = fs::remove_file(&path);
            fs::write(&path, "").unwrap();
            path.metadata().unwrap()
        };
        let changed = |made: &Metadata| Beginning::of(made);
        let before = made("mark");
        let began = loop {
            let began = made("mark");
            if changed(&began) != changed(&before) {
                break began;
            }
        };
        let patterns = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        DeclaredArtifacts::make(&self.path(""), patterns, partial, &began, &Reaper::default()).unwrap()
    }

    fn removing(&self, patterns: &[&str]) -> DeclaredArtifacts {
        self.promise(patterns, Partial::Remove)
    }

    /// The names in a folder, in order.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The paths of products, and whether each is unchanged.
fn told(promise: &DeclaredArtifacts) -> Vec<(String, bool)> {
    promise.products().unwrap().into_iter().map(|product| (product.path, product.unchanged)).collect()
}

#[test]
fn files_globs_and_folders_are_told_with_their_sums() {
    let site = Site::new();
    let promised = site.removing(&["a", "*.txt", "tree", "tr*/**/leaf", "./a"]);
    site.write("a", "abc");
    site.write("b.txt", "");
    site.write("tree/deep/leaf", "abc");
    let products = promised.products().unwrap();
    let paths: Vec<&str> = products.iter().map(|product| product.path.as_str()).collect();
    assert_eq!(paths, ["a", "b.txt", "tree/deep/leaf"]);
    assert_eq!((products[0].bytes, products[0].sha256.get(..8)), (3, Some("ba7816bf")));
    fs::remove_file(site.path("b.txt")).unwrap();
    assert_eq!(promised.products().unwrap_err(), "it did not produce `*.txt`");
}

#[test]
fn only_what_was_made_or_changed_is_taken_back() {
    let site = Site::new();
    site.write("kept.out", "yesterday's");
    site.write("changed.out", "yesterday's");
    fs::create_dir(site.path("old")).unwrap();
    let promised = site.removing(&["*.out", "old", "new"]);
    site.write("changed.out", "today's, half");
    site.write("made.out", "half");
    site.write("other", "not promised");
    site.write("old/file", "");
    site.write("new/file", "");
    promised.undo();
    assert_eq!(site.names(""), ["kept.out", "old", "other"]);
    assert_eq!(site.names("old"), [""; 0]);
}

#[test]
fn or_moved_aside_and_only_once() {
    let site = Site::new();
    let promised = site.promise(&["*"], Partial::MoveAside);
    site.write("a.out", "half");
    promised.undo();
    promised.undo();
    assert_eq!(site.names(""), ["a.out.partial"]);
}

#[test]
fn names_with_the_signs_of_globs_and_links_are_safe() {
    let site = Site::new();
    site.write("precious/file", "");
    site.write("[odd] */other", "");
    let odd = site.path("[odd] *");
    let began = odd.join("other").metadata().unwrap();
    let promise = |pattern: &str| {
        DeclaredArtifacts::make(&odd, vec![pattern.into()], Partial::Remove, &began, &Reaper::default())
    };
    let promised = promise("*").unwrap();
    fs::write(odd.join("file"), "").unwrap();
    site.link("../precious", "[odd] */link");
    promised.undo();
    assert_eq!(site.names("[odd] *"), ["other"]);
    assert_eq!(site.names("precious"), ["file"], "no link is followed that was not there");
    for wrong in ["[", "a**"] {
        assert!(promise(wrong).unwrap_err().contains(&format!("`{wrong}`")));
    }
}

#[test]
fn a_name_that_is_no_text_is_taken_back_too() {
    use std::os::unix::ffi::OsStrExt as _;
    let site = Site::new();
    let promised = site.removing(&["*.out"]);
    let odd = site.path("").join(std::ffi::OsStr::from_bytes(b"\xff.out"));
    // Some file systems refuse such a name.
    if fs::write(&odd, "half").is_ok() {
        assert_eq!(promised.products().unwrap()[0].bytes, 4);
        undo(&serde_json::to_vec(&promised.ledger).unwrap());
        assert!(!odd.exists());
    }
}

#[test]
fn nothing_is_removed_through_a_link_that_the_attempt_made() {
    for pattern in ["out/*", "out/", "out/a", "out/**", "out/**/b", "out", "o*", "o*/sub", "out/sub/../a"] {
        let site = Site::new();
        site.write("precious/a", "old");
        site.write("precious/sub/b", "old");
        let promised = site.removing(&[pattern]);
        site.link("precious", "out");
        // Also what it has written there: it lies in a folder that the step has not promised.
        site.write("out/new", "half");
        promised.undo();
        assert_eq!(site.names("precious"), ["a", "new", "sub"], "{pattern}");
        assert_eq!(site.names("precious/sub"), ["b"], "{pattern}");
    }
}

#[test]
fn a_link_that_leads_elsewhere_now_is_not_passed() {
    let site = Site::new();
    site.write("one/file", "1");
    site.write("two/file", "2");
    site.link("one", "current");
    site.link("current", "chain");
    site.link("nowhere", "dangling");
    let promised = site.removing(&["current/*", "chain/*", "dangling"]);
    fs::remove_file(site.path("current")).unwrap();
    site.link("two", "current");
    site.link("two", "nowhere");
    promised.undo();
    assert_eq!((site.names("one"), site.names("two")), (vec!["file".into()], vec!["file".into()]));
}

#[test]
fn what_was_only_moved_or_linked_here_stays() {
    let site = Site::new();
    site.write("precious/a", "old");
    site.write("moved", "old");
    site.write("linked", "old");
    site.write("out/backup", "yesterday's");
    let promised = site.removing(&["dist", "out", "copies/*"]);
    fs::rename(site.path("precious"), site.path("dist")).unwrap();
    fs::rename(site.path("moved"), site.path("out/moved")).unwrap();
    fs::rename(site.path("out/backup"), site.path("out/backup.1")).unwrap();
    fs::create_dir(site.path("copies")).unwrap();
    fs::hard_link(site.path("linked"), site.path("copies/linked")).unwrap();
    site.write("out/backup", "half");
    promised.undo();
    assert_eq!(site.names("dist"), ["a"]);
    assert!(site.path("out/backup.1").exists(), "what was there before is only called something else");
    assert!(!site.path("out/backup").exists());
    assert!(site.path("linked").exists());
}

#[test]
fn a_link_to_a_folder_is_as_good_as_the_folder() {
    for pattern in ["out", "o*", "out/", "out/*", "out/**", "./out/.", "**/new", "out/sub", "outer"] {
        let site = Site::new();
        site.write("real/sub/old", "yesterday's");
        site.link("real", "out");
        fs::create_dir(site.path("outer")).unwrap();
        site.link("../real", "outer/inner");
        let promised = site.removing(&[pattern]);
        site.write("out/sub/new", "abc");
        let products = promised.products().unwrap();
        let new = products.iter().find(|product| product.path.ends_with("sub/new")).unwrap();
        assert_eq!((new.bytes, new.unchanged, &new.sha256[..8]), (3, false, "ba7816bf"), "{pattern}");
        promised.undo();
        assert_eq!(site.names("real/sub"), ["old"], "{pattern}");
        assert!(site.path("out").symlink_metadata().is_ok(), "{pattern}");
    }
}

#[test]
fn a_link_to_a_file_is_as_good_as_the_file() {
    let site = Site::new();
    site.write("dump-1", "yesterday's");
    site.link("dump-1", "latest");
    site.link("dump-2", "next");
    let promised = site.removing(&["latest", "next"]);
    site.write("latest", "abc");
    site.write("next", "abc");
    let products = promised.products().unwrap();
    let sizes: Vec<_> = products.iter().map(|product| (product.path.as_str(), product.bytes)).collect();
    assert_eq!(sizes, [("latest", 3), ("next", 3)]);
    promised.undo();
    assert_eq!(site.names(""), ["latest", "next"], "the links stay, and lead to no half file");
}

#[test]
fn folders_that_lie_in_each_other_by_links_are_walked_once() {
    let site = Site::new();
    site.write("out/a", "");
    site.link(".", "out/self");
    site.link("..", "out/up");
    site.link("loop", "out/loop");
    site.write("not-promised", "");
    for pattern in ["out", "out/**", "out/**/a"] {
        assert_eq!(told(&site.removing(&[pattern])), [("out/a".to_owned(), true)], "{pattern}");
    }
}

#[test]
fn what_the_step_did_not_touch_is_unchanged() {
    let site = Site::new();
    site.write("kept", "");
    site.write("written", "same");
    site.write("whole/a", "");
    site.write("tree/b", "");
    site.write("files/c", "");
    let promised = site.removing(&["kept", "written", "made", "whole", "tree/**", "files/*"]);
    site.write("written", "same");
    site.write("made", "");
    // A folder is one product; files that a pattern names are one each.
    site.write("tree/new", "");
    site.write("files/new", "");
    let expected = [
        ("files/c", true),
        ("files/new", false),
        ("kept", true),
        ("made", false),
        ("tree/b", false),
        ("tree/new", false),
        ("whole/a", true),
        ("written", false),
    ];
    assert_eq!(told(&promised), expected.map(|(path, unchanged)| (path.to_owned(), unchanged)));
}

#[test]
fn what_is_no_file_is_no_product_and_is_not_read() {
    let site = Site::new();
    let promised = site.removing(&["thing"]);
    assert!(std::process::Command::new("mkfifo").arg(site.path("thing")).status().unwrap().success());
    assert!(promised.products().unwrap_err().contains("is a named pipe"), "{:?}", promised.products());
    promised.undo();
    assert_eq!(site.names(""), [""; 0]);
    for to in ["/dev/zero", "nowhere"] {
        site.link(to, "thing");
        promised.products().unwrap_err();
        promised.undo();
    }
    assert_eq!(site.names(""), [""; 0]);
}

#[test]
fn a_working_folder_that_has_become_a_link_is_left_alone() {
    let site = Site::new();
    site.write("a", "");
    let promised = site.removing(&["*"]);
    fs::rename(site.path(""), site.dir.path().join("other")).unwrap();
    symlink("other", site.dir.path().join("work")).unwrap();
    site.write("b", "");
    promised.undo();
    assert_eq!(site.names(""), ["a", "b"]);
}

#[test]
fn folders_in_folders_without_end_are_no_trouble() {
    let site = Site::new();
    let promised = site.removing(&["deep", "**/none"]);
    let deep = "deep/".repeat(700);
    site.write(&format!("{deep}leaf"), "half");
    promised.undo();
    assert_eq!(site.names(""), [""; 0]);
}

#[test]
fn what_the_reaper_is_told_undoes_the_same() {
    let site = Site::new();
    site.write("old", "");
    let promised = site.removing(&["*"]);
    let told = serde_json::to_vec(&promised.ledger).unwrap();
    assert!(!told.contains(&0));
    site.write("new", "half");
    undo(&told);
    assert_eq!(site.names(""), ["old"]);
    undo(b"{}");
}

#[test]
fn a_masked_name_means_a_file_that_cannot_be_compared() {
    let site = Site::new();
    site.write("a-***", "abc");
    let sha256 = sha256(&site.path("a-***")).unwrap();
    let product =
        |path: &str| Artifact { path: path.into(), bytes: 3, sha256: sha256.clone(), unchanged: false };
    assert!(differs(&site.path(""), &product("a-***")).unwrap().contains("secret"));
    fs::rename(site.path("a-***"), site.path("a")).unwrap();
    assert_eq!(differs(&site.path(""), &product("a")), None);
}

#[test]
fn folders_that_patterns_name_are_found_with_what_lies_in_them() {
    let site = Site::new();
    site.write("out/in/a", "");
    site.write("single", "");
    fs::create_dir_all(site.path("out/empty")).unwrap();
    fs::create_dir_all(site.path("some/one")).unwrap();
    fs::create_dir_all(site.path("some/two/deep")).unwrap();
    site.link("out", "link");
    let named = |patterns: &[&str]| -> Vec<PathBuf> {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let folders = produced_folders(&site.path(""), &patterns);
        folders.iter().map(|path| path.strip_prefix(site.path("")).unwrap().to_owned()).collect()
    };
    assert_eq!(named(&["out", "single", "none", "["]), [PathBuf::from("out")]);
    assert_eq!(named(&["some/*"]), ["some/one", "some/two"].map(PathBuf::from));
    assert_eq!(named(&["out/**/a"]), [] as [PathBuf; 0]);
    assert_eq!(named(&["link"]), [PathBuf::from("link")]);
}
