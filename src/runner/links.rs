//! Where paths lead.

use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows in one path (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Returns an absolute path without `.` and `..`.
pub fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

/// Follows the links of a plain path below a folder. Returns the first path outside the folder, or one inside
/// it. A container that has the folder under its own path finds the same links in it, and needs their
/// targets.
pub(super) fn way_out(path: &Path, folder: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match first_link(&path, folder) {
            Some(next) => path = next,
            None => break,
        }
    }
    path
}

/// Returns the path after the first link below the folder is followed.
fn first_link(path: &Path, folder: &Path) -> Option<PathBuf> {
    let below = path.strip_prefix(folder).ok()?;
    let mut so_far = folder.to_owned();
    let mut parts = below.components();
    while let Some(part) = parts.next() {
        let before = so_far.clone();
        so_far.push(part);
        if let Ok(target) = so_far.read_link() {
            return Some(plain_path(&before.join(target).join(parts.as_path())));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn project() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().canonicalize().unwrap().join("project");
        std::fs::create_dir_all(folder.join("deep")).unwrap();
        (dir, folder)
    }

    #[test]
    fn paths_are_made_plain() {
        assert_eq!(plain_path(Path::new("/a/./b/../c//d/")), Path::new("/a/c/d"));
        assert_eq!(plain_path(Path::new("/../..")), Path::new("/"));
    }

    #[test]
    fn links_are_followed_until_they_leave_the_folder() {
        let (_dir, folder) = project();
        symlink("/outside", folder.join("out")).unwrap();
        symlink("../out/data", folder.join("deep/link")).unwrap();
        assert_eq!(way_out(&folder.join("deep/link/x"), &folder), Path::new("/outside/data/x"));
        assert_eq!(way_out(&folder.join("deep/file"), &folder), folder.join("deep/file"));
        symlink("../..", folder.join("deep/up")).unwrap();
        assert_eq!(way_out(&folder.join("deep/up/x"), &folder), folder.parent().unwrap().join("x"));
    }

    #[test]
    fn a_link_to_itself_ends() {
        let (_dir, folder) = project();
        symlink("loop", folder.join("loop")).unwrap();
        assert_eq!(way_out(&folder.join("loop"), &folder), folder.join("loop"));
    }
}
