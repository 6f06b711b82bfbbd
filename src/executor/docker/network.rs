//! The networks that steps name. A container whose step names none is alone in the engine's default network.
//!
//! A name that the engine knows means that network. Any other name means a network of the run: the first
//! container that asks for it has it made, and steps find each other there by their names.
//!
//! Services and the steps that use them share one more network of the run, beside their own. A user finds a service by
//! its name in two ways: by the engine, and by `/etc/hosts`, since not every engine answers for names, and the user's
//! own network may have another container of that name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use bollard::models::{EndpointSettings, NetworkCreateRequest, NetworkingConfig};
use parking_lot::Mutex;
use tokio::sync::{OnceCell, oneshot};
use tracing::debug;

use super::Shared;
use super::engine::{is_connection, is_gone, words};
use crate::executor::{StartError, StepSpec, SystemError};

/// Modes of the engine rather than names of networks.
const BUILT_IN: [&str; 4] = ["none", "bridge", "host", "default"];

/// The networks that containers of this run have asked for, by the names in the file.
#[derive(Default)]
pub(super) struct Networks {
    known: Mutex<HashMap<String, Arc<OnceCell<Network>>>>,
    /// The name of the one that services and their users share, once there is need of it.
    of_run: Arc<OnceCell<String>>,
    /// The services that have been started, by their names.
    services: Mutex<HashMap<String, Arc<Member>>>,
}

#[derive(Debug, Clone)]
struct Network {
    /// Its name in the engine.
    name: String,
    /// Whether this run has made it.
    is_own: bool,
}

/// What joins a container to networks. The default is the engine's default network.
#[derive(Default)]
pub(super) struct Joined {
    pub(super) mode: Option<String>,
    pub(super) endpoints: Option<NetworkingConfig>,
    /// A network that it is connected to once it is created: engines take one at the creation.
    pub(super) second: Option<(String, EndpointSettings)>,
    /// What its `/etc/hosts` says of services.
    pub(super) hosts: Vec<String>,
}

/// A service in a container.
struct Member {
    container: String,
    /// Its address in the network of the run, once a user has asked.
    address: OnceCell<Option<IpAddr>>,
}

impl Networks {
    /// Makes the networks of an attempt that do not exist, and returns how its container joins them.
    ///
    /// # Errors
    /// If the engine cannot look one up or make it, or if the container's own network keeps it from its services.
    pub(super) async fn join(
        &self,
        shared: &Arc<Shared>,
        spec: &StepSpec,
        own: Option<&str>,
    ) -> Result<Joined, StartError> {
        let joined = self.join_own(shared, own, &spec.name).await?;
        let alias = spec.service.as_ref().map(|service| service.alias.clone());
        let is_apart = own.is_some_and(|name| name == "none" || name.contains(':'));
        if let Some(own) = own.filter(|_| is_apart && !spec.services.is_empty()) {
            return Err(StartError::Step(format!(
                "`network: {own}` keeps it from its services: leave `network` out, or name one that containers join"
            )));
        }
        // A service that is apart is found in other ways than by its name.
        if (alias.is_none() && spec.services.is_empty()) || is_apart || own == Some("host") {
            return Ok(joined);
        }
        let make = |shared: Arc<Shared>| async move { make(&shared, "", "of the run").await };
        let run = filled(shared, &self.of_run, make).await?;
        let mut hosts = Vec::new();
        for name in &spec.services {
            if let Some(address) = self.address(shared, name, &run).await? {
                hosts.push(format!("{name}:{address}"));
            }
        }
        let settings =
            EndpointSettings { aliases: alias.map(|alias| vec![alias]), ..EndpointSettings::default() };
        Ok(match own {
            None => {
                let endpoints = Some(endpoint(&run, settings));
                Joined { mode: Some(run), endpoints, second: None, hosts }
            }
            Some(_) => Joined { second: Some((run, settings)), hosts, ..joined },
        })
    }

    /// Notes the container of a service, which others find by its name from now on.
    pub(super) fn enter(&self, name: &str, container: &str) {
        let member = Member { container: container.to_owned(), address: OnceCell::new() };
        self.services.lock().insert(name.to_owned(), Arc::new(member));
    }

    /// Returns the address of a service that runs in a container; nothing of one that is not in the network of the run.
    async fn address(&self, shared: &Shared, name: &str, run: &str) -> Result<Option<IpAddr>, StartError> {
        let Some(member) = self.services.lock().get(name).cloned() else { return Ok(None) };
        let ask = async || {
            let found = shared.engine.docker().inspect_container(&member.container, None).await;
            let found = found.map_err(|error| {
                shared.engine.blame(&format!("the address of `{name}` cannot be found out"), error)
            })?;
            let networks = found.network_settings.and_then(|settings| settings.networks);
            Ok(networks.and_then(|mut networks| address_of(&networks.remove(run)?)))
        };
        member.address.get_or_try_init(ask).await.copied()
    }

    /// Returns how a container joins the network that its step names.
    async fn join_own(
        &self,
        shared: &Arc<Shared>,
        network: Option<&str>,
        step: &str,
    ) -> Result<Joined, StartError> {
        let Some(name) = network else { return Ok(Joined::default()) };
        if BUILT_IN.contains(&name) || name.contains(':') {
            return Ok(Joined { mode: Some(name.to_owned()), ..Joined::default() });
        }
        let cell = {
            let mut known = self.known.lock();
            Arc::clone(known.entry(name.to_owned()).or_default())
        };
        let wanted = name.to_owned();
        let find_or_make = |shared: Arc<Shared>| async move { find_or_make(&shared, &wanted).await };
        let Network { name, is_own } = filled(shared, &cell, find_or_make).await?;
        let endpoints = is_own.then(|| {
            let settings = EndpointSettings { aliases: Some(vec![step.to_owned()]), ..Default::default() };
            endpoint(&name, settings)
        });
        Ok(Joined { mode: Some(name), endpoints, ..Joined::default() })
    }
}

/// Returns what a cell has, and fills it before if it is empty: in a task of its own, so that a start that is called off
/// leaves no network behind that the end of the run does not know, and that a later start would make again.
async fn filled<T, F>(
    shared: &Arc<Shared>,
    cell: &Arc<OnceCell<T>>,
    make: impl FnOnce(Arc<Shared>) -> F + Send + 'static,
) -> Result<T, StartError>
where
    T: Clone + Send + Sync + 'static,
    F: Future<Output = Result<T, StartError>> + Send + 'static,
{
    if let Some(known) = cell.get() {
        return Ok(known.clone());
    }
    let (sender, answer) = oneshot::channel();
    let (owned, cell) = (Arc::clone(shared), Arc::clone(cell));
    shared.later(async move {
        let filled = cell.get_or_try_init(|| make(owned)).await.cloned();
        let _ = sender.send(filled);
    });
    answer.await.map_err(|_| SystemError::new("lost a network", "the task that makes it has ended"))?
}

fn endpoint(network: &str, settings: EndpointSettings) -> NetworkingConfig {
    NetworkingConfig { endpoints_config: Some(HashMap::from([(network.to_owned(), settings)])) }
}

fn address_of(endpoint: &EndpointSettings) -> Option<IpAddr> {
    let mut addresses = [&endpoint.ip_address, &endpoint.global_ipv6_address].into_iter().flatten();
    addresses.find_map(|address| address.parse().ok())
}

async fn find_or_make(shared: &Shared, name: &str) -> Result<Network, StartError> {
    let docker = shared.engine.docker();
    match docker.inspect_network(name, None).await {
        Ok(_) => return Ok(Network { name: name.to_owned(), is_own: false }),
        Err(error) if is_gone(&error) => {}
        Err(error) => return Err(failed(shared, &format!("`{name}`"), "looked for", error)),
    }
    let own = make(shared, &format!("-{name}"), &format!("`{name}`")).await?;
    Ok(Network { name: own, is_own: true })
}

/// Makes a network of the run, and returns its name in the engine.
async fn make(shared: &Shared, suffix: &str, shown: &str) -> Result<String, StartError> {
    let own = format!("pipe-{}{suffix}", shared.labels.run());
    debug!(network = own, "docker: create network");
    let request = NetworkCreateRequest {
        name: own.clone(),
        driver: Some("bridge".into()),
        labels: Some(shared.labels.of_run()),
        ..NetworkCreateRequest::default()
    };
    let made = shared.engine.docker().create_network(request).await;
    made.map_err(|error| failed(shared, shown, "made", error))?;
    Ok(own)
}

fn failed(shared: &Shared, name: &str, what: &str, error: bollard::errors::Error) -> StartError {
    match is_connection(&error) {
        true => shared.engine.lost(error).into(),
        false => StartError::Step(format!("the network {name} cannot be {what}: {}", words(&error))),
    }
}
