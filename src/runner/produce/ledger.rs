//! A snapshot from before an attempt, and by that, what the attempt has made or changed.
//!
//! It has all that is needed to undo the attempt, also by the reaper if `pipe` is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Partial;
use super::files::{Found, Kind, Place, Stamp, Time};
use super::walk;

/// How far the clocks of two file systems may be apart, in seconds.
const SKEW: i64 = 2;

/// The beginning of an attempt, by the clock of a file system: that of a file which was made then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beginning {
    device: u64,
    at: Time,
}

impl Beginning {
    /// When this file was made.
    pub(super) fn of(made: &Metadata) -> Self {
        Self { device: made.dev(), at: (made.ctime(), made.ctime_nsec()) }
    }

    /// Whether a time on a file system is before it. Where clocks differ, that is doubtful close to it.
    fn is_after(&self, device: u64, time: Time) -> bool {
        let skew = if device == self.device { 0 } else { SKEW };
        time < (self.at.0 - skew, self.at.1)
    }
}

/// A snapshot from before an attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ledger {
    path: OsString,
    /// The folder with no link on the way.
    real: OsString,
    patterns: Vec<String>,
    partial: Partial,
    began: Beginning,
    /// By the real place.
    #[serde(with = "pairs")]
    before: BTreeMap<OsString, Noted>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Noted {
    stamp: Stamp,
    /// Of a link.
    end: Option<OsString>,
}

impl Ledger {
    /// Notes what the patterns lead to in a folder.
    ///
    /// # Errors
    /// What is wrong with a pattern, or with what it leads to, in a sentence.
    pub(super) fn open(
        folder: &Path,
        patterns: Vec<String>,
        partial: Partial,
        began: Beginning,
    ) -> Result<Self, String> {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).into();
        let mut ledger =
            Self { path: folder.into(), real, patterns, partial, began, before: BTreeMap::new() };
        let found = ledger.find(&|_| true)?;
        let note = |it: Found| (it.place.real.into(), Noted { stamp: it.stamp, end: it.end.map(Into::into) });
        ledger.before = found.into_iter().flat_map(|(_, found)| found).map(note).collect();
        Ok(ledger)
    }

    /// The folder, as users know it.
    pub(super) fn folder(&self) -> &Path {
        Path::new(&self.path)
    }

    /// Returns what each pattern leads to. No link is followed that `may_pass` refuses.
    pub(super) fn find(
        &self,
        may_pass: &dyn Fn(&Found) -> bool,
    ) -> Result<Vec<(String, Vec<Found>)>, String> {
        let find = |pattern: &String| Ok((pattern.clone(), self.follow(pattern, may_pass)?));
        self.patterns.iter().map(find).collect()
    }

    fn follow(&self, pattern: &str, may_pass: &dyn Fn(&Found) -> bool) -> Result<Vec<Found>, String> {
        let folder = Place { path: PathBuf::from(&self.path), real: PathBuf::from(&self.real) };
        walk::find(&folder, pattern, may_pass)
    }

    /// Returns whether something is as it was before.
    pub(super) fn is_unchanged(&self, found: &Found) -> bool {
        self.noted(found).is_some_and(|noted| noted.stamp == found.stamp)
    }

    /// Undoes what the attempt has made or changed, without following links that did not exist before. What
    /// cannot be undone is left.
    pub(super) fn undo(&self) {
        let leads_as_before = |link: &Found| {
            let end = link.end.as_ref().map(|end| end.as_os_str());
            self.is_unchanged(link) && self.noted(link).is_some_and(|noted| noted.end.as_deref() == end)
        };
        // A pattern that cannot be followed any more does not stop the others.
        let found: Vec<Found> = self
            .patterns
            .iter()
            .flat_map(|it| self.follow(it, &leads_as_before).unwrap_or_default())
            .collect();
        let known: BTreeSet<_> = self.before.values().map(|noted| noted.stamp.content()).collect();
        let mut own: Vec<&Found> =
            found.iter().filter(|found| !found.is_way && self.is_own(found, &known)).collect();
        // What lies in a folder before the folder itself.
        own.sort_by(|one, other| other.place.real.cmp(&one.place.real));
        own.dedup_by(|one, other| one.place.real == other.place.real);
        own.into_iter().for_each(|found| self.take_back(found));
    }

    fn noted(&self, found: &Found) -> Option<&Noted> {
        self.before.get(found.place.real.as_os_str())
    }

    /// Whether the attempt has made or changed it. What it has only moved or linked here is older than the
    /// attempt, and what is in a folder that it has moved here has not changed since. `known` is the content
    /// of all that was there before.
    fn is_own(&self, found: &Found, known: &BTreeSet<(u64, u64, u64, Time)>) -> bool {
        let stamp = &found.stamp;
        let inode = |stamp: &Stamp| (stamp.device, stamp.inode);
        match self.noted(found) {
            Some(noted) if noted.stamp == *stamp => return false,
            Some(noted) if inode(&noted.stamp) == inode(stamp) => return true,
            Some(_) | None => {}
        }
        let is_old = |time: Time| self.began.is_after(stamp.device, time);
        let was_elsewhere = known.contains(&stamp.content())
            || stamp.born.is_some_and(|born| is_old(born) && is_old(stamp.modified));
        !was_elsewhere && !is_old(stamp.changed)
    }

    fn take_back(&self, Found { place, stamp, end: _, is_way: _, within: _ }: &Found) {
        let path = &place.real;
        // What stays could not be undone.
        let _ = match (stamp.kind, self.partial) {
            (Kind::Folder, Partial::Remove) if !self.before.contains_key(path.as_os_str()) => {
                std::fs::remove_dir(path)
            }
            (Kind::Folder, Partial::Remove | Partial::MoveAside) => Ok(()),
            (Kind::File | Kind::Link | Kind::Other, Partial::Remove) => std::fs::remove_file(path),
            // The pattern may lead to what was moved aside already.
            (Kind::File | Kind::Link | Kind::Other, Partial::MoveAside) if is_aside(path) => Ok(()),
            (Kind::File | Kind::Link | Kind::Other, Partial::MoveAside) => std::fs::rename(path, aside(path)),
        };
    }
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn is_aside(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "partial")
}

/// A map whose keys are no texts, as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;
    use std::ffi::OsString;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Noted;

    type Map = BTreeMap<OsString, Noted>;

    pub(super) fn serialize<S: Serializer>(map: &Map, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Map, D::Error> {
        Ok(Vec::<(OsString, Noted)>::deserialize(from)?.into_iter().collect())
    }
}
