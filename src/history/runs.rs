//! The runs of a folder.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::own;
use super::run_dir::runs_in;
use super::{HistoryError, StoredRun};

/// Making or removing a run's directory takes less time than this.
const UNDER_WAY: Duration = Duration::from_secs(3600);

/// How many runs a message names.
const NAMED: usize = 5;

/// All runs that have left a directory in a folder, the newest first.
#[derive(Debug)]
pub struct Runs {
    folder: PathBuf,
    runs: Vec<StoredRun>,
    /// Hidden folders: runs that are being made or removed.
    hidden: Vec<StoredRun>,
}

/// Why a name does not identify a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRun {
    /// The folder has no runs.
    #[error("there are no runs in {}", .0.display())]
    None(PathBuf),
    /// No run has this name.
    #[error("there is no run `{name}`")]
    Unknown {
        /// As it was given.
        name: String,
        /// The newest runs that there are.
        newest: Vec<String>,
    },
    /// Several runs match.
    #[error("`{name}` matches several runs")]
    Ambiguous {
        /// As it was given.
        name: String,
        /// The newest of those.
        newest: Vec<String>,
    },
}

impl Runs {
    /// Returns the runs that are in `home` now, the folder that is `.pipe` as a rule.
    pub fn of(home: &Path) -> Result<Self, HistoryError> {
        let folder = runs_in(home);
        if folder.is_symlink() {
            return Err(HistoryError::read(folder)(io::Error::other(
                "it is a symbolic link, which is not followed here",
            )));
        }
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>().map_err(HistoryError::read(&folder))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(HistoryError::read(folder)(error)),
        };
        let (hidden, mut runs): (Vec<_>, Vec<_>) =
            entries.iter().filter_map(run_at).partition(|run| run.id().starts_with('.'));
        runs.sort_by_cached_key(|run| Reverse((run.began(), run.id().to_owned())));
        Ok(Self { folder, runs, hidden })
    }

    /// Returns those in `home` that were killed and whose reapers still clean up. Reads no journal: each run
    /// asks for this first.
    pub fn being_cleaned_up(home: &Path) -> Vec<StoredRun> {
        let entries = fs::read_dir(runs_in(home)).into_iter().flatten().flatten();
        entries.filter_map(|entry| run_at(&entry)).filter(StoredRun::is_being_cleaned_up).collect()
    }

    /// Returns the runs, the newest first.
    pub fn newest_first(&self) -> &[StoredRun] {
        &self.runs
    }

    /// Returns what is left of runs whose making or removal was cut short, an hour ago or longer.
    pub fn remains(&self) -> impl Iterator<Item = &StoredRun> {
        let is_old = |run: &&StoredRun| {
            let changed = fs::symlink_metadata(run.path()).and_then(|folder| folder.modified()).ok();
            changed.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > UNDER_WAY)
        };
        self.hidden.iter().filter(is_old).filter(|run| run.is_over())
    }

    /// Returns the run that a name means: an id, its beginning or its end where no other has the same, or
    /// `last`.
    pub fn find(&self, name: &str) -> Result<&StoredRun, NoRun> {
        let newest = self.runs.first().ok_or_else(|| NoRun::None(self.folder.clone()))?;
        if name == "last" {
            return Ok(newest);
        }
        if let Some(run) = self.runs.iter().find(|run| run.id() == name) {
            return Ok(run);
        }
        let has = |run: &&StoredRun| run.id().starts_with(name) || run.id().ends_with(name);
        let some: Vec<&StoredRun> = self.runs.iter().filter(|run| !name.is_empty() && has(run)).collect();
        match some.as_slice() {
            [run] => Ok(run),
            [] => Err(NoRun::Unknown { name: name.to_owned(), newest: ids(self.runs.iter()) }),
            _ => Err(NoRun::Ambiguous { name: name.to_owned(), newest: ids(some.into_iter()) }),
        }
    }
}

/// Returns the run that has a directory here; nothing if what is here is no run's.
fn run_at(entry: &fs::DirEntry) -> Option<StoredRun> {
    let id = entry.file_name().into_string().ok()?;
    (is_runs(&id) && own::is_folder(&entry.path())).then(|| StoredRun::new(id, entry.path()))
}

/// Returns whether a folder of this name is a run's: named by its time and four digits, and hidden while it
/// is made or removed.
fn is_runs(name: &str) -> bool {
    let hidden = name.strip_prefix('.').map(|name| name.strip_suffix(".gone").unwrap_or(name));
    let id = hidden.unwrap_or(name).as_bytes();
    // As in 20261122-231500-1a2b.
    id.len() == 20
        && id.iter().enumerate().all(|(at, byte)| match at {
            8 | 15 => *byte == b'-',
            0..15 => byte.is_ascii_digit(),
            _ => byte.is_ascii_hexdigit(),
        })
}

fn ids<'a>(runs: impl Iterator<Item = &'a StoredRun>) -> Vec<String> {
    runs.take(NAMED).map(|run| run.id().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(base: &tempfile::TempDir) -> PathBuf {
        base.path().join(".pipe")
    }
    use crate::history::run_dir::journal_in;

    /// Runs whose journals begin at these times, by their ids.
    fn runs(of: &[(&str, &str)]) -> (tempfile::TempDir, Runs) {
        let base = tempfile::tempdir().unwrap();
        for (id, at) in of {
            let dir = runs_in(&home(&base)).join(id);
            fs::create_dir_all(&dir).unwrap();
            fs::write(journal_in(&dir), format!("{{\"v\":1,\"at\":\"{at}\",\"elapsed_ms\":0")).unwrap();
        }
        let runs = Runs::of(&home(&base)).unwrap();
        (base, runs)
    }

    #[test]
    fn the_newest_comes_first_whatever_the_clocks_of_ids_did() {
        let (base, found) = runs(&[
            ("20261025-023000-aaaa", "2026-10-25T00:30:00.000Z"),
            ("20261025-021500-bbbb", "2026-10-25T01:15:00.000Z"),
            ("20261025-010000-cccc", "2026-10-24T23:00:00.000Z"),
        ]);
        let of = |runs: &Runs| -> Vec<String> {
            runs.newest_first().iter().map(|run| run.id()[16..].to_owned()).collect()
        };
        assert_eq!(of(&found), ["bbbb", "aaaa", "cccc"]);
        assert_eq!(found.find("last").unwrap().id(), "20261025-021500-bbbb");
        fs::create_dir(runs_in(&home(&base)).join("29991231-235959-dddd")).unwrap();
        fs::create_dir(runs_in(&home(&base)).join(".29991231-235959-eeee")).unwrap();
        fs::write(runs_in(&home(&base)).join("notes"), "").unwrap();
        assert_eq!(of(&Runs::of(&home(&base)).unwrap()), ["dddd", "bbbb", "aaaa", "cccc"]);
    }

    #[test]
    fn a_run_goes_by_any_end_of_its_id_that_no_other_has() {
        let (_base, runs) = runs(&[
            ("20261122-231500-1a2b", "2026-11-22T23:15:00Z"),
            ("20261122-231501-1a3b", "2026-11-22T23:15:01Z"),
            ("20261123-000000-ffff", "2026-11-23T00:00:00Z"),
        ]);
        for name in ["20261123", "ffff", "20261123-000000-ffff", "f"] {
            assert_eq!(runs.find(name).unwrap().id(), "20261123-000000-ffff", "{name}");
        }
        assert_eq!(runs.find("2b").unwrap().id(), "20261122-231500-1a2b");
        let both = ["20261122-231501-1a3b".to_owned(), "20261122-231500-1a2b".to_owned()];
        let ambiguous = |name: &str| NoRun::Ambiguous { name: name.into(), newest: both.to_vec() };
        assert_eq!(runs.find("20261122").unwrap_err(), ambiguous("20261122"));
        assert_eq!(runs.find("b").unwrap_err(), ambiguous("b"));
        assert!(matches!(runs.find("2300").unwrap_err(), NoRun::Unknown { newest, .. } if newest.len() == 3));
        assert!(matches!(runs.find("").unwrap_err(), NoRun::Unknown { .. }));
    }

    #[test]
    fn what_is_no_runs_folder_is_not_taken_for_one() {
        let (base, _) = runs(&[("20261122-231500-1a2b", "2026-11-22T23:15:00Z")]);
        let path = |name: &str| runs_in(&home(&base)).join(name);
        for name in
            ["notes", "20261122-231500-1a2b.bak", "20261122-231500-1a\nb", ".cache", "2026112a-231500-1a2b"]
        {
            fs::create_dir(path(name)).unwrap();
        }
        fs::create_dir(base.path().join("victim")).unwrap();
        std::os::unix::fs::symlink("../../victim", path("20261122-231500-1a2c")).unwrap();
        fs::write(path("20261122-231500-1a2d"), "").unwrap();
        let found = Runs::of(&home(&base)).unwrap();
        let ids: Vec<_> = found.newest_first().iter().chain(&found.hidden).map(StoredRun::id).collect();
        assert_eq!(ids, ["20261122-231500-1a2b"]);
        let other = tempfile::tempdir().unwrap();
        fs::create_dir(other.path().join(".pipe")).unwrap();
        std::os::unix::fs::symlink(runs_in(&home(&base)), runs_in(&home(&other))).unwrap();
        assert!(Runs::of(&home(&other)).unwrap_err().to_string().contains("it is a symbolic link"));
    }

    #[test]
    fn what_a_crash_left_half_made_is_known_after_a_while() {
        let (base, _) = runs(&[(".20261122-231500-1a2b", ""), (".20261122-231500-1a2c.gone", "")]);
        let found = Runs::of(&home(&base)).unwrap();
        assert!(found.newest_first().is_empty());
        assert_eq!(found.remains().count(), 0, "another process may be making them");
        let old = std::time::SystemTime::now() - UNDER_WAY - Duration::from_secs(60);
        fs::File::open(found.hidden[0].path()).unwrap().set_modified(old).unwrap();
        assert_eq!(found.remains().count(), 1);
        found.remains().for_each(|run| run.remove().unwrap());
        assert_eq!(Runs::of(&home(&base)).unwrap().hidden.len(), 1);
    }

    #[test]
    fn no_runs_are_no_error_until_one_is_asked_for() {
        let base = tempfile::tempdir().unwrap();
        let runs = Runs::of(&home(&base)).unwrap();
        assert!(runs.newest_first().is_empty());
        assert_eq!(runs.find("last").unwrap_err(), NoRun::None(base.path().join(".pipe/runs")));
    }
}
