//! `pipe.lock`: what the names of images meant when it was written. It lies beside the pipeline file and is
//! made to be committed with it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::CliError;

/// The version of the format.
const VERSION: u32 = 1;

/// The file, and what stands in it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LockFile {
    #[serde(skip)]
    path: PathBuf,
    v: u32,
    /// By the image's name in a pipeline file: `repository@sha256:…`.
    pub(super) images: BTreeMap<String, String>,
}

impl LockFile {
    /// Reads the one beside a pipeline file; empty if there is none.
    pub(super) fn beside(pipeline: &Path) -> Result<Self, CliError> {
        let path = pipeline.with_file_name("pipe.lock");
        let shown = path.display();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { path, v: VERSION, images: BTreeMap::new() });
            }
            Err(error) => return Err(CliError::usage(format!("cannot read {shown}: {error}"), None)),
        };
        let again = || "write it again with `pipe lock`".to_owned();
        let lock: Self = serde_json::from_str(&text)
            .map_err(|error| CliError::usage(format!("cannot parse {shown}: {error}"), again()))?;
        if lock.v != VERSION {
            let what = format!("{shown} has format version {}, and this `pipe` supports {VERSION}", lock.v);
            return Err(CliError::usage(what, again()));
        }
        Ok(Self { path, ..lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(&self) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from)? + "\n";
        let half = self.path.with_file_name(".pipe.lock.half");
        let written = fs::write(&half, text).and_then(|()| fs::rename(&half, &self.path));
        written
            .map_err(|error| CliError::usage(format!("cannot write {}: {error}", self.path.display()), None))
    }
}
