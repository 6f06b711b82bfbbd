//! Standard streams as they may be: closed, full, set not to wait, or read by nothing.

use std::fs::File;
use std::io::{PipeReader, Read as _, pipe};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use crate::support::processes::eventually;
use crate::support::{Place, Ran};

/// Everything that prints something, in a folder with one run.
const PRINTING: &[&[&str]] = &[
    &["run"],
    &["run", "--format", "json"],
    &["run", "--format", "github"],
    &["run", "--dry-run"],
    &["validate"],
    &["validate", "--format", "json"],
    &["plan"],
    &["graph"],
    &["graph", "--format", "svg"],
    &["runs"],
    &["show", "last"],
    &["logs", "last"],
    &["logs", "last", "a"],
    &["logs", "last", "--json"],
    &["schema"],
    &["explain"],
    &["completions", "bash"],
    &["--help"],
    &["run", "--help"],
    &["--version"],
];

/// Writes more than a pipe holds, and less than waits on the way to the screen.
const MUCH: &str = "steps:\n  - {name: a, run: seq 30000}\n";
/// Writes more than both, and then goes on.
const ENDLESS: &str = "steps:\n  - {name: a, run: yes | head -c 20000000; sleep 1000}\n";

fn with_a_run() -> Place {
    let place = Place::with("steps:\n  - {name: a, run: echo hi}\n");
    place.pipe(&["run"]).code(0);
    place
}

/// Runs `pipe` by a shell with this redirection.
fn redirected(place: &Place, args: &[&str], redirection: &str) -> Ran {
    let mut shell = std::process::Command::new("sh");
    let pipe = place.command(args);
    shell
        .args(["-c", &format!("exec \"$@\" {redirection}"), "sh"])
        .arg(pipe.get_program())
        .args(pipe.get_args());
    shell.envs(pipe.get_envs().filter_map(|(name, value)| Some((name, value?))));
    for (name, _) in pipe.get_envs().filter(|(_, value)| value.is_none()) {
        shell.env_remove(name);
    }
    Ran::of(shell.current_dir(place.path()).output().unwrap())
}

#[test]
fn a_closed_standard_output_is_an_error_and_an_unwanted_one_is_none() {
    let place = with_a_run();
    for args in PRINTING {
        redirected(&place, args, ">&-").code(2).says("standard output is closed").says("/dev/null");
        redirected(&place, args, "1<>/dev/null").code(0);
    }
}

#[test]
fn a_full_standard_output_is_an_error() {
    let place = with_a_run();
    for args in PRINTING {
        redirected(&place, args, ">/dev/full").code(3).says("No space left");
    }
}

#[test]
fn a_stream_neither_comes_from_a_closed_end_nor_goes_to_one() {
    let place = Place::with(
        "steps:\n  - {name: a, run: cat; touch ran, input: s}\n  - {name: b, run: touch ran, output: t}\n",
    );
    redirected(&place, &["run", "--in", "s=-"], "<&-").code(2).says("standard input is closed");
    redirected(&place, &["run", "--in", "s=/dev/null", "--out", "t=-"], ">&-").code(2);
    redirected(&place, &["run", "--in", "s=/dev/null", "--out", "t=-"], "2>&-").code(2);
    assert!(!place.has("ran"), "nothing runs");
    redirected(&place, &["run", "--in", "s=/dev/null"], "<&-").code(0);
    redirected(&place, &["run", "--in", "s=/dev/null"], "2>&-").code(0);
}

#[test]
fn a_closed_reader_of_the_screen_is_no_failure() {
    let place = Place::with(MUCH);
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let status = place.command(&["run"]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
}

/// Starts `pipe` with one pipe for what it says, and waits until that is full, which nothing reads.
fn stuck(place: &Place, args: &[&str], nonblocking: bool) -> (Child, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, nonblocking).unwrap();
    let (out, error): (OwnedFd, OwnedFd) = (writer.try_clone().unwrap().into(), writer.into());
    let child = place.command(args).stdout(Stdio::from(out)).stderr(Stdio::from(error)).spawn().unwrap();
    // The last page may not be full, where what is written is longer than what is left of it.
    while rustix::io::ioctl_fionread(&reader).unwrap() < 50_000 {
        std::thread::yield_now();
    }
    (child, reader)
}

#[test]
fn an_end_that_is_set_not_to_wait_gets_everything() {
    let place = Place::with(MUCH);
    let said = |args: &[&str]| {
        let (mut child, mut reader) = stuck(&place, args, true);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
        said
    };
    let log: String = (1..=30000).map(|number| format!("{number}\n")).collect();
    let plain = said(&["run", "--format", "plain"]);
    assert!(plain.contains("a | 30000\n") && plain.contains("succeeded"), "{plain}");
    assert!(said(&["run", "--format", "json"]).trim_end().lines().last().unwrap().contains("run-finished"));
    assert_eq!(said(&["logs", "last", "a"]), log);
    assert!(said(&["logs", "last"]).ends_with("a | 30000\n"));
}

/// Sends a signal to a run whose screen nothing reads, as soon as it may be sent; tells how the journal ends.
fn signalled(pipeline: &str, args: &[&str], signal: &str, code: i32, may: impl Fn(&Place) -> bool) -> String {
    let place = Place::with(pipeline);
    let (mut child, _reader) = stuck(&place, args, false);
    eventually(|| may(&place), || "the run has not come so far".into());
    place.sh(&format!("kill -{signal} {}", child.id()));
    assert_eq!(child.wait().unwrap().code(), Some(code), "{args:?}");
    let journal = place.journal();
    let last = journal.last().unwrap();
    assert_eq!(last["event"], "run-finished");
    last["end"].as_str().unwrap().to_owned()
}

#[test]
fn a_signal_ends_a_run_whose_screen_nothing_reads() {
    for format in ["plain", "json", "github", "gitlab", "tty"] {
        assert_eq!(signalled(ENDLESS, &["run", "--format", format], "TERM", 143, |_| true), "signalled");
    }
    assert_eq!(signalled(ENDLESS, &["run"], "INT", 130, |_| true), "signalled");
}

#[test]
fn a_signal_ends_the_wait_of_a_run_that_is_over() {
    // The last thing that a run does before it knows its end.
    let is_over = |place: &Place| !place.run_dir().join("outputs").exists();
    assert_eq!(signalled(MUCH, &["run"], "TERM", 143, is_over), "succeeded");
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_steps_die_of_it_as_ever() {
    let place = Place::with(
        "steps:\n  - {name: a, run: ulimit -c 0; ulimit -f 1; exec head -c 100000 /dev/zero > big}\n",
    );
    for before in ["", "trap '' XFSZ; "] {
        let pipe = env!("CARGO_BIN_EXE_pipe");
        let code = place.sh(&format!("{before}{pipe} run > log 2>&1 || echo $?; cat log"));
        assert!(code.starts_with("1\n") && code.contains("SIGXFSZ"), "{before}: {code}");
    }
    let limited =
        place.sh(&format!("ulimit -f 4; {} schema > schema 2> error || echo $?", env!("CARGO_BIN_EXE_pipe")));
    assert_eq!(limited, "3\n");
    assert!(place.read("error").contains("File too large"));
}

/// A file of this test's own, as a file system without room.
#[test]
fn a_run_that_succeeds_and_cannot_be_shown_goes_on_and_says_so() {
    let place =
        Place::with("steps:\n  - {name: a, run: echo hi}\n  - {name: b, run: touch done, depends_on: a}\n");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = Ran::of(
        place
            .command(&["run"])
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap(),
    );
    ran.code(3).says("the run goes on, but is no longer shown");
    assert!(place.has("done"));
    assert_eq!(place.outcome("b"), "succeeded");
}
