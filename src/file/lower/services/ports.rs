//! `ports` of a service.

use crate::file::Code;
use crate::file::words::shown;
use crate::file::yaml::{Field, Literal, OneOrMany};
use crate::pipeline::{ServicePort, Span};

use super::super::Lowering;

/// How a port is written.
const HELP: &str = "write the port that it answers at, such as `5432`, or `\"15432:5432\"` for one of this machine that leads there";

impl Lowering<'_> {
    /// The ports of a service, each once.
    pub(super) fn ports(
        &mut self,
        name: &str,
        field: &Field<OneOrMany<Literal>>,
        has_container: bool,
    ) -> Vec<ServicePort> {
        let mut ports: Vec<(ServicePort, Span)> = Vec::new();
        for (text, at) in field.entries() {
            let Some(port) = self.port(text.text.trim(), at) else { continue };
            if let Some((_, first)) = ports.iter().find(|(other, _)| other.number == port.number) {
                let (first, message) = (*first, format!("the port {} is here twice", port.number));
                let problem = self.at(Code::ServicePort, at, message);
                self.report(problem.also(first, "the first").help("keep one of them"));
                continue;
            }
            if let Some(published) =
                port.published.filter(|published| !has_container && *published != port.number)
            {
                let number = port.number;
                let message = format!(
                    "`{name}` is a process of this machine: nothing leads from {published} to {number}"
                );
                let problem = self.at(Code::ServicePort, at, message);
                self.report(problem.help(format!("write the port that it listens at itself: `{number}`")));
            }
            ports.push((port, at));
        }
        ports.into_iter().map(|(port, _)| port).collect()
    }

    fn port(&mut self, text: &str, at: Span) -> Option<ServicePort> {
        let parts: Vec<&str> = text.split(':').collect();
        let is_digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let read = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0 && is_digits(&text));
        let (message, help) = match parts.as_slice() {
            [own] if read(own).is_some() => {
                return Some(ServicePort { number: read(own)?, published: None });
            }
            [here, own] if read(here).is_some() && read(own).is_some() => {
                return Some(ServicePort { number: read(own)?, published: read(here) });
            }
            _ if text.contains("{{") => {
                ("a port is known when the file is read, and has no templates".to_owned(), HELP.to_owned())
            }
            parts if (1..=2).contains(&parts.len()) && parts.iter().all(is_digits) => {
                (format!("{} is no port: ports are 1 to 65535", shown(text)), HELP.to_owned())
            }
            [.., here, own] if parts.len() > 2 && read(own).is_some() => {
                let short = if read(here).is_some() { format!("{here}:{own}") } else { (*own).to_owned() };
                (
                    "a port is published at 127.0.0.1, and at no other address".to_owned(),
                    format!("leave the address out: `\"{short}\"`"),
                )
            }
            [address, own] if address.contains('.') && read(own).is_some() => (
                "a port is published at 127.0.0.1, and at no other address".to_owned(),
                format!("leave the address out: `{own}`"),
            ),
            [.., own] if own.contains('/') => {
                let own = own.split('/').next().unwrap_or_default();
                (
                    format!("{} has a protocol: ports of services are TCP", shown(text)),
                    format!("write `{own}`"),
                )
            }
            [.., own] if own.contains('-') => (
                format!("{} is a range", shown(text)),
                "list each port by itself: `ports: [3000, 3001]`".to_owned(),
            ),
            _ => (format!("{} is no port", shown(text)), HELP.to_owned()),
        };
        let problem = self.at(Code::ServicePort, at, message);
        self.report(problem.help(help));
        None
    }
}
