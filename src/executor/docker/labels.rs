//! The labels of containers and networks: which run has made them, and whether that run is alive.

use std::collections::{HashMap, HashSet};

/// The labels of everything that a run makes in the engine.
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
    /// Returns the labels of a run of this process. `container` is the id of the container that this process
    /// runs in, if the same engine has made it.
    pub(super) fn of(run: &str, container: Option<&str>) -> Self {
        let pid = std::process::id();
        let (started, container) = (started(pid).unwrap_or_default(), container.map(str::to_owned));
        Self { run: run.to_owned(), pid, started, host: host(), container }
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// Returns the labels of a container of this step.
    pub(super) fn all(&self, step: &str) -> HashMap<String, String> {
        let mut labels = self.of_run();
        labels.insert(STEP.to_owned(), step.to_owned());
        labels
    }

    /// Returns the labels of a network, which belongs to no step.
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

    /// Returns the labels that together no other run has: a run's id is unique only in its folder.
    pub(super) fn own(&self) -> Vec<String> {
        let own = [(RUN, self.run.clone()), (PID, self.pid.to_string()), (STARTED, self.started.clone())];
        own.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// Returns whether `known` has all these labels, each `NAME` or `NAME=VALUE`. Not every engine applies the
/// filter of a list.
pub(super) fn has_all(known: &HashMap<String, String>, labels: &[String]) -> bool {
    labels.iter().all(|label| match label.split_once('=') {
        Some((name, value)) => known.get(name).is_some_and(|known| known == value),
        None => known.contains_key(label),
    })
}

/// Returns whether the run that made something with these labels is alive. It is, if its own container is
/// among the running ones or, outside of containers, if its process id belongs to a process with the same
/// start time. A process of another machine cannot be checked and counts as alive.
pub(super) fn is_live(labels: &HashMap<String, String>, running: &HashSet<String>) -> bool {
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    match labels.get(CONTAINER) {
        Some(container) => running.contains(container),
        None => {
            let now = || label(PID).parse().ok().and_then(started);
            label(HOST) != host() || now().is_some_and(|now| now == label(STARTED))
        }
    }
}

/// Identifies the PID namespace in which process ids are comparable: the machine's name and the namespace's
/// inode.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let numbers = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {}", name.trim(), numbers.display())
}

/// Returns the start time of a process in kernel ticks since boot; `None` if it does not exist.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may contain anything; the start time is the 20th field after it.
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
