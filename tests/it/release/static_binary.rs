//! The static binary: that it needs nothing but a kernel.

use std::path::Path;
use std::process::Command;

use crate::support::release::{binary, empty_image, in_container};
use crate::support::{Place, Ran};

/// What it may weigh, in bytes.
const MOST: u64 = 17_000_000;

/// Program headers that name a loader, and what it is to load.
const INTERPRETER: u32 = 3;

#[test]
#[ignore = "needs the static release"]
fn it_is_small() {
    let size = binary().metadata().unwrap().len();
    assert!(size < MOST, "{size} bytes");
}

#[test]
#[ignore = "needs the static release"]
fn it_validates_100_000_steps_in_300_mib() {
    let place = Place::new();
    let steps = (0..100_000).map(|step| {
        let edges = match step {
            0..3 => String::new(),
            _ => format!(", depends_on: [step-{}, step-{}], input: stream-{}", step / 2, step / 3, step - 3),
        };
        format!("  - {{name: step-{step}, run: 'tool --level {{{{.level}}}} {step}', output: stream-{step}{edges}}}\n")
    });
    place.write("pipeline.yml", format!("params: {{level: 9}}\nsteps:\n{}", steps.collect::<String>()));
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -v 307200; exec \"$0\" validate"]).arg(binary()).current_dir(place.path());
    Ran::of(limited.output().unwrap()).code(0).says("100000 steps");
}

#[test]
#[ignore = "needs the static release"]
fn it_asks_for_no_loader() {
    let file = std::fs::read(binary()).unwrap();
    assert_eq!(&file[..5], b"\x7fELF\x02", "it is no program of 64 bits");
    let number = |at: usize, bytes: usize| {
        file[at..at + bytes].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (headers, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    let kinds: Vec<u32> = (0..count).map(|index| number(headers + index * size, 4) as u32).collect();
    assert!(kinds.contains(&1), "nothing of it is loaded: {kinds:?}");
    assert!(!kinds.contains(&INTERPRETER), "{kinds:?}");
}

#[test]
#[ignore = "needs Docker and the static release"]
fn it_starts_where_there_is_nothing_else() {
    let mut docker = Command::new("docker");
    let version = docker.args(["run", "--rm", empty_image(), "/pipe", "--version"]).output().unwrap();
    let here = Command::new(binary()).arg("--version").output().unwrap();
    assert_eq!(Ran::of(version).code(0).stdout, Ran::of(here).stdout);
}

#[test]
#[ignore = "needs Docker and the static release"]
fn it_runs_containers_where_there_is_nothing_else() {
    let place = Place::with(
        "
params: {day: {default: '{{ now(\"%F\") }}'}}
steps:
  - {name: make, image: 'alpine:3.20', run: 'seq 1000; echo {{ day }} > day', output: numbers}
  - {name: count, image: 'alpine:3.20', run: wc -l > count, input: numbers}
",
    );
    // Without a name for its user, a home, a zone of time.
    place.sh("chown -R 4711:4711 .");
    let mut docker = in_container(place.path(), "/work");
    let group = place.sh("stat -c %g /var/run/docker.sock");
    docker.args(["--user", "4711:4711", "--group-add", group.trim(), empty_image(), "/pipe", "run"]);
    Ran::of(docker.output().unwrap()).code(0);
    assert_eq!(place.read("count").trim(), "1000");
    assert_eq!(place.read("day").trim(), place.sh("TZ=UTC date +%F").trim());
    place.no_container_is_left();
}

#[test]
#[ignore = "needs Docker and the static release"]
fn it_says_what_is_missing_for_a_step_that_needs_a_shell() {
    let place = Place::with("steps: [{name: look, run: 'true'}]");
    let mut docker = in_container(place.path(), "/work");
    let ran = docker.args([empty_image(), "/pipe", "run"]).output().unwrap();
    Ran::of(ran).code(1).says("there is no `sh` on this machine's PATH");
}

#[test]
#[ignore = "needs Docker and the static release"]
fn it_looks_up_names_without_modules_of_the_library() {
    let place = Place::with("steps: [{name: look, image: 'alpine:3.20', run: 'true'}]");
    // As on a machine that has such modules; which they are does not matter.
    place.write("nsswitch.conf", "passwd: files compat\nhosts: files compat dns\n");
    let library = format!("/lib/{}-linux-gnu", std::env::consts::ARCH);
    assert!(Path::new(&library).join("libnss_compat.so.2").exists(), "{library} has no such module");
    let attempt = |host: &str| {
        let mut docker = in_container(place.path(), "/work");
        docker.args(["--volume", &format!("{}:/pipe:ro", binary().display())]);
        docker.args(["--volume", &format!("{library}:{library}:ro")]);
        docker
            .args(["--volume", &format!("{}:/etc/nsswitch.conf:ro", place.join("nsswitch.conf").display())]);
        docker.args(["--add-host", "engine:127.0.0.1", "--env", &format!("DOCKER_HOST={host}")]);
        // Without `HOME` the user's entry would be asked for one.
        docker.args(["--entrypoint", "env", "alpine:3.20", "-u", "HOME", "/pipe", "run"]);
        Ran::of(docker.output().unwrap()).code(3).says(&format!("cannot reach Docker at {host}"))
    };
    attempt("tcp://engine:1").says("Connection refused");
    attempt("tcp://nowhere.invalid:1").says("failed to lookup address");
}

#[test]
#[ignore = "needs the static release and strace"]
fn steps_start_without_a_copy_of_it() {
    let place = Place::with("steps: [{name: a, run: ':'}, {name: b, run: ':'}, {name: c, run: ':'}]\n");
    let mut traced = Command::new("setsid");
    traced.args([
        "--wait",
        "strace",
        "-f",
        "-qq",
        "-e",
        "signal=none",
        "-e",
        "trace=clone,clone3,fork,vfork",
    ]);
    traced.args(["-o", "trace"]);
    Ran::of(traced.arg(binary()).arg("run").current_dir(place.path()).output().unwrap()).code(0);
    let trace = place.read("trace");
    let is_copy = |line: &&str| !line.contains("resumed") && !line.contains("CLONE_VM");
    // The reaper is one: it outlives what has started it.
    assert_eq!(trace.lines().filter(is_copy).count(), 1, "{trace}");
}
