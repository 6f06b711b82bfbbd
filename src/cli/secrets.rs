//! The folder of a run's secrets, for steps that get them as files: in memory where that is possible.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::error::CliError;
use crate::executor::EngineError;
use crate::executor::docker::Engine;
use crate::history::RunDir;
use crate::pipeline::Pipeline;

/// An empty folder that only its owner can enter; it goes when this does.
pub(super) struct SecretsDir(PathBuf);

impl SecretsDir {
    /// Makes the folder if a step wants one. Containers must be able to see it.
    pub(super) async fn make(
        pipeline: &Pipeline,
        run: &RunDir,
        engine: Option<&Engine>,
    ) -> Result<Option<Self>, CliError> {
        let mut wanting = pipeline.steps.iter().filter(|step| !step.secrets.is_empty()).peekable();
        if wanting.peek().is_none() {
            return Ok(None);
        }
        let engine = engine.filter(|_| wanting.any(|step| step.container.is_some()));
        for place in in_memory() {
            let Ok(dir) =
                Self::create(place.join(format!("pipe-secrets-{}-{}", run.id(), std::process::id())))
            else {
                continue;
            };
            let is_seen = match engine {
                Some(engine) => engine.sees(&dir.0).await.is_ok(),
                None => true,
            };
            if is_seen {
                return Ok(Some(dir));
            }
        }
        let path = run.path().join("secrets");
        let failed = |error| EngineError::new(format!("cannot make {}", path.display()), error);
        let dir = Self::create(path.clone()).map_err(failed)?;
        eprintln!(
            "note: secrets lie in {} while steps run that get them as files: no folder in memory can be used",
            path.display()
        );
        Ok(Some(dir))
    }

    fn create(path: PathBuf) -> std::io::Result<Self> {
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SecretsDir {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Folders whose files are in memory only.
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
