//! The files of a run in the hub's store, each under its hash.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::hash::FileHash;

/// A folder with files under their hashes. A file appears whole or not at all.
#[derive(Debug, Clone)]
pub struct Objects {
    folder: PathBuf,
}

/// A file that is on its way into the store.
#[derive(Debug)]
pub(in crate::cluster) struct NewObject {
    file: NamedTempFile,
    hasher: Sha256,
    hash: FileHash,
    target: PathBuf,
}

impl Objects {
    /// Opens the store in a folder, which is made if it is missing.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn path(&self, hash: FileHash) -> PathBuf {
        self.folder.join(hash.to_string())
    }

    /// Whether a file is there.
    pub(in crate::cluster) fn has(&self, hash: FileHash) -> bool {
        self.path(hash).exists()
    }

    /// Opens a file; returns its length as well.
    pub(in crate::cluster) fn get(&self, hash: FileHash) -> io::Result<(File, u64)> {
        let file = File::open(self.path(hash))?;
        let length = file.metadata()?.len();
        Ok((file, length))
    }

    /// Begins a file that is to have this hash.
    pub(in crate::cluster) fn create(&self, hash: FileHash) -> io::Result<NewObject> {
        let file = NamedTempFile::with_prefix_in("part-", &self.folder)?;
        Ok(NewObject { file, hasher: Sha256::new(), hash, target: self.path(hash) })
    }
}

impl NewObject {
    pub(in crate::cluster) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }

    /// Puts the file into its place, if its bytes are those that were announced.
    pub(in crate::cluster) fn finish(self) -> io::Result<()> {
        let found = FileHash::finish(self.hasher);
        if found != self.hash {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the bytes have the hash {found}"),
            ));
        }
        self.file.persist(self.target).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_file_is_there_once_it_is_whole_and_right() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(&folder.path().join("objects")).unwrap();
        let hash = FileHash::of(b"one two");
        let mut new = objects.create(hash).unwrap();
        new.write(b"one ").unwrap();
        assert!(!objects.has(hash));
        new.write(b"two").unwrap();
        new.finish().unwrap();
        let (mut file, length) = objects.get(hash).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), length), ("one two", 7));

        let other = FileHash::of(b"three");
        let mut new = objects.create(other).unwrap();
        new.write(b"four").unwrap();
        assert!(new.finish().unwrap_err().to_string().contains("the bytes have the hash"));
        assert!(!objects.has(other));
        assert_eq!(fs::read_dir(folder.path().join("objects")).unwrap().count(), 1, "nothing half is left");
    }
}
