//! The networks of a run. A name that the engine knows is that network; any other is one of the run's own, made when the
//! first container asks for it. There, steps find each other by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bollard::models::{EndpointSettings, NetworkCreateRequest, NetworkingConfig};
use bollard::query_parameters::ListNetworksOptionsBuilder;
use tokio::sync::OnceCell;

use super::Shared;
use super::engine::{Engine, is_connection, words};
use super::labels::{has_all, is_gone};
use super::sandbox::Lease;
use crate::executor::{Program, StartError, StepSpec};

/// Names with a meaning of their own.
const BUILT_IN: [&str; 4] = ["none", "bridge", "host", "default"];

/// The networks that containers have asked for, by what steps call them; each is known to the engine by another name if
/// the run has made it.
#[derive(Default)]
pub(super) struct Networks {
    found: Mutex<HashMap<String, Arc<OnceCell<Found>>>>,
}

/// A network that there is.
#[derive(Debug, Clone)]
struct Found {
    /// What the engine calls it.
    name: String,
    /// Whether the run has made it.
    own: bool,
}

/// How a container joins its network.
#[derive(Default)]
pub(super) struct Joined {
    pub(super) mode: Option<String>,
    pub(super) endpoints: Option<NetworkingConfig>,
    /// To be held as long as the container is there.
    pub(super) lease: Option<Lease>,
}

impl Networks {
    /// Sees to it that there is a network; how a container of this step joins it.
    pub(super) async fn join(
        &self,
        shared: &Arc<Shared>,
        network: Option<&str>,
        image: &str,
        spec: &StepSpec,
    ) -> Result<Joined, StartError> {
        let Some(name) = network else {
            let has_shell = matches!(spec.program, Program::Script { .. });
            let may_keep = has_shell && !shared.engine.is_podman();
            let lease = shared.sandboxes.enter(shared, image, may_keep).await;
            return Ok(Joined { mode: lease.mode(), endpoints: None, lease: Some(lease) });
        };
        if BUILT_IN.contains(&name) || name.contains(':') {
            return Ok(Joined { mode: Some(name.to_owned()), ..Joined::default() });
        }
        let cell = {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(found.entry(name.to_owned()).or_default())
        };
        let Found { name, own } = cell.get_or_try_init(|| find_or_make(shared, name)).await?.clone();
        let endpoints = own.then(|| {
            let settings = EndpointSettings { aliases: Some(vec![spec.name.clone()]), ..Default::default() };
            NetworkingConfig { endpoints_config: Some(HashMap::from([(name.clone(), settings)])) }
        });
        Ok(Joined { mode: Some(name), endpoints, lease: None })
    }
}

async fn find_or_make(shared: &Shared, name: &str) -> Result<Found, StartError> {
    let docker = shared.engine.docker();
    match docker.inspect_network(name, None).await {
        Ok(_) => return Ok(Found { name: name.to_owned(), own: false }),
        Err(error) if is_gone(&error) => {}
        Err(error) => return Err(failed(shared, name, "looked for", &error)),
    }
    let own = format!("pipe-{}-{name}", shared.labels.run());
    let request = NetworkCreateRequest {
        name: own.clone(),
        driver: Some("bridge".into()),
        labels: Some(shared.labels.of_run()),
        ..NetworkCreateRequest::default()
    };
    let made = docker.create_network(request).await;
    made.map_err(|error| failed(shared, name, "made", &error))?;
    Ok(Found { name: own, own: true })
}

fn failed(shared: &Shared, name: &str, what: &str, error: &bollard::errors::Error) -> StartError {
    match is_connection(error) {
        true => shared.engine.lost(error).into(),
        false => StartError::Step(format!("the network `{name}` cannot be {what}: {}", words(error))),
    }
}

/// The networks that have these labels, as their names and labels.
pub(super) async fn list(
    engine: &Engine,
    labels: &[String],
) -> Result<Vec<(String, HashMap<String, String>)>, String> {
    let filters = HashMap::from([("label", labels.to_vec())]);
    let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let networks = engine.docker().list_networks(Some(options)).await.map_err(|error| words(&error))?;
    let known = networks.into_iter().filter_map(|network| Some((network.name?, network.labels?)));
    Ok(known.filter(|(_, known)| has_all(known, labels)).collect())
}

/// Removes a network that no container is in any more.
pub(super) async fn remove(engine: &Engine, name: &str) -> Result<(), String> {
    match engine.docker().remove_network(name).await {
        Ok(()) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(words(&error)),
    }
}
