//! Lays files out below a folder, and nowhere else.
//!
//! Every folder on the way is opened without following a link, so that no path leads out, whatever lies there
//! already. A file gets its name once it is whole.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, renameat, symlinkat, unlinkat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::hash::FileHash;
use super::manifest::{Content, InnerPath, Manifest, ModifiedTime};

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder that a manifest is laid out in.
#[derive(Debug, Clone)]
pub(in crate::cluster) struct Layout {
    root: Arc<OwnedFd>,
    manifest: Arc<Manifest>,
    /// Where each file goes, and how it is to look there.
    paths: Arc<HashMap<FileHash, Vec<(InnerPath, Look)>>>,
}

/// How a file or folder is to look.
#[derive(Debug, Clone, Copy)]
struct Look {
    mode: u32,
    modified: ModifiedTime,
}

/// A file that is being written, under a name of its own.
#[derive(Debug)]
pub(in crate::cluster) struct NewFile {
    layout: Layout,
    hash: FileHash,
    hasher: Sha256,
    first: Place,
    file: File,
}

/// A name in a folder that is open.
#[derive(Debug)]
struct Place {
    folder: OwnedFd,
    name: OsString,
    /// Another name there, until the file is whole.
    part: Option<OsString>,
}

fn part_name() -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(".pipe-part-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)).into()
}

fn wrong(path: &InnerPath, error: Errno) -> io::Error {
    let why = match error {
        Errno::LOOP | Errno::NOTDIR => "leads through a link or a file".to_owned(),
        other => format!("cannot be written: {}", io::Error::from(other)),
    };
    io::Error::new(io::Error::from(error).kind(), format!("`{path}` {why}"))
}

impl Layout {
    /// Opens the folder, which is made if it is missing.
    pub(in crate::cluster) fn open(folder: &Path, manifest: Manifest) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let root = rustix::fs::open(folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mut paths: HashMap<FileHash, Vec<(InnerPath, Look)>> = HashMap::new();
        for entry in &manifest.files {
            match entry.content {
                Content::File { hash, size: _, mode, modified } => {
                    paths.entry(hash).or_default().push((entry.path.clone(), Look { mode, modified }));
                }
                Content::Link { .. } | Content::Folder { .. } => {}
            }
        }
        Ok(Self { root: Arc::new(root), manifest: Arc::new(manifest), paths: Arc::new(paths) })
    }

    fn place(&self, path: &InnerPath) -> io::Result<Place> {
        self.walk(path.path()).map_err(|error| wrong(path, error))
    }

    fn walk(&self, path: &Path) -> Result<Place, Errno> {
        let mut folder = openat(&*self.root, ".", FOLDER, Mode::empty())?;
        let names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
        });
        let mut names = names.peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                return Ok(Place { folder, name: name.to_owned(), part: None });
            }
            folder = enter(&folder, name)?;
        }
        Err(Errno::INVAL)
    }

    /// Begins the file with this hash, at the first path that has it.
    pub(in crate::cluster) fn create(&self, hash: FileHash) -> io::Result<NewFile> {
        let none = || io::Error::new(io::ErrorKind::NotFound, format!("no path has the file {hash}"));
        let (path, _) = self.paths(hash).first().ok_or_else(none)?;
        let mut first = self.place(path)?;
        let file = first.create().map_err(|error| wrong(path, error))?;
        Ok(NewFile { layout: self.clone(), hash, hasher: Sha256::new(), first, file })
    }

    fn paths(&self, hash: FileHash) -> &[(InnerPath, Look)] {
        self.paths.get(&hash).map_or(&[], Vec::as_slice)
    }

    /// Makes what is no file, once all files are there: links, and folders with their permissions and times.
    pub(in crate::cluster) fn finish(&self) -> io::Result<()> {
        let mut folders = Vec::new();
        for entry in &self.manifest.files {
            match &entry.content {
                Content::File { .. } => {}
                &Content::Folder { mode, modified } => {
                    let place = self.place(&entry.path)?;
                    let folder =
                        enter(&place.folder, &place.name).map_err(|error| wrong(&entry.path, error))?;
                    folders.push((entry.path.path().components().count(), Look { mode, modified }, folder));
                }
                Content::Link { target } => {
                    let mut place = self.place(&entry.path)?;
                    let part = place.part.insert(part_name());
                    let made = symlinkat(target, &place.folder, &*part).and_then(|()| place.persist());
                    made.map_err(|error| wrong(&entry.path, error))?;
                }
            }
        }
        // A folder that may not be entered comes after what is in it.
        folders.sort_by_key(|(depth, ..)| std::cmp::Reverse(*depth));
        folders.into_iter().try_for_each(|(_, look, folder)| look.give(&File::from(folder)))
    }
}

/// Removes files and links below a folder, and folders that are empty then. What is gone already is no error.
pub(in crate::cluster) fn remove_below(folder: &Path, mut paths: Vec<InnerPath>) -> io::Result<()> {
    let layout = Layout::open(folder, Manifest::default())?;
    // A folder comes after what is in it.
    paths.sort_unstable_by(|one, other| other.cmp(one));
    for path in paths {
        let Place { folder, name, part: _ } = &layout.place(&path)?;
        let removed = match unlinkat(folder, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => unlinkat(folder, name, AtFlags::REMOVEDIR),
            other => other,
        };
        match removed {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => {}
            Err(error) => return Err(wrong(&path, error)),
        }
    }
    Ok(())
}

/// Opens a folder in another one; it is made if it is missing.
fn enter(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    match openat(folder, name, FOLDER, Mode::empty()) {
        Err(Errno::NOENT) => match mkdirat(folder, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => openat(folder, name, FOLDER, Mode::empty()),
            Err(error) => Err(error),
        },
        opened => opened,
    }
}

impl Look {
    fn give(self, file: &File) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(self.mode & 0o777))?;
        self.modified.set(file)
    }
}

impl Place {
    fn create(&mut self) -> Result<File, Errno> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let part = part_name();
        let file = openat(&self.folder, &part, flags, Mode::from_raw_mode(0o600))?;
        self.part = Some(part);
        Ok(file.into())
    }

    /// Gives the file its name, in place of what had it.
    fn persist(&mut self) -> Result<(), Errno> {
        if let Some(part) = &self.part {
            renameat(&self.folder, part, &self.folder, &self.name)?;
            self.part = None;
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            // What cannot be removed is no worse than what has failed.
            let _ = unlinkat(&self.folder, part, AtFlags::empty());
        }
    }
}

impl NewFile {
    pub(in crate::cluster) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }

    /// Gives the file its name, and puts a copy to every other path that has the same bytes.
    pub(in crate::cluster) fn finish(self) -> io::Result<()> {
        let Self { layout, hash, hasher, mut first, mut file } = self;
        let found = FileHash::finish(hasher);
        if found != hash {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("what came for the file {hash} has the hash {found}"),
            ));
        }
        for (number, (path, look)) in layout.paths(hash).iter().enumerate() {
            if number == 0 {
                look.give(&file)?;
                first.persist().map_err(|error| wrong(path, error))?;
                continue;
            }
            let mut place = layout.place(path)?;
            let mut copy = place.create().map_err(|error| wrong(path, error))?;
            file.rewind()?;
            io::copy(&mut file, &mut copy)?;
            look.give(&copy)?;
            place.persist().map_err(|error| wrong(path, error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
