//! Addresses of services: `services.NAME.host`, `services.NAME.port` and `services.NAME.ports['5432']`.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};

use super::outputs::identifier;
use super::references::Path;
use super::{TemplateError, TemplateErrorKind};
use crate::pipeline::{Address, AddressPart, AddressRef, Addresses, Text};

/// Why a text may not read addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressRefusal {
    /// It is a condition, which is asked before its step starts.
    Condition,
    /// It is needed before any service has started.
    Early,
}

/// Returns what a path that begins with `services` reads. Whether there is such a service is not looked at.
pub(super) fn read(
    path: &Path<'_>,
    text: &str,
    refusal: Option<AddressRefusal>,
) -> Result<AddressRef, TemplateError> {
    let error = |message: String, help: String| TemplateError {
        kind: TemplateErrorKind::Undefined,
        range: path.range.clone(),
        message,
        help: Some(help),
    };
    if let Some(refusal) = refusal {
        let (message, help) = match refusal {
            AddressRefusal::Condition => (
                "a condition is asked before its step starts, when no service need be ready",
                "let the script of the step ask: it knows where its services are found",
            ),
            AddressRefusal::Early => (
                "where a service is found is not known here",
                "a step that names it under `services` can read it: in its script, its arguments and its `env`",
            ),
        };
        return Err(error(message.to_owned(), help.to_owned()));
    }
    let address =
        |service: &str, part| AddressRef { service: service.to_owned(), part, range: path.range.clone() };
    match path.attributes.as_slice() {
        [service, "host"] => Ok(address(service, AddressPart::Host)),
        [service, "port"] => Ok(address(service, AddressPart::Port)),
        [service, "ports", port] => Ok(address(service, AddressPart::PortOf((*port).to_owned()))),
        [service, "ports"] => Err(error(
            format!("`{text}` needs a port behind it"),
            format!(
                "write it in quotes: `services.{service}.ports['5432']`; the first one is `services.{service}.port`"
            ),
        )),
        [] => Err(error(
            "`services` needs the name of a service".into(),
            "write `services.NAME.host` or `services.NAME.port`".into(),
        )),
        [service, ..] => Err(error(
            format!("`{text}` is not defined"),
            format!(
                "there is `services.{service}.host`, `services.{service}.port` and `services.{service}.ports['5432']`"
            ),
        )),
    }
}

/// Returns the services that a text reads, as a value; nothing if it reads none. A placeholder stands for each address
/// that is not known.
pub(super) fn view(text: &Text, known: Option<&Addresses>) -> Option<Value> {
    text.addresses.first()?;
    let mut services: BTreeMap<String, ServiceView> = BTreeMap::new();
    for AddressRef { service, part, range: _ } in &text.addresses {
        let view = services.entry(service.clone()).or_default();
        let address = known.map(|known| known.get(service));
        match part {
            AddressPart::Host => {
                view.host = value(address, service, "host", |address| Some(address.host.as_str().into()));
            }
            AddressPart::Port => view.port = value(address, service, "port", |address| port(address, None)),
            AddressPart::PortOf(own) => {
                let name = format!("ports['{own}']");
                let of = |address: &Address| port(address, Some(own.parse().ok()?));
                view.ports.insert(own.clone(), value(address, service, &name, of));
            }
        }
    }
    Some(Value::from_object(ServicesView(services)))
}

/// Returns a part of an address, or what stands for it.
fn value(
    address: Option<Option<&Address>>,
    service: &str,
    part: &str,
    of: impl FnOnce(&Address) -> Option<Value>,
) -> Value {
    match address {
        Some(address) => address.and_then(of).unwrap_or_default(),
        None => Value::from(placeholder(service, part)),
    }
}

/// Returns what stands for an address that is not known yet.
pub(super) fn placeholder(service: &str, part: &str) -> String {
    format!("<services.{service}.{part}>")
}

/// Returns the port that leads to one of the service's, else to its first.
fn port(address: &Address, own: Option<u16>) -> Option<Value> {
    let mut ports = address.ports.iter();
    let found = ports.find(|(number, _)| own.is_none_or(|own| own == *number));
    found.map(|(_, seen)| Value::from(*seen))
}

/// One service, as far as a text reads it.
#[derive(Debug, Clone, Default)]
struct ServiceView {
    host: Value,
    port: Value,
    ports: BTreeMap<String, Value>,
}

/// The services that a text reads, as minijinja sees them.
#[derive(Debug)]
struct ServicesView(BTreeMap<String, ServiceView>);

impl Object for ServicesView {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let by_identifier = || self.0.iter().find(|(service, _)| identifier(service) == name);
        let view = self.0.get(name).or_else(|| by_identifier().map(|(_, view)| view))?;
        let ServiceView { host, port, ports } = view.clone();
        let parts = [("host", host), ("port", port), ("ports", Value::from_object(ports))];
        let parts = parts.map(|(part, value)| (part.to_owned(), value));
        Some(Value::from_object(BTreeMap::from(parts)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Span;
    use crate::template::{Names, Scope, Shells, TemplateRenderer, TextContext, compile, condition};

    fn names() -> Names {
        Names { services: true, ..Names::default() }
    }

    fn rendered(source: &str, place: TextContext, known: Option<&Addresses>) -> String {
        let text = compile(source, Span::default(), place, &names()).unwrap();
        let scope = Scope { addresses: known, ..Scope::default() };
        TemplateRenderer::new(crate::template::RunContext::default()).render(&text, scope).unwrap()
    }

    fn known() -> Addresses {
        let address = |host: &str, ports: &[(u16, u16)]| Address { host: host.into(), ports: ports.to_vec() };
        Addresses::from([
            ("db".into(), address("127.0.0.1", &[(5432, 32801), (5433, 32802)])),
            ("my-db.1".into(), address("my-db.1", &[(3306, 3306)])),
        ])
    }

    #[test]
    fn addresses_are_read_by_name() {
        let known = known();
        for (source, expected) in [
            ("{{ services.db.host }}:{{ services.db.port }}", "127.0.0.1:32801"),
            ("{{ services.db.ports['5433'] }}", "32802"),
            ("{{ services.my-db.1.host }} {{ services.my-db.1.port }}", "my-db.1 3306"),
            ("{{ services.my-db.1.ports['3306'] }}", "3306"),
            ("{{ services['my-db.1'].port + 1 }}", "3307"),
            ("{% if services.db.port == 32801 %}yes{% endif %}", "yes"),
        ] {
            assert_eq!(rendered(source, TextContext::Plain, Some(&known)), expected, "{source}");
        }
    }

    #[test]
    fn placeholders_stand_for_what_is_not_known_and_are_data_for_shells() {
        let source = "{{ services.db.host }} {{ services.db.port }} {{ services.db.ports['5433'] }}";
        let expected = "<services.db.host> <services.db.port> <services.db.ports['5433']>";
        assert_eq!(rendered(source, TextContext::Plain, None), expected);
        let script = rendered("nc {{ services.db.port }}", TextContext::PosixShell(Shells::SH), None);
        assert_eq!(script, "nc '<services.db.port>'");
    }

    #[test]
    fn what_cannot_be_read_says_what_can() {
        let wrong = |source: &str, names: &Names| {
            let errors = compile(source, Span::default(), TextContext::Plain, names).unwrap_err();
            let [TemplateError { message, help, .. }] = errors.as_slice() else { panic!("{errors:?}") };
            format!("{message}; {}", help.as_deref().unwrap_or_default())
        };
        for (source, part) in [
            ("{{ services }}", "write `services.NAME.host`"),
            ("{{ services.db }}", "there is `services.db.host`"),
            ("{{ services.db.url }}", "`services.db.url` is not defined"),
            ("{{ services.db.ports }}", "services.db.ports['5432']"),
            ("{{ services.db.ports[5432] }}", "write it in quotes"),
        ] {
            let said = wrong(source, &names());
            assert!(said.contains(part), "{source}: {said}");
        }
        let early = wrong("{{ services.db.port }}", &Names::default());
        assert!(early.contains("a step that names it under `services`"), "{early}");
        let asked = condition("services.db.port == 1", Span::default(), &names()).unwrap_err();
        assert!(asked[0].message.contains("a condition is asked before its step starts"), "{asked:?}");
        let compared = wrong("{% if services.db.port == '5432' %}x{% endif %}", &names());
        assert!(compared.contains("never equal"), "{compared}");
    }
}
