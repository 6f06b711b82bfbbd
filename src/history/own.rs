//! Opens files in `.pipe` with care: a folder that was checked out, or unpacked, may have links, pipes and
//! devices there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// The longest journal that is read, in bytes: millions of records.
pub(super) const LONGEST: u64 = 512 << 20;

/// Opens a regular file for reading, and nothing else: no link, and nothing that would make this wait.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| {
        let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
        if is_link { io::Error::other("it is a symbolic link, which is not followed here") } else { error }
    })?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Reads the rest of an open file, which may have `most` bytes.
pub(super) fn read(file: &mut File, most: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let read = file.take(most + 1).read_to_end(into)?;
    match read as u64 > most {
        true => Err(io::Error::other(format!("it is longer than {most} bytes"))),
        false => Ok(()),
    }
}

/// Returns whether this is a folder of the user's, and no link to one. To root every folder is: a container
/// may have made the run as another user.
pub(super) fn is_folder(path: &Path) -> bool {
    let user = rustix::process::geteuid();
    let is_own = |owner: u32| user.is_root() || owner == user.as_raw();
    path.symlink_metadata().is_ok_and(|found| found.is_dir() && is_own(found.uid()))
}

/// Removes what is in a folder of the user's. A link there goes, and what it leads to stays.
pub(super) fn empty(folder: &Path) -> Result<(), (std::path::PathBuf, io::Error)> {
    if !is_folder(folder) {
        return Ok(());
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, is_dir) = (entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
        match if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) } {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err((path, error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("file"), "text").unwrap();
        symlink("file", path("link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        let mut text = Vec::new();
        read(&mut open(&path("file")).unwrap(), 4, &mut text).unwrap();
        assert_eq!(text, b"text");
        read(&mut open(&path("file")).unwrap(), 3, &mut text).unwrap_err();
        for wrong in [path("link"), path("fifo"), path("none"), path(""), "/dev/zero".into()] {
            assert!(open(&wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(open(&path("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_folder_is_emptied_and_what_links_lead_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("victim/deep")).unwrap();
        fs::create_dir_all(path("own/deep")).unwrap();
        symlink("../victim", path("own/link")).unwrap();
        symlink("../../victim", path("own/deep/link")).unwrap();
        symlink("victim", path("linked")).unwrap();
        for folder in ["linked", "none", "own"] {
            empty(&path(folder)).unwrap();
        }
        assert!(path("victim/deep").is_dir());
        assert_eq!(fs::read_dir(path("own")).unwrap().count(), 0);
    }
}
