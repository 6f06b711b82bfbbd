//! A registry that is too busy at first.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Stands before a registry, and turns away requests for the description of an image, a number of times.
pub struct Busy {
    address: String,
    refused: Arc<AtomicUsize>,
}

impl Busy {
    pub fn in_front_of(registry: &str, status: &'static str, times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let busy = Self { address: listener.local_addr().unwrap().to_string(), refused: Arc::default() };
        let (registry, refused) = (registry.to_owned(), Arc::clone(&busy.refused));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (registry, refused) = (registry.clone(), Arc::clone(&refused));
                // A client that hangs up is no concern of this side.
                std::thread::spawn(move || serve(client, &registry, status, times, &refused).ok());
            }
        });
        busy
    }

    /// Its host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How many requests it has turned away.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

/// The first byte of a connection that is to be encrypted.
const TLS_HANDSHAKE: u8 = 0x16;

/// Answers request by request, each passed on to the registry on a connection of its own.
fn serve(
    mut client: TcpStream,
    registry: &str,
    status: &str,
    times: usize,
    refused: &AtomicUsize,
) -> std::io::Result<()> {
    let mut requests = BufReader::new(client.try_clone()?);
    // An engine tries whether it can have TLS first.
    if requests.fill_buf()?.first() == Some(&TLS_HANDSHAKE) {
        return Ok(());
    }
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if requests.read_until(b'\n', &mut head)? == 0 {
                return Ok(());
            }
        }
        let is_wanted =
            String::from_utf8_lossy(&head).lines().next().is_some_and(|line| line.contains("/manifests/"));
        if is_wanted
            && refused
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |past| (past < times).then_some(past + 1))
                .is_ok()
        {
            let body = r#"{"errors": [{"code": "TOOMANYREQUESTS", "message": "come back later"}]}"#;
            write!(
                client,
                "HTTP/1.1 {status}\r\nRetry-After: 1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )?;
            continue;
        }
        let mut server = TcpStream::connect(registry)?;
        // No next request comes on this connection: the answer ends where it ends.
        let head = String::from_utf8_lossy(&head).replacen("\r\n", "\r\nConnection: close\r\n", 1);
        server.write_all(head.as_bytes())?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        client.write_all(&answer)?;
        return Ok(());
    }
}
