//! Who uses which service: names → steps, and what cannot reach what.

use std::collections::BTreeSet;

use crate::file::Code;
use crate::file::raw::RawUsedServices;
use crate::file::yaml::{Field, locate};
use crate::pipeline::{
    AddressPart, AddressRef, Container, Dependency, Need, Role, Service, Span, Step, StepId, Template, Usage,
};

use super::super::Lowering;
use super::super::list::Steps;

/// How a user and a service stand to the network of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    /// It sees this machine's own.
    Host,
    /// It has one of its own.
    Own,
    /// It has none.
    None,
}

impl Lowering<'_> {
    /// Has every step, service and shared container know the services that it uses.
    pub(in crate::file::lower) fn use_services(&mut self, steps: &mut Steps<'_>) {
        // Those that name something else: which addresses they may read is not known.
        let mut unclear = BTreeSet::new();
        for index in 0..steps.raw.len() {
            let id = StepId::new(index);
            let Some(raw) = steps.keys(id) else { continue };
            self.look_at(steps, id);
            let used = self.used(Some(id), &raw.services, steps);
            let named: BTreeSet<&String> = raw.services.names().into_iter().map(|(name, _)| name).collect();
            if named.len() > used.len() {
                unclear.insert(id);
            }
            if let Some(step) = steps.list.get_mut(index) {
                step.services = used;
            }
        }
        self.said = None;
        self.need_values(steps);
        for index in 0..steps.list.len() {
            let id = StepId::new(index);
            if steps.is_called(id) {
                continue;
            }
            self.look_at(steps, id);
            self.can_reach(id, steps);
            if !unclear.contains(&id) {
                self.addresses_read(id, steps);
            }
        }
        self.said = None;
    }

    /// Lets each step need the values that the services need which it uses: without them there is no such service, and
    /// no data for its users.
    fn need_values(&self, steps: &mut Steps<'_>) {
        for index in 0..steps.list.len() {
            let needed = match steps.list.get(index) {
                Some(step) if !step.role.is_beside() && !steps.is_called(StepId::new(index)) => {
                    values_of_services(step, steps)
                }
                Some(_) | None => continue,
            };
            let Some(step) = steps.list.get_mut(index) else { continue };
            for dependency in needed {
                match step.depends_on.iter_mut().find(|known| known.step == dependency.step) {
                    Some(known) => known.need = Need::Values,
                    None => step.depends_on.push(dependency),
                }
            }
        }
    }

    /// The services that names stand for, each once. `user` is the step that has the names; nothing for a shared
    /// container.
    pub(in crate::file::lower) fn used(
        &mut self,
        user: Option<StepId>,
        field: &Field<RawUsedServices>,
        steps: &mut Steps<'_>,
    ) -> Vec<Usage> {
        if let Some((RawUsedServices::Described(_), at)) = field.get() {
            let problem =
                self.at(Code::ServiceKey, at, "a step names the services that it uses, and describes none");
            self.report(
                problem.help(
                    "move it to the top of the file: services are shared; the step says `services: [db]`",
                ),
            );
        }
        let mut used: Vec<Usage> = Vec::new();
        for (text, at) in field.names() {
            let name = match user {
                Some(id) => self.name_for(steps, id, text, at),
                None => Some(text.as_str().into()),
            };
            let Some(name) = name else { continue };
            let Some(service) = self.service_named(&name, at, steps) else { continue };
            if Some(service) == user {
                let problem = self.at(Code::SelfDependency, at, format!("the service `{name}` uses itself"));
                self.report(problem.help("remove it from `services`"));
            } else if used.iter().all(|other| other.step != service) {
                used.push(Usage { step: service, at });
            }
        }
        used
    }

    fn service_named(&mut self, name: &str, at: Span, steps: &Steps<'_>) -> Option<StepId> {
        if let Some(&id) = steps.services.get(name).filter(|id| !steps.is_called(**id)) {
            return Some(id);
        }
        let (message, help) = if steps.services.contains_key(name) {
            (
                format!("`{name}` is a service of a file that is used, and its steps alone use it"),
                Some("a file has its own services: describe one at the top of this file".to_owned()),
            )
        } else if steps.ids(name).is_some() {
            (
                format!("`{name}` is a step, and no service"),
                Some(format!("a step that comes first is named under `depends_on: {name}`")),
            )
        } else {
            let help = self.nearest.help(name, self.own_services(steps));
            let declare = || {
                format!(
                    "describe it at the top of the file: `services: {{{name}: {{image: …, ports: […]}}}}`"
                )
            };
            (format!("there is no service `{name}`"), help.or_else(|| Some(declare())))
        };
        let problem = self.at(Code::UnknownService, at, message);
        self.report(problem.maybe_help(help));
        None
    }

    /// The names of the services of this file.
    fn own_services<'s>(&self, steps: &'s Steps<'_>) -> impl Iterator<Item = &'s str> + Clone {
        let own = |step: &&Step| step.role == Role::Service && step.call.is_none();
        steps.list.iter().filter(own).map(|step| step.name.as_str())
    }

    /// Reports services that a step cannot reach, as its network or theirs is.
    fn can_reach(&mut self, id: StepId, steps: &Steps<'_>) {
        let Some(step) = steps.list.get(id.index()) else { return };
        let own = network(step, steps);
        for usage in &step.services {
            let Some(service) = steps.list.get(usage.step.index()) else { continue };
            let (user, name) = (&step.name, &service.name);
            let (message, help) = match (own, network(service, steps)) {
                (Network::None, _) => (
                    format!("`{user}` has no network, and so reaches no service"),
                    "leave `network: none` out, or `services`".to_owned(),
                ),
                (_, Network::None) => (
                    format!("`{name}` has no network, and so cannot be reached"),
                    format!("leave `network: none` out at `{name}`"),
                ),
                (Network::Own, Network::Host) if service.container.is_none() => (
                    format!(
                        "`{user}` runs in a container, which does not reach `{name}`, a process of this machine"
                    ),
                    format!(
                        "give `{name}` an image, or `{user}` the network of this machine: `network: host`"
                    ),
                ),
                (Network::Own, Network::Host) => (
                    format!(
                        "`{user}` runs in a container with a network of its own, and `{name}` in that of this machine"
                    ),
                    format!("leave `network: host` out at `{name}`"),
                ),
                (Network::Host, Network::Host | Network::Own) | (Network::Own, Network::Own) => continue,
            };
            let problem = self.at(Code::ServiceNetwork, usage.at, message);
            self.report(problem.help(help));
        }
    }

    /// Reports addresses that a step reads of services that it does not use, and of ports that they do not have.
    fn addresses_read(&mut self, id: StepId, steps: &Steps<'_>) {
        let Some(step) = steps.list.get(id.index()) else { return };
        let texts: Vec<&Template> = step.templates().filter(|text| !text.addresses.is_empty()).collect();
        if texts.is_empty() {
            return;
        }
        let shared = step.shared.and_then(|usage| steps.list.get(usage.step.index()));
        let of_container = shared.map(|shared| shared.services.as_slice()).unwrap_or_default();
        let used: Vec<&Step> = step
            .services
            .iter()
            .chain(of_container)
            .filter_map(|usage| steps.list.get(usage.step.index()))
            .collect();
        for text in texts {
            for address in &text.addresses {
                let at = locate(self.source, text.at, &text.source, address.range.clone());
                match used.iter().find(|service| service.name == address.service) {
                    Some(Step { service: Some(service), .. }) => self.port_read(service, address, at),
                    Some(_) | None => self.not_used(step, address, at, steps),
                }
            }
        }
    }

    fn not_used(&mut self, step: &Step, address: &AddressRef, at: Span, steps: &Steps<'_>) {
        let (user, name) = (&step.name, &address.service);
        let (message, help) = match steps.services.contains_key(name.as_str()) {
            true => (
                format!("`{user}` reads where `{name}` is found, and does not use it"),
                Some(format!("add it to the services of `{user}`: `services: [{name}]`")),
            ),
            false => {
                (format!("there is no service `{name}`"), self.nearest.help(name, self.own_services(steps)))
            }
        };
        let problem = self.at(Code::UnknownService, at, message);
        self.report(problem.maybe_help(help));
    }

    fn port_read(&mut self, service: &Service, address: &AddressRef, at: Span) {
        let Service { name, ports, readiness: _ } = service;
        let has = |wanted: &str| ports.iter().any(|port| wanted.parse() == Ok(port.number));
        let wanted = match &address.part {
            AddressPart::Host => return,
            AddressPart::Port if !ports.is_empty() => return,
            AddressPart::PortOf(port) if has(port) => return,
            AddressPart::Port => None,
            AddressPart::PortOf(port) => Some(port),
        };
        let numbers: Vec<String> = ports.iter().map(|port| port.number.to_string()).collect();
        let (message, help) = match (wanted, numbers.as_slice()) {
            (None, _) => (
                format!("the service `{name}` has no ports"),
                format!("say at which it answers: `{name}: {{ports: [5432]}}`"),
            ),
            (Some(port), []) => (
                format!("the service `{name}` has no ports"),
                format!("say at which it answers: `{name}: {{ports: [{port}]}}`"),
            ),
            (Some(port), [only]) => (
                format!("the service `{name}` has no port {port}"),
                format!("its port is {only}: write `services.{name}.port`"),
            ),
            (Some(port), several) => (
                format!("the service `{name}` has no port {port}"),
                format!("its ports are {}", several.join(", ")),
            ),
        };
        let problem = self.at(Code::ServicePort, at, message);
        self.report(problem.help(help));
    }
}

/// The values that the services need which a step uses, by way of others as well.
fn values_of_services(step: &Step, steps: &Steps<'_>) -> Vec<Dependency> {
    let mut needed = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<Usage> = step.usages().collect();
    while let Some(usage) = open.pop() {
        let Some(service) = steps.list.get(usage.step.index()).filter(|_| seen.insert(usage.step)) else {
            continue;
        };
        let values = service.depends_on.iter().filter(|dependency| dependency.need == Need::Values);
        needed.extend(values.map(|dependency| Dependency { at: usage.at, ..*dependency }));
        open.extend(service.usages().map(|inner| Usage { step: inner.step, at: usage.at }));
    }
    needed
}

fn network(step: &Step, steps: &Steps<'_>) -> Network {
    let own = |container: &Container| match &container.network {
        Some(network) if network.is_literally("host") => Network::Host,
        Some(network) if network.is_literally("none") => Network::None,
        Some(_) | None => Network::Own,
    };
    let owner = step.shared.and_then(|usage| steps.list.get(usage.step.index())).unwrap_or(step);
    match (&owner.container, step.shared) {
        (Some(container), _) => own(container),
        (None, None) => Network::Host,
        // Its container is wrong, and that has been said.
        (None, Some(_)) => Network::Own,
    }
}
