//! `produces`: artifacts, which a step leaves behind complete, or not at all.
//!
//! Before an attempt, a snapshot notes which of these files exist. After a success each must exist. After
//! anything else, files that the attempt has made or changed are removed or moved aside. Files that it has
//! not touched stay: a step that fails in its first line must not cost yesterday's backup.

mod files;
mod ledger;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::files::{Found, Kind, Place};
use self::ledger::{Beginning, Ledger};
use crate::event::mask::MASK;
use crate::pipeline::Artifact;
use crate::reaper::{Reaper, Registration};
use crate::stream::sha256;

/// What becomes of files that a failed attempt has made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Partial {
    /// They are removed.
    #[default]
    Remove,
    /// They get a name that ends with `.partial`.
    MoveAside,
}

/// The artifacts that one attempt declares. Until this is dropped, the reaper undoes the attempt if `pipe` is
/// killed.
#[derive(Debug)]
pub(super) struct DeclaredArtifacts {
    ledger: Ledger,
    _registration: Registration,
}

impl DeclaredArtifacts {
    /// Notes what is there before the attempt, which begins with the making of a file. Patterns are paths or
    /// globs, relative to `folder`.
    ///
    /// # Errors
    /// What is wrong with a pattern, or with what it leads to, in a sentence.
    pub(super) fn make(
        folder: &Path,
        patterns: Vec<String>,
        partial: Partial,
        began: &Metadata,
        reaper: &Reaper,
    ) -> Result<Self, String> {
        let ledger = Ledger::open(folder, patterns, partial, Beginning::of(began))?;
        let registration = reaper.products(|| serde_json::to_vec(&ledger).unwrap_or_default());
        Ok(Self { ledger, _registration: registration })
    }

    /// Returns the artifacts that the attempt has left behind: every pattern must match something.
    ///
    /// # Errors
    /// What is missing, or cannot be read, in a sentence.
    pub(super) fn products(&self) -> Result<Vec<Artifact>, String> {
        let mut products: BTreeMap<PathBuf, Artifact> = BTreeMap::new();
        for (pattern, found) in self.ledger.find(&|_| true)? {
            // A folder that the pattern names is one thing: it is as it was if all in it is.
            let touched = found.iter().filter(|found| !self.ledger.is_unchanged(found));
            let touched: BTreeSet<PathBuf> = touched.filter_map(|found| found.within.clone()).collect();
            let (mut is_made, mut instead) = (false, "");
            for file in found.into_iter().filter(|found| !found.is_way) {
                match file.stamp.kind {
                    Kind::File => {
                        let is_touched = file.within.as_ref().is_some_and(|it| touched.contains(it));
                        let unchanged = !is_touched && self.ledger.is_unchanged(&file);
                        products.insert(file.place.path.clone(), self.product(&file, unchanged)?);
                        is_made = true;
                    }
                    Kind::Folder => is_made = true,
                    // Of a link, what it leads to counts.
                    Kind::Link => instead = ": what is there is a link that leads to no file",
                    Kind::Other => {
                        instead = ": what is there is a named pipe, a socket or a device, and no file"
                    }
                }
            }
            if !is_made {
                return Err(format!("it did not produce `{pattern}`{instead}"));
            }
        }
        Ok(products.into_values().collect())
    }

    fn product(&self, file: &Found, unchanged: bool) -> Result<Artifact, String> {
        let path = &file.place.path;
        let path = path.strip_prefix(self.ledger.folder()).unwrap_or(path).to_string_lossy().into_owned();
        let sha256 = sha256(&file.place.real).map_err(|error| format!("cannot read `{path}`: {error}"))?;
        Ok(Artifact { path, bytes: file.stamp.bytes, sha256, unchanged })
    }

    /// Undoes what the attempt has made or changed. What cannot be undone is left.
    pub(super) fn undo(&self) {
        self.ledger.undo();
    }
}

/// Returns the folders that paths or globs name, relative to `folder`: what lies in one belongs to it, empty folders and
/// links as well.
pub fn produced_folders(folder: &Path, patterns: &[String]) -> Vec<PathBuf> {
    let start = Place { path: folder.to_owned(), real: folder.to_owned() };
    let is_named = |found: &Found| {
        found.stamp.kind == Kind::Folder && !found.is_way && found.within.as_ref() == Some(&found.place.path)
    };
    // A pattern that cannot be followed has kept its step from succeeding.
    let found = patterns.iter().filter_map(|pattern| walk::find(&start, pattern, &|_| true).ok());
    found.flatten().filter(is_named).map(|found| found.place.path).collect()
}

/// Undoes an attempt of a `pipe` that was killed, by what that had registered with its reaper.
pub fn undo(told: &[u8]) {
    // Only another version of `pipe` could have written what cannot be read; the reaper is of the same one.
    if let Ok(ledger) = serde_json::from_slice::<Ledger>(told) {
        ledger.undo();
    }
}

/// Returns how a file differs from what a step has left behind; nothing if it does not.
pub(super) fn differs(folder: &Path, product: &Artifact) -> Option<String> {
    let Artifact { path: shown, bytes: _, sha256: sum, unchanged: _ } = product;
    if shown.contains(MASK) {
        return Some(format!(
            "`{shown}`, which it made, has a secret in its name, by which it cannot be found"
        ));
    }
    let path = folder.join(shown);
    if path.metadata().is_err() {
        return Some(format!("`{shown}`, which it made, is gone"));
    }
    let same = sha256(&path).is_ok_and(|sha256| sha256 == *sum);
    (!same).then(|| format!("`{shown}`, which it made, has changed"))
}
