//! Network namespaces that outlive a step. To make one and to take it apart is most of what a short container costs the
//! kernel, so steps that run one after another use the same one: a container that does nothing keeps it, and one step at a
//! time enters it. Only for steps that say nothing about their network, and only once a run has shown that it has many
//! containers, one after another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};

use super::container::Container;
use super::{Shared, caller};
use crate::executor::StartError;

/// Kept at most. The one that a step has just left is free only when its container has gone; the next step takes the other.
const MOST: usize = 2;
/// Containers still to come that make it worth to keep one.
const WORTH: usize = 6;

/// The network namespaces that a run keeps.
#[derive(Default)]
pub(super) struct Sandboxes {
    pool: Arc<Mutex<Pool>>,
}

#[derive(Default)]
struct Pool {
    /// Containers that the run will make, and has made.
    expected: usize,
    entered: usize,
    /// Whether any of them has ended.
    has_ended: bool,
    /// Kept, or about to be.
    made: usize,
    kept: Vec<Sandbox>,
}

struct Sandbox {
    container: Container,
    is_free: bool,
}

/// A container's right to its network, alone, until this is dropped.
pub(super) struct Lease {
    pool: Arc<Mutex<Pool>>,
    /// The namespace it has entered, by the place in the pool; `None` is one of its own.
    place: Option<(usize, String)>,
}

/// What may become of a container's network.
enum Choice {
    Enter(usize, String),
    Make(usize),
    Own,
}

impl Sandboxes {
    /// Is told how many containers a run will make.
    pub(super) fn expect(&self, containers: usize) {
        lock(&self.pool).expected = containers;
    }

    /// Finds a container its network. It may keep one for others, with a shell of `image`, if it
    /// is worth it.
    pub(super) async fn enter(&self, shared: &Arc<Shared>, image: &str, may_keep: bool) -> Lease {
        let choice = lock(&self.pool).choose(may_keep);
        let place = match choice {
            Choice::Enter(index, name) => Some((index, name)),
            // Without one, a step has a network of its own, as ever.
            Choice::Make(number) => {
                let kept = keep(shared, image, number).await.ok();
                kept.map(|container| lock(&self.pool).add(container))
            }
            Choice::Own => None,
        };
        Lease { pool: Arc::clone(&self.pool), place }
    }

    /// Lets go of all. Whoever is in one has ended.
    pub(super) fn clear(&self) {
        let kept = std::mem::take(&mut lock(&self.pool).kept);
        drop(kept);
    }
}

impl Pool {
    fn choose(&mut self, may_keep: bool) -> Choice {
        self.entered += 1;
        let free = self.kept.iter_mut().enumerate().find(|(_, sandbox)| sandbox.is_free);
        if let Some((index, sandbox)) = free {
            sandbox.is_free = false;
            return Choice::Enter(index, sandbox.container.name().to_owned());
        }
        let is_worth_it = self.expected.saturating_sub(self.entered) >= WORTH;
        if may_keep && self.has_ended && self.made < MOST && is_worth_it {
            self.made += 1;
            return Choice::Make(self.made);
        }
        Choice::Own
    }

    /// Adds one that is taken at once.
    fn add(&mut self, container: Container) -> (usize, String) {
        let name = container.name().to_owned();
        self.kept.push(Sandbox { container, is_free: false });
        (self.kept.len() - 1, name)
    }
}

impl Lease {
    /// How the engine calls the network; `None` is its default.
    pub(super) fn mode(&self) -> Option<String> {
        self.place.as_ref().map(|(_, name)| format!("container:{name}"))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut pool = lock(&self.pool);
        pool.has_ended = true;
        let sandbox = self.place.as_ref().and_then(|(index, _)| pool.kept.get_mut(*index));
        sandbox.into_iter().for_each(|sandbox| sandbox.is_free = true);
    }
}

fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a container that waits on its stdin for what never comes.
async fn keep(shared: &Arc<Shared>, image: &str, number: usize) -> Result<Container, StartError> {
    let host = HostConfig {
        log_config: Some(HostConfigLogConfig { typ: Some("none".into()), config: None }),
        security_opt: Some(vec!["no-new-privileges".into()]),
        ..HostConfig::default()
    };
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(["sh", "-c", "read nothing"].map(str::to_owned).to_vec()),
        cmd: Some(Vec::new()),
        user: Some(caller()),
        labels: Some(shared.labels.of_run()),
        open_stdin: Some(true),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    };
    let name = format!("pipe-{}.network-{number}", shared.labels.run());
    let container = Container::create(shared, name, "network", None, body, None).await?;
    container.start(image).await?;
    Ok(container)
}
