//! What listens in a container's network, as its tables of sockets say. They answer wherever the container runs, also
//! where its address cannot be reached from here, and the service is not troubled with a connection that says nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::executor::Answer;

/// The tables, as the container sees them.
pub(super) const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// The state of a socket that listens.
const LISTENS: &str = "0A";

/// Reads the tables of the network that a process of this machine is in. Nothing if it has ended, or shows none.
pub(super) fn read(pid: i32) -> Option<String> {
    let tables = TABLES.map(|table| table.replace("/proc/", &format!("/proc/{pid}/")));
    let tables = tables.map(|table| std::fs::read_to_string(table).ok());
    // Without IPv6 there is no second one.
    let [first, second] = tables;
    Some(first? + &second.unwrap_or_default())
}

/// Says whether others find a server at a port. One that listens at the loopback alone is for programs of the same
/// network, which in a container's own are none of its users.
pub(super) fn answer(tables: &str, port: u16, is_on_host: bool) -> Answer {
    let mut at_port = tables.lines().filter_map(listener).filter(|(_, at)| *at == port).peekable();
    if at_port.peek().is_none() {
        return Answer::NotYet(format!("port {port}: nothing listens there"));
    }
    if is_on_host || at_port.any(|(ip, _)| !ip.is_loopback()) {
        return Answer::Ready;
    }
    Answer::NotYet(format!(
        "port {port}: it listens at the container's own loopback alone, where no other container finds it; let it \
         listen at 0.0.0.0"
    ))
}

/// Returns where a socket listens, if a line of a table is about one that does.
fn listener(line: &str) -> Option<(IpAddr, u16)> {
    let mut fields = line.split_whitespace().skip(1);
    let local = fields.next()?;
    if fields.nth(1)? != LISTENS {
        return None;
    }
    let (ip, port) = local.split_once(':')?;
    Some((address(ip)?, u16::from_str_radix(port, 16).ok()?))
}

/// Reads an address: words of 32 bits, each in the order of the machine.
fn address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(8 * at..8 * (at + 1))?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";

    fn table(sockets: &[(&str, &str)]) -> String {
        let line = |(local, state): &(&str, &str)| {
            format!("   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 0\n")
        };
        HEAD.to_owned() + &sockets.iter().map(line).collect::<String>()
    }

    fn is_ready(sockets: &[(&str, &str)]) -> bool {
        answer(&table(sockets), 5432, false) == Answer::Ready
    }

    const ANY6: &str = "00000000000000000000000000000000:1538";

    #[test]
    fn a_server_is_found_at_every_address_but_the_loopback() {
        for local in ["00000000:1538", ANY6, "030012AC:1538"] {
            assert!(is_ready(&[("0B00007F:A4EF", "0A"), (local, "0A")]), "{local}");
        }
        for loopback in [
            "0100007F:1538",
            "00000000000000000000000001000000:1538",
            "0000000000000000FFFF00000100007F:1538",
        ] {
            assert!(!is_ready(&[(loopback, "0A")]), "{loopback}");
            assert_eq!(answer(&table(&[(loopback, "0A")]), 5432, true), Answer::Ready);
        }
    }

    #[test]
    fn what_does_not_listen_or_listens_elsewhere_is_no_server() {
        assert!(!is_ready(&[]));
        // One connection, and one more that waits to be forgotten.
        assert!(!is_ready(&[("030012AC:1538", "01"), ("030012AC:1538", "06")]));
        assert!(!is_ready(&[("00000000:1539", "0A")]));
        assert!(!is_ready(&[("0000:1538", "0A"), ("é:1538", "0A"), ("00000000", "0A")]));
        let nothing = Answer::NotYet("port 5432: nothing listens there".into());
        assert_eq!(answer("", 5432, false), nothing);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_tables_of_this_machine_are_read() {
        let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let pid = i32::try_from(std::process::id()).unwrap();
        assert_eq!(answer(&read(pid).unwrap(), port, false), Answer::Ready);
        drop(listener);
        // A child of another test has it for a moment, until it runs its program.
        let is_gone = (0..100_000).any(|_| {
            std::thread::yield_now();
            answer(&read(pid).unwrap(), port, false) != Answer::Ready
        });
        assert!(is_gone, "what does not listen any more is still ready");
        assert_eq!(read(i32::MAX), None);
    }
}
