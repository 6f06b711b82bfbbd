//! The directory of one run, `.pipe/runs/ID`.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::HistoryError;
use super::lock::{CLEANUP, LIFE, RunLock};
use super::own;

/// Names tried before giving up on a free one; of 65,536 possible ones, few are ever taken.
const TRIES: usize = 1000;

/// The longest key that is read, in bytes.
const LONGEST_KEY: u64 = 1024;

/// The longest step or stream name that is a file name as it is; leaves room for a suffix under the usual
/// limit of 255.
const LONGEST_NAME: usize = 200;

/// The directory of one run that goes on. Dropping this does not remove it. Until the last clone is dropped,
/// the run is known to go on.
#[derive(Debug, Clone)]
pub struct RunDir {
    id: String,
    path: PathBuf,
    locks: Arc<Locks>,
}

/// What says that the run goes on, and that something may be left of it.
#[derive(Debug)]
struct Locks {
    _life: RunLock,
    cleanup: RunLock,
}

impl Locks {
    fn take(dir: &Path) -> io::Result<Self> {
        Ok(Self { _life: RunLock::take(dir, LIFE)?, cleanup: RunLock::take(dir, CLEANUP)? })
    }
}

impl RunDir {
    /// Makes the folder `home`, which is `.pipe` as a rule, where it is missing, and in it a directory that no
    /// other run has.
    ///
    /// The id is the local time of `now` and four random hexadecimal digits: `20261122-231500-1a2b`.
    pub fn create(home: &Path, now: &jiff::Zoned) -> Result<Self, HistoryError> {
        let runs = runs_in(home);
        // What a user has made for other things as well is not to be ignored.
        let ignores = home.file_name() == Some(OsStr::new(".pipe")) || !home.exists();
        fs::create_dir_all(&runs).map_err(HistoryError::create(&runs))?;
        if runs.is_symlink() {
            return Err(HistoryError::create(&runs)(io::Error::other(
                "it is a symbolic link, which is not followed here",
            )));
        }
        let time = now.strftime("%Y%m%d-%H%M%S").to_string();
        let mut tries = 0;
        loop {
            let id = format!("{time}-{:04x}", random());
            let path = runs.join(&id);
            tries += 1;
            match claim(home, &id, &path, ignores) {
                Ok(locks) => return Ok(Self { id, path, locks: Arc::new(locks) }),
                Err(error) if is_taken(&error) && tries < TRIES => {}
                Err(error) => return Err(HistoryError::create(path)(error)),
            }
        }
    }

    /// Returns the run's id, which is the directory's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the directory; relative if `base` was.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what the run's reaper has to hold until the run is cleaned up.
    pub fn cleanup_lock(&self) -> BorrowedFd<'_> {
        self.locks.cleanup.as_fd()
    }

    /// Says that nothing is left of the run, whether or not its reaper has let go of the lock by then.
    pub fn release_cleanup(&self) {
        self.locks.cleanup.release();
    }

    /// Returns the folder for kept streams, each in a file of its name.
    pub fn streams_dir(&self) -> PathBuf {
        streams_in(&self.path)
    }

    /// Returns the folder in which steps write their outputs, each attempt to a file of its own while it
    /// runs.
    pub fn outputs_dir(&self) -> PathBuf {
        outputs_in(&self.path)
    }

    /// Returns the folder for named pipes to containers. It does not exist at first.
    pub fn pipes_dir(&self) -> PathBuf {
        pipes_in(&self.path)
    }

    /// Returns the key by which the fingerprints of steps are made, the same for all runs of a folder.
    /// Creates it if there is none.
    pub fn fingerprint_key(&self) -> Result<Vec<u8>, HistoryError> {
        let home = self.path.parent().and_then(Path::parent).unwrap_or(&self.path);
        let path = key_in(home);
        let read = || read_key(&path);
        match read() {
            Ok(key) if key.len() >= 16 => return Ok(key),
            Ok(_) | Err(_) => {}
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| HistoryError::create(&path)(io::Error::other(error)))?;
        let written = self.path.join("key");
        let mut file = append_private(&written).map_err(HistoryError::create(&written))?;
        file.write_all(&key).map_err(HistoryError::write(&written))?;
        // If several runs make one at once, the first one is kept.
        let linked = fs::hard_link(&written, &path);
        let _ = fs::remove_file(&written);
        match linked {
            Ok(()) => Ok(key.into()),
            Err(_) => read().map_err(HistoryError::write(&path)),
        }
    }

    /// Returns the folder for secrets that steps get as files, if no folder in memory can be used.
    pub fn secrets_dir(&self) -> PathBuf {
        secrets_in(&self.path)
    }

    /// Returns the path of a step's log.
    pub fn log_path(&self, step: &str) -> PathBuf {
        log_in(&self.path, step)
    }

    /// Returns the path of the file that says when pieces of the logs were written.
    pub fn times_path(&self) -> PathBuf {
        times_in(&self.path)
    }

    /// Returns the path of the journal.
    pub fn journal_path(&self) -> PathBuf {
        journal_in(&self.path)
    }
}

/// Returns where the runs in `home` are.
pub(super) fn runs_in(home: &Path) -> PathBuf {
    home.join("runs")
}

/// Returns the key by which fingerprints of steps are made; an empty one where there is none yet.
pub fn fingerprint_key(home: &Path) -> Vec<u8> {
    read_key(&key_in(home)).unwrap_or_default()
}

fn key_in(home: &Path) -> PathBuf {
    home.join("key")
}

fn read_key(path: &Path) -> io::Result<Vec<u8>> {
    let mut key = Vec::new();
    own::read(&mut own::open(path)?, LONGEST_KEY, &mut key)?;
    Ok(key)
}

/// Returns the journal in a run's directory.
pub(super) fn journal_in(run: &Path) -> PathBuf {
    run.join("events.jsonl")
}

/// Returns the kept streams in a run's directory.
pub(super) fn streams_in(run: &Path) -> PathBuf {
    run.join("streams")
}

/// Returns the files for values in a run's directory.
pub(super) fn outputs_in(run: &Path) -> PathBuf {
    run.join("outputs")
}

/// Returns the named pipes in a run's directory.
pub(super) fn pipes_in(run: &Path) -> PathBuf {
    run.join("pipes")
}

/// Returns the secrets in a run's directory.
pub(super) fn secrets_in(run: &Path) -> PathBuf {
    run.join("secrets")
}

/// Returns a step's log in a run's directory.
pub(super) fn times_in(run: &Path) -> PathBuf {
    run.join("log-times")
}

pub(super) fn log_in(run: &Path, step: &str) -> PathBuf {
    run.join("logs").join(file_name(step) + ".log")
}

/// Makes a run's directory. It is made under a hidden name and renamed once it is complete, so that no other
/// process finds a run without its lock. If this process is killed before that, the hidden directory is
/// removed later.
fn claim(home: &Path, id: &str, path: &Path, ignores: bool) -> io::Result<Locks> {
    let hidden = path.with_file_name(format!(".{id}"));
    make_private(&hidden)?;
    let made = ["logs", "outputs", "streams"]
        .iter()
        .try_for_each(|folder| make_private(&hidden.join(folder)))
        .and_then(|()| if ignores { ignore_itself(home, &hidden) } else { Ok(()) })
        .and_then(|()| Locks::take(&hidden))
        .and_then(|locks| fs::rename(&hidden, path).map(|()| locks));
    if made.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&hidden);
    }
    made
}

/// Returns whether a directory could not be made because another run has its name.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty)
}

/// Returns a step's or stream's name as a file name. Names are that already, except for the colon of
/// `in:NAME` (which macOS shows as a slash) and for those too long; no two names of a pipeline share a file
/// name.
fn file_name(name: &str) -> String {
    let is_kept = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c) || !c.is_ascii();
    let safe = name.replace(|c: char| !is_kept(c), "@");
    if safe.len() <= LONGEST_NAME {
        return safe;
    }
    let digest = Sha256::digest(name);
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let end = (0..=LONGEST_NAME).rev().find(|at| safe.is_char_boundary(*at)).unwrap_or_default();
    format!("{}@{digits}", safe.get(..end).unwrap_or_default())
}

/// Writes `.gitignore` once, at first in a folder of its own, and never over a user's file. It is there whole
/// or not at all, also when several processes do this at once.
fn ignore_itself(home: &Path, folder: &Path) -> io::Result<()> {
    let path = home.join(".gitignore");
    if fs::symlink_metadata(&path).is_ok() {
        return Ok(());
    }
    let written = folder.join("gitignore");
    fs::write(&written, b"*\n")?;
    fs::rename(&written, &path)
}

fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Opens a file for appending that only its owner can read.
pub(super) fn append_private(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Sixteen bits that differ from call to call and from process to process: the standard library seeds each of
/// its hashers from the system's randomness.
fn random() -> u16 {
    RandomState::new().hash_one(std::process::id()) as u16
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn home(base: &tempfile::TempDir) -> PathBuf {
        base.path().join(".pipe")
    }

    fn now() -> jiff::Zoned {
        jiff::civil::date(2026, 11, 22).at(23, 15, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap()
    }

    #[test]
    fn it_is_named_by_time_and_private_and_ignored() {
        let base = tempfile::tempdir().unwrap();
        let run = RunDir::create(&home(&base), &now()).unwrap();
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
            (0..200).map(|_| RunDir::create(&home(&base), &now()).unwrap().id().to_owned()).collect();
        assert_eq!(ids.len(), 200);
    }

    #[test]
    fn many_at_once_do_not_disturb_each_other() {
        let base = tempfile::tempdir().unwrap();
        let runs: Vec<RunDir> = std::thread::scope(|scope| {
            let one = || RunDir::create(&home(&base), &now()).unwrap();
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let ids: HashSet<&str> = runs.iter().map(RunDir::id).collect();
        assert_eq!(ids.len(), 16);
        assert!(runs.iter().all(|run| RunLock::is_held(run.path(), LIFE) && run.outputs_dir().is_dir()));
        assert_eq!(fs::read_to_string(base.path().join(".pipe/.gitignore")).unwrap(), "*\n");
        assert_eq!(fs::read_dir(home(&base)).unwrap().count(), 2, "nothing half made is left");
        assert_eq!(fs::read_dir(base.path().join(".pipe/runs")).unwrap().count(), 16);
    }

    #[test]
    fn a_name_that_is_taken_stays_its_owners() {
        let base = tempfile::tempdir().unwrap();
        let run = RunDir::create(&home(&base), &now()).unwrap();
        let error = claim(&home(&base), run.id(), run.path(), true).unwrap_err();
        assert!(is_taken(&error), "{error}");
        assert!(run.outputs_dir().is_dir());
    }

    #[test]
    fn what_a_killed_run_has_left_goes_and_what_it_has_to_say_stays() {
        let base = tempfile::tempdir().unwrap();
        let run = RunDir::create(&home(&base), &now()).unwrap();
        fs::create_dir_all(run.pipes_dir().join("wait-1")).unwrap();
        fs::write(run.pipes_dir().join("wait-1/out"), "").unwrap();
        fs::write(run.outputs_dir().join("0-1"), "half=").unwrap();
        fs::write(run.log_path("wait"), "said").unwrap();
        let found = crate::history::Runs::of(&home(&base)).unwrap();
        found.newest_first()[0].clear().unwrap();
        let is_empty = |dir: PathBuf| fs::read_dir(dir).unwrap().next().is_none();
        assert!(is_empty(run.pipes_dir()) && is_empty(run.outputs_dir()));
        assert_eq!(fs::read_to_string(run.log_path("wait")).unwrap(), "said");
    }

    #[test]
    fn a_gitignore_of_the_users_stays() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(home(&base)).unwrap();
        fs::write(base.path().join(".pipe/.gitignore"), "runs/\n").unwrap();
        RunDir::create(&home(&base), &now()).unwrap();
        assert_eq!(fs::read_to_string(base.path().join(".pipe/.gitignore")).unwrap(), "runs/\n");
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let base = tempfile::tempdir().unwrap();
        fs::write(home(&base), "").unwrap();
        let error = RunDir::create(&home(&base), &now()).unwrap_err().to_string();
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
