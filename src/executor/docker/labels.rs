//! The labels by which containers are known, and how what is left behind is found.

use std::collections::HashMap;

use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};

use super::engine::{Engine, words};
use crate::executor::EngineError;

/// The labels of a run's containers.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    run: String,
    pid: u32,
    started: String,
    host: String,
}

const RUN: &str = "pipe.run";
const STEP: &str = "pipe.step";
const PID: &str = "pipe.pid";
const STARTED: &str = "pipe.started";
const HOST: &str = "pipe.host";

impl Labels {
    pub(super) fn of(run: &str) -> Self {
        let pid = std::process::id();
        Self { run: run.to_owned(), pid, started: started(pid).unwrap_or_default(), host: host() }
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }

    pub(super) fn all(&self, step: &str) -> HashMap<String, String> {
        let labels = [
            (RUN, self.run.clone()),
            (STEP, step.to_owned()),
            (PID, self.pid.to_string()),
            (STARTED, self.started.clone()),
            (HOST, self.host.clone()),
        ];
        labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Removes whatever has the run's label: a request that was called off may have been carried out all the same.
    pub(super) async fn sweep(&self, engine: &Engine) -> Result<(), String> {
        for found in find(engine, &format!("{RUN}={}", self.run)).await? {
            remove(engine, &found.id).await?;
        }
        Ok(())
    }
}

/// A container of a run that may be over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The run that made it.
    pub run: String,
    /// Whether that run still goes on, as far as can be seen from here.
    pub is_live: bool,
}

impl Leftover {
    /// Removes it, running or not.
    ///
    /// # Errors
    /// If the engine does not.
    pub async fn remove(&self, engine: &Engine) -> Result<(), EngineError> {
        remove(engine, &self.id)
            .await
            .map_err(|why| EngineError::new(format!("cannot remove the container {}", self.name), why))
    }
}

/// All containers that runs have made and not yet removed.
///
/// # Errors
/// If the engine does not tell.
pub async fn leftovers(engine: &Engine) -> Result<Vec<Leftover>, EngineError> {
    find(engine, RUN).await.map_err(|why| EngineError::new("cannot list the containers of runs", why))
}

async fn find(engine: &Engine, label: &str) -> Result<Vec<Leftover>, String> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = engine.docker().list_containers(Some(options)).await.map_err(|error| words(&error))?;
    let leftover = |summary: bollard::models::ContainerSummary| {
        let labels = summary.labels.unwrap_or_default();
        let label = |name: &str| labels.get(name).map_or("", String::as_str);
        let names = summary.names.unwrap_or_default();
        let id = summary.id?;
        Some(Leftover {
            name: names.first().map_or(&id, |name| name).trim_start_matches('/').to_owned(),
            run: label(RUN).to_owned(),
            is_live: is_live(label(HOST), label(PID), label(STARTED)),
            id,
        })
    };
    Ok(found.into_iter().filter_map(leftover).collect())
}

async fn remove(engine: &Engine, id: &str) -> Result<(), String> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    match engine.docker().remove_container(id, Some(options)).await {
        Ok(()) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(words(&error)),
    }
}

/// Whether there is no such container any more, or somebody is removing it already.
pub(super) fn is_gone(error: &bollard::errors::Error) -> bool {
    use bollard::errors::Error::DockerResponseServerError as Answer;
    match error {
        Answer { status_code: 404, .. } => true,
        Answer { status_code: 409, message } => message.contains("already in progress"),
        _ => false,
    }
}

/// Whether the process that made a container still runs: one of its number that started at the same time. Another
/// machine's cannot be looked at, and is taken to be alive.
fn is_live(made_on: &str, pid: &str, made_by: &str) -> bool {
    made_on != host() || pid.parse().ok().and_then(started).is_some_and(|now| now == made_by)
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| String::new(), |name| name.trim().to_owned())
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
        let own = Labels::of("r").all("s");
        assert!(is_live(&own[HOST], &own[PID], &own[STARTED]));
        assert!(!is_live(&own[HOST], &own[PID], "1"), "another process of that number");
        assert!(!is_live(&own[HOST], "4194999", &own[STARTED]));
        assert!(is_live("elsewhere", "1", "1"));
    }
}
