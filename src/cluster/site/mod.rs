//! The site that is a Kubernetes cluster: each round of a gang is a pod, and the run's hub joins them to this process.
//!
//! ```text
//! dispatcher ── GangOrder ──▶ Cluster ──▶ gang ──▶ round ──▶ pod: conductor, wrappers
//!                                │        retries  one pod      │
//!                                └──▶ open: hub ◀── link ───────┘
//! ```

mod ends;
mod files;
mod gang;
mod open;
mod pods;
mod round;
mod start;
mod troubles;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::debug;

use self::files::Files;
use self::gang::Gang;
use self::pods::Pods;
use super::api::{ApiClient, ObjectKind};
use super::link::ClientLink;
use super::pod::ContainerUser;
use crate::event::StepFinished;
use crate::executor::SystemError;
use crate::file::LoadOptions;
use crate::pipeline::{Kubernetes, Outcome};
use crate::runner::{GangMessage, GangOrder, ServiceOrder, Shutdown, Site};

pub use self::open::{ClusterOrder, find};

/// How long the hub may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// A cluster, with the hub of one run.
pub struct Cluster {
    shared: Arc<Shared>,
    /// Nothing once the site is closed.
    client: Mutex<Option<Arc<ClientLink>>>,
}

/// What all gangs of a run share.
struct Shared {
    api: ApiClient,
    run: String,
    /// The name of the hub's Job.
    job: String,
    /// The `uid` of the hub's Job, which owns everything.
    owner: String,
    /// Where conductors find the hub.
    hub: String,
    /// The hub's pod.
    hub_pod: String,
    helper_image: String,
    kubernetes: Kubernetes,
    /// The keys of the run's Secret that conductors read.
    conductor_secrets: Vec<String>,
    /// What the pipeline was read with.
    options: LoadOptions,
    /// Images that are to be used for those that are named.
    locked: HashMap<String, String>,
    caller: ContainerUser,
    files: Files,
    pods: Pods,
    /// What the hub says that is wrong with the run.
    troubles: watch::Receiver<Option<String>>,
    lease: Duration,
}

impl Site for Cluster {
    fn run_gang(
        &self,
        order: GangOrder,
        shutdown: watch::Receiver<Shutdown>,
        dispatcher: mpsc::UnboundedSender<GangMessage>,
    ) -> BoxFuture<'_, ()> {
        let client = self.client.lock().clone();
        Box::pin(async move {
            match client {
                Some(client) => Gang::new(&self.shared, &client, order, shutdown, dispatcher).run().await,
                None => fail(&order, &dispatcher),
            }
        })
    }

    /// A pipeline with services is refused before it runs.
    fn run_service(
        &self,
        order: ServiceOrder,
        _shutdown: watch::Receiver<Shutdown>,
        dispatcher: mpsc::UnboundedSender<GangMessage>,
    ) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let what = format!("cannot start `{}`", order.job.pipeline.step(order.step).name);
            let error = SystemError::new(what, "this version runs no service in a cluster");
            // A dispatcher that is gone needs no end.
            let _ = dispatcher.send(GangMessage::SiteFailed(error));
            let end = StepFinished::unrun(order.step, Outcome::Cancelled);
            let _ = dispatcher.send(GangMessage::Finished(end));
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), SystemError>> {
        Box::pin(async move {
            let client = self.client.lock().take();
            if let Some(client) = client.and_then(Arc::into_inner) {
                match timeout(GOODBYE, client.over()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(end)) => debug!(%end, "the hub has not taken the end of the run"),
                    Err(_) => debug!("the hub does not end"),
                }
            }
            // What is not deleted now goes by itself, once the hub has ended.
            if let Err(error) = self.shared.api.delete(ObjectKind::Job, &self.shared.job).await {
                debug!(%error, "the job of the hub was not deleted");
            }
            Ok(())
        })
    }
}

/// Says that no gang can run any more.
fn fail(order: &GangOrder, dispatcher: &mpsc::UnboundedSender<GangMessage>) {
    let error = SystemError::new("cannot run steps in the cluster", "the run has been closed");
    // A dispatcher that is gone needs no end.
    let _ = dispatcher.send(GangMessage::SiteFailed(error));
    for step in &order.steps {
        let end = StepFinished::unrun(*step, Outcome::Cancelled);
        let _ = dispatcher.send(GangMessage::Finished(end));
    }
}
