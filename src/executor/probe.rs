//! How a service is asked whether it is ready.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpStream;

/// A check of a running step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A text for `sh`, where the step runs. Its exit code says whether the step is ready.
    Shell(String),
    /// A program and its arguments, likewise.
    Words(Vec<String>),
    /// A port of the step, which has to accept a connection.
    Port(u16),
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The step is ready.
    Ready,
    /// It is not: what the check said.
    NotYet(String),
    /// The check cannot be made: why, and what to do.
    Never(String),
}

/// Asks whether a connection to an address is accepted.
async fn port_answers(address: SocketAddr) -> Answer {
    match TcpStream::connect(address).await {
        Ok(_) => Answer::Ready,
        Err(error) => Answer::NotYet(match error.kind() {
            io::ErrorKind::ConnectionRefused => format!("port {} refused the connection", address.port()),
            _ => format!("port {}: {error}", address.port()),
        }),
    }
}

/// Asks whether a connection to a port of this machine is accepted.
pub(super) async fn port_answers_here(port: u16) -> Answer {
    match port_answers(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).await {
        Answer::Ready => Answer::Ready,
        // A server may listen on one of the two alone.
        refused => match port_answers(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port)).await {
            Answer::Ready => Answer::Ready,
            Answer::NotYet(_) | Answer::Never(_) => refused,
        },
    }
}

/// The most that is kept of what a check says.
const MOST: usize = 4 << 10;

/// What a check says, as far as it is told to people: its last words.
#[derive(Debug, Default)]
pub(super) struct Said(Vec<u8>);

impl Said {
    pub(super) fn add(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
        let excess = self.0.len().saturating_sub(MOST);
        self.0.drain(..excess);
    }

    /// Returns what a check says that has ended with this exit code.
    pub(super) fn answer(&self, code: i32) -> Answer {
        if code == 0 {
            return Answer::Ready;
        }
        let text = String::from_utf8_lossy(&self.0);
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
        Answer::NotYet(last.map_or_else(|| format!("exit code {code}"), str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_check_are_told() {
        let mut said = Said::default();
        assert_eq!(said.answer(7), Answer::NotYet("exit code 7".into()));
        said.add(b"connecting\nno resp");
        said.add(b"onse\n\n");
        assert_eq!((said.answer(2), said.answer(0)), (Answer::NotYet("no response".into()), Answer::Ready));
        said.add(&[b'x'; 10_000]);
        assert_eq!(said.0.len(), MOST);
    }

    #[tokio::test]
    async fn a_port_answers_if_something_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(port_answers(address).await, Answer::Ready);
        drop(listener);
        let refused = Answer::NotYet(format!("port {} refused the connection", address.port()));
        assert_eq!(port_answers(address).await, refused);
    }
}
