//! A release of this very `pipe`, made as real ones are; and machines with few programs on them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::Place;
use super::server::output;

/// The version of this checkout.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the release is for; tests run on no other platform.
pub const TARGET: &str =
    if cfg!(target_arch = "x86_64") { "x86_64-unknown-linux-gnu" } else { "aarch64-unknown-linux-gnu" };

/// A file of this repository.
pub fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The folder with the archive and its checksum, packed once by a test program.
fn packed() -> &'static Path {
    static PACKED: OnceLock<PathBuf> = OnceLock::new();
    PACKED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        // As small as a real one, nearly.
        let pipe = folder.join("pipe");
        output(Command::new("strip").arg("-o").arg(&pipe).arg(env!("CARGO_BIN_EXE_pipe")));
        output(Command::new(repository(".ci/package")).arg(TARGET).arg(&folder).arg(&pipe));
        folder
    })
}

/// A folder of releases, with one in it.
pub struct Releases {
    place: Place,
}

impl Releases {
    pub fn new() -> Self {
        let releases = Self::empty();
        let folder = releases.path().join(format!("v{VERSION}"));
        fs::create_dir(&folder).unwrap();
        for ending in ["", ".sha256"] {
            let name = format!("{}{ending}", archive());
            fs::copy(packed().join(&name), folder.join(&name)).unwrap();
        }
        releases
    }

    /// Without any.
    pub fn empty() -> Self {
        Self { place: Place::new() }
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    pub fn address(&self) -> String {
        format!("file://{}", self.path().display())
    }

    pub fn archive(&self) -> PathBuf {
        self.path().join(format!("v{VERSION}/{}", archive()))
    }

    pub fn checksum(&self) -> PathBuf {
        self.path().join(format!("v{VERSION}/{}.sha256", archive()))
    }

    /// Another archive under the old checksum.
    pub fn tamper(&self) {
        let mut bytes = fs::read(self.archive()).unwrap();
        bytes.push(0);
        fs::write(self.archive(), bytes).unwrap();
    }
}

fn archive() -> String {
    format!("pipe-{VERSION}-{TARGET}.tar.gz")
}

/// Programs that every machine has.
const BASE: &[&str] = &[
    "bash",
    "cat",
    "chmod",
    "cp",
    "cut",
    "dirname",
    "env",
    "grep",
    "gzip",
    "head",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "printf",
    "rm",
    "rmdir",
    "sed",
    "sh",
    "sha256sum",
    "sleep",
    "tail",
    "tar",
    "touch",
    "uname",
];

/// A folder with programs, to be the whole of a `PATH`.
pub struct Programs {
    place: Place,
}

impl Programs {
    /// The base, and these of this machine.
    pub fn with(more: &[&str]) -> Self {
        let programs = Self { place: Place::new() };
        for name in BASE.iter().chain(more) {
            symlink(
                output(Command::new("bash").args(["-c", "type -P \"$0\"", name])),
                programs.path().join(name),
            )
            .unwrap();
        }
        programs
    }

    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// One more, or another one in place of a real one: a script.
    pub fn add(&self, name: &str, script: &str) {
        self.place.program(name, format!("#!/bin/bash\n{script}"));
    }
}
