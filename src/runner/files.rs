//! The files of one attempt: what it can write to, what it can read, and what it has to leave behind.

use std::sync::Arc;

use super::Shared;
use super::attempt::Request;
use super::outputs::OutputFile;
use super::produce::Promise;
use super::secrets::SecretFiles;
use crate::executor::EngineError;
use crate::pipeline::{Failure, Outputs, Product, Step};

/// Those of one attempt. The first two go when this does.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) outputs: OutputFile,
    pub(super) secrets: Option<SecretFiles>,
    pub(super) promise: Option<Arc<Promise>>,
}

impl Files {
    /// Makes those that are there before the attempt. What it promises is still to be added.
    pub(super) fn create(shared: &Shared, step: &Step, request: &Request) -> Result<Self, EngineError> {
        let outputs = OutputFile::create(&shared.place.outputs_dir, request.step, request.number)?;
        let name = format!("{}-{}", request.step.index(), request.number);
        let secrets = SecretFiles::create(shared, step, &name)?;
        Ok(Self { outputs, secrets, promise: None })
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
}

impl Produced {
    /// Takes back what the attempt has made.
    pub(super) fn undo(self) {
        if let Some(promise) = self.promise {
            promise.undo();
        }
    }
}
