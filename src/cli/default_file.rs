//! The file that is meant where none is named.

use std::path::{Path, PathBuf};

use super::error::CliError;

/// The names that FILE defaults to.
const DEFAULT_FILES: [&str; 3] = ["pipeline.yml", "pipeline.yaml", "pipe.yml"];

/// Returns the file that is meant where none is named.
pub(super) fn default_file() -> Result<PathBuf, CliError> {
    let found = DEFAULT_FILES.iter().find(|name| Path::new(name).exists());
    let hint = "name the file: `pipe run FILE`";
    let missing =
        || CliError::usage(format!("there is no {} here", DEFAULT_FILES.join(" or ")), hint.to_owned());
    found.map(PathBuf::from).ok_or_else(missing)
}
