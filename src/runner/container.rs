//! From a step's container to what an executor makes: templates rendered, paths made absolute, and the mounts that every
//! container has.

use std::path::{Component, Path, PathBuf};

use crate::executor::{ContainerSpec, ImageSource, ImageSpec, MountFrom, MountSpec};
use crate::pipeline::{
    Access, Container, Image, MountSource, ParamKind, ParamValue, Pipeline, Step, Template, Values,
};
use crate::template::{Around, Given, Renderer, TemplateError};

/// What containers are rendered with.
#[derive(Clone, Copy)]
pub struct Placing<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Its params' values.
    pub values: &'a Values,
    /// Renders its templates.
    pub templates: &'a Renderer,
    /// The folder that the pipeline runs in, absolute.
    pub working_dir: &'a Path,
    /// What steps have given.
    pub outputs: Given<'a>,
}

impl Placing<'_> {
    /// The container of a step.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence: a template that cannot be rendered, a param's path that is not there.
    pub fn container(&self, step: &Step, container: &Container) -> Result<ContainerSpec, String> {
        let text = |template: &Template| self.text(step, template);
        let mut mounts = self.own_mounts(step)?;
        for mount in &container.mounts {
            let source = match &mount.source {
                MountSource::Path(path) => MountFrom::Path(self.path(&text(path)?)),
                MountSource::Volume(name) => MountFrom::Volume(text(name)?),
                MountSource::Tmpfs => MountFrom::Tmpfs,
            };
            let target = text(&mount.target)?;
            mounts.retain(|other| other.target != target);
            mounts.push(MountSpec { source, target, read_only: mount.access == Access::ReadOnly });
        }
        Ok(ContainerSpec {
            image: self.image(step, container)?,
            user: container.user.as_ref().map(text).transpose()?,
            network: container.network.as_ref().map(text).transpose()?,
            mounts,
            resources: container.resources,
        })
    }

    /// The image of a step's container.
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

    /// The working directory and the params that are paths, each at its own path.
    fn own_mounts(&self, step: &Step) -> Result<Vec<MountSpec>, String> {
        let mut mounts = vec![mount(self.working_dir, false)];
        if let Some(dir) = &step.working_dir {
            let dir = self.path(&self.text(step, dir)?);
            if !dir.starts_with(self.working_dir) {
                mounts.push(mount(&dir, false));
            }
        }
        for param in &self.pipeline.params {
            let (ParamKind::Path { access, .. }, Some(ParamValue::Text(value))) =
                (&param.kind, self.values.get(&param.name))
            else {
                continue;
            };
            let path = self.path(value);
            // `-` stands for a standard stream, and what lies in the working directory is there already.
            if value == "-" || path.starts_with(self.working_dir) {
                continue;
            }
            if path.symlink_metadata().is_ok() {
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
        mounts.dedup_by(|one, other| one.target == other.target);
        Ok(mounts)
    }

    fn text(&self, step: &Step, template: &Template) -> Result<String, String> {
        let around = Around { step: Some(step), outputs: self.outputs };
        self.templates.render(template, around).map_err(|error: TemplateError| error.to_string())
    }

    /// A path of this machine, absolute and without `.` and `..`.
    fn path(&self, text: &str) -> PathBuf {
        let path = match (text.strip_prefix("~/"), std::env::home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.working_dir.join(text),
        };
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => drop(plain.pop()),
                part => plain.push(part),
            }
        }
        plain
    }
}

fn mount(path: &Path, read_only: bool) -> MountSpec {
    let target = path.to_string_lossy().into_owned();
    MountSpec { source: MountFrom::Path(path.to_owned()), target, read_only }
}

/// Whether a step's own texts name a param.
fn reads(step: &Step, param: &str) -> bool {
    let script = step.action.script().map(|script| &script.text);
    let env = step.env.iter().map(|variable| &variable.value);
    script.into_iter().chain(env).any(|text| text.params.iter().any(|name| name == param))
}
