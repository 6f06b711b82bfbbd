//! A Docker daemon of a test's own: nothing that happens to it, or to what it holds, concerns another test.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::server::{Server, end_all, output, unmount};

/// A daemon with `alpine:3.20`, and a network that leads nowhere.
pub struct Daemon {
    dir: tempfile::TempDir,
    bridge: Bridge,
    options: Vec<String>,
    /// A script that comes before the daemon, in a network and with mounts of its own.
    inside: Option<String>,
    server: Option<Server>,
}

impl Daemon {
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With more of the daemon's own options; each `--host` makes it listen there too.
    pub fn with(options: &[&str]) -> Self {
        Self::of(None, options)
    }

    /// In a network and with mounts of its own, after a script that sees its folder as `$DIR`.
    pub fn inside(script: &str, options: &[&str]) -> Self {
        Self::of(Some(script.to_owned()), options)
    }

    fn of(inside: Option<String>, options: &[&str]) -> Self {
        let options = options.iter().copied().map(str::to_owned).collect();
        let (dir, bridge) = (tempfile::tempdir().unwrap(), Bridge::new());
        let mut daemon = Self { dir, bridge, options, inside, server: None };
        // In place of the machine's own configuration.
        std::fs::write(daemon.dir.path().join("daemon.json"), "{}").unwrap();
        daemon.restart();
        daemon.load("alpine:3.20");
        daemon
    }

    /// In a network of its own, where its containers reach each other whatever the machine's own engine
    /// allows.
    pub fn apart(options: &[&str]) -> Self {
        let bridge = "ip link add own type bridge; ip link set own up";
        Self::inside(bridge, &[&["--bridge=own"], options].concat())
    }

    /// The process that has its network.
    pub fn pid(&self) -> u32 {
        self.server.as_ref().unwrap().pid()
    }

    /// Starts it, again if need be, on what it held.
    #[track_caller]
    pub fn restart(&mut self) {
        self.server = None;
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let mut dockerd = match &self.inside {
            None => Command::new("dockerd"),
            Some(script) => {
                let mut unshare = Command::new("unshare");
                let script = format!("ip link set lo up\n{script}\nexec dockerd \"$@\"");
                unshare.args(["--net", "--mount", "--propagation", "private", "sh", "-euc", &script, "sh"]);
                unshare.env("DIR", self.dir.path());
                unshare
            }
        };
        dockerd.args([
            &format!("--config-file={}", path("daemon.json")),
            &format!("--data-root={}", path("data")),
            &format!("--exec-root={}", path("exec")),
            &format!("--pidfile={}", path("pid")),
            &format!("--host={}", self.host()),
            // The one that works on every file system.
            "--storage-driver=vfs",
            // Without a bridge of its own it would take away that of the machine's own daemon.
            &format!("--bridge={}", if self.inside.is_some() { "none" } else { &self.bridge.name }),
            "--ip-forward=false",
            "--iptables=false",
            "--ip6tables=false",
        ]);
        self.server = Some(Server::start(dockerd.args(&self.options), &["API listen on"]));
    }

    /// Where it listens, as `DOCKER_HOST` has it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("docker.sock")
    }

    /// The port of a `--host=tcp://127.0.0.1:0`.
    #[track_caller]
    pub fn port(&self) -> String {
        let server = self.server.as_ref().unwrap();
        let said = "API listen on 127.0.0.1:";
        let line = match server.log().lines().find(|line| line.contains(said)) {
            Some(line) => line.to_owned(),
            None => server.wait_for(said),
        };
        line.split(said).nth(1).unwrap().trim_end_matches('"').to_owned()
    }

    /// What the `docker` command says.
    #[track_caller]
    pub fn docker(&self, args: &[&str]) -> String {
        docker(&self.host(), args)
    }

    /// Takes over an image from the machine's own daemon.
    #[track_caller]
    pub fn load(&self, image: &str) {
        load_at(&self.host(), image);
    }

    /// The names of containers that runs have made.
    #[track_caller]
    pub fn containers(&self) -> String {
        containers(&self.host())
    }

    /// What runs have left there: containers, networks, volumes.
    #[track_caller]
    pub fn left(&self) -> String {
        left(&self.host())
    }

    /// A path in its folder, as it sees it itself.
    #[track_caller]
    pub fn seen(&self, path: &str) -> String {
        let pid = self.server.as_ref().unwrap().pid();
        format!("/proc/{pid}/root{}", self.dir.path().join(path).display())
    }

    /// Ends it as an administrator would: it ends its containers first. What it held stays.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Ends it and all that it started, at once. What it held stays.
    pub fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
        end_all(self.dir.path());
        // Or the next one takes this one's containerd for alive, until it is reaped.
        std::fs::remove_file(self.dir.path().join("exec/containerd/containerd.pid")).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.server = None;
        end_all(self.dir.path());
        unmount(self.dir.path());
    }
}

/// What a daemon's containers are joined by.
struct Bridge {
    name: String,
}

impl Bridge {
    #[track_caller]
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("pt{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        output(Command::new("ip").args(["link", "add", &name, "type", "bridge"]));
        Self { name }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "delete", &self.name]).status();
    }
}

/// What the `docker` command says of an engine.
#[track_caller]
pub fn docker(host: &str, args: &[&str]) -> String {
    output(Command::new("docker").args(["--host", host]).args(args))
}

/// The names of containers that runs have made there.
#[track_caller]
pub fn containers(host: &str) -> String {
    docker(host, &["ps", "--all", "--filter", "label=pipe.run", "--format", "{{.Names}}"])
}

/// What runs have left on an engine: containers, networks, volumes.
#[track_caller]
pub fn left(host: &str) -> String {
    let list = |what: &[&str]| docker(host, &[what, &["--filter", "label=pipe.run"]].concat());
    [
        list(&["ps", "--all", "--format", "{{.Names}}"]),
        list(&["network", "ls", "--format", "{{.Name}}"]),
        list(&["volume", "ls", "--format", "{{.Name}}"]),
    ]
    .concat()
}

/// Takes over an image from the machine's own daemon into a Docker.
#[track_caller]
pub fn load_at(host: &str, image: &str) {
    load(image, Command::new("docker").args(["--host", host, "load"]));
}

/// Takes over an image from the machine's own daemon into whatever this command loads it.
#[track_caller]
pub fn load(image: &str, into: &mut Command) {
    let mut save = Command::new("docker").args(["save", image]).stdout(Stdio::piped()).spawn().unwrap();
    let loaded = into.stdin(save.stdout.take().unwrap()).output().unwrap();
    assert!(loaded.status.success(), "{into:?}: {}", String::from_utf8_lossy(&loaded.stderr));
    assert!(save.wait().unwrap().success(), "is there an image `{image}`? docker/test/images builds it");
}
