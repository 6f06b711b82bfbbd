//! From a step's container to what an executor makes: templates rendered, paths made absolute, and the mounts
//! that every container has.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::links;
use crate::executor::{ContainerSpec, ImageSource, ImageSpec, MountFrom, MountSpec};
use crate::pipeline::{
    Access, Container, Image, MountSource, ParamKind, ParamValue, Pipeline, Role, Step, Template,
};
use crate::template::{Scope, TemplateRenderer};

/// Renders the containers of a pipeline's steps.
#[derive(Clone, Copy)]
pub struct ContainerRenderer<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Renders its templates, and has the values of its params.
    pub templates: &'a TemplateRenderer,
    /// The folder that the pipeline runs in, absolute.
    pub working_dir: &'a Path,
    /// What its templates see beside their step.
    pub scope: Scope<'a>,
}

impl ContainerRenderer<'_> {
    /// Returns the container of a step.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence: a template that cannot be rendered, a param's path that is not
    /// there.
    pub fn container(&self, step: &Step, container: &Container) -> Result<ContainerSpec, String> {
        let text = |template: &Template| self.text(step, template);
        let mut mounts = self.own_mounts(step, container)?;
        let mut given: Vec<MountSpec> = Vec::with_capacity(container.mounts.len());
        for mount in &container.mounts {
            let source = match &mount.source {
                MountSource::Path(path) => MountFrom::Path(self.path(&text(path)?)),
                MountSource::Volume(name) => MountFrom::Volume(text(name)?),
                MountSource::Tmpfs => MountFrom::Tmpfs,
            };
            let target = target(&text(&mount.target)?)?;
            given.push(MountSpec { source, target, read_only: mount.access == Access::ReadOnly });
        }
        if let Some(twice) = twice(&given) {
            return Err(format!("two of its `mounts` have the target {twice}: remove one of them"));
        }
        // A mount that the file declares replaces a default mount of the same target.
        mounts.retain(|other| given.iter().all(|mount| mount.target != other.target));
        mounts.append(&mut given);
        Ok(ContainerSpec {
            image: self.image(step, container)?,
            user: container.user.as_ref().map(text).transpose()?,
            network: container.network.as_ref().map(text).transpose()?,
            mounts,
            resources: container.resources,
        })
    }

    /// Returns the container that a step runs in, its own or a shared one; nothing if it runs on this machine.
    ///
    /// # Errors
    /// As for [`container`](Self::container).
    pub fn place(&self, step: &Step) -> Result<Option<ContainerSpec>, String> {
        let owner = step.shared.map_or(step, |usage| self.pipeline.step(usage.step));
        owner.container.as_ref().map(|container| self.container(owner, container)).transpose()
    }

    /// Returns the image of a step's container.
    ///
    /// # Errors
    /// If a template cannot be rendered.
    pub fn image(&self, step: &Step, container: &Container) -> Result<ImageSpec, String> {
        let text = |template: &Template| self.text(step, template);
        let source = match &container.image {
            Image::Named(name) => ImageSource::Named(text(name)?),
            Image::Built(build) => ImageSource::Built {
                context: self.path(&text(&build.context)?),
                dockerfile: build.dockerfile.as_ref().map(text).transpose()?.unwrap_or("Dockerfile".into()),
                args: build
                    .args
                    .iter()
                    .map(|arg| Ok((arg.name.clone(), text(&arg.value)?)))
                    .collect::<Result<_, String>>()?,
                target: build.target.clone(),
            },
        };
        Ok(ImageSpec { source, pull: container.pull, platform: container.platform.clone() })
    }

    /// Returns the working directory of a container, absolute and without `.` and `..`: of this machine, or
    /// of its image.
    pub(super) fn working_dir(&self, step: &Step) -> Result<PathBuf, String> {
        let text = step.working_dir.as_ref().map(|dir| self.text(step, dir)).transpose()?;
        Ok(text.map_or_else(|| self.working_dir.to_owned(), |text| self.path(&text)))
    }

    /// Returns the default mounts: the folder of the pipeline, the working directory if that is one of this
    /// machine, the params that are paths, and the folder of the file if a text reads it, each at its own path.
    fn own_mounts(&self, step: &Step, container: &Container) -> Result<Vec<MountSpec>, String> {
        let mut mounts = vec![mount(self.working_dir, false)];
        if let Some(dir) = &step.working_dir {
            let text = self.text(step, dir)?;
            let (dir, is_of_image) = (self.path(&text), text.starts_with('/') && !container.stands_in);
            if !dir.starts_with(self.working_dir) && !is_of_image {
                mounts.push(mount(&dir, false));
            }
        }
        for param in self.pipeline.params_in(step.call) {
            let (ParamKind::Path { access, .. }, Some(ParamValue::Text(value))) =
                (&param.kind, self.templates.values_in(step.call).get(&param.name))
            else {
                continue;
            };
            let path = links::way_out(&self.path(value), self.working_dir);
            // `-` stands for a standard stream, and what lies in the folder is there already.
            if value == "-" || path.starts_with(self.working_dir) {
                continue;
            }
            if path.exists() {
                mounts.push(mount(&path, *access == Access::ReadOnly));
            } else if reads(step, &param.name) {
                return Err(format!(
                    "there is nothing at {}, the value of the param `{}`, so that no container can see it: make it \
                     first, or choose a path in the working directory",
                    path.display(),
                    param.name
                ));
            }
        }
        if self.reads_folder(step) {
            let folder = self.path(self.templates.pipeline_dir_in(step.call));
            let folder = links::way_out(&folder, self.working_dir);
            let is_there = |mount: &MountSpec| mount.target == folder.to_string_lossy();
            if !folder.starts_with(self.working_dir) && !mounts.iter().any(is_there) {
                mounts.push(mount(&folder, true));
            }
        }
        mounts.dedup_by(|one, other| one.target == other.target);
        Ok(mounts)
    }

    /// Returns whether a text of a step, or of one in the shared container that it is, reads the folder of its file.
    fn reads_folder(&self, step: &Step) -> bool {
        let reads = |step: &Step| step.templates().any(|text| text.pipeline_dir);
        let is_in =
            |user: &Step| user.shared.is_some_and(|usage| std::ptr::eq(self.pipeline.step(usage.step), step));
        let users = || self.pipeline.steps.iter().filter(|user| is_in(user));
        reads(step) || (step.role == Role::Container && users().any(reads))
    }

    fn text(&self, step: &Step, template: &Template) -> Result<String, String> {
        let around = Scope { step: Some(step), ..self.scope };
        self.templates
            .render(template, around)
            .map_err(|error| error.sentence(&self.pipeline.source, template))
    }

    /// Returns a path of this machine, absolute and without `.` and `..`.
    fn path(&self, text: &str) -> PathBuf {
        links::plain_path(&self.working_dir.join(text))
    }
}

/// Returns the target of a mount without `.`, `..` and repeated slashes.
fn target(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!(
            "the target `{text}` of a mount is not absolute: a container's paths begin with `/`"
        ));
    }
    Ok(links::plain_path(Path::new(text)).to_string_lossy().into_owned())
}

/// Returns a target that several mounts have.
fn twice(mounts: &[MountSpec]) -> Option<&str> {
    let mut seen = HashSet::new();
    mounts.iter().map(|mount| mount.target.as_str()).find(|target| !seen.insert(*target))
}

fn mount(path: &Path, read_only: bool) -> MountSpec {
    let target = path.to_string_lossy().into_owned();
    MountSpec { source: MountFrom::Path(path.to_owned()), target, read_only }
}

/// Returns whether a step's own texts name a param.
fn reads(step: &Step, param: &str) -> bool {
    let script = step.action.script().map(|script| &script.text);
    let env = step.env.iter().map(|variable| &variable.value);
    script.into_iter().chain(env).any(|text| text.params.iter().any(|name| name == param))
}
