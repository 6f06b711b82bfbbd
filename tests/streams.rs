//! The stream guarantees through the binary, on real processes and files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use support::{Place, Ran};

/// A producer of 10 MiB that then does something, and two readers that make a marker file when they see end-of-file.
fn fan(then: &str, producer_keys: &str) -> String {
    format!(
        "
steps:
  - name: produce
    run: |
      head -c 10485760 /dev/zero
      {then}
    output: bytes
{producer_keys}
  - name: count
    run: wc -c > count; touch count.saw-eof
    input: bytes
  - name: sum
    run: sha256sum > sum; touch sum.saw-eof
    input: bytes
"
    )
}

#[track_caller]
fn nobody_saw_the_end(place: &Place) {
    assert!(!place.has("count.saw-eof") && !place.has("sum.saw-eof"));
}

#[test]
fn a_producer_that_dies_taints_its_readers() {
    for (then, keys, cause) in [
        ("exit 1", "", "exit code 1"),
        ("kill -KILL $$", "", "killed by SIGKILL"),
        ("sleep 1000", "    timeout: 500ms", "timed out"),
    ] {
        let place = Place::with(&fan(then, keys));
        let ran = place.pipe(&["run"]).code(1).says("produce").says(cause);
        nobody_saw_the_end(&place);
        assert_eq!(
            (place.outcome("count"), place.outcome("sum")),
            ("tainted".into(), "tainted".into()),
            "{then}"
        );
        let head = ran.stdout.lines().find(|line| line.contains("failed")).unwrap_or_default();
        assert!(head.contains("produce"), "the first line about a failure names the cause:\n{}", ran.stdout);
    }
}

#[test]
fn an_interrupted_run_breaks_its_streams() {
    let place = Place::with(&fan("echo ready >&2; sleep 1000", ""));
    let mut child = place.start(&["run", "--format", "plain"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "the run ended by itself");
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    nobody_saw_the_end(&place);
    for step in ["produce", "count", "sum"] {
        assert_eq!(place.outcome(step), "cancelled");
    }
}

#[test]
fn three_readers_get_the_same_bytes() {
    let place = Place::with(
        "
steps:
  - {name: make, run: head -c 67108864 /dev/urandom | tee original, output: noise}
  - {name: one, run: sha256sum > one, input: noise}
  - {name: two, run: sha256sum > two, input: noise}
  - {name: three, run: sha256sum > three, input: noise}
",
    );
    place.pipe(&["run"]).code(0);
    let original = Command::new("sh").args(["-c", "sha256sum < original"]).current_dir(place.path()).output();
    let original = String::from_utf8(original.unwrap().stdout).unwrap();
    for reader in ["one", "two", "three"] {
        assert_eq!(place.read(reader), original);
    }
}

#[test]
fn a_reader_that_leaves_early_harms_nobody() {
    let place = Place::with(
        "
steps:
  - {name: make, run: head -c 268435456 /dev/zero, output: zeros}
  - {name: sum, run: sha256sum > sum, input: zeros}
  - {name: head, run: head -c 1M > head, input: zeros}
",
    );
    place.pipe(&["run"]).code(0).says("left 25").says("unread");
    assert!(
        place.read("sum").starts_with("a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484")
    );
    assert_eq!(std::fs::metadata(place.join("head")).unwrap().len(), 1 << 20);
}

#[test]
fn a_lone_reader_of_an_endless_producer_ends_the_run() {
    let place = Place::with(
        "
steps:
  - {name: endless, run: yes, output: words}
  - {name: head, run: head -c 1M | wc -c > size, input: words}
",
    );
    place.pipe(&["run"]).code(0);
    assert_eq!(place.read("size").trim(), "1048576");
}

#[test]
fn a_pipeline_can_stand_in_a_shell_pipe() {
    let place = Place::with(
        "
steps:
  - {name: upper, run: tr a-z A-Z, input: src, output: dst}
",
    );
    let mut child = place
        .command(&["run", "--in", "src=-", "--out", "dst=-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"hello\n").unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap()).code(0);
    assert_eq!(ran.stdout, "HELLO\n", "nothing but the stream is on stdout");
}

#[test]
fn streams_come_from_files_and_go_to_files() {
    let place = Place::with(
        "
steps:
  - {name: upper, run: tr a-z A-Z, input: src, output: dst}
",
    );
    place.write("from", "hello\n");
    place.pipe(&["run", "--in", "src=from", "--out", "dst=to"]).code(0);
    assert_eq!(place.read("to"), "HELLO\n");
}

#[test]
fn an_out_file_is_whole_or_not_there() {
    let place = Place::with("steps:\n  - {name: half, run: echo half; exit 1, output: dst}\n");
    place.pipe(&["run", "--out", "dst=to"]).code(1);
    assert!(!place.has("to"));
    place.write("to", "before");
    place.pipe(&["run", "--out", "dst=to"]).code(1);
    assert_eq!(place.read("to"), "before", "what stood there is still there");
}

#[test]
fn a_producer_with_retries_never_mixes_attempts() {
    let place = Place::with(
        "
steps:
  - name: flaky
    run: |
      echo x >> flaky.starts
      head -c 5242880 /dev/urandom | tee last
      [ $(wc -l < flaky.starts) -eq 3 ]
    output: bytes
    on_error: retry
    retry: {count: 2, delay: 1ms}
  - {name: one, run: echo x >> one.starts; sha256sum > one, input: bytes}
  - {name: two, run: echo x >> two.starts; sha256sum > two, input: bytes}
",
    );
    place.pipe(&["run"]).code(0);
    let last =
        Command::new("sh").args(["-c", "sha256sum < last"]).current_dir(place.path()).output().unwrap();
    let last = String::from_utf8(last.stdout).unwrap();
    for reader in ["one", "two"] {
        assert_eq!(place.read(reader), last);
        assert_eq!(place.read(&format!("{reader}.starts")), "x\nx\nx\n");
    }
}

#[test]
fn a_producer_that_fails_before_its_first_byte_keeps_its_readers() {
    let place = Place::with(
        "
steps:
  - name: flaky
    run: |
      echo x >> flaky.starts
      [ $(wc -l < flaky.starts) -eq 3 ]
      seq 1000
    output: numbers
    on_error: retry
    retry: {count: 2, delay: 1ms}
  - {name: reader, run: echo x >> reader.starts; wc -l > lines, input: numbers}
",
    );
    place.pipe(&["run"]).code(0);
    assert_eq!((place.read("reader.starts").as_str(), place.read("lines").trim()), ("x\n", "1000"));
}

#[test]
fn an_unread_stream_is_named_with_size_and_checksum() {
    let place = Place::with("steps:\n  - {name: say, run: printf abc, output: words}\n");
    place
        .pipe(&["run"])
        .code(0)
        .says("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        .says("words");
}

#[test]
fn a_full_disk_is_the_engines_failure() {
    let place = Place::with("steps:\n  - {name: make, run: head -c 10000000 /dev/zero, output: dst}\n");
    place.pipe(&["run", "--out", "dst=/dev/full"]).code(3).says("No space left");
    let place = Place::with(
        "
steps:
  - {name: make, run: head -c 10000000 /dev/zero, output: dst}
  - {name: read, run: cat > all, input: dst}
",
    );
    place.pipe(&["run", "--out", "dst=/dev/full"]).code(3).says("No space left");
}

#[test]
fn whoever_reads_standard_output_may_leave_early_too() {
    let place = Place::with("steps:\n  - {name: endless, run: yes, output: dst}\n");
    let mut child = place.command(&["run", "--out", "dst=-"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut two = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut two).unwrap();
    assert_eq!((&two, child.wait().unwrap().code()), (b"y\n", Some(0)));
}

#[test]
fn a_folder_that_vanishes_under_an_out_file_is_said() {
    let place = Place::with("steps:\n  - {name: make, run: echo x, output: dst}\n");
    place.pipe(&["run", "--out", "dst=no/such/folder/file"]).code(3).says("no/such/folder");
}
