//! What commands share about containers: what each step's is, and the engine that runs them.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::args::Run;
use super::error::CliError;
use super::load::Loaded;
use super::lock_file::LockFile;
use crate::event::{EventKind, channel};
use crate::executor::docker::{DockerExecutor, Engine, Setup};
use crate::executor::{ContainerSpec, EngineError, ImageSource};
use crate::history::RunDir;
use crate::pipeline::{StepId, Values};
use crate::reaper::Reaper;
use crate::runner::Placing;
use crate::template::{Facts, Given, Renderer};

/// What runs the requests to an engine.
pub(super) fn runtime() -> Result<Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Ok(runtime.map_err(|error| EngineError::new("cannot start the runtime", error))?)
}

/// A pipeline with the values of its params, so that its containers can be told before it runs.
pub(super) struct Placed<'a> {
    loaded: &'a Loaded,
    values: Values,
    templates: Renderer,
    outputs: Given<'static>,
}

/// An image that a step names.
pub(super) struct NamedImage {
    pub(super) name: String,
    /// Where: file, line and step.
    pub(super) place: String,
}

impl<'a> Placed<'a> {
    /// `outputs` says what stands for outputs of steps, none of which has run.
    pub(super) fn of(loaded: &'a Loaded, outputs: Given<'static>) -> Result<Self, CliError> {
        let facts = loaded.facts("RUN-ID", &jiff::Zoned::now());
        let values = loaded.values(facts.clone())?;
        let templates = Renderer::new(Facts { values: values.clone(), ..facts });
        Ok(Self { loaded, templates, values, outputs })
    }

    /// The container of a step; nothing if it runs on this machine.
    pub(super) fn container(&self, step: StepId) -> Result<Option<ContainerSpec>, CliError> {
        let step = self.loaded.pipeline.step(step);
        let container = step.container.as_ref().map(|container| self.placing().container(step, container));
        container
            .transpose()
            .map_err(|why| CliError::usage(format!("{}: {why}", self.place(step.at, &step.name)), None))
    }

    /// The images that steps name, each once.
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
        let source = &self.loaded.pipeline.source;
        format!("{}:{}: step `{step}`", source.path.display(), source.line(at))
    }

    fn placing(&self) -> Placing<'_> {
        Placing {
            pipeline: &self.loaded.pipeline,
            values: &self.values,
            templates: &self.templates,
            working_dir: &self.loaded.working_dir,
            outputs: self.outputs,
        }
    }
}

/// The images that `--locked` lets a run use; none without the flag. Every image that a step names must be among them.
pub(super) fn locked(args: &Run, loaded: &Loaded) -> Result<HashMap<String, String>, CliError> {
    if !args.locked {
        return Ok(HashMap::new());
    }
    let lock = LockFile::beside(&loaded.pipeline.source.path)?;
    for image in Placed::of(loaded, Given::Nothing)?.named_images()? {
        if !lock.images.contains_key(&image.name) {
            let what =
                format!("{}: the image `{}` is not in {}", image.place, image.name, lock.path().display());
            return Err(CliError::usage(what, "run `pipe lock`, with the same params and flags".to_owned()));
        }
    }
    Ok(lock.images.into_iter().collect())
}

/// Where the containers of a run are made, with a folder for their pipes. Nothing has been made if the engine does not
/// see this machine's files.
pub(super) fn executor(
    args: &Run,
    engine: Engine,
    locked: HashMap<String, String>,
    dir: &RunDir,
    events: &channel::Sender,
    reaper: &Reaper,
) -> Result<DockerExecutor, CliError> {
    let pipes = dir.pipes_dir();
    let failed = |error| EngineError::new(format!("cannot make {}", pipes.display()), error);
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
