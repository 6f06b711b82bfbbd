//! The executors of this machine together: each attempt goes to the one that its step asks for.

use futures::future::BoxFuture;

use super::docker::DockerExecutor;
use super::host::HostExecutor;
use super::{Executor, HoldGuard, ImageSpec, RunningStep, StartError, StepSpec, SystemError};

/// The host's executor, and that of containers if a step needs one.
pub struct ExecutorSet {
    host: HostExecutor,
    docker: Option<DockerExecutor>,
}

impl ExecutorSet {
    /// Puts the executors together. Without `docker` no step may ask for a container.
    pub fn new(host: HostExecutor, docker: Option<DockerExecutor>) -> Self {
        Self { host, docker }
    }
}

impl Executor for ExecutorSet {
    fn start(&self, spec: StepSpec, guard: HoldGuard) -> BoxFuture<'_, Result<RunningStep, StartError>> {
        let in_container = spec.container.is_some() || spec.shared.is_some();
        match (in_container, &self.docker) {
            (false, _) => self.host.start(spec, guard),
            (true, Some(docker)) => docker.start(spec, guard),
            (true, None) => {
                let error = SystemError::new("cannot start a container", "no engine was asked for");
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

    fn sever(&self, pipes: Vec<u64>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(docker) = &self.docker {
                docker.sever(pipes.clone()).await;
            }
            self.host.sever(pipes).await;
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), SystemError>> {
        match &self.docker {
            Some(docker) => docker.close(),
            None => Box::pin(std::future::ready(Ok(()))),
        }
    }
}
