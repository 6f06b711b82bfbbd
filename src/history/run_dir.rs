//! The directory of one run, `.pipe/runs/ID`.

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::HistoryError;

/// Names tried before giving up on a free one; with 65,536 to choose from, no honest directory needs many.
const TRIES: usize = 1000;

/// The longest step or stream name that is a file name as it is; leaves room for a suffix under the usual limit of 255.
const LONGEST_NAME: usize = 200;

/// The directory of one run. It exists as long as nobody removes it; dropping this does not.
#[derive(Debug, Clone)]
pub struct RunDir {
    id: String,
    path: PathBuf,
}

impl RunDir {
    /// Makes `.pipe/` under `base` where it is missing, and in it a directory that no other run has.
    ///
    /// The id is the local time of `now` and four random hexadecimal digits: `20261122-231500-1a2b`.
    pub fn create(base: &Path, now: &jiff::Zoned) -> Result<Self, HistoryError> {
        let home = base.join(".pipe");
        let runs = home.join("runs");
        fs::create_dir_all(&runs).map_err(HistoryError::create(&runs))?;
        ignore_itself(&home)?;
        let run = Self::create_exclusively(&runs, now)?;
        for folder in ["logs", "outputs", "streams"] {
            let path = run.path.join(folder);
            make_private(&path).map_err(HistoryError::create(&path))?;
        }
        Ok(run)
    }

    fn create_exclusively(runs: &Path, now: &jiff::Zoned) -> Result<Self, HistoryError> {
        let time = now.strftime("%Y%m%d-%H%M%S").to_string();
        let mut tries = 0;
        loop {
            let id = format!("{time}-{:04x}", random());
            let path = runs.join(&id);
            tries += 1;
            match make_private(&path) {
                Ok(()) => return Ok(Self { id, path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => {}
                Err(error) => return Err(HistoryError::create(path)(error)),
            }
        }
    }

    /// The run's id, which is the directory's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The directory; relative if `base` was.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where streams are kept, each in a file of its name.
    pub fn streams_dir(&self) -> PathBuf {
        self.path.join("streams")
    }

    /// Where steps write the values that they give, each attempt to a file of its own while it runs.
    pub fn outputs_dir(&self) -> PathBuf {
        self.path.join("outputs")
    }

    /// Where a step of this name logs.
    pub fn log_path(&self, step: &str) -> PathBuf {
        self.path.join("logs").join(file_name(step) + ".log")
    }

    /// Where the journal is.
    pub fn journal_path(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }
}

/// A step's or stream's name as a file name. Names are that already, except for the colon of `in:NAME` (which macOS
/// shows as a slash) and for those too long; no two names of a pipeline share a file name.
fn file_name(name: &str) -> String {
    let safe = name.replace(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)), "@");
    if safe.len() <= LONGEST_NAME {
        return safe;
    }
    let digest = Sha256::digest(name);
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}@{digits}", safe.get(..LONGEST_NAME).unwrap_or_default())
}

/// Writes `.gitignore` once; a user's own is left alone.
fn ignore_itself(home: &Path) -> Result<(), HistoryError> {
    let path = home.join(".gitignore");
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => file.write_all(b"*\n").map_err(HistoryError::write(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(HistoryError::create(path)(error)),
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Opens a file for appending that only its owner can read.
pub(super) fn append_private(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Sixteen bits that differ from call to call and from process to process: the standard library seeds each of its
/// hashers from the system's randomness.
fn random() -> u16 {
    RandomState::new().hash_one(std::process::id()) as u16
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn now() -> jiff::Zoned {
        jiff::civil::date(2026, 11, 22).at(23, 15, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap()
    }

    #[test]
    fn it_is_named_by_time_and_private_and_ignored() {
        let base = tempfile::tempdir().unwrap();
        let run = RunDir::create(base.path(), &now()).unwrap();
        assert!(run.id().starts_with("20261122-231500-"), "{}", run.id());
        assert_eq!(run.id().len(), 20);
        assert_eq!(run.path(), base.path().join(".pipe/runs").join(run.id()));
        let mode = fs::metadata(run.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(fs::read_to_string(base.path().join(".pipe/.gitignore")).unwrap(), "*\n");
        assert!(run.path().join("logs").is_dir());
        assert!(run.path().join("streams").is_dir());
    }

    #[test]
    fn runs_of_the_same_second_do_not_collide() {
        let base = tempfile::tempdir().unwrap();
        let ids: HashSet<String> =
            (0..200).map(|_| RunDir::create(base.path(), &now()).unwrap().id().to_owned()).collect();
        assert_eq!(ids.len(), 200);
    }

    #[test]
    fn a_gitignore_of_the_users_stays() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join(".pipe")).unwrap();
        fs::write(base.path().join(".pipe/.gitignore"), "runs/\n").unwrap();
        RunDir::create(base.path(), &now()).unwrap();
        assert_eq!(fs::read_to_string(base.path().join(".pipe/.gitignore")).unwrap(), "runs/\n");
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join(".pipe"), "").unwrap();
        let error = RunDir::create(base.path(), &now()).unwrap_err().to_string();
        assert!(error.starts_with("cannot create `") && error.contains(".pipe/runs"), "{error}");
    }

    #[test]
    fn names_become_file_names_of_their_own() {
        assert_eq!(file_name("create-archive_2.x"), "create-archive_2.x");
        assert_eq!(file_name("in:data"), "in@data");
        assert_eq!(file_name("a/b"), "a@b");
        let (one, other) = ("x".repeat(400), "x".repeat(401));
        assert!(file_name(&one).len() < 250);
        assert_ne!(file_name(&one), file_name(&other));
    }
}
