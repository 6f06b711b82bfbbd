//! Paths as the engine knows them. They are this machine's, unless `pipe` itself runs in a container with the
//! engine's socket mounted: then what it sees lies elsewhere on the host.

use std::path::{Path, PathBuf};

use bollard::Docker;

/// From paths here to paths there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Paths {
    /// They are the same.
    Same,
    /// In a container of the engine.
    Mounted {
        /// The container's id.
        container: String,
        /// Its mounts, as the folder here and the folder there, deepest first.
        mounts: Vec<(PathBuf, PathBuf)>,
    },
}

impl Paths {
    /// Asks the engine whether this process runs in one of its containers.
    pub(super) async fn find(docker: &Docker) -> Self {
        let Some(id) = own_container() else { return Self::Same };
        let Ok(container) = docker.inspect_container(&id, None).await else { return Self::Same };
        let mounts = container.mounts.unwrap_or_default().into_iter();
        let pair = |mount: bollard::models::MountPoint| {
            Some((PathBuf::from(mount.destination?), PathBuf::from(mount.source?)))
        };
        Self::mounted(id, mounts.filter_map(pair).collect())
    }

    fn mounted(container: String, mut mounts: Vec<(PathBuf, PathBuf)>) -> Self {
        mounts.sort_by_key(|(here, _)| std::cmp::Reverse(here.components().count()));
        Self::Mounted { container, mounts }
    }

    /// The id of the container that this process runs in, if it is one of the engine's.
    pub(super) fn container(&self) -> Option<&str> {
        match self {
            Self::Same => None,
            Self::Mounted { container, .. } => Some(container),
        }
    }

    /// A path of this process as the engine knows it.
    ///
    /// # Errors
    /// If it lies on nothing that the engine can see.
    pub(super) fn translate(&self, path: &Path) -> Result<PathBuf, UnseenPath> {
        let Self::Mounted { mounts, .. } = self else { return Ok(path.to_owned()) };
        let found = mounts.iter().find_map(|(here, there)| Some((there, path.strip_prefix(here).ok()?)));
        match found {
            Some((there, rest)) if rest.as_os_str().is_empty() => Ok(there.clone()),
            Some((there, rest)) => Ok(there.join(rest)),
            None => Err(UnseenPath(path.to_owned())),
        }
    }
}

/// A path that no other container can see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} lies in the container that `pipe` runs in, on none of its mounts, so that no other container can see it; mount its \
     folder into this container, at the same path",
    .0.display()
)]
pub(super) struct UnseenPath(PathBuf);

/// The id of the container that this process runs in: the one whose files are mounted over `/etc/hostname`.
pub(super) fn own_container() -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    container_in(&mounts)
}

fn container_in(mountinfo: &str) -> Option<String> {
    mountinfo.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (root, point) = (fields.nth(3)?, fields.next()?);
        if !matches!(point, "/etc/hostname" | "/etc/hosts" | "/etc/resolv.conf") {
            return None;
        }
        let is_id = |part: &&str| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        root.split('/').find(is_id).map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_a_container_are_those_of_its_mounts() {
        let mounts =
            vec![("/work".into(), "/home/me/project".into()), ("/work/cache".into(), "/var/cache/me".into())];
        let paths = Paths::mounted("0123".into(), mounts);
        let there = |path: &str| paths.translate(Path::new(path)).map(|path| path.display().to_string());
        assert_eq!(there("/work").unwrap(), "/home/me/project");
        assert_eq!(there("/work/src/a").unwrap(), "/home/me/project/src/a");
        assert_eq!(there("/work/cache/x").unwrap(), "/var/cache/me/x");
        assert!(there("/workshop").unwrap_err().to_string().starts_with("/workshop lies in the container"));
        assert_eq!(Paths::Same.translate(Path::new("/x")), Ok("/x".into()));
    }

    #[test]
    fn a_container_is_known_by_its_host_name_file() {
        let id = "0123456789abcdef".repeat(4);
        let line = format!(
            "731 712 254:1 /var/lib/docker/containers/{id}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw"
        );
        assert_eq!(container_in(&line), Some(id));
        assert_eq!(container_in("22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"), None);
    }
}
