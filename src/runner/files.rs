//! The files of one attempt: its outputs, its secrets, its script, and the artifacts that it declares.

use std::sync::Arc;

use super::Job;
use super::outputs::{self, OutputFile};
use super::produce::DeclaredArtifacts;
use super::resume;
use super::script::{self, ScriptFile};
use super::secret_files::SecretFiles;
use super::spec::{AttemptPaths, Rendered, Request};
use crate::executor::{Executor, ImageSpec, SystemError};
use crate::pipeline::{Action, Artifact, Failure, Fingerprint, Outputs};

/// The files of one attempt. Dropping this removes the first three.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) outputs: OutputFile,
    secrets: Option<SecretFiles>,
    script: Option<ScriptFile>,
    pub(super) declared: Option<Arc<DeclaredArtifacts>>,
    fingerprint: Fingerprint,
    image: Option<ImageSpec>,
    /// The last line of its script.
    pub(super) command: Option<String>,
}

impl Files {
    /// Makes those that exist before the attempt. The artifacts that it declares are still to be added.
    pub(super) fn create(job: &Job, request: &Request) -> Result<Self, SystemError> {
        let step = job.pipeline.step(request.step);
        let (outputs, secrets) = match &step.action {
            Action::Wait => (OutputFile::folder(job, request.step)?, SecretFiles::folder(job, request.step)?),
            Action::Run(_) | Action::Exec(_) | Action::Feed(_) => {
                let name = format!("{}-{}", request.step.index(), request.number);
                let folder = outputs::folder_of(job, request.step);
                let file = OutputFile::create(&folder, request.step, request.number)?;
                (file, SecretFiles::create(job, step, &name)?)
            }
        };
        let (script, fingerprint) = (None, Fingerprint::new());
        Ok(Self { outputs, secrets, script, declared: None, fingerprint, image: None, command: None })
    }

    /// Notes what the attempt will do, and which of the files that it declares exist.
    ///
    /// # Errors
    /// What is wrong with the declared artifacts, in a sentence.
    pub(super) fn prepare(
        &mut self,
        job: &Job,
        rendered: &Rendered,
        fingerprint: Fingerprint,
    ) -> Result<(), String> {
        self.command = script::last_command(&rendered.program);
        self.fingerprint = fingerprint;
        self.image = rendered.container.as_ref().map(|container| container.image.clone());
        if !rendered.produces.is_empty() {
            let patterns = rendered.produces.clone();
            let (began, partial) = (self.outputs.made(), job.settings.partial);
            let declared =
                DeclaredArtifacts::make(&rendered.products_dir, patterns, partial, began, &job.reaper)?;
            self.declared = Some(Arc::new(declared));
        }
        Ok(())
    }

    /// Writes the script to a file, if it is too long to be an argument.
    pub(super) fn write_script(
        &mut self,
        job: &Job,
        request: &Request,
        rendered: &Rendered,
    ) -> Result<(), SystemError> {
        self.script = ScriptFile::create(job, request, rendered)?;
        Ok(())
    }

    pub(super) fn paths(&self) -> AttemptPaths<'_> {
        AttemptPaths {
            outputs: self.outputs.path(),
            script: self.script.as_ref().map(ScriptFile::path),
            secrets: self.secrets.as_ref().map(SecretFiles::dir),
        }
    }

    /// Returns what the attempt has done, by which a later run knows whether to repeat it.
    pub(super) async fn fingerprint(&self, job: &Job, executor: &dyn Executor) -> Fingerprint {
        let mut fingerprint = self.fingerprint.clone();
        if let Some(image) = &self.image {
            resume::add_image(job, executor.image_id(image).await, &mut fingerprint);
        }
        fingerprint
    }

    /// Undoes what a failed start has made.
    pub(super) fn undo(&self) {
        if let Some(declared) = &self.declared {
            declared.undo();
        }
    }

    /// Returns the values that the attempt gave and the files that it left behind. Reading them may take a
    /// while.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) async fn harvest(&self) -> Result<(Outputs, Vec<Artifact>), Failure> {
        let outputs = self.outputs.read().map_err(Failure::Outputs)?;
        let Some(declared) = self.declared.clone() else { return Ok((outputs, Vec::new())) };
        let read = tokio::task::spawn_blocking(move || declared.products()).await;
        let broken = |error| Err(format!("what it has to produce cannot be looked at: {error}"));
        Ok((outputs, read.unwrap_or_else(broken).map_err(Failure::Missing)?))
    }
}

/// The files that an attempt has left behind.
#[derive(Debug, Clone, Default)]
pub(super) struct Artifacts {
    pub(super) declared: Option<Arc<DeclaredArtifacts>>,
    pub(super) products: Vec<Artifact>,
    pub(super) fingerprint: Fingerprint,
}

impl Artifacts {
    /// Undoes what the attempt has made.
    pub(super) fn undo(self) {
        if let Some(declared) = self.declared {
            declared.undo();
        }
    }
}
