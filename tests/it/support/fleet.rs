//! The engines that people have: each is started for a test, and what runs on it runs as an ordinary user.

use std::any::Any;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Place;
use super::daemon::{self, Daemon};
use super::podman::{self, Podman};
use super::server::{Server, end_all, output, unmount};

/// The user, and its group, that has rootless engines, and that runs `pipe` on all of them.
const USER: &str = "pipe-test";
/// The image that steps run in.
pub const IMAGE: &str = "alpine:3.20";

/// An engine of a kind.
pub struct Fleet {
    name: &'static str,
    host: String,
    /// A process in its network, where that is not the machine's.
    network_of: Option<u32>,
    /// What ends it when this goes.
    _engine: Box<dyn Any>,
}

impl Fleet {
    /// The machine's own Docker, in a daemon of its own.
    pub fn docker() -> Self {
        let daemon = Daemon::apart(&[]);
        let pid = daemon.pid();
        Self::of("Docker 20.10", daemon.host(), daemon).in_network_of(pid)
    }

    /// Docker whose containers have other numbers of users.
    pub fn remapped_docker() -> Self {
        let daemon = Daemon::apart(&["--userns-remap=default"]);
        let pid = daemon.pid();
        Self::of("Docker 20.10 with userns-remap", daemon.host(), daemon).in_network_of(pid)
    }

    /// Docker as an ordinary user.
    pub fn rootless_docker() -> Self {
        let engine = Beside::rootless_docker();
        let pid = std::fs::read_to_string(engine.dir.path().join("pid")).unwrap().trim().parse().unwrap();
        Self::of("Docker 20.10, rootless", engine.host(), engine).in_network_of(pid)
    }

    /// Podman as root.
    pub fn podman() -> Self {
        let podman = Podman::start();
        let pid = podman.pid();
        Self::of("Podman 4.3", podman.host(), podman).in_network_of(pid)
    }

    /// Podman as an ordinary user.
    pub fn rootless_podman() -> Self {
        let engine = Beside::rootless_podman();
        Self::of("Podman 4.3, rootless", engine.host(), engine)
    }

    /// The Docker of Debian 13.
    pub fn newer_docker() -> Self {
        let engine = Beside::newer(NEWER_DOCKER, "API listen on");
        let pid = engine.pid();
        Self::of("Docker 26.1", engine.host(), engine).in_network_of(pid)
    }

    /// The Podman of Debian 13.
    pub fn newer_podman() -> Self {
        let engine = Beside::newer(NEWER_PODMAN, "API service listening on");
        let pid = engine.pid();
        Self::of("Podman 5.4", engine.host(), engine).in_network_of(pid)
    }

    fn of(name: &'static str, host: String, engine: impl Any) -> Self {
        // The user has to get to the socket.
        let socket = PathBuf::from(host.strip_prefix("unix://").unwrap());
        std::fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
        std::fs::set_permissions(socket.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
        Self { name, host, network_of: None, _engine: Box::new(engine) }
    }

    fn in_network_of(self, pid: u32) -> Self {
        Self { network_of: Some(pid), ..self }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `pipe` in a place that is the user's, on this engine.
    pub fn command(&self, place: &Place, args: &[&str]) -> Command {
        place.sh(&format!("chown -R {0}:{0} .", user()));
        // As on any machine, `pipe` and its engine have one network.
        let mut command = match self.network_of {
            Some(pid) => {
                let mut enter = Command::new("nsenter");
                enter.arg(format!("--net=/proc/{pid}/ns/net")).arg("setpriv");
                enter
            }
            None => Command::new("setpriv"),
        };
        let id = user().to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", env!("CARGO_BIN_EXE_pipe")]);
        command.args(args).current_dir(place.path()).stdin(Stdio::null());
        for name in ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "DOCKER_CONTEXT"] {
            command.env_remove(name);
        }
        command.env("HOME", place.path()).env("DOCKER_HOST", &self.host);
        command
    }

    /// Takes over another image than [`IMAGE`], which it has.
    pub fn load(&self, image: &str) {
        daemon::load_at(&self.host, image);
    }

    /// What runs have left on it.
    pub fn left(&self) -> String {
        daemon::left(&self.host)
    }
}

impl Fleet {
    /// Lists all containers, volumes and images on it by name or id, whichever program has made them.
    /// Networks are not among them: Podman's are those of the whole machine.
    pub fn stock(&self) -> Vec<String> {
        let mut stock = Vec::new();
        for what in [
            &["ps", "--all", "--format", "container {{.Names}}"][..],
            &["volume", "ls", "--format", "volume {{.Name}}"],
            &["images", "--all", "--no-trunc", "--format", "image {{.ID}} {{.Repository}}"],
        ] {
            stock.extend(daemon::docker(&self.host, what).lines().map(str::to_owned));
        }
        stock.extend(self.builders());
        stock.sort();
        stock
    }

    /// Lists what Podman's builds work in; Docker's list of containers has them.
    fn builders(&self) -> Vec<String> {
        if !self.name.starts_with("Podman") {
            return Vec::new();
        }
        let socket = self.host.strip_prefix("unix://").unwrap();
        let list = "http://podman/v4.0.0/libpod/containers/json?all=true&external=true";
        let answer = output(Command::new("curl").args(["--silent", "--fail", "--unix-socket", socket, list]));
        let all: Vec<serde_json::Value> = serde_json::from_str(&answer).unwrap_or_default();
        all.iter().map(|one| format!("builder {}", one["Names"])).collect()
    }

    /// Removes the images without a name that no container uses.
    pub fn prune(&self) {
        daemon::docker(&self.host, &["image", "prune", "--force"]);
    }

    /// Tells whether builds have a network, without which some builders run no commands.
    pub fn builds_have_a_network(&self) -> bool {
        let bridge = daemon::docker(&self.host, &["network", "ls", "--quiet", "--filter", "name=bridge"]);
        !bridge.is_empty() && self.network() != "none"
    }

    /// Returns the name of a network that steps can ask for: one of the run's own where the engine lets
    /// containers join one, and none elsewhere.
    pub fn network(&self) -> &'static str {
        let docker = |args: &[&str]| {
            let mut docker = Command::new("docker");
            docker.args(["--host", &self.host]).args(args).output().unwrap().status.success()
        };
        let folder = Path::new(&self.host).parent().and_then(Path::file_name).unwrap_or_default();
        // Podman takes no dot at the beginning of a name.
        let probe = format!("probe{}", folder.display());
        let can = docker(&["network", "create", &probe])
            && docker(&["run", "--name", &probe, "--network", &probe, IMAGE, "true"]);
        docker(&["rm", "--force", &probe]);
        docker(&["network", "rm", &probe]);
        if can { "mine" } else { "none" }
    }
}

/// The number of the user, which is made if it is not there.
pub fn user() -> u32 {
    let id = || Command::new("id").args(["--user", USER]).stderr(Stdio::null()).output().unwrap();
    if !id().status.success() {
        output(Command::new("useradd").args(["--create-home", "--user-group", USER]));
    }
    String::from_utf8(id().stdout).unwrap().trim().parse().unwrap()
}

/// An engine with all that it has in a folder.
struct Beside {
    dir: tempfile::TempDir,
    server: Option<Server>,
}

/// What makes the folders of the user's own engine anew, where the machine's would be seen. It may make
/// networks in one of its own.
const DOCKER: &str = "rm -f /run/docker /run/containerd /run/xtables.lock
exec unshare --net sh -euc 'ip link set lo up; exec dockerd $@' sh --rootless --config-file=$DIR/daemon.json --data-root=$DIR/data --exec-root=$DIR/exec --pidfile=$DIR/pid \
    --host=unix://$DIR/engine.sock --storage-driver=vfs --bridge=none --iptables=false --ip6tables=false \
    --userland-proxy-path=/usr/sbin/docker-proxy";

impl Beside {
    /// One of the user's, still to be started.
    fn rootless() -> Self {
        let dir = tempfile::Builder::new().prefix("rootless").tempdir().unwrap();
        std::fs::write(dir.path().join("containers.conf"), podman::CONFIG).unwrap();
        std::fs::write(dir.path().join("daemon.json"), "{}").unwrap();
        output(Command::new("chown").arg("-R").arg(user().to_string()).arg(dir.path()));
        Self { dir, server: None }
    }

    fn rootless_docker() -> Self {
        let mut engine = Self::rootless();
        let mut rootlesskit = engine.as_user("rootlesskit");
        rootlesskit.arg(format!("--state-dir={}", engine.dir.path().join("kit").display()));
        rootlesskit.args([
            "--net=host",
            "--copy-up=/etc",
            "--copy-up=/run",
            "--propagation=rslave",
            "sh",
            "-c",
            DOCKER,
        ]);
        engine.server = Some(Server::start(&mut rootlesskit, &["API listen on"]));
        daemon::load_at(&engine.host(), IMAGE);
        engine
    }

    fn rootless_podman() -> Self {
        let mut engine = Self::rootless();
        let host = engine.host();
        let mut service = engine.run_podman();
        service.args(["--log-level=info", "system", "service", "--time=0", &host]);
        engine.server = Some(Server::start(&mut service, &["API service listening on"]));
        daemon::load(IMAGE, engine.run_podman().arg("load"));
        engine
    }

    /// An engine of Debian 13, in a network and with mounts of its own.
    fn newer(command: &str, ready: &str) -> Self {
        let mut engine = Self { dir: tempfile::tempdir().unwrap(), server: None };
        std::fs::write(engine.dir.path().join("containers.conf"), podman::CONFIG).unwrap();
        let mut unshare = Command::new("unshare");
        let script = format!("{NEWER}\n{command}");
        unshare.args(["--net", "--mount", "--propagation", "private", "sh", "-euc", &script]);
        unshare.env("ROOT", unpacked()).env("DIR", engine.dir.path());
        unshare.env("CONTAINERS_CONF", engine.dir.path().join("containers.conf"));
        engine.server = Some(Server::start(&mut unshare, &[ready]));
        daemon::load_at(&engine.host(), IMAGE);
        engine
    }

    fn run_podman(&self) -> Command {
        let mut podman = self.as_user("podman");
        for (option, name) in [("--root", "root"), ("--runroot", "runroot"), ("--tmpdir", "tmp")] {
            podman.arg(option).arg(self.dir.path().join(name));
        }
        podman.arg("--storage-driver=overlay");
        podman
    }

    /// A program as the user, with this folder for what lives as long as a session.
    fn as_user(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        let id = user().to_string();
        command.args(["--reuid", &id, "--regid", &id, "--init-groups", program]);
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).env("HOME", format!("/home/{USER}")).env("USER", USER);
        command.env("XDG_RUNTIME_DIR", self.dir.path()).env("DIR", self.dir.path());
        command.env("CONTAINERS_CONF", self.dir.path().join("containers.conf")).current_dir("/");
        command
    }

    fn host(&self) -> String {
        format!("unix://{}", self.dir.path().join("engine.sock").display())
    }

    fn pid(&self) -> u32 {
        self.server.as_ref().unwrap().pid()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.server = None;
        end_all(self.dir.path());
        unmount(self.dir.path());
    }
}

/// Where `tests/tools` unpacks Debian 13's engines.
const UNPACKED: &str = "target/test-engines/trixie";

/// It has a network and mounts of its own. `runc` wants `/` to be a mount point.
const NEWER: &str = r#"
mount --bind "$ROOT" "$ROOT"
cd "$ROOT"
for seen in proc sys dev; do mount --rbind "/$seen" "$seen"; done
for seen in /tmp "$DIR"; do mkdir -p ".$seen"; mount --rbind "$seen" ".$seen"; done
ip link set lo up
mkdir -p old
pivot_root . old"#;

const NEWER_DOCKER: &str = r"
exec chroot . /usr/sbin/dockerd --host=unix://$DIR/engine.sock --data-root=$DIR/data --exec-root=$DIR/exec --pidfile=$DIR/pid \
    --storage-driver=vfs --bridge=none --iptables=false --ip6tables=false";

const NEWER_PODMAN: &str = r"
exec chroot . /usr/bin/podman --root=$DIR/root --runroot=$DIR/run --tmpdir=$DIR/tmp --network-config-dir=$DIR/networks \
    --storage-driver=vfs \
    --log-level=info system service --time=0 unix://$DIR/engine.sock";

fn unpacked() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(UNPACKED);
    for program in ["usr/sbin/dockerd", "usr/bin/podman"] {
        assert!(root.join(program).exists(), "{program} is missing: tests/tools unpacks it");
    }
    root
}
