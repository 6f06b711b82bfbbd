//! The files of one attempt: what it can write to, what it can read, and what it has to leave behind.

use std::sync::Arc;

use super::Shared;
use super::attempt::Request;
use super::outputs::OutputFile;
use super::produce::Promise;
use super::resume;
use super::secrets::SecretFiles;
use super::spec::Rendered;
use crate::executor::{EngineError, ImageSpec};
use crate::pipeline::{Failure, Fingerprint, Outputs, Product, Step};

/// Those of one attempt. The first two go when this does.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) outputs: OutputFile,
    pub(super) secrets: Option<SecretFiles>,
    pub(super) promise: Option<Arc<Promise>>,
    fingerprint: Fingerprint,
    image: Option<ImageSpec>,
}

impl Files {
    /// Makes those that are there before the attempt. What it promises is still to be added.
    pub(super) fn create(shared: &Shared, step: &Step, request: &Request) -> Result<Self, EngineError> {
        let outputs = OutputFile::create(&shared.place.outputs_dir, request.step, request.number)?;
        let name = format!("{}-{}", request.step.index(), request.number);
        let secrets = SecretFiles::create(shared, step, &name)?;
        Ok(Self { outputs, secrets, promise: None, fingerprint: Fingerprint::new(), image: None })
    }

    /// Notes what the attempt will do, and what is there of the files that it promises.
    ///
    /// # Errors
    /// What is wrong with the promise, in a sentence.
    pub(super) fn prepare(
        &mut self,
        shared: &Shared,
        step: &Step,
        rendered: &Rendered,
    ) -> Result<(), String> {
        self.fingerprint = resume::fingerprint(shared, step, rendered);
        self.image = rendered.container.as_ref().map(|container| container.image.clone());
        if !rendered.produces.is_empty() {
            let patterns = rendered.produces.clone();
            let promise = Promise::make(&rendered.working_dir, patterns, shared.settings.partial)?;
            self.promise = Some(Arc::new(promise));
        }
        Ok(())
    }

    /// What the attempt has done, by which a later run knows whether it need be done again.
    pub(super) async fn fingerprint(&self, shared: &Shared) -> Fingerprint {
        let mut fingerprint = self.fingerprint.clone();
        if let Some(image) = &self.image {
            resume::add_image(shared, image, &mut fingerprint).await;
        }
        fingerprint
    }

    /// Takes back what an attempt has made that did not come about.
    pub(super) fn undo(&self) {
        if let Some(promise) = &self.promise {
            promise.undo();
        }
    }

    /// What the attempt has given and left behind. To read it may take a while.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) async fn harvest(&self) -> Result<(Outputs, Vec<Product>), Failure> {
        let outputs = self.outputs.read().map_err(Failure::Outputs)?;
        let Some(promise) = self.promise.clone() else { return Ok((outputs, Vec::new())) };
        let read = tokio::task::spawn_blocking(move || promise.products()).await;
        let broken = |error| Err(format!("what it has to produce cannot be looked at: {error}"));
        Ok((outputs, read.unwrap_or_else(broken).map_err(Failure::Missing)?))
    }
}

/// What an attempt has made of its promise.
#[derive(Debug, Clone, Default)]
pub(super) struct Produced {
    pub(super) promise: Option<Arc<Promise>>,
    pub(super) products: Vec<Product>,
    pub(super) fingerprint: Fingerprint,
}

impl Produced {
    /// Takes back what the attempt has made.
    pub(super) fn undo(self) {
        if let Some(promise) = self.promise {
            promise.undo();
        }
    }
}
