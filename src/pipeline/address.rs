//! Where a step finds the services that it uses. Each step has its own view: a container reaches a service by its name,
//! a process of this machine by a port of this machine.

use std::collections::BTreeMap;

use super::{Endpoints, Pipeline, Step, StepId, Usage};

/// Where a step finds a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A host name, or an address.
    pub host: String,
    /// Each port of the service, and the one that leads there.
    pub ports: Vec<(u16, u16)>,
}

/// Where a step finds the services that it uses, by the names that its file has for them.
pub type Addresses = BTreeMap<String, Address>;

/// The address of this machine, as its own processes have it.
const THIS_MACHINE: &str = "127.0.0.1";

impl Pipeline {
    /// Returns the services that a step reaches: its own, and those of the shared container that it runs in.
    pub fn services_of<'p>(&'p self, step: &'p Step) -> impl Iterator<Item = Usage> + 'p {
        let shared = step.shared.map(|usage| self.step(usage.step));
        let of_container = shared.into_iter().flat_map(|shared| shared.services.iter().copied());
        let is_new = |usage: &Usage| step.services.iter().all(|own| own.step != usage.step);
        step.services.iter().copied().chain(of_container.filter(is_new))
    }

    /// Returns the name by which containers reach a service.
    pub fn alias(&self, service: StepId) -> &str {
        &self.step(service).name
    }

    /// Returns where a step finds the services that it reaches.
    pub fn addresses(&self, step: &Step, endpoints: &Endpoints) -> Addresses {
        let is_on_host = self.is_on_host(step);
        let of = |usage: Usage| {
            let service = self.step(usage.step).service.as_ref()?;
            let published = endpoints.get(&usage.step).map(|endpoint| &endpoint.published);
            let seen = |own: u16| match published.and_then(|published| published.get(&own)) {
                Some(&port) if is_on_host => port,
                Some(_) | None => own,
            };
            let host = if is_on_host { THIS_MACHINE } else { self.alias(usage.step) };
            let ports = service.ports.iter().map(|port| (port.number, seen(port.number))).collect();
            Some((service.name.clone(), Address { host: host.to_owned(), ports }))
        };
        self.services_of(step).filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{
        Action, Container, Endpoint, Exec, Image, Pull, Readiness, Resources, Role, Service, ServicePort,
        Source, Span, Template,
    };

    fn container(network: Option<&str>) -> Box<Container> {
        let text = |text: &str| Template::literal(text, Span::default());
        Box::new(Container {
            image: Image::Named(text("x")),
            at: Span::default(),
            stands_in: false,
            pull: Pull::Missing,
            platform: None,
            user: None,
            network: network.map(text),
            mounts: Vec::new(),
            resources: Resources::default(),
        })
    }

    fn step(name: &str) -> Step {
        Step::new(name, Span::default(), Action::Exec(Exec { entrypoint: None, args: Vec::new() }))
    }

    fn service(name: &str, local: &str, ports: &[u16]) -> Step {
        let ports = ports.iter().map(|port| ServicePort { number: *port, published: None }).collect();
        let service = Service { name: local.into(), ports, readiness: Readiness::Found };
        Step { role: Role::Service, service: Some(Box::new(service)), ..step(name) }
    }

    fn uses(ids: &[usize]) -> Vec<Usage> {
        ids.iter().map(|id| Usage { step: StepId::new(*id), at: Span::default() }).collect()
    }

    /// What a step finds: `HOST OWN>SEEN …` of each service.
    fn found(pipeline: &Pipeline, name: &str, endpoints: &Endpoints) -> Vec<String> {
        let step = pipeline.steps.iter().find(|step| step.name == name).unwrap();
        let shown = |(name, Address { host, ports }): (String, Address)| {
            let ports: Vec<String> = ports.iter().map(|(own, seen)| format!("{own}>{seen}")).collect();
            format!("{name} {host} {}", ports.join(" "))
        };
        pipeline.addresses(step, endpoints).into_iter().map(shown).collect()
    }

    #[test]
    fn each_step_finds_a_service_its_own_way() {
        let mut pipeline = Pipeline::new("p", Source::new("p.yml", ""));
        pipeline.steps = vec![
            Step { container: Some(container(None)), ..service("call.db", "db", &[5432, 5433]) },
            service("api", "api", &[8080]),
            Step {
                role: Role::Container,
                container: Some(container(None)),
                services: uses(&[0]),
                ..step("ci")
            },
            Step { services: uses(&[0, 1]), ..step("host") },
            Step { services: uses(&[0]), container: Some(container(None)), ..step("own") },
            Step { services: uses(&[0, 1]), container: Some(container(Some("host"))), ..step("on-host") },
            Step { shared: uses(&[2]).first().copied(), ..step("shared") },
            step("other"),
        ];
        let published = |ports: &[(u16, u16)]| Endpoint { published: ports.iter().copied().collect() };
        let endpoints = Endpoints::from([
            (StepId::new(0), published(&[(5432, 32801), (5433, 32802)])),
            (StepId::new(1), published(&[(8080, 8080)])),
        ]);
        let of_host = ["api 127.0.0.1 8080>8080", "db 127.0.0.1 5432>32801 5433>32802"];
        assert_eq!(found(&pipeline, "host", &endpoints), of_host);
        assert_eq!(found(&pipeline, "on-host", &endpoints), of_host);
        for name in ["own", "shared"] {
            assert_eq!(found(&pipeline, name, &endpoints), ["db call.db 5432>5432 5433>5433"], "{name}");
        }
        assert!(found(&pipeline, "other", &endpoints).is_empty());
    }

    #[test]
    fn names_become_variables() {
        assert_eq!(Service::variable("my-db.1", "HOST"), "PIPE_SERVICE_MY_DB_1_HOST");
    }
}
