//! Podman as an engine: its Docker-compatible socket.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::daemon::{self, containers};
use super::server::{Server, end_all, output, unmount};

/// Podman with `alpine:3.20`, on a folder of its own.
pub struct Podman {
    dir: tempfile::TempDir,
    server: Option<Server>,
}

/// What Podman would otherwise take from systemd, or ask of a kernel that may not grant it.
pub const CONFIG: &str = r#"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
"#;

static STARTS: Mutex<()> = Mutex::new(());

impl Podman {
    #[track_caller]
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("containers.conf"), CONFIG).unwrap();
        let socket = format!("unix://{}", dir.path().join("podman.sock").display());
        let mut service = podman(&dir);
        let service = service.args(["--log-level=info", "system", "service", "--time=0", &socket]);
        // The first of them makes a lock in memory for all, which two at once cannot.
        let alone = STARTS.lock().unwrap_or_else(PoisonError::into_inner);
        let server = Server::start(service, &["API service listening on"]);
        drop(alone);
        let podman = Self { dir, server: Some(server) };
        podman.load("alpine:3.20");
        podman
    }

    /// Takes over an image from the machine's Docker daemon.
    #[track_caller]
    pub fn load(&self, image: &str) {
        daemon::load(image, podman(&self.dir).arg("load"));
    }

    /// Where it listens, as `DOCKER_HOST` has it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.dir.path().join("podman.sock").display())
    }

    /// The process that has its network.
    pub fn pid(&self) -> u32 {
        self.server.as_ref().unwrap().pid()
    }

    /// The names of containers that runs have made.
    #[track_caller]
    pub fn containers(&self) -> String {
        containers(&self.host())
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.server = None;
        output(podman(&self.dir).args(["rm", "--all", "--force", "--time=0"]));
        // Podman tidies up after each container in the background.
        end_all(self.dir.path());
        unmount(self.dir.path());
    }
}

/// In a network of its own, where it may make bridges and rules.
fn podman(dir: &tempfile::TempDir) -> Command {
    let mut podman = Command::new("unshare");
    podman.args(["--net", "sh", "-euc", "ip link set lo up; exec podman \"$@\"", "sh"]);
    for (option, name) in [
        ("--root", "root"),
        ("--runroot", "run"),
        ("--tmpdir", "tmp"),
        // Or it shares the networks of the whole machine.
        ("--network-config-dir", "networks"),
    ] {
        podman.arg(option).arg(dir.path().join(name));
    }
    podman.env("CONTAINERS_CONF", dir.path().join("containers.conf"));
    podman
}
