//! `produces`: files that a step has to leave behind, whole, or not at all.
//!
//! Before an attempt its promise notes which of these files are there. After a success each has to be there; after anything
//! else what the attempt has made or changed goes, or is moved aside. What it has not touched stays: a step that fails in
//! its first line must not cost yesterday's backup.

mod files;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) use self::files::sha256;
use self::files::{Found, Stamp};
use crate::pipeline::Product;

/// What becomes of files that a failed attempt has made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Partial {
    /// They are removed.
    #[default]
    Remove,
    /// They get a name that ends with `.partial`.
    MoveAside,
}

/// The promise of one attempt.
#[derive(Debug)]
pub(super) struct Promise {
    folder: PathBuf,
    patterns: Vec<String>,
    partial: Partial,
    before: BTreeMap<PathBuf, Stamp>,
}

impl Promise {
    /// Notes what is there before the attempt. Patterns are paths or globs, relative to `folder`.
    ///
    /// # Errors
    /// What is wrong with a pattern, or with what it leads to, in a sentence.
    pub(super) fn make(folder: &Path, patterns: Vec<String>, partial: Partial) -> Result<Self, String> {
        let mut promise = Self { folder: folder.to_owned(), patterns, partial, before: BTreeMap::new() };
        let found = promise.find()?;
        promise.before =
            found.into_iter().flat_map(|(_, found)| found).map(|it| (it.path, it.stamp)).collect();
        Ok(promise)
    }

    /// Looks at what the attempt has left behind: every pattern must have led to something.
    ///
    /// # Errors
    /// What is missing, or cannot be read, in a sentence.
    pub(super) fn products(&self) -> Result<Vec<Product>, String> {
        let mut products: BTreeMap<PathBuf, Product> = BTreeMap::new();
        for (pattern, found) in self.find()? {
            if found.is_empty() {
                return Err(format!("it has not made `{pattern}`, which it has to produce"));
            }
            for file in found.into_iter().filter(|found| !found.stamp.is_folder()) {
                let path = file.path.strip_prefix(&self.folder).unwrap_or(&file.path);
                let path = path.to_string_lossy().into_owned();
                let sha256 =
                    files::sha256(&file.path).map_err(|error| format!("cannot read `{path}`: {error}"))?;
                products.insert(file.path, Product { path, bytes: file.stamp.bytes(), sha256 });
            }
        }
        Ok(products.into_values().collect())
    }

    /// Takes back what the attempt has made or changed. What cannot be taken back is left.
    pub(super) fn undo(&self) {
        let found = self.find().unwrap_or_default();
        let changed = found.into_iter().flat_map(|(_, found)| found);
        let mut changed: Vec<Found> =
            changed.filter(|found| self.before.get(&found.path) != Some(&found.stamp)).collect();
        // What lies in a folder before the folder itself.
        changed.sort_by(|one, other| other.path.cmp(&one.path));
        for Found { path, stamp } in changed {
            let _ = match self.partial {
                _ if stamp.is_folder() && self.before.contains_key(&path) => Ok(()),
                Partial::Remove if stamp.is_folder() => std::fs::remove_dir(&path),
                Partial::Remove => std::fs::remove_file(&path),
                Partial::MoveAside if stamp.is_folder() => Ok(()),
                Partial::MoveAside => std::fs::rename(&path, aside(&path)),
            };
        }
    }

    fn find(&self) -> Result<Vec<(String, Vec<Found>)>, String> {
        let find = |pattern: &String| Ok((pattern.clone(), files::find(&self.folder, pattern)?));
        self.patterns.iter().map(find).collect()
    }
}

/// In what a file is not what a step has left behind; nothing if it is.
pub(super) fn differs(folder: &Path, product: &Product) -> Option<String> {
    let path = folder.join(&product.path);
    if path.symlink_metadata().is_err() {
        return Some(format!("`{}`, which it made, is gone", product.path));
    }
    let same = files::sha256(&path).is_ok_and(|sha256| sha256 == product.sha256);
    (!same).then(|| format!("`{}`, which it made, has changed", product.path))
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn promise(folder: &Path, patterns: &[&str], partial: Partial) -> Promise {
        Promise::make(folder, patterns.iter().map(|&pattern| pattern.to_owned()).collect(), partial).unwrap()
    }

    /// The names in a folder, in order.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_globs_and_folders_are_told_with_their_sums() {
        let dir = tempfile::tempdir().unwrap();
        let promised = promise(dir.path(), &["a", "*.txt", "tree"], Partial::Remove);
        fs::write(dir.path().join("a"), "abc").unwrap();
        fs::write(dir.path().join("b.txt"), "").unwrap();
        fs::create_dir_all(dir.path().join("tree/deep")).unwrap();
        fs::write(dir.path().join("tree/deep/leaf"), "abc").unwrap();
        let products = promised.products().unwrap();
        let paths: Vec<&str> = products.iter().map(|product| product.path.as_str()).collect();
        assert_eq!(paths, ["a", "b.txt", "tree/deep/leaf"]);
        assert_eq!((products[0].bytes, products[0].sha256.get(..8)), (3, Some("ba7816bf")));
        fs::remove_file(dir.path().join("b.txt")).unwrap();
        assert_eq!(promised.products().unwrap_err(), "it has not made `*.txt`, which it has to produce");
    }

    #[test]
    fn only_what_was_made_or_changed_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("kept.out", "yesterday's");
        write("changed.out", "yesterday's");
        fs::create_dir(dir.path().join("old")).unwrap();
        let promised = promise(dir.path(), &["*.out", "old", "new"], Partial::Remove);
        write("changed.out", "today's, half");
        write("made.out", "half");
        write("other", "not promised");
        write("old/file", "");
        fs::create_dir(dir.path().join("new")).unwrap();
        write("new/file", "");
        promised.undo();
        assert_eq!(names(dir.path()), ["kept.out", "old", "other"]);
        assert_eq!(names(&dir.path().join("old")), [""; 0]);
    }

    #[test]
    fn or_moved_aside() {
        let dir = tempfile::tempdir().unwrap();
        let promised = promise(dir.path(), &["*.out"], Partial::MoveAside);
        fs::write(dir.path().join("a.out"), "half").unwrap();
        promised.undo();
        assert_eq!(names(dir.path()), ["a.out.partial"]);
    }

    #[test]
    fn names_with_the_signs_of_globs_and_links_are_safe() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("[odd] *");
        fs::create_dir(&odd).unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "").unwrap();
        let promised = promise(&odd, &["*"], Partial::Remove);
        fs::write(odd.join("file"), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), odd.join("link")).unwrap();
        promised.undo();
        assert_eq!(names(&odd), [""; 0]);
        assert_eq!(names(outside.path()), ["precious"], "links are not followed");
        assert!(Promise::make(&odd, vec!["[".into()], Partial::Remove).unwrap_err().contains("`[`"));
    }
}
