//! Containers and networks that runs have made: listed and removed at the end of a run, and by `pipe clean`.

use std::collections::{HashMap, HashSet};

use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder,
};
use tracing::debug;

use super::engine::{Engine, EngineRefusal, is_gone};
use super::labels::{Labels, RUN, has_all, is_live};
use crate::executor::SystemError;

/// A container or network: its name and its labels.
type Labelled = (String, HashMap<String, String>);

/// A container or network that a run has made and not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Container or network.
    pub kind: LeftoverKind,
    /// Its name in the engine.
    pub name: String,
    /// The id of the run that made it.
    pub run: String,
    /// Whether that run is still alive, as far as this process can see.
    pub is_live: bool,
}

/// The kind of a [`Leftover`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftoverKind {
    /// A container, running or not.
    Container,
    /// A network.
    Network,
}

impl LeftoverKind {
    /// Returns the word for it in messages.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Network => "network",
        }
    }
}

impl Leftover {
    /// Removes it, running or not.
    ///
    /// # Errors
    /// If the engine cannot remove it.
    pub async fn remove(&self, engine: &Engine) -> Result<(), SystemError> {
        let removed = match self.kind {
            LeftoverKind::Container => remove_container(engine, &self.name).await,
            LeftoverKind::Network => remove_network(engine, &self.name).await,
        };
        let what = || format!("cannot remove the {} {}", self.kind.noun(), self.name);
        removed.map_err(|why| SystemError::new(what(), why))
    }

    fn of(kind: LeftoverKind, (name, labels): Labelled, running: &HashSet<String>) -> Self {
        let run = labels.get(RUN).cloned().unwrap_or_default();
        Self { kind, name, run, is_live: is_live(&labels, running) }
    }
}

/// Lists the containers of all runs, then their networks: a network can only be removed after its containers.
///
/// # Errors
/// If the engine cannot list them.
pub async fn leftovers(engine: &Engine) -> Result<Vec<Leftover>, SystemError> {
    let failed = |why| SystemError::new("cannot list what runs have left", why);
    let made = [RUN.to_owned()];
    let containers = containers(engine, &made).await.map_err(failed)?;
    let networks = networks(engine, &made).await.map_err(failed)?;
    // List running containers last: an owner of something listed above is then certain to be in it if alive.
    let running = running(engine).await.map_err(failed)?;
    let containers = containers.into_iter().map(|found| (LeftoverKind::Container, found));
    let networks = networks.into_iter().map(|found| (LeftoverKind::Network, found));
    Ok(containers.chain(networks).map(|(kind, found)| Leftover::of(kind, found, &running)).collect())
}

/// Removes all containers and networks with these labels, each `NAME=VALUE`, and returns how many there were.
/// A failed removal does not keep the others from being removed.
///
/// # Errors
/// If the engine cannot list them, or cannot remove one of them.
pub async fn remove_all(engine: &Engine, labels: &[String]) -> Result<usize, SystemError> {
    let failed = |why| SystemError::new("cannot remove what a run has left", why);
    let found = containers(engine, labels).await.map_err(failed)?;
    let removals = found.iter().map(|(name, _)| remove_container(engine, name));
    let mut removed = futures::future::join_all(removals).await;
    for (name, _) in networks(engine, labels).await.map_err(failed)? {
        removed.push(remove_network(engine, &name).await);
    }
    let all = removed.len();
    removed.into_iter().collect::<Result<(), EngineRefusal>>().map_err(failed)?;
    Ok(all)
}

/// Removes what a run has left at its end: its networks, and containers whose creation the engine has carried
/// out although the request was cancelled.
pub(super) async fn sweep(engine: &Engine, labels: &Labels) -> Result<(), EngineRefusal> {
    let own = labels.own();
    for (name, _) in containers(engine, &own).await? {
        remove_container(engine, &name).await?;
    }
    for (name, _) in networks(engine, &own).await? {
        remove_network(engine, &name).await?;
    }
    Ok(())
}

/// Removes a container, running or not, with its anonymous volumes.
pub(super) async fn remove_container(engine: &Engine, name: &str) -> Result<(), EngineRefusal> {
    debug!(container = name, "docker: remove container");
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    match engine.docker().remove_container(name, Some(options)).await {
        Ok(()) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes a network that has no containers any more.
async fn remove_network(engine: &Engine, name: &str) -> Result<(), EngineRefusal> {
    debug!(network = name, "docker: remove network");
    match engine.docker().remove_network(name).await {
        Ok(()) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Lists the containers with these labels.
async fn containers(engine: &Engine, labels: &[String]) -> Result<Vec<Labelled>, EngineRefusal> {
    let filters = HashMap::from([("label", labels.to_vec())]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = engine.docker().list_containers(Some(options)).await?;
    let named = |summary: ContainerSummary| {
        let name = summary.names.unwrap_or_default().into_iter().next().or(summary.id)?;
        Some((name.trim_start_matches('/').to_owned(), summary.labels.unwrap_or_default()))
    };
    Ok(found.into_iter().filter_map(named).filter(|(_, known)| has_all(known, labels)).collect())
}

/// Lists the networks with these labels.
async fn networks(engine: &Engine, labels: &[String]) -> Result<Vec<Labelled>, EngineRefusal> {
    let filters = HashMap::from([("label", labels.to_vec())]);
    let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let found = engine.docker().list_networks(Some(options)).await?;
    let named = found.into_iter().filter_map(|network| Some((network.name?, network.labels?)));
    Ok(named.filter(|(_, known)| has_all(known, labels)).collect())
}

/// Returns the ids of all running containers.
async fn running(engine: &Engine) -> Result<HashSet<String>, EngineRefusal> {
    let found = engine.docker().list_containers(None).await?;
    Ok(found.into_iter().filter_map(|summary| summary.id).collect())
}
