//! Where a step works: a folder of this machine, or one of its image.

use std::path::{Path, PathBuf};

use super::links;
use crate::executor::{ContainerSpec, MountFrom, MountSpec};

/// Returns the folder of this machine that a step works in; nothing if only its container has it. `folder` is
/// the path that the step sees, absolute and plain.
///
/// # Errors
/// If there is no such folder, in a sentence. An engine would make one, as root, also where it lies on this
/// machine.
pub(super) fn here(folder: &Path, container: Option<&ContainerSpec>) -> Result<Option<PathBuf>, String> {
    let Some(container) = container else { return Ok(Some(folder.to_owned())) };
    let Some((source, below)) = mounted(folder, &container.mounts) else { return Ok(None) };
    let here = source.join(below);
    let on_this_machine = match here == folder {
        true => String::new(),
        false => format!(", which is {} on this machine,", here.display()),
    };
    if !here.is_dir() {
        return Err(format!("its working directory {}{on_this_machine} does not exist", folder.display()));
    }
    let leads_to = links::way_out(&here, source);
    // What a link leads to is there for the container only if it is mounted under the same path.
    if leads_to.starts_with(source)
        || mounted(&leads_to, &container.mounts).is_some_and(|(other, _)| leads_to.starts_with(other))
    {
        return Ok(Some(here));
    }
    let (folder, there) = (folder.display(), leads_to.display());
    Err(format!(
        "its working directory {folder}{on_this_machine} leads to {there}, which its container does not see: mount that, such as \
         `mounts: [\"{there}:{there}\"]`"
    ))
}

/// Returns the folder of this machine that is mounted at a path of a container or above it, and the rest of
/// the path.
fn mounted<'a>(path: &'a Path, mounts: &'a [MountSpec]) -> Option<(&'a Path, &'a Path)> {
    let covering = mounts.iter().filter_map(|mount| Some((mount, path.strip_prefix(&mount.target).ok()?)));
    let (mount, below) = covering.min_by_key(|(_, below)| below.components().count())?;
    match &mount.source {
        MountFrom::Path(source) => Some((source, below)),
        MountFrom::Volume(_) | MountFrom::Tmpfs => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::executor::{ImageSource, ImageSpec};
    use crate::pipeline::{Pull, Resources};

    struct Machine {
        _dir: tempfile::TempDir,
        project: PathBuf,
    }

    fn machine() -> Machine {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().canonicalize().unwrap().join("project");
        std::fs::create_dir_all(project.join("site/deep")).unwrap();
        Machine { _dir: dir, project }
    }

    impl Machine {
        fn container(&self, others: &[(MountFrom, &str)]) -> ContainerSpec {
            let source = ImageSource::Named("image".into());
            let own = (MountFrom::Path(self.project.clone()), self.project.to_str().unwrap());
            let all = [&[own][..], others].concat();
            let mounts = all.iter().map(|(source, target)| MountSpec {
                source: source.clone(),
                target: (*target).to_owned(),
                read_only: false,
            });
            ContainerSpec {
                image: ImageSpec { source, pull: Pull::Missing, platform: None },
                user: None,
                network: None,
                mounts: mounts.collect(),
                resources: Resources::default(),
            }
        }

        fn here(
            &self,
            folder: impl AsRef<Path>,
            others: &[(MountFrom, &str)],
        ) -> Result<Option<PathBuf>, String> {
            here(&self.project.join(folder), Some(&self.container(others)))
        }
    }

    #[test]
    fn a_folder_of_the_project_has_to_exist() {
        let machine = machine();
        assert_eq!(machine.here("site/deep", &[]), Ok(Some(machine.project.join("site/deep"))));
        assert!(machine.here("site/gone", &[]).unwrap_err().ends_with("site/gone does not exist"));
        std::fs::write(machine.project.join("file"), "").unwrap();
        assert!(machine.here("file", &[]).unwrap_err().ends_with("does not exist"));
    }

    #[test]
    fn what_is_not_mounted_is_the_images() {
        let machine = machine();
        for folder in ["/", "/srv/app", "/etc"] {
            assert_eq!(machine.here(folder, &[]), Ok(None), "{folder}");
        }
    }

    #[test]
    fn the_innermost_mount_counts() {
        let machine = machine();
        let project = || MountFrom::Path(machine.project.clone());
        assert_eq!(
            machine.here("/work/site", &[(project(), "/work")]),
            Ok(Some(machine.project.join("site")))
        );
        let gone = machine.here("/work/gone", &[(project(), "/work")]).unwrap_err();
        assert!(gone.contains("/work/gone, which is ") && gone.ends_with("does not exist"), "{gone}");
        let cache = [(project(), "/work"), (MountFrom::Volume("cache".into()), "/work/cache")];
        assert_eq!(machine.here("/work/cache/deep", &cache), Ok(None));
        assert_eq!(machine.here("/work", &[(MountFrom::Tmpfs, "/work")]), Ok(None));
    }

    #[test]
    fn a_link_out_of_the_project_needs_a_mount() {
        let machine = machine();
        let outside = machine.project.with_file_name("outside");
        std::fs::create_dir(&outside).unwrap();
        symlink(&outside, machine.project.join("link")).unwrap();
        assert!(
            machine.here("link", &[]).unwrap_err().contains("which its container does not see: mount that")
        );
        let mount = [(MountFrom::Path(outside.clone()), outside.to_str().unwrap())];
        assert_eq!(machine.here("link", &mount), Ok(Some(machine.project.join("link"))));
        symlink("site", machine.project.join("inner")).unwrap();
        assert_eq!(machine.here("inner/deep", &[]), Ok(Some(machine.project.join("inner/deep"))));
    }

    #[test]
    fn a_process_works_where_it_says() {
        assert_eq!(here(Path::new("/srv"), None), Ok(Some(PathBuf::from("/srv"))));
    }
}
