//! Which files make up a folder.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Timespec, Timestamps, UTIME_OMIT, futimens};
use serde::{Deserialize, Serialize};

use super::hash::FileHash;

/// Files, links and folders below one folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// All of them; a folder that is above another of them need not be named.
    pub files: Vec<ManifestEntry>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Where it is.
    pub path: InnerPath,
    /// What it is.
    #[serde(flatten)]
    pub content: Content,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Content {
    /// A file.
    File {
        /// Its bytes, in the store.
        hash: FileHash,
        /// How many these are.
        size: u64,
        /// Who may read, write and run it, as for chmod.
        mode: u32,
        /// When it was last written.
        modified: ModifiedTime,
    },
    /// A symbolic link. It may point anywhere; nothing is written through it.
    Link {
        /// What it points to.
        target: PathBuf,
    },
    /// A folder.
    Folder {
        /// Who may read, write and enter it, as for chmod.
        mode: u32,
        /// When something in it last came or went.
        modified: ModifiedTime,
    },
}

/// When a file was last written: programs decide by it what is to be made anew, or what is recent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModifiedTime {
    /// Seconds since 1970; before that, they are negative.
    pub seconds: i64,
    /// Billionths of a second after that.
    pub nanos: u32,
}

/// A path that stays within its folder: it is relative and has no `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "PathBuf", into = "PathBuf")]
pub struct InnerPath(PathBuf);

/// A path that would leave its folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path `{}` leads out of its folder", .0.display())]
pub struct OuterPath(PathBuf);

impl ModifiedTime {
    fn of(metadata: &Metadata) -> Self {
        Self { seconds: metadata.mtime(), nanos: u32::try_from(metadata.mtime_nsec()).unwrap_or_default() }
    }

    /// Gives a file or a folder this time.
    pub(super) fn set(self, file: &File) -> io::Result<()> {
        let untouched = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let modified = Timespec { tv_sec: self.seconds, tv_nsec: self.nanos.into() };
        let times = Timestamps { last_access: untouched, last_modification: modified };
        Ok(futimens(file, &times)?)
    }
}

impl InnerPath {
    /// Returns the path itself.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for InnerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.display(), f)
    }
}

impl TryFrom<PathBuf> for InnerPath {
    type Error = OuterPath;

    fn try_from(path: PathBuf) -> Result<Self, OuterPath> {
        let is_name = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
        match path.as_os_str().as_encoded_bytes().split(|&byte| byte == b'/').all(is_name) {
            true => Ok(Self(path)),
            false => Err(OuterPath(path)),
        }
    }
}

impl From<InnerPath> for PathBuf {
    fn from(path: InnerPath) -> Self {
        path.0
    }
}

impl Manifest {
    /// Reads what is at some paths below a folder: files are hashed, links are not followed. A folder stands for
    /// itself, and not for what is in it.
    ///
    /// # Errors
    /// If one cannot be read, leads out of the folder, or is neither a file nor a link nor a folder.
    pub fn read(folder: &Path, paths: impl IntoIterator<Item = PathBuf>) -> io::Result<Self> {
        let files = paths.into_iter().map(|path| {
            let path = InnerPath::try_from(path).map_err(io::Error::other)?;
            let at = folder.join(path.path());
            let content = content(&at);
            let content = content
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", at.display())))?;
            Ok(ManifestEntry { path, content })
        });
        Ok(Self { files: files.collect::<io::Result<_>>()? })
    }

    /// Reads files as [`read`](Self::read) does, but of a link what it leads to, and of a folder all that is in it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn followed(folder: &Path, paths: impl IntoIterator<Item = PathBuf>) -> io::Result<Self> {
        let mut files = Vec::new();
        for path in paths {
            let at = folder.join(&path);
            let failed =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", at.display()));
            let real = at.canonicalize().map_err(failed)?;
            let own = InnerPath::try_from(path.clone()).map_err(io::Error::other)?;
            files.push(ManifestEntry { path: own, content: content(&real).map_err(failed)? });
            if real.is_dir() {
                let Self { files: inner } = Self::read(&real, below(&real).map_err(failed)?)?;
                files.extend(inner.into_iter().map(|entry| ManifestEntry {
                    path: InnerPath(path.join(entry.path.path())),
                    content: entry.content,
                }));
            }
        }
        Ok(Self { files })
    }

    /// Returns where the bytes of each file are, if it is that of a folder.
    pub fn sources(&self, folder: &Path) -> Vec<(FileHash, PathBuf)> {
        let source = |entry: &ManifestEntry| match &entry.content {
            Content::File { hash, .. } => Some((*hash, folder.join(entry.path.path()))),
            Content::Link { .. } | Content::Folder { .. } => None,
        };
        self.files.iter().filter_map(source).collect()
    }

    /// Adds files to it, in place of those that have their paths, and of all that was in a folder that comes with what is
    /// in it. Returns the paths that are gone.
    pub fn add(&mut self, other: &Self) -> Vec<InnerPath> {
        let new: HashSet<&Path> = other.files.iter().map(|entry| entry.path.path()).collect();
        let is_folder = |entry: &&ManifestEntry| matches!(entry.content, Content::Folder { .. });
        let folders: HashSet<&Path> =
            other.files.iter().filter(is_folder).map(|entry| entry.path.path()).collect();
        let mut gone = Vec::new();
        self.files.retain(|entry| {
            let path = entry.path.path();
            let is_new = new.contains(path);
            let is_gone = !is_new && path.ancestors().skip(1).any(|above| folders.contains(above));
            gone.extend(is_gone.then(|| entry.path.clone()));
            !is_new && !is_gone
        });
        self.files.extend(other.files.iter().cloned());
        gone
    }

    /// Returns the files that are needed from the store, without repetition.
    pub(in crate::cluster) fn hashes(&self) -> Vec<FileHash> {
        let hash = |entry: &ManifestEntry| match entry.content {
            Content::File { hash, .. } => Some(hash),
            Content::Link { .. } | Content::Folder { .. } => None,
        };
        let mut hashes: Vec<FileHash> = self.files.iter().filter_map(hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }
}

/// Returns all that is in a folder, seen from there.
fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(folder.join(&path))? {
            let entry = entry?;
            let path = path.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                open.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn content(at: &Path) -> io::Result<Content> {
    let metadata = fs::symlink_metadata(at)?;
    let (mode, modified) = (metadata.permissions().mode() & 0o777, ModifiedTime::of(&metadata));
    if metadata.is_symlink() {
        Ok(Content::Link { target: fs::read_link(at)? })
    } else if metadata.is_dir() {
        Ok(Content::Folder { mode, modified })
    } else if metadata.is_file() {
        let (hash, size) = FileHash::read(File::open(at)?)?;
        Ok(Content::File { hash, size, mode, modified })
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "is neither a file nor a link nor a folder"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_is_no_path() {
        let is_inner = |path: &str| InnerPath::try_from(PathBuf::from(path)).is_ok();
        for path in ["a", "a/b", "..a/b..", "a/...", "-", "a\\b", "ü"] {
            assert!(is_inner(path), "{path}");
        }
        for path in ["", "/", "/a", "..", "../a", "a/..", "a/../b", ".", "a/./b", "a//b", "a/", "a\0b"] {
            assert!(!is_inner(path), "{path}");
        }
        let manifest =
            r#"{"files":[{"path":"a/../../b","is":"folder","mode":493,"modified":{"seconds":0,"nanos":0}}]}"#;
        let error = serde_json::from_str::<Manifest>(manifest).unwrap_err().to_string();
        assert!(error.starts_with("the path `a/../../b` leads out of its folder"), "{error}");
    }

    #[test]
    fn a_manifest_is_read_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "abc").unwrap();
        fs::create_dir(folder.path().join("d")).unwrap();
        std::os::unix::fs::symlink("../outside", folder.path().join("l")).unwrap();
        let manifest = Manifest::read(folder.path(), ["a", "d", "l"].map(PathBuf::from)).unwrap();
        assert_eq!(manifest.hashes(), [FileHash::of(b"abc")]);
        let text = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
        let error = Manifest::read(folder.path(), [PathBuf::from("none")]).unwrap_err();
        assert!(error.to_string().contains("/none: "), "{error}");
    }

    #[test]
    fn a_folder_comes_with_what_is_in_it_and_replaces_what_was() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("real/inner")).unwrap();
        fs::write(folder.path().join("real/inner/a"), "abc").unwrap();
        std::os::unix::fs::symlink("inner/a", folder.path().join("real/l")).unwrap();
        std::os::unix::fs::symlink("real", folder.path().join("out")).unwrap();
        let made = Manifest::followed(folder.path(), [PathBuf::from("out")]).unwrap();
        let paths = |manifest: &Manifest| -> Vec<String> {
            manifest.files.iter().map(|entry| entry.path.to_string()).collect()
        };
        assert_eq!(paths(&made), ["out", "out/inner", "out/inner/a", "out/l"]);
        assert!(matches!(made.files[3].content, Content::Link { .. }));

        let entry = |path: &str| ManifestEntry {
            path: PathBuf::from(path).try_into().unwrap(),
            content: Content::Link { target: "x".into() },
        };
        let mut before = Manifest { files: ["out", "out/old/deep", "out/l", "outer"].map(entry).into() };
        let gone: Vec<String> = before.add(&made).iter().map(ToString::to_string).collect();
        assert_eq!(gone, ["out/old/deep"]);
        assert_eq!(paths(&before), ["outer", "out", "out/inner", "out/inner/a", "out/l"]);
    }
}
