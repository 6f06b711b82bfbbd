//! What is to be built: the folder, the instructions, and what stays out of the build.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::context::{self, ContextError, Entry, Walk};
use super::ignore::{Ignore, PatternError};
use super::{LABEL, REPOSITORY};
use crate::executor::docker::hex::hex;
use crate::executor::{ImageSource, ImageSpec};

/// The file that says what stays out of a build.
pub(super) const IGNORE: &str = ".dockerignore";

/// Why it is not known what to build.
#[derive(Debug, thiserror::Error)]
pub(super) enum JobError {
    #[error("there is nothing to build")]
    Nothing,
    #[error("there is no {file} in {}", folder.display())]
    NoInstructions { file: String, folder: PathBuf },
    #[error("{}: {source}", file.display())]
    Ignore { file: PathBuf, source: PatternError },
    #[error(transparent)]
    Unreadable(#[from] ContextError),
}

#[derive(Debug)]
pub(super) struct Job {
    /// The folder that the build sees.
    pub(super) context: PathBuf,
    /// The instructions.
    pub(super) text: Vec<u8>,
    /// What the file with the instructions is called, without its folder.
    pub(super) name: String,
    /// Where that file is in the context, if it is there and the context's own `.dockerignore` goes with it.
    pub(super) inside: Option<String>,
    ignore: Ignore,
    pub(super) args: Vec<(String, String)>,
    pub(super) target: Option<String>,
    pub(super) platform: Option<String>,
    /// What the image is to be called: the same for the same way to build.
    pub(super) tag: String,
}

impl Job {
    /// Reads the instructions, and what stays out of the build.
    ///
    /// # Errors
    /// Which file is missing or cannot be read.
    pub(super) fn of(image: &ImageSpec) -> Result<Self, JobError> {
        let ImageSource::Built { context, dockerfile, args, target } = &image.source else {
            return Err(JobError::Nothing);
        };
        let file = context.join(dockerfile);
        if !file.is_file() {
            return Err(JobError::NoInstructions { file: dockerfile.clone(), folder: context.clone() });
        }
        let text = read(&file)?.unwrap_or_default();
        let own = beside(&file);
        let (from, patterns) = match read(&own)? {
            Some(patterns) => (own, Some(patterns)),
            None => (context.join(IGNORE), None),
        };
        let inside = inside(context, &file).filter(|_| patterns.is_none());
        let patterns = match patterns {
            Some(patterns) => patterns,
            None => read(&from)?.unwrap_or_default(),
        };
        let ignore = Ignore::parse(&patterns).map_err(|source| JobError::Ignore { file: from, source })?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            context: context.clone(),
            text,
            name,
            inside,
            ignore,
            args: args.clone(),
            target: target.clone(),
            platform: image.platform.clone(),
            tag: tag(image),
        })
    }

    /// What is sent of the context. `needed` is sent whatever the patterns say.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn entries(&self, walk: Walk, needed: &[&str]) -> Result<Vec<Entry>, ContextError> {
        let ignore = self.ignore.clone().bringing_back(needed);
        context::list(&self.context, &ignore, walk)
    }

    /// The label that the image gets.
    pub(super) fn label(&self) -> (&'static str, &str) {
        (LABEL, &self.tag)
    }
}

/// The patterns for one file with instructions alone.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(IGNORE);
    name.into()
}

/// A file's bytes; nothing if there is no such file.
fn read(file: &Path) -> Result<Option<Vec<u8>>, ContextError> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ContextError::read(file, error)),
    }
}

/// Where a file is in a folder; nothing if it is elsewhere, if only by a link.
fn inside(folder: &Path, file: &Path) -> Option<String> {
    let (real_folder, real_file) = (folder.canonicalize().ok()?, file.canonicalize().ok()?);
    let path = real_file.strip_prefix(&real_folder).ok()?;
    let is_plain = folder.join(path).symlink_metadata().is_ok_and(|about| about.is_file());
    let names = file.strip_prefix(folder).is_ok_and(|named| named == path);
    path.to_str().filter(|_| is_plain && names).map(str::to_owned)
}

/// One tag for one way to build, so that a next run replaces the image.
fn tag(image: &ImageSpec) -> String {
    let hash = Sha256::digest(format!("{:?} {:?}", image.source, image.platform));
    let hash = hex(hash.get(..6).unwrap_or_default());
    format!("{REPOSITORY}:{hash}")
}
