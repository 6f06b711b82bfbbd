//! The static binary, which `.ci/static` has built before the tests (`tests/run` sees to it), and the image
//! made of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::server::output;

/// What Docker calls this machine's kind.
pub const ARCH: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// A folder with the binary as the image's build wants it: `ARCH/pipe`.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/static")
}

/// The static binary.
#[track_caller]
pub fn binary() -> PathBuf {
    let path = folder().join(ARCH).join("pipe");
    assert!(path.is_file(), "{} is missing: `.ci/static target/static/{ARCH}` builds it", path.display());
    path
}

/// The image of `pipe`, built from docker/Dockerfile; its id.
#[track_caller]
pub fn image() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        binary();
        let mut build = Command::new("docker");
        build.args(["build", "--quiet", "--tag", "pipe-test/pipe:1", "--file", "docker/Dockerfile"]);
        for (name, value) in [
            ("TARGETARCH", ARCH),
            ("VERSION", "1.2.3"),
            ("REVISION", "0123456789abcdef"),
            ("SOURCE", "https://example.org/pipe"),
        ] {
            build.args(["--build-arg", &format!("{name}={value}")]);
        }
        output(build.arg(folder()).current_dir(env!("CARGO_MANIFEST_DIR")))
    })
}

/// An image with the static binary and nothing else at all.
#[track_caller]
pub fn empty_image() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("Dockerfile"), "FROM scratch\nCOPY pipe /pipe\n").unwrap();
        std::fs::copy(binary(), dir.path().join("pipe")).unwrap();
        output(
            Command::new("docker").args(["build", "--quiet", "--tag", "pipe-test/empty:1"]).arg(dir.path()),
        )
    })
}

/// `docker run` with the engine's socket, to be followed by an image; the folder is mounted at `at`, and is
/// the working directory.
pub fn in_container(folder: &Path, at: &str) -> Command {
    let mut docker = Command::new("docker");
    docker.args(["run", "--rm", "--workdir", at]);
    docker.args(["--volume", &format!("{}:{at}", folder.display())]);
    docker.args(["--volume", "/var/run/docker.sock:/var/run/docker.sock"]);
    docker
}
