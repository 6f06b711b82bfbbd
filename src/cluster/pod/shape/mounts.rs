//! What of this machine's folders a pod can have: the workspace, and what is uploaded to be read.

use std::path::{Path, PathBuf};

use super::{Shaper, folder_of, shown};
use crate::cluster::pod::{StepMount, StepMountSource};
use crate::cluster::refusal::Refusals;
use crate::executor::{MountFrom, MountSpec};
use crate::pipeline::{Container, Mount, Span, Step};

impl Shaper<'_> {
    /// Sorts what a container has by itself: the workspace, a working directory, params of type `path`, the folder of the
    /// file. What is only read is uploaded.
    pub(super) fn own_mounts(
        &self,
        step: &Step,
        mounts: &[MountSpec],
        outside: &mut Vec<PathBuf>,
        found: &mut Refusals<'_>,
    ) {
        for MountSpec { source, target: _, read_only } in mounts {
            let MountFrom::Path(path) = source else { continue };
            if path.starts_with(self.containers.working_dir) {
                continue;
            }
            let param = self.param_at(step, path);
            // Containers here see all params; a pod gets what its steps read.
            if param.as_ref().is_some_and(|(name, _)| !reads(step, name)) {
                continue;
            }
            match (*read_only, param) {
                (true, param) => {
                    let at = param.map_or(step.at, |(_, at)| at);
                    outside.extend(self.uploaded(step, path, at, found));
                }
                (false, Some((name, at))) => {
                    let message = format!(
                        "steps may write to {}, the value of the param `{name}`, and what they write outside of the working \
                         directory is not brought back from the cluster",
                        shown(path)
                    );
                    found.add(at, message, "choose a path in the working directory, or remove `access: rw`");
                }
                (false, None) => {
                    let at = step.working_dir.as_ref().map_or(step.at, |dir| dir.at);
                    let message = format!(
                        "`{}` works in {}, a folder of this machine that no pod sees",
                        step.name,
                        shown(path)
                    );
                    found.add(
                        at,
                        message,
                        "let it work in the working directory, or in a folder of its image",
                    );
                }
            }
        }
    }

    /// Returns the folder that a pod needs for what is uploaded from outside of the workspace.
    fn uploaded(&self, step: &Step, path: &Path, at: Span, found: &mut Refusals<'_>) -> Option<PathBuf> {
        let folder = if path.is_dir() { path.to_owned() } else { folder_of(path) };
        // A volume there would hide what the image has.
        if folder.components().count() > 2 {
            return Some(folder);
        }
        let message = format!(
            "`{}` reads {}, and a pod cannot have that without hiding the folder {} of its image",
            step.name,
            shown(path),
            shown(&folder)
        );
        found.add(at, message, "put it into the working directory, or two folders deep");
        None
    }

    /// Sorts what the file mounts.
    pub(super) fn given_mounts(
        &self,
        step: &Step,
        container: &Container,
        mounts: &[MountSpec],
        found: &mut Refusals<'_>,
    ) -> Vec<StepMount> {
        let written = container.mounts.iter().zip(mounts);
        written.filter_map(|(mount, spec)| self.given_mount(step, mount, spec, found)).collect()
    }

    fn given_mount(
        &self,
        step: &Step,
        mount: &Mount,
        spec: &MountSpec,
        found: &mut Refusals<'_>,
    ) -> Option<StepMount> {
        let MountSpec { source, target, read_only } = spec;
        let at = mount.target.at;
        let source = match source {
            MountFrom::Tmpfs => StepMountSource::Memory,
            MountFrom::Volume(name) if is_claim(name) => StepMountSource::Claim(name.clone()),
            MountFrom::Volume(name) => {
                let message = format!(
                    "`{}` mounts the volume `{name}`, and no PersistentVolumeClaim of a cluster can have that name",
                    step.name
                );
                found.add(at, message, "name a claim of the namespace: small letters, digits, `-` and `.`");
                return None;
            }
            MountFrom::Path(path) => StepMountSource::Inside(self.inside(step, path, at, found)?),
        };
        Some(StepMount { source, target: target.clone(), read_only: *read_only })
    }

    /// Returns the path of a folder, seen from the workspace.
    fn inside(&self, step: &Step, path: &Path, at: Span, found: &mut Refusals<'_>) -> Option<String> {
        let workspace = self.containers.working_dir;
        let Ok(inside) = path.strip_prefix(workspace) else {
            let message = format!(
                "`{}` mounts {}, which is not in {}: a pod sees no other folder of this machine",
                step.name,
                shown(path),
                shown(workspace)
            );
            let help = "move it into the working directory; a param of `type: path` is uploaded from anywhere, to be read";
            found.add(at, message, help);
            return None;
        };
        if path.is_file() {
            let message = format!(
                "`{}` mounts the file {}, and a pod mounts folders: files come into it only when it has started",
                step.name,
                shown(path)
            );
            found.add(at, message, "mount the folder that it lies in, or copy it in the script");
            return None;
        }
        Some(inside.to_string_lossy().into_owned())
    }
}

/// Whether a text of a step reads a param.
fn reads(step: &Step, param: &str) -> bool {
    step.templates().any(|text| text.params.iter().any(|name| name == param))
}

/// Whether a claim can be called so.
fn is_claim(name: &str) -> bool {
    let is_part =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter);
    let is_end = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    name.len() <= 253 && name.chars().all(is_part) && name.starts_with(is_end) && name.ends_with(is_end)
}

/// Leaves out folders that lie in others.
pub(super) fn keep_outermost(folders: &mut Vec<PathBuf>) {
    folders.sort();
    folders.dedup_by(|inner, outer| inner.starts_with(&*outer));
}
