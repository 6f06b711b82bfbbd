//! What a container needs at its creation to be a service: ports of this machine that lead to it, and no checks by the
//! engine.

use std::collections::HashMap;

use bollard::models::{HealthConfig, PortBinding};

use crate::executor::ServiceSpec;

/// Only programs of this machine reach what is published here.
const LOOPBACK: &str = "127.0.0.1";
/// The parts of the request that creates a container which make it a service.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) exposed: Option<Vec<String>>,
    pub(super) bindings: Option<HashMap<String, Option<Vec<PortBinding>>>>,
    pub(super) healthcheck: Option<HealthConfig>,
}

impl Parts {
    pub(super) fn of(service: Option<&ServiceSpec>) -> Self {
        let Some(ServiceSpec { alias: _, published }) = service else { return Self::default() };
        let binding = |(own, here): &(u16, Option<u16>)| {
            let here = here.map(|port| port.to_string()).unwrap_or_default();
            let binding = PortBinding { host_ip: Some(LOOPBACK.into()), host_port: Some(here) };
            (format!("{own}/tcp"), Some(vec![binding]))
        };
        let bindings: HashMap<_, _> = published.iter().map(binding).collect();
        let none = HealthConfig { test: Some(vec!["NONE".into()]), ..HealthConfig::default() };
        Self {
            exposed: Some(bindings.keys().cloned().collect()),
            bindings: Some(bindings),
            healthcheck: Some(none),
        }
    }
}

/// Returns the port of this machine that an engine could not publish, since another program has it.
pub(super) fn taken_port(text: &str) -> Option<u16> {
    if !text.contains("address already in use") && !text.contains("port is already allocated") {
        return None;
    }
    let (_, rest) = text.split_once(&format!("{LOOPBACK}:"))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_found_in_what_engines_say() {
        for text in [
            "driver failed programming external connectivity on endpoint x (0): Bind for 127.0.0.1:15432 failed: port \
             is already allocated",
            "driver failed programming external connectivity on endpoint x (0): Error starting userland proxy: listen \
             tcp4 127.0.0.1:15432: bind: address already in use",
            "failed to bind host port for 127.0.0.1:15432:172.18.0.2:5432/tcp: address already in use",
            "cannot listen on the TCP port: listen tcp4 127.0.0.1:15432: bind: address already in use",
            "rootlessport listen tcp 127.0.0.1:15432: bind: address already in use",
        ] {
            assert_eq!(taken_port(text), Some(15432), "{text}");
        }
        for other in ["bind: address already in use", "cannot reach 127.0.0.1:15432", "no such image"] {
            assert_eq!(taken_port(other), None, "{other}");
        }
    }

    #[test]
    fn only_services_are_published_and_only_here() {
        let service = ServiceSpec { alias: "db".into(), published: vec![(5432, None), (80, Some(8080))] };
        let Parts { exposed, bindings, healthcheck } = Parts::of(Some(&service));
        let mut exposed = exposed.unwrap();
        exposed.sort_unstable();
        assert_eq!(exposed, ["5432/tcp", "80/tcp"]);
        let binding =
            |port: &str| PortBinding { host_ip: Some("127.0.0.1".into()), host_port: Some(port.into()) };
        let bindings = bindings.unwrap();
        assert_eq!(bindings["5432/tcp"], Some(vec![binding("")]));
        assert_eq!(bindings["80/tcp"], Some(vec![binding("8080")]));
        assert_eq!(healthcheck.unwrap().test.unwrap(), ["NONE"]);
        let Parts { exposed, bindings, healthcheck } = Parts::of(None);
        assert!(exposed.is_none() && bindings.is_none() && healthcheck.is_none());
    }
}
