//! The cluster of `tests/cluster`: `KUBECONFIG` names it, and what belongs to it lies beside that file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use pipe_runner::cluster::pod::gang_name;

use super::processes::comes_to_be_within;
use super::release::{ARCH, binary, folder};
use super::server::output;
use super::{Place, Ran};

/// What a pipeline for the cluster begins with.
pub const HEAD: &str = "kubernetes: {helper_image: 'pipe-test/helper:1', lease: 10s}\n\
    defaults: {image: 'alpine:3.20'}\n";

/// How long a cluster may take to remove what was deleted: kubelet takes its time with pods that run.
const ENDING: Duration = Duration::from_secs(300);

/// The kubeconfig of an administrator.
pub fn admin() -> PathBuf {
    PathBuf::from(std::env::var_os("KUBECONFIG").unwrap())
}

/// Runs kubectl as an administrator. Returns what it says, errors as well.
pub fn kubectl(args: &[&str]) -> String {
    let program = admin().with_file_name("bin").join("kubectl");
    let output = Command::new(program).env("KUBECONFIG", admin()).args(args).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Runs a command where the control plane is.
pub fn in_control_plane(words: &[&str]) {
    let mut enter = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/enter"));
    output(enter.arg(admin().parent().unwrap()).arg("control").args(words));
}

/// Tests share the cluster, but for those that break something in it.
static TURNS: RwLock<()> = RwLock::new(());

/// Held as long as a test has its turn.
enum Turn {
    Shared { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

/// A namespace of the test's own, which goes at its end.
pub struct Namespace {
    pub name: String,
    _turn: Turn,
}

impl Namespace {
    /// Makes one whose name begins so.
    pub fn new(name: &str) -> Self {
        Self::made(name, Turn::Shared { _guard: TURNS.read() })
    }

    /// Makes one while no other test has one.
    pub fn alone(name: &str) -> Self {
        Self::made(name, Turn::Alone { _guard: TURNS.write() })
    }

    fn made(name: &str, turn: Turn) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let said = kubectl(&["create", "namespace", &name]);
        assert!(said.contains("created"), "{said}");
        // Pods are refused until the namespace has its account.
        while !kubectl(&["get", "serviceaccount", "default", "-n", &name]).starts_with("NAME") {}
        Self { name, _turn: turn }
    }

    /// Runs kubectl in it.
    pub fn kubectl(&self, args: &[&str]) -> String {
        kubectl(&[&["--namespace", &self.name], args].concat())
    }

    /// Returns what a run has made in it that is still there.
    pub fn objects(&self) -> String {
        let kinds = "jobs,pods,secrets,persistentvolumeclaims";
        self.kubectl(&["get", kinds, "--selector", "app.kubernetes.io/managed-by=pipe", "--output", "name"])
    }

    /// `pipe run` of a place in it: the static binary, which the helper image has as well.
    pub fn command(&self, place: &Place, args: &[&str]) -> Command {
        put_helper();
        let words = ["run", "--on", "kubernetes", "--namespace", &self.name, "--format", "plain"];
        let mut command = place.command_of(binary(), &[&words[..], args].concat());
        command.env("KUBECONFIG", admin());
        command
    }

    /// Runs a place in it to its end.
    pub fn run(&self, place: &Place, args: &[&str]) -> Ran {
        Ran::of(self.command(place, args).output().unwrap())
    }

    /// `pipe clean` of it.
    pub fn clean(&self, place: &Place, args: &[&str]) -> Ran {
        let words = ["clean", "--on", "kubernetes", "--namespace", &self.name];
        Ran::of(place.command(&[&words[..], args].concat()).env("KUBECONFIG", admin()).output().unwrap())
    }

    /// Waits until nothing of any run is left in it.
    #[track_caller]
    pub fn is_deserted(&self) {
        // It waits by a watch, and says so where there is nothing to wait for.
        let kinds = "jobs,pods,secrets,persistentvolumeclaims";
        let ours = "app.kubernetes.io/managed-by=pipe";
        let is_deserted = || {
            self.kubectl(&["wait", kinds, "--selector", ours, "--for", "delete", "--timeout", "60s"]);
            self.objects().is_empty()
        };
        assert!(comes_to_be_within(ENDING, is_deserted), "{}", self.objects());
    }

    /// The name of the pod of a gang in the only run of a place, by its first step, in its first round.
    pub fn gang(place: &Place, first: usize) -> String {
        gang_name(place.run_dir().file_name().unwrap().to_str().unwrap(), first, 1)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        kubectl(&["delete", "namespace", &self.name, "--wait=false"]);
    }
}

/// Puts the static binary, as an image, onto all nodes; once for all tests.
fn put_helper() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let image = "pipe-test/helper:1";
        binary();
        let mut build = Command::new("docker");
        build.args(["build", "--quiet", "--tag", image, "--file", "docker/Dockerfile", "--build-arg"]);
        output(build.arg(format!("TARGETARCH={ARCH}")).arg(folder()).current_dir(here));
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("helper.tar");
        output(Command::new("docker").args(["save", "--output"]).arg(&archive).arg(image));
        let state = admin().parent().unwrap().to_owned();
        for node in ["node1", "node2"] {
            let mut import = Command::new(here.join("tests/cluster/enter"));
            import.arg(&state).args([node, "ctr", "--namespace", "k8s.io", "images", "import"]);
            output(import.arg(&archive));
        }
    });
}
