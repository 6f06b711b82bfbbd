//! What a release consists of, made by the scripts that the release workflow calls.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::support::published::{Releases, TARGET, VERSION, repository};
use crate::support::server::output;
use crate::support::{Place, Ran};

#[test]
fn the_archive_has_all_that_belongs_to_a_program() {
    let releases = Releases::new();
    let place = Place::new();
    place.sh(&format!("tar xzf '{}'", releases.archive().display()));
    let folder = format!("pipe-{VERSION}-{TARGET}");
    assert_eq!(place.sh("ls"), format!("{folder}\n"), "all lies in one folder");
    let text = |name: &str| place.read(&format!("{folder}/{name}"));
    assert_eq!(text("README.md"), fs::read_to_string(repository("README.md")).unwrap());
    assert!(text("CHANGELOG.md").contains("Keep a Changelog"));
    assert!(text("LICENSE-APACHE").contains("Apache License") && text("LICENSE-MIT").contains("MIT License"));
    for shell in ["pipe.bash", "pipe.fish", "_pipe"] {
        assert!(text(&format!("completions/{shell}")).contains("_PIPE_COMPLETE"), "{shell}");
    }
    assert!(text("man/pipe.1").contains(".TH pipe 1"));
    assert!(output(Command::new(place.join(&folder).join("pipe")).arg("--version")).contains(VERSION));
    assert_eq!(place.sh(&format!("cd {folder}; find . -type f ! -perm -a=r")), "", "every user may read it");
}

#[test]
fn the_checksum_is_of_the_archive() {
    let releases = Releases::new();
    let folder = releases.archive();
    Place::new().sh(&format!("cd '{}' && sha256sum --check *.sha256", folder.parent().unwrap().display()));
}

#[test]
fn the_scripts_know_the_version() {
    assert_eq!(output(&mut Command::new(repository(".ci/version"))), VERSION);
    let installer = output(Command::new(repository(".ci/installer")).arg("https://server.example/releases"));
    assert!(installer.contains(&format!("${{PIPE_VERSION:-{VERSION}}}")));
    assert!(installer.contains("${PIPE_RELEASES:-https://server.example/releases}"));
}

#[test]
fn the_notes_are_what_the_changelog_says_of_a_version() {
    let place = Place::new();
    place.sh(&format!("mkdir .ci; cp '{}' .ci", repository(".ci/notes").display()));
    place.write("CHANGELOG.md", "# Log\n\n## [Unreleased]\n\n- new\n\n## [1.2.0] - 2026\n\n- a\n\n### B\n\n- b\n\n## [1.1.0]\n\n- old\n");
    assert_eq!(place.sh(".ci/notes 1.2.0").trim(), "- a\n\n### B\n\n- b");
    assert_eq!(place.sh(".ci/notes 1.1.0").trim(), "- old");
    for version in ["1.2", "2.0.0", "1.2.00"] {
        let ran = Ran::of(Command::new(place.join(".ci/notes")).arg(version).output().unwrap());
        ran.code(1).says("CHANGELOG.md has nothing under");
    }
}

/// The words of a text that are names of platforms.
fn platforms(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(repository(file)).unwrap();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let is_platform = |word: &&str| word.ends_with("-linux-gnu") || word.ends_with("-apple-darwin");
    words.filter(is_platform).filter(|word| !word.starts_with('-')).map(str::to_owned).collect()
}

#[test]
fn what_is_built_is_what_can_be_installed() {
    let built = platforms(".github/workflows/release.yml");
    assert_eq!(built.len(), 4);
    assert_eq!(built, platforms("install.sh"));
    assert_eq!(built, platforms("deny.toml"));
}

#[test]
fn the_image_is_made_of_the_archives() {
    let place = Place::new();
    place.sh("mkdir programs archives");
    for platform in ["x86_64", "aarch64"] {
        let name = format!("pipe-{VERSION}-{platform}-unknown-linux-gnu");
        place.write(&format!("{name}/pipe"), platform);
        place.sh(&format!("tar czf archives/{name}.tar.gz {name}"));
    }
    // It says what it is asked; its last argument is the folder that the image is built from.
    let docker = "#!/bin/bash\necho \"$@\"\n[ \"$1\" = login ] && cat\ncd \"${@: -1}\" 2>/dev/null && head */pipe\nexit 0\n";
    place.program("programs/docker", docker);
    let path = format!("{}:{}", place.join("programs").display(), std::env::var("PATH").unwrap());
    let mut push = Command::new(repository(".ci/push-image"));
    push.args(["registry.example/owner/pipe"]).arg(place.join("archives")).env("PATH", path);
    let said = output(push.env("IMAGE_USER", "me").env("IMAGE_PASSWORD", "a secret"));
    assert!(said.starts_with("login registry.example --username me --password-stdin\na secret\n"), "{said}");
    assert!(said.contains("--platform linux/amd64,linux/arm64 --push"), "{said}");
    assert!(said.contains(&format!("--tag registry.example/owner/pipe:{VERSION} ")), "{said}");
    assert!(said.ends_with("==> amd64/pipe <==\nx86_64\n==> arm64/pipe <==\naarch64"), "{said}");
}
