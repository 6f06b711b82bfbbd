//! The examples of this repository and of the founding document run as they stand.

use std::path::Path;
use std::process::Command;

use crate::support::{Place, Ran, pipelines};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A place with a copy of this repository's folders, so that examples find what they name and write nothing
/// here.
fn copy_of_the_repository() -> Place {
    let place = Place::new();
    shell(&place, &format!("cp -R '{0}/src' '{0}/examples' '{0}/tests' .", repository().display()));
    place
}

fn shell(place: &Place, script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).current_dir(place.path()).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_example_is_valid_and_says_how_to_run_it() {
    let place = copy_of_the_repository();
    assert!(pipelines("examples").len() >= 5);
    for file in pipelines("examples") {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        place.pipe(&["validate", &format!("examples/{name}")]).code(0);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with('#'), "{name} has no header");
        assert!(text.contains(&format!("pipe run examples/{name}")), "{name} does not say how to run it");
    }
}

#[test]
fn the_four_founding_examples_run() {
    for name in ["params.yml", "parallel.yml", "streams.yml", "retry.yml"] {
        let place = copy_of_the_repository();
        place.pipe(&["run", &format!("examples/{name}")]).code(0);
    }
}

#[test]
fn the_backup_unpacks_to_the_same_tree_and_its_checksum_matches() {
    let place = copy_of_the_repository();
    place.pipe(&["run", "examples/backup.yml"]).code(0).says("succeeded");
    let archive = shell(&place, "ls backup/*.tar.gz");
    let archive = archive.trim();
    shell(&place, &format!("mkdir unpacked; tar xzf {archive} -C unpacked; diff -r src unpacked/src"));
    let sum = shell(&place, "cat backup/*.sha256");
    let sum = sum.split_whitespace().next().unwrap();
    let real = shell(&place, &format!("gunzip -c {archive} | sha256sum"));
    assert!(real.starts_with(sum), "{sum} is not {real}");
}

#[test]
fn files_that_are_used_pack_and_prove_the_streams_of_the_one_that_uses_them() {
    let place = copy_of_the_repository();
    place.pipe(&["validate", "--strict", "examples/reuse/backup.yml"]).code(0);
    place
        .pipe(&["plan", "examples/reuse/backup.yml"])
        .code(0)
        .says("pack (examples/reuse/lib/pack.yml)")
        .says("archive, pack.squeeze, pack.measure, proof.before, proof.after, store (start together)");
    place.pipe(&["run", "examples/reuse/backup.yml", "-p", "level=1", "-p", "source=src/plan"]).code(0);
    shell(&place, "mkdir unpacked; tar xzf backup.tar.gz -C unpacked; diff -r src/plan unpacked/src/plan");
    assert!(!place.has("backup.tar.gz.part"));
    // Each is a pipeline by itself.
    let args =
        ["run", "examples/reuse/lib/pack.yml", "--in", "plain=src/lib.rs", "--out", "packed=lib.rs.gz"];
    place.pipe(&args).code(0);
    shell(&place, "gunzip -c lib.rs.gz | cmp - src/lib.rs");
}

#[test]
fn the_founding_documents_words_run_as_they_stand() {
    // Snippet 1, with values that exist here.
    let place = Place::with(
        "
name: backup-pipeline
params:
  source:
    type: path
    default: /data
  level:
    type: int
    default: 9

steps:
  - name: compress
    run: tar czf - {{.source}} | gzip -{{.level}}
    output: archive
",
    );
    place.write("data/file", "text");
    place.pipe(&["run", "-p", "source=data", "-p", "level=1", "--out", "archive=a.gz"]).code(0);
    assert_eq!(shell(&place, "gunzip -c a.gz | tar tzf -").lines().count(), 2);

    // Snippet 3, with a folder that exists here.
    let place = Place::with(
        "
steps:
  - name: create-archive
    run: tar cf - data
    output: archive-stream

  - name: compress
    run: gzip -9 > backup.tar.gz
    input: archive-stream

  - name: checksum
    run: sha256sum > backup.sha256
    input: archive-stream  # 같은 스트림 재사용
",
    );
    place.write("data/file", "text");
    place.pipe(&["run"]).code(0);
    assert_eq!(shell(&place, "gunzip -c backup.tar.gz | sha256sum"), place.read("backup.sha256"));

    // Snippet 4, with a URL that can be had without a network.
    let place = Place::with(
        "
params: {url: ''}
on_error: stop  # 전역 설정

steps:
  - name: download
    run: curl -f {{.url}}
    output: data
    on_error: retry
    retry:
      count: 3
      delay: 5s
",
    );
    place.write("served", "body");
    let url = format!("url=file://{}", place.join("served").display());
    place.pipe(&["run", "-p", &url, "--out", "data=got"]).code(0);
    assert_eq!(place.read("got"), "body");
}

/// `pipe` as a user without rights, who may talk to the engine; everything in the place is theirs.
fn as_a_plain_user(place: &Place, args: &[&str]) -> Ran {
    shell(place, "chown -R 1000:1000 . && chmod 755 .");
    let group = shell(place, "stat -c %g /var/run/docker.sock");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "1000", "--regid", "1000", "--groups", group.trim()]);
    command.arg(env!("CARGO_BIN_EXE_pipe")).args(args).current_dir(place.path());
    Ran::of(command.env("HOME", place.path()).stdin(std::process::Stdio::null()).output().unwrap())
}

/// Nothing of the run is left in the engine, and every file is the caller's.
fn nothing_is_left(place: &Place) {
    let run = place.journal()[0]["run"].as_str().unwrap().to_owned();
    let left = shell(place, &format!("docker ps --all --quiet --filter label=pipe.run={run}"));
    assert_eq!(left, "", "containers are left");
    assert_eq!(shell(place, "find . ! -uid 1000 -o ! -gid 1000"), "", "files of another user");
}

#[test]
#[ignore = "needs root and Docker"]
fn containers_share_one_stream_and_their_files_are_the_callers() {
    let place = copy_of_the_repository();
    as_a_plain_user(&place, &["run", "examples/containers.yml"]).code(0).says("fifo lane");
    shell(&place, "mkdir unpacked; tar xzf out/src.tar.gz -C unpacked; diff -r src unpacked/src");
    shell(&place, "cd out; gunzip -c src.tar.gz | sha256sum -c src.tar.sha256");
    assert_eq!(place.read("out/src.count"), shell(&place, "tar tzf out/src.tar.gz | wc -l"));
    shell(&place, "rm -r unpacked");
    nothing_is_left(&place);
}

#[test]
#[ignore = "needs root and Docker"]
fn the_backup_runs_in_containers_as_it_does_here() {
    let place = copy_of_the_repository();
    as_a_plain_user(&place, &["run", "--docker", "examples/backup.yml"]).code(0);
    shell(&place, "mkdir unpacked; tar xzf backup/src-full.tar.gz -C unpacked; diff -r src unpacked/src");
    shell(&place, "cd backup; gunzip -c src-full.tar.gz | sha256sum -c src-full.tar.sha256");
    shell(&place, "rm -r unpacked");
    nothing_is_left(&place);
}

#[test]
#[ignore = "needs Docker"]
fn a_stream_goes_into_a_container_and_back() {
    for lane in ["fifo", "attach"] {
        let place = copy_of_the_repository();
        place.pipe(&["run", "examples/mixed.yml", "--stream-lane", lane]).code(0);
        assert_eq!(place.read("out/reversed.txt"), shell(&place, "find src -type f | LC_ALL=C sort -r"));
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn steps_of_the_shared_container_find_the_tool() {
    let place = copy_of_the_repository();
    as_a_plain_user(&place, &["run", "examples/shared-container.yml"]).code(0).says("in ci");
    let lines = shell(&place, "find src -type f -exec cat {} + | wc -l");
    assert_eq!(place.read("out/total").split_whitespace().next(), Some(lines.trim()));
    assert_eq!(place.read("out/longest").lines().count(), 5);
    nothing_is_left(&place);
}
