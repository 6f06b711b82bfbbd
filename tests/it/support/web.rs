//! A small web server on loopback: the files of a folder, whole or not.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::server::PATIENCE;

/// How a file is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it is.
    Whole,
    /// Half of it, and then the connection is closed.
    CutOff,
    /// Half of it, and then nothing more comes.
    Stuck,
    /// With an error of the server.
    Broken,
}

/// A server that runs until the test program ends.
pub struct Web {
    address: String,
    answered: Receiver<String>,
}

impl Web {
    pub fn of(folder: &Path, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, answered) = channel();
        let folder = folder.to_owned();
        std::thread::spawn(move || serve(&listener, &folder, manner, &sender));
        Self { address, answered }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits for the next answer that was sent, as far as it will be, and gives its path.
    #[track_caller]
    pub fn wait(&self) -> String {
        self.answered.recv_timeout(PATIENCE).unwrap()
    }
}

fn serve(listener: &TcpListener, folder: &Path, manner: Manner, answered: &Sender<String>) {
    let mut stuck = Vec::new();
    for connection in listener.incoming() {
        let mut connection = connection.unwrap();
        let path = asked(&connection);
        // The client may be gone again.
        let _ = answer(&mut connection, &folder.join(&path), manner);
        let _ = answered.send(path.display().to_string());
        if manner == Manner::Stuck {
            stuck.push(connection);
        }
    }
}

/// The path of a request, read to the end of its head.
fn asked(connection: &TcpStream) -> PathBuf {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    lines.find(String::is_empty);
    first.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').into()
}

fn answer(connection: &mut TcpStream, file: &Path, manner: Manner) -> std::io::Result<()> {
    if manner == Manner::Broken {
        return write!(
            connection,
            "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let Ok(body) = fs::read(file) else {
        return write!(
            connection,
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    };
    write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    let sent = if manner == Manner::Whole { body.len() } else { body.len() / 2 };
    connection.write_all(&body[..sent])
}
