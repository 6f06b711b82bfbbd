//! What commands say about containers: the plan, the lock, and what dead runs have left.

use std::process::Command;

use crate::support::{Place, Ran};

const TWO: &str = "
params:
  data: {type: path, default: /usr/share, description: Only read}
steps:
  - {name: make, image: 'alpine:3.20', run: 'ls {{.data}}', output: names, user: '7:8'}
  - name: count
    image: debian:bookworm-slim
    run: wc -l
    input: names
    mounts: ['cache:/cache:ro', {type: tmpfs, target: /scratch}]
  - {name: here, run: 'true'}
";

fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
#[ignore = "needs Docker"]
fn the_plan_shows_image_user_lane_and_mounts() {
    let place = Place::with(TWO);
    let here = place.path().canonicalize().unwrap().display().to_string();
    let ran = place.pipe(&["plan"]).code(0);
    for line in [
        "make runs in alpine:3.20 as 7:8; fifo lane",
        "reads /usr/share",
        "count runs in debian:bookworm-slim as 0:0, the caller; fifo lane",
        "reads /cache, the volume cache",
        "reads and writes /scratch, in memory",
        &format!("reads and writes {here}"),
    ] {
        assert!(ran.stdout.lines().any(|shown| shown.trim() == line), "`{line}` is not in:\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("here runs in"), "{}", ran.stdout);
    place.pipe(&["plan", "--stream-lane", "attach"]).code(0).says("attach lane");
    place.pipe(&["plan", "--docker"]).code(2).says("the step `here` has no image to run in");
    place.pipe(&["plan", "--docker", "--image", "x:1"]).code(0).says("here runs in x:1");
}

#[test]
fn a_plan_needs_no_engine() {
    let place = Place::with(TWO);
    let output = place.command(&["plan"]).env("DOCKER_HOST", "unix:///no/such/socket").output().unwrap();
    Ran::of(output).code(0).says("alpine:3.20").says("lane unknown: cannot reach Docker");
}

#[test]
#[ignore = "needs Docker"]
fn a_locked_run_uses_what_the_names_meant_and_nothing_else() {
    let place =
        Place::with("steps:\n  - {name: a, image: 'pipe-test/pinned:1', pull: never, run: cat /mark}\n");
    let tag = |mark: &str| {
        let script = format!(
            "printf 'FROM alpine:3.20\\nRUN echo {mark} > /mark\\n' | docker build -q -t pipe-test/pinned:1 -"
        );
        Ran::of(Command::new("sh").args(["-c", &script]).output().unwrap()).code(0);
    };
    place.pipe(&["run", "--locked"]).code(2).says("pipeline.yml:2").says("`pipe-test/pinned:1` is not in");
    tag("first");
    place.pipe(&["lock"]).code(0).says("pipe-test/pinned:1 is sha256:").says("pipe.lock");
    tag("second");
    place.pipe(&["run"]).code(0).says("a | second");
    place.pipe(&["run", "--locked"]).code(0).says("a | first");
    place.write("pipe.lock", "{\"v\": 7, \"images\": {}}");
    place.pipe(&["run", "--locked"]).code(2).says("version 7").says("pipe lock");
    place.write("pipe.lock", "no json");
    place.pipe(&["run", "--locked"]).code(2).says("cannot parse pipe.lock");
}

#[test]
#[ignore = "needs Docker"]
fn an_image_that_is_nowhere_cannot_be_locked() {
    let place = Place::with("steps:\n  - {name: a, image: 'localhost:9/none:1', run: 'true'}\n");
    place.pipe(&["lock"]).code(2).says("pipeline.yml:2: step `a`").says("`localhost:9/none:1`");
    assert!(!place.has("pipe.lock"));
}

#[test]
#[ignore = "needs Docker"]
fn clean_removes_what_dead_runs_have_left_and_nothing_of_live_ones() {
    // A process that has ended, and this one, which has not.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let numbers = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let started = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().to_owned();
    let labels = |run: &str, pid: u32, started: &str| -> Vec<String> {
        let labels = [
            format!("pipe.run={run}"),
            format!("pipe.pid={pid}"),
            format!("pipe.started={started}"),
            format!("pipe.host={} {}", host.trim(), numbers.display()),
        ];
        labels.into_iter().flat_map(|label| ["--label".to_owned(), label]).collect()
    };
    let own = std::process::id();
    let make = |labels: &[String]| {
        let words = |what: &[&'static str]| -> Vec<String> {
            what.iter().map(|&word| word.to_owned()).chain(labels.iter().cloned()).collect()
        };
        let run = |words: Vec<String>| docker(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let container = [words(&["create"]), vec!["alpine:3.20".to_owned(), "true".to_owned()]].concat();
        let network =
            [words(&["network", "create"]), vec![format!("pipe-test-{}-{}", own, labels[1])]].concat();
        (run(container), run(network))
    };
    let (dead, dead_network) = make(&labels("dead", own, "1"));
    let (live, live_network) = make(&labels("live", own, &started));
    let place = Place::new();
    place.pipe(&["clean", "--dry-run"]).code(0).says("would be removed");
    docker(&["inspect", &dead]);
    place.pipe(&["clean"]).code(0).says("of the run dead").says("kept: their runs");
    let is_there = |kind: &str, id: &str| {
        Command::new("docker").args([kind, "inspect", id]).output().unwrap().status.success()
    };
    assert!(!is_there("container", &dead) && !is_there("network", &dead_network));
    assert!(is_there("container", &live) && is_there("network", &live_network));
    docker(&["rm", &live]);
    docker(&["network", "rm", &live_network]);
}

#[test]
#[ignore = "needs Docker"]
fn steps_of_a_network_of_the_run_find_each_other_by_name() {
    let place = Place::with(
        "
steps:
  - {name: server, image: 'alpine:3.20', network: shop, run: 'echo hello | nc -l -p 7000'}
  - {name: client, image: 'alpine:3.20', network: shop, run: 'until nc server 7000; do :; done'}
  - {name: alone, image: 'alpine:3.20', network: none, run: '! nc server 7000'}
",
    );
    place.pipe(&["run"]).code(0).says("client | hello");
    let run = place.journal()[0]["run"].as_str().unwrap().to_owned();
    assert_eq!(docker(&["network", "ls", "-q", "--filter", &format!("label=pipe.run={run}")]), "");
}
