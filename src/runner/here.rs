//! The site that is this machine.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use super::site::{GangMessage, GangOrder, ServiceOrder, Shutdown, Site};
use super::{gang, service};
use crate::executor::{Executor, ImageSpec, SystemError};
use crate::stream::PipeBudget;

/// This machine: gangs are tasks of this process, over an executor whose pipes they hold.
pub struct Here {
    pub(super) executor: Arc<dyn Executor>,
    /// How far the pipes of all gangs together are enlarged.
    pub(super) budget: Arc<PipeBudget>,
}

impl Here {
    /// Runs gangs over an executor.
    pub fn new(executor: impl Executor + 'static) -> Self {
        Self { executor: Arc::new(executor), budget: PipeBudget::new() }
    }
}

impl Site for Here {
    fn run_gang(
        &self,
        order: GangOrder,
        shutdown: watch::Receiver<Shutdown>,
        dispatcher: mpsc::UnboundedSender<GangMessage>,
    ) -> BoxFuture<'_, ()> {
        let (executor, budget) = (Arc::clone(&self.executor), Arc::clone(&self.budget));
        Box::pin(gang::run((executor, budget), order, shutdown, dispatcher))
    }

    fn run_service(
        &self,
        order: ServiceOrder,
        shutdown: watch::Receiver<Shutdown>,
        dispatcher: mpsc::UnboundedSender<GangMessage>,
    ) -> BoxFuture<'_, ()> {
        Box::pin(service::run(Arc::clone(&self.executor), order, shutdown, dispatcher))
    }

    fn prepare(&self, images: Vec<ImageSpec>) {
        self.executor.prepare(images);
    }

    fn image_id<'a>(&'a self, image: &'a ImageSpec) -> BoxFuture<'a, Option<String>> {
        self.executor.image_id(image)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), SystemError>> {
        self.executor.close()
    }
}
