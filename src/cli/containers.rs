//! What commands share about containers: the container of each step, and the engine that runs them.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::args::RunArgs;
use super::error::CliError;
use super::load::Loaded;
use super::lock_file::LockFile;
use crate::event::{EventKind, channel};
use crate::executor::docker::{DockerExecutor, Engine, Setup};
use crate::executor::{ContainerSpec, ImageSource, SystemError};
use crate::history::RunDir;
use crate::pipeline::{Step, StepId, Template};
use crate::reaper::Reaper;
use crate::runner::ContainerRenderer;
use crate::template::{Scope, StepOutputsMode, TemplateRenderer};

/// Starts the runtime for requests to an engine.
pub(super) fn runtime() -> Result<Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Ok(runtime.map_err(|error| SystemError::new("cannot start the runtime", error))?)
}

/// A pipeline with the values of its params, so that its containers are known before it runs.
pub(super) struct ResolvedPipeline<'a> {
    loaded: &'a Loaded,
    templates: TemplateRenderer,
    outputs: StepOutputsMode<'static>,
}

/// An image that a step names.
pub(super) struct NamedImage {
    pub(super) name: String,
    /// Where: file, line and step.
    pub(super) place: String,
}

impl<'a> ResolvedPipeline<'a> {
    /// `outputs` says what stands for outputs of steps, none of which has run.
    pub(super) fn of(loaded: &'a Loaded, outputs: StepOutputsMode<'static>) -> Result<Self, CliError> {
        let context = loaded.context("RUN-ID", &jiff::Zoned::now());
        Ok(Self { loaded, templates: loaded.renderer(context)?, outputs })
    }

    /// Returns the container of a step; nothing if it runs on this machine.
    pub(super) fn container(&self, step: StepId) -> Result<Option<ContainerSpec>, CliError> {
        let step = self.loaded.pipeline.step(step);
        let container = self.placing().place(step);
        container.map_err(|why| CliError::usage(format!("{}: {why}", self.place(step.at, &step.name)), None))
    }

    /// Returns the text of a template of a step; as it is written, where a value is not known before the run.
    pub(super) fn text(&self, step: &Step, template: &Template) -> String {
        let scope = Scope { step: Some(step), outputs: self.outputs, ..Scope::default() };
        self.templates.render(template, scope).unwrap_or_else(|_| template.source.clone())
    }

    /// Returns the images that steps name, each once.
    pub(super) fn named_images(&self) -> Result<Vec<NamedImage>, CliError> {
        let mut images: Vec<NamedImage> = Vec::new();
        for step in &self.loaded.pipeline.steps {
            let Some(container) = &step.container else { continue };
            let place = self.place(container.at, &step.name);
            let image = self.placing().image(step, container);
            let image = image.map_err(|why| CliError::usage(format!("{place}: {why}"), None))?;
            if let ImageSource::Named(name) = image.source
                && !images.iter().any(|known| known.name == name)
            {
                images.push(NamedImage { name, place });
            }
        }
        Ok(images)
    }

    fn place(&self, at: crate::pipeline::Span, step: &str) -> String {
        format!("{}: step `{step}`", self.loaded.pipeline.source.place(at))
    }

    /// Returns what renders its containers.
    pub(super) fn renderer(&self) -> ContainerRenderer<'_> {
        self.placing()
    }

    fn placing(&self) -> ContainerRenderer<'_> {
        ContainerRenderer {
            pipeline: &self.loaded.pipeline,
            templates: &self.templates,
            working_dir: &self.loaded.working_dir,
            scope: Scope { outputs: self.outputs, ..Scope::default() },
        }
    }
}

/// Returns the images that `--locked` lets a run use; none without the flag. Every image that a step names
/// must be among them.
pub(super) fn locked(args: &RunArgs, loaded: &Loaded) -> Result<HashMap<String, String>, CliError> {
    if !args.locked {
        return Ok(HashMap::new());
    }
    let lock = LockFile::beside(loaded.pipeline.source.path())?;
    for image in ResolvedPipeline::of(loaded, StepOutputsMode::Nothing)?.named_images()? {
        if !lock.images.contains_key(&image.name) {
            let what =
                format!("{}: the image `{}` is not in {}", image.place, image.name, lock.path().display());
            return Err(CliError::usage(what, "run `pipe lock`, with the same params and flags".to_owned()));
        }
    }
    Ok(lock.images.into_iter().collect())
}

/// Returns where the containers of a run are made, with a folder for their pipes. Nothing has been made if
/// the engine does not see this machine's files.
pub(super) fn executor(
    args: &RunArgs,
    engine: Engine,
    locked: HashMap<String, String>,
    dir: &RunDir,
    events: &channel::Sender,
    reaper: &Reaper,
) -> Result<DockerExecutor, CliError> {
    let pipes = dir.pipes_dir();
    let failed = |error| SystemError::new(format!("cannot make {}", pipes.display()), error);
    std::fs::create_dir(&pipes).map_err(failed)?;
    let events = events.clone();
    let notify = move |note| events.send(EventKind::Note(note));
    let lane = args.containers.stream_lane.choice();
    let run = dir.id().to_owned();
    Ok(DockerExecutor::new(
        engine,
        Setup { run, pipes, lane, locked, notify: Arc::new(notify), reaper: reaper.clone() },
    ))
}
