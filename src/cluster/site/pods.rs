//! The pods of a run as the cluster sees them. One watch serves all gangs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::debug;

use crate::cluster::api::{ApiClient, PodChange, PodWatch};
use crate::cluster::status::PodObject;

/// What is known of a pod.
#[derive(Debug, Clone)]
pub(super) enum PodState {
    /// It was so when the cluster last said something of it.
    Is(Arc<PodObject>),
    /// It is not there any more.
    Gone,
}

impl PodState {
    /// Whether nothing runs in it any more, or will.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Is(pod) => pod.is_over(),
            Self::Gone => true,
        }
    }

    /// Whether it is over, or has been asked to go.
    pub(super) fn is_ending(&self) -> bool {
        self.is_over() || self.pod().is_some_and(|pod| pod.metadata.is_going())
    }

    /// Returns the pod, if it is there.
    pub(super) fn pod(&self) -> Option<&Arc<PodObject>> {
        match self {
            Self::Is(pod) => Some(pod),
            Self::Gone => None,
        }
    }
}

/// All pods of a run by their names, as they change.
#[derive(Debug)]
pub(super) struct Pods {
    known: watch::Receiver<BTreeMap<String, PodState>>,
    task: JoinHandle<()>,
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pods {
    /// Starts to watch the pods with some labels.
    pub(super) fn watch(api: ApiClient, labels: String) -> Self {
        let (tell, known) = watch::channel(BTreeMap::new());
        let task = tokio::spawn(async move {
            let mut pods = PodWatch::new(api, labels);
            loop {
                match pods.next().await {
                    Ok(PodChange::Is(pod)) => tell.send_modify(|known| {
                        known.insert(pod.metadata.name.clone(), PodState::Is(Arc::from(pod)));
                    }),
                    Ok(PodChange::Gone(name)) => tell.send_modify(|known| {
                        known.insert(name, PodState::Gone);
                    }),
                    // What becomes of pods is still known by the link, though not why.
                    Err(error) => return debug!(%error, "the cluster does not show the pods of the run"),
                }
            }
        });
        Self { known, task }
    }

    /// Returns all pods, for one who waits for changes.
    pub(super) fn all(&self) -> watch::Receiver<BTreeMap<String, PodState>> {
        self.known.clone()
    }

    /// Waits until a pod is so, and for so long at the most.
    pub(super) async fn until<T>(
        &self,
        name: &str,
        patience: Duration,
        mut find: impl FnMut(&PodState) -> Option<T>,
    ) -> Option<T> {
        let mut known = self.all();
        let found = async {
            loop {
                if let Some(found) = known.borrow_and_update().get(name).and_then(&mut find) {
                    return Some(found);
                }
                if known.changed().await.is_err() {
                    return None;
                }
            }
        };
        timeout(patience, found).await.ok().flatten()
    }
}
