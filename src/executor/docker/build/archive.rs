//! A context as an archive, which the classic builder takes. The same folder gives the same bytes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{major, minor};
use tar::{Builder, EntryType, Header};

use super::context::{ContextError, Entry, Kind};

/// The longest name that the header has room for.
const NAME: usize = 100;

/// Writes what is sent of a folder, and then files that are in no folder, as `(name, text)`.
///
/// # Errors
/// Which file cannot be read, or why nothing more can be written.
pub(super) fn write(to: impl Write, entries: &[Entry], more: &[(&str, &[u8])]) -> Result<(), ContextError> {
    let mut archive = Builder::new(to);
    for entry in entries {
        append(&mut archive, entry).map_err(|error| ContextError::send(entry.source.display(), error))?;
    }
    for (name, text) in more {
        let mut header = header(EntryType::Regular, 0o600, text.len() as u64);
        archive.append_data(&mut header, name, *text).map_err(|error| ContextError::send(name, error))?;
    }
    archive.finish().map_err(|error| ContextError::send("the folder", error))
}

fn append(archive: &mut Builder<impl Write>, entry: &Entry) -> io::Result<()> {
    let about = &entry.about;
    let opened = match entry.kind {
        Kind::File => match File::open(&entry.source) {
            // It has gone since the folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => Some(opened?),
        },
        // An archive has no room for it, and docker leaves it out.
        Kind::Socket => return Ok(()),
        Kind::Folder | Kind::Link(_) | Kind::Same(_) => None,
        Kind::Fifo | Kind::CharDevice | Kind::BlockDevice => None,
    };
    extensions(archive, entry)?;
    let of = |kind| header(kind, about.mode(), 0);
    let mut header = match &entry.kind {
        Kind::File => header(EntryType::Regular, about.mode(), about.size()),
        Kind::Folder => of(EntryType::Directory),
        Kind::Link(_) => of(EntryType::Symlink),
        Kind::Same(_) => of(EntryType::Link),
        Kind::Fifo | Kind::Socket => of(EntryType::Fifo),
        Kind::CharDevice => of(EntryType::Char),
        Kind::BlockDevice => of(EntryType::Block),
    };
    header.set_mtime(u64::try_from(about.mtime()).unwrap_or(0));
    if matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice) {
        header.set_device_major(major(about.rdev()))?;
        header.set_device_minor(minor(about.rdev()))?;
    }
    match (&entry.kind, opened) {
        (Kind::File, Some(file)) => {
            archive.append_data(&mut header, &entry.path, Whole::of(file, about.size()))
        }
        (Kind::Link(target) | Kind::Same(target), _) => link(archive, &mut header, &entry.path, target),
        (Kind::Folder, _) => archive.append_data(&mut header, entry.path.join(""), io::empty()),
        (Kind::File | Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice, _) => {
            archive.append_data(&mut header, &entry.path, io::empty())
        }
    }
}

/// A link, whose target is kept letter by letter.
fn link(
    archive: &mut Builder<impl Write>,
    header: &mut Header,
    path: &Path,
    target: &Path,
) -> io::Result<()> {
    if target.as_os_str().len() > NAME {
        return archive.append_link(header, path, target);
    }
    header.set_link_name_literal(target.as_os_str().as_bytes())?;
    archive.append_data(header, path, io::empty())
}

/// What the header has no room for: a time before 1970, and what a program may do.
fn extensions(archive: &mut Builder<impl Write>, entry: &Entry) -> io::Result<()> {
    let time = (entry.about.mtime() < 0).then(|| entry.about.mtime().to_string());
    let capability = capability(entry);
    let time = time.as_ref().map(|time| ("mtime", time.as_bytes()));
    let capability = capability.as_ref().map(|value| ("SCHILY.xattr.security.capability", value.as_slice()));
    let all: Vec<(&str, &[u8])> = time.into_iter().chain(capability).collect();
    if all.is_empty() { Ok(()) } else { archive.append_pax_extensions(all) }
}

/// The capabilities that a file has: of all extended attributes the one that docker sends.
pub(super) fn capability(entry: &Entry) -> Option<Vec<u8>> {
    if entry.kind != Kind::File {
        return None;
    }
    let mut value = [0; 64];
    let length = rustix::fs::lgetxattr(&entry.source, "security.capability", &mut value).ok()?;
    value.get(..length).map(<[u8]>::to_vec)
}

/// All is root's, as docker has it.
fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode & 0o7777);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

/// A file of a size that the header has told. One that is written to meanwhile must not shift what comes
/// after it.
struct Whole {
    file: File,
    left: u64,
}

impl Whole {
    fn of(file: File, size: u64) -> Self {
        Self { file, left: size }
    }
}

impl Read for Whole {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let Some(into) = into.get_mut(..most).filter(|into| !into.is_empty()) else { return Ok(0) };
        match self.file.read(into)? {
            0 => Err(io::Error::other("it has become shorter while it was read")),
            read => {
                self.left -= read as u64;
                Ok(read)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    use super::super::context::{Walk, list};
    use super::super::ignore::Ignore;
    use super::*;

    fn packed(dir: &Path) -> Vec<u8> {
        let mut bytes = Vec::new();
        let entries = list(dir, &Ignore::default(), Walk::Classic).unwrap();
        write(&mut bytes, &entries, &[("more", b"text")]).unwrap();
        bytes
    }

    #[test]
    fn a_folder_is_packed_as_it_is_and_always_in_the_same_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let long = "n".repeat(200);
        std::fs::create_dir(path("folder")).unwrap();
        std::fs::write(path("folder/file"), "data").unwrap();
        std::fs::set_permissions(path("folder/file"), std::fs::Permissions::from_mode(0o4751)).unwrap();
        std::fs::hard_link(path("folder/file"), path("same")).unwrap();
        std::fs::write(path(&long), "").unwrap();
        let targets = [("link-1", "./a//b/".to_owned()), ("link-2", format!("/{long}"))];
        targets.iter().for_each(|(name, target)| std::os::unix::fs::symlink(target, path(name)).unwrap());
        let holes = File::create(path("holes")).unwrap();
        holes.set_len(1 << 20).unwrap();
        let old = File::create(path("old")).unwrap();
        old.set_modified(SystemTime::UNIX_EPOCH - Duration::from_secs(1000)).unwrap();

        let bytes = packed(dir.path());
        assert_eq!(bytes, packed(dir.path()));
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut seen = std::collections::BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let extensions = entry.pax_extensions().unwrap().into_iter().flatten();
            let extensions = extensions.map(|extension| {
                let extension = extension.unwrap();
                format!("{}={}", extension.key().unwrap(), extension.value().unwrap())
            });
            let extensions: Vec<String> = extensions.collect();
            let mut text = Vec::new();
            entry.read_to_end(&mut text).unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            let link = entry.link_name_bytes().map(|bytes| String::from_utf8(bytes.into_owned()).unwrap());
            let name = entry.path().unwrap().display().to_string();
            seen.insert(name, (header.entry_type(), header.mode().unwrap(), text, link, extensions));
        }
        assert_eq!(seen["folder/file"].2, b"data");
        assert_eq!(seen["folder/file"].1, 0o4751);
        assert_eq!((seen["same"].0, seen["same"].3.as_deref()), (EntryType::Link, Some("folder/file")));
        assert_eq!((seen["holes"].0, seen["holes"].2.len()), (EntryType::Regular, 1 << 20));
        assert_eq!(seen["old"].4, ["mtime=-1000"]);
        assert!(seen.contains_key(&long) && seen["more"].2 == b"text");
        for (name, target) in targets {
            assert_eq!((seen[name].0, seen[name].3.as_deref()), (EntryType::Symlink, Some(target.as_str())));
        }
    }

    #[test]
    fn a_file_that_changes_is_no_other_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("log");
        std::fs::write(&file, "12345678").unwrap();
        let entries = list(dir.path(), &Ignore::default(), Walk::Classic).unwrap();
        std::fs::write(&file, "123456789").unwrap();
        let mut bytes = Vec::new();
        write(&mut bytes, &entries, &[]).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        assert_eq!(archive.entries().unwrap().next().unwrap().unwrap().size(), 8);
        std::fs::write(&file, "1").unwrap();
        assert!(write(Vec::new(), &entries, &[]).unwrap_err().to_string().contains("shorter"));
        std::fs::remove_file(&file).unwrap();
        write(Vec::new(), &entries, &[]).unwrap();
    }
}
