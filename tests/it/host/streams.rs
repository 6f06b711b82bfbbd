//! The stream guarantees through the binary, on real processes and files.

use std::io::Read;
use std::process::Stdio;

use crate::support::scenes::{self, Setting};
use crate::support::{Place, Ran};

/// 256 MiB of zeros.
const ZEROS: &str = "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484";

#[test]
fn a_producer_that_dies_taints_its_readers() {
    scenes::a_producer_that_dies_taints_its_readers(Setting::HOST);
}

#[test]
fn an_interrupted_run_breaks_its_streams() {
    scenes::an_interrupted_run_breaks_its_streams(Setting::HOST);
}

#[test]
fn an_interrupted_run_does_not_wait_for_full_streams() {
    scenes::an_interrupted_run_does_not_wait_for_full_streams(Setting::HOST);
}

#[test]
fn a_reader_that_leaves_early_harms_no_other_reader() {
    scenes::a_reader_that_leaves_early_harms_no_other_reader(Setting::HOST, 256 << 20, ZEROS);
}

#[test]
fn a_lone_reader_of_an_endless_producer_ends_the_run() {
    scenes::a_lone_reader_of_an_endless_producer_ends_the_run(Setting::HOST);
}

#[test]
fn a_producer_with_retries_never_mixes_attempts() {
    scenes::a_producer_with_retries_never_mixes_attempts(Setting::HOST);
}

#[test]
fn a_producer_that_fails_before_its_first_byte_keeps_its_readers() {
    scenes::a_producer_that_fails_before_its_first_byte_keeps_its_readers(Setting::HOST);
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
    let original = place.sh("sha256sum < original");
    for reader in ["one", "two", "three"] {
        assert_eq!(place.read(reader), original);
    }
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
fn the_reader_of_standard_output_may_leave_early_too() {
    let place = Place::with("steps:\n  - {name: endless, run: yes, output: dst}\n");
    let mut child = place.command(&["run", "--out", "dst=-"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut two = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut two).unwrap();
    assert_eq!((&two, child.wait().unwrap().code()), (b"y\n", Some(0)));
}

#[test]
fn a_folder_that_vanishes_under_an_out_file_is_said() {
    let place = Place::with("steps:\n  - {name: make, run: rm -r folder; echo x, output: dst}\n");
    place.sh("mkdir folder");
    place.pipe(&["run", "--out", "dst=folder/file"]).code(3).says("folder/file");
}

#[test]
fn files_that_cannot_be_read_or_written_are_told_before_anything_starts() {
    let place = Place::with("steps:\n  - {name: upper, run: tr a-z A-Z, input: src, output: dst}\n");
    place.write("file", "");
    place.sh("mkdir folder; ln -s nowhere/x dangling");
    for from in ["none", "folder", ".", "file/x", "dangling"] {
        place.pipe(&["run", "--in", &format!("src={from}")]).code(2).says("--in src=").says(from);
    }
    for to in ["none/x", "folder", "folder/", ".", "file/x", "dangling"] {
        place
            .pipe(&["run", "--in", "src=file", "--out", &format!("dst={to}")])
            .code(2)
            .says("--out dst=")
            .says(to);
    }
    assert!(!place.has(".pipe"), "nothing has begun");
}

#[test]
fn an_out_file_keeps_its_link_and_its_mode() {
    let place = Place::with("steps:\n  - {name: make, run: echo new, output: dst}\n");
    place.sh("mkdir big; echo old > big/target; chmod 640 big/target; ln -s big/target latest");
    place.pipe(&["run", "--out", "dst=latest"]).code(0);
    assert_eq!(place.sh("readlink latest; stat -c %a big/target; cat big/target"), "big/target\n640\nnew\n");
}

/// In a `/dev` of its own, so that whatever happens to it happens to no other process.
#[test]
#[ignore = "needs root"]
#[cfg(target_os = "linux")]
fn the_names_of_descriptors_mean_the_descriptors() {
    let place = Place::with("steps:\n  - {name: make, run: echo new, output: dst}\n");
    let script = r#"
mount --make-rprivate /; mkdir dev; mount -t tmpfs none dev
for f in null zero full random urandom; do cp -a /dev/$f dev/; done
ln -s /proc/self/fd dev/fd; ln -s /proc/self/fd/1 dev/stdout; ln -s /proc/self/fd/2 dev/stderr; mkdir dev/shm
mount --bind dev /dev; ln -s /dev/stdout link
for name in /dev/stdout /dev/fd/1 /proc/self/fd/1 link; do
    echo before > got; "$PIPE" run --out dst=$name >> got 2> err || exit 1
    [ "$(cat got)" = "before
new" ] || { echo "$name: $(cat got)"; exit 1; }
done
"$PIPE" run --out dst=/dev/fd/7 7> seven > other 2> err && cat seven
"$PIPE" run --out dst=/dev/fd/8 > other 2>&1; echo $?
readlink /dev/stdout link
"#;
    let mut command = place.command(&[]);
    let program = command.get_program().to_owned();
    command = std::process::Command::new("unshare");
    let ran =
        command.args(["-m", "bash", "-c", script]).env("PIPE", program).current_dir(place.path()).output();
    let ran = Ran::of(ran.unwrap()).code(0);
    assert_eq!(ran.stdout, "new\n2\n/proc/self/fd/1\n/dev/stdout\n");
}

#[test]
fn a_named_pipe_feeds_a_stream() {
    let place = Place::with("steps:\n  - {name: z, run: tr a b, input: src, output: dst}\n");
    place.write("x", "abc\n".repeat(1_000_000));
    place.sh("mkfifo in");
    let mut outside = std::process::Command::new("sh");
    let mut outside = outside.args(["-c", "cat x > in"]).current_dir(place.path()).spawn().unwrap();
    place.pipe(&["run", "--in", "src=in", "--out", "dst=out"]).code(0);
    assert!(outside.wait().unwrap().success());
    assert_eq!(place.sh("sha256sum < out"), place.sh("tr a b < x | sha256sum"));
}
