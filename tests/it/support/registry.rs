//! A registry on this machine. An engine takes one on the loopback for insecure: it speaks plain HTTP to it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::daemon::Daemon;
use super::server::{Server, output};

/// A registry, which may ask who one is.
pub struct Registry {
    dir: tempfile::TempDir,
    server: Server,
    address: String,
}

/// Who may use a registry that asks.
pub const USER: &str = "me";
pub const PASSWORD: &str = "secret";

impl Registry {
    /// Every client is served.
    #[track_caller]
    pub fn open() -> Self {
        Self::start("")
    }

    /// Only [`USER`] gets in.
    #[track_caller]
    pub fn locked() -> Self {
        Self::start("auth: {htpasswd: {realm: test, path: htpasswd}}")
    }

    #[track_caller]
    fn start(auth: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let users = output(Command::new("htpasswd").args(["-Bbn", USER, PASSWORD]));
        std::fs::write(dir.path().join("htpasswd"), users).unwrap();
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: storage}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n{auth}\n"
        );
        std::fs::write(dir.path().join("config.yml"), config).unwrap();
        let mut serve = Command::new("docker-registry");
        let server = Server::start(serve.args(["serve", "config.yml"]).current_dir(dir.path()), &[]);
        let line = server.wait_for("listening on 127.0.0.1:");
        let address = line.split("listening on ").nth(1).unwrap().split('"').next().unwrap().to_owned();
        Self { dir, server, address }
    }

    /// Its host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What an image here is called.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Puts a daemon's `alpine:3.20` here under a name, and takes that name from the daemon again.
    #[track_caller]
    pub fn hold(&self, daemon: &Daemon, name: &str) -> String {
        let image = self.image(name);
        self.log_in(self.dir.path(), USER, PASSWORD);
        let config = self.dir.path().display().to_string();
        daemon.docker(&["tag", "alpine:3.20", &image]);
        daemon.docker(&["--config", &config, "push", "--quiet", &image]);
        daemon.docker(&["rmi", &image]);
        image
    }

    /// Leaves credentials in a configuration folder, as `docker login` does.
    pub fn log_in(&self, config: &Path, user: &str, password: &str) {
        let mut base64 = Command::new("base64");
        let mut child = base64.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        write!(child.stdin.take().unwrap(), "{user}:{password}").unwrap();
        let auth = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let auths = serde_json::json!({"auths": {&self.address: {"auth": auth.trim()}}});
        std::fs::write(config.join("config.json"), auths.to_string()).unwrap();
    }

    /// How often an engine has asked what an image is made of, and was told: once a pull.
    #[track_caller]
    pub fn asked_for(&self, name: &str) -> usize {
        // Its log is in order: what was before this question is there when the question is.
        let mut own = std::net::TcpStream::connect(&self.address).unwrap();
        write!(own, "GET /so-far HTTP/1.0\r\n\r\n").unwrap();
        self.server.wait_for("GET /so-far");
        let name = name.split(':').next().unwrap();
        let asked = format!("HEAD /v2/{name}/manifests/");
        self.server.log().lines().filter(|line| line.contains(&asked) && line.contains("\" 200 ")).count()
    }
}
