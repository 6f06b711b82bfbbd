//! A script as a file, where it is too long to be an argument.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::Job;
use super::spec::{Rendered, Request};
use crate::event::EventKind;
use crate::executor::{Program, SystemError, needs_file};

/// The file of one attempt; dropping this removes it.
#[derive(Debug)]
pub(super) struct ScriptFile {
    path: PathBuf,
}

impl ScriptFile {
    /// Writes the script of an attempt to a file, if its shell has to read it from one.
    pub(super) fn create(
        job: &Job,
        request: &Request,
        rendered: &Rendered,
    ) -> Result<Option<Self>, SystemError> {
        let text = match &rendered.program {
            Program::Script { shell, text } if needs_file(shell, text) => text,
            Program::Script { .. } | Program::Exec { .. } => return Ok(None),
        };
        let name = format!("{}-{}-script", request.step.index(), request.number);
        let file = Self { path: job.place.outputs_dir.join(name) };
        let failed = |error| SystemError::new(format!("cannot write {}", file.path.display()), error);
        file.write(text).map_err(failed)?;
        if request.number == 1 {
            job.events.send(EventKind::Note(format!(
                "the script of `{}` is longer than the system allows for an argument (128 KiB): its shell reads it from a file",
                job.pipeline.step(request.step).name
            )));
        }
        Ok(Some(file))
    }

    /// The folder keeps other users out; the program of a container may run as any user.
    fn write(&self, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&self.path)?;
        file.write_all(text.as_bytes())?;
        // The caller's umask may have taken bits away.
        file.set_permissions(Permissions::from_mode(0o444))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScriptFile {
    fn drop(&mut self) {
        // If this fails, the file goes with the run's folder.
        let _ = std::fs::remove_file(&self.path);
    }
}
