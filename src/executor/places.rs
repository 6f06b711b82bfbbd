//! All places together: each attempt goes to where its step runs.

use futures::future::BoxFuture;

use super::docker::DockerExecutor;
use super::host::HostExecutor;
use super::{EngineError, Executor, ImageSpec, Presence, RunningStep, StartError, StepSpec};

/// This machine, and containers if a step needs one.
pub struct Places {
    host: HostExecutor,
    docker: Option<DockerExecutor>,
}

impl Places {
    /// Puts the places together. Without `docker` no step may ask for a container.
    pub fn new(host: HostExecutor, docker: Option<DockerExecutor>) -> Self {
        Self { host, docker }
    }
}

impl Executor for Places {
    fn start(&self, spec: StepSpec, presence: Presence) -> BoxFuture<'_, Result<RunningStep, StartError>> {
        match (&spec.container, &self.docker) {
            (None, _) => self.host.start(spec, presence),
            (Some(_), Some(docker)) => docker.start(spec, presence),
            (Some(_), None) => {
                let error = EngineError::new("cannot start a container", "no engine was asked for");
                Box::pin(std::future::ready(Err(error.into())))
            }
        }
    }

    fn prepare(&self, images: Vec<ImageSpec>) {
        if let Some(docker) = &self.docker {
            docker.prepare(images);
        }
    }

    fn image_id<'a>(&'a self, image: &'a ImageSpec) -> BoxFuture<'a, Option<String>> {
        match &self.docker {
            Some(docker) => docker.image_id(image),
            None => Box::pin(std::future::ready(None)),
        }
    }

    fn close(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        match &self.docker {
            Some(docker) => docker.close(),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }
}
