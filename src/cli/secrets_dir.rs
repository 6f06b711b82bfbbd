//! The folder of a run's secrets, for steps that get them as files: in memory where that is possible.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::error::CliError;
use crate::cli::stdio::say;
use crate::executor::SystemError;
use crate::executor::docker::Engine;
use crate::history::RunDir;
use crate::pipeline::Pipeline;

/// The prefix of these folders' names.
const PREFIX: &str = "pipe-secrets-";

/// How long a new folder may be without its lock, in seconds.
const UNLOCKED: u64 = 60;

/// A folder that only its owner can enter; removed when this is dropped.
pub(super) struct SecretsDir {
    path: PathBuf,
    /// The folder itself, locked: the kernel releases the lock when this process ends in any way.
    _lock: Option<File>,
}

impl SecretsDir {
    /// Makes the folder if a step gets secrets as files. Containers must be able to see it.
    pub(super) async fn make(
        pipeline: &Pipeline,
        run: &RunDir,
        engine: Option<&Engine>,
    ) -> Result<Option<Self>, CliError> {
        let mut wanting = pipeline.steps.iter().filter(|step| !step.secrets.is_empty()).peekable();
        if wanting.peek().is_none() {
            return Ok(None);
        }
        let engine = engine.filter(|_| wanting.any(|step| step.is_in_container()));
        for place in in_memory() {
            let Ok(dir) = Self::create(place.join(format!("{PREFIX}{}-{}", run.id(), std::process::id())))
            else {
                continue;
            };
            let is_seen = match engine {
                Some(engine) => engine.sees(&dir.path).await.is_ok(),
                None => true,
            };
            if is_seen {
                return Ok(Some(dir));
            }
        }
        let path = run.secrets_dir();
        let failed = |error| SystemError::new(format!("cannot make {}", path.display()), error);
        let dir = Self::create(path.clone()).map_err(failed)?;
        say!(
            "note: no folder in memory can be used, so secrets that steps get as files are kept in {} during the run",
            path.display()
        );
        Ok(Some(dir))
    }

    fn create(path: PathBuf) -> std::io::Result<Self> {
        DirBuilder::new().mode(0o700).create(&path)?;
        // Without a lock the process number in the name identifies the owner.
        let lock = File::open(&path).ok().filter(|folder| folder.try_lock().is_ok());
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SecretsDir {
    fn drop(&mut self) {
        // The run has ended, and with it every place to report an error.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Returns the folders with secrets of this user's runs that were killed together with their reapers.
pub(super) fn left() -> Vec<PathBuf> {
    in_memory().flat_map(|place| left_in(&place)).collect()
}

fn left_in(place: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| is_left(path)).collect()
}

fn is_left(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
    let Some((_, pid)) = name.and_then(|name| name.rsplit_once('-')) else { return false };
    let Ok(found) = path.symlink_metadata() else { return false };
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return false;
    }
    let is_locked = File::open(path).is_ok_and(|folder| folder.try_lock_shared().is_err());
    // A folder without a lock may be new; then its process lives.
    let is_young =
        || found.modified().ok().and_then(|at| at.elapsed().ok()).is_none_or(|age| age.as_secs() < UNLOCKED);
    let pid = pid.parse().ok().and_then(rustix::process::Pid::from_raw);
    let lives =
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
    let is_in_use = is_locked || (lives && is_young());
    !is_in_use
}

/// Returns folders whose files are in memory only.
fn in_memory() -> impl Iterator<Item = PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    [PathBuf::from("/dev/shm")].into_iter().chain(own).filter(|path| is_memory(path))
}

#[cfg(target_os = "linux")]
fn is_memory(path: &Path) -> bool {
    // The kernel's number for tmpfs.
    rustix::fs::statfs(path).is_ok_and(|system| system.f_type == 0x0102_1994)
}

#[cfg(not(target_os = "linux"))]
fn is_memory(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_dead_runs_are_found_and_those_of_live_ones_are_not() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        // No process has this number.
        let dead = path("pipe-secrets-20261122-231500-1a2b-4194999");
        let dir = SecretsDir::create(dead.clone()).unwrap();
        let live = SecretsDir::create(path(&format!("pipe-secrets-x-{}", std::process::id()))).unwrap();
        std::fs::create_dir(path("pipe-secrets-young-1")).unwrap();
        std::fs::create_dir(path("other-4194999")).unwrap();
        std::fs::create_dir(path("victim")).unwrap();
        std::os::unix::fs::symlink("victim", path("pipe-secrets-link-4194999")).unwrap();
        assert_eq!(left_in(place.path()), [] as [PathBuf; 0], "its process holds the lock");
        // As when its process is killed.
        let SecretsDir { path: _, _lock: lock } = &*std::mem::ManuallyDrop::new(dir);
        lock.as_ref().unwrap().unlock().unwrap();
        assert_eq!(left_in(place.path()), [dead]);
        drop(live);
    }
}
