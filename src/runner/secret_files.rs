//! Secrets as files: a folder for each attempt of a step that asks for some, with a file for each.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::{Job, outputs};
use crate::executor::SystemError;
use crate::pipeline::{Secret, Step, StepId};

/// The files of one attempt; dropping this removes them.
#[derive(Debug)]
pub(super) struct SecretFiles {
    dir: PathBuf,
}

impl SecretFiles {
    /// Makes the files that a step asks for; nothing if it asks for none.
    pub(super) fn create(job: &Job, step: &Step, name: &str) -> Result<Option<Self>, SystemError> {
        if step.secrets.is_empty() {
            return Ok(None);
        }
        let failed = |why: io::Error| {
            SystemError::new(format!("cannot make the files with the secrets of step `{}`", step.name), why)
        };
        let parent = job.place.secrets_dir.as_deref();
        let parent = parent.ok_or_else(|| failed(io::Error::other("there is no folder for them")))?;
        let shared = step.shared.map(|usage| parent.join(outputs::shared_name(usage.step)));
        let parent = shared.as_deref().unwrap_or(parent);
        let secrets = step
            .secrets
            .iter()
            .filter_map(|name| Some((name.as_str(), job.templates.secret(step.call, name)?)));
        // A container's program may run as any user; on this machine the folder above keeps other users out.
        let (folder, file) = if step.is_in_container() { (0o711, 0o444) } else { (0o700, 0o400) };
        Self::write(&parent.join(name), folder, file, secrets).map_err(failed).map(Some)
    }

    /// Makes the folder of a shared container for those of the steps in it; nothing if none of them asks for any.
    pub(super) fn folder(job: &Job, container: StepId) -> Result<Option<Self>, SystemError> {
        let is_asking =
            |step: &Step| step.shared.is_some_and(|it| it.step == container) && !step.secrets.is_empty();
        let Some(parent) =
            job.place.secrets_dir.as_ref().filter(|_| job.pipeline.steps.iter().any(is_asking))
        else {
            return Ok(None);
        };
        let dir = parent.join(outputs::shared_name(container));
        let failed = |error| SystemError::new(format!("cannot make {}", dir.display()), error);
        outputs::make_enterable(&dir).map_err(failed)?;
        Ok(Some(Self { dir }))
    }

    fn write<'s>(
        dir: &Path,
        folder_mode: u32,
        file_mode: u32,
        secrets: impl Iterator<Item = (&'s str, &'s Secret)>,
    ) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).create(dir)?;
        let files = Self { dir: dir.to_owned() };
        for (name, secret) in secrets {
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o400).open(files.dir.join(name))?;
            file.write_all(secret.reveal().as_bytes())?;
            // The caller's umask may have taken bits away.
            file.set_permissions(Permissions::from_mode(file_mode))?;
        }
        std::fs::set_permissions(&files.dir, Permissions::from_mode(folder_mode))?;
        Ok(files)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for SecretFiles {
    fn drop(&mut self) {
        // If this fails, the files go with the run's folder of secrets.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_exact_and_closed_and_go_again() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("0-1");
        let secrets = [("token", Secret::new("hunter2")), ("key", Secret::new("a\nb\n"))];
        let secrets = || secrets.iter().map(|(name, secret)| (*name, secret));
        let files = SecretFiles::write(&dir, 0o700, 0o400, secrets()).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join("token"))), (0o700, 0o400));
        assert_eq!(std::fs::read(dir.join("token")).unwrap(), b"hunter2");
        assert_eq!(std::fs::read(dir.join("key")).unwrap(), b"a\nb\n");
        assert!(
            SecretFiles::write(&dir, 0o700, 0o400, secrets()).is_err(),
            "no other program prepares a folder for them"
        );
        assert!(dir.exists(), "another's folder stays");
        drop(files);
        assert!(!dir.exists());
        let _open = SecretFiles::write(&dir, 0o711, 0o444, secrets()).unwrap();
        assert_eq!((mode(&dir), mode(&dir.join("token"))), (0o711, 0o444));
    }
}
