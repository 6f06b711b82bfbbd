//! Where `--out` leads, and how a file there is replaced: whole, and with all that it was but its bytes.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, Gid, OFlags, Uid};

use super::SinkTarget;

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// The folders in which this process finds its own descriptors.
const DESCRIPTORS: [&str; 2] = ["/proc/self/fd", "/dev/fd"];

/// A path of `--out` with all symbolic links followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolvedPath {
    /// An open descriptor of this process, by its number: `/dev/stdout`, `/dev/fd/3`.
    Descriptor(u32),
    /// A device, a named pipe, or a file of `/proc`: it is opened and written in place.
    AsItIs(PathBuf),
    /// A regular file, which need not be there yet.
    File(PathBuf),
}

impl ResolvedPath {
    /// Follows a path.
    ///
    /// # Errors
    /// If it is a folder, or goes through a path that is not a folder.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            let (folder, name) = match (path.parent(), path.file_name()) {
                (Some(folder), Some(name)) if !path.as_os_str().as_encoded_bytes().ends_with(b"/") => {
                    (folder, name)
                }
                _ => return Err(io::ErrorKind::IsADirectory.into()),
            };
            let folder =
                if folder.as_os_str().is_empty() { Path::new(".") } else { folder }.canonicalize()?;
            if let Some(number) = descriptor(&folder, name.to_str()) {
                return Ok(Self::Descriptor(number));
            }
            path = folder.join(name);
            let found = match path.symlink_metadata() {
                Ok(found) => found.file_type(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::File(path)),
                Err(error) => return Err(error),
            };
            match () {
                () if is_of_a_process(&folder) => return Ok(Self::AsItIs(path)),
                () if found.is_symlink() => path = folder.join(path.read_link()?),
                () if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
                () if found.is_file() => return Ok(Self::File(path)),
                () => return Ok(Self::AsItIs(path)),
            }
        }
        Err(io::Error::other("too many links"))
    }

    /// Checks that it can be written now.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check(&self) -> io::Result<()> {
        let may_write = |path: &Path| rustix::fs::access(path, Access::WRITE_OK);
        match self {
            Self::Descriptor(number) => DESCRIPTORS
                .iter()
                .find_map(|folder| Path::new(folder).join(number.to_string()).symlink_metadata().ok())
                .map(drop)
                .ok_or_else(|| io::Error::other("no such descriptor is open")),
            Self::AsItIs(path) => Ok(may_write(path)?),
            Self::File(path) => {
                let folder = path.parent().unwrap_or(path);
                match may_write(path) {
                    Ok(()) => Ok(()),
                    Err(_) => Ok(may_write(folder)?),
                }
            }
        }
    }
}

fn descriptor(folder: &Path, name: Option<&str>) -> Option<u32> {
    let number = name?.parse().ok()?;
    let is_here = |own: &str| Path::new(own).canonicalize().is_ok_and(|own| own == folder);
    DESCRIPTORS.into_iter().any(is_here).then_some(number)
}

#[cfg(target_os = "linux")]
fn is_of_a_process(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|system| system.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

#[cfg(not(target_os = "linux"))]
fn is_of_a_process(_: &Path) -> bool {
    false
}

impl SinkTarget {
    /// An open descriptor of this process, by its number; it is written where it stands.
    pub fn descriptor(number: u32) -> io::Result<Self> {
        let fd = match number {
            1 => io::stdout().as_fd().try_clone_to_owned()?,
            2 => io::stderr().as_fd().try_clone_to_owned()?,
            // It is opened once more, and a file is then written from its end on, where the descriptor
            // stands.
            number => return Self::open_with(&Path::new("/dev/fd").join(number.to_string()), OFlags::APPEND),
        };
        Ok(Self::Fd(fd))
    }
}

/// A file that is written beside its final path and renamed to it once it is complete.
#[derive(Debug)]
pub struct PendingFile {
    written: PathBuf,
    /// With no link on the way.
    whole: PathBuf,
    /// Of the file when it is whole.
    mode: u32,
    by: By,
}

/// How a draft takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rename,
    /// The file that is there has something that no new file can have: other names, an owner, an access
    /// control list.
    Copy,
}

impl PendingFile {
    /// Begins a file for `whole`, where [`ResolvedPath::File`] leads. It is written to `written`, and is for
    /// no other eyes than the file that it replaces.
    pub fn begin(whole: &Path, written: &Path) -> io::Result<(Self, SinkTarget)> {
        let old = match fs::metadata(whole) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // With no old file, the mode is that of any new file, under the caller's mask.
        let first = if old.is_some() { 0o600 } else { 0o666 };
        let file = OpenOptions::new().write(true).create_new(true).mode(first).open(written)?;
        let is_beside = written.parent() == whole.parent();
        let set = |mode| file.set_permissions(Permissions::from_mode(mode));
        let prepare = || match &old {
            None => {
                let mode = file.metadata()?.mode() & 0o777;
                set(0o600).map(|()| (mode, By::Rename))
            }
            Some(old) => {
                let mode = old.mode() & 0o777;
                let is_same = is_beside && old.nlink() == 1 && !has_list(whole) && take_owner(&file, old);
                if is_same {
                    set(mode)?;
                }
                Ok((mode, if is_same { By::Rename } else { By::Copy }))
            }
        };
        let prepared: io::Result<_> = prepare();
        // What cannot be removed is an empty file with a hidden name.
        let (mode, by) = prepared.inspect_err(|_| drop(fs::remove_file(written)))?;
        let draft = Self { written: written.to_owned(), whole: whole.to_owned(), mode, by };
        Ok((draft, SinkTarget::Fd(file.into())))
    }

    /// Puts the file in its place.
    pub fn finish(&self) -> io::Result<()> {
        match self.by {
            By::Rename => {
                fs::set_permissions(&self.written, Permissions::from_mode(self.mode))?;
                fs::rename(&self.written, &self.whole)
            }
            By::Copy => {
                let mut whole = OpenOptions::new().write(true).truncate(true).open(&self.whole)?;
                io::copy(&mut File::open(&self.written)?, &mut whole)?;
                fs::remove_file(&self.written)
            }
        }
    }
}

/// Gives a new file the owner and group of an old one.
fn take_owner(file: &File, old: &fs::Metadata) -> bool {
    let Ok(new) = file.metadata() else { return false };
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return true;
    }
    rustix::fs::fchown(file, Some(Uid::from_raw(old.uid())), Some(Gid::from_raw(old.gid()))).is_ok()
}

/// Returns whether a file has an access control list, which says more than its mode.
fn has_list(path: &Path) -> bool {
    rustix::fs::getxattr(path, "system.posix_acl_access", &mut [0_u8; 0]).is_ok_and(|length| length > 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(whole: &Path, text: &str) -> By {
        let ResolvedPath::File(end) = ResolvedPath::of(whole).unwrap() else {
            panic!("{whole:?} is no file")
        };
        let written = end.with_file_name(".draft");
        let (draft, target) = PendingFile::begin(&end, &written).unwrap();
        let SinkTarget::Fd(fd) = target else { panic!("it is open") };
        let mode = written.metadata().unwrap().mode() & 0o777;
        let expected = end.metadata().map_or(0o600, |old| old.mode() & 0o777);
        assert!(mode == expected || mode == 0o600, "{mode:o} while it is written");
        File::from(fd).write_all(text.as_bytes()).unwrap();
        draft.finish().unwrap();
        assert!(!written.exists());
        assert_eq!(fs::read_to_string(whole).unwrap(), text);
        draft.by
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o7777
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_new_one_has_the_usual() {
        let dir = tempfile::tempdir().unwrap();
        let usual = dir.path().join("usual");
        fs::write(&usual, "").unwrap();
        let new = dir.path().join("new");
        assert_eq!(write(&new, "a"), By::Rename);
        assert_eq!(mode(&new), mode(&usual));
        for kept in [0o600, 0o640, 0o755, 0o400] {
            fs::set_permissions(&new, Permissions::from_mode(kept)).unwrap();
            assert_eq!(write(&new, "b"), By::Rename);
            assert_eq!(mode(&new), kept);
        }
    }

    #[test]
    fn links_stay_and_what_they_lead_to_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("big")).unwrap();
        symlink("big/target", path("one")).unwrap();
        symlink("one", path("two")).unwrap();
        symlink("big", path("folder")).unwrap();
        for (text, name) in [("new", "two"), ("old", "two"), ("more", "folder/target")] {
            write(&path(name), text);
            assert_eq!(fs::read_to_string(path("big/target")).unwrap(), text);
        }
        assert!(path("one").is_symlink() && path("two").is_symlink() && path("folder").is_symlink());
        symlink("round", path("round")).unwrap();
        for wrong in ["round", "big", "folder", "big/", "none/x", "big/target/x", "..", "/"] {
            ResolvedPath::of(&path(wrong)).unwrap_err();
        }
    }

    #[test]
    fn hard_links_stay_together() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        fs::write(&one, "a longer text than the new one").unwrap();
        fs::hard_link(&one, &other).unwrap();
        assert_eq!(write(&one, "new"), By::Copy);
        assert_eq!(fs::read_to_string(&other).unwrap(), "new");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_owner_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        // Only root can give a file away.
        if std::os::unix::fs::chown(&path, Some(65534), Some(65534)).is_ok() {
            write(&path, "new");
            let kept = path.metadata().unwrap();
            assert_eq!((kept.uid(), kept.gid()), (65534, 65534));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_no_regular_file_is_written_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        for (to, way) in [
            ("/dev/stdout", ResolvedPath::Descriptor(1)),
            ("/proc/self/fd/2", ResolvedPath::Descriptor(2)),
            ("/dev/fd/77", ResolvedPath::Descriptor(77)),
            ("/dev/null", ResolvedPath::AsItIs("/dev/null".into())),
            (
                "/proc/self/comm",
                ResolvedPath::AsItIs(Path::new("/proc/self").canonicalize().unwrap().join("comm")),
            ),
        ] {
            symlink(to, &link).unwrap();
            assert_eq!(ResolvedPath::of(&link).unwrap(), way, "{to}");
            fs::remove_file(&link).unwrap();
        }
        assert!(ResolvedPath::Descriptor(1).check().is_ok());
        assert!(ResolvedPath::Descriptor(99_999).check().is_err());
    }
}
