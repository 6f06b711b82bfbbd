//! The networks that steps name. A container whose step names none is alone in the engine's default network.
//!
//! A name that the engine knows means that network. Any other name means a network of the run: the first
//! container that asks for it has it made, and steps find each other there by their names.

use std::collections::HashMap;
use std::sync::Arc;

use bollard::models::{EndpointSettings, NetworkCreateRequest, NetworkingConfig};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tracing::debug;

use super::Shared;
use super::engine::{is_connection, is_gone, words};
use crate::executor::StartError;

/// Modes of the engine rather than names of networks.
const BUILT_IN: [&str; 4] = ["none", "bridge", "host", "default"];

/// The networks that containers of this run have asked for, by the names in the file.
#[derive(Default)]
pub(super) struct Networks {
    known: Mutex<HashMap<String, Arc<OnceCell<Network>>>>,
}

#[derive(Debug, Clone)]
struct Network {
    /// Its name in the engine.
    name: String,
    /// Whether this run has made it.
    is_own: bool,
}

/// The parts of a container's configuration that join it to a network. The default is the engine's default
/// network.
#[derive(Default)]
pub(super) struct Joined {
    pub(super) mode: Option<String>,
    pub(super) endpoints: Option<NetworkingConfig>,
}

impl Networks {
    /// Makes the network if it does not exist, and returns how a container of this step joins it.
    ///
    /// # Errors
    /// If the engine cannot look it up or make it.
    pub(super) async fn join(
        &self,
        shared: &Shared,
        network: Option<&str>,
        step: &str,
    ) -> Result<Joined, StartError> {
        let Some(name) = network else { return Ok(Joined::default()) };
        if BUILT_IN.contains(&name) || name.contains(':') {
            return Ok(Joined { mode: Some(name.to_owned()), endpoints: None });
        }
        let cell = {
            let mut known = self.known.lock();
            Arc::clone(known.entry(name.to_owned()).or_default())
        };
        let Network { name, is_own } = cell.get_or_try_init(|| find_or_make(shared, name)).await?.clone();
        let endpoints = is_own.then(|| {
            let settings = EndpointSettings { aliases: Some(vec![step.to_owned()]), ..Default::default() };
            NetworkingConfig { endpoints_config: Some(HashMap::from([(name.clone(), settings)])) }
        });
        Ok(Joined { mode: Some(name), endpoints })
    }
}

async fn find_or_make(shared: &Shared, name: &str) -> Result<Network, StartError> {
    let docker = shared.engine.docker();
    match docker.inspect_network(name, None).await {
        Ok(_) => return Ok(Network { name: name.to_owned(), is_own: false }),
        Err(error) if is_gone(&error) => {}
        Err(error) => return Err(failed(shared, name, "looked for", error)),
    }
    let own = format!("pipe-{}-{name}", shared.labels.run());
    debug!(network = own, "docker: create network");
    let request = NetworkCreateRequest {
        name: own.clone(),
        driver: Some("bridge".into()),
        labels: Some(shared.labels.of_run()),
        ..NetworkCreateRequest::default()
    };
    let made = docker.create_network(request).await;
    made.map_err(|error| failed(shared, name, "made", error))?;
    Ok(Network { name: own, is_own: true })
}

fn failed(shared: &Shared, name: &str, what: &str, error: bollard::errors::Error) -> StartError {
    match is_connection(&error) {
        true => shared.engine.lost(error).into(),
        false => StartError::Step(format!("the network `{name}` cannot be {what}: {}", words(&error))),
    }
}
