//! Where mounts lie on other mounts, such as a volume on `node_modules` of the project: an engine makes the
//! folder on this machine if it is missing, and it is root's.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::executor::{MountFrom, MountSpec, StartError};

/// Makes the folders and files, as the caller, that mounts are put on and that lie in other mounts.
pub(super) fn make(mounts: &[MountSpec]) -> Result<(), StartError> {
    for mount in mounts {
        let Some((around, at)) = around(mount, mounts) else { continue };
        make_one(mount, around, &at).map_err(|error| {
            let (target, at) = (&mount.target, at.display());
            StartError::Step(format!(
                "its mount at {target} lies in another one, and {at} cannot be made for it: {error}"
            ))
        })?;
    }
    Ok(())
}

/// The folder of this machine that a mount lies in, and where, if the innermost mount around it is one.
fn around<'a>(mount: &MountSpec, mounts: &'a [MountSpec]) -> Option<(&'a Path, PathBuf)> {
    let below = |other: &'a MountSpec| {
        Some((other, Path::new(&mount.target).strip_prefix(&other.target).ok()?.to_owned()))
    };
    let others = mounts.iter().filter(|other| other.target != mount.target).filter_map(below);
    let (innermost, below) = others.max_by_key(|(other, _)| other.target.len())?;
    match &innermost.source {
        MountFrom::Path(source) => Some((source, source.join(below))),
        MountFrom::Volume(_) | MountFrom::Tmpfs => None,
    }
}

fn make_one(mount: &MountSpec, around: &Path, at: &Path) -> io::Result<()> {
    // A link that leads out of the mount does so on this machine, and not in the container.
    if at.exists() || !stays_in(around, at)? {
        return Ok(());
    }
    match &mount.source {
        MountFrom::Path(source) if source.is_file() => {
            at.parent().map_or(Ok(()), fs::create_dir_all)?;
            OpenOptions::new().write(true).create_new(true).open(at).map(drop)
        }
        MountFrom::Path(_) | MountFrom::Volume(_) | MountFrom::Tmpfs => fs::create_dir_all(at),
    }
}

/// Whether what there is of a path lies in a folder, with all links followed.
fn stays_in(folder: &Path, path: &Path) -> io::Result<bool> {
    let there = path.ancestors().find(|part| part.symlink_metadata().is_ok()).unwrap_or(folder);
    Ok(there.canonicalize()?.starts_with(folder.canonicalize()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(source: MountFrom, target: &str) -> MountSpec {
        MountSpec { source, target: target.to_owned(), read_only: false }
    }

    #[test]
    fn what_lies_in_another_mount_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("settings");
        fs::write(&file, "here").unwrap();
        let project = dir.path().join("project");
        fs::create_dir(&project).unwrap();
        make(&[
            mount(MountFrom::Path(project.clone()), "/work"),
            mount(MountFrom::Volume("modules".into()), "/work/app/node_modules"),
            mount(MountFrom::Path(file), "/work/etc/settings"),
            mount(MountFrom::Tmpfs, "/elsewhere"),
            mount(MountFrom::Tmpfs, "/work/app/node_modules/.cache"),
        ])
        .unwrap();
        assert!(project.join("app/node_modules").is_dir());
        assert!(!project.join("app/node_modules/.cache").exists(), "it lies in the volume");
        assert_eq!(fs::read_to_string(project.join("etc/settings")).unwrap(), "", "the mount covers it");
        assert!(!dir.path().join("elsewhere").exists());
    }

    #[test]
    fn nothing_is_made_behind_a_link_that_leads_out() {
        let dir = tempfile::tempdir().unwrap();
        let (project, outside) = (dir.path().join("project"), dir.path().join("outside"));
        fs::create_dir(&project).unwrap();
        fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, project.join("link")).unwrap();
        make(&[mount(MountFrom::Path(project), "/work"), mount(MountFrom::Tmpfs, "/work/link/deep")])
            .unwrap();
        assert!(!outside.join("deep").exists());
    }

    #[test]
    fn what_is_in_the_way_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let mounts =
            [mount(MountFrom::Path(dir.path().into()), "/work"), mount(MountFrom::Tmpfs, "/work/file/deep")];
        let error = make(&mounts).unwrap_err().to_string();
        assert!(error.starts_with("its mount at /work/file/deep lies in another one, and "), "{error}");
    }
}
