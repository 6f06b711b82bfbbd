//! Files behind paths and globs.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// What one read asks for.
const CHUNK: usize = 128 * 1024;

/// Something that is there.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// By what one sees that a file was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    is_folder: bool,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            is_folder: metadata.is_dir(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    pub(super) fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// The size.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What a path or glob leads to: files, and folders with all that is in them. Links are not followed.
///
/// # Errors
/// What is wrong with the pattern, or with a folder, in a sentence.
pub(super) fn find(folder: &Path, pattern: &str) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for path in paths(folder, pattern)? {
        walk(path, &mut found).map_err(|error| format!("cannot look for `{pattern}`: {error}"))?;
    }
    Ok(found)
}

fn paths(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![folder.join(pattern)]);
    }
    let bad = |why: &str| format!("`{pattern}` is no pattern for files: {why}");
    let whole = match Path::new(pattern).is_absolute() {
        true => pattern.to_owned(),
        false => format!("{}/{pattern}", glob::Pattern::escape(&folder.to_string_lossy())),
    };
    let hits = glob::glob(&whole).map_err(|error| bad(error.msg))?;
    hits.map(|hit| hit.map_err(|error| bad(&error.to_string()))).collect()
}

fn walk(path: PathBuf, found: &mut Vec<Found>) -> io::Result<()> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        for entry in std::fs::read_dir(&path)? {
            walk(entry?.path(), found)?;
        }
    }
    found.push(Found { path, stamp: Stamp::of(&metadata) });
    Ok(())
}

/// The checksum of a file, or of what a link leads to; of nothing for what is neither.
pub(in crate::runner) fn sha256(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    if path.metadata()?.is_file() {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; CHUNK];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => hash.update(buffer.get(..read).unwrap_or_default()),
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
