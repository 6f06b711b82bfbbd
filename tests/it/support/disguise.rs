//! A socket in front of an engine that says one thing more of itself, as an engine of another kind would.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// An engine in disguise.
pub struct Disguise {
    dir: tempfile::TempDir,
    asked: Arc<Mutex<String>>,
}

impl Disguise {
    /// The engine at a socket, with this among its security options, such as `name=selinux`.
    pub fn of(engine: &Path, option: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("engine.sock")).unwrap();
        let asked = Arc::new(Mutex::new(String::new()));
        let (engine, option, heard) = (engine.to_owned(), option.to_owned(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (engine, option, heard) = (engine.clone(), option.clone(), Arc::clone(&heard));
                // A side that hangs up ends the connection, and no more.
                std::thread::spawn(move || drop(join(client, &engine, &option, &heard)));
            }
        });
        Self { dir, asked }
    }

    /// Where it listens, as `DOCKER_HOST` has it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("engine.sock")
    }

    /// Everything that it was asked.
    pub fn asked(&self) -> String {
        self.asked.lock().unwrap().clone()
    }
}

fn join(mut client: UnixStream, engine: &Path, option: &str, heard: &Mutex<String>) -> std::io::Result<()> {
    let mut to = UnixStream::connect(engine)?;
    let (mut from, mut back) = (to.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut back);
        let _ = back.shutdown(Shutdown::Write);
    });
    let mut piece = vec![0; 64 << 10];
    while let Ok(count @ 1..) = client.read(&mut piece) {
        let text = String::from_utf8_lossy(&piece[..count]).into_owned();
        *heard.lock().unwrap() += &text;
        let path = text.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
        match path.filter(|path| path.ends_with("/info")) {
            Some(path) => client.write_all(&about(engine, path, option)?)?,
            None => to.write_all(&piece[..count])?,
        }
    }
    to.shutdown(Shutdown::Write)
}

/// What the engine says of itself, and the option.
fn about(engine: &Path, path: &str, option: &str) -> std::io::Result<Vec<u8>> {
    let mut engine = UnixStream::connect(engine)?;
    write!(engine, "GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n")?;
    let mut answer = String::new();
    engine.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let options = r#""SecurityOptions":["#;
    assert!(body.contains(options), "{body}");
    let body = body.replace(options, &format!("{options}{option:?},"));
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Ok((head + &body).into_bytes())
}
