//! The labels by which containers and networks are known, and how what is left behind is found.

use std::collections::{HashMap, HashSet};

use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};

use super::engine::{Engine, words};
use super::network;
use crate::executor::EngineError;

/// The labels of what a run makes.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    run: String,
    pid: u32,
    started: String,
    host: String,
    /// The container that `pipe` itself runs in.
    container: Option<String>,
}

pub(super) const RUN: &str = "pipe.run";
const STEP: &str = "pipe.step";
const PID: &str = "pipe.pid";
const STARTED: &str = "pipe.started";
const HOST: &str = "pipe.host";
const CONTAINER: &str = "pipe.container";

impl Labels {
    /// Of a run, which is made in this container of the engine if in any.
    pub(super) fn of(run: &str, container: Option<&str>) -> Self {
        let pid = std::process::id();
        let (started, container) = (started(pid).unwrap_or_default(), container.map(str::to_owned));
        Self { run: run.to_owned(), pid, started, host: host(), container }
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// Of a step's container.
    pub(super) fn all(&self, step: &str) -> HashMap<String, String> {
        let mut labels = self.of_run();
        labels.insert(STEP.to_owned(), step.to_owned());
        labels
    }

    /// Of what belongs to no step.
    pub(super) fn of_run(&self) -> HashMap<String, String> {
        let labels = [
            (RUN, self.run.clone()),
            (PID, self.pid.to_string()),
            (STARTED, self.started.clone()),
            (HOST, self.host.clone()),
        ];
        let container = self.container.iter().map(|id| (CONTAINER, id.clone()));
        labels.into_iter().chain(container).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Removes whatever has the run's label: a request that was called off may have been carried out all the same.
    pub(super) async fn sweep(&self, engine: &Engine) -> Result<(), String> {
        let own = self.own();
        for (name, _) in containers(engine, &own).await? {
            remove(engine, &name).await?;
        }
        for (name, _) in network::list(engine, &own).await? {
            network::remove(engine, &name).await?;
        }
        Ok(())
    }

    /// The labels that no other run has: its id alone is unique only in its folder.
    pub(super) fn own(&self) -> Vec<String> {
        let own = [(RUN, self.run.clone()), (PID, self.pid.to_string()), (STARTED, self.started.clone())];
        own.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// What a run made that may be over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// What the engine calls it.
    pub name: String,
    /// The run that made it.
    pub run: String,
    /// Whether that run still goes on, as far as can be seen from here.
    pub is_live: bool,
}

/// What kind of thing was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftoverKind {
    /// A container, running or not.
    Container,
    /// A network.
    Network,
}

impl LeftoverKind {
    /// What people call it.
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
    /// If the engine does not.
    pub async fn remove(&self, engine: &Engine) -> Result<(), EngineError> {
        let removed = match self.kind {
            LeftoverKind::Container => remove(engine, &self.name).await,
            LeftoverKind::Network => network::remove(engine, &self.name).await,
        };
        let what = || format!("cannot remove the {} {}", self.kind.noun(), self.name);
        removed.map_err(|why| EngineError::new(what(), why))
    }

    fn of(
        kind: LeftoverKind,
        (name, labels): (String, HashMap<String, String>),
        running: &HashSet<String>,
    ) -> Self {
        let run = labels.get(RUN).cloned().unwrap_or_default();
        Self { kind, name, run, is_live: is_live(&labels, running) }
    }
}

/// All that runs have made and not yet removed: first the containers, then the networks that they may be in.
///
/// # Errors
/// If the engine does not tell.
pub async fn leftovers(engine: &Engine) -> Result<Vec<Leftover>, EngineError> {
    let failed = |why| EngineError::new("cannot list what runs have left", why);
    let made = [RUN.to_owned()];
    let containers = containers(engine, &made).await.map_err(failed)?;
    let networks = network::list(engine, &made).await.map_err(failed)?;
    // After the others: whoever has made one of them was running before it was made.
    let running = running(engine).await.map_err(failed)?;
    let containers = containers.into_iter().map(|found| (LeftoverKind::Container, found));
    let networks = networks.into_iter().map(|found| (LeftoverKind::Network, found));
    Ok(containers.chain(networks).map(|(kind, found)| Leftover::of(kind, found, &running)).collect())
}

/// Removes all at once what has these labels, each `NAME=VALUE`, and does not stop at the first that cannot be removed; tells
/// how many there were.
///
/// # Errors
/// Why the engine does not tell what there is, or why one of them is still there.
pub async fn remove_all(engine: &Engine, labels: &[String]) -> Result<usize, EngineError> {
    let failed = |why| EngineError::new("cannot remove what a run has left", why);
    let found = containers(engine, labels).await.map_err(failed)?;
    let removals = found.iter().map(|(name, _)| remove(engine, name));
    let mut removed = futures::future::join_all(removals).await;
    let networks = network::list(engine, labels).await.map_err(failed)?;
    for (name, _) in networks {
        removed.push(network::remove(engine, &name).await);
    }
    let all = removed.len();
    removed.into_iter().collect::<Result<(), String>>().map_err(failed)?;
    Ok(all)
}

/// The containers that have these labels, as their names and labels.
async fn containers(
    engine: &Engine,
    labels: &[String],
) -> Result<Vec<(String, HashMap<String, String>)>, String> {
    let filters = HashMap::from([("label", labels.to_vec())]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = engine.docker().list_containers(Some(options)).await.map_err(|error| words(&error))?;
    let named = |summary: bollard::models::ContainerSummary| {
        let name = summary.names.unwrap_or_default().into_iter().next().or(summary.id)?;
        Some((name.trim_start_matches('/').to_owned(), summary.labels.unwrap_or_default()))
    };
    Ok(found.into_iter().filter_map(named).filter(|(_, known)| has_all(known, labels)).collect())
}

/// The ids of all containers that run.
async fn running(engine: &Engine) -> Result<HashSet<String>, String> {
    let found = engine.docker().list_containers(None).await.map_err(|error| words(&error))?;
    Ok(found.into_iter().filter_map(|summary| summary.id).collect())
}

/// Whether something has these labels, `NAME` or `NAME=VALUE`: not every engine heeds the filter of a list.
pub(super) fn has_all(known: &HashMap<String, String>, labels: &[String]) -> bool {
    labels.iter().all(|label| match label.split_once('=') {
        Some((name, value)) => known.get(name).is_some_and(|known| known == value),
        None => known.contains_key(label),
    })
}

/// Removes a container, running or not, with its nameless volumes.
pub(super) async fn remove(engine: &Engine, name: &str) -> Result<(), String> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    match engine.docker().remove_container(name, Some(options)).await {
        Ok(()) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(words(&error)),
    }
}

/// Whether there is no such thing any more, or somebody is removing it already.
pub(super) fn is_gone(error: &bollard::errors::Error) -> bool {
    use bollard::errors::Error::DockerResponseServerError as Answer;
    match error {
        Answer { status_code: 404, .. } => true,
        Answer { status_code: 409, message } => message.contains("already in progress"),
        _ => false,
    }
}

/// Whether the process that made a container still runs: the container that it is in or, of those that are in none, one of
/// its number that started at the same time. Another machine's cannot be looked at, and is taken to be alive.
fn is_live(labels: &HashMap<String, String>, running: &HashSet<String>) -> bool {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    match labels.get(CONTAINER) {
        Some(container) => running.contains(container),
        None => {
            let now = || label(PID).parse().ok().and_then(started);
            label(HOST) != host() || now().is_some_and(|now| now == label(STARTED))
        }
    }
}

/// Where the numbers of processes mean the same: a machine, or what a container shows of it.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let numbers = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {}", name.trim(), numbers.display())
}

/// When a process started, in the kernel's ticks; nothing if there is none.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may have anything in it; after it the start is the 20th field.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_alive_as_long_as_its_process() {
        let own = Labels::of("r", None).all("s");
        let with = |name: &str, value: &str| {
            let mut labels = own.clone();
            labels.insert(name.to_owned(), value.to_owned());
            is_live(&labels, &HashSet::new())
        };
        assert!(is_live(&own, &HashSet::new()));
        assert!(!with(STARTED, "1"), "another process of that number");
        assert!(!with(PID, "4194999"));
        assert!(with(HOST, "elsewhere"));
    }

    #[test]
    fn a_run_in_a_container_is_alive_as_long_as_that() {
        let labels = Labels::of("r", Some("0123")).all("s");
        assert!(is_live(&labels, &HashSet::from(["0123".to_owned()])));
        assert!(!is_live(&labels, &HashSet::from(["4567".to_owned()])));
    }
}
